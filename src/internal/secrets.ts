/**
 * Keeps the secrets of a request out of what is made of its answer.
 *
 * @internal
 */
import { constFalse } from "effect/Function"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

const hexOf = (character: string) => character.charCodeAt(0).toString(16).padStart(4, "0")

/** A secret as it is, in JSON, percent-encoded, or in several of these layers. */
const spellings = (secret: string) =>
  secret.split("").map((character) => {
    const hex = hexOf(character)
    return `(\\\\|%5c){0,7}(\\u${hex}|u${hex}|%(25)?${hex.slice(2)})`
  }).join("")

/** Line ends and other characters that a terminal or a log may obey. */
const controls = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu

const withoutSecrets = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string => {
  const isEncoded = /[%\\]/.test(text)
  // Longest first: one secret may be the beginning of another.
  const values = secrets.map(Redacted.value).filter((value) => value !== "").sort((a, b) => b.length - a.length)
  return values.reduce(
    (rest, value) => rest.replaceAll(isEncoded ? new RegExp(spellings(value), "gi") : value, "<redacted>"),
    text
  )
}

/** Replaces the secrets in a text with `<redacted>`, and escapes its control characters. */
export const redactor = (secrets: ReadonlyArray<Redacted.Redacted>) => (text: string): string =>
  withoutSecrets(text, secrets).replaceAll(controls, (character) => `\\u${hexOf(character)}`)

/** The data, or `undefined` if a secret is in it. */
export const omitIfSecret = (data: unknown, secrets: ReadonlyArray<Redacted.Redacted>): unknown => {
  // Data that is nested too deeply for JSON cannot be searched, and is left out.
  const isFree = Result.try(() => {
    const text = JSON.stringify(data) ?? ""
    return withoutSecrets(text, secrets) === text
  })
  return Result.getOrElse(isFree, constFalse) ? data : undefined
}
