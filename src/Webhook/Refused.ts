/**
 * A request that the webhook refuses.
 *
 * @internal
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** The sender gets the status; the reason is logged. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly status: 400 | 401 | 403 | 408 | 413 | 415 | 500
  readonly reason: string
}> {}

export const refuse = (status: Refused["status"], reason: string): Effect.Effect<never, Refused> =>
  Effect.fail(new Refused({ status, reason }))
