/**
 * What the log says of an error.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"

/** The name of an error; its message may contain personal data. */
export const nameOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") ? String(error._tag) : error instanceof Error ? error.name : typeof error
