/** How an operation fails, apart from the terminal errors of the register. */
import type { YieldableError } from "effect/Cause"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import { type ExhaustedLimit, waitOf } from "./reducer.ts"
import { type FailureReport, inWords, neverBegan, plural } from "./Report.ts"

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
 * @stability stable
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
 * @stability stable
 * @category models
 */
export type Retry = "never" | "wait" | "token" | "unknown"

/**
 * The cause of an attempt that the engine ended itself.
 *
 * **Details**
 *
 * - `timeout`: no answer came within `attemptTimeout` after the request had left.
 * - `deadline`: the deadline passed while the request waited for an answer.
 * - `held`: the request could not leave before the deadline, less `minAttempt`.
 *
 * @stability stable
 * @category causes
 */
export class AttemptCut extends Data.TaggedError("CasAttemptCut")<{
  readonly reason: "timeout" | "deadline" | "held"
  /** The timeout, or the deadline after the call, in milliseconds. */
  readonly millis: number
}> {
  override get message() {
    const says = {
      timeout: "no answer within",
      deadline: "no answer before the deadline of",
      held: "held back, for a token or a rate limit, up to the deadline of"
    }
    return `${says[this.reason]} ${inWords(this.millis)}`
  }
}

/** What every error of an operation that began has. */
interface Failed {
  /** What happened, in words. */
  readonly detail: string
  readonly report: FailureReport<unknown>
}

interface FailedError<Tag, K, R> extends YieldableError {
  readonly _tag: Tag
  readonly kind: K
  readonly retry: R | "unknown"
  /** How long the last answer asked to wait. */
  readonly retryAfter: Duration.Duration | undefined
}

/** What became of the swaps, and how many requests there were. */
const effectOf = ({ attempts, effect, reads, swaps }: FailureReport<unknown>): string => {
  const unsent = attempts.filter(({ answer, sent }) => sent && answer._tag === "Unsent").length
  const requests = `${plural(swaps, "swap")} and ${plural(reads, "read")}`
  const after = unsent === 0 ? requests : `${requests}, ${unsent} of them not executed`
  return `${effect === "unknown" ? "a swap may have taken effect" : "nothing was changed"} after ${after}.`
}

/** The class of an error: its kind, what it proves if the effect is known, and what to do. */
const failed = <Tag extends string, K extends Kind, R extends Retry>(tag: Tag, kind: K, retry: R, advice: string) => {
  class Base extends Data.TaggedError(tag)<Failed> {
    get kind(): Kind {
      return kind
    }
    get retry() {
      return this.report.effect === "unknown" ? "unknown" : retry
    }
    get retryAfter() {
      const answer = this.report.attempts.at(-1)?.answer
      return answer?._tag === "Unsent" || answer?._tag === "Unknown" ? waitOf(answer) : undefined
    }
    override get message() {
      return `${this.detail}; ${effectOf(this.report)} ${advice}`
    }
  }
  // Data.TaggedError makes properties of all fields that it is given, and Base has the getters.
  return Base as unknown as new<Fields extends object = {}>(
    fields: Fields & Failed
  ) => FailedError<Tag, K, R> & Readonly<Fields & Failed>
}

/**
 * A bound of the operation was reached; `limit` names it.
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
 * @stability stable
 * @category errors
 */
export class Exhausted<out A = unknown, out Cause = unknown>
  extends failed<"CasExhausted", "conflict" | "platform", "wait">(
    "CasExhausted",
    "platform",
    "wait",
    "Call again, or with wider bounds."
  )<{ readonly limit: ExhaustedLimit; readonly cause?: unknown }>
{
  declare readonly cause?: Cause | AttemptCut | undefined
  declare readonly report: FailureReport<A>
  override get kind() {
    return this.report.attempts.at(-1)?.answer._tag === "Conflict" ? "conflict" : "platform"
  }
}

/**
 * The intent refused the value in place. `reason` is `Changed` (`handover`), `Protected` (`ensureUnless`), `NoCandidate`
 * (`rotate`, `prefer`), or the intent's own.
 *
 * @stability stable
 * @category errors
 */
export class Refused<out A = unknown>
  extends failed("CasRefused", "conflict", "never", "Look at `actual` and decide again.")<{
    /** The name of the intent. */
    readonly intent: string
    readonly reason: string
    readonly actual: unknown
  }>
{
  declare readonly actual: A
  declare readonly report: FailureReport<A>
}

/**
 * Something newer took the place of this operation. Either a reply was lost, the value has changed since, and the policy is
 * `stopIfMoved`. Or the operation waited in a queue, and a later one was called with `latest`. `actual` is the value, if it
 * was seen.
 *
 * @stability stable
 * @category errors
 */
export class Superseded<out A = unknown>
  extends failed("CasSuperseded", "conflict", "never", "Look at the value in place and decide again.")<{
    readonly actual: Option.Option<unknown>
  }>
{
  declare readonly actual: Option.Option<A>
  declare readonly report: FailureReport<A>
}

/**
 * After a swap of unknown effect the target was not seen, and the policy is `neverResend`. `cause` is that of the last
 * transient answer.
 *
 * @stability stable
 * @category errors
 */
export class Indeterminate<out A = unknown, out Cause = unknown>
  extends failed("CasIndeterminate", "platform", "unknown", "It may also take effect later. Read and decide again.")<{
    readonly cause?: unknown
  }>
{
  declare readonly cause?: Cause | AttemptCut | undefined
  declare readonly report: FailureReport<A>
}

/**
 * Nothing shows the current value: there was no hint, or a conflict did not show it, and no read did.
 *
 * @stability stable
 * @category errors
 */
export class ConflictWithoutState<out A = unknown>
  extends failed("CasConflictWithoutState", "setup", "never", "Pass a hint, or try again later.")
{
  declare readonly report: FailureReport<A>
}

/**
 * The register answered with conflicts that show the very value that was expected, three times in a row.
 *
 * @stability stable
 * @category errors
 */
export class InconsistentRegister<out A = unknown> extends failed(
  "CasInconsistentRegister",
  "setup",
  "never",
  "Check that all values are of one kind, such as one id type."
)<{ readonly actual: unknown }> {
  declare readonly actual: A
  declare readonly report: FailureReport<A>
}

/**
 * A setting of the policy or of the call is invalid. No request was sent.
 *
 * @stability stable
 * @category errors
 */
export class InvalidPolicy extends Data.TaggedError("CasInvalidPolicy")<{
  readonly setting: string
  readonly expected: string
  readonly received: string
}> {
  readonly report = neverBegan
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
 * @stability stable
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
