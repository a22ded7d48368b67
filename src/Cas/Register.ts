/** The port of the engine: a value that can be compared and swapped. */
import type * as Effect from "effect/Effect"
import type * as Equivalence from "effect/Equivalence"
import type { Observation, Outcome } from "./Outcome.ts"
import type { FailureReport } from "./Report.ts"

/**
 * A value with a conditional write, and a read where there is one.
 *
 * **Details**
 *
 * - `swap` sends one request. It fails only with terminal errors, which no retry can change. Every other answer is an
 *   `Outcome`.
 * - `read` is used when nothing shows the value: at the start without a hint, after a conflict that does not show it, and
 *   to confirm a hint before the operation ends on it. Its terminal errors end the operation.
 *
 * @stability stable
 * @category models
 */
export interface Register<A, out E = never, out R = never, out Cause = unknown> {
  /**
   * Whether two values are the same state. Compare versions only if both values have one, and give targets none: a target
   * with the version that it was made from would be equal to the current value, and so be taken for reached.
   */
  readonly equals: Equivalence.Equivalence<A>
  readonly read?: Effect.Effect<Observation<A, Cause>, E, R> | undefined
  readonly swap: (expected: A, desired: A) => Effect.Effect<Outcome<A, Cause>, E, R>
  /**
   * What a terminal error of `swap` means beyond the ordinary, which is that the swap was not executed.
   *
   * - `unavailable`: this target cannot be set, another may. `rotate` and `prefer` go on with the next
   *   candidate.
   * - `uncertain`: the swap may have been executed.
   */
  classifyError?(error: E): "unavailable" | "uncertain" | undefined
  readonly words?: Words | undefined
}

/**
 * How messages speak of a register.
 *
 * @stability stable
 * @category models
 */
export interface Words {
  /** What the register holds: `the value` unless given. Begins with a small letter. */
  readonly value?: string | undefined
  /** Why neither a conflict nor a read shows the value. A sentence without a full stop. */
  readonly hidden?: string | undefined
  /** By reason, what a refusal of an intent means (`Changed`, `Protected`, `NoCandidate`). Sentences without a full stop. */
  readonly refusals?: Readonly<Record<string, string>> | undefined
}

/**
 * A terminal error of the register: the same error under its own tag, with the report of the operation that it ended.
 *
 * **Gotchas**
 *
 * It is a copy, since the error may be in use elsewhere: an object of the same class with the same properties. Private
 * fields (`#code`) and the insides of built-in objects such as `DOMException` cannot be copied: wrap such an error.
 *
 * Where `report.effect` is `unknown`, so is the `retry` of an error that has one, whatever its type says: what the error proves
 * of its own request does not hold for the swaps before it.
 *
 * @stability stable
 * @category errors
 */
export type Reported<E, A> = E extends object ? E & { readonly report: FailureReport<A> } : E
