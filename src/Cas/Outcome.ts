/**
 * What one request to a register can answer, as data.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/**
 * The swap was acknowledged. `current` is the value the server named in its acknowledgement, if it named one: it may
 * already be newer than the value that was written.
 *
 * @since 0.1.0
 * @category models
 */
export interface Applied<out A> {
  readonly _tag: "Applied"
  readonly current: Option.Option<A>
}

/**
 * The swap certainly did not happen, because the register did not hold the expected value. `actual` is the value it
 * holds, if the server told.
 *
 * @since 0.1.0
 * @category models
 */
export interface Conflict<out A> {
  readonly _tag: "Conflict"
  readonly actual: Option.Option<A>
}

/**
 * The request was certainly not executed: throttled, connection refused, no token to send. `after` is the wait the
 * server asked for; `cause` is what happened, for people and logs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Unsent {
  readonly _tag: "Unsent"
  readonly after: Option.Option<Duration.Duration>
  readonly cause: unknown
}

/**
 * Nobody can say whether the request was executed: the reply was lost, timed out, or came from a failing server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Unknown {
  readonly _tag: "Unknown"
  readonly cause: unknown
}

/**
 * A read answered. `value` is none when the register holds nothing that can be named.
 *
 * @since 0.1.0
 * @category models
 */
export interface Observed<out A> {
  readonly _tag: "Observed"
  readonly value: Option.Option<A>
}

/**
 * The answer to one swap.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome<A> = Applied<A> | Conflict<A> | Unsent | Unknown

/**
 * The answer to one read.
 *
 * @since 0.1.0
 * @category models
 */
export type Observation<A> = Observed<A> | Unsent | Unknown

const nothing = Option.none<never>()

/**
 * An acknowledged swap that names no current value.
 *
 * @since 0.1.0
 * @category constructors
 */
export const applied: Applied<never> = { _tag: "Applied", current: nothing }

/**
 * An acknowledged swap whose reply names the current value.
 *
 * @since 0.1.0
 * @category constructors
 */
export const appliedWith = <A>(current: A): Applied<A> => ({ _tag: "Applied", current: Option.some(current) })

/**
 * A conflict that shows the value the register holds.
 *
 * @since 0.1.0
 * @category constructors
 */
export const conflict = <A>(actual: A): Conflict<A> => ({ _tag: "Conflict", actual: Option.some(actual) })

/**
 * A conflict that does not say what the register holds.
 *
 * @since 0.1.0
 * @category constructors
 */
export const conflictWithoutState: Conflict<never> = { _tag: "Conflict", actual: nothing }

/**
 * A request that was certainly not executed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unsent = (options?: {
  readonly after?: Duration.Duration | undefined
  readonly cause?: unknown
}): Unsent => ({ _tag: "Unsent", after: Option.fromUndefinedOr(options?.after), cause: options?.cause })

/**
 * A request of which nobody knows whether it was executed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unknown = (cause?: unknown): Unknown => ({ _tag: "Unknown", cause })

/**
 * A read that found a value.
 *
 * @since 0.1.0
 * @category constructors
 */
export const observed = <A>(value: A): Observed<A> => ({ _tag: "Observed", value: Option.some(value) })

/**
 * A read that found no value that could be named.
 *
 * @since 0.1.0
 * @category constructors
 */
export const observedNothing: Observed<never> = { _tag: "Observed", value: nothing }
