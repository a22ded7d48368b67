/**
 * Takes secrets out of what a server sends back.
 *
 * @internal
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

const inJson = (text: string) => JSON.stringify(text).slice(1, -1)

/** As it is, and as it stands in JSON. */
const spellings = (secret: Redacted.Redacted) => [Redacted.value(secret), inJson(Redacted.value(secret))]

/** Takes out of a text what it repeats of the secrets that a request held. */
export const concealer = (secrets: ReadonlyArray<Redacted.Redacted>) => (text: string): string => {
  // Without a backslash, nothing is spelled otherwise in JSON.
  const values = text.includes("\\") ? secrets.flatMap(spellings) : secrets.map(Redacted.value)
  const repeated = values.filter((value) => value !== "" && text.includes(value))
  // The longest first: what one begins with may be another.
  return repeated.sort((a, b) => b.length - a.length).reduce(
    (rest, value) => rest.replaceAll(value, "<redacted>"),
    text
  )
}

/** The data, unless it repeats a secret. */
export const withoutSecrets = (data: unknown, secrets: ReadonlyArray<Redacted.Redacted>): unknown => {
  // What is nested too deeply to be written cannot be searched: it counts as a secret.
  const text = Result.try(() => JSON.stringify(data) ?? "")
  const isIn = (secret: string) => Result.isFailure(text) || text.success.includes(inJson(secret))
  return secrets.some((secret) => isIn(Redacted.value(secret))) ? undefined : data
}
