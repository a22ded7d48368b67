/**
 * Requests that any pod does and any pod reads.
 */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Option, Redacted, Result, Schema } from "effect"
import type { Scope } from "effect"
import { Cas, Lark, LarkError, MeetingId, Meetings, MeetingUser, type SessionStore } from "effect-lark-meetings"
import * as Requests from "effect-lark-meetings/Requests"
import * as Simulator from "effect-lark-meetings/Simulator"
import type { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as pods from "./fixtures/pods.ts"
import { alice, asUser, bob, called, carol, dave, elapse, hostNow, id, meetings, stranger } from "./fixtures/World.ts"

const other = MeetingId.make("6911188411932033029")

const on = <A, E>(
  program: Effect.Effect<A, E, HttpClient.HttpClient | Simulator.Simulator | Scope.Scope>,
  options: Simulator.Options = {}
) => Effect.scoped(program).pipe(Effect.provide(Simulator.layer({ meetings, latency: 100, ...options })))

/** The result, whatever it takes. */
const resultIn = (pod: pods.Pod, key = "k") => elapse(pod.run(Requests.result(key)))

/** A pod that does no requests, one that does, and what they share. */
const two = Effect.gen(function*() {
  const world = yield* pods.make
  const client = yield* world.start({ concurrency: 0 })
  return { world, client, start: world.start }
})

const ask = Meetings.request(id, Cas.ensure(bob), { key: "k" })

describe("a request", () => {
  it.effect("made in one pod is done by another, and reported in any", () =>
    on(Effect.gen(function*() {
      const { client, start } = yield* two
      yield* client.run(ask)
      assert.deepStrictEqual(yield* client.run(Requests.poll("k")), Option.none())
      const worker = yield* start()
      const report = yield* resultIn(client)
      assert.deepStrictEqual([report.outcome, report.effect, report.after], ["swapped", "applied", bob])
      assert.deepStrictEqual(report.before, Option.some(alice))
      assert.isAbove(report.attempts.length, 0)
      assert.deepStrictEqual(yield* resultIn(worker), report)
      assert.deepStrictEqual(Option.map(yield* client.run(Requests.poll("k")), Result.getOrThrow), Option.some(report))
      assert.strictEqual(yield* hostNow, "ou_bob")
    })))

  it.effect("that fails has the error of setHost, with its report, in any pod", () =>
    on(Effect.gen(function*() {
      const { client, start } = yield* two
      yield* start()
      yield* client.run(Meetings.request(id, stranger, { key: "k" }))
      const error = yield* Effect.flip(resultIn(client))
      assert.instanceOf(error, LarkError.TargetNotInMeeting)
      assert.strictEqual("report" in error && error.report.effect, "none")
      yield* client.run(Meetings.request(id, Cas.handover(carol, bob), { key: "refused" }))
      const refused = yield* Effect.flip(resultIn(client, "refused"))
      assert.instanceOf(refused, Cas.Refused)
      assert.strictEqual(refused.reason, "Changed")
    })))

  it.effect("with the same key is the same one, from any client and at any time", () =>
    on(Effect.gen(function*() {
      const { client, start } = yield* two
      const [one, two_] = [yield* start(), yield* start()]
      yield* Effect.all([client, one, two_, client].map((pod) => pod.run(ask)), { concurrency: "unbounded" })
      yield* resultIn(client)
      yield* Effect.flatMap(Simulator.Simulator, (simulator) => simulator.moveHost(id, "ou_carol"))
      yield* one.run(ask)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* hostNow, "ou_carol")
      assert.lengthOf((yield* called).filter((endpoint) => endpoint === "set_host"), 1)
    })))

  it.effect("with the key of another one is refused, before and after that one has ended", () =>
    on(Effect.gen(function*() {
      const { client, start } = yield* two
      const differing = {
        meeting: Meetings.request(other, Cas.ensure(bob), { key: "k" }),
        intent: Meetings.request(id, Cas.ensure(carol), { key: "k" }),
        tenant: Lark.asTenant("t")(ask)
      }
      const others = [
        Meetings.request(id, Cas.prefer([bob]), { key: "k" }),
        Meetings.request(id, MeetingUser.unionId("ou_bob"), { key: "k" }),
        Meetings.request(id, Cas.ensure(bob), { key: "k", onUnknown: "neverResend" })
      ]
      yield* client.run(ask)
      const refused = Effect.gen(function*() {
        for (const [differs, request] of Object.entries(differing)) {
          const error = yield* Effect.flip(client.run(request))
          assert.instanceOf(error, Requests.RequestConflict)
          assert.strictEqual(error.differs, differs)
          assert.include(error.message, "new key")
        }
        for (const request of others) {
          assert.instanceOf(yield* Effect.flip(client.run(request)), Requests.RequestConflict)
        }
        yield* client.run(Meetings.request(id, bob, { key: "k" }))
      })
      yield* refused
      yield* start()
      yield* resultIn(client)
      yield* refused
    })))

  it.effect("that was never made is not found", () =>
    on(Effect.gen(function*() {
      const { client } = yield* two
      for (const look of [Requests.result("k"), Requests.poll("k"), Requests.cancel("k")]) {
        assert.instanceOf(yield* Effect.flip(client.run<unknown, unknown>(look)), Requests.RequestNotFound)
      }
    })))

  it.effect("that cannot be stored is refused by name, and nothing is stored", () =>
    on(Effect.gen(function*() {
      const { client } = yield* two
      const update = Cas.update<MeetingUser.MeetingUser<"open_id">>(() => ({ _tag: "Keep" }))
      const altered = { ...Cas.ensure(bob), decide: () => ({ _tag: "Keep" } as const) }
      const mixed: ReadonlyArray<MeetingUser.MeetingUser> = [MeetingUser.unionId("on_alice")]
      const bad = {
        key: [Meetings.request(id, bob, { key: "" })],
        intent: [
          // @ts-expect-error a function is not data
          Meetings.request(id, update, { key: "k" }),
          Meetings.request(id, altered, { key: "k" }),
          Meetings.request(id, Cas.ensureUnless<MeetingUser.MeetingUser>(bob, mixed), { key: "k" })
        ]
      }
      for (const [parameter, requests] of Object.entries(bad)) {
        for (const request of requests) {
          const error = yield* Effect.flip(client.run(request))
          assert.strictEqual(error._tag === "InvalidParameter" && error.parameter, parameter)
        }
      }
      assert.instanceOf(yield* Effect.flip(client.run(Requests.poll("k"))), Requests.RequestNotFound)
    })))

  it.effect("of a user is done as the app", () =>
    on(Effect.gen(function*() {
      const { client, start } = yield* two
      yield* start().pipe(asUser("ou_carol"))
      yield* client.run(ask).pipe(asUser("ou_carol"))
      yield* resultIn(client)
      const tokens = (yield* (yield* Simulator.Simulator).requests).map(({ token }) => token)
      assert.isFalse(tokens.includes("user"))
    })))

  it.effect("is done in its tenant", () =>
    on(Effect.gen(function*() {
      const { client, start } = yield* two
      yield* start()
      yield* client.run(Lark.asTenant("tenant")(ask))
      // A custom app has no tenants: that its calls name one is an error of theirs.
      const error = yield* Effect.flip(resultIn(client))
      assert.strictEqual(error._tag === "InvalidTenant" && error.reason, "customApp")
    })))

  it.effect("stores no secret", () =>
    on(Effect.gen(function*() {
      const { client, start, world } = yield* two
      const values: Array<string> = []
      yield* start({
        store: {
          ...world.records,
          swap: (key, at, value) => {
            values.push(value)
            return world.records.swap(key, at, value)
          }
        }
      })
      yield* client.run(ask)
      yield* resultIn(client)
      const tokens = yield* (yield* Simulator.Simulator).tokensMinted
      const secrets = [...tokens.map(({ value }) => value), Simulator.defaultApp.appSecret].map(Redacted.value)
      assert.lengthOf(values, 2)
      for (const value of values) for (const secret of secrets) assert.notInclude(value, secret)
    })))

  it.effect("whose operation dies of a defect dies too, once", () =>
    on(Effect.gen(function*() {
      const { client, world } = yield* two
      let runs = 0
      const broken = Layer.effect(
        Meetings.Meetings,
        Effect.map(Meetings.make, (meetings) => ({
          ...meetings,
          setHost: () => {
            runs++
            return Effect.die(new Error("a bug"))
          }
        }))
      )
      yield* Layer.build(
        Requests.layer().pipe(
          Layer.provide(broken),
          Layer.provide(Lark.layer(Simulator.defaultApp)),
          Layer.provide(pods.storesOf(world))
        )
      )
      yield* client.run(ask)
      const exit = yield* Effect.exit(resultIn(client))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "a bug")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(runs, 1)
    })))

  it("has the errors of setHost, and its own", () => {
    expectTypeOf<Effect.Error<ReturnType<typeof Requests.result>>>().toEqualTypeOf<
      | Meetings.SetHostError<MeetingUser.IdType>
      | Requests.RequestCancelled
      | Requests.RequestNotFound
      | Requests.RequestUnreadable
      | LarkError.SessionStoreError
    >()
    expectTypeOf<Effect.Services<typeof ask>>().toEqualTypeOf<Meetings.Requests>()
  })
})

describe("a request is cancelled", () => {
  const cancelled = (effect: "none" | "unknown") => (error: unknown) => {
    assert.instanceOf(error, Requests.RequestCancelled)
    assert.strictEqual(error.effect, effect)
  }

  it.effect("before any pod has begun: nothing is sent", () =>
    on(Effect.gen(function*() {
      const { client, start } = yield* two
      yield* client.run(ask)
      assert.isTrue(yield* client.run(Requests.cancel("k")))
      yield* start()
      cancelled("none")(yield* Effect.flip(resultIn(client)))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* called, [])
      assert.isFalse(yield* client.run(Requests.cancel("k")))
    })))

  it.effect("while a swap is under way: its effect is unknown, and no other swap leaves", () =>
    on(
      Effect.gen(function*() {
        const { client, start } = yield* two
        yield* client.run(ask)
        yield* start()
        const waiting = yield* Effect.forkChild(Effect.flip(client.run(Requests.result("k"))))
        // The token, the meeting, half of the swap.
        yield* TestClock.adjust("250 millis")
        assert.deepStrictEqual(yield* called, ["get", "set_host"])
        assert.isTrue(yield* client.run(Requests.cancel("k")))
        yield* TestClock.adjust("1 minute")
        cancelled("unknown")(yield* Fiber.join(waiting))
        assert.deepStrictEqual(yield* called, ["get", "set_host"])
      }),
      { rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }] }
    ))

  it.effect("not after it has ended", () =>
    on(Effect.gen(function*() {
      const { client, start } = yield* two
      yield* client.run(ask)
      yield* start()
      const report = yield* resultIn(client)
      assert.isFalse(yield* client.run(Requests.cancel("k")))
      assert.deepStrictEqual(yield* resultIn(client), report)
    })))
})

describe("a pod", () => {
  it.effect("that is stopped finishes what it has begun, and begins nothing", () =>
    on(Effect.gen(function*() {
      const { client, start } = yield* two
      const worker = yield* start({ concurrency: 2, drain: "10 seconds" })
      yield* client.run(ask)
      yield* TestClock.adjust("250 millis")
      const stopping = yield* Effect.forkChild(worker.stop, { startImmediately: true })
      yield* client.run(Meetings.request(id, carol, { key: "next" }))
      yield* elapse(Fiber.join(stopping))
      const report = yield* resultIn(client)
      assert.deepStrictEqual([report.outcome, report.effect], ["swapped", "applied"])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* client.run(Requests.poll("next")), Option.none())
      yield* start()
      assert.strictEqual((yield* resultIn(client, "next")).effect, "applied")
    })))

  it.effect("that is stopped waits no longer than it may", () =>
    on(Effect.gen(function*() {
      const { client, start } = yield* two
      const worker = yield* start({ drain: 0 })
      yield* client.run(ask)
      yield* TestClock.adjust("250 millis")
      yield* elapse(worker.stop)
      yield* start()
      const report = yield* resultIn(client)
      // The swap of the first life was cut, and the second one sent it again: it took effect.
      assert.deepStrictEqual([report.outcome, report.effect], ["converged", "unknown"])
      assert.isAbove((yield* called).filter((endpoint) => endpoint === "set_host").length, 1)
    })))

  it.effect("that died between the record and the queue loses nothing: who waits puts it there", () =>
    on(Effect.gen(function*() {
      const { client, start } = yield* two
      const dying = yield* start({ concurrency: 0, death: { step: 1, executed: true } })
      yield* Effect.forkChild(dying.run(ask))
      yield* dying.dead
      yield* start()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* client.run(Requests.poll("k")), Option.none())
      assert.strictEqual((yield* resultIn(client)).effect, "applied")
    })))

  /** Suspends a pod at a step, lets another one do its request, and resumes it. */
  const overtaken = (step: number, onUnknown?: Cas.OnUnknown) =>
    on(Effect.gen(function*() {
      const { client, start, world } = yield* two
      const resumed = yield* Deferred.make<void>()
      yield* client.run(Meetings.request(id, bob, { key: "k", onUnknown }))
      yield* start({ concurrency: 1, suspend: (nth) => nth === step ? Deferred.await(resumed) : Effect.void })
      yield* TestClock.adjust("1 second")
      yield* world.redeliver
      yield* start()
      const result = yield* Effect.result(resultIn(client))
      const before = (yield* called).length
      yield* Deferred.succeed(resumed, undefined)
      yield* TestClock.adjust("1 minute")
      const polled = yield* client.run(Requests.poll("k"))
      assert.deepStrictEqual(Option.map(polled, pods.summary), Option.some(pods.summary(result)))
      return { ...pods.summary(result), sentAfter: (yield* called).slice(before), host: yield* hostNow }
    }))

  it.effect("that was suspended before it recorded its swap sends nothing when it goes on", () =>
    Effect.gen(function*() {
      // The record, the token, the meeting, the record of the swap.
      assert.deepStrictEqual(yield* overtaken(3), {
        ended: "swapped",
        effect: "applied",
        sentAfter: [],
        host: "ou_bob"
      })
    }))

  it.effect("that was suspended before it sent its swap sends that one, of which the other knows", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* overtaken(4, "neverResend"), {
        ended: "CasIndeterminate",
        effect: "unknown",
        sentAfter: ["set_host"],
        host: "ou_bob"
      })
    }))
})

describe("the store", () => {
  it.effect("holds a damaged record, or one of another version: a typed error, and no pod touches it", () =>
    on(Effect.gen(function*() {
      const { client, start, world } = yield* two
      let nameOf = ""
      const spy = yield* start({
        concurrency: 0,
        store: {
          ...world.records,
          swap: (name, at, value) => {
            nameOf = name
            return world.records.swap(name, at, value)
          }
        }
      })
      yield* spy.run(ask)
      const stored = Option.getOrThrow(yield* world.records.get(nameOf))
      const changed = (change: object) => JSON.stringify({ ...Schema.decodeUnknownSync(Json)(stored.value), ...change })
      const damaged = [
        ["", undefined],
        ["{", undefined],
        ["null", undefined],
        ["[]", undefined],
        [changed({ run: 7 }), undefined],
        [changed({ state: { _tag: "Begun" } }), undefined],
        [changed({ task: {} }), undefined],
        [changed({ version: 2 }), 2],
        [JSON.stringify({ version: 2, all: "is different" }), 2],
        [changed({ version: "2" }), undefined]
      ] as const
      yield* start()
      let at = stored.version
      for (const [value, version] of damaged) {
        yield* world.records.swap(nameOf, at++, value)
        for (const look of [ask, Requests.result("k"), Requests.poll("k"), Requests.cancel("k")]) {
          const error = yield* Effect.flip(client.run<unknown, unknown>(look))
          assert.instanceOf(error, Requests.RequestUnreadable)
          assert.strictEqual(error.version, version)
        }
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* world.records.get(nameOf), Option.some({ version: at, value }))
      }
      // Repaired, it is done.
      yield* world.records.swap(nameOf, at, stored.value)
      assert.strictEqual((yield* resultIn(client)).effect, "applied")
    })))

  it.effect("loses replies and fails: each request ends, or its caller knows", () =>
    on(Effect.gen(function*() {
      const { client, start, world } = yield* two
      const unavailable = new LarkError.SessionStoreError({ endpoint: "test", reason: "unavailable", detail: "down" })
      let swaps = 0
      const flaky: SessionStore.Backend = {
        ...world.records,
        swap: (name, at, value) => {
          const swap = world.records.swap(name, at, value)
          switch (swaps++ % 3) {
            case 0:
              return Effect.as(swap, Cas.unknown(new Error("lost")))
            case 1:
              return Effect.succeed(Cas.unknown(new Error("lost")))
            default:
              return swap
          }
        }
      }
      yield* start({ store: flaky })
      const asking = yield* start({ concurrency: 0, store: flaky })
      yield* elapse(asking.run(ask))
      assert.deepStrictEqual((yield* resultIn(asking)).effect, "applied")
      const down = yield* start({
        concurrency: 0,
        store: { get: () => Effect.fail(unavailable), swap: () => Effect.fail(unavailable) }
      })
      for (const look of [ask, Requests.result("k"), Requests.poll("k"), Requests.cancel("k")]) {
        assert.instanceOf(yield* elapse(Effect.flip(down.run<unknown, unknown>(look))), LarkError.SessionStoreError)
      }
      assert.strictEqual((yield* resultIn(client)).outcome, "swapped")
    })))

  it.effect("that is down for the pod that does the request delays it", () =>
    on(Effect.gen(function*() {
      const { client, start, world } = yield* two
      const unavailable = new LarkError.SessionStoreError({ endpoint: "test", reason: "unavailable", detail: "down" })
      let isDown = true
      yield* start({
        store: {
          ...world.records,
          swap: (name, at, value) => isDown ? Effect.fail(unavailable) : world.records.swap(name, at, value)
        }
      })
      yield* client.run(ask)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* client.run(Requests.poll("k")), Option.none())
      assert.notInclude(yield* called, "set_host")
      isDown = false
      assert.strictEqual((yield* resultIn(client)).effect, "applied")
    })))

  it.effect("forgets a result when its retention is over: the key is free", () =>
    on(Effect.gen(function*() {
      const { client, start, world } = yield* two
      const removed: Array<string> = []
      yield* start({
        retention: "1 day",
        store: {
          ...world.records,
          remove: (name, at) => {
            removed.push(name)
            return world.records.remove?.(name, at) ?? Effect.void
          }
        }
      })
      yield* client.run(ask)
      yield* resultIn(client)
      yield* TestClock.adjust("23 hours")
      assert.strictEqual((yield* resultIn(client)).outcome, "swapped")
      yield* TestClock.adjust("2 hours")
      assert.instanceOf(yield* Effect.flip(client.run(Requests.poll("k"))), Requests.RequestNotFound)
      assert.lengthOf(removed, 1)
      yield* client.run(Meetings.request(id, dave, { key: "k" }))
      assert.deepStrictEqual((yield* resultIn(client)).after, dave)
    })))
})

const Json = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

describe("an invalid option", () => {
  for (
    const [setting, options] of Object.entries({
      retention: { retention: 0 },
      drain: { drain: -1 },
      concurrency: { concurrency: 0.5 },
      policy: { policy: Cas.Policy.make({ maxSwaps: 0 }) }
    })
  ) {
    it.effect(`fails the layer by its name: ${setting}`, () =>
      on(Effect.gen(function*() {
        const built = Layer.build(Layer.provide(Requests.layerMemory(options), Lark.layer(Simulator.defaultApp)))
        const error = yield* Effect.flip(built)
        assert.strictEqual(error.setting, setting)
      })))
  }
})
