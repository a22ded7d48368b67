/**
 * Everything that is needed to call the platform, as one layer.
 *
 * **Details**
 *
 * `layer` and `layerConfig` leave an `HttpClient` as the only requirement:
 * `UndiciHttpClient.layer(NodeHttpClient.makeDispatcher)`, or `Simulator.layer` to run offline. Store apps use `StoreApp` instead.
 *
 * **Example** (Ending a meeting as its host, offline)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lark, Meeting, Meetings, MeetingId, UserToken } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const program = Effect.gen(function*() {
 *   const simulator = yield* Simulator.Simulator
 *   const token = yield* simulator.userToken("ou_alice")
 *   yield* Meetings.end(id).pipe(Lark.asUser(UserToken.fromAccessToken(token)))
 *   return (yield* Meetings.get(id)).status === Meeting.Status.Ended
 * })
 * const ended = await Effect.runPromise(program.pipe(
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }] }))
 * ))
 * console.log(ended) // => true
 * ```
 */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as LarkConfig from "./LarkConfig.ts"
import * as LarkHttp from "./LarkHttp.ts"
import * as Meetings from "./Meetings.ts"
import * as TenantToken from "./TenantToken.ts"
import * as UserToken from "./UserToken.ts"

/**
 * The services that `layer` provides.
 *
 * @stability stable
 * @category models
 */
export type Services = Meetings.Meetings | LarkHttp.LarkHttp | TenantToken.TenantToken | LarkConfig.LarkConfig

const services = Meetings.layer.pipe(
  Layer.provideMerge(LarkHttp.layer),
  Layer.provideMerge(TenantToken.layer)
)

/**
 * Builds everything for one app. Fails with `InvalidLarkConfig` when an option is missing or wrong.
 *
 * @stability stable
 * @category layers
 */
export const layer = (
  options: LarkConfig.Options
): Layer.Layer<Services, LarkConfig.InvalidLarkConfig, HttpClient.HttpClient> =>
  Layer.provideMerge(services, LarkConfig.layer(options))

/**
 * Builds everything for the app that `LARK_APP_ID`, `LARK_APP_SECRET`, `LARK_BRAND` and `LARK_BASE_URL` configure, or that your own
 * `Config`s do. Fails with `InvalidLarkConfig`, which names the variable that is missing or wrong.
 *
 * @stability stable
 * @category layers
 */
export const layerConfig = (
  config?: Config.Wrap<LarkConfig.Options>
): Layer.Layer<Services, LarkConfig.InvalidLarkConfig, HttpClient.HttpClient> =>
  Layer.provideMerge(services, LarkConfig.layerConfig(config))

/**
 * Runs an effect as a user: operations that take either token use the user's, and those that take users only can be called.
 *
 * @stability stable
 * @category combinators
 */
export const asUser =
  (session: UserToken.UserToken["Service"]) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, UserToken.UserToken>> =>
    Effect.provideService(self, UserToken.UserToken, session)

/**
 * Runs an effect as the app inside `asUser`: operations that take either token use the app's. An effect that requires a
 * user does not compile.
 *
 * @stability stable
 * @category combinators
 */
export const asApp = <A, E, R>(
  self: Effect.Effect<A, E, R> & ([Extract<R, UserToken.UserToken>] extends [never] ? unknown : never)
): Effect.Effect<A, E, R> =>
  Effect.updateContext(
    self,
    // R has no UserToken, so a context without it still has all of R.
    (context: Context.Context<R>) => Context.omit(UserToken.UserToken)(context) as Context.Context<R>
  )

/**
 * Runs an effect of a store app in a tenant, named by its `tenant_key`.
 *
 * **Gotchas**
 *
 * A call of a custom app inside fails with `InvalidTenant`: it could only act in the wrong tenant.
 *
 * @stability stable
 * @category combinators
 */
export const asTenant =
  (tenantKey: string) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, TenantToken.Tenant>> =>
    Effect.provideService(self, TenantToken.Tenant, tenantKey)
