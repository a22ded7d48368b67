/**
 * When rounds begin, and what ends them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Queue, Result, Schedule, Stream } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { listed } from "./fixtures/Scenario.ts"
import { wallClock } from "./fixtures/wallClock.ts"

type Step = Effect.Effect<string, string | Cause.Done>

/** A round that goes through these steps, then succeeds for ever, and when each began, in milliseconds after the first. */
const scripted = (...steps: ReadonlyArray<Step>) => {
  const began: Array<number> = []
  let start: number | undefined
  const round: Step = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const step = steps[began.length]
    began.push(now - (start ??= now))
    return step ?? Effect.succeed("ok")
  })
  return { began, round }
}

/** Runs a stream for a time of the test clock: what it emitted, and how it ended. */
const runFor = Effect.fnUntraced(function*<A, E>(stream: Stream.Stream<A, E>, millis: number) {
  const emitted: Array<A> = []
  const fiber = yield* Effect.forkChild(Stream.runForEach(stream, (one) => Effect.sync(() => emitted.push(one))))
  yield* TestClock.adjust(millis)
  const exit = fiber.pollUnsafe()
  yield* Fiber.interrupt(fiber)
  return { emitted: emitted.map((one) => Result.isResult(one) ? Result.merge(one) : one), exit }
})

const ok = Effect.succeed("ok")
const bad = Effect.fail("bad")

describe("rounds", () => {
  it.effect("begin at once, and again after each wait of poll, which sees what the last one returned", () =>
    Effect.gen(function*() {
      const { began, round } = scripted(Effect.succeed("one"), Effect.succeed("two"))
      const polled: Array<string> = []
      const poll = listed<string>([1_000, 2_000], polled)
      const { emitted, exit } = yield* runFor(Cas.rounds(round, { poll }), 60_000)
      assert.deepStrictEqual(began, [0, 1_000, 3_000])
      assert.deepStrictEqual(emitted, ["one", "two", "ok"])
      assert.deepStrictEqual(polled, ["one", "two", "ok"])
      assert.deepStrictEqual(exit, Exit.void, "they end with poll")
    }))

  it.effect("are ten seconds apart unless poll says otherwise", () =>
    Effect.gen(function*() {
      const { began, round } = scripted()
      yield* runFor(Cas.rounds(round), 25_000)
      assert.deepStrictEqual(began, [0, 10_000, 20_000])
    }))

  it.effect("go on after a failure, when retry says; retry starts anew after a success", () =>
    Effect.gen(function*() {
      const { began, round } = scripted(bad, bad, ok, bad)
      const failed: Array<string> = []
      const { emitted } = yield* runFor(
        Cas.rounds(round, { poll: Schedule.spaced(10_000), retry: listed([100, 200, 300], failed) }),
        15_000
      )
      assert.deepStrictEqual(began, [0, 100, 300, 10_300, 10_400])
      assert.deepStrictEqual(emitted, ["bad", "bad", "ok", "bad", "ok"])
      assert.deepStrictEqual(failed, ["bad", "bad", "bad"])
    }))

  it.effect("are repeated within five seconds after a failure unless retry says otherwise", () =>
    Effect.gen(function*() {
      const { began, round } = scripted(...Array.from({ length: 200 }, () => bad))
      yield* runFor(Cas.rounds(round), 60_000)
      assert.isAbove(began.length, 12)
      began.slice(1).forEach((at, i) => assert.isAtMost(at - began[i]!, 5_000))
    }))

  it.effect("fail with the last error when retry ends, without emitting it", () =>
    Effect.gen(function*() {
      const { round } = scripted(bad, Effect.fail("worse"))
      const { emitted, exit } = yield* runFor(Cas.rounds(round, { retry: listed<string>([100], []) }), 60_000)
      assert.deepStrictEqual(emitted, ["bad"])
      assert.deepStrictEqual(exit, Exit.fail("worse"))
    }))

  it.effect("fail with an error that ends them", () =>
    Effect.gen(function*() {
      const { round } = scripted(bad, Effect.fail("fatal"))
      const { emitted, exit } = yield* runFor(Cas.rounds(round, { ends: (error) => error === "fatal" }), 60_000)
      assert.deepStrictEqual(emitted, ["bad"])
      assert.deepStrictEqual(exit, Exit.fail("fatal"))
    }))

  it.effect("end when a round is done", () =>
    Effect.gen(function*() {
      const { round } = scripted(ok, Cause.done())
      const { emitted, exit } = yield* runFor(Cas.rounds(round), 60_000)
      assert.deepStrictEqual(emitted, ["ok"])
      assert.deepStrictEqual(exit, Exit.void)
    }))

  it.effect("pass a defect on", () =>
    Effect.gen(function*() {
      const { round } = scripted(Effect.die("broken"))
      const { exit } = yield* runFor(Cas.rounds(round), 60_000)
      assert.deepStrictEqual(exit, Exit.die("broken"))
    }))

  it.effect("begin early when woken, once for all that woke them", () =>
    Effect.gen(function*() {
      const { began, round } = scripted(ok, Effect.delay(ok, 500))
      const events = yield* Queue.unbounded<number>()
      const fiber = yield* Effect.forkChild(
        Stream.runDrain(Cas.rounds(round, { wake: Stream.fromQueue(events), poll: Schedule.spaced(10_000) }))
      )
      yield* TestClock.adjust(3_000)
      yield* Queue.offer(events, 1)
      yield* TestClock.adjust(100)
      yield* Queue.offerAll(events, [2, 3, 4])
      yield* TestClock.adjust(20_000)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(began, [0, 3_000, 4_000, 14_000])
    }))

  it.effect("are woken no more often than once a second, however many elements come", () =>
    Effect.gen(function*() {
      const { began, round } = scripted()
      const wake = Stream.concat(Stream.never)(Stream.take(Stream.fromEffectRepeat(Effect.sleep(10)), 500))
      yield* runFor(Cas.rounds(round, { wake, poll: Schedule.spaced(10_000) }), 17_000)
      assert.deepStrictEqual(began, [0, 10, 1_010, 2_010, 3_010, 4_010, 5_010, 15_010])
    }))

  it.effect("are not woken after a failure before retry says so, and see then what woke them", () =>
    Effect.gen(function*() {
      const { began, round } = scripted(bad)
      const wake = Stream.make(1).pipe(Stream.concat(Stream.never), Stream.schedule(Schedule.spaced(100)))
      yield* runFor(
        Cas.rounds(round, { wake, retry: listed<string>([2_000], []), poll: Schedule.spaced(10_000) }),
        13_000
      )
      assert.deepStrictEqual(began, [0, 2_000, 12_000])
    }))

  it.effect("go on polling when wake ends or fails", () =>
    Effect.gen(function*() {
      for (const wake of [Stream.empty, Stream.fail("no events"), Stream.die("broken")]) {
        const { began, round } = scripted()
        yield* runFor(Cas.rounds(round, { wake, poll: Schedule.spaced(1_000) }), 2_500)
        assert.deepStrictEqual(began, [0, 1_000, 2_000])
      }
    }))

  it.effect.each([[1_000, [0, 3_000, 6_000]], [4_000, [0, 4_000]]] as const)(
    "wait as long as the error asks, and at least as long as retry says (%s ms)",
    ([millis, expected]) =>
      Effect.gen(function*() {
        const began: Array<number> = []
        const round = Effect.flatMap(Clock.currentTimeMillis, (now) => {
          began.push(now)
          return Effect.fail({ retryAfter: Duration.seconds(3) })
        })
        yield* runFor(Cas.rounds(round, { retry: Schedule.spaced(millis) }), 7_000)
        assert.deepStrictEqual<ReadonlyArray<number>>(began, expected)
      })
  )

  it.effect("keep to a schedule that reads the time when the wall clock is set back", () =>
    Effect.gen(function*() {
      const wall = yield* wallClock
      let began = 0
      const round = Effect.sync(() => {
        began++
        if (began === 2) wall.setBy(-3_600_000)
      })
      const poll = Schedule.upTo(Schedule.spaced(1_000), { duration: 2_500 })
      const fiber = yield* Stream.runDrain(Cas.rounds(round, { poll })).pipe(
        Effect.provideService(Clock.Clock, wall.clock),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([began, fiber.pollUnsafe()], [4, Exit.void])
    }))

  it.effect("keep to a retry that reads the time when the wall clock is set back", () =>
    Effect.gen(function*() {
      const wall = yield* wallClock
      let began = 0
      const round = Effect.suspend(() => {
        began++
        if (began === 2) wall.setBy(-3_600_000)
        return bad
      })
      const retry = Schedule.upTo(Schedule.spaced(1_000), { duration: 2_500 })
      const fiber = yield* Stream.runDrain(Cas.rounds(round, { retry })).pipe(
        Effect.provideService(Clock.Clock, wall.clock),
        Effect.forkChild
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([began, fiber.pollUnsafe()], [4, Exit.fail("bad")])
    }))

  it.effect("wait for their consumer", () =>
    Effect.gen(function*() {
      const { began, round } = scripted()
      yield* runFor(
        Cas.rounds(round, { poll: Schedule.spaced(1_000) }).pipe(Stream.tap(() => Effect.sleep(5_000))),
        13_000
      )
      assert.deepStrictEqual(began, [0, 6_000, 12_000])
    }))

  it.effect("stop with their consumer, a round under way included", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const round = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      yield* runFor(Cas.rounds(round), 1_000)
      assert.strictEqual(interrupted, 1)
    }))
})
