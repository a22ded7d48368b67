/**
 * Processes of one app that share its tokens: one request for each token and each revocation, whatever the store does.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Hash, Redacted, References } from "effect"
import { Seal } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { counters, observe } from "./fixtures/observe.ts"
import * as TokenPods from "./fixtures/tokenPods.ts"
import { elapse, make } from "./fixtures/tokenPods.ts"

const minutes = 60_000

const calls = (pods: ReadonlyArray<TokenPods.Pod>) => elapse(pods.map(({ call }) => call))

/** How long the calls of pods take, in milliseconds, at the same moment. */
const timed = Effect.fnUntraced(function*(pods: ReadonlyArray<TokenPods.Pod>) {
  const startedAt = yield* Clock.currentTimeMillis
  return yield* elapse(
    pods.map(({ call }) => Effect.map(Effect.andThen(call, Clock.currentTimeMillis), (now) => now - startedAt))
  )
})

describe("ten processes of an app", () => {
  it.effect("send one token request when they start at once, and one after each revocation", () =>
    Effect.gen(function*() {
      const world = yield* make()
      const pods = yield* world.startAll(10)
      yield* calls(pods)
      assert.strictEqual(yield* world.mints, 1)
      for (let n = 2; n < 5; n++) {
        // A fresh token that replaced a rejected one stays in use for 30 seconds.
        yield* TestClock.adjust("31 seconds")
        yield* world.simulator.rejectTokens
        yield* calls(pods)
        assert.strictEqual(yield* world.mints, n)
      }
    }))

  it.effect("send ten without the layer", () =>
    Effect.gen(function*() {
      const world = yield* make()
      yield* calls(yield* world.startAll(10, { isShared: false }))
      assert.strictEqual(yield* world.mints, 10)
      assert.deepStrictEqual(world.operations, [])
    }))

  it.effect("wait for the request of one, and little longer", () =>
    Effect.gen(function*() {
      const world = yield* make({ latency: 1_000 })
      for (const took of yield* timed(yield* world.startAll(10))) assert.isAtMost(took, 3_100)
    }))

  it.effect("do not access the store while their own copy is fresh", () =>
    Effect.gen(function*() {
      const world = yield* make()
      const pods = yield* world.startAll(10)
      yield* calls(pods)
      const { length } = world.operations
      for (let minute = 0; minute < 85; minute += 5) {
        yield* TestClock.adjust("5 minutes")
        yield* calls(pods)
      }
      assert.strictEqual(world.operations.length, length)
    }))

  it.effect("renew a token once, in the background", () =>
    Effect.gen(function*() {
      const world = yield* make()
      const pods = yield* world.startAll(10)
      yield* calls(pods)
      yield* TestClock.adjust("91 minutes")
      for (const took of yield* timed(pods)) assert.isAtMost(took, 150)
      yield* TestClock.adjust("2 minutes")
      yield* calls(pods)
      assert.strictEqual(yield* world.mints, 2)
      const [first] = yield* world.simulator.tokensMinted
      assert.strictEqual(first?.rejections, 0)
    }))
})

describe("a token that one process knows to be rejected", () => {
  it.effect("is served to no process that starts later", () =>
    Effect.gen(function*() {
      const world = yield* make()
      const pods = yield* world.startAll(2)
      yield* calls(pods)
      yield* world.simulator.rejectTokens
      yield* calls(pods.slice(1))
      yield* calls(yield* world.startAll(5))
      const [first, ...others] = yield* world.simulator.tokensMinted
      assert.deepStrictEqual([first?.rejections, others.length], [1, 1])
      // One call is the price of those that still have it.
      yield* calls(pods)
      assert.strictEqual((yield* world.simulator.tokensMinted)[0]?.rejections, 2)
      assert.strictEqual(yield* world.mints, 2)
    }))

  it.effect("is removed from the record while another process still renews it", () =>
    Effect.gen(function*() {
      const world = yield* make({ latency: 4_000 })
      const [renewing, rejecting] = [yield* world.start("renewing"), yield* world.start("rejecting")]
      yield* elapse([renewing.token, rejecting.token])
      yield* TestClock.adjust("91 minutes")
      const token = yield* renewing.token
      yield* TestClock.adjust("500 millis")
      yield* rejecting.reject(token)
      yield* Effect.forkChild(rejecting.token)
      yield* TestClock.adjust("1 second")
      const later = yield* world.start("later")
      const [got] = yield* elapse([later.token])
      assert.notStrictEqual(got, token)
      assert.strictEqual(yield* world.mints, 2)
    }))

  it.effect("and is issued again by the platform is requested once", () =>
    Effect.gen(function*() {
      const world = yield* make()
      const pods = yield* world.startAll(10)
      yield* calls(pods)
      yield* world.simulator.addFaults(
        pods.map((_, nth) => ({ endpoint: "get", nth, fault: { _tag: "RejectToken", status: 400, revoked: false } }))
      )
      yield* calls(pods)
      assert.strictEqual(yield* world.mints, 2)
      assert.lengthOf(yield* world.simulator.tokensMinted, 1)
    }))

  it.effect("at an endpoint that rejects every token is replaced once in half a minute, in all processes", () =>
    Effect.gen(function*() {
      const world = yield* make()
      const pods = yield* world.startAll(10)
      yield* calls(pods)
      for (const ahead of [5, -5, 2, 0, 0, 5, -3, 0, 0, -5].entries()) {
        pods[ahead[0]]?.setWallClockBy(ahead[1] * minutes)
      }
      yield* world.simulator.addFaults(
        Array.from(
          { length: 5_000 },
          (_, nth) => ({ endpoint: "get", nth, fault: { _tag: "RejectToken", status: 400 } })
        )
      )
      const startedAt = yield* Clock.currentTimeMillis
      while ((yield* Clock.currentTimeMillis) < startedAt + 5 * minutes) {
        yield* elapse(pods.map(({ call }) => Effect.exit(call)))
        yield* TestClock.adjust("1 second")
      }
      assert.isAtMost(yield* world.mints, 1 + 11)
      assert.isAtLeast(yield* world.mints, 1 + 8)
    }))
})

describe("a claim", () => {
  const skews = [[0, 0], [5, -5], [-5, 5], [600, -600]] as const

  it.effect.each(skews)(
    "of a process that dies is taken over by one other after two seconds (clocks %s minutes off)",
    (skew) =>
      Effect.gen(function*() {
        const world = yield* make()
        const dying = yield* world.start("dying", { ahead: skew[0] * minutes })
        world.store.after = (operation) => operation.kind === "swap" ? dying.kill : Effect.void
        yield* Effect.forkChild(dying.call)
        yield* TestClock.adjust("1 second")
        world.store.after = undefined
        assert.strictEqual(yield* world.mints, 0)
        for (const took of yield* timed(yield* world.startAll(10, { ahead: skew[1] * minutes }))) {
          assert.isAtLeast(took, 2_000)
          assert.isAtMost(took, 2_500)
        }
        assert.strictEqual(yield* world.mints, 1)
      })
  )

  it.effect("is kept while the request takes long", () =>
    Effect.gen(function*() {
      const world = yield* make({ latency: 7_000 })
      yield* calls(yield* world.startAll(10))
      assert.strictEqual(yield* world.mints, 1)
    }))

  it.effect("is not held by a process whose request failed", () =>
    Effect.gen(function*() {
      const world = yield* make()
      yield* world.simulator.addFaults([{
        endpoint: "tenant_access_token",
        nth: 0,
        fault: { _tag: "ServerError", status: 503, applied: false, body: "html" }
      }])
      const [failed] = yield* elapse([Effect.exit((yield* world.start("first")).call)])
      assert.isTrue(failed !== undefined && Exit.isFailure(failed))
      const [took = 0] = yield* timed([yield* world.start("second")])
      assert.isAtMost(took, 400)
    }))

  it.effect("stays when the platform asks to wait, so that the others wait too", () =>
    Effect.gen(function*() {
      const world = yield* make()
      yield* world.simulator.addFaults([
        { endpoint: "tenant_access_token", nth: 0, fault: { _tag: "Throttle", status: 429, reset: 2 } }
      ])
      const [first, second] = [yield* world.start("first"), yield* world.start("second")]
      yield* elapse([Effect.exit(first.call)])
      const [took = 0] = yield* timed([second])
      assert.isAtLeast(took, 2_000)
      assert.isAtMost(took, 2_300)
    }))

  it.effect("that lasts keeps no process for more than ten seconds", () =>
    Effect.gen(function*() {
      const world = yield* make()
      // Each of them dies as soon as it has the claim.
      const pods = yield* world.startAll(3)
      world.store.after = ({ by, kind }) =>
        kind === "swap" ? pods.find(({ name }) => name === by)?.kill ?? Effect.void : Effect.void
      for (const pod of pods) {
        yield* Effect.forkChild(pod.call)
        yield* TestClock.adjust("1 second")
      }
      const [took = 0] = yield* timed([yield* world.start("waiting")])
      assert.isAtMost(took, 10_500)
    }))

  it.effect("is given up by a process that shuts down, and its token is not requested", () =>
    Effect.gen(function*() {
      const world = yield* make({ storeLatency: 1_000 })
      const pod = yield* world.start("closing")
      const fiber = yield* Effect.forkChild(Effect.exit(pod.call))
      yield* TestClock.adjust("700 millis")
      yield* pod.close
      const [exit] = yield* elapse([
        Effect.flatMap(Effect.succeed(fiber), (fiber) => Effect.sync(() => fiber.pollUnsafe()))
      ])
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && Exit.isFailure(exit.value))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* world.mints, 0)
    }))
})

describe("a process that ends", () => {
  it.effect("right after its call leaves its token to the others", () =>
    Effect.gen(function*() {
      const world = yield* make()
      const pod = yield* world.start("short")
      yield* elapse([Effect.andThen(pod.call, pod.close)], "1 millis")
      const [took = 0] = yield* timed([yield* world.start("next")])
      assert.isAtMost(took, 400)
      assert.strictEqual(yield* world.mints, 1)
    }))

  it.effect("during its request releases its claim", () =>
    Effect.gen(function*() {
      const world = yield* make({ latency: 1_000 })
      const pod = yield* world.start("closing")
      yield* Effect.forkChild(Effect.exit(pod.call))
      yield* TestClock.adjust("500 millis")
      yield* elapse([pod.close])
      const [took = 0] = yield* timed([yield* world.start("next")])
      assert.isAtMost(took, 2_500)
    }))

  it.effect("waits for a store that hangs for two seconds at most", () =>
    Effect.gen(function*() {
      const world = yield* make()
      const pod = yield* world.start("closing")
      yield* elapse([pod.call], "1 millis")
      yield* world.simulator.rejectTokens
      world.store.after = ({ kind }) => kind === "swap" ? Effect.sync(() => world.store.mode = "hang") : Effect.void
      yield* elapse([pod.call], "1 millis")
      const startedAt = yield* Clock.currentTimeMillis
      yield* elapse([pod.close])
      assert.isAtMost((yield* Clock.currentTimeMillis) - startedAt, 2_100)
    }))
})

describe("a store that fails", () => {
  const moments = ["at the start", "after a revocation", "at a renewal"] as const
  const cases = TokenPods.storeFaults.flatMap((fault) => moments.map((moment) => [fault, moment] as const))

  it.effect.each(cases)(
    "(%s) %s fails no call, and delays none by more than the time for the store",
    ([fault, moment]) =>
      Effect.gen(function*() {
        const world = yield* make()
        const pods = yield* world.startAll(10)
        if (moment !== "at the start") yield* calls(pods)
        if (moment === "after a revocation") yield* world.simulator.rejectTokens
        if (moment === "at a renewal") yield* TestClock.adjust("91 minutes")
        world.store.mode = fault
        const before = yield* world.mints
        for (const took of yield* timed(pods)) {
          assert.isAtMost(took, moment === "at a renewal" ? 150 : fault === "conflict" ? 10_500 : 2_500)
        }
        yield* TestClock.adjust("1 minute")
        assert.isAtMost((yield* world.mints) - before, 10)

        world.store.mode = undefined
        yield* TestClock.adjust("31 seconds")
        yield* world.simulator.rejectTokens
        const revoked = yield* world.mints
        yield* calls(pods)
        assert.strictEqual(yield* world.mints, revoked + 1)
      })
  )

  it.effect.each(TokenPods.storeFaults)(
    "(%s) once fails no call, and costs one more request at most",
    (fault) =>
      Effect.gen(function*() {
        for (let nth = 0; nth < 6; nth++) {
          const world = yield* make()
          const pods = yield* world.startAll(3)
          let count = 0
          world.store.after = () => Effect.sync(() => void (count++ === nth && world.store.faults.push(fault)))
          yield* calls(pods)
          assert.isAtMost(yield* world.mints, 2)
        }
      })
  )

  it.effect("when a token is revoked leaves it in the record, where those that know better do not use it", () =>
    Effect.gen(function*() {
      const world = yield* make()
      yield* calls([yield* world.start("gone")])
      yield* world.simulator.rejectTokens
      world.store.mode = "unavailable"
      const pods = yield* world.startAll(3)
      yield* calls(pods)
      world.store.mode = undefined
      yield* TestClock.adjust("31 seconds")
      yield* world.simulator.rejectTokens
      yield* calls(pods)
      assert.strictEqual((yield* world.simulator.tokensMinted)[0]?.rejections, 0)
    }))

  it.effect("is logged without secrets, and counted", () =>
    Effect.gen(function*() {
      const world = yield* make()
      const { lines, metrics } = yield* observe(
        Effect.gen(function*() {
          const [first, second] = [yield* world.start("first"), yield* world.start("second")]
          yield* elapse([first.call, second.call])
          world.store.mode = "unavailable"
          yield* elapse([(yield* world.start("third")).call])
        }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "Warn"))
      )
      assert.deepStrictEqual(
        lines.map(({ level, message }) => `${level} ${String(message)}`),
        ["Warn The store of shared tokens failed: it is down"]
      )
      const counted = Object.entries(counters(metrics)).filter(([name]) => name.startsWith("lark_shared_tokens_total"))
      assert.deepStrictEqual(Object.fromEntries(counted), {
        "lark_shared_tokens_total{tenant,minted}": 1,
        "lark_shared_tokens_total{tenant,shared}": 1,
        "lark_shared_tokens_total{tenant,alone}": 1
      })
    }))
})

describe("clocks that are five minutes off", () => {
  const skews = [[5, 0], [-5, 0], [5, -5], [-5, 5]] as const

  it.effect.each(skews)(
    "(%s) have no token used after its end, and few renewed early",
    (skew) =>
      Effect.gen(function*() {
        const world = yield* make()
        const pods = yield* Effect.forEach(
          [...skew, ...skew, 0],
          (ahead, n) => world.start(`pod ${n}`, { ahead: ahead * minutes })
        )
        // The first one mints, and the others read what it has stored.
        for (const pod of pods) yield* calls([pod])
        for (let minute = 0; minute < 24 * 60; minute++) {
          yield* TestClock.adjust("1 minute")
          yield* elapse(pods.map(({ call }) => call), "500 millis")
        }
        const tokens = yield* world.simulator.tokensMinted
        assert.deepStrictEqual(tokens.filter(({ rejections }) => rejections > 0), [])
        assert.isAtMost(tokens.length, 24 * 60 / 90 + 1)
        // Before the last half hour of a token the platform issues it again: once for each, if at all.
        assert.isAtMost(yield* world.mints, 2 * tokens.length)
      }),
    60_000
  )

  it.effect("have the token replaced by one that reads it late, once, when it is found to be expired", () =>
    Effect.gen(function*() {
      const world = yield* make()
      yield* calls([yield* world.start("first", { ahead: 300 * minutes })])
      yield* TestClock.adjust("121 minutes")
      const pods = yield* world.startAll(5, { ahead: -300 * minutes })
      yield* calls(pods)
      assert.strictEqual(yield* world.mints, 2)
      yield* calls(pods)
      assert.strictEqual(yield* world.mints, 2)
    }))

  it.effect.each([-30, 30])(
    "by %s days cost a request at the start of a process, and no more",
    (days) =>
      Effect.gen(function*() {
        const world = yield* make()
        yield* calls([yield* world.start("right")])
        const wrong = yield* world.start("wrong", { ahead: days * 1_440 * minutes })
        for (let n = 0; n < 80; n++) {
          yield* calls([wrong])
          yield* TestClock.adjust("1 minute")
        }
        assert.isAtMost(yield* world.mints, 2)
      })
  )

  it.effect("have a token that was issued again replaced when it is rejected", () =>
    Effect.gen(function*() {
      const world = yield* make()
      const [right, ahead] = [yield* world.start("right"), yield* world.start("ahead", { ahead: 5 * minutes })]
      yield* calls([right])
      yield* calls([ahead])
      yield* TestClock.adjust("86 minutes")
      yield* calls([ahead])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([yield* world.mints, (yield* world.simulator.tokensMinted).length], [2, 1])
      yield* world.simulator.rejectTokens
      yield* calls([right])
      yield* calls([ahead])
      assert.strictEqual(yield* world.mints, 3)
    }))

  it.effect("and are set change nothing for a process that has the token", () =>
    Effect.gen(function*() {
      const world = yield* make()
      const pods = yield* world.startAll(4)
      yield* calls(pods)
      for (const [n, pod] of pods.entries()) pod.setWallClockBy((n - 2) * 600 * minutes)
      yield* TestClock.adjust("85 minutes")
      yield* calls(pods)
      assert.strictEqual(yield* world.mints, 1)
    }))
})

describe("the record", () => {
  const key = (text: string) => Seal.layer({ key: Redacted.make(btoa(text.padEnd(32, "."))) })

  it.live("holds no token in plain text", () =>
    Effect.gen(function*() {
      const world = yield* make({ seal: key("one"), latency: 1, storeLatency: 1 })
      const pods = yield* world.startAll(5)
      const tokens = yield* Effect.forEach(pods, ({ token }) => token, { concurrency: "unbounded" })
      assert.strictEqual(new Set(tokens).size, 1)
      assert.strictEqual(yield* world.mints, 1)
      assert.isAtLeast(world.operations.filter(({ kind }) => kind === "swap").length, 2)
      assert.notInclude(inspect(world.operations), tokens[0] ?? "no token")
      assert.notInclude(inspect(world.operations), "secret")
    }))

  it.live("that was sealed with another key counts as absent", () =>
    Effect.gen(function*() {
      const world = yield* make({ latency: 1, storeLatency: 1 })
      const one = yield* world.start("one", { seal: key("one") })
      const two = yield* world.start("two", { seal: key("two") })
      assert.strictEqual(yield* one.token, yield* two.token)
      assert.strictEqual(yield* world.mints, 2)
      assert.strictEqual(yield* one.token, yield* two.token)
      assert.strictEqual(yield* world.mints, 2)
      yield* (yield* world.start("three", { seal: key("two") })).token
      assert.strictEqual(yield* world.mints, 2)
    }))

  it.effect.each(["garbage", ""])("that holds something else (%j) counts as absent", (value) =>
    Effect.gen(function*() {
      const world = yield* make()
      yield* calls([yield* world.start("one")])
      yield* world.backend.swap(world.operations[0]?.key ?? "", 2, value)
      yield* calls([yield* world.start("two"), yield* world.start("three")])
      assert.strictEqual(yield* world.mints, 2)
    }))

  it.effect("is another one for another app, secret or base URL", () =>
    Effect.gen(function*() {
      const world = yield* make({ latency: 0 })
      const others = [
        {},
        { appId: "cli_other" },
        { appSecret: Redacted.make("rotated") },
        { baseUrl: "https://open.larksuite.com" },
        { oauthV3: true }
      ]
      for (const [n, app] of others.entries()) {
        yield* elapse([Effect.exit((yield* world.start(`pod ${n}`, { app })).call)])
      }
      assert.strictEqual(new Set(world.operations.map((operation) => operation.key)).size, others.length)
      // A short hash of a secret tells something of it, and is that of other secrets, too.
      assert.notInclude(inspect(world.operations), String(Hash.string("rotated")))
      for (const { key } of world.operations) assert.match(key, /"[0-9a-f]{64}"\]$/)
      assert.notInclude(inspect(world.operations), "rotated")
    }))
})
