/**
 * The `tenant_access_token`, which authenticates calls as the app.
 *
 * **Details**
 *
 * A custom app has one token (`layer`). A store app has one for each tenant it acts in (`StoreApp.layerTenantToken`).
 *
 * - One request serves all fibers that need the token.
 * - It is renewed in the background in the last 30 minutes of its life; callers get the current token meanwhile.
 * - A rejected token is dropped if it is still the current one. The token that replaces it, the same one or another, stays in use
 *   until it is 30 seconds old, rejected or not.
 * - A refusal that repeating cannot change, such as `CredentialsRejected`, is repeated for five seconds without another request,
 *   and `RateLimited` for as long as the platform asks to wait (a minute at most). After any other failure callers wait, and the
 *   next request is sent one, two, then every four seconds later.
 *
 * Each process has its own token, unless `Cluster.layerTokens` is provided.
 *
 * Source: Feishu, auth-v3 `tenant_access_token_internal` (custom apps) and `tenant_access_token` (store apps): a token is valid
 * for two hours at most, a new one is issued only in the last 30 minutes, and the old one stays valid until it expires.
 *
 * **Example** (A token from elsewhere)
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
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as mintedToken from "./internal/mintedToken.ts"
import { requestToken } from "./internal/requestToken.ts"
import { LarkConfig } from "./LarkConfig.ts"
import * as LarkError from "./LarkError.ts"

/**
 * The tenant in which a store app acts: its `tenant_key`. `Lark.asTenant` provides it.
 *
 * @stability stable
 * @category services
 */
export class Tenant extends Context.Service<Tenant, string>()("effect-lark-meetings/TenantToken/Tenant") {}

/**
 * The tenant token of the app.
 *
 * **Details**
 *
 * - `get`: the current token. Fails with a generic error of the token endpoint, or with `InvalidTenant` when a store app names no
 *   tenant, or a custom app names one. A store app also fails with `AppTicketMissing` or `SessionStoreError`.
 * - `reject`: reports that the platform rejected this token. Returns true if `get` may return another one.
 *
 * @stability stable
 * @category services
 */
export class TenantToken extends Context.Service<TenantToken, {
  readonly get: Effect.Effect<Redacted.Redacted, LarkError.GenericError>
  readonly reject: (token: Redacted.Redacted) => Effect.Effect<boolean>
}>()("effect-lark-meetings/TenantToken") {}

/**
 * The token of a custom app.
 *
 * @stability stable
 * @category layers
 */
export const layer: Layer.Layer<TenantToken, never, LarkConfig | HttpClient.HttpClient> = Layer.effect(
  TenantToken,
  Effect.gen(function*() {
    const app = yield* LarkConfig
    const { accountsUrl, appId, appSecret, baseUrl, oauthV3 } = app
    const client = yield* HttpClient.HttpClient
    const endpoint = oauthV3 ? "oauth.v3.token" : "auth.v3.tenant_access_token.internal"
    const { get, reject } = (yield* mintedToken.make(app))({
      kind: "tenant",
      endpoint,
      field: oauthV3 ? "access_token" : "tenant_access_token",
      request: oauthV3
        ? requestToken(client, endpoint, `${accountsUrl}/oauth/v3/token`, {
          grant_type: "client_credentials",
          client_id: appId,
          client_secret: appSecret
        })
        : requestToken(client, endpoint, `${baseUrl}/auth/v3/tenant_access_token/internal`, {
          app_id: appId,
          app_secret: appSecret
        })
    })
    return TenantToken.of({
      // The app is installed in one tenant: a call that names one would act in the wrong tenant.
      get: Effect.flatMap(
        Effect.serviceOption(Tenant),
        (tenant) =>
          Option.isNone(tenant) ? get : Effect.fail(new LarkError.InvalidTenant({ endpoint, reason: "customApp" }))
      ),
      reject
    })
  })
)
