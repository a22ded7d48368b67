/**
 * The `app_access_token`, which authenticates the app itself, outside any tenant.
 *
 * **Details**
 *
 * Some endpoints take it, and a store app gets its tenant tokens with it. `layer` is for custom apps, `layerStore` for store
 * apps, whose token is issued for the `app_ticket` (`AppTicket`). It is fetched, renewed and rejected as a `TenantToken`.
 * Source: Feishu, auth-v3 `app_access_token_internal` and `app_access_token`.
 *
 * **Example** (A token from elsewhere)
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
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { AppTicket } from "./AppTicket.ts"
import * as mintedToken from "./internal/mintedToken.ts"
import { type Granted, requestToken } from "./internal/requestToken.ts"
import { LarkConfig } from "./LarkConfig.ts"
import type { GenericError } from "./LarkError.ts"

/**
 * The token of the app.
 *
 * **Details**
 *
 * - `get`: the current token. Fails with a generic error of the token endpoint; a store app also with `AppTicketMissing` or
 *   `SessionStoreError`.
 * - `reject`: reports that the platform rejected this token. Returns true if `get` may return another one.
 *
 * @stability stable
 * @category services
 */
export class AppToken extends Context.Service<AppToken, {
  readonly get: Effect.Effect<Redacted.Redacted, GenericError>
  readonly reject: (token: Redacted.Redacted) => Effect.Effect<boolean>
}>()("effect-lark-meetings/AppToken") {}

/** `mint` gets a token with `send`, which sends one request: with a ticket, if the app has one. */
const make = Effect.fnUntraced(function*(
  endpoint: string,
  path: string,
  mint: (
    send: (ticket?: Redacted.Redacted) => Effect.Effect<Granted, GenericError>
  ) => Effect.Effect<Granted, GenericError>
) {
  const app = yield* LarkConfig
  const { appId, appSecret, baseUrl } = app
  const client = yield* HttpClient.HttpClient
  const makeToken = yield* mintedToken.make(app)
  const request = mint((ticket) => {
    const fields = { app_id: appId, app_secret: appSecret, app_ticket: ticket }
    return requestToken(client, endpoint, baseUrl + path, fields)
  })
  const { get, reject } = makeToken({ kind: "app", endpoint, request, field: "app_access_token" })
  return AppToken.of({ get, reject })
})

/**
 * The token of a custom app.
 *
 * @stability stable
 * @category layers
 */
export const layer: Layer.Layer<AppToken, never, LarkConfig | HttpClient.HttpClient> = Layer.effect(
  AppToken,
  make("auth.v3.app_access_token.internal", "/auth/v3/app_access_token/internal", (send) => send())
)

/** The ticket is wrong or outdated. */
const isTicketRefused = (error: GenericError) => "code" in error && error.code === 10012

/**
 * The token of a store app.
 *
 * **Details**
 *
 * If the platform refuses the ticket, it is rejected and the next ticket is tried, once. If that one is refused too, the error
 * is `CredentialsRejected` (10012).
 *
 * @stability stable
 * @category layers
 */
export const layerStore: Layer.Layer<AppToken, never, LarkConfig | HttpClient.HttpClient | AppTicket> = Layer.effect(
  AppToken,
  Effect.flatMap(
    AppTicket,
    (tickets) =>
      make("auth.v3.app_access_token.create", "/auth/v3/app_access_token", (send) => {
        const attempt = Effect.flatMap(tickets.get, (ticket) =>
          Effect.tapError(send(ticket), (error) =>
            isTicketRefused(error) ? tickets.reject(ticket) : Effect.void))
        return Effect.catchIf(attempt, isTicketRefused, () =>
          attempt)
      })
  )
)
