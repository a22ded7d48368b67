/** Keeps the secrets of a request out of what is made of its answer. */
import * as Redacted from "effect/Redacted"

export interface Redactor {
  /**
   * Replaces the secrets in a text with `<redacted>`, escapes its control characters, and bounds its length. A text with an
   * encoded secret in it is decoded.
   */
  readonly text: (text: string) => string
  /** The data, or `undefined` if a secret is in it. */
  readonly data: (data: unknown) => unknown
}

/** Characters of a text that are shown, and those that are searched: more are no message. */
const mostShown = 1_000
const mostSearched = 1_000_000

const hexOf = (character: string) => character.charCodeAt(0).toString(16).padStart(4, "0")

/** What a terminal, a log or a reader may obey: controls, line ends, marks of direction, invisible characters, half pairs. */
const controls = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Undoes one layer of JSON's or percent encoding. */
const decoded = (text: string) =>
  // Most texts have none, and a replacement that finds nothing costs as much as three tests.
  !/[%\\]/.test(text) ? text : text.replaceAll(
    /(?:\\u(?=[\da-f]{4})00|%)([\da-f]{2})|\\(.)/gis,
    (_, hex?: string, escaped?: string) => escaped ?? String.fromCharCode(Number.parseInt(hex ?? "", 16))
  )

/** As long as the text, which `toLowerCase` need not be. */
const lower = (text: string) => text.replaceAll(/[A-Z]+/g, (upper) => upper.toLowerCase())

/** Replaces a secret, in upper or lower case. No pattern is made of it: one of a long token would be too long. */
const without = (text: string, secret: string): string => {
  // Most texts end here.
  if (!text.toLowerCase().includes(secret.toLowerCase())) return text
  const [all, searched] = [lower(text), lower(secret)]
  let rest = ""
  let from = 0
  for (let at = all.indexOf(searched); at >= 0; at = all.indexOf(searched, from)) {
    rest += `${text.slice(from, at)}<redacted>`
    from = at + searched.length
  }
  return rest + text.slice(from)
}

export const makeRedactor = (secrets: ReadonlyArray<Redacted.Redacted>): Redactor => {
  // Longest first: one secret may be the beginning of another.
  const values = secrets.map(Redacted.value).filter((value) => value !== "").sort((a, b) => b.length - a.length)
  const withoutSecrets = (text: string): string => {
    let found = text
    // Each layer is shorter than the one around it, until there is none.
    for (let layer = text, inner = ""; layer !== inner; layer = decoded(inner)) {
      inner = values.reduce(without, layer)
      if (inner !== layer) found = inner
    }
    return found
  }
  return {
    text: (text) => {
      const shown = withoutSecrets(text.slice(0, mostSearched))
      const short = shown.length > mostShown ? `${shown.slice(0, mostShown)}…` : shown
      return short.search(controls) < 0
        ? short
        : short.replaceAll(controls, (character) => character.replaceAll(/./gs, (unit) => `\\u${hexOf(unit)}`))
    },
    data: (data) => {
      try {
        const text = JSON.stringify(data) ?? ""
        return text.length <= mostSearched && withoutSecrets(text) === text ? data : undefined
      } catch {
        // Data that is nested too deeply for JSON cannot be searched.
        return undefined
      }
    }
  }
}
