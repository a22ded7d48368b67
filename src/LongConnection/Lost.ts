/** Why there is no connection. */
import * as Data from "effect/Data"

/** A connection ended, or did not come about. Another attempt may succeed. */
export class Lost extends Data.TaggedError("Lost")<{
  /** Without a secret: it is shown and logged. */
  readonly reason: string
  /** The code of the platform, if it sent one. */
  readonly code?: number | undefined
}> {}
