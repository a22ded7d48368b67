/**
 * The `tenant_access_token`: what a call as the app is made with.
 *
 * **Details**
 *
 * One request to the platform however many fibers ask; renewed in the background in the last 30 minutes of its life,
 * so that nobody waits; failures are never kept; a rejected token is dropped only if it is still the current one.
 * Source: Feishu, auth-v3 `tenant_access_token_internal` (custom apps): a token lives two hours at most, a new one is
 * issued only in the last 30 minutes, and the old one stays valid until its own expiry.
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
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { exchange } from "./Envelope/exchange.ts"
import { failure } from "./Envelope/failure.ts"
import { LarkConfig } from "./LarkConfig.ts"
import * as LarkError from "./LarkError.ts"
import * as renewing from "./TenantToken/renewing.ts"

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

/** Shorter than that of an attempt of the engine, so that a token that does not come is known not to have been used. */
const timeout = Duration.seconds(9)

const mint = Effect.fnUntraced(function*(client: HttpClient.HttpClient, config: LarkConfig["Service"]) {
  const request = HttpClientRequest.post(`${config.baseUrl}/auth/v3/tenant_access_token/internal`).pipe(
    HttpClientRequest.bodyJsonUnsafe({ app_id: config.appId, app_secret: Redacted.value(config.appSecret) })
  )
  const envelope = yield* exchange(client, endpoint, request, [config.appSecret], timeout)
  if (envelope.code !== 0) {
    return yield* Effect.fail(LarkError.fromFailure(failure(envelope, [config.appSecret]), []))
  }
  const { body, logId, status } = envelope
  const token = body["tenant_access_token"]
  const expiresIn = Number(body["expire"])
  if (typeof token !== "string" || token === "" || !(expiresIn > 0 && expiresIn < Number.POSITIVE_INFINITY)) {
    return yield* Effect.fail(
      new LarkError.MalformedResponse({
        endpoint,
        status,
        logId,
        reason: "it has no token, or no time for it to expire"
      })
    )
  }
  return { token: Redacted.make(token, { label: "tenant_access_token" }), expiresIn }
})

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
  const token = yield* renewing.make(mint(client, config))
  return TenantToken.of({ get: token.get, reject: (rejected) => Effect.as(token.reject(rejected), true) })
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
