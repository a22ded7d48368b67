/**
 * How an operation can fail, apart from the register's own terminal errors.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import type { Limit } from "./reducer.ts"
import { type FailureReport, nothingDone } from "./Report.ts"

const effectOf = (report: FailureReport<unknown>): string => {
  switch (report.effect) {
    case "none":
      return "nothing was changed"
    case "applied":
      return "a swap took effect"
    case "unknown":
      return "a swap may have taken effect"
  }
}

const countsOf = ({ attempts, reads, swaps }: FailureReport<unknown>): string => {
  const unsent = attempts.filter(({ answer }) => answer._tag === "Unsent").length
  return `${swaps} swaps and ${reads} reads${unsent === 0 ? "" : `, ${unsent} of them not executed`}`
}

/**
 * A bound was reached: `conflicts` and `transients` name the schedule that ended, `swaps` and `deadline` the bound of the
 * policy, `budget` the retry budget that many operations share. `cause` is the last transient cause, where there was one.
 *
 * @since 0.1.0
 * @category errors
 */
export class Exhausted<out A = unknown> extends Data.TaggedError("CasExhausted")<{
  readonly limit: Limit
  readonly detail: string
  readonly cause?: unknown
  readonly report: FailureReport<unknown>
}> {
  declare readonly report: FailureReport<A>
  override get message() {
    return `${this.detail}; ${effectOf(this.report)} after ${countsOf(this.report)}. `
      + "Call again, or give a policy with wider bounds."
  }
}

/**
 * The intent refused the value in place: `Changed` (handover), `Protected` (ensureUnless), or the intent's own reason.
 *
 * @since 0.1.0
 * @category errors
 */
export class Refused<out A = unknown> extends Data.TaggedError("CasRefused")<{
  readonly intent: string
  readonly reason: string
  readonly actual: unknown
  readonly report: FailureReport<unknown>
}> {
  declare readonly actual: A
  declare readonly report: FailureReport<A>
  override get message() {
    return `${this.intent} refused the current value (${this.reason}); ${effectOf(this.report)}. `
      + "Read `actual` and decide anew."
  }
}

/**
 * Something newer took the place of this operation: after a lost reply the value had moved on, and the policy is
 * `stopIfMoved`; or in a queue a later operation asked for `latest`. `actual` is the value, where it was seen.
 *
 * @since 0.1.0
 * @category errors
 */
export class Superseded<out A = unknown> extends Data.TaggedError("CasSuperseded")<{
  readonly actual: Option.Option<unknown>
  readonly report: FailureReport<unknown>
}> {
  declare readonly actual: Option.Option<A>
  declare readonly report: FailureReport<A>
  override get message() {
    return this.report.effect === "unknown"
      ? "A reply was lost and the value has moved on since; the swap may have taken effect in between. "
        + "Read `actual`; call again if the target is still wanted."
      : "A later operation took the place of this one while it waited for its turn; nothing was changed."
  }
}

/**
 * After an attempt of unknown effect the target was not seen, and the policy is `neverResend`.
 *
 * @since 0.1.0
 * @category errors
 */
export class Indeterminate<out A = unknown> extends Data.TaggedError("CasIndeterminate")<{
  readonly cause?: unknown
  readonly report: FailureReport<unknown>
}> {
  declare readonly report: FailureReport<A>
  override get message() {
    return "A reply was lost, the target was not seen since, and the policy forbids to send the swap again; "
      + "it may have taken effect, or may still. Read the value before you decide."
  }
}

/**
 * Nothing is known of the current value: there was no hint, or a conflict did not tell it, and no read could.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConflictWithoutState<out A = unknown> extends Data.TaggedError("CasConflictWithoutState")<{
  readonly report: FailureReport<unknown>
}> {
  declare readonly report: FailureReport<A>
  override get message() {
    return `The current value could not be learned; ${effectOf(this.report)}. `
      + "Pass a hint, or see to it that a conflict or a read may tell the value."
  }
}

/**
 * The register answers conflicts that name the very value that was expected, again and again.
 *
 * @since 0.1.0
 * @category errors
 */
export class InconsistentRegister<out A = unknown> extends Data.TaggedError("CasInconsistentRegister")<{
  readonly actual: unknown
  readonly report: FailureReport<unknown>
}> {
  declare readonly actual: A
  declare readonly report: FailureReport<A>
  override get message() {
    return `The register says that it does not hold the value it says it holds; ${effectOf(this.report)}. `
      + "Check that all values are of one kind (ids of one app and one id type)."
  }
}

/**
 * A setting of the policy or of the call makes no sense; no request was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidPolicy extends Data.TaggedError("CasInvalidPolicy")<{
  readonly setting: string
  readonly expected: string
  readonly received: string
}> {
  /** Of an operation that never began. */
  readonly report: FailureReport<never> = nothingDone(Duration.zero)
  override get message() {
    return `${this.setting} must be ${this.expected}, not ${this.received}; no request was sent.`
  }
}

/**
 * Every error of the engine itself.
 *
 * @since 0.1.0
 * @category errors
 */
export type CasError<A> =
  | Exhausted<A>
  | Refused<A>
  | Superseded<A>
  | Indeterminate<A>
  | ConflictWithoutState<A>
  | InconsistentRegister<A>
  | InvalidPolicy
