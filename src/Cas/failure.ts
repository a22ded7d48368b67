/** The error of a failed operation. */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as errors from "./errors.ts"
import type { Failure, Rules } from "./reducer.ts"
import type { Reported, Words } from "./Register.ts"
import { type FailureReport, inWords, plural, withReason } from "./Report.ts"

/** An empty object with the prototype of another. For an error it is an error, for `instanceof` and for inspection. */
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
  const copy = Object.defineProperties(emptyLike(error), {
    ...Object.getOwnPropertyDescriptors(error),
    // The getter that V8 defines for it works on the error itself alone.
    ...error instanceof Error && { stack: { value: error.stack, writable: true, configurable: true } },
    report: { value: report, configurable: true, enumerable: true },
    // What the error proves of its own request is not what is known of the operation.
    ...report.effect === "unknown" && "retry" in error && { retry: { value: "unknown", configurable: true } }
  })
  // It has the properties and the prototype of E, and the report.
  return copy as Reported<E, A>
}

/** The name of an error, for reports and metrics. */
export const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && typeof error._tag === "string"
    ? error._tag
    : error instanceof Error
    ? error.name
    : typeof error

const detailOf = <A, E>(
  failure: Exclude<Failure<A, E>, { readonly _tag: "Terminal" }>,
  { deadline, intent, maxSwaps }: Rules<A>,
  { hidden, refusals, value = "the value" }: Words,
  cause: unknown
): string => {
  switch (failure._tag) {
    case "Exhausted": {
      const { limit, wait } = failure
      const time = `the deadline of ${inWords(deadline)}`
      const reasons = {
        conflicts: "the conflict schedule of the policy ended",
        transients: "the transient schedule of the policy ended",
        budget: "the retry budget is used up",
        swaps: `the policy allows ${plural(maxSwaps, "swap")}`,
        deadline: wait === "turn"
          ? `${time} passed in the queue`
          : cause instanceof errors.AttemptCut && cause.reason !== "timeout"
          ? `${time} passed during an attempt`
          : wait > 0
          ? `${time} does not allow a wait of ${inWords(Math.ceil(wait))} and another attempt`
          : `${time} does not allow another attempt`
      }
      return withReason(`Gave up on ${value}: ${reasons[limit]}`, cause)
    }
    case "Refused": {
      const { detail, reason } = failure
      return detail ?? refusals?.[reason] ?? `${intent.name} refuses ${value} in place: ${reason}`
    }
    case "Superseded":
      return Option.isSome(failure.actual)
        ? `A reply was lost, and ${value} has changed since`
        : `A later operation on ${value} replaced this one in the queue`
    case "Indeterminate":
      return `A reply was lost, and the policy does not swap ${value} again`
    case "ConflictWithoutState":
      return hidden ?? `No conflict and no read shows ${value}`
    case "InconsistentRegister":
      return `Three conflicts in a row show ${value} to be what was expected`
  }
}

/** The error for a failure; `cause` is the cause of the last transient answer. */
export const errorOf = <A, E, Cause>(
  failure: Failure<A, E>,
  { cause, report, rules, words = {} }: {
    readonly rules: Rules<A>
    readonly words: Words | undefined
    readonly cause: Cause | errors.AttemptCut | undefined
    readonly report: FailureReport<A>
  }
): Reported<E, A> | errors.CasError<A, Cause> => {
  if (failure._tag === "Terminal") return withReport(failure.error, report)
  const detail = detailOf(failure, rules, words, cause)
  switch (failure._tag) {
    case "Exhausted":
      return new errors.Exhausted<A, Cause>({ limit: failure.limit, cause, detail, report })
    case "Refused": {
      const { actual, reason } = failure
      return new errors.Refused<A>({ intent: rules.intent.name, reason, actual, detail, report })
    }
    case "Superseded":
      return new errors.Superseded<A>({ actual: failure.actual, detail, report })
    case "Indeterminate":
      return new errors.Indeterminate<A, Cause>({ cause, detail, report })
    case "ConflictWithoutState":
      return new errors.ConflictWithoutState<A>({ detail, report })
    case "InconsistentRegister":
      return new errors.InconsistentRegister<A>({ actual: failure.actual, detail, report })
  }
}
