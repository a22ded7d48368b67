import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import { type App, homeTenant } from "../App.ts"
import type { Arrival } from "../ArrivedRequest.ts"
import { secondsLeft } from "../Credentials.ts"
import { clientOf, type Fields, parametersOf, type Version } from "../OAuthClient.ts"
import { oauthFailure } from "../OAuthError.ts"
import * as Reply from "../Reply.ts"
import { type Code, codeMillis, type Consent, type RefreshToken } from "../Sessions.ts"
import type { World } from "../World.ts"

/** A token request whose app is authenticated. */
interface TokenRequest {
  readonly version: Version
  /** Whether a login gets a refresh token without the scope `offline_access`. */
  readonly alwaysOffline: boolean
  readonly fields: Fields
  readonly app: App
  readonly now: number
}

const formatOf = (version: Version) => version === "v3" ? "jwt" as const : "opaque" as const

/** The scopes of the access token: all that were granted, or the subset that the request names. */
const scopesOf = (fields: Fields, granted: ReadonlyArray<string>): ReadonlyArray<string> | Reply.Reply => {
  const wanted = (fields["scope"] ?? "").split(" ").filter((scope) => scope !== "")
  if (wanted.length === 0) return granted
  if (new Set(wanted).size < wanted.length) return oauthFailure(20067)
  return wanted.every((scope) => granted.includes(scope)) ? wanted : oauthFailure(20068)
}

/** What a token request is granted. */
interface Grant {
  readonly user: Consent["user"]
  readonly scopes: ReadonlyArray<string>
  readonly refresh: RefreshToken | undefined
}

export const accessOf = (
  world: World,
  { app, now, version }: TokenRequest,
  { user }: Grant
): { readonly text: string; readonly expiresAt: number } =>
  world.tokens.user(app, user, {
    now,
    lifetimeMillis: app.userTokenMillis,
    format: formatOf(version),
    requested: true
  })

const granted = (world: World, request: TokenRequest, grant: Grant): Reply.Reply => {
  const { now, version } = request
  const { refresh, scopes } = grant
  const access = accessOf(world, request, grant)
  const body = {
    access_token: access.text,
    expires_in: secondsLeft(access, now),
    ...(refresh === undefined
      ? {}
      : { refresh_token: refresh.text, refresh_token_expires_in: secondsLeft(refresh, now) }),
    token_type: "Bearer",
    scope: scopes.join(" ")
  }
  const reply = Reply.json(200, { code: 0, ...body })
  return version === "v2" && world.behavior.oauthSuccessCode === "string"
    ? { ...reply, body: JSON.stringify({ code: "0", ...body }) }
    : reply
}

const isVerifier = (text: string): boolean => /^[A-Za-z0-9\-._~]{43,128}$/.test(text)

/** Whether the `code_verifier` matches the login's challenge. `s256` is the digest of the verifier. */
const verifies = (code: Code, { fields, version }: TokenRequest, s256: string): boolean => {
  const verifier = fields["code_verifier"]
  // The v3 documents name this as a flaw of v2: it accepts a verifier although the login had no challenge.
  if (code.challenge === undefined) return version === "v2" || verifier === undefined
  if (verifier === undefined || !isVerifier(verifier)) return false
  return code.challenge.text === (code.challenge.method === "S256" ? s256 : verifier)
}

export const byCode = (world: World, request: TokenRequest, s256: string): Grant | Reply.Reply => {
  const { app, fields, now, version } = request
  const text = fields["code"] ?? ""
  if (text === "") return oauthFailure(20001)
  const code = world.sessions.code(text)
  if (code === undefined) return oauthFailure(20003)
  if (code.appId !== app.id) return oauthFailure(20024)
  if (code.used) return oauthFailure(20065)
  if (now >= code.at + codeMillis) return oauthFailure(20004)
  const redirectUri = fields["redirect_uri"]
  if (redirectUri !== undefined && redirectUri !== code.redirectUri) return oauthFailure(20071)
  if (!verifies(code, request, s256)) return oauthFailure(20049)
  const scopes = scopesOf(fields, code.scopes)
  if (Reply.is(scopes)) return scopes

  code.used = true
  const refresh = code.offline || request.alwaysOffline
    ? world.sessions.issue(app, { consent: code, after: undefined }, now, formatOf(version))
    : undefined
  return { user: code.user, scopes, refresh }
}

export const byRefreshToken = (world: World, request: TokenRequest): Grant | Reply.Reply => {
  const { app, fields, now, version } = request
  const text = fields["refresh_token"] ?? ""
  if (text === "") return oauthFailure(20001)
  const token = world.sessions.refreshToken(text)
  if (token === undefined || (version === "v2" && token.format === "jwt")) return oauthFailure(20026)
  if (token.consent.appId !== app.id) return oauthFailure(20024)
  if (!app.mayRefresh) return oauthFailure(20074)
  if (token.usedAt !== undefined) {
    token.reusedAt.push(now)
    if (now >= token.usedAt + world.behavior.refreshGrace * 1000) {
      if (world.behavior.reuseEndsSession) world.sessions.revoke((other) => other.session === token.session)
      return oauthFailure(20073)
    }
  }
  if (token.revoked) return oauthFailure(20064)
  if (now >= token.expiresAt) return oauthFailure(20037)
  const scopes = scopesOf(fields, token.consent.scopes)
  if (Reply.is(scopes)) return scopes

  token.usedAt ??= now
  const refresh = world.sessions.issue(app, { consent: token.consent, after: token }, now, formatOf(version))
  return { user: token.consent.user, scopes, refresh }
}

const byCredentials = (world: World, { app, now }: TokenRequest): Reply.Reply => {
  // Documented for custom apps; the error of other apps is not documented.
  if (app.type !== "custom") return oauthFailure(20036)
  const token = world.tokens.tenant(app, homeTenant(app), now, "jwt")
  const body = { access_token: token.text, expires_in: secondsLeft(token, now), token_type: "Bearer" }
  return Reply.text(200, JSON.stringify(body), "application/json; charset=utf-8")
}

const replyTo = (
  world: World,
  arrival: Arrival,
  { fields, version }: Pick<TokenRequest, "fields" | "version">,
  s256: string
): Reply.Reply => {
  const grantType = fields["grant_type"] ?? ""
  if (grantType === "") return oauthFailure(20001)
  const app = clientOf(world, arrival, fields, version)
  if (Reply.is(app)) return app
  const request: TokenRequest = { version, fields, app, now: arrival.now, alwaysOffline: false }
  const replyOf = (grant: Grant | Reply.Reply) => Reply.is(grant) ? grant : granted(world, request, grant)
  switch (grantType) {
    case "authorization_code":
      return replyOf(byCode(world, request, s256))
    case "refresh_token":
      return replyOf(byRefreshToken(world, request))
    case "client_credentials":
      return version === "v3" ? byCredentials(world, request) : oauthFailure(20036)
    default:
      return oauthFailure(20036)
  }
}

/**
 * `POST /authen/v2/oauth/token`, and `POST /oauth/v3/token` on the host of the login.
 *
 * Only the digest is asynchronous. The rest is one synchronous step, so a code or a refresh token cannot be used twice
 * by concurrent requests.
 */
export const oauthToken = (version: Version) =>
  Effect.fnUntraced(function*(arrival: Arrival, world: World) {
    const fields = parametersOf(arrival, version)
    if (fields === undefined) return oauthFailure(20063)
    const verifier = fields["code_verifier"]
    const s256 = verifier === undefined
      ? ""
      : Base64Url.encode(yield* world.digest.digest(Digest.sha256, new TextEncoder().encode(verifier)))
    return replyTo(world, arrival, { fields, version }, s256)
  })
