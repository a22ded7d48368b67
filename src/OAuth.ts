/**
 * The login of users: OAuth 2.0 with authorization code and PKCE, from the URL to send a user to, to the tokens that
 * come back, and their refresh.
 *
 * **Details**
 *
 * 1. `authorize` makes a `Login`: the URL to send the user to, and what has to be kept until the user comes back.
 * 2. `exchange` reads the callback, checks that it belongs to that login, and trades its code for a `Grant`.
 * 3. `userInfo` tells who logged in; `refresh` trades the refresh token for the next `Grant`.
 *
 * Each sends one request and repeats none. The app's secret, codes and tokens travel in bodies and headers only. Tokens
 * come from OAuth v2 (`authen/v2/oauth/token`), or from v3 with `oauthV3` in the configuration.
 *
 * **Gotchas**
 *
 * - A refresh token works once. `UserSessions` refreshes once per user, in one process or many, and stores the new pair
 *   before anybody uses it; with `refresh` alone that is up to you.
 * - There is a refresh token only if the scope `offline_access` was asked for and granted.
 *
 * **Example** (From the login to the user, offline)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { LarkConfig, OAuth } from "effect-lark-meetings"
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
 *   Layer.provide(LarkConfig.layer(Simulator.defaultApp)),
 *   Layer.provideMerge(Simulator.layer())
 * )
 * console.log(await Effect.runPromise(Effect.provide(program, layer))) // => ou_alice granted vc:meeting and offline_access
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Digest from "effect/crypto/Digest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { bearer } from "./internal/bearer.ts"
import { exchange as send } from "./internal/exchange.ts"
import { failure } from "./internal/failure.ts"
import { requestToken } from "./internal/requestToken.ts"
import { minted } from "./internal/telemetry.ts"
import { LarkConfig } from "./LarkConfig.ts"
import * as LarkError from "./LarkError.ts"
import * as MeetingUser from "./MeetingUser.ts"
import * as Authorization from "./OAuth/authorization.ts"
import * as Callback from "./OAuth/callback.ts"

/**
 * What to ask a user for.
 *
 * @since 0.1.0
 * @category models
 */
export interface AuthorizeOptions {
  /** Where the user comes back to: an http or https URL that the developer console lists under Security Settings. */
  readonly redirectUri: string
  /** 50 at most; `offline_access` for a session that outlives the access token. What was granted before stays granted. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** Asks the user even if all of it was granted before. */
  readonly prompt?: "consent" | undefined
}

/** RFC 7636, section 4.1; and no state is easier to guess than a verifier. */
const Unguessable = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9._~-]{43,128}$/))

/**
 * A login that has begun: kept by the server, in the session of the browser that it belongs to, until that comes back.
 *
 * **Gotchas**
 *
 * The schema writes `state` and `verifier` out, so that a session can hold them: keep what it wrote where the browser
 * cannot read or change it, on the server or sealed. One login is for one callback.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Login = Schema.Struct({
  /** Send the user here. It holds the state, so it is not for logs. */
  url: Schema.String,
  redirectUri: Schema.String,
  state: Schema.RedactedFromValue(Unguessable),
  /** The secret half of PKCE: who has the code but not this cannot use it. */
  verifier: Schema.RedactedFromValue(Unguessable)
})

/**
 * A login that has begun.
 *
 * @since 0.1.0
 * @category models
 */
export type Login = typeof Login.Type

/**
 * The tokens of a user, as the platform granted them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Grant {
  readonly accessToken: Redacted.Redacted
  /** When it expires, by the clock of this machine, counted from before the request was sent. */
  readonly expiresAt: DateTime.Utc
  /** Only with the scope `offline_access`. It works once. */
  readonly refreshToken: Option.Option<Redacted.Redacted>
  /** When the refresh token expires, if the platform said so; counted as `expiresAt`. */
  readonly refreshExpiresAt: Option.Option<DateTime.Utc>
  /** What the access token may be used for. */
  readonly scopes: ReadonlyArray<string>
}

/**
 * Who logged in.
 *
 * @since 0.1.0
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
 * A login cannot be asked for like that: the redirect URI is none, or the scopes are.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidLogin extends Data.TaggedError("InvalidLogin")<{
  readonly setting: "redirectUri" | "scopes"
  readonly reason: string
}> {
  override get message() {
    return `${this.setting} ${this.reason}.`
  }
}

/**
 * The callback logs nobody in. No request was sent.
 *
 * **Details**
 *
 * - `accessDenied`: the user said no.
 * - `stateMismatch`: it does not belong to this login. It is old, of another browser, or forged.
 * - `failed`: the platform could not ask the user; `error` is its word for why.
 * - `noCode`: it has neither a code nor an error, or has one of them twice.
 *
 * @since 0.1.0
 * @category errors
 */
export class LoginRefused extends Data.TaggedError("LoginRefused")<Callback.Refusal> {
  /** What to do next. */
  get advice(): string {
    return advice[this.reason]
  }
  get retry(): LarkError.Retry {
    return "never"
  }
  override get message(): string {
    return `Nobody is logged in: ${reasons[this.reason]}${
      this.error === undefined ? "" : ` (${this.error})`
    }. ${this.advice}`
  }
}

const reasons: Record<LoginRefused["reason"], string> = {
  accessDenied: "the user did not consent",
  stateMismatch: "the callback does not belong to this login",
  failed: "the platform did not get to ask the user",
  noCode: "the callback has no code"
}

const advice: Record<LoginRefused["reason"], string> = {
  accessDenied: "Tell the user what the app needs the permissions for, and offer the login again.",
  stateMismatch: "Begin a new login in the browser that is here; do not use this callback.",
  failed: "Check in the developer console that the scopes are enabled for the app and the redirect URI is listed.",
  noCode: "Begin a new login, and check that what stands between does not change the query."
}

/**
 * The login of users.
 *
 * **Details**
 *
 * `exchange`, `refresh` and `userInfo` send one request each and fail with a generic error; the ones to handle are
 * `ReauthorizationRequired` (the code or refresh token is used, expired or revoked), `CredentialsRejected` and
 * `AppUnavailable` (the app or its settings). No answer within 9 seconds is a `TransportError`.
 *
 * @since 0.1.0
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
  readonly userInfo: (accessToken: Redacted.Redacted) => Effect.Effect<UserInfo, LarkError.GenericError>
}>()("effect-lark-meetings/OAuth") {}

/** 256 bits, which is 43 signs. */
const unguessable = (random: SecureRandom.SecureRandom["Service"]) =>
  Effect.map(random.randomBytes(32), (bytes) => Redacted.make(Base64Url.encode(bytes)))

/** Each once: the platform refuses a scope that is named twice. */
const distinct = (scopes: ReadonlyArray<string> = []): ReadonlyArray<string> => [...new Set(scopes)]

const joined = (scopes: ReadonlyArray<string>): string | undefined => scopes.length === 0 ? undefined : scopes.join(" ")

const timeout = Duration.seconds(9)

const userInfoEndpoint = "authen.v1.user_info.get"

const userInfoOf = (data: unknown): Option.Option<UserInfo> => {
  if (!Predicate.isObject(data)) return Option.none()
  const text = (field: string) => Option.filter(Option.fromNullishOr(data[field]), Predicate.isString)
  const user = <T extends MeetingUser.IdType>(idType: T) =>
    MeetingUser.fromWire(idType, { id: data[idType], user_type: MeetingUser.UserType.User })
  return Option.map(user("open_id"), (openId) => ({
    user: openId,
    unionId: user("union_id"),
    userId: user("user_id"),
    tenantKey: text("tenant_key"),
    name: text("name")
  }))
}

/**
 * Builds the service from the configuration and an HTTP client.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  OAuth["Service"],
  never,
  LarkConfig | HttpClient.HttpClient | SecureRandom.SecureRandom | Digest.Digest
> = Effect.gen(function*() {
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
    const askedAt = yield* DateTime.now
    const granted = yield* requestToken(client, endpoint, url, {
      ...fields,
      client_id: config.appId,
      client_secret: config.appSecret
    }, { codeless: config.oauthV3 })
    const after = (seconds: number) => DateTime.add(askedAt, { seconds })
    const refreshToken = yield* Effect.option(granted.token("refresh_token"))
    const { scope } = granted.body
    return {
      accessToken: yield* granted.token("access_token"),
      expiresAt: after(yield* granted.seconds("expires_in")),
      refreshToken,
      refreshExpiresAt: Option.isNone(refreshToken)
        ? Option.none()
        : Option.map(yield* Effect.option(granted.seconds("refresh_token_expires_in")), after),
      scopes: Predicate.isString(scope) ? scope.split(/\s+/).filter((name) => name !== "") : []
    }
  }, Effect.onExit((exit) => minted("user", exit)))

  const userInfo = Effect.fnUntraced(function*(
    accessToken: Redacted.Redacted
  ): Effect.fn.Return<UserInfo, LarkError.GenericError> {
    const authorization = yield* bearer(userInfoEndpoint, accessToken)
    const request = HttpClientRequest.get(`${config.baseUrl}/authen/v1/user_info`, {
      acceptJson: true,
      headers: { authorization }
    })
    const secrets = [accessToken]
    const envelope = yield* send(client, userInfoEndpoint, request, secrets, timeout, { token: "user" })
    if (envelope.code !== 0) return yield* Effect.fail(LarkError.fromFailure(failure(envelope, secrets), []))
    const { body, logId, status } = envelope
    return yield* Effect.fromOption(userInfoOf(body["data"]), () =>
      new LarkError.MalformedResponse({
        endpoint: userInfoEndpoint,
        status,
        logId,
        reason: "the code says success, but the data names no user"
      }))
  })

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
      }).pipe(
        Effect.withSpan("OAuth.refresh")
      ),
    userInfo: (accessToken) => Effect.withSpan(userInfo(accessToken), "OAuth.userInfo")
  })
})

/**
 * The login of users of the configured app.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<OAuth, never, LarkConfig | HttpClient.HttpClient> = Layer.effect(OAuth, make).pipe(
  Layer.provide([SecureRandom.layerWebCrypto, Digest.layerWebCrypto])
)

/**
 * Begins a login: makes the URL to send the user to. Fails with `InvalidLogin` when the redirect URI is not an http or
 * https URL or has a fragment, and when a scope is blank or there are more than 50. Sends no request.
 *
 * @since 0.1.0
 * @category accessors
 */
export const authorize = (options: AuthorizeOptions): Effect.Effect<Login, InvalidLogin, OAuth> =>
  OAuth.use((oauth) => oauth.authorize(options))

/**
 * Trades the code of a callback, the URL at which the user came back, for tokens.
 *
 * **Details**
 *
 * The URL may be relative, as web servers see it: only its query counts. Fails with `LoginRefused` when it has no code,
 * or not the state of this login. A code works once, for five minutes: later it is `ReauthorizationRequired`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const exchange = (
  login: Login,
  callback: URL | string
): Effect.Effect<Grant, LarkError.GenericError | LoginRefused, OAuth> =>
  OAuth.use((oauth) => oauth.exchange(login, callback))

/**
 * Trades a refresh token for new tokens: one request, never repeated.
 *
 * **Details**
 *
 * `scopes` narrows what the new access token may do. The old access token stays valid until its own expiry.
 *
 * **Gotchas**
 *
 * The platform takes a refresh token once. After an error whose `retry` is `"unknown"` (a lost reply, a 5xx) it may be
 * used up: trying again is a last resort, and ends in `ReauthorizationRequired` if it was.
 *
 * @since 0.1.0
 * @category accessors
 */
export const refresh = (
  refreshToken: Redacted.Redacted,
  options?: { readonly scopes?: ReadonlyArray<string> | undefined }
): Effect.Effect<Grant, LarkError.GenericError, OAuth> => OAuth.use((oauth) => oauth.refresh(refreshToken, options))

/**
 * Who an access token belongs to.
 *
 * @since 0.1.0
 * @category accessors
 */
export const userInfo = (
  accessToken: Redacted.Redacted
): Effect.Effect<UserInfo, LarkError.GenericError, OAuth> => OAuth.use((oauth) => oauth.userInfo(accessToken))
