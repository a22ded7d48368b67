/**
 * The timeouts of concurrent requests.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Fiber, Layer, Redacted } from "effect"
import { Cas, Lark, Meetings, UserToken } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { countedClock } from "./fixtures/countedClock.ts"
import * as platform from "./fixtures/http/platform.ts"
import { alice, bob, id } from "./fixtures/World.ts"

const asAlice = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))
const end = asAlice(Meetings.end(id))

/** The time at which a request fails. */
const failing = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.andThen(Effect.flip(program), Clock.currentTimeMillis)

describe.each(platform.clients)("through %s,", (client) => {
  const feishu = (answer: Parameters<typeof platform.make>[0], token?: Parameters<typeof platform.make>[1]) =>
    Layer.provide(Lark.layer(platform.app), platform.make(answer, token).through(client))

  const silent = feishu(() => Effect.never)

  describe("a deadline", () => {
    it.effect("runs for each request by itself", () =>
      Effect.gen(function*() {
        const fibers: Array<Fiber.Fiber<number, unknown>> = []
        for (let i = 0; i < 5; i++) {
          fibers.push(yield* Effect.forkChild(failing(end)))
          yield* TestClock.adjust("3 seconds")
        }
        yield* TestClock.adjust("1 minute")
        const ended = yield* Effect.forEach(fibers, Fiber.join)
        assert.deepStrictEqual(ended, [10_000, 13_000, 16_000, 19_000, 22_000])
      }).pipe(Effect.provide(silent)))

    it.effect("survives the end or interruption of other requests", () =>
      Effect.gen(function*() {
        const early = yield* Effect.forkChild(failing(end))
        yield* TestClock.adjust("1 second")
        const answered = yield* Effect.forkChild(Meetings.get(id))
        const late = yield* Effect.forkChild(failing(end))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* Fiber.join(answered)).id, id)
        yield* Fiber.interrupt(early)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* Fiber.join(late), 11_000)
      }).pipe(
        Effect.provide(
          feishu(({ method }) =>
            method === "GET"
              ? Effect.delay(Effect.succeed(platform.ok({ meeting: { id } })), "2 seconds")
              : Effect.never
          )
        )
      ))

    it.effect("starts with its request, even after another has expired", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.all([failing(end), failing(end), failing(end)]))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* Fiber.join(fiber), [10_000, 20_000, 30_000])
      }).pipe(Effect.provide(silent)))

    it.effect("that is shorter expires first, even if it started later", () =>
      Effect.gen(function*() {
        const call = yield* Effect.forkChild(failing(end))
        yield* TestClock.adjust("500 millis")
        const mint = yield* Effect.forkChild(failing(Meetings.get(id)))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual([yield* Fiber.join(mint), yield* Fiber.join(call)], [9_500, 10_000])
      }).pipe(Effect.provide(feishu(() => Effect.never, () => Effect.never))))

    it.effect("claims the same of a swap, whether it or the engine's is the shorter one", () =>
      Effect.gen(function*() {
        const claims: Array<unknown> = []
        for (const attemptTimeout of ["9999 millis", "10 seconds", "10001 millis"] as const) {
          const policy = { ...Cas.Policy.standard, transient: Cas.Policy.once.transient, attemptTimeout }
          const fiber = yield* Effect.forkChild(Effect.flip(Meetings.setHost(id, bob, { hint: alice, policy })))
          yield* TestClock.adjust("11 seconds")
          const error = yield* Fiber.join(fiber)
          if (error._tag !== "CasExhausted") return assert.fail(error._tag)
          const { kind, limit, report, retry } = error
          claims.push([
            kind,
            limit,
            retry,
            report.effect,
            report.swaps,
            report.attempts.map(({ answer }) => answer._tag)
          ])
        }
        const claim = ["platform", "transients", "unknown", "unknown", 1, ["Unknown"]]
        assert.deepStrictEqual(claims, [claim, claim, claim])
      }).pipe(Effect.provide(silent)))

    it.effect("uses the clock of its caller", () =>
      Effect.gen(function*() {
        const stuck = yield* Effect.forkChild(Effect.provide(end, TestClock.layer()))
        yield* TestClock.adjust("1 second")
        const fiber = yield* Effect.forkChild(failing(end))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), 11_000)
        yield* Fiber.interrupt(stuck)
      }).pipe(Effect.provide(silent)))

    it.effect("expires for all requests, even if an observer throws", () =>
      Effect.gen(function*() {
        const throwing = yield* Effect.forkChild(failing(end))
        throwing.addObserver(() => {
          throw new Error("as an application's own code may")
        })
        const fibers = [yield* Effect.forkChild(failing(end))]
        yield* TestClock.adjust("1 second")
        fibers.push(yield* Effect.forkChild(failing(end)))
        yield* TestClock.adjust("11 seconds")
        fibers.push(yield* Effect.forkChild(failing(end)))
        yield* TestClock.adjust("1 minute")
        const ended = fibers.map((fiber) => fiber.pollUnsafe()).map((exit) => exit?._tag === "Success" && exit.value)
        assert.deepStrictEqual(ended, [10_000, 11_000, 22_000])
      }).pipe(Effect.provide(silent)))

    it.effect("expires on a clock that has less precision than its timers", () =>
      Effect.gen(function*() {
        const start = Date.UTC(2026, 0, 1)
        yield* TestClock.setTime(start)
        const fiber = yield* Effect.forkChild(failing(end))
        yield* TestClock.adjust(Duration.millis(0.3))
        yield* TestClock.adjust("1 minute")
        assert.approximately(yield* Fiber.join(fiber), start + 10_000, 1)
      }).pipe(Effect.provide(silent)))

    it.effect("needs one sleep for all requests, and none without requests", () => {
      const gate = Deferred.makeUnsafe<platform.Answer>()
      return Effect.gen(function*() {
        const { calls, clock } = yield* countedClock
        const all = Effect.all(Array.from({ length: 50 }, () => end), { concurrency: "unbounded", discard: true })
        const fiber = yield* Effect.forkChild(Effect.provideService(all, Clock.Clock, clock))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(calls, { sleeping: 1, slept: 1 })
        yield* Deferred.succeed(gate, platform.ok({}))
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(calls, { sleeping: 0, slept: 1 })
      }).pipe(Effect.provide(feishu(() => Deferred.await(gate))))
    })
  })
})

describe("a deadline", () => {
  it.effect("waits for the interrupted request to end", () => {
    const seen: Array<string> = []
    const stubborn = Effect.onInterrupt(
      Effect.never,
      () => Effect.andThen(Effect.sleep("3 seconds"), Effect.sync(() => seen.push("ended")))
    )
    return Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.tap(failing(end), () => Effect.sync(() => seen.push("failed"))))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), 13_000)
      assert.deepStrictEqual(seen, ["ended", "failed"])
    }).pipe(Effect.provide(Layer.provide(Lark.layer(platform.app), platform.make(() => stubborn).layer)))
  })
})
