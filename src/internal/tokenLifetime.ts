/**
 * When a token is used and when it is renewed, in milliseconds of the clock that `issuedAt` is from.
 *
 * @internal
 */
import type * as Clock from "effect/Clock"

/** The times at which a call does something else with a token. */
export interface Lifetime {
  /** From here on calls wait for another token. */
  readonly usableUntil: number
  /** From here on a call starts a renewal in the background. */
  readonly renewFrom: number
  /** Until then a rejection does not replace a token that has itself replaced another. */
  readonly freshUntil: number
}

const second = 1_000
const minute = 60 * second

/** Unused in its last minute (the last tenth of a short life), so that it does not expire while a request is on its way. */
const margin = (duration: number) => Math.min(minute, duration / 10)

/** Renewed `renewal` before it expires, or in the last quarter of a short life. */
export const lifetime = (issuedAt: number, duration: number, renewal: number): Lifetime => ({
  usableUntil: issuedAt + duration - margin(duration),
  renewFrom: issuedAt + duration - Math.min(renewal, duration / 4),
  freshUntil: issuedAt + 30 * second
})

/** Setting the wall clock does not change it. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
