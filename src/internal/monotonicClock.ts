/** A clock whose wall time cannot be set, for code of Effect that measures durations by it: limiter, breaker, cache. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { memoize } from "effect/Function"

/** Its wall time is that of the first use, plus the monotonic time since. Memoized, so that all times have one offset. */
const monotonicClock = memoize((clock: Clock.Clock): Clock.Clock => {
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
})

export const onMonotonicClock = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(self, Clock.Clock, monotonicClock)

/** Milliseconds that setting the wall clock does not change. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
