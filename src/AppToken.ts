/**
 * The `app_access_token`: what the app itself is known by, in no tenant.
 *
 * **Details**
 *
 * A few endpoints take it, and a store app makes its tenant tokens of it. `layer` is for custom apps, `layerStore` for
 * store apps, whose token is made of the `app_ticket` (`AppTicket`). It is provisioned as a tenant token is: one request
 * however many fibers ask, renewed in the background in its last 30 minutes. Source: Feishu, auth-v3
 * `app_access_token_internal` and `app_access_token`.
 *
 * **Example** (A token of your own making)
 *
 * ```ts
 * import { Effect, Layer, Redacted } from "effect"
 * import { AppToken } from "effect-lark-meetings"
 *
 * const fixed = Layer.succeed(AppToken.AppToken, {
 *   get: Effect.succeed(Redacted.make("a-from-elsewhere")),
 *   reject: () => Effect.succeed(false)
 * })
 * const token = await Effect.runPromise(
 *   AppToken.AppToken.use((service) => service.get).pipe(Effect.provide(fixed))
 * )
 * console.log(String(token)) // => <redacted>
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { AppTicket } from "./AppTicket.ts"
import { AppToken } from "./internal/appToken.ts"
import * as renewing from "./internal/renewingToken.ts"
import { type Granted, requestToken } from "./internal/requestToken.ts"
import { LarkConfig } from "./LarkConfig.ts"
import type { GenericError } from "./LarkError.ts"

export { AppToken } from "./internal/appToken.ts"

const minted = Effect.fnUntraced(function*(granted: Granted) {
  return { token: yield* granted.token("app_access_token"), expiresIn: yield* granted.seconds("expire") }
})

/**
 * Provisions the token of a custom app.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  AppToken["Service"],
  never,
  LarkConfig | HttpClient.HttpClient | Scope.Scope
> = Effect.gen(function*() {
  const { appId, appSecret, baseUrl } = yield* LarkConfig
  const client = yield* HttpClient.HttpClient
  const endpoint = "auth.v3.app_access_token.internal"
  const url = `${baseUrl}/auth/v3/app_access_token/internal`
  const mint = Effect.flatMap(requestToken(client, endpoint, url, { app_id: appId, app_secret: appSecret }), minted)
  return AppToken.of(yield* renewing.make("app", endpoint, mint))
})

/**
 * The token of a custom app, provisioned as needed.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<AppToken, never, LarkConfig | HttpClient.HttpClient> = Layer.effect(AppToken, make)

/** The ticket is wrong or outdated. */
const ticketRefused = 10012

/**
 * Provisions the token of a store app.
 *
 * **Details**
 *
 * A ticket that the platform refuses is rejected, and the next one tried, if there is one: once. If that is refused as
 * well, the answer is `CredentialsRejected` (10012).
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeStore: Effect.Effect<
  AppToken["Service"],
  never,
  LarkConfig | HttpClient.HttpClient | AppTicket | Scope.Scope
> = Effect.gen(function*() {
  const { appId, appSecret, baseUrl } = yield* LarkConfig
  const client = yield* HttpClient.HttpClient
  const tickets = yield* AppTicket
  const endpoint = "auth.v3.app_access_token.create"
  const url = `${baseUrl}/auth/v3/app_access_token`

  const request = Effect.flatMap(
    tickets.get,
    (ticket) =>
      requestToken(client, endpoint, url, { app_id: appId, app_secret: appSecret, app_ticket: ticket }).pipe(
        Effect.tapError((error) => isTicketRefused(error) ? tickets.reject(ticket) : Effect.void)
      )
  )
  const mint = request.pipe(
    Effect.catchIf(isTicketRefused, () => request),
    Effect.flatMap(minted)
  )
  return AppToken.of(yield* renewing.make("app", endpoint, mint))
})

const isTicketRefused = (error: GenericError) => "code" in error && error.code === ticketRefused

/**
 * The token of a store app, provisioned as needed.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore: Layer.Layer<AppToken, never, LarkConfig | HttpClient.HttpClient | AppTicket> = Layer.effect(
  AppToken,
  makeStore
)
