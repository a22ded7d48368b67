/** Claims of processes on a record. A claim has no time: it lapses by the monotonic clock of each process that waits for it. */
import type * as Clock from "effect/Clock"
import * as Equal from "effect/Equal"
import * as Schedule from "effect/Schedule"
import { monotonicMillis } from "./monotonicClock.ts"

/** How often a process that waits for a claim reads the record. */
export const polling = Schedule.jittered(
  Schedule.min([Schedule.exponential("50 millis", 1.5), Schedule.spaced("250 millis")])
)

/** For how many milliseconds this process has seen a claim unchanged. */
export const makeAge = <Claim>(clock: Clock.Clock): (claim: Claim) => number => {
  let seen: { readonly claim: Claim; readonly since: number } | undefined
  return (claim) => {
    const now = monotonicMillis(clock)
    if (seen === undefined || !Equal.equals(seen.claim, claim)) seen = { claim, since: now }
    return now - seen.since
  }
}
