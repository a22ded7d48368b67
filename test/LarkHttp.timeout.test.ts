/**
 * The deadlines of requests, many of which are under way at a time.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Fiber, Layer, Redacted } from "effect"
import { Lark, MeetingId, Meetings, UserToken } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { countedClock } from "./fixtures/countedClock.ts"
import * as platform from "./fixtures/http/platform.ts"

const id = MeetingId.make("6911188411932033028")
const asAlice = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))
const end = asAlice(Meetings.end(id))

/** A request that fails after a while, and when it did. */
const failing = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.andThen(Effect.flip(program), Clock.currentTimeMillis)

describe.each(platform.clients)("through %s,", (client) => {
  const feishu = (answer: Parameters<typeof platform.make>[0], token?: Parameters<typeof platform.make>[1]) =>
    Layer.provide(Lark.layer(platform.app), platform.make(answer, token).through(client))

  const silent = feishu(() => Effect.never)

  describe("a deadline", () => {
    it.effect("is that of each request, however many wait", () =>
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

    it.effect("of a request outlives that of one that was answered, or interrupted", () =>
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

    it.effect("of a request begins with it, be that when another's is over", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.all([failing(end), failing(end), failing(end)]))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* Fiber.join(fiber), [10_000, 20_000, 30_000])
      }).pipe(Effect.provide(silent)))

    it.effect("that is shorter comes first, though it began later", () =>
      Effect.gen(function*() {
        const call = yield* Effect.forkChild(failing(end))
        yield* TestClock.adjust("500 millis")
        const mint = yield* Effect.forkChild(failing(Meetings.get(id)))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual([yield* Fiber.join(mint), yield* Fiber.join(call)], [9_500, 10_000])
      }).pipe(Effect.provide(feishu(() => Effect.never, () => Effect.never))))

    it.effect("comes by the clock of its caller, even if another's stands still", () =>
      Effect.gen(function*() {
        const stuck = yield* Effect.forkChild(Effect.provide(end, TestClock.layer()))
        yield* TestClock.adjust("1 second")
        const fiber = yield* Effect.forkChild(failing(end))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), 11_000)
        yield* Fiber.interrupt(stuck)
      }).pipe(Effect.provide(silent)))

    it.effect("comes for all, even if one who hears of it throws", () =>
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

    it.effect("is not missed by a clock that counts the parts of milliseconds less exactly than its timers", () =>
      Effect.gen(function*() {
        const start = Date.UTC(2026, 0, 1)
        yield* TestClock.setTime(start)
        const fiber = yield* Effect.forkChild(failing(end))
        yield* TestClock.adjust(Duration.millis(0.3))
        yield* TestClock.adjust("1 minute")
        assert.approximately(yield* Fiber.join(fiber), start + 10_000, 1)
      }).pipe(Effect.provide(silent)))

    it.effect("costs one sleep for all, and none when nobody waits", () => {
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
  it.effect("ends a request before it fails", () => {
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
