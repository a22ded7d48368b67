/**
 * The port of the engine: a value with a conditional write.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Equivalence from "effect/Equivalence"
import type { Observation, Outcome } from "./Outcome.ts"
import type { FailureReport } from "./Report.ts"

/**
 * A value that can be compared and swapped.
 *
 * **Details**
 *
 * - `swap` sends one request. Its errors are terminal: those that no retry can change. Everything else is an `Outcome`.
 * - `read`, where there is one, is used when nothing is known of the value: at the start without a hint, after a
 *   conflict that does not tell it, and to confirm a hint before the operation ends on it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Register<A, out E = never, out R = never> {
  /**
   * Whether two values are the same state. A target that carries the version it was made from is equal to it, and is taken
   * for reached: compare versions only where both values have one, and let targets have none.
   */
  readonly equals: Equivalence.Equivalence<A>
  readonly read?: Effect.Effect<Observation<A>, E, R> | undefined
  readonly swap: (expected: A, desired: A) => Effect.Effect<Outcome<A>, E, R>
  /**
   * What a terminal error of `swap` proves beyond the ordinary (the swap was not executed): `unavailable`, that only this
   * target cannot be, so that `rotate` tries the next; `doubtful`, that the swap may have been executed all the same.
   */
  proves?(error: E): "unavailable" | "doubtful" | undefined
}

/**
 * A terminal error of the register: the same error under its own tag, with the report of the operation it ended.
 *
 * @since 0.1.0
 * @category errors
 */
export type Reported<E, A> = E extends object ? E & { readonly report: FailureReport<A> } : E
