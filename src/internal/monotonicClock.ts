/**
 * A clock whose wall time cannot be set, for code of Effect that measures durations by the wall time: limiter, breaker, cache.
 *
 * **Details**
 *
 * Its wall time is that of the first use of the given clock, plus the monotonic time since then. Sleeps and the monotonic
 * time are those of the given clock.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

const clocks = new WeakMap<Clock.Clock, Clock.Clock>()

const make = (clock: Clock.Clock): Clock.Clock => {
  const offset = clock.currentTimeNanosUnsafe() - clock.monotonicTimeNanosUnsafe()
  const currentTimeNanosUnsafe = () => offset + clock.monotonicTimeNanosUnsafe()
  const currentTimeMillisUnsafe = () => Number(currentTimeNanosUnsafe() / 1_000_000n)
  return {
    currentTimeNanosUnsafe,
    currentTimeMillisUnsafe,
    currentTimeNanos: Effect.sync(currentTimeNanosUnsafe),
    currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
}

/** One for each clock, so that all times come from one offset. */
const monotonicClock = (clock: Clock.Clock): Clock.Clock => {
  const known = clocks.get(clock) ?? make(clock)
  clocks.set(clock, known)
  return known
}

/** Runs an effect on the monotonic form of its clock. */
export const onMonotonicClock = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(self, Clock.Clock, monotonicClock)

/** Milliseconds that setting the wall clock does not change. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
