/**
 * The authorize URL: what it may ask for, and how it says it.
 *
 * @internal
 */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"

/** What one authorize request may name. */
const maxScopes = 50

/** RFC 6749, section 3.3: a scope is of visible ASCII without `"` and `\`. A blank in it would make it two. */
const scopeSign = /^[!#-[\]-~]+$/

const wrongRedirectUri = (redirectUri: string): string | undefined => {
  const url = /^[!-~]+$/.test(redirectUri) ? URL.parse(redirectUri) : null
  return url === null || (url.protocol !== "https:" && url.protocol !== "http:")
    ? "must be an http or https URL, with signs outside of ASCII encoded"
    : redirectUri.includes("#")
    ? "must have no fragment"
    : undefined
}

const wrongScopes = (scopes: ReadonlyArray<string>): string | undefined =>
  scopes.length > maxScopes
    ? `names ${scopes.length} scopes; one authorize request takes ${maxScopes}`
    : scopes.some((scope) => !scopeSign.test(scope))
    ? "names a scope that is empty, or has blanks or other signs in it that no scope has"
    : undefined

/** What is wrong with a login that is asked for. */
export const fault = (
  redirectUri: string,
  scopes: ReadonlyArray<string>
): { readonly setting: "redirectUri" | "scopes"; readonly reason: string } | undefined => {
  const redirect = wrongRedirectUri(redirectUri)
  if (redirect !== undefined) return { setting: "redirectUri", reason: redirect }
  const scope = wrongScopes(scopes)
  return scope === undefined ? undefined : { setting: "scopes", reason: scope }
}

/** RFC 7636, section 4.2: `S256`. */
export const challenge = (digest: Digest.Digest["Service"], verifier: string): Effect.Effect<string> =>
  Effect.map(digest.digest(Digest.sha256, new TextEncoder().encode(verifier)), Base64Url.encode)

/** Blanks are written as `%20`: not every server reads `+` as one. */
export const url = (base: string, parameters: Readonly<Record<string, string | undefined>>): string => {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) query.append(name, value)
  }
  return `${base}?${query.toString().replaceAll("+", "%20")}`
}
