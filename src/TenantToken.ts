/**
 * The `tenant_access_token`: what a call as the app is made with.
 *
 * **Details**
 *
 * `layer` is for custom apps, which have one token; `layerStore` for store apps, which have one for each tenant they act
 * in.
 *
 * One request to the platform however many fibers ask; renewed in the background in the last 30 minutes of its life,
 * so that nobody waits; a rejected token is dropped only if it is still the current one, and not again within 30 seconds
 * if the platform insists on it. Source: Feishu, auth-v3 `tenant_access_token_internal` (custom apps) and
 * `tenant_access_token` (store apps): a token lives two hours at most, a new one is issued only in the last 30 minutes,
 * and the old one stays valid until its own expiry.
 *
 * A refusal that repeating cannot change, such as `CredentialsRejected`, is the answer for five seconds, without a
 * request. After any other failure, the page of a gateway included, nobody gets an old answer: the next request is made a
 * second later, then two, then every four.
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
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import * as RcMap from "effect/RcMap"
import type * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type { AppToken } from "./AppToken.ts"
import { AppToken as AppTokenKey } from "./internal/appToken.ts"
import * as renewing from "./internal/renewingToken.ts"
import { requestToken } from "./internal/requestToken.ts"
import { LarkConfig } from "./LarkConfig.ts"
import * as LarkError from "./LarkError.ts"

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
 *   id or secret is wrong, `TransportError` when it cannot be reached; with `InvalidTenant` when a store app names no
 *   tenant, or a custom app one; a store app also with `AppTicketMissing` and `SessionStoreError`.
 * - `reject`: the platform refused this token; true if another one may now be had.
 *
 * @since 0.1.0
 * @category services
 */
export class TenantToken extends Context.Service<TenantToken, {
  readonly get: Effect.Effect<Redacted.Redacted, LarkError.GenericError>
  readonly reject: (token: Redacted.Redacted) => Effect.Effect<boolean>
}>()("effect-lark-meetings/TenantToken") {}

const endpointOf = (config: LarkConfig["Service"]) =>
  config.oauthV3 ? "oauth.v3.token" : "auth.v3.tenant_access_token.internal"

const mint = Effect.fnUntraced(function*(client: HttpClient.HttpClient, config: LarkConfig["Service"]) {
  const endpoint = endpointOf(config)
  if (config.oauthV3) {
    const granted = yield* requestToken(client, endpoint, `${config.accountsUrl}/oauth/v3/token`, {
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
const inOwnTenant = (endpoint: string) =>
  Effect.flatMap(Effect.serviceOption(Tenant), (tenant) =>
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
  const endpoint = endpointOf(config)
  const token = yield* renewing.make("tenant", endpoint, mint(client, config))
  return TenantToken.of({ get: Effect.andThen(inOwnTenant(endpoint), token.get), reject: token.reject })
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

const storeEndpoint = "auth.v3.tenant_access_token.create"

/** No tenant token was issued: the app is not installed in the tenant, or its token is no good. */
const noTenantToken = 10013

const mayBeAppToken = (error: LarkError.GenericError) =>
  "code" in error && error.code !== undefined
  && (LarkError.isTokenRejected(error.code) || error.code === noTenantToken)

/** A token lives two hours at most: a tenant that nobody has acted in for so long holds nothing that is still of use. */
const idleTimeToLive = "2 hours"
/** More tenants than that at a time cost a request when they come back. */
const capacity = 10_000

/**
 * Provisions the tokens of a store app.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeStore: Effect.Effect<
  TenantToken["Service"],
  never,
  LarkConfig | HttpClient.HttpClient | AppToken | Scope.Scope
> = Effect.gen(function*() {
  const { baseUrl } = yield* LarkConfig
  const client = yield* HttpClient.HttpClient
  const appTokens = yield* AppTokenKey

  const invalid = (reason: "missing" | "empty") =>
    Effect.fail(new LarkError.InvalidTenant({ endpoint: storeEndpoint, reason }))

  /** `get` and `reject` are of the tenant whose region they run in. */
  const inRegion = Effect.flatMap(Effect.serviceOption(Tenant), (tenant) =>
    Option.isNone(tenant)
      ? invalid("missing")
      : tenant.value.trim() === ""
      ? invalid("empty")
      : Effect.succeed(tenant.value))

  const request = (tenantKey: string, appToken: Redacted.Redacted) =>
    requestToken(client, storeEndpoint, `${baseUrl}/auth/v3/tenant_access_token`, {
      app_access_token: appToken,
      tenant_key: tenantKey
    })

  const mint = Effect.fnUntraced(function*(tenantKey: string) {
    const appToken = yield* appTokens.get
    const granted = yield* Effect.catchIf(
      request(tenantKey, appToken),
      mayBeAppToken,
      (error) =>
        Effect.flatMap(appTokens.reject(appToken), (another) =>
          another
            ? Effect.flatMap(appTokens.get, (renewed) => request(tenantKey, renewed))
            : Effect.fail(error))
    )
    return { token: yield* granted.token("tenant_access_token"), expiresIn: yield* granted.seconds("expire") }
  })

  const context = yield* Effect.context<Scope.Scope>()
  const tokens = yield* RcMap.make({
    // The map would look up in the region of who asks first.
    lookup: (tenantKey: string) =>
      Effect.updateContext(
        renewing.make("tenant", storeEndpoint, mint(tenantKey)),
        (asked: Context.Context<Scope.Scope>) => Context.add(context, Scope.Scope, Context.get(asked, Scope.Scope))
      ),
    idleTimeToLive
  })

  /** The tenth that has been idle longest goes, so that this is done seldom. */
  const makeRoom = Effect.suspend(() => {
    if (tokens.state._tag === "Closed" || MutableHashMap.size(tokens.state.map) <= capacity) return Effect.void
    const idle = Array.from(tokens.state.map).filter(([, { refCount }]) => refCount === 0)
    const longest = idle.sort(([, a], [, b]) => a.expiresAt - b.expiresAt).slice(0, capacity / 10)
    return Effect.forEach(longest, ([tenantKey]) => RcMap.invalidate(tokens, tenantKey), { discard: true })
  })

  const tokenOf = (tenantKey: string) => Effect.tap(RcMap.get(tokens, tenantKey), makeRoom)

  return TenantToken.of({
    get: Effect.flatMap(
      inRegion,
      (tenantKey) => Effect.scoped(Effect.flatMap(tokenOf(tenantKey), (token) => token.get))
    ),
    reject: (rejected) =>
      Effect.flatMap(
        inRegion,
        (tenantKey) => Effect.scoped(Effect.flatMap(tokenOf(tenantKey), (token) => token.reject(rejected)))
      ).pipe(
        Effect.catch(() => Effect.succeed(false))
      )
  })
})

/**
 * The tokens of a store app, one for each tenant it acts in, provisioned as needed.
 *
 * **Details**
 *
 * `get` and `reject` are of the tenant of the region that `Lark.asTenant` wraps; `get` fails with `InvalidTenant` outside
 * of one. A token is dropped when nobody has acted in the tenant for two hours, and the ten thousand tenants that acted
 * last are kept.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore: Layer.Layer<TenantToken, never, LarkConfig | HttpClient.HttpClient | AppToken> = Layer.effect(
  TenantToken,
  makeStore
)
