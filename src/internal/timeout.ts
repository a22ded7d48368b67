/**
 * `Effect.timeoutOrElse` for many concurrent effects with few distinct durations: one fiber sleeps for all effects of a
 * duration, where a race needs two fibers and a timer for each.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { constVoid, memoize } from "effect/Function"

interface Pending {
  /** In nanoseconds of the monotonic clock. */
  readonly deadline: bigint
  expire: () => void
}

/** Rounds up: clocks skip sleeps shorter than a millisecond. */
const wholeMillis = (nanos: bigint): Duration.Duration => Duration.millis(Math.ceil(Number(nanos) / 1_000_000))

/** The pending effects of one duration on one clock. */
const makeWatch = (clock: Clock.Clock, duration: Duration.Duration) => {
  const nanos = Duration.toNanosUnsafe(duration)
  // In the order of their deadlines, since all have one duration.
  const pending = new Set<Pending>()
  let watch: Fiber.Fiber<void> | undefined

  const watching: Effect.Effect<void> = Effect.suspend(() => {
    const now = clock.monotonicTimeNanosUnsafe()
    for (const one of pending) {
      if (one.deadline > now) return Effect.andThen(clock.sleep(wholeMillis(one.deadline - now)), watching)
      pending.delete(one)
      // In a fiber of its own: an observer that throws must not end the watch.
      Effect.runFork(Effect.sync(one.expire))
    }
    return Effect.void
  })

  return {
    add: (expire: () => void): Pending => {
      const one = { deadline: clock.monotonicTimeNanosUnsafe() + nanos, expire }
      pending.add(one)
      if (watch === undefined || watch.pollUnsafe() !== undefined) watch = Effect.runFork(watching)
      return one
    },
    delete: (one: Pending): void => {
      pending.delete(one)
      // The entry may be collected late and must not retain the call.
      one.expire = constVoid
      if (pending.size > 0) return
      // A timer without pending effects would keep the process alive.
      watch?.interruptUnsafe()
      watch = undefined
    }
  }
}

/** By milliseconds. */
const watchesOf = memoize((_: Clock.Clock) => new Map<number, ReturnType<typeof makeWatch>>())

/** Calls `expire` after the duration, unless the returned function is called before. */
export const startTimer = (clock: Clock.Clock, duration: Duration.Duration, expire: () => void): () => void => {
  const watches = watchesOf(clock)
  const millis = Duration.toMillis(duration)
  const watch = watches.get(millis) ?? makeWatch(clock, duration)
  watches.set(millis, watch)
  const pending = watch.add(expire)
  return () => watch.delete(pending)
}

/** Runs an effect; after the duration, interrupts it and then runs `orElse`. */
export const timeoutOrElse = <A, E, A2, E2>(
  self: Effect.Effect<A, E>,
  options: {
    readonly duration: Duration.Duration
    readonly orElse: () => Effect.Effect<A2, E2>
    /** Derives the context that the effect runs in; the caller's by default. */
    readonly context?: (caller: Context.Context<never>) => Context.Context<never>
  }
): Effect.Effect<A | A2, E | E2> =>
  Effect.withFiber((parent) =>
    Effect.callback<A | A2, E | E2>((resume) => {
      const fiber = Effect.runForkWith(options.context?.(parent.context) ?? parent.context)(self)
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return resume(exit)
      const interrupt = Fiber.interrupt(fiber)
      const stopTimer = startTimer(
        parent.getRef(Clock.Clock),
        options.duration,
        () => resume(Effect.andThen(interrupt, Effect.suspend(options.orElse)))
      )
      fiber.addObserver((exit) => {
        stopTimer()
        resume(exit)
      })
      return interrupt
    })
  )
