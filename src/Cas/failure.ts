/**
 * The error of a failed operation.
 *
 * @internal
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { AttemptCut } from "./causes.ts"
import * as errors from "./errors.ts"
import type { Intent } from "./Intent.ts"
import type { Bounds } from "./Policy.ts"
import type * as reducer from "./reducer.ts"
import type { Reported, Words } from "./Register.ts"
import type { FailureReport } from "./Report.ts"
import { inWords, plural, withReason } from "./words.ts"

/** An empty object with the prototype of another. Of an error it is an error again, for `instanceof` and for inspection. */
const emptyLike = (value: object): object => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!(value instanceof Error)) return Object.create(Predicate.isObjectKeyword(prototype) ? prototype : null)
  // Creates the object as the class of `value` would, without running the constructors of the class.
  const Like = function() {}
  Like.prototype = prototype
  return Reflect.construct(Error, [], Like)
}

/** A copy with a report: of the same prototype, with the same own properties and stack. The error may be in use elsewhere. */
export const withReport = <E, A>(error: E, report: FailureReport<A>): Reported<E, A> => {
  // A primitive cannot have a report: for it, Reported<E, A> is E.
  if (!Predicate.isObjectKeyword(error)) return error as Reported<E, A>
  const own = Object.getOwnPropertyDescriptors(error)
  const stack = error instanceof Error
    // The getter that V8 defines for it works on the error itself alone.
    ? { stack: { value: error.stack, writable: true, configurable: true, enumerable: false } }
    : {}
  const copy = Object.defineProperties(emptyLike(error), {
    ...own,
    ...stack,
    report: { value: report, writable: false, configurable: true, enumerable: true }
  })
  // It has the properties and the prototype of E, and the report.
  return copy as Reported<E, A>
}

const detailOf = (
  { limit, wait }: Extract<reducer.Failure<unknown, unknown>, { readonly _tag: "Exhausted" }>,
  bounds: Bounds,
  cause: unknown
): string => {
  const deadline = `the deadline of ${inWords(bounds.deadline)}`
  switch (limit) {
    case "conflicts":
      return "The conflict schedule of the policy ended"
    case "transients":
      return "The transient schedule of the policy ended"
    case "budget":
      return "The retry budget is used up"
    case "swaps":
      return `The policy allows ${plural(bounds.maxSwaps, "swap")}`
    case "deadline":
      return Predicate.isTagged(cause, "CasAttemptPastDeadline") || Predicate.isTagged(cause, "CasAttemptHeld")
        ? `No time left: ${deadline} passed during an attempt`
        : wait > 0
        ? `No time left: ${deadline} does not allow a wait of ${inWords(Math.ceil(wait))} and another attempt`
        : `No time left: ${deadline} does not allow another attempt`
  }
}

/** The name of an error, for reports and metrics. */
export const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && typeof error._tag === "string"
    ? error._tag
    : error instanceof Error
    ? error.name
    : typeof error

/** What a refusal means, in words: the intent's own, the register's, or the engine's. */
const refusalOf = (
  intent: string,
  { detail, reason }: Extract<reducer.Failure<unknown, unknown>, { readonly _tag: "Refused" }>,
  words: Words | undefined
): string =>
  detail ?? words?.refusals?.[reason] ?? `${intent} refuses ${words?.value ?? "the value"} in place: ${reason}`

/** The error for a failure; `cause` is the cause of the last transient answer. */
export const errorOf = <A, E, Cause>(
  failed: reducer.Failure<A, E>,
  { bounds, cause, intent, report, words }: {
    readonly bounds: Bounds
    readonly intent: Intent<A>
    readonly words: Words | undefined
    readonly cause: Cause | AttemptCut | undefined
    readonly report: FailureReport<A>
  }
): Reported<E, A> | errors.CasError<A, Cause> => {
  switch (failed._tag) {
    case "Terminal":
      return withReport(failed.error, report)
    case "Exhausted":
      return new errors.Exhausted<A, Cause>({
        limit: failed.limit,
        detail: withReason(detailOf(failed, bounds, cause), cause),
        cause,
        report
      })
    case "Refused": {
      const detail = refusalOf(intent.name, failed, words)
      return new errors.Refused<A>({
        intent: intent.name,
        reason: failed.reason,
        detail,
        actual: failed.actual,
        report
      })
    }
    case "Superseded":
      return new errors.Superseded<A>({ actual: Option.some(failed.actual), report })
    case "Indeterminate":
      return new errors.Indeterminate<A, Cause>({ cause, report })
    case "ConflictWithoutState": {
      const detail = words?.hidden ?? `No conflict and no read shows ${words?.value ?? "the value"}`
      return new errors.ConflictWithoutState<A>({ detail, report })
    }
    case "InconsistentRegister":
      return new errors.InconsistentRegister<A>({ actual: failed.actual, report })
  }
}
