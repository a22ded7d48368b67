import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, type Duration, Effect, Exit, Fiber, Layer, Option, Redacted, Result } from "effect"
import { Cas, Lark, LarkConfig, Meetings, MeetingUser, OAuth, SessionStore, UserSessions } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import * as OAuthServer from "./fixtures/OAuthServer.ts"
import * as plainSeal from "./fixtures/plainSeal.ts"
import * as SessionWorld from "./fixtures/SessionWorld.ts"
import { elapse, errorOf, expired, loggedIn, needsLogin, tokenOf, until, usesOf } from "./fixtures/SessionWorld.ts"
import { wallClock } from "./fixtures/wallClock.ts"
import { alice, bob, id } from "./fixtures/World.ts"

describe("a session", () => {
  it.effect("uses its access token without another read of the store", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("other")
      const before = world.operations.length
      for (let n = 0; n < 114; n++) {
        assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.0")
        assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.0")
        yield* TestClock.adjust("59 seconds")
      }
      assert.strictEqual(world.uses.length, 0)
      assert.deepStrictEqual(
        world.operations.slice(before).map(({ by, kind }) => `${by} ${kind}`).slice(0, 1),
        ["other get"]
      )
      assert.strictEqual(world.operations.length - before, 1)
    }))

  it.effect("is renewed in the background in the last five minutes, and callers do not wait", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 4_000 })
      yield* TestClock.adjust(115 * 60_000 - 5_000)
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
      assert.strictEqual(world.operations.length, 2)
      yield* TestClock.adjust("5 seconds")
      for (let n = 0; n < 100; n++) assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.1")
      assert.deepStrictEqual(usesOf(world), ["one refresh.login1.0"])
    }).pipe(Effect.scoped))

  it.effect("with a short life is renewed in its last quarter, and not used in its last tenth", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ lifetime: 20, storeLatency: 0, latency: 2 })
      yield* TestClock.adjust(14_999)
      yield* tokenOf(world.process)
      yield* TestClock.adjust(0)
      assert.strictEqual(world.uses.length, 0)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.1")
      yield* TestClock.adjust(18_000)
      const waiting = yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual(yield* elapse(Fiber.join(waiting)), "access.login1.2")
    }))

  it.effect("is refreshed once for 200 callers in four processes", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const others = yield* Effect.forEach(["two", "three", "four"], (name) => world.start(name))
      yield* expired
      const tokens = yield* elapse(Effect.forEach(
        Array.from({ length: 200 }, (_, n) => [world.process, ...others][n % 4] ?? assert.fail()),
        (process) => tokenOf(process),
        { concurrency: "unbounded" }
      ))
      assert.deepStrictEqual([...new Set(tokens)], ["access.login1.1"])
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("is refreshed by one process while the others use the valid token", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 8_000 })
      const [late, new_] = [yield* world.start("two"), yield* world.start("new")]
      yield* elapse(tokenOf(late))
      yield* TestClock.adjust("116 minutes")
      yield* tokenOf(world.process)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* tokenOf(late), "access.login1.0")
      const first = yield* Effect.forkChild(tokenOf(new_), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(first.pollUnsafe(), Exit.succeed("access.login1.0"))
      yield* TestClock.adjust("10 seconds")
      for (const process of [world.process, late, new_]) {
        assert.strictEqual(yield* tokenOf(process), "access.login1.1")
      }
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("stores the new tokens before they are used", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      let isStored = false
      world.hooks.before = ({ value }) =>
        Effect.sync(() => {
          isStored ||= value.includes("access.login1.1")
        })
      const waiting = yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
      yield* until(() => world.uses.length > 0)
      while (waiting.pollUnsafe() === undefined) yield* TestClock.adjust("1 millis")
      assert.isTrue(isStored)
      assert.strictEqual(world.swaps().filter(({ value }) => value.includes("access.login1.1")).length, 1)
    }))

  it.effect("belongs to one user, one type of id and one app", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      for (const user of [bob, MeetingUser.unionId("ou_alice"), MeetingUser.openId("ou_alice", { userType: 2 })]) {
        needsLogin(yield* errorOf(world.process, user), "noSession")
      }
      const otherApp = yield* world.start("two", "cli_b")
      needsLogin(yield* errorOf(otherApp), "noSession")
      yield* elapse(world.process.save(bob, yield* world.login))
      yield* elapse(otherApp.save(alice, yield* world.login))
      assert.strictEqual(yield* tokenOf(world.process, alice), "access.login1.0")
      assert.strictEqual(yield* tokenOf(world.process, bob), "access.login2.0")
      assert.strictEqual(yield* tokenOf(otherApp), "access.login3.0")
      assert.deepStrictEqual(world.process.get(bob).user, Option.some(bob))
    }))

  it.effect("is replaced by another login, and ends when it is removed", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* elapse(tokenOf(world.process))
      yield* elapse(world.process.save(alice, yield* world.login))
      assert.strictEqual(yield* tokenOf(world.process), "access.login2.0")
      yield* elapse(world.process.remove(alice))
      needsLogin(yield* errorOf(world.process), "noSession")
      needsLogin(yield* errorOf(yield* world.start("two")), "noSession")
      yield* elapse(world.process.remove(alice))
      yield* elapse(world.process.remove(bob))
      assert.strictEqual(world.operations.at(-1)?.kind, "get")
      yield* elapse(world.process.save(alice, yield* world.login))
      assert.strictEqual(yield* tokenOf(world.process), "access.login3.0")
    }))

  it.effect("from a read that started before a login or a removal does not hide it", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const readLate = Effect.fnUntraced(function*(
        name: string,
        meanwhile: (process: SessionWorld.Process) => Effect.Effect<void, unknown>
      ) {
        const process = yield* world.start(name)
        let isFirst = true
        world.hooks.after = ({ by }) =>
          Effect.suspend(() => {
            if (by !== name || !isFirst) return Effect.void
            isFirst = false
            return Effect.sleep("1 second")
          })
        const reading = yield* Effect.forkChild(tokenOf(process), { startImmediately: true })
        yield* until(() => !isFirst)
        yield* elapse(meanwhile(process), "1 millis")
        yield* TestClock.adjust("2 seconds")
        return { process, read: yield* Effect.result(Fiber.join(reading)) }
      })
      const grant = yield* world.login
      const saved = yield* readLate("two", (process) => process.save(alice, grant))
      // A caller that waits for the read gets the token that is saved meanwhile.
      assert.deepStrictEqual(saved.read, Result.succeed("access.login2.0"))
      assert.strictEqual(yield* tokenOf(saved.process), "access.login2.0")
      const removed = yield* readLate("three", (process) => process.remove(alice))
      assert.deepStrictEqual(removed.read, Result.succeed("access.login2.0"))
      needsLogin(yield* errorOf(removed.process), "noSession")
    }))

  it.effect("that is removed during a renewal in the background is not used again", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 4_000 })
      yield* TestClock.adjust("116 minutes")
      yield* tokenOf(world.process)
      yield* TestClock.adjust("1 second")
      yield* elapse(world.process.remove(alice))
      needsLogin(yield* errorOf(world.process), "noSession")
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("that another process saved or removed is noticed at the next read", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      yield* elapse(tokenOf(other))
      yield* elapse(world.process.save(alice, yield* world.login))
      assert.strictEqual(yield* tokenOf(other), "access.login1.0")
      yield* other.get(alice).reject(Redacted.make("access.login1.0"))
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login2.0")
      yield* elapse(world.process.remove(alice))
      yield* expired
      needsLogin(yield* errorOf(other), "noSession")
      assert.strictEqual(world.uses.length, 0)
    }))

  it.effect("without a refresh token is used until it expires, and then needs a login", () =>
    Effect.gen(function*() {
      const world = yield* SessionWorld.make()
      const process = yield* world.start("one")
      yield* elapse(process.save(alice, { ...(yield* world.login), refreshToken: Option.none() }))
      yield* TestClock.adjust("118 minutes")
      const before = world.operations.length
      for (let n = 0; n < 50; n++) {
        assert.strictEqual(yield* elapse(tokenOf(process)), "access.login1.0")
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(yield* elapse(tokenOf(yield* world.start("two"))), "access.login1.0")
      // Another process may store a token, so it reads again, but not at each call.
      assert.isAtMost(world.operations.length - before, 5)
      yield* TestClock.adjust("10 seconds")
      needsLogin(yield* errorOf(process), "noRefreshToken")
      assert.strictEqual(world.uses.length, 0)
    }))

  it.effect("whose refresh token has expired ends when the platform says so", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ refreshLifetime: 7_170 })
      yield* TestClock.adjust("119 minutes")
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
      yield* TestClock.adjust("4 hours")
      for (let n = 0; n < 3; n++) needsLogin(yield* errorOf(world.process), "refused", 20037)
      assert.strictEqual(world.uses.length, 2)
    }))

  it.effect("is refreshed twenty times in forty hours", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      for (let n = 1; n <= 20; n++) {
        yield* TestClock.adjust("2 hours")
        assert.strictEqual(yield* elapse(tokenOf(n % 2 === 0 ? world.process : other)), `access.login1.${n}`)
      }
      assert.strictEqual(world.uses.length, 20)
    }))
})

describe("a wall clock that is set back", () => {
  it.effect("does not extend the use of a token, nor delay its renewal", () =>
    Effect.gen(function*() {
      const { clock, setBy } = yield* wallClock
      const { expired, renewed } = yield* Effect.gen(function*() {
        const world = yield* loggedIn()
        setBy(-7_200_000)
        yield* TestClock.adjust("115 minutes")
        assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
        yield* TestClock.adjust("1 second")
        const renewed = yield* tokenOf(world.process)
        yield* TestClock.adjust("1 hour")
        setBy(-7_200_000)
        yield* TestClock.adjust("1 hour")
        return { renewed, expired: yield* elapse(tokenOf(world.process)) }
      }).pipe(Effect.provideService(Clock.Clock, clock))
      assert.deepStrictEqual([renewed, expired], ["access.login1.1", "access.login1.2"])
    }))

  it.effect("does not extend the use of a token that another process stored", () =>
    Effect.gen(function*() {
      const { clock, setBy } = yield* wallClock
      yield* Effect.gen(function*() {
        const world = yield* loggedIn()
        setBy(-7_200_000)
        const other = yield* world.start("two")
        assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.0")
        yield* TestClock.adjust("119 minutes")
        assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
      }).pipe(Effect.provideService(Clock.Clock, clock))
    }))
})

describe("a token that the platform rejects", () => {
  it.effect("is refreshed once for all callers that met it", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      const [one, two] = [world.process.get(alice), other.get(alice)]
      const [first, second] = [yield* elapse(one.get), yield* elapse(two.get)]
      for (const session of [one, one, two]) assert.isTrue(yield* session.reject(first))
      const tokens = yield* elapse(
        Effect.all(Array.from({ length: 20 }, (_, n) => tokenOf(n % 2 === 0 ? world.process : other)), {
          concurrency: "unbounded"
        })
      )
      assert.deepStrictEqual([...new Set(tokens)], ["access.login1.1"])
      yield* one.reject(second)
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.1")
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("is replaced from the store if another process has refreshed it", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      const token = yield* elapse(other.get(alice).get)
      yield* world.process.get(alice).reject(token)
      yield* elapse(tokenOf(world.process))
      yield* other.get(alice).reject(token)
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
      assert.deepStrictEqual(usesOf(world), ["one refresh.login1.0"])
    }))

  it.effect("is not used again while another process refreshes it", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 6_000 })
      const other = yield* world.start("two")
      const token = yield* elapse(other.get(alice).get)
      yield* world.process.get(alice).reject(token)
      yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* other.get(alice).reject(token)
      const waiting = yield* Effect.forkChild(tokenOf(other), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual(yield* elapse(Fiber.join(waiting)), "access.login1.1")
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("without a refresh token needs a login", () =>
    Effect.gen(function*() {
      const world = yield* SessionWorld.make()
      const process = yield* world.start("one")
      yield* elapse(process.save(alice, { ...(yield* world.login), refreshToken: Option.none() }))
      assert.isTrue(yield* process.get(alice).reject(yield* process.get(alice).get))
      needsLogin(yield* errorOf(process), "noRefreshToken")
    }))

  it.effect("changes nothing if it is not the current one", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* elapse(tokenOf(world.process))
      yield* world.process.get(alice).reject(Redacted.make("from elsewhere"))
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
      assert.strictEqual(world.uses.length, 0)
    }))
})

describe("the service", () => {
  it.effect.each([0, 999, -1, Number.NaN, "Infinity", "soon"])(
    "refuses a claim time of %s",
    (claimTime) =>
      Effect.gen(function*() {
        const { error } = yield* Effect.exit(
          // A program without types may pass anything.
          Layer.build(
            UserSessions.layer({ claimTime: claimTime as Duration.Input }).pipe(
              Layer.provide(Layer.mergeAll(
                SessionStore.layerMemory,
                plainSeal.layer,
                Layer.succeed(OAuth.OAuth, OAuthServer.make().client("one")),
                LarkConfig.layer({ appId: "cli_a", appSecret: Redacted.make("secret") })
              ))
            )
          )
        ).pipe(Effect.map((exit) => ({ error: Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined })))
        assert.include<object>(Object(error), { _tag: "InvalidLarkConfig", setting: "claimTime" })
      })
  )

  it.effect("drops a user that was idle for an hour, and reads the store again", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ lifetime: 86_400 })
      const reads = () => world.operations.filter(({ kind }) => kind === "get").length
      const before = reads()
      for (let n = 0; n < 10; n++) {
        yield* TestClock.adjust("59 minutes")
        yield* tokenOf(world.process)
      }
      assert.strictEqual(reads(), before)
      yield* TestClock.adjust("61 minutes")
      // Idle users are dropped when another one is used.
      yield* world.process.get(bob).reject(Redacted.make("none"))
      yield* elapse(tokenOf(world.process))
      assert.strictEqual(reads(), before + 1)
    }))

  it.effect("keeps the ten thousand users that were used last", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const reads = () => world.operations.filter(({ kind }) => kind === "get").length
      const before = reads()
      const visit = (from: number, to: number) =>
        Effect.forEach(
          Array.from({ length: to - from }, (_, n) => MeetingUser.openId(`ou_${from + n}`)),
          (user) => world.process.get(user).reject(Redacted.make("none")),
          { discard: true }
        )
      yield* visit(0, 9_999)
      yield* tokenOf(world.process)
      yield* visit(9_999, 10_000)
      yield* tokenOf(world.process)
      assert.strictEqual(reads(), before)
      yield* visit(0, 10_000)
      yield* elapse(tokenOf(world.process))
      assert.strictEqual(reads(), before + 1)
    }))

  it.effect("refreshes in the context of the layer, not of the first caller", () =>
    Effect.gen(function*() {
      const Caller = Context.Reference<string>("test/Caller", { defaultValue: () => "layer" })
      const world = yield* SessionWorld.make()
      const process = yield* world.start("one")
      const callers = new Set<string>()
      world.hooks.before = () => Effect.map(Caller, (caller) => void callers.add(caller))
      yield* elapse(process.save(alice, yield* world.login))
      callers.clear()
      yield* TestClock.adjust("2 hours")
      yield* elapse(tokenOf(process)).pipe(Effect.provideService(Caller, "first"))
      yield* TestClock.adjust("116 minutes")
      yield* tokenOf(process).pipe(Effect.provideService(Caller, "first"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(world.uses.length, 2)
      assert.deepStrictEqual([...callers], ["layer"])
    }))
})

describe("calls as a user", () => {
  it.effect("survive a rejected token: it is refreshed once, and the calls are repeated", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const login = yield* OAuth.authorize({ redirectUri: "https://app.example/", scopes: ["offline_access"] })
      const callback = yield* simulator.authorize(login.url, "ou_alice")
      yield* UserSessions.save(alice, yield* OAuth.exchange(login, callback))
      const session = yield* UserSessions.get(alice)
      yield* Meetings.get(id).pipe(Lark.asUser(session))
      yield* simulator.addFaults([{ endpoint: "get", nth: 0, fault: { _tag: "RejectToken", status: 400 } }])
      const calls = Effect.all(Array.from({ length: 3 }, () => Meetings.get(id)), { concurrency: "unbounded" })
      const meetings = yield* calls.pipe(Lark.asUser(session))
      assert.deepStrictEqual(meetings.map((meeting) => meeting.id), [id, id, id])
      const records = yield* simulator.sessions
      assert.deepStrictEqual(
        records.map(({ generation, reusedAt, usedAt }) => [generation, usedAt !== undefined, reusedAt.length]),
        [[0, true, 0], [1, false, 0]]
      )
      yield* Meetings.end(id).pipe(Lark.asUser(session))
    }).pipe(
      Effect.provide(
        UserSessions.layer().pipe(
          Layer.provideMerge(OAuth.layer),
          Layer.provide(Layer.mergeAll(SessionStore.layerMemory, plainSeal.layer)),
          Layer.provideMerge(Lark.layer(Simulator.defaultApp))
        )
      ),
      Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }] }))
    ))

  it.effect.each(["get", "swap"] as const)(
    "are reported as unsent at the deadline where the store never answers to a %s",
    (operation) =>
      Effect.gen(function*() {
        const world = yield* loggedIn()
        yield* expired
        world.hooks.before = ({ kind }) => kind === operation ? Effect.never : Effect.void
        const feishu = platform.make(() => platform.ok({}))
        const before = yield* Clock.currentTimeMillis
        const moving = Meetings.setHost(id, bob, { policy: Cas.Policy.make({ deadline: "2 seconds" }) }).pipe(
          Effect.flip,
          Lark.asUser(world.process.get(alice)),
          Effect.provide(Lark.layer(platform.app)),
          Effect.provide(feishu.layer)
        )
        const error = yield* elapse(moving)
        assert("report" in error)
        const { attempts, effect } = error.report
        assert.deepStrictEqual([effect, attempts.map(({ answer }) => answer._tag)], ["none", ["Unsent"]])
        assert.isAtMost((yield* Clock.currentTimeMillis) - before, 2_100)
        assert.lengthOf(feishu.calls, 0)
      })
  )

  it.effect.each([["a short deadline", "20 seconds"], ["a long one", "1 minute"]] as const)(
    "are reported as unsent while a dead process holds the refresh token (%s)",
    ([, deadline]) =>
      Effect.gen(function*() {
        const world = yield* loggedIn()
        const other = yield* world.start("two")
        yield* expired
        yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
        yield* until(() => world.swaps().some(({ value }) => value.includes(`"sent":false`)))
        yield* world.process.freeze

        const feishu = platform.make(() => platform.ok({}))
        const moving = Meetings.setHost(id, bob, { policy: Cas.Policy.make({ deadline }) }).pipe(
          Effect.result,
          Lark.asUser(other.get(alice)),
          Effect.provide(Lark.layer(platform.app)),
          Effect.provide(feishu.layer)
        )
        const ended = Result.merge(yield* elapse(moving))
        const { attempts, effect, outcome } = "report" in ended ? ended.report : ended
        assert.deepStrictEqual([outcome, effect], deadline === "1 minute" ? ["swapped", "applied"] : ["failed", "none"])
        const answers = attempts.map(({ answer }) => answer._tag)
        assert.deepStrictEqual(answers, deadline === "1 minute" ? ["Applied"] : ["Unsent"])
        assert.strictEqual(feishu.calls.length, deadline === "1 minute" ? 1 : 0)
      })
  )
})
