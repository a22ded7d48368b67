/**
 * What a failed operation says in the error channel.
 *
 * @internal
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as errors from "./errors.ts"
import type { Intent } from "./Intent.ts"
import type { Limits } from "./Policy.ts"
import type * as reducer from "./reducer.ts"
import type { Reported } from "./Register.ts"
import { type FailureReport, withReason } from "./Report.ts"

const withReport = <E, A>(error: E, report: FailureReport<A>): Reported<E, A> => {
  if (!Predicate.isObjectKeyword(error)) {
    // A primitive cannot carry a report: for it, Reported<E, A> is E.
    return error as Reported<E, A>
  }
  // An error that already belongs to a report, or is frozen, may be shared: a copy leaves its owner's as it is.
  const target = Object.isExtensible(error) && !Object.hasOwn(error, "report") ? error : Object.create(error)
  // The property is defined right here, which makes the value a Reported<E, A>.
  return Object.defineProperty(target, "report", { value: report, enumerable: true }) as Reported<E, A>
}

const detailOf = (
  failed: Extract<reducer.Failure<unknown, unknown>, { readonly _tag: "Exhausted" }>,
  bounds: Limits
): string => {
  switch (failed.limit) {
    case "conflicts":
      return "The conflict schedule ended"
    case "transients":
      return "The transient schedule ended"
    case "budget":
      return "The retry budget, which all operations of this client share, is used up: the server is in trouble"
    case "swaps":
      return `All ${bounds.maxSwaps} swaps that the policy allows were tried`
    case "deadline":
      return failed.wait > 0
        ? `A wait of ${Math.ceil(failed.wait)} ms does not fit the deadline of ${bounds.deadline} ms`
        : `Too little is left of the deadline of ${bounds.deadline} ms`
  }
}

/** The name of an error, for reports and metrics. */
export const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && typeof error._tag === "string"
    ? error._tag
    : error instanceof Error
    ? error.name
    : typeof error

/** The error for a failure; `lastCause` is what the last transient answer, if there was one, gave as its cause. */
export const errorOf = <A, E>(
  failed: reducer.Failure<A, E>,
  { bounds, intent, lastCause, report }: {
    readonly bounds: Limits
    readonly intent: Intent<A>
    readonly lastCause: unknown
    readonly report: FailureReport<A>
  }
): Reported<E, A> | errors.CasError<A> => {
  switch (failed._tag) {
    case "Terminal":
      return withReport(failed.error, report)
    case "Exhausted":
      return new errors.Exhausted<A>({
        limit: failed.limit,
        detail: withReason(detailOf(failed, bounds), lastCause),
        cause: lastCause,
        report
      })
    case "Refused":
      return new errors.Refused<A>({ intent: intent.name, reason: failed.reason, actual: failed.actual, report })
    case "Superseded":
      return new errors.Superseded<A>({ actual: Option.some(failed.actual), report })
    case "Indeterminate":
      return new errors.Indeterminate<A>({ cause: lastCause, report })
    case "ConflictWithoutState":
      return new errors.ConflictWithoutState<A>({ report })
    case "InconsistentRegister":
      return new errors.InconsistentRegister<A>({ actual: failed.actual, report })
  }
}
