/**
 * The report of an operation that ended before its first request.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { FailureReport } from "./Report.ts"

export const nothingDone = (elapsed: Duration.Duration): FailureReport<never> => ({
  outcome: "failed",
  effect: "none",
  before: Option.none(),
  observed: Option.none(),
  attempts: [],
  swaps: 0,
  reads: 0,
  conflicts: { fresh: 0, stale: 0 },
  waited: Duration.zero,
  elapsed
})
