/**
 * How an operation fails, apart from the terminal errors of the register.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import type { AttemptCut } from "./causes.ts"
import { nothingDone } from "./nothingDone.ts"
import type { Limit } from "./reducer.ts"
import type { FailureReport } from "./Report.ts"
import { plural } from "./words.ts"

/**
 * Who can do something about an error.
 *
 * **Details**
 *
 * - `caller`: the call is wrong, or the caller has no right to it.
 * - `conflict`: somebody else changed the value.
 * - `setup`: the application, its configuration or its permissions, or the register.
 * - `platform`: the server, the network, throttling, a quota.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind = "caller" | "conflict" | "setup" | "platform"

/**
 * What an error proves of the request, or of the swaps of an operation.
 *
 * **Details**
 *
 * - `never`: not executed, and the same call would fail again.
 * - `wait`: not executed; the same call may succeed later.
 * - `token`: not executed; another token may help. Only a register's own errors have it.
 * - `unknown`: it may have been executed. `report.effect` of an operation is `unknown`.
 *
 * @since 0.1.0
 * @category models
 */
export type Retry = "never" | "wait" | "token" | "unknown"

interface Reporting {
  readonly report: FailureReport<unknown>
}

const retryOf = <R extends Retry>({ report }: Reporting, otherwise: R): R | "unknown" =>
  report.effect === "unknown" ? "unknown" : otherwise

/** What became of the swaps, and how many requests there were. */
const effectOf = ({ report }: Reporting): string => {
  const { attempts, effect, reads, swaps } = report
  const unsent = attempts.filter(({ answer }) => answer._tag === "Unsent").length
  const requests = `${plural(swaps, "swap")} and ${plural(reads, "read")}`
  const after = unsent === 0 ? requests : `${requests}, ${unsent} of them not executed`
  return `${effect === "unknown" ? "a swap may have taken effect" : "nothing was changed"} after ${after}.`
}

/**
 * Something ran out; `limit` says what.
 *
 * **Details**
 *
 * - `conflicts`, `transients`: that schedule of the policy ended.
 * - `swaps`, `deadline`: that bound of the policy was reached.
 * - `budget`: the retry budget, which operations share, was used up.
 *
 * `cause` is the cause of the last transient answer: the register's, or the engine's (`AttemptCut`) if it ended the attempt
 * itself. `kind` is `conflict` if the last attempt met a conflict, and `platform` otherwise.
 *
 * @since 0.1.0
 * @category errors
 */
export class Exhausted<out A = unknown, out Cause = unknown> extends Data.TaggedError("CasExhausted")<{
  readonly limit: Limit
  /** What ran out, in words. */
  readonly detail: string
  readonly cause?: unknown
  readonly report: FailureReport<unknown>
}> {
  declare readonly cause?: Cause | AttemptCut | undefined
  declare readonly report: FailureReport<A>
  get kind(): "conflict" | "platform" {
    return this.report.attempts.at(-1)?.answer._tag === "Conflict" ? "conflict" : "platform"
  }
  get retry(): "wait" | "unknown" {
    return retryOf(this, "wait")
  }
  override get message() {
    return `${this.detail}; ${effectOf(this)} Call again, or with wider bounds.`
  }
}

/**
 * The intent refused the value in place.
 *
 * **Details**
 *
 * `reason` is `Changed` (`handover`), `Protected` (`ensureUnless`), `NoCandidate` (`rotate`), or the intent's own.
 *
 * @since 0.1.0
 * @category errors
 */
export class Refused<out A = unknown> extends Data.TaggedError("CasRefused")<{
  /** The name of the intent. */
  readonly intent: string
  readonly reason: string
  /** The refusal in words. */
  readonly detail: string
  readonly actual: unknown
  readonly report: FailureReport<unknown>
}> {
  declare readonly actual: A
  declare readonly report: FailureReport<A>
  get kind(): "conflict" {
    return "conflict"
  }
  get retry(): "never" | "unknown" {
    return retryOf(this, "never")
  }
  override get message() {
    return `${this.detail}; ${effectOf(this)} Look at \`actual\` and decide again.`
  }
}

/**
 * Something newer took the place of this operation.
 *
 * **Details**
 *
 * Either a reply was lost, the value has changed since, and the policy is `stopIfMoved`. Or the operation waited in a queue,
 * and a later one was called with `latest`. `actual` is the value, if it was seen.
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
  get kind(): "conflict" {
    return "conflict"
  }
  get retry(): "never" | "unknown" {
    return retryOf(this, "never")
  }
  override get message() {
    return this.report.effect === "unknown"
      ? "A reply was lost, and the value has changed since; a swap may have taken effect. Look at `actual` and decide again."
      : "A later operation replaced this one in the queue; nothing was changed."
  }
}

/**
 * After a swap of unknown effect the target was not seen, and the policy is `neverResend`. `cause` is that of the last
 * transient answer.
 *
 * @since 0.1.0
 * @category errors
 */
export class Indeterminate<out A = unknown, out Cause = unknown> extends Data.TaggedError("CasIndeterminate")<{
  readonly cause?: unknown
  readonly report: FailureReport<unknown>
}> {
  declare readonly cause?: Cause | AttemptCut | undefined
  declare readonly report: FailureReport<A>
  get kind(): "platform" {
    return "platform"
  }
  get retry(): "unknown" {
    return "unknown"
  }
  override get message() {
    return "A reply was lost, and the policy does not send the swap again; a swap may have taken effect, or may do so later. "
      + "Read the value and decide again."
  }
}

/**
 * Nothing shows the current value: there was no hint, or a conflict did not show it, and no read did.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConflictWithoutState<out A = unknown> extends Data.TaggedError("CasConflictWithoutState")<{
  /** What is hidden, in words. */
  readonly detail: string
  readonly report: FailureReport<unknown>
}> {
  declare readonly report: FailureReport<A>
  get kind(): "setup" {
    return "setup"
  }
  get retry(): "never" | "unknown" {
    return retryOf(this, "never")
  }
  override get message() {
    return `${this.detail}; ${effectOf(this)} Pass a hint.`
  }
}

/**
 * The register answered with conflicts that show the very value that was expected, three times in a row.
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
  get kind(): "setup" {
    return "setup"
  }
  get retry(): "never" | "unknown" {
    return retryOf(this, "never")
  }
  override get message() {
    return `The register refuses the value that it shows itself; ${effectOf(this)} `
      + "Check that all values are of one kind, such as one id type."
  }
}

/**
 * A setting of the policy or of the call is invalid. No request was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidPolicy extends Data.TaggedError("CasInvalidPolicy")<{
  readonly setting: string
  readonly expected: string
  readonly received: string
}> {
  /** The report of an operation that never began. */
  readonly report: FailureReport<never> = nothingDone(Duration.zero)
  get kind(): "caller" {
    return "caller"
  }
  get retry(): "never" {
    return "never"
  }
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
export type CasError<A, Cause = unknown> =
  | Exhausted<A, Cause>
  | Refused<A>
  | Superseded<A>
  | Indeterminate<A, Cause>
  | ConflictWithoutState<A>
  | InconsistentRegister<A>
  | InvalidPolicy
