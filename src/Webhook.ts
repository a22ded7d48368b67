/**
 * Receives the events that the platform pushes: a route for an `HttpRouter`.
 *
 * **Details**
 *
 * `layer` is for custom apps. `layerStore` is for store apps: it also stores the `app_ticket`s that the platform pushes
 * (`AppTicket`). Both provide `Events`, and answer the verification of the request URL that the developer console sends.
 *
 * A request is accepted if it carries the verification token and, with an encrypt key, if it is encrypted and has a valid
 * signature over the bytes of its body, not older than five minutes (`replayWindow`). Only the verification of the request
 * URL has no signature; its encryption proves where it comes from.
 *
 * A request is answered after the consumers of `Events` have taken its event. With `onEvent` it is answered before its event
 * is handled.
 *
 * An event whose id is in `HandledEvents` gets 200 and is not handled. The id is added after the handler succeeded. A
 * duplicate that arrives while its event is handled waits for the outcome (its answer for two seconds at most); if the
 * handler fails, the duplicate is handled. If the set fails, the event is handled: twice rather than not at all.
 *
 * | set | repeated to one pod | repeated to another pod | on two pods at the same moment |
 * | --- | --- | --- | --- |
 * | memory (without a layer) | handled once | handled twice | handled twice |
 * | `layerHandledEvents` | handled once | handled once | handled twice |
 * | your own, claiming in `has` | handled once | handled once | handled once |
 *
 * A process that ends forgets the set in memory.
 *
 * | without `onEvent` | an event gets |
 * | --- | --- |
 * | each consumer takes it within 2.5 seconds | 200 |
 * | a consumer refuses it, or takes longer | 500 |
 * | nobody consumes events, yet or for the moment | 200 if a consumer starts and takes it within 2.5 seconds, else 500 |
 * | nobody consumes events, and 1,000 others wait | 500 |
 * | **with `onEvent`** | |
 * | in any case | 200, before it is handled |
 * | `onEvent: () => Effect.void`: no events wanted | 200, and is dropped |
 *
 * | status | reason |
 * | --- | --- |
 * | 200 | accepted, or a duplicate |
 * | 400 | the body is not a message of the platform, or is not encrypted as it must be |
 * | 401 | the signature is missing or wrong, or its time is outside of the replay window |
 * | 403 | the verification token is wrong, or a ticket belongs to another app |
 * | 408 | the body is not complete after three seconds |
 * | 413, 415 | the body is too large, or its content type is not JSON |
 * | 500 | a ticket could not be stored, or an event was not taken; the platform will send it again |
 *
 * A response has no body that says more. The log says why a request was refused, at level `Debug`.
 *
 * Source: Feishu Open Platform, "Send notifications to developer's server".
 *
 * **Gotchas**
 *
 * - Without an encrypt key the verification token alone authenticates the platform, and every event carries it. Configure
 *   the key.
 * - The platform repeats only requests that were not answered by 200. With `onEvent` an event is lost if its handler fails, or
 *   if the process ends while it is being handled.
 * - Without `onEvent` an event waits 2.5 seconds for a consumer of `Events`, is refused then, and comes again. An app that
 *   wants no events, but is subscribed to some, sets `onEvent: () => Effect.void`. Tickets and the verification of the
 *   request URL need neither.
 * - It repeats after 15 seconds, 5 minutes, one hour and six hours. Whether it signs a repeated request anew is not
 *   documented; if it does not, requests that are repeated after `replayWindow` are refused.
 * - Provide `StoreApp.layer` outside of `HttpRouter.serve`, so that requests and webhook share one `AppTicket`.
 *
 * **Example** (An event, without a socket)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { HttpRouter } from "effect/http"
 * import { Webhook } from "effect-lark-meetings"
 *
 * const seen: Array<string> = []
 * const webhook = Webhook.layer({
 *   path: "/lark",
 *   verificationToken: Redacted.make("v-token"),
 *   onEvent: (event) => Effect.sync(() => seen.push(event.type))
 * })
 * const { dispose, handler } = HttpRouter.toWebHandler(webhook, { disableLogger: true })
 *
 * const post = async (token: string) => {
 *   const header = { event_id: "1", event_type: "vc.meeting.meeting_ended_v1", token }
 *   const response = await handler(
 *     new Request("http://localhost/lark", {
 *       method: "POST",
 *       headers: { "content-type": "application/json" },
 *       body: JSON.stringify({ schema: "2.0", header, event: {} })
 *     })
 *   )
 *   return response.status
 * }
 * console.log(await post("forged"), seen) // => 403 []
 * console.log(await post("v-token"), seen) // => 200 [ 'vc.meeting.meeting_ended_v1' ]
 * await dispose()
 * ```
 */
import * as Cipher from "effect/crypto/Cipher"
import * as Digest from "effect/crypto/Digest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Headers } from "effect/http/Headers"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { AppTicket } from "./AppTicket.ts"
import * as Events from "./Events.ts"
import { makeOnce } from "./internal/handledEvents.ts"
import { invalid, type InvalidLarkConfig, requiredSecret, secretVariable } from "./internal/settings.ts"
import { sameText } from "./internal/text.ts"
import * as wire from "./internal/wire.ts"
import { LarkConfig } from "./LarkConfig.ts"
import { makeReader } from "./Webhook/encryption.ts"
import { readMessage, refuse, type Refused } from "./Webhook/message.ts"
import { readBody } from "./Webhook/readBody.ts"

export { HandledEvents, layerHandledEvents } from "./internal/handledEvents.ts"

/**
 * The options of a webhook.
 *
 * @stability stable
 * @category models
 */
export interface Options<R = never> {
  /** Path of the request URL in the developer console, such as `/lark/events`. */
  readonly path: `/${string}`
  /**
   * Handles an event after the request was answered, in a fiber of its own that ends with the layer. Without it, a request is
   * answered after `Events` have taken its event.
   */
  readonly onEvent?: ((event: Events.Event) => Effect.Effect<unknown, unknown, R>) | undefined
  /** The largest accepted body, in bytes; 1,048,576 (1 MiB) by default. */
  readonly maxBodyBytes?: number | undefined
  /** How far the time of a signature may differ from the clock of this machine, either way; 5 minutes by default. */
  readonly replayWindow?: Duration.Input | undefined
}

/**
 * The secrets of a webhook, shown in the developer console under Events & Callbacks, Encryption Strategy.
 *
 * @stability stable
 * @category models
 */
export interface Secrets {
  readonly verificationToken: Redacted.Redacted
  /** Required if the developer console has an encrypt key, and only then. */
  readonly encryptKey?: Redacted.Redacted | undefined
}

const variables = { verificationToken: "LARK_VERIFICATION_TOKEN", encryptKey: "LARK_ENCRYPT_KEY" }

const source = "the developer console shows it under Events & Callbacks, Encryption Strategy."

const positive = (setting: string, value: number) =>
  value > 0 ? Effect.succeed(value) : invalid(setting, "must be greater than 0.")

const cryptography = Layer.mergeAll(
  Digest.layerWebCrypto,
  Layer.provide(Cipher.layerWebCrypto, SecureRandom.layerWebCrypto)
)

const accepted = HttpServerResponse.jsonUnsafe({})

const ticketType = "app_ticket"

/** Below the three seconds within which the platform expects an answer. */
const answerTimeout = "2 seconds"

type OnTicket = (event: Events.Event) => Effect.Effect<void, Refused>

/** Without secrets, they are read from the variables. */
const mount = <R, R2>(
  options: Options<R>,
  secrets: Secrets | undefined,
  onTicket: Effect.Effect<OnTicket, never, R2>
) =>
  Layer.effect(
    Events.Events,
    Effect.gen(function*() {
      const router = yield* HttpRouter.HttpRouter
      const nameOf = (secret: keyof Secrets) => secrets === undefined ? variables[secret] : secret
      const given = secrets ?? {
        verificationToken: yield* secretVariable(variables.verificationToken),
        encryptKey: yield* secretVariable(variables.encryptKey)
      }
      const verificationToken = Redacted.value(
        yield* requiredSecret(nameOf("verificationToken"), given.verificationToken, source)
      )
      const encryptKey = given.encryptKey && (yield* requiredSecret(nameOf("encryptKey"), given.encryptKey, source))
      const maxBodyBytes = yield* positive("maxBodyBytes", options.maxBodyBytes ?? 1_048_576)
      const window = Duration.toMillis(Duration.fromInputUnsafe(options.replayWindow ?? "5 minutes"))
      const windowMillis = yield* positive("replayWindow", window)

      const scope = yield* Effect.scope
      const isVerificationToken = (token: string) => sameText(verificationToken, token)
      const read = encryptKey === undefined
        ? (_: Headers, body: Uint8Array) => readMessage(body)
        : yield* makeReader(encryptKey, windowMillis, isVerificationToken)
      const takeTicket = yield* onTicket
      const once = yield* makeOnce
      const { onEvent } = options

      const { deliver, events, isRunning } = yield* Events.make
      if (onEvent !== undefined) {
        yield* Effect.forkIn(events.handle(onEvent, { capacity: Infinity }), scope, { startImmediately: true })
      }

      /** Whether the event may be answered with 200. */
      const dispatch = Effect.fnUntraced(function*(event: Events.Event) {
        if (onEvent === undefined) return yield* deliver(event)
        const isDuplicate = isRunning(event)
        const handling = yield* Effect.forkIn(deliver(event), scope, { startImmediately: true })
        if (isDuplicate) yield* Effect.timeoutOption(Fiber.await(handling), answerTimeout)
        return true
      })

      const receive = Effect.fnUntraced(function*(request: HttpServerRequest) {
        const body = yield* readBody(request, maxBodyBytes)
        const message = yield* read(request.headers, body)
        if (!isVerificationToken(message.token)) {
          return yield* refuse(403, `the verification token is wrong; check ${nameOf("verificationToken")}`)
        }
        if (message._tag === "Challenge") return HttpServerResponse.jsonUnsafe({ challenge: message.challenge })
        const { event } = message
        if (event.type === ticketType) yield* once.run(event.id, takeTicket(event))
        else if (!(yield* dispatch(event))) {
          return yield* refuse(
            500,
            "no consumer of Events took the event within 2.5 seconds; the platform will send it again. Start "
              + "Events.handle, or set onEvent to () => Effect.void if the app wants no events"
          )
        }
        return accepted
      })

      yield* router.add("POST", options.path, (request) =>
        Effect.catchTag(receive(request), "Refused", ({ reason, status }) =>
          Effect.as(
            status === 500
              ? Effect.logWarning(`The webhook failed: ${reason}`)
              : Effect.logDebug(`The webhook refused a request: ${reason}`),
            // A request that is refused at its timeout is not read any further.
            HttpServerResponse.empty(status === 408 ? { status, headers: { connection: "close" } } : { status })
          )))
      return events
    })
  ).pipe(Layer.provide(cryptography))

/** A ticket is a secret: handlers must not see it. */
const dropTickets: Effect.Effect<OnTicket> = Effect.succeed(() => Effect.void)

const keepTickets = Effect.gen(function*() {
  const { appId } = yield* LarkConfig
  const tickets = yield* AppTicket
  return (event: Events.Event): Effect.Effect<void, Refused> => {
    const ticket = wire.text(event.data["app_ticket"])
    if (!Option.contains(event.appId, appId)) return refuse(403, "the app_ticket belongs to another app")
    if (ticket === "") return refuse(400, "the event has no app_ticket")
    const createdAt = Option.getOrUndefined(event.createdAt)
    return tickets.put(Redacted.make(ticket, { label: ticketType }), { createdAt }).pipe(
      Effect.timeout(answerTimeout),
      Effect.catch((error) => refuse(500, `the app_ticket was not stored: ${error.message}`))
    )
  }
})

/**
 * Receives the events of a custom app. Fails with `InvalidLarkConfig` if a secret is missing or an option is invalid.
 *
 * **Gotchas**
 *
 * Needs `onEvent` or a consumer of `Events`: an event that nobody takes is answered with 500. `onEvent: () => Effect.void`
 * drops every event.
 *
 * @stability stable
 * @category layers
 */
export const layer = <R = never>(
  options: Options<R> & Secrets
): Layer.Layer<Events.Events, InvalidLarkConfig, HttpRouter.HttpRouter | R> => mount(options, options, dropTickets)

/**
 * Receives the events of a custom app, with the secrets in `LARK_VERIFICATION_TOKEN` and `LARK_ENCRYPT_KEY`. Fails with
 * `InvalidLarkConfig` if the verification token is missing or an option is invalid.
 *
 * @stability stable
 * @category layers
 */
export const layerConfig = <R = never>(
  options: Options<R>
): Layer.Layer<Events.Events, InvalidLarkConfig, HttpRouter.HttpRouter | R> => mount(options, undefined, dropTickets)

/**
 * Receives the tickets and events of a store app. Fails with `InvalidLarkConfig` if a secret is missing or an option is
 * invalid.
 *
 * **Gotchas**
 *
 * Events need `onEvent` or a consumer of `Events`: one that nobody takes is answered with 500. `onEvent: () => Effect.void`
 * drops every event. Tickets need neither.
 *
 * @stability stable
 * @category layers
 */
export const layerStore = <R = never>(
  options: Options<R> & Secrets
): Layer.Layer<Events.Events, InvalidLarkConfig, HttpRouter.HttpRouter | AppTicket | LarkConfig | R> =>
  mount(options, options, keepTickets)

/**
 * Receives the tickets and events of a store app, with the secrets in `LARK_VERIFICATION_TOKEN` and `LARK_ENCRYPT_KEY`.
 * Fails with `InvalidLarkConfig` if the verification token is missing or an option is invalid.
 *
 * @stability stable
 * @category layers
 */
export const layerStoreConfig = <R = never>(
  options: Options<R>
): Layer.Layer<Events.Events, InvalidLarkConfig, HttpRouter.HttpRouter | AppTicket | LarkConfig | R> =>
  mount(options, undefined, keepTickets)
