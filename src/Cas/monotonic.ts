/** Time that only goes forward. */
import type * as Clock from "effect/Clock"

/** Nanoseconds on the monotonic clock, exact for the first hundred days of the clock. */
export const now = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe())

export const millisOf = (nanos: number): number => nanos / 1_000_000
