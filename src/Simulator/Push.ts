import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as App from "./App.ts"
import { parseJson } from "./ArrivedRequest.ts"
import * as SignedRequest from "./SignedRequest.ts"
import type { World } from "./World.ts"

/**
 * Sends a push, as `HttpClient.execute` does. Any failure counts as no response.
 *
 * @category models
 */
export type Deliver = (
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<HttpClientResponse.HttpClientResponse, unknown>

/**
 * The webhook to which events are pushed.
 *
 * @category models
 */
export interface WebhookOptions {
  readonly url: string
  /** If set, every push is encrypted and signed with it. */
  readonly encryptKey?: string | Redacted.Redacted | undefined
  /** The `token` in every push. Default `"simulated-verification-token"`. */
  readonly verificationToken?: string | Redacted.Redacted | undefined
  /** Sends pushes. Default: the `HttpClient` in the context of the layer, if there is one. */
  readonly deliver?: Deliver | undefined
  /** The time between `app_ticket/resend` and the push. Default zero; two minutes have been observed. */
  readonly resendDelay?: Duration.Input | undefined
}

/**
 * A pushed event. It is pushed up to five times, until the webhook responds with 200 within three seconds.
 *
 * @category models
 */
export interface PushRecord {
  readonly type: "app_ticket" | "url_verification"
  /** The same in every redelivery; `undefined` for a `url_verification`. */
  readonly uuid: string | undefined
  /** When each was sent, in milliseconds since 1970, and the status of the response if it came in time. */
  readonly attempts: ReadonlyArray<{ readonly at: number; readonly status: number | undefined }>
}

/**
 * The parts of an event that a test can choose.
 *
 * @category models
 */
export interface EventOptions {
  readonly appId?: string | undefined
  /** Default: a new ticket, which the server accepts. */
  readonly ticket?: string | undefined
  readonly uuid?: string | undefined
  readonly verificationToken?: string | undefined
  /** `null`: neither encrypted nor signed. */
  readonly encryptKey?: string | null | undefined
}

// Documented: without a response within 3 s, pushed again after about 15 s, 5 min, 1 h and 6 h.
const respondWithin = Duration.seconds(3)
const redeliveries = [Duration.seconds(15), Duration.minutes(5), Duration.hours(1), Duration.hours(6)]

// Documented: the webhook echoes the challenge within 1 s.
const challengeWithin = Duration.seconds(1)

export interface Pushes {
  readonly all: () => ReadonlyArray<PushRecord>
  readonly deliverTo: (deliver: Deliver) => void
  readonly ticketEvent: (options: EventOptions) => Effect.Effect<HttpClientRequest.HttpClientRequest>
  /** Pushes a new ticket to the app and waits for the response. Redeliveries run in the background. */
  readonly ticket: (appId: string) => Effect.Effect<void>
  readonly verifyUrl: Effect.Effect<boolean>
}

type Attempts = Array<PushRecord["attempts"][number]>

export const make = Effect.fnUntraced(function*(
  world: World,
  webhook: WebhookOptions | undefined,
  around: Deliver | undefined,
  scope: Scope.Scope
): Effect.fn.Return<Pushes, never, Effect.Services<typeof SignedRequest.make>> {
  const wrap = yield* SignedRequest.make
  const records: Array<PushRecord & { readonly attempts: Attempts }> = []
  let deliver = webhook === undefined ? undefined : webhook.deliver ?? around
  let events = 0

  const url = webhook?.url ?? "http://localhost/webhook/event"
  const key = webhook?.encryptKey === undefined ? undefined : App.redacted(webhook.encryptKey)
  const token = App.reveal(webhook?.verificationToken ?? "simulated-verification-token")

  const open = (type: PushRecord["type"], uuid: string | undefined): Attempts => {
    const attempts: Attempts = []
    records.push({ type, uuid, attempts })
    return attempts
  }

  const nextUuid = (): string => `simulated${String(++events).padStart(23, "0")}`

  const ticketJson = (options: EventOptions & { readonly uuid: string }): Effect.Effect<string> =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const app_id = options.appId ?? world.app.id
      const app_ticket = options.ticket ?? world.tickets.issue(app_id)
      return JSON.stringify({
        ts: `${Math.floor(now / 1000)}.${String(now % 1000).padStart(3, "0")}000`,
        uuid: options.uuid,
        token: options.verificationToken ?? token,
        type: "event_callback",
        event: { app_id, app_ticket, type: "app_ticket" }
      })
    })

  /** Pushes once: the response, if it comes in time. */
  const attempt = Effect.fnUntraced(function*(body: string, attempts: Attempts, within: Duration.Duration) {
    const at = yield* Clock.currentTimeMillis
    const request = yield* wrap.request(url, body, key)
    const response = deliver === undefined ? undefined : yield* deliver(request).pipe(
      Effect.flatMap((response) => Effect.map(response.text, (text) => ({ status: response.status, text }))),
      Effect.timeout(within),
      Effect.orElseSucceed(() => undefined),
      Effect.catchDefect(() => Effect.succeed(undefined))
    )
    attempts.push({ at, status: response?.status })
    return response
  })

  return {
    all: () => records.map((record) => ({ ...record, attempts: [...record.attempts] })),
    deliverTo: (to) => {
      deliver = to
    },
    ticketEvent: Effect.fnUntraced(function*(options) {
      const given = options.encryptKey === undefined ? key : options.encryptKey ?? undefined
      const used = given === undefined ? undefined : App.redacted(given)
      const json = yield* ticketJson({ ...options, uuid: options.uuid ?? nextUuid() })
      return yield* wrap.request(url, yield* wrap.body(json, used), used)
    }),
    ticket: Effect.fnUntraced(function*(appId) {
      const uuid = nextUuid()
      const attempts = open("app_ticket", uuid)
      const body = yield* wrap.body(yield* ticketJson({ appId, uuid }), key)
      const send = Effect.map(attempt(body, attempts, respondWithin), (response) => response?.status === 200)
      if (yield* send) return
      const redeliver = Effect.gen(function*() {
        for (const delay of redeliveries) if (yield* Effect.delay(send, delay)) return
      })
      yield* Effect.forkIn(redeliver, scope, { startImmediately: true })
    }),
    verifyUrl: Effect.gen(function*() {
      const challenge = `simulatedchallenge${String(++events).padStart(8, "0")}`
      const body = yield* wrap.body(JSON.stringify({ challenge, token, type: "url_verification" }), key)
      const response = yield* attempt(body, open("url_verification", undefined), challengeWithin)
      return response?.status === 200 && parseJson(response.text)?.["challenge"] === challenge
    })
  }
})
