/** What `make-host` did, for programs: plain values, and times in milliseconds. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Cas from "../Cas.ts"
import type { MeetingUser } from "../MeetingUser.ts"

type User = MeetingUser<"open_id">

/** A tenth of a millisecond is more than a network shows. */
const millis = (duration: Duration.Duration): number => Math.round(Duration.toMillis(duration) * 10) / 10

const idOf = (user: Option.Option<User>): string | null => Option.getOrNull(Option.map(user, ({ id }) => id))

const tagOf = (cause: unknown): string | null =>
  cause === undefined ? null : Predicate.hasProperty(cause, "_tag") ? String(cause._tag) : "Error"

const answerOf = ({ answer }: Cas.Attempt<User>) => {
  switch (answer._tag) {
    case "Applied":
      return { answer: "applied", host: idOf(answer.current), error: null }
    case "Conflict":
      return { answer: "conflict", host: idOf(answer.actual), error: null }
    case "Observed":
      return { answer: "observed", host: idOf(answer.value), error: null }
    case "Unsent":
      return { answer: "notExecuted", host: null, error: tagOf(answer.cause) }
    case "Unknown":
      return { answer: "unknown", host: null, error: tagOf(answer.cause) }
    case "Terminal":
      return { answer: "failed", host: null, error: answer.error }
  }
}

const attemptOf = (attempt: Cas.Attempt<User>) => ({
  request: attempt._tag === "Swap" ? "swap" : "read",
  expected: attempt._tag === "Swap" ? attempt.expected.id : null,
  desired: attempt._tag === "Swap" ? attempt.desired.id : null,
  isFresh: attempt._tag === "Swap" ? attempt.fresh : null,
  ...answerOf(attempt),
  sent: attempt.sent,
  waitedMillis: millis(attempt.waited),
  atMillis: millis(attempt.at),
  tookMillis: millis(attempt.took)
})

export const json = (report: Cas.Evidence<User>) => ({
  swaps: report.swaps,
  reads: report.reads,
  freshConflicts: report.conflicts.fresh,
  staleConflicts: report.conflicts.stale,
  waitedMillis: millis(report.waited),
  elapsedMillis: millis(report.elapsed),
  attempts: report.attempts.map(attemptOf)
})
