/** The authorize URL and the rules for its parameters. */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import { encode } from "../internal/text.ts"

/** RFC 6749, section 3.3: visible ASCII without `"` and `\`. A space would split the scope into two. */
const scopePattern = /^[!#-[\]-~]+$/

export interface Fault {
  readonly setting: "redirectUri" | "scopes"
  readonly reason: string
}

/** What is invalid in the options of a login, if anything is. */
export const fault = (redirectUri: string, scopes: ReadonlyArray<string>): Fault | undefined => {
  const url = /^[!-~]+$/.test(redirectUri) ? URL.parse(redirectUri) : null
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    const reason = "must be an http or https URL, with percent-encoding for characters outside of ASCII"
    return { setting: "redirectUri", reason }
  }
  if (redirectUri.includes("#")) return { setting: "redirectUri", reason: "must have no fragment" }
  if (scopes.length > 50) {
    const advice = "one authorize request takes 50; request the others in another login"
    return { setting: "scopes", reason: `lists ${scopes.length} scopes, and ${advice}` }
  }
  return scopes.every((scope) => scopePattern.test(scope)) ? undefined : {
    setting: "scopes",
    reason: "lists an invalid scope: a scope is visible ASCII, without whitespace, quotes and backslashes"
  }
}

/** RFC 7636, section 4.2: `S256`. */
export const challenge = (digest: Digest.Digest["Service"], verifier: string): Effect.Effect<string> =>
  Effect.map(digest.digest(Digest.sha256, encode(verifier)), Base64Url.encode)

/** Encodes spaces as `%20`: not every server decodes `+`. */
export const url = (base: string, parameters: Readonly<Record<string, string | undefined>>): string => {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.append(name, value)
  }
  return `${base}?${query.toString().replaceAll("+", "%20")}`
}
