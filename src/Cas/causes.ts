/**
 * Why the engine ended an attempt itself.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import { inWords } from "./words.ts"

/**
 * An attempt was cut: no answer came within `attemptTimeout` after its request had left.
 *
 * @since 0.1.0
 * @category causes
 */
export class AttemptTimeout extends Data.TaggedError("CasAttemptTimeout")<{
  /** The timeout, in milliseconds. */
  readonly millis: number
}> {
  override get message() {
    return `no answer within ${inWords(this.millis)}`
  }
}

/**
 * An attempt was cut: the deadline passed while its request waited for an answer.
 *
 * @since 0.1.0
 * @category causes
 */
export class AttemptPastDeadline extends Data.TaggedError("CasAttemptPastDeadline")<{
  /** The deadline, in milliseconds after the call. */
  readonly millis: number
}> {
  override get message() {
    return `no answer before the deadline of ${inWords(this.millis)}`
  }
}

/**
 * An attempt was cut while it was held: its request could not leave before the deadline, less `minAttempt`.
 *
 * @since 0.1.0
 * @category causes
 */
export class AttemptHeld extends Data.TaggedError("CasAttemptHeld")<{
  /** The deadline, in milliseconds after the call. */
  readonly millis: number
}> {
  override get message() {
    return `held back, for a token or a rate limit, up to the deadline of ${inWords(this.millis)}`
  }
}

/**
 * Why the engine ended an attempt itself.
 *
 * @since 0.1.0
 * @category causes
 */
export type AttemptCut = AttemptTimeout | AttemptPastDeadline | AttemptHeld
