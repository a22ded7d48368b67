/**
 * Keeps the secrets of a request out of what is made of its answer.
 *
 * @internal
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

const inJson = (text: string) => JSON.stringify(text).slice(1, -1)

/** Raw and JSON-escaped. */
const spellings = (secret: Redacted.Redacted) => [Redacted.value(secret), inJson(Redacted.value(secret))]

/** Replaces the secrets in a text with `<redacted>`. */
export const redactor = (secrets: ReadonlyArray<Redacted.Redacted>) => (text: string): string => {
  // Escaping adds a backslash: without one in the text, no secret is escaped there.
  const values = text.includes("\\") ? secrets.flatMap(spellings) : secrets.map(Redacted.value)
  const repeated = values.filter((value) => value !== "" && text.includes(value))
  // Longest first: one secret may be the beginning of another.
  return repeated.sort((a, b) => b.length - a.length).reduce(
    (rest, value) => rest.replaceAll(value, "<redacted>"),
    text
  )
}

/** The data, or `undefined` if a secret is in it. */
export const omitIfSecret = (data: unknown, secrets: ReadonlyArray<Redacted.Redacted>): unknown => {
  // Data that is nested too deeply for JSON cannot be searched, and is left out.
  const text = Result.try(() => JSON.stringify(data) ?? "")
  const isIn = (secret: string) => Result.isFailure(text) || text.success.includes(inJson(secret))
  return secrets.some((secret) => isIn(Redacted.value(secret))) ? undefined : data
}
