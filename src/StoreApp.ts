/**
 * The front door of a store app (ISV app): as `Lark`, with the tokens of many tenants.
 *
 * **Details**
 *
 * The app acts in the tenants that `Lark.asTenant` names. Its `app_ticket` is pushed to `Webhook.layerStore` and kept,
 * sealed, in the `KeyValueStore`; that and the `Seal` are required beside the `HttpClient`.
 *
 * **Example** (A meeting of one tenant)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { AppTicket, Lark, Meetings, MeetingId, Seal, StoreApp } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 * import { KeyValueStore } from "effect/persistence"
 *
 * const app = { appId: "cli_store", appSecret: Redacted.make("secret") }
 * const id = MeetingId.make("6911188411932033028")
 * const program = Effect.gen(function*() {
 *   // What `Webhook.layerStore` does with a push of the platform.
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
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as AppTicket from "./AppTicket.ts"
import * as AppToken from "./AppToken.ts"
import type { Services as LarkServices } from "./Lark.ts"
import * as LarkConfig from "./LarkConfig.ts"
import * as LarkHttp from "./LarkHttp.ts"
import * as Meetings from "./Meetings.ts"
import type * as Seal from "./Seal.ts"
import * as TenantToken from "./TenantToken.ts"

/**
 * The services that the front door provides.
 *
 * @since 0.1.0
 * @category models
 */
export type Services = LarkServices | AppTicket.AppTicket | AppToken.AppToken

const services = Meetings.layer.pipe(
  Layer.provideMerge(LarkHttp.layer),
  Layer.provideMerge(TenantToken.layerStore),
  Layer.provideMerge(AppToken.layerStore),
  Layer.provideMerge(AppTicket.layer)
)

/**
 * Everything, for one store app. Fails with `InvalidLarkConfig` when an option is missing or wrong.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: LarkConfig.Options
): Layer.Layer<
  Services,
  LarkConfig.InvalidLarkConfig,
  HttpClient.HttpClient | KeyValueStore.KeyValueStore | Seal.Seal
> => Layer.provideMerge(services, LarkConfig.layer(options))

/**
 * Everything, for the store app that the variables of `Lark.layerConfig` configure, or configs of your own. Fails with
 * `InvalidLarkConfig`, which names the variable that is missing or wrong.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config?: Config.Wrap<LarkConfig.Options>
): Layer.Layer<
  Services,
  LarkConfig.InvalidLarkConfig,
  HttpClient.HttpClient | KeyValueStore.KeyValueStore | Seal.Seal
> => Layer.provideMerge(services, LarkConfig.layerConfig(config))
