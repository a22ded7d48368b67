/**
 * A request that the webhook does not take.
 *
 * @internal
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** Who sent it learns the status, never the reason. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly status: 400 | 401 | 403 | 413 | 415 | 500
  readonly reason: string
}> {}

export const refuse = (status: Refused["status"], reason: string): Effect.Effect<never, Refused> =>
  Effect.fail(new Refused({ status, reason }))
