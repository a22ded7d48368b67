/**
 * The login of users: OAuth 2.0 authorization code flow with PKCE.
 *
 * **Details**
 *
 * `exchange`, `userInfo` and `refresh` send one request and never repeat it. App secret, codes and tokens are sent in
 * bodies and headers only. Tokens come from OAuth v2 (`authen/v2/oauth/token`), or from OAuth v3 if the configuration has
 * `oauthV3`. Sources: Feishu, "Obtain authorization code", "Get user_access_token", "Refresh user_access_token"; RFC 6749
 * and RFC 7636.
 *
 * **Gotchas**
 *
 * - A refresh token works once: `UserSessions` refreshes and stores. With `refresh` alone both are up to you.
 * - A grant has a refresh token only if the login had the scope `offline_access` and the user granted it.
 *
 * **Example** (From the login to the user, offline)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Lark, OAuth } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const program = Effect.gen(function*() {
 *   const login = yield* OAuth.authorize({
 *     redirectUri: "https://app.example/callback",
 *     scopes: ["vc:meeting", "offline_access"]
 *   })
 *   // Your server sends the browser to login.url, and it comes back with a code.
 *   const simulator = yield* Simulator.Simulator
 *   const callback = yield* simulator.authorize(login.url, "ou_alice")
 *   const grant = yield* OAuth.exchange(login, callback)
 *   const { user } = yield* OAuth.userInfo(grant.accessToken)
 *   return `${user.id} granted ${grant.scopes.join(" and ")}`
 * })
 * const layer = OAuth.layer.pipe(
 *   Layer.provideMerge(Lark.layer(Simulator.defaultApp)),
 *   Layer.provideMerge(Simulator.layer())
 * )
 * console.log(await Effect.runPromise(Effect.provide(program, layer))) // => ou_alice granted vc:meeting and offline_access
 * ```
 */
import * as Context from "effect/Context"
import * as Digest from "effect/crypto/Digest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as EventUser from "./EventUser.ts"
import { Classified } from "./internal/classified.ts"
import { requestToken } from "./internal/requestToken.ts"
import { minted } from "./internal/telemetry.ts"
import { LarkConfig } from "./LarkConfig.ts"
import type * as LarkError from "./LarkError.ts"
import { call, endpoint, type LarkHttp } from "./LarkHttp.ts"
import type * as MeetingUser from "./MeetingUser.ts"
import * as Authorization from "./OAuth/authorization.ts"
import * as Callback from "./OAuth/callback.ts"
import { fromAccessToken, UserToken } from "./UserToken.ts"

/**
 * The options of a login.
 *
 * @stability stable
 * @category models
 */
export interface AuthorizeOptions {
  /** Where the user comes back to: an http or https URL that is listed in the developer console under Security Settings. */
  readonly redirectUri: string
  /** At most 50; add `offline_access` to get a refresh token. Scopes that were granted before stay granted. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** `consent` shows the consent page even if all scopes were granted before. */
  readonly prompt?: "consent" | undefined
}

/** A code verifier, as RFC 7636, section 4.1, has it; or a state. */
const Unguessable = Schema.RedactedFromValue(Schema.String.check(Schema.isPattern(/^[A-Za-z0-9._~-]{43,128}$/)))

/**
 * A login in progress. Keep it in the session of the browser that it belongs to, until the callback.
 *
 * **Gotchas**
 *
 * Encoding reveals `state` and `verifier`. Store the encoded login where the browser can neither read nor change it: on
 * the server, or sealed. Use a login for one callback.
 *
 * @stability stable
 * @category schemas
 */
export const Login = Schema.Struct({
  /** The page to send the user to. It contains the state: do not log it. */
  url: Schema.String,
  redirectUri: Schema.String,
  state: Unguessable,
  /** The code verifier of PKCE: the code is useless without it. */
  verifier: Unguessable
})

/**
 * A login in progress.
 *
 * @stability stable
 * @category models
 */
export type Login = typeof Login.Type

/**
 * The tokens that the platform granted for a user.
 *
 * @stability stable
 * @category models
 */
export interface Grant {
  readonly accessToken: Redacted.Redacted
  /**
   * When the access token expires, by the clock of this machine, counted from before the request was sent. Five minutes, if the
   * reply has no valid lifetime.
   */
  readonly expiresAt: DateTime.Utc
  /** Works once. Only with the scope `offline_access`. */
  readonly refreshToken: Option.Option<Redacted.Redacted>
  /** When the refresh token expires, if the reply contains it; counted as `expiresAt`. */
  readonly refreshExpiresAt: Option.Option<DateTime.Utc>
  /** The scopes of the access token. */
  readonly scopes: ReadonlyArray<string>
}

/**
 * The user an access token belongs to.
 *
 * @stability stable
 * @category models
 */
export interface UserInfo {
  readonly user: MeetingUser.MeetingUser<"open_id">
  readonly unionId: Option.Option<MeetingUser.MeetingUser<"union_id">>
  /** Only with the field scope `contact:user.employee_id:readonly`. */
  readonly userId: Option.Option<MeetingUser.MeetingUser<"user_id">>
  /** The tenant of the user, for `Lark.asTenant`. */
  readonly tenantKey: Option.Option<string>
  readonly name: Option.Option<string>
}

/**
 * Invalid options of a login: the redirect URI, or a scope. No request was sent.
 *
 * @stability stable
 * @category errors
 */
export class InvalidLogin extends Classified<Authorization.Fault>()("InvalidLogin", {
  kind: "caller",
  message: ({ reason, setting }) => `${setting} ${reason}.`
}) {}

/**
 * The callback has no code for this login. No request was sent.
 *
 * **Details**
 *
 * - `accessDenied`: the user declined.
 * - `stateMismatch`: the callback is old, belongs to another browser, or is forged.
 * - `failed`: the platform did not show the consent page; `error` is its error code.
 * - `noCode`: the callback has neither a code nor an error, or has one of them twice.
 *
 * @stability stable
 * @category errors
 */
export class LoginRefused extends Classified<Callback.Refusal>()("LoginRefused", {
  kind: ({ reason }) => reason === "failed" ? "setup" : "caller",
  message: ({ error, reason }) =>
    `The login failed: ${reasons[reason]}${error === undefined ? "" : ` (${error})`}. ${advice[reason]}`
}) {
  /** What to do next. */
  get advice(): string {
    return advice[this.reason]
  }
}

const reasons: Record<Callback.Refusal["reason"], string> = {
  accessDenied: "the user declined",
  stateMismatch: "the callback does not belong to this login",
  failed: "the platform did not show the consent page",
  noCode: "the callback has no code"
}

const advice: Record<Callback.Refusal["reason"], string> = {
  accessDenied: "Explain to the user why the app needs the permissions, and offer the login again.",
  stateMismatch: "Discard this callback and start a new login in this browser.",
  failed: "Check in the developer console that the app has the scopes and that the redirect URI is listed.",
  noCode: "Start a new login, and check that no proxy changes the query of the callback."
}

/**
 * The login of users.
 *
 * **Details**
 *
 * `exchange` and `refresh` fail with a generic error: handle at least `ReauthorizationRequired`, `CredentialsRejected` and
 * `AppUnavailable`. A request without a reply within 9 seconds fails with `TransportError`.
 *
 * @stability stable
 * @category services
 */
export class OAuth extends Context.Service<OAuth, {
  readonly authorize: (options: AuthorizeOptions) => Effect.Effect<Login, InvalidLogin>
  readonly exchange: (
    login: Login,
    callback: URL | string
  ) => Effect.Effect<Grant, LarkError.GenericError | LoginRefused>
  readonly refresh: (
    refreshToken: Redacted.Redacted,
    options?: { readonly scopes?: ReadonlyArray<string> | undefined }
  ) => Effect.Effect<Grant, LarkError.GenericError>
}>()("effect-lark-meetings/OAuth") {}

/** 256 bits: 43 characters. */
const unguessable = (random: SecureRandom.SecureRandom["Service"]) =>
  Effect.map(random.randomBytes(32), (bytes) => Redacted.make(Base64Url.encode(bytes)))

/** The platform refuses a scope that is listed twice. */
const distinct = (scopes: ReadonlyArray<string> = []): ReadonlyArray<string> => [...new Set(scopes)]

const joined = (scopes: ReadonlyArray<string>): string | undefined => scopes.length === 0 ? undefined : scopes.join(" ")

const make = Effect.gen(function*() {
  const config = yield* LarkConfig
  const client = yield* HttpClient.HttpClient
  const random = yield* SecureRandom.SecureRandom
  const digest = yield* Digest.Digest

  const [endpoint, url] = config.oauthV3
    ? ["oauth.v3.token", `${config.accountsUrl}/oauth/v3/token`] as const
    : ["authen.v2.oauth.token", `${config.baseUrl}/authen/v2/oauth/token`] as const

  const authorize = Effect.fnUntraced(function*(options: AuthorizeOptions) {
    const { prompt, redirectUri } = options
    const scopes = distinct(options.scopes)
    const fault = Authorization.fault(redirectUri, scopes)
    if (fault !== undefined) return yield* new InvalidLogin(fault)
    const state = yield* unguessable(random)
    const verifier = yield* unguessable(random)
    return {
      url: Authorization.url(`${config.accountsUrl}/open-apis/authen/v1/authorize`, {
        client_id: config.appId,
        response_type: "code",
        redirect_uri: redirectUri,
        scope: joined(scopes),
        state: Redacted.value(state),
        code_challenge: yield* Authorization.challenge(digest, Redacted.value(verifier)),
        code_challenge_method: "S256",
        prompt
      }),
      redirectUri,
      state,
      verifier
    }
  })

  const grant = Effect.fnUntraced(function*(
    fields: Readonly<Record<string, string | Redacted.Redacted | undefined>>
  ): Effect.fn.Return<Grant, LarkError.GenericError> {
    const sentAt = yield* DateTime.now
    const granted = yield* requestToken(client, endpoint, url, {
      ...fields,
      client_id: config.appId,
      client_secret: config.appSecret
    })
    const after = (seconds: number) => DateTime.add(sentAt, { seconds })
    const refreshToken = yield* Effect.option(granted.token("refresh_token"))
    const { scope } = granted.body
    return {
      accessToken: yield* granted.token("access_token"),
      // RFC 6749, section 5.1, does not require it, and the refresh token that was sent is used up.
      expiresAt: after(yield* Effect.orElseSucceed(granted.seconds("expires_in"), () => 300)),
      refreshToken,
      refreshExpiresAt: Option.isNone(refreshToken)
        ? Option.none()
        : Option.map(yield* Effect.option(granted.seconds("refresh_token_expires_in")), after),
      scopes: Predicate.isString(scope) ? scope.split(/\s+/).filter((name) => name !== "") : []
    }
  }, Effect.onExit((exit) => minted("user", exit)))

  return OAuth.of({
    authorize,
    exchange: (login, callback) =>
      Effect.fromResult(Callback.codeOf(callback, login)).pipe(
        Effect.mapError((refusal) => new LoginRefused(refusal)),
        Effect.flatMap((code) =>
          grant({
            grant_type: "authorization_code",
            code,
            redirect_uri: login.redirectUri,
            code_verifier: login.verifier
          })
        ),
        Effect.withSpan("OAuth.exchange")
      ),
    refresh: (refreshToken, options) =>
      grant({
        grant_type: "refresh_token",
        refresh_token: refreshToken,
        scope: joined(distinct(options?.scopes))
      }).pipe(Effect.withSpan("OAuth.refresh"))
  })
})

/**
 * The login of users, for the configured app.
 *
 * @stability stable
 * @category layers
 */
export const layer: Layer.Layer<OAuth, never, LarkConfig | HttpClient.HttpClient> = Layer.effect(OAuth, make).pipe(
  Layer.provide([SecureRandom.layerWebCrypto, Digest.layerWebCrypto])
)

/**
 * Starts a login: creates the URL to send the user to. Sends no request.
 *
 * **Details**
 *
 * Fails with `InvalidLogin` if the redirect URI is not an http or https URL or has a fragment, if a scope is empty or has
 * a character that scopes cannot have (whitespace, quotes, backslashes), or if there are more than 50 scopes.
 *
 * @stability stable
 * @category accessors
 */
export const authorize = (options: AuthorizeOptions): Effect.Effect<Login, InvalidLogin, OAuth> =>
  OAuth.use((oauth) => oauth.authorize(options))

/**
 * Exchanges the code of a callback, the URL at which the user came back, for tokens.
 *
 * **Details**
 *
 * The URL may be relative, as web servers see it: only its query is read. Fails with `LoginRefused` if it has no code or
 * not the state of this login, and with `ReauthorizationRequired` if the code was used or is older than five minutes.
 *
 * @stability stable
 * @category accessors
 */
export const exchange = (
  login: Login,
  callback: URL | string
): Effect.Effect<Grant, LarkError.GenericError | LoginRefused, OAuth> =>
  OAuth.use((oauth) => oauth.exchange(login, callback))

/**
 * Exchanges a refresh token for new tokens. Fails with `ReauthorizationRequired` if it was used, has expired or was revoked.
 *
 * **Details**
 *
 * `scopes` narrows the scopes of the new access token. The old access token stays valid until its own expiry.
 *
 * **Gotchas**
 *
 * After an error whose `retry` is `"unknown"` (a lost reply, a 5xx) the refresh token may be used up: a second attempt is a
 * last resort, and fails with `ReauthorizationRequired` if it was.
 *
 * @stability stable
 * @category accessors
 */
export const refresh = (
  refreshToken: Redacted.Redacted,
  options?: { readonly scopes?: ReadonlyArray<string> | undefined }
): Effect.Effect<Grant, LarkError.GenericError, OAuth> => OAuth.use((oauth) => oauth.refresh(refreshToken, options))

/**
 * Returns the user an access token belongs to. Fails with `TokenRejected` if it has expired, was revoked or is not the
 * token of a user.
 *
 * @stability stable
 * @category accessors
 */
export const userInfo = (
  accessToken: Redacted.Redacted
): Effect.Effect<UserInfo, LarkError.GenericError, LarkHttp> =>
  call(userInfoEndpoint).pipe(
    Effect.map((data) => {
      const { open_id, union_id, user_id } = EventUser.fromWire(data)
      const text = (field: string) => Option.filter(Option.fromNullishOr(data[field]), Predicate.isString)
      return {
        // Data without one is not decoded.
        user: Option.getOrThrow(open_id),
        unionId: union_id,
        userId: user_id,
        tenantKey: text("tenant_key"),
        name: text("name")
      }
    }),
    Effect.provideService(UserToken, fromAccessToken(accessToken))
  )

const userInfoEndpoint = endpoint({
  name: "authen.v1.user_info.get",
  span: "OAuth.userInfo",
  method: "GET",
  path: "/authen/v1/user_info",
  token: "user",
  data: Schema.Record(Schema.String, Schema.Json).check(
    Schema.makeFilter((data) => Option.isSome(EventUser.fromWire(data).open_id), { expected: "an open_id" })
  )
})
