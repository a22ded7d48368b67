/** Time that only goes forward. */
import type * as Clock from "effect/Clock"

/** Nanoseconds on the monotonic clock, exact for the first hundred days of the clock. */
export const now = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe())

export const millisOf = (nanos: number): number => nanos / 1_000_000

/** The time of day now, and later that plus the time since: schedules never see the clock set back. */
export const makeTimeOfDay = (clock: Clock.Clock): () => number => {
  const begunAt = now(clock)
  const calledAt = clock.currentTimeMillisUnsafe()
  return () => calledAt + millisOf(now(clock) - begunAt)
}
