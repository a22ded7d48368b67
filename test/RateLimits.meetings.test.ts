import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer } from "effect"
import { Cas, Lark, MeetingId, Meetings, RateLimits } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import { alice, bob, id, meetings, type World } from "./fixtures/World.ts"

describe("a throttled request", () => {
  const page = "<html><body><h1>429 Too Many Requests</h1></body></html>"
  const answers: ReadonlyArray<readonly [string, Simulator.Fault, number]> = [
    ["429 and the platform's code", { _tag: "Throttle", reset: 7, status: 429 }, 7_000],
    ["400 and the platform's code", { _tag: "Throttle", reset: 7, status: 400 }, 7_000],
    ["429 and a gateway's page", { _tag: "GarbageBody", status: 429, body: page, applied: false }, 1_000],
    ["429 and a gateway's envelope", { _tag: "GarbageBody", status: 429, body: `{"code":429}`, applied: false }, 1_000],
    ["429 and no body", { _tag: "EmptyBody", status: 429, applied: false }, 1_000]
  ]

  for (const [what, fault, wait] of answers) {
    it.effect(`delays the next request after ${what}`, () =>
      Effect.gen(function*() {
        yield* Effect.flip(Meetings.get(id))
        const next = yield* Effect.forkChild(Meetings.get(id))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(next)
        const requests = yield* Simulator.Simulator.use((simulator) => simulator.requests)
        assert.deepStrictEqual(
          requests.filter(({ endpoint }) => endpoint === "get").map(({ at }) => at),
          [0, wait]
        )
      }).pipe(
        Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
        Effect.provide(Simulator.layer({
          meetings,
          faults: [{ endpoint: "get", nth: 0, fault }]
        }))
      ))
  }

  it.effect("lowers the limit to the one in its response", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, nth) =>
        nth === 0
          ? {
            ...platform.failed(429, 99991400),
            headers: { "x-ogw-ratelimit-limit": "10", "x-ogw-ratelimit-reset": "1" }
          }
          : platform.ok({ meeting: { id } })
      )
      yield* Effect.gen(function*() {
        yield* Effect.flip(Meetings.get(id))
        const reads = yield* Effect.forkChild(Effect.replicateEffect(Meetings.get(id), 50, { concurrency: 50 }))
        yield* TestClock.adjust("2 seconds")
        assert.isAtMost(feishu.calls.length, 1 + 10)
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(reads)
      }).pipe(
        Effect.provide(Layer.provide(Lark.layer(platform.app), RateLimits.layerMemory)),
        Effect.provide(feishu.layer)
      )
    }))

  it.effect("delays the next request as long as a gateway asks", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, nth) =>
        nth === 0 ? { status: 429, body: page, headers: { "retry-after": "7" } } : platform.ok({ meeting: { id } })
      )
      yield* Effect.gen(function*() {
        yield* Effect.flip(Meetings.get(id))
        const next = yield* Effect.forkChild(Meetings.get(id))
        yield* TestClock.adjust("6999 millis")
        assert.lengthOf(feishu.calls, 1)
        yield* TestClock.adjust(1)
        yield* Fiber.join(next)
      }).pipe(
        Effect.provide(Layer.provide(Lark.layer(platform.app), RateLimits.layerMemory)),
        Effect.provide(feishu.layer)
      )
    }))

  it.effect("delays the next attempt of a setHost, whose effect stays certain", () =>
    Effect.gen(function*() {
      const moving = yield* Effect.forkChild(Meetings.setHost(id, bob, { hint: alice }))
      yield* TestClock.adjust("1 minute")
      const report = yield* Fiber.join(moving)
      assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied", swaps: 2 })
      assert.isAtLeast(Duration.toMillis(report.elapsed), 1_000)
    }).pipe(
      Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
      Effect.provide(Simulator.layer({
        meetings,
        faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "EmptyBody", status: 429, applied: false } }]
      }))
    ))
})

describe("a setHost with rate limits", () => {
  const other = MeetingId.make("6911188411932033029")

  const limited = <A, E>(program: Effect.Effect<A, E, World>) =>
    program.pipe(
      Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
      Effect.provide(
        Simulator.layer({ meetings: [id, other].map((id) => ({ id, host: "ou_alice", participants: ["ou_bob"] })) })
      )
    )

  const crowd = (meetingId: MeetingId.MeetingId) =>
    Effect.forkChild(Effect.replicateEffect(
      Effect.ignore(Meetings.swapHost(meetingId, { expected: bob, desired: bob })),
      2_000,
      { concurrency: "unbounded" }
    ))

  it.effect(
    "waits for admission longer than its attempt timeout, and its effect stays certain",
    () =>
      Effect.gen(function*() {
        yield* crowd(id)
        yield* TestClock.adjust(1)
        const policy = Cas.Policy.make({ deadline: "1 hour", attemptTimeout: "1 second" })
        const fiber = yield* Effect.forkChild(Meetings.setHost(id, bob, { hint: alice, policy }))
        yield* TestClock.adjust("3 minutes")
        const report = yield* Fiber.join(fiber)
        assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied", swaps: 1 })
        assert.isAbove(Duration.toMillis(report.elapsed), 60_000)
      }).pipe(limited)
  )

  it.effect("that is not admitted before the deadline was not sent", () =>
    Effect.gen(function*() {
      yield* crowd(id)
      yield* TestClock.adjust(1)
      const fiber = yield* Effect.forkChild(Effect.flip(Meetings.setHost(id, bob, { hint: alice })))
      yield* TestClock.adjust("30 seconds")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude<object>(error, { _tag: "CasExhausted", limit: "deadline" })
      assert.strictEqual("report" in error && error.report.effect, "none")
      assert.strictEqual((yield* Simulator.Simulator.use(({ host }) => host(id)))?.openId, "ou_alice")
    }).pipe(limited))

  describe("whose request is replayed after a rejected token", () => {
    /** The first requests get a rejected token and a 429, so that no request is admitted for 25 seconds. */
    const delayed = <A, E>(program: Effect.Effect<A, E, World>) =>
      Effect.gen(function*() {
        const held = yield* Effect.forkChild(program)
        yield* Effect.forkChild(Effect.delay(Meetings.swapHost(other, { expected: bob, desired: bob }), 1))
        yield* TestClock.adjust("1 minute")
        return yield* Fiber.join(held)
      }).pipe(
        Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
        Effect.provide(Simulator.layer({
          latency: "100 millis",
          meetings: [id, other].map((id) => ({ id, host: "ou_alice", participants: ["ou_bob"] })),
          faults: [
            { endpoint: "set_host", nth: 0, fault: { _tag: "RejectToken", status: 400 } },
            { endpoint: "set_host", nth: 1, fault: { _tag: "Throttle", reset: 25, status: 429 } }
          ]
        }))
      )

    it.effect("has no effect if the replay is not admitted in time", () =>
      Effect.gen(function*() {
        const policy = { ...Cas.Policy.once, deadline: "20 seconds" } as const
        const error = yield* Effect.flip(Meetings.setHost(id, bob, { hint: alice, policy }))
        assert.deepInclude<object>(error, { _tag: "CasExhausted", limit: "deadline" })
        assert("report" in error)
        assert.deepInclude<object>(error.report, { effect: "none", swaps: 1 })
      }).pipe(delayed))

    it.effect("waits for admission within one attempt, longer than its timeout", () =>
      Effect.gen(function*() {
        const policy = Cas.Policy.make({ onUnknown: "neverResend" })
        const { attempts, ...report } = yield* Meetings.setHost(id, bob, { hint: alice, policy })
        assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied" })
        assert.deepStrictEqual(attempts.map(({ answer }) => answer._tag), ["Applied"])
        assert.isAbove(Duration.toMillis(attempts[0]?.at ?? 0), 20_000)
      }).pipe(delayed))

    it.effect("waits without a limit if it is a swapHost", () =>
      Effect.gen(function*() {
        const [took, outcome] = yield* Effect.timed(Meetings.swapHost(id, { expected: alice, desired: bob }))
        assert.strictEqual(outcome._tag, "Applied")
        assert.isAbove(Duration.toMillis(took), 25_000)
      }).pipe(delayed))
  })

  it.effect("for a quiet meeting does not wait behind a busy meeting", () =>
    Effect.gen(function*() {
      yield* crowd(id)
      yield* TestClock.adjust(1)
      const fiber = yield* Effect.forkChild(Meetings.setHost(other, bob, { hint: alice }))
      yield* TestClock.adjust("1 second")
      assert.isDefined(fiber.pollUnsafe())
    }).pipe(limited))
})
