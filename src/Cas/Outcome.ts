/** What one request to a register can answer, as data. */
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/**
 * The swap was acknowledged.
 *
 * @stability stable
 * @category models
 */
export interface Applied<out A> {
  readonly _tag: "Applied"
  /** The value that the acknowledgement names, if it names one. It may be newer than the value that was written. */
  readonly current: Option.Option<A>
}

/**
 * The swap was not executed: the register does not hold the expected value.
 *
 * @stability stable
 * @category models
 */
export interface Conflict<out A> {
  readonly _tag: "Conflict"
  /** The value that the register holds, if the conflict shows it. */
  readonly actual: Option.Option<A>
}

/**
 * The request was not executed: throttled, connection refused, no token to send.
 *
 * @stability stable
 * @category models
 */
export interface Unsent<out Cause = unknown> {
  readonly _tag: "Unsent"
  /** The wait that the server asks for. */
  readonly after: Option.Option<Duration.Duration>
  readonly cause: Cause | undefined
}

/**
 * The request may have been executed: the reply was lost, came too late, or came from a failing server.
 *
 * @stability stable
 * @category models
 */
export interface Unknown<out Cause = unknown> {
  readonly _tag: "Unknown"
  readonly cause: Cause | undefined
  /** The wait that the server, or a gateway, asks for. */
  readonly after?: Duration.Duration | undefined
}

/**
 * A read succeeded.
 *
 * @stability stable
 * @category models
 */
export interface Observed<out A> {
  readonly _tag: "Observed"
  /** The value of the register; none if it holds nothing that can be an expected value. */
  readonly value: Option.Option<A>
}

/**
 * The answer to one swap.
 *
 * @stability stable
 * @category models
 */
export type Outcome<A, Cause = unknown> = Applied<A> | Conflict<A> | Unsent<Cause> | Unknown<Cause>

/**
 * The answer to one read.
 *
 * @stability stable
 * @category models
 */
export type Observation<A, Cause = unknown> = Observed<A> | Unsent<Cause> | Unknown<Cause>

/**
 * An acknowledged swap whose acknowledgement names no value.
 *
 * @stability stable
 * @category constructors
 */
export const applied: Applied<never> = { _tag: "Applied", current: Option.none() }

/**
 * An acknowledged swap whose acknowledgement names the current value.
 *
 * @stability stable
 * @category constructors
 */
export const appliedWith = <A>(current: A): Applied<A> => ({ _tag: "Applied", current: Option.some(current) })

/**
 * A conflict that shows the value of the register.
 *
 * @stability stable
 * @category constructors
 */
export const conflict = <A>(actual: A): Conflict<A> => ({ _tag: "Conflict", actual: Option.some(actual) })

/**
 * A conflict that does not show the value of the register.
 *
 * @stability stable
 * @category constructors
 */
export const conflictWithoutState: Conflict<never> = { _tag: "Conflict", actual: Option.none() }

/**
 * A request that was not executed.
 *
 * @stability stable
 * @category constructors
 */
export const unsent = <Cause = never>(options?: {
  readonly after?: Duration.Duration | undefined
  readonly cause?: Cause | undefined
}): Unsent<Cause> => ({ _tag: "Unsent", after: Option.fromUndefinedOr(options?.after), cause: options?.cause })

/**
 * A request that may have been executed.
 *
 * @stability stable
 * @category constructors
 */
export const unknown = <Cause = never>(cause?: Cause, after?: Duration.Duration): Unknown<Cause> =>
  after === undefined ? { _tag: "Unknown", cause } : { _tag: "Unknown", cause, after }

/**
 * A read that found a value.
 *
 * @stability stable
 * @category constructors
 */
export const observed = <A>(value: A): Observed<A> => ({ _tag: "Observed", value: Option.some(value) })

/**
 * A read that found no value.
 *
 * @stability stable
 * @category constructors
 */
export const observedNothing: Observed<never> = { _tag: "Observed", value: Option.none() }
