/**
 * Everything that a store app (ISV app) needs to call the platform, as one layer: `Lark`, with the tokens of many tenants.
 *
 * **Details**
 *
 * The app acts in the tenants that `Lark.asTenant` names. The platform pushes its `app_ticket` to `Webhook.layerStore`, and it
 * is kept, sealed, in the `KeyValueStore`. The layer requires an `HttpClient`, a `KeyValueStore` and a `Seal`.
 *
 * **Example** (A meeting of one tenant)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { AppTicket, Lark, Meetings, MeetingId, Seal, StoreApp } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 * import { KeyValueStore } from "effect/persistence"
 *
 * const app = { appId: "cli_fedcba9876543210", appSecret: Redacted.make("secret") }
 * const id = MeetingId.make("6911188411932033028")
 * const program = Effect.gen(function*() {
 *   // `Webhook.layerStore` does this when the platform pushes a ticket.
 *   yield* AppTicket.AppTicket.use((tickets) => tickets.put(Redacted.make("g-1")))
 *   return (yield* Meetings.get(id).pipe(Lark.asTenant("tenant_a"))).topic
 * })
 * const topic = await Effect.runPromise(program.pipe(
 *   Effect.provide(StoreApp.layer(app)),
 *   Effect.provide([
 *     KeyValueStore.layerMemory,
 *     Seal.layer({ key: Redacted.make("bm90IGEgcmVhbCBrZXksIG9ubHkgYW4gZXhhbXBsZSE=") }),
 *     Simulator.layer({
 *       app: { ...app, type: "store", tenants: ["tenant_a"], ticket: "g-1" },
 *       meetings: [{ id, tenant: "tenant_a", topic: "Weekly" }]
 *     })
 *   ])
 * ))
 * console.log(topic) // => Weekly
 * ```
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Redacted from "effect/Redacted"
import * as AppTicket from "./AppTicket.ts"
import * as AppToken from "./AppToken.ts"
import * as lruMap from "./internal/lruMap.ts"
import * as mintedToken from "./internal/mintedToken.ts"
import { requestToken } from "./internal/requestToken.ts"
import type { Services as LarkServices } from "./Lark.ts"
import * as LarkConfig from "./LarkConfig.ts"
import * as LarkError from "./LarkError.ts"
import * as LarkHttp from "./LarkHttp.ts"
import * as Meetings from "./Meetings.ts"
import type * as Seal from "./Seal.ts"
import { Tenant, TenantToken } from "./TenantToken.ts"

/**
 * The services that `layer` provides.
 *
 * @stability stable
 * @category models
 */
export type Services = LarkServices | AppTicket.AppTicket | AppToken.AppToken

const endpoint = "auth.v3.tenant_access_token.create"

/** 10013: no tenant token was issued; the app is not installed in the tenant, or its app token is not valid. */
const mayBeAppToken = (error: LarkError.GenericError) =>
  "code" in error && error.code !== undefined && (LarkError.isTokenRejected(error.code) || error.code === 10013)

/**
 * The tokens of the tenants, one for each tenant that the app acts in.
 *
 * **Details**
 *
 * `get` and `reject` concern the tenant that `Lark.asTenant` names. The tokens of the last 10,000 tenants stay in memory for two
 * hours after their last use.
 *
 * @stability stable
 * @category layers
 */
export const layerTenantToken: Layer.Layer<
  TenantToken,
  never,
  LarkConfig.LarkConfig | HttpClient.HttpClient | AppToken.AppToken
> = Layer.effect(
  TenantToken,
  Effect.gen(function*() {
    const app = yield* LarkConfig.LarkConfig
    const client = yield* HttpClient.HttpClient
    const appTokens = yield* AppToken.AppToken
    const makeToken = yield* mintedToken.make(app)

    const requestFor = Effect.fnUntraced(function*(tenantKey: string) {
      const request = (appToken: Redacted.Redacted) =>
        requestToken(client, endpoint, `${app.baseUrl}/auth/v3/tenant_access_token`, {
          app_access_token: appToken,
          tenant_key: tenantKey
        })
      const appToken = yield* appTokens.get
      return yield* Effect.catchIf(request(appToken), mayBeAppToken, (error) =>
        Effect.flatMap(
          appTokens.reject(appToken),
          (isReplaced) => isReplaced ? Effect.flatMap(appTokens.get, request) : Effect.fail(error)
        ))
    })

    // A token is valid for two hours at most, so a tenant that was idle for that long holds no usable one.
    const kept = { capacity: 10_000, idleTime: Duration.hours(2) }
    const tokenOf = lruMap.make(yield* Clock.Clock, kept, (tenantKey) =>
      makeToken({
        kind: "tenant",
        tenant: tenantKey,
        endpoint,
        request: requestFor(tenantKey),
        field: "tenant_access_token"
      }))

    const currentToken = Effect.flatMap(Effect.serviceOption(Tenant), (tenant) =>
      Option.isNone(tenant)
        ? Effect.fail(new LarkError.InvalidTenant({ endpoint, reason: "missing" }))
        : tenant.value.trim() === ""
        ? Effect.fail(new LarkError.InvalidTenant({ endpoint, reason: "empty" }))
        : Effect.succeed(tokenOf(tenant.value)))

    return TenantToken.of({
      get: Effect.flatMap(currentToken, ({ get }) => get),
      reject: (rejected) =>
        Effect.orElseSucceed(Effect.flatMap(currentToken, ({ reject }) => reject(rejected)), () => false)
    })
  })
)

type Requirements = HttpClient.HttpClient | KeyValueStore.KeyValueStore | Seal.Seal

const services = Meetings.layer.pipe(
  Layer.provideMerge(LarkHttp.layer),
  Layer.provideMerge(layerTenantToken),
  Layer.provideMerge(AppToken.layerStore),
  Layer.provideMerge(AppTicket.layer)
)

/**
 * Everything for one store app. Fails with `InvalidLarkConfig` when an option is missing or wrong.
 *
 * @stability stable
 * @category layers
 */
export const layer = (
  options: LarkConfig.Options
): Layer.Layer<Services, LarkConfig.InvalidLarkConfig, Requirements> =>
  Layer.provideMerge(services, LarkConfig.layer(options))

/**
 * Everything for the store app that the variables of `Lark.layerConfig` configure, or configs of your own.
 *
 * @stability stable
 * @category layers
 */
export const layerConfig = (
  config?: Config.Wrap<LarkConfig.Options>
): Layer.Layer<Services, LarkConfig.InvalidLarkConfig, Requirements> =>
  Layer.provideMerge(services, LarkConfig.layerConfig(config))
