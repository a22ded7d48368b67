/**
 * The `tenant_access_token`: what a call as the app is made with.
 *
 * **Details**
 *
 * One request to the platform however many fibers ask; renewed in the background in the last 30 minutes of its life,
 * so that nobody waits; failures are never kept; a rejected token is dropped only if it is still the current one.
 * Source: Feishu, auth-v3 `tenant_access_token_internal` (custom apps): a token lives two hours at most, a new one is
 * issued only in the last 30 minutes, and the old one stays valid until its own expiry. With `oauthV3` in the
 * configuration, the token of a custom app is one of OAuth v3 `client_credentials` instead: a JWT of up to 4 KB.
 *
 * **Example** (A token of your own making)
 *
 * ```ts
 * import { Effect, Layer, Redacted } from "effect"
 * import { TenantToken } from "effect-lark-meetings"
 *
 * const fixed = Layer.succeed(TenantToken.TenantToken, {
 *   get: Effect.succeed(Redacted.make("t-from-elsewhere")),
 *   reject: () => Effect.succeed(false)
 * })
 * const token = await Effect.runPromise(
 *   TenantToken.TenantToken.use((service) => service.get).pipe(Effect.provide(fixed))
 * )
 * console.log(String(token)) // => <redacted>
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { requestToken } from "./Envelope/requestToken.ts"
import { minted } from "./Envelope/telemetry.ts"
import { LarkConfig } from "./LarkConfig.ts"
import * as LarkError from "./LarkError.ts"
import * as renewing from "./TenantToken/renewing.ts"

/**
 * The tenant in which a region of a store app acts: its `tenant_key`. `Lark.asTenant` provides it.
 *
 * @since 0.1.0
 * @category services
 */
export class Tenant extends Context.Service<Tenant, string>()("effect-lark-meetings/TenantToken/Tenant") {}

/**
 * The tenant token of the app.
 *
 * **Details**
 *
 * - `get`: a token to call with. Fails with a generic error of the token endpoint: `CredentialsRejected` when the app
 *   id or secret is wrong, `TransportError` when it cannot be reached.
 * - `reject`: the platform refused this token; true if another one may now be had.
 *
 * @since 0.1.0
 * @category services
 */
export class TenantToken extends Context.Service<TenantToken, {
  readonly get: Effect.Effect<Redacted.Redacted, LarkError.GenericError>
  readonly reject: (token: Redacted.Redacted) => Effect.Effect<boolean>
}>()("effect-lark-meetings/TenantToken") {}

const endpoint = "auth.v3.tenant_access_token.internal"

const mint = Effect.fnUntraced(function*(client: HttpClient.HttpClient, config: LarkConfig["Service"]) {
  if (config.oauthV3) {
    const granted = yield* requestToken(client, "oauth.v3.token", `${config.accountsUrl}/oauth/v3/token`, {
      grant_type: "client_credentials",
      client_id: config.appId,
      client_secret: config.appSecret
    }, { codeless: true })
    return { token: yield* granted.token("access_token"), expiresIn: yield* granted.seconds("expires_in") }
  }
  const granted = yield* requestToken(client, endpoint, `${config.baseUrl}/auth/v3/tenant_access_token/internal`, {
    app_id: config.appId,
    app_secret: config.appSecret
  })
  return { token: yield* granted.token("tenant_access_token"), expiresIn: yield* granted.seconds("expire") }
})

/** A custom app is installed in one tenant; to ask it to act in another is a mistake that must not go to the wrong one. */
const inOwnTenant = Effect.flatMap(Effect.serviceOption(Tenant), (tenant) =>
  Option.isNone(tenant)
    ? Effect.void
    : Effect.fail(new LarkError.InvalidTenant({ endpoint, reason: "customApp" })))

/**
 * Provisions the token of a custom app.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  TenantToken["Service"],
  never,
  LarkConfig | HttpClient.HttpClient | Scope.Scope
> = Effect.gen(function*() {
  const config = yield* LarkConfig
  const client = yield* HttpClient.HttpClient
  const token = yield* renewing.make(Effect.onExit(mint(client, config), (exit) => minted("tenant", exit)))
  return TenantToken.of({
    get: Effect.andThen(inOwnTenant, token.get),
    reject: (rejected) => Effect.as(token.reject(rejected), true)
  })
})

/**
 * The token of a custom app, provisioned as needed.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<TenantToken, never, LarkConfig | HttpClient.HttpClient> = Layer.effect(
  TenantToken,
  make
)
