/** Numbers and errors in messages. */
import * as Predicate from "effect/Predicate"

/** Milliseconds as text: `58 ms`, `8 s`. */
export const inWords = (millis: number): string =>
  millis < 1_000 ? `${Math.round(millis)} ms` : `${Number((millis / 1_000).toFixed(1))} s`

export const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`

/** The tag, code and reason of a tagged error; the message of any other, and of the engine's own. */
const reasonOf = (cause: unknown): string => {
  if (cause === undefined) return ""
  const message = cause instanceof Error ? cause.message : String(cause)
  if (!Predicate.hasProperty(cause, "_tag") || String(cause._tag).startsWith("CasAttempt")) return message
  const code = Predicate.hasProperty(cause, "code") ? ` ${String(cause.code)}` : ""
  const reason = Predicate.hasProperty(cause, "reason") ? `: ${String(cause.reason)}` : ""
  return `${String(cause._tag)}${code}${reason}`
}

/** Adds a cause in parentheses. */
export const withReason = (text: string, cause: unknown): string => {
  const reason = reasonOf(cause)
  return reason === "" ? text : `${text} (${reason})`
}
