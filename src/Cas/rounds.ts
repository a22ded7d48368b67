/** An effect that is run again and again: by a schedule, early when it is woken, and later after a failure. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { makeTimeOfDay, millisOf, now } from "./monotonic.ts"
import { fullJitter } from "./Policy.ts"

/**
 * When the next round begins, and which failures end the rounds.
 *
 * @stability stable
 * @category models
 */
export interface RoundsOptions<in A, in E, out XE = never, out XR = never> {
  /** The wait after a round that succeeded, which is its input: 10 seconds unless given. When it ends, the rounds end. */
  readonly poll?: Schedule.Schedule<unknown, A, XE, XR> | undefined
  /**
   * The wait after a round that failed; the error is its input. Starts anew after a success. When it ends, the rounds fail
   * with that error. Unless given: random, up to 200 ms at first, doubled each time, up to 5 seconds, for ever. If the error
   * has a duration `retryAfter`, the wait is at least that.
   */
  readonly retry?: Schedule.Schedule<unknown, E, XE, XR> | undefined
  /**
   * Each element ends the wait of `poll`, not that of `retry`. Elements that come during a round, or within a second of the
   * last one that ended a wait, lead to one round more, however many they are. When the stream ends or fails, the schedules
   * alone count.
   */
  readonly wake?: Stream.Stream<unknown, unknown, XR> | undefined
  /** Whether the rounds fail with this error instead of going on. */
  readonly ends?: ((error: E) => boolean) | undefined
}

/** The milliseconds between two rounds that are woken: a flood of events must not become one of requests. */
const betweenWoken = 1_000

/**
 * Runs an effect again and again, and emits the result of each round, a failure included.
 *
 * **Details**
 *
 * One round runs at a time. A round that fails with `Cause.done()` ends the stream.
 *
 * **Gotchas**
 *
 * The next round begins when the consumer has taken the result of the last one. `Stream.buffer` separates them.
 *
 * **Example** (A failure is no end)
 *
 * ```ts
 * import { Effect, Ref, Result, Schedule, Stream } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * const program = Effect.gen(function*() {
 *   const count = yield* Ref.make(0)
 *   const round = Effect.flatMap(Ref.updateAndGet(count, (n) => n + 1), (n) => n === 2 ? Effect.fail("lost") : Effect.succeed(n))
 *   return yield* Cas.rounds(round, { poll: Schedule.spaced("1 millis") }).pipe(Stream.take(3), Stream.runCollect)
 * })
 * const results = await Effect.runPromise(program)
 * console.log(results.map(Result.merge).join(" ")) // => 1 lost 3
 * ```
 *
 * @stability stable
 * @category controllers
 */
export const rounds = <A, E, R, XE = never, XR = never>(
  round: Effect.Effect<A, E | Cause.Done, R>,
  options: RoundsOptions<A, E, XE, XR> = {}
): Stream.Stream<Result.Result<A, E>, E | XE, R | XR> =>
  Stream.unwrap(Effect.gen(function*() {
    const { ends, poll = Schedule.spaced("10 seconds"), retry = fullJitter, wake } = options
    const clock = yield* Clock.Clock
    const timeOfDay = makeTimeOfDay(clock)

    const woken = yield* Queue.sliding<void>(1)
    if (wake !== undefined) {
      const waking = Stream.runForEach(wake, () => Queue.offer(woken, undefined))
      yield* Effect.forkScoped(waking, { startImmediately: true })
    }

    let wokenAt = Number.NEGATIVE_INFINITY
    const awake = Effect.gen(function*() {
      yield* Queue.take(woken)
      yield* Effect.sleep(Math.max(0, betweenWoken - millisOf(now(clock) - wokenAt)))
      wokenAt = now(clock)
    })

    const stepPoll = yield* Schedule.toStep(poll)
    const toRetry = Schedule.toStep(retry)
    let stepRetry: Effect.Success<typeof toRetry> | undefined
    let wait: Effect.Effect<unknown, XE | Cause.Done, XR> = Effect.void

    const afterSuccess = (value: A) => {
      stepRetry = undefined
      wait = Effect.flatMap(
        Pull.catchDone(Effect.suspend(() => stepPoll(timeOfDay(), value)), () => Cause.done()),
        ([, delay]) => Effect.raceFirst(Effect.sleep(delay), awake)
      )
      return Result.succeed(value)
    }

    const afterFailure = (error: E) =>
      Effect.gen(function*() {
        if (ends?.(error) === true) return yield* Effect.fail(error)
        stepRetry ??= yield* toRetry
        const [, delay] = yield* Pull.catchDone(stepRetry(timeOfDay(), error), () => Effect.fail(error))
        const asked = Predicate.hasProperty(error, "retryAfter") ? error.retryAfter : undefined
        wait = Effect.sleep(Duration.isDuration(asked) ? Duration.max(delay, asked) : delay)
        return Result.fail(error)
      })

    const next = Effect.gen(function*() {
      yield* wait
      // What woke it before this round is seen by this round.
      yield* Queue.clear(woken)
      return yield* Effect.matchEffect(round, {
        onSuccess: (value): Effect.Effect<Result.Result<A, E>> => Effect.sync(() => afterSuccess(value)),
        onFailure: (error): Effect.Effect<Result.Result<A, E>, E | XE | Cause.Done, XR> =>
          Cause.isDone(error) ? Cause.done() : afterFailure(error)
      })
    })
    return Stream.fromEffectRepeat(next)
  }))
