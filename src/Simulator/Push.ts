import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as App from "./App.ts"
import { isRecord, parseJson } from "./Call.ts"
import * as SignedRequest from "./SignedRequest.ts"
import type { World } from "./World.ts"

/**
 * How a push travels: what an `HttpClient` does with a request. Whatever goes wrong means that no answer came.
 *
 * @since 0.1.0
 * @category models
 */
export type Deliver = (
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<HttpClientResponse.HttpClientResponse, unknown>

/**
 * Where events go.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebhookOptions {
  readonly url: string
  /** With it every push is encrypted and signed. */
  readonly encryptKey?: string | Redacted.Redacted | undefined
  /** What every push carries as its `token`. Default `"simulated-verification-token"`. */
  readonly verificationToken?: string | Redacted.Redacted | undefined
  /** How a push travels. Default: through the `HttpClient` around the simulator, if there is one. */
  readonly deliver?: Deliver | undefined
  /** How long after `app_ticket/resend` the ticket comes. Default zero; two minutes were seen. */
  readonly resendDelay?: Duration.Input | undefined
}

/**
 * An event that was pushed: at most five times, until it was answered with 200 within three seconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface PushRecord {
  readonly type: "app_ticket" | "url_verification"
  /** The same on every redelivery; a `url_verification` has none. */
  readonly uuid: string | undefined
  /** When it was sent, in milliseconds, and the status of the answer if one came in time. */
  readonly attempts: ReadonlyArray<{ readonly at: number; readonly status: number | undefined }>
}

/**
 * What an event may say that the simulator itself would not.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventOptions {
  readonly appId?: string | undefined
  /** Default: a new one, which the server accepts from now on. */
  readonly ticket?: string | undefined
  readonly uuid?: string | undefined
  readonly verificationToken?: string | undefined
  /** `null` for an event that is neither encrypted nor signed. */
  readonly encryptKey?: string | null | undefined
}

// The documents: an answer within 3 s, or again after about 15 s, 5 min, 1 h and 6 h.
const answerWithin = Duration.seconds(3)
const redeliveries = [Duration.seconds(15), Duration.minutes(5), Duration.hours(1), Duration.hours(6)]

// The documents: the challenge comes back within 1 s.
const challengeWithin = Duration.seconds(1)

export interface Pushes {
  readonly all: () => ReadonlyArray<PushRecord>
  readonly deliverTo: (deliver: Deliver) => void
  readonly ticketEvent: (options: EventOptions) => Effect.Effect<HttpClientRequest.HttpClientRequest>
  /** Sends a new ticket to the app. Until this is answered with 200, it is sent again in the background. */
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

  /** One attempt: the answer, if it comes in time. */
  const attempt = Effect.fnUntraced(function*(body: string, attempts: Attempts, within: Duration.Duration) {
    const at = yield* Clock.currentTimeMillis
    const request = yield* wrap.request(url, body, key)
    const answer = deliver === undefined ? undefined : yield* deliver(request).pipe(
      Effect.flatMap((response) => Effect.map(response.text, (text) => ({ status: response.status, text }))),
      Effect.timeout(within),
      Effect.orElseSucceed(() => undefined),
      Effect.catchDefect(() => Effect.succeed(undefined))
    )
    attempts.push({ at, status: answer?.status })
    return answer
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
      const send = Effect.map(attempt(body, attempts, answerWithin), (answer) => answer?.status === 200)
      if (yield* send) return
      const again = Effect.gen(function*() {
        for (const delay of redeliveries) if (yield* Effect.delay(send, delay)) return
      })
      yield* Effect.forkIn(again, scope, { startImmediately: true })
    }),
    verifyUrl: Effect.gen(function*() {
      const challenge = `simulatedchallenge${String(++events).padStart(8, "0")}`
      const body = yield* wrap.body(JSON.stringify({ challenge, token, type: "url_verification" }), key)
      const answer = yield* attempt(body, open("url_verification", undefined), challengeWithin)
      const echo = parseJson(answer?.text ?? "")
      return answer?.status === 200 && echo.ok && isRecord(echo.value) && echo.value["challenge"] === challenge
    })
  }
})
