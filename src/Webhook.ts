/**
 * Where the platform sends events: a route for an `HttpRouter`.
 *
 * **Details**
 *
 * `layer` is for any app and hands events to `onEvent`. `layerStore` is for store apps: it keeps the `app_ticket`s that
 * the platform pushes (`AppTicket`), and hands over the rest. Both answer the verification of the address in the
 * developer console by themselves.
 *
 * A request is taken if
 *
 * - it carries the verification token, and
 * - with an encrypt key, it is encrypted, and signed over the bytes of its body within the last five minutes
 *   (`replayWindow`). Only the verification of the address comes without a signature; it is known by its encryption.
 *
 * An event is taken once: when it comes again, within eight hours and ten thousand events, it is answered and nothing
 * more. Events are answered at once, and handled in fibers of their own; a handler that fails is logged, without what the
 * event or the failure say.
 *
 * | answer | to |
 * | --- | --- |
 * | 200 | what was taken, now or before |
 * | 400 | a body that is no message of the platform, or is not encrypted as it should be |
 * | 401 | a signature that is missing, wrong or out of time |
 * | 403 | another verification token, or a ticket of another app |
 * | 413, 415 | a body that is too large, or not JSON by its header |
 * | 500 | a ticket that could not be stored; the platform will send it again |
 *
 * None says more than its status. The log says why, at level `Debug`.
 *
 * **Gotchas**
 *
 * - Without an encrypt key the verification token is all that tells the platform from anybody else, and every event
 *   carries it. Set the key.
 * - The platform repeats only what was not answered: an event whose handler fails, or that is being handled when the
 *   process ends, does not come again.
 * - It repeats after 15 seconds, 5 minutes, an hour and six hours. Should it repeat with the signature of the first time,
 *   which is not documented, what comes later than `replayWindow` is refused.
 * - Provide `StoreApp.layer` outside of `HttpRouter.serve`, so that calls and webhook share one `AppTicket`.
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
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Cipher from "effect/crypto/Cipher"
import * as Digest from "effect/crypto/Digest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Headers } from "effect/http/Headers"
import * as HttpRouter from "effect/http/HttpRouter"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { AppTicket } from "./AppTicket.ts"
import { InvalidLarkConfig, LarkConfig } from "./LarkConfig.ts"
import * as once from "./Webhook/dedupe.ts"
import * as encryption from "./Webhook/encryption.ts"
import { type Event, type Message, readMessage } from "./Webhook/Event.ts"
import { readBody } from "./Webhook/readBody.ts"
import { refuse, type Refused } from "./Webhook/Refused.ts"
import { sameText } from "./Webhook/sameText.ts"

export type { Event } from "./Webhook/Event.ts"

/**
 * Where and how events are received.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<R = never> {
  /** Of the address that the developer console knows, such as `/lark/events`. */
  readonly path: HttpRouter.PathInput
  /** Runs in a fiber of its own for each event, and ends with the layer. Nothing is done with events unless given. */
  readonly onEvent?: ((event: Event) => Effect.Effect<unknown, unknown, R>) | undefined
  /** 1 MiB (1,048,576 bytes) unless given. */
  readonly maxBodyBytes?: number | undefined
  /** How far the time of a signed request may be from this machine's, before or after. Five minutes unless given. */
  readonly replayWindow?: Duration.Input | undefined
}

/**
 * What the developer console shows under Events & Callbacks, Encryption Strategy.
 *
 * @since 0.1.0
 * @category models
 */
export interface Secrets {
  readonly verificationToken: Redacted.Redacted
  /** Needed exactly if the console has one. */
  readonly encryptKey?: Redacted.Redacted | undefined
}

interface Names {
  readonly verificationToken: string
  readonly encryptKey: string
}

const optionNames: Names = { verificationToken: "verificationToken", encryptKey: "encryptKey" }

const variableNames: Names = { verificationToken: "LARK_VERIFICATION_TOKEN", encryptKey: "LARK_ENCRYPT_KEY" }

const invalid = (setting: string, reason: string) => Effect.fail(new InvalidLarkConfig({ setting, reason }))

const place = "the developer console shows it under Events & Callbacks, Encryption Strategy."

const required = (setting: string, secret: Redacted.Redacted | undefined) =>
  secret === undefined
    ? invalid(setting, `is missing or empty; ${place}`)
    : !Redacted.isRedacted(secret)
    ? invalid(setting, "must be Redacted: Redacted.make(secret).")
    : Redacted.value(secret).trim() === ""
    ? invalid(setting, `is missing or empty; ${place}`)
    : Effect.succeed(secret)

const positive = (setting: string, value: number) =>
  value > 0 ? Effect.succeed(value) : invalid(setting, "must be more than nothing.")

const isVerificationTokenOf = Effect.fnUntraced(function*(verificationToken: Redacted.Redacted) {
  const digest = yield* Digest.Digest
  return (token: string) => sameText(digest, Redacted.value(verificationToken), token)
})

/** What a request says, once it is known to be the platform's; but for the verification token. */
const makeReader = Effect.fnUntraced(function*(
  encryptKey: Redacted.Redacted | undefined,
  windowMillis: number,
  isVerificationToken: (token: string) => Effect.Effect<boolean>
) {
  if (encryptKey === undefined) return (_: Headers, body: Uint8Array) => readMessage(body)
  const { decrypt, isSigned } = yield* encryption.make(encryptKey, windowMillis)
  const unsigned = refuse(401, "the signature is missing")
  return Effect.fnUntraced(function*(headers: Headers, body: Uint8Array): Effect.fn.Return<Message, Refused> {
    const message = Effect.flatMap(decrypt(body), readMessage)
    if (yield* isSigned(headers, body)) return yield* message
    // Whatever else an unsigned body hides, the answer is one.
    const challenge = yield* Effect.catch(message, () => unsigned)
    return challenge._tag === "Challenge" && (yield* isVerificationToken(challenge.token))
      ? challenge
      : yield* unsigned
  })
})

const cryptography = Layer.mergeAll(
  Digest.layerWebCrypto,
  Layer.provide(Cipher.layerWebCrypto, SecureRandom.layerWebCrypto)
)

const accepted = HttpServerResponse.jsonUnsafe({})

const ticketType = "app_ticket"

/** The platform waits three seconds for an answer. */
const patience = "2 seconds"

type OnTicket = (event: Event) => Effect.Effect<void, Refused>

const mount = <R, R2>(
  names: Names,
  options: Options<R>,
  secrets: Effect.Effect<{ readonly [Name in keyof Names]: Redacted.Redacted | undefined }, InvalidLarkConfig>,
  onTicket: Effect.Effect<OnTicket, never, R2>
) =>
  HttpRouter.use(Effect.fnUntraced(function*(router) {
    const given = yield* secrets
    const verificationToken = yield* required(names.verificationToken, given.verificationToken)
    const encryptKey = given.encryptKey === undefined ? undefined : yield* required(names.encryptKey, given.encryptKey)
    const maxBodyBytes = yield* positive("maxBodyBytes", options.maxBodyBytes ?? 1_048_576)
    const window = Duration.toMillis(Duration.fromInputUnsafe(options.replayWindow ?? "5 minutes"))
    const windowMillis = yield* positive("replayWindow", window)

    const scope = yield* Effect.scope
    const context = yield* Effect.context<R>()
    const isVerificationToken = yield* isVerificationTokenOf(verificationToken)
    const read = yield* makeReader(encryptKey, windowMillis, isVerificationToken)
    const takeTicket = yield* onTicket
    const onlyOnce = yield* once.make
    const { onEvent } = options

    const hand = (event: Event): Effect.Effect<void> => {
      if (onEvent === undefined) return Effect.void
      const handling = Effect.suspend(() => onEvent(event)).pipe(
        Effect.provideContext(context),
        Effect.catchCause(() =>
          Effect.logWarning("The handler of an event failed").pipe(
            Effect.annotateLogs({ event_id: event.id, event_type: event.type })
          )
        )
      )
      return Effect.asVoid(Effect.forkIn(handling, scope, { startImmediately: true }))
    }

    const receive = Effect.fnUntraced(function*(request: HttpServerRequest) {
      const body = yield* readBody(request, maxBodyBytes)
      const message = yield* read(request.headers, body)
      if (!(yield* isVerificationToken(message.token))) {
        return yield* refuse(403, `the verification token is another; check ${names.verificationToken}`)
      }
      if (message._tag === "Challenge") return HttpServerResponse.jsonUnsafe({ challenge: message.challenge })
      const { event } = message
      yield* onlyOnce(event.id, event.type === ticketType ? takeTicket(event) : hand(event))
      return accepted
    })

    yield* router.add("POST", options.path, (request) =>
      Effect.catchTag(receive(request), "Refused", ({ reason, status }) =>
        Effect.as(
          status === 500
            ? Effect.logWarning(`The webhook failed: ${reason}`)
            : Effect.logDebug(`The webhook refused a request: ${reason}`),
          HttpServerResponse.empty({ status })
        )))
  })).pipe(Layer.provide(cryptography))

/** A ticket is a secret, and no event for a handler to see. */
const dropTickets: Effect.Effect<OnTicket> = Effect.succeed(() => Effect.void)

const keepTickets = Effect.gen(function*() {
  const { appId } = yield* LarkConfig
  const tickets = yield* AppTicket
  return (event: Event): Effect.Effect<void, Refused> => {
    const ticket = event.data["app_ticket"]
    if (!Option.contains(event.appId, appId)) return refuse(403, "the app_ticket is of another app")
    if (typeof ticket !== "string" || ticket === "") return refuse(400, "the event has no app_ticket")
    const createdAt = Option.getOrUndefined(event.createdAt)
    return tickets.put(Redacted.make(ticket, { label: ticketType }), { createdAt }).pipe(
      Effect.timeout(patience),
      Effect.catch((error) => refuse(500, `the app_ticket was not stored: ${error.message}`))
    )
  }
})

const optional = (name: string) =>
  Config.option(Config.Redacted(name)).pipe(
    Effect.map((variable) => Option.getOrUndefined(Option.filter(variable, (secret) => Redacted.value(secret) !== ""))),
    Effect.catchTag("ConfigError", (error) => invalid("configuration", `cannot be read: ${error.message}`))
  )

const fromVariables = Effect.gen(function*() {
  return {
    verificationToken: yield* optional(variableNames.verificationToken),
    // An empty variable is one that is not set: shells and CI systems leave such behind.
    encryptKey: yield* optional(variableNames.encryptKey)
  }
})

const fromOptions = ({ encryptKey, verificationToken }: Secrets) => Effect.succeed({ encryptKey, verificationToken })

/**
 * Receives the events of an app. Fails with `InvalidLarkConfig` when a secret is missing or an option makes no sense.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <R = never>(
  options: Options<R> & Secrets
): Layer.Layer<never, InvalidLarkConfig, HttpRouter.HttpRouter | R> =>
  mount(optionNames, options, fromOptions(options), dropTickets)

/**
 * Receives the events of an app, with the secrets in `LARK_VERIFICATION_TOKEN` and `LARK_ENCRYPT_KEY`, of which the
 * second may be missing. Fails with `InvalidLarkConfig`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = <R = never>(
  options: Options<R>
): Layer.Layer<never, InvalidLarkConfig, HttpRouter.HttpRouter | R> =>
  mount(variableNames, options, fromVariables, dropTickets)

/**
 * Receives the tickets and events of a store app. Fails with `InvalidLarkConfig` as `layer` does.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore = <R = never>(
  options: Options<R> & Secrets
): Layer.Layer<never, InvalidLarkConfig, HttpRouter.HttpRouter | AppTicket | LarkConfig | R> =>
  mount(optionNames, options, fromOptions(options), keepTickets)

/**
 * Receives the tickets and events of a store app, with the secrets in `LARK_VERIFICATION_TOKEN` and `LARK_ENCRYPT_KEY`.
 * Fails with `InvalidLarkConfig`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStoreConfig = <R = never>(
  options: Options<R>
): Layer.Layer<never, InvalidLarkConfig, HttpRouter.HttpRouter | AppTicket | LarkConfig | R> =>
  mount(variableNames, options, fromVariables, keepTickets)
