/** The attempts of an operation and their effect. */
import * as Duration from "effect/Duration"
import * as Formatter from "effect/Formatter"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { Observation, Outcome } from "./Outcome.ts"

/**
 * The answer to an attempt that ended with a terminal error. The error itself is in the error channel.
 *
 * @stability stable
 * @category models
 */
export interface Terminal {
  readonly _tag: "Terminal"
  /** The tag of the error, or its name. */
  readonly error: string
}

/**
 * One swap or read of an operation. The answer is `Unsent` if it was not executed.
 *
 * @stability stable
 * @category models
 */
export type Attempt<A, Cause = unknown> =
  & {
    /** Whether its request left: `false` if `Cas.hold` kept it back to the end. */
    readonly sent: boolean
    /** The sleep before it. */
    readonly waited: Duration.Duration
    /** From the call to the departure of the request. */
    readonly at: Duration.Duration
    /** From the departure of the request to its answer. */
    readonly took: Duration.Duration
  }
  & (
    | {
      readonly _tag: "Swap"
      readonly expected: A
      readonly desired: A
      /** Whether the expected value was used at once: not after a sleep, not held for longer than a round trip, no hint. */
      readonly fresh: boolean
      readonly answer: Outcome<A, Cause> | Terminal
    }
    | { readonly _tag: "Read"; readonly answer: Observation<A, Cause> | Terminal }
  )

/**
 * The part of a report that successes and failures share.
 *
 * @stability stable
 * @category models
 */
export interface Evidence<out A> {
  /**
   * Whether a swap of this operation took effect.
   *
   * - `none`: none did, and none will.
   * - `applied`: one was acknowledged.
   * - `unknown`: a reply was lost, and no later answer shows what became of the swap; or a swap met a conflict, and the target
   *   was seen since, or no value at all: a gateway may have sent that swap twice.
   */
  readonly effect: "none" | "applied" | "unknown"
  /** The value that the acknowledged swap replaced. */
  readonly before: Option.Option<A>
  readonly attempts: ReadonlyArray<Attempt<A>>
  /** The swaps of `attempts` whose request left. Of these, `Unsent` ones were not executed. */
  readonly swaps: number
  /** The reads of `attempts` whose request left. */
  readonly reads: number
  readonly conflicts: { readonly fresh: number; readonly stale: number }
  /** All sleeps together. */
  readonly waited: Duration.Duration
  /** From the call to the end, on the monotonic clock. */
  readonly elapsed: Duration.Duration
}

/**
 * The report of an operation that succeeded.
 *
 * @stability stable
 * @category models
 */
export interface Report<out A> extends Evidence<A> {
  /**
   * - `swapped`: a swap of this operation was acknowledged.
   * - `already`: the target was in place before any swap was tried.
   * - `converged`: the target was in place after swaps that were not acknowledged. If `effect` is `unknown`, one of them may
   *   have put it there.
   */
  readonly outcome: "swapped" | "converged" | "already"
  /** The value in place at the end, as the last answer showed it. */
  readonly after: A
}

/**
 * The report of an operation that failed.
 *
 * @stability stable
 * @category models
 */
export interface FailureReport<out A> extends Evidence<A> {
  readonly outcome: "failed"
  /** The last value that the operation saw. */
  readonly observed: Option.Option<A>
}

/**
 * The report of an operation that never began, for an error of its arguments.
 *
 * @stability stable
 * @category constructors
 */
export const neverBegan: FailureReport<never> = {
  outcome: "failed",
  effect: "none",
  before: Option.none(),
  observed: Option.none(),
  attempts: [],
  swaps: 0,
  reads: 0,
  conflicts: { fresh: 0, stale: 0 },
  waited: Duration.zero,
  elapsed: Duration.zero
}

/** Milliseconds as text: `58 ms`, `8 s`. */
export const inWords = (millis: number): string =>
  millis < 1_000 ? `${Math.round(millis)} ms` : `${Number((millis / 1_000).toFixed(1))} s`

export const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`

/** The tag, code and reason of a tagged error; the message of any other, and of the engine's own. */
const reasonOf = (cause: unknown): string => {
  if (cause === undefined) return ""
  const message = cause instanceof Error ? cause.message : String(cause)
  if (!Predicate.hasProperty(cause, "_tag") || cause._tag === "CasAttemptCut") return message
  const code = Predicate.hasProperty(cause, "code") ? ` ${String(cause.code)}` : ""
  const reason = Predicate.hasProperty(cause, "reason") ? `: ${String(cause.reason)}` : ""
  return `${String(cause._tag)}${code}${reason}`
}

export const withReason = (text: string, cause: unknown): string => {
  const reason = reasonOf(cause)
  return reason === "" ? text : `${text} (${reason})`
}

/** The text of a value unless a `format` is given. */
export const show = (value: unknown): string =>
  typeof value === "string"
    ? value
    : Predicate.hasProperty(value, "id")
    ? String(value.id)
    : Formatter.format(value)

export const milliseconds = (duration: Duration.Duration): string => {
  const value = Duration.toMillis(duration)
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`
}

export const requestOf = <A>(attempt: Attempt<A>, format: (value: A) => string): string =>
  attempt._tag === "Swap" ? `swap ${format(attempt.expected)} -> ${format(attempt.desired)}` : "read"

export const answerOf = <A>(attempt: Attempt<A>, format: (value: A) => string): string => {
  const answer = attempt.answer
  switch (answer._tag) {
    case "Applied":
      return "applied"
    case "Conflict": {
      const kind = attempt._tag === "Swap" && attempt.fresh ? "conflict" : "stale conflict"
      return Option.match(answer.actual, {
        onNone: () => `${kind}, current value not shown`,
        onSome: (actual) => `${kind}, it is ${format(actual)}`
      })
    }
    case "Observed":
      return Option.match(answer.value, { onNone: () => "no value", onSome: (value) => `it is ${format(value)}` })
    case "Unsent":
      return withReason("not executed", answer.cause)
    case "Unknown":
      return withReason("unknown, may have been executed", answer.cause)
    case "Terminal":
      return `failed: ${answer.error}`
  }
}

/** How the operation ended, its requests, and its times and effect. */
export const summaryOf = <A>(report: Report<A> | FailureReport<A>, format: (value: A) => string) => ({
  outcome: report.outcome === "failed" ? report.outcome : `${report.outcome}, now ${format(report.after)}`,
  requests: `${plural(report.swaps, "swap")}, ${plural(report.reads, "read")}, `
    + `${plural(report.conflicts.fresh, "fresh conflict")}, ${report.conflicts.stale} stale`,
  end: `waited ${milliseconds(report.waited)} of ${milliseconds(report.elapsed)}, effect ${report.effect}`
})

/**
 * The report in words: a line for every sleep and every request, and a summary.
 *
 * @stability stable
 * @category rendering
 */
export const timeline = <A>(
  report: Report<A> | FailureReport<A>,
  format: (value: A) => string = show
): ReadonlyArray<string> => {
  const lines = report.attempts.flatMap((attempt) => {
    const at = milliseconds(attempt.at).padStart(9)
    const line = `${at}  ${requestOf(attempt, format)}: ${answerOf(attempt, format)}, took ${
      milliseconds(attempt.took)
    }`
    return Duration.isZero(attempt.waited) ? [line] : [`${" ".repeat(9)}  wait ${milliseconds(attempt.waited)}`, line]
  })
  const { end, outcome, requests } = summaryOf(report, format)
  return [...lines, `${outcome}: ${requests}, ${end}`]
}
