/**
 * What an operation did, attempt by attempt.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Formatter from "effect/Formatter"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { Observation, Outcome } from "./Outcome.ts"

/**
 * An answer that retrying cannot change, by its name. The error itself is in the error channel.
 *
 * @since 0.1.0
 * @category models
 */
export interface Terminal {
  readonly _tag: "Terminal"
  readonly error: string
}

/**
 * When an attempt was made: `at` since the call, after waiting for `waited`; the answer `took` so long to come.
 *
 * @since 0.1.0
 * @category models
 */
export interface Timing {
  readonly waited: Duration.Duration
  readonly at: Duration.Duration
  readonly took: Duration.Duration
}

/**
 * A swap that was tried. `fresh`: its expected value had not aged through a sleep, nor come as a hint.
 *
 * @since 0.1.0
 * @category models
 */
export interface SwapAttempt<out A> extends Timing {
  readonly _tag: "Swap"
  readonly expected: A
  readonly desired: A
  readonly fresh: boolean
  readonly answer: Outcome<A> | Terminal
}

/**
 * A read that was tried.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadAttempt<out A> extends Timing {
  readonly _tag: "Read"
  readonly answer: Observation<A> | Terminal
}

/**
 * One request of an operation, be it one that was not executed: its answer is `Unsent` then.
 *
 * @since 0.1.0
 * @category models
 */
export type Attempt<A> = SwapAttempt<A> | ReadAttempt<A>

/**
 * What every report says, of a success or of a failure.
 *
 * @since 0.1.0
 * @category models
 */
export interface Evidence<out A> {
  /**
   * Whether a swap of this operation took effect: `none` (it did not and will not), `applied` (it was acknowledged), or
   * `unknown` (a reply was lost, and nothing since has settled it).
   */
  readonly effect: "none" | "applied" | "unknown"
  /** The value that the acknowledged swap replaced. */
  readonly before: Option.Option<A>
  readonly attempts: ReadonlyArray<Attempt<A>>
  /** Swaps tried: those of `attempts`, `Unsent` ones among them. */
  readonly swaps: number
  /** Reads tried: those of `attempts`, `Unsent` ones among them. */
  readonly reads: number
  readonly conflicts: { readonly fresh: number; readonly stale: number }
  /** All sleeps together. */
  readonly waited: Duration.Duration
  /** From the call to the end, on the monotonic clock. */
  readonly elapsed: Duration.Duration
}

/**
 * The proof of a success.
 *
 * **Details**
 *
 * - `swapped`: a swap of this operation was acknowledged.
 * - `already`: the target was seen in place, by a request sent after the call began, before any swap was tried.
 * - `converged`: the target was seen in place after swaps that were not acknowledged. With `effect: "unknown"` it may
 *   have been put there by this operation, its reply lost.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report<out A> extends Evidence<A> {
  readonly outcome: "swapped" | "converged" | "already"
  /** The value in place when the operation ended, as the last answer showed it. */
  readonly after: A
}

/**
 * The report of an operation that failed. `observed` is the last value it saw.
 *
 * @since 0.1.0
 * @category models
 */
export interface FailureReport<out A> extends Evidence<A> {
  readonly outcome: "failed"
  readonly observed: Option.Option<A>
}

/**
 * The report of an operation that ended before its first request.
 *
 * @internal
 */
export const nothingDone = (elapsed: Duration.Duration): FailureReport<never> => ({
  outcome: "failed",
  effect: "none",
  before: Option.none(),
  observed: Option.none(),
  attempts: [],
  swaps: 0,
  reads: 0,
  conflicts: { fresh: 0, stale: 0 },
  waited: Duration.zero,
  elapsed
})

const show = (value: unknown): string =>
  typeof value === "string"
    ? value
    : Predicate.hasProperty(value, "id")
    ? String(value.id)
    : Formatter.format(value)

/** Short: the tag, code and reason of a tagged error, the message of any other. */
const reasonOf = (cause: unknown): string => {
  if (cause === undefined) return ""
  if (!Predicate.hasProperty(cause, "_tag")) return cause instanceof Error ? cause.message : String(cause)
  const code = Predicate.hasProperty(cause, "code") ? ` ${String(cause.code)}` : ""
  const reason = Predicate.hasProperty(cause, "reason") ? `: ${String(cause.reason)}` : ""
  return `${String(cause._tag)}${code}${reason}`
}

/** @internal */
export const withReason = (text: string, cause: unknown): string => {
  const reason = reasonOf(cause)
  return reason === "" ? text : `${text} (${reason})`
}

const milliseconds = (duration: Duration.Duration): string => {
  const value = Duration.toMillis(duration)
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`
}

const answerOf = <A>(attempt: Attempt<A>, format: (value: A) => string): string => {
  const answer = attempt.answer
  switch (answer._tag) {
    case "Applied":
      return "applied"
    case "Conflict": {
      const kind = attempt._tag === "Swap" && attempt.fresh ? "conflict" : "stale conflict"
      return Option.match(answer.actual, {
        onNone: () => `${kind}, current value not told`,
        onSome: (actual) => `${kind}, it is ${format(actual)}`
      })
    }
    case "Observed":
      return Option.match(answer.value, { onNone: () => "nothing there", onSome: (value) => `it is ${format(value)}` })
    case "Unsent":
      return withReason("not executed", answer.cause)
    case "Unknown":
      return withReason("unknown, it may have been executed", answer.cause)
    case "Terminal":
      return `failed: ${answer.error}`
  }
}

const plural = (n: number, word: string) => `${n} ${word}${n === 1 ? "" : "s"}`

/**
 * The report in plain words: a line for every wait and every request, and a last line that sums up.
 *
 * **Example** (Reading a report)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * const register: Cas.Register<string> = {
 *   equals: (a, b) => a === b,
 *   swap: () => Effect.succeed(Cas.applied)
 * }
 * const report = await Effect.runPromise(Cas.run(register, Cas.handover("alice", "bob")))
 * console.log(Cas.timeline(report).length) // => 2
 * console.log(report.outcome, report.effect) // => swapped applied
 * ```
 *
 * @since 0.1.0
 * @category rendering
 */
export const timeline = <A>(
  report: Report<A> | FailureReport<A>,
  format: (value: A) => string = show
): ReadonlyArray<string> => {
  const lines = report.attempts.flatMap((attempt) => {
    const at = milliseconds(attempt.at).padStart(9)
    const what = attempt._tag === "Swap" ? `swap ${format(attempt.expected)} -> ${format(attempt.desired)}` : "read"
    const line = `${at}  ${what}: ${answerOf(attempt, format)}, took ${milliseconds(attempt.took)}`
    return Duration.isZero(attempt.waited) ? [line] : [`${" ".repeat(9)}  wait ${milliseconds(attempt.waited)}`, line]
  })
  const value = report.outcome === "failed" ? "" : `, now ${format(report.after)}`
  return [
    ...lines,
    `${report.outcome}${value}: ${plural(report.swaps, "swap")}, ${plural(report.reads, "read")}, `
    + `${plural(report.conflicts.fresh, "fresh conflict")}, ${report.conflicts.stale} stale, `
    + `waited ${milliseconds(report.waited)} of ${milliseconds(report.elapsed)}, effect ${report.effect}`
  ]
}
