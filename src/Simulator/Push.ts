import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as App from "./App.ts"
import { parseJson } from "./ArrivedRequest.ts"
import type { EventFault } from "./EventFault.ts"
import { durationInput, optional, redacted, reveal, secret } from "./field.ts"
import type { Plan } from "./Plan.ts"
import type { PushedEvent } from "./PushedEvent.ts"
import * as Ring from "./Ring.ts"
import * as SignedRequest from "./SignedRequest.ts"
import { hold } from "./VirtualClock.ts"
import type { World } from "./World.ts"

/**
 * Sends a push, as `HttpClient.execute` does. Any failure counts as no response.
 *
 * @stability unstable
 * @category models
 */
export type Deliver = (
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<HttpClientResponse.HttpClientResponse, unknown>

export const WebhookConfig = Schema.Struct({
  url: Schema.String.check(
    Schema.isPattern(/^https?:\/\/./u, { expected: "an http or https URL, such as http://127.0.0.1:3000/events" })
  ).annotateKey({ description: "Where events are posted." }),
  encryptKey: optional(secret("If set, every push is encrypted and signed with it.")),
  verificationToken: optional(secret("The token in every push. Default \"simulated-verification-token\".")),
  resendDelay: optional(
    durationInput("The time between app_ticket/resend and the push. Default zero; two minutes have been observed.")
  )
}).annotate({ identifier: "Webhook", description: "The webhook to which events are pushed." })

/**
 * The webhook to which events are pushed.
 *
 * @stability unstable
 * @category models
 */
export interface WebhookOptions extends Schema.Struct.Type<typeof WebhookConfig.fields> {
  /** Sends pushes. Default: the `HttpClient` in the context of the layer, if there is one. */
  readonly deliver?: Deliver | undefined
}

const pushRecord = Schema.Struct({
  type: Schema.String.annotateKey({ description: "The event type, app_ticket or url_verification." }),
  via: Schema.Literals(["webhook", "long_connection"]),
  uuid: Schema.UndefinedOr(Schema.String).annotateKey({
    description: "The same in every redelivery; a url_verification has none."
  }),
  attempts: Schema.Array(Schema.Struct({
    at: Schema.Finite.annotateKey({ description: "When it was sent, in milliseconds since 1970." }),
    status: Schema.UndefinedOr(Schema.Int).annotateKey({
      description: "The status of the response, if it came in time."
    })
  }))
}).annotate({
  identifier: "PushRecord",
  description: "An event. It is pushed up to five times, until it is taken (200) within three seconds."
})

/**
 * A pushed event. It is pushed up to five times, until it is taken (200) within three seconds.
 *
 * **Details**
 *
 * `uuid` is the same in every redelivery; `undefined` for a `url_verification`. `attempts` say when each was sent, in
 * milliseconds since 1970, and the status of the response, if it came in time.
 *
 * @stability unstable
 * @category models
 */
export interface PushRecord extends Schema.Schema.Type<typeof pushRecord> {}

export const PushRecord: Schema.Codec<PushRecord, unknown> = pushRecord

/**
 * The parts of an event that a test can choose.
 *
 * @stability unstable
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
  readonly forgotten: () => number
  readonly deliverTo: (deliver: Deliver) => void
  readonly ticketEvent: (options: EventOptions) => Effect.Effect<HttpClientRequest.HttpClientRequest>
  /** Pushes a new ticket to the app and waits for the response. Redeliveries run in the background. */
  readonly ticket: (appId: string) => Effect.Effect<void>
  readonly verifyUrl: Effect.Effect<boolean>
  /** Pushes events to whatever receives events of the app, and waits for the first response of each. */
  readonly events: (events: ReadonlyArray<PushedEvent>) => Effect.Effect<void>
}

/** What happens here, as those who watch are told. */
type Change =
  | { readonly _tag: "Event"; readonly event: PushRecord }
  | {
    readonly _tag: "Fault"
    readonly fault: EventFault
    readonly endpoint: undefined
    readonly request: undefined
    readonly event: string
  }

/** An event that is being pushed. */
interface Pushed {
  readonly type: string
  readonly note: (attempt: PushRecord["attempts"][number]) => void
}

export const make = Effect.fnUntraced(function*(
  world: World,
  webhook: WebhookOptions | undefined,
  around: Deliver | undefined,
  faults: Plan<EventFault>,
  logLength: number,
  publish: (happening: () => Change | undefined) => void,
  scope: Scope.Scope
): Effect.fn.Return<Pushes, never, Effect.Services<typeof SignedRequest.make>> {
  const wrap = yield* SignedRequest.make
  const records = Ring.make<PushRecord>(logLength)
  let deliver = webhook === undefined ? undefined : webhook.deliver ?? around
  let events = 0

  const url = webhook?.url ?? "http://localhost/webhook/event"
  const key = webhook?.encryptKey === undefined ? undefined : redacted(webhook.encryptKey)
  const token = reveal(webhook?.verificationToken ?? "simulated-verification-token")

  const open = (type: string, uuid: string | undefined, via: PushRecord["via"] = "webhook"): Pushed => {
    const index = records.add({ type, via, uuid, attempts: [] })
    return {
      type,
      note: (attempt) => {
        records.update(index, (record) => ({ ...record, attempts: [...record.attempts, attempt] }))
        publish(() => {
          const event = records.get(index)
          return event && { _tag: "Event", event }
        })
      }
    }
  }

  /** The fault that hits the next attempt. */
  const nextFault = ({ type }: Pushed): EventFault | undefined => {
    const fault = faults.take()
    if (fault !== undefined) {
      publish(() => ({ _tag: "Fault", fault, endpoint: undefined, request: undefined, event: type }))
    }
    return fault
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
  const attempt = Effect.fnUntraced(function*(body: string, pushed: Pushed, within: Duration.Duration) {
    const at = yield* Clock.currentTimeMillis
    const request = yield* hold(wrap.request(url, body, key))
    const response = deliver === undefined ? undefined : yield* deliver(request).pipe(
      Effect.flatMap((response) => Effect.map(response.text, (text) => ({ status: response.status, text }))),
      hold,
      Effect.timeout(within),
      Effect.orElseSucceed(() => undefined),
      Effect.catchDefect(() => Effect.succeed(undefined))
    )
    pushed.note({ at, status: response?.status })
    return response
  })

  /** Sends until the event is taken, and waits for the first attempt. Redeliveries run in the background. */
  const repeat = Effect.fnUntraced(function*(send: Effect.Effect<number | undefined>) {
    const isTaken = Effect.map(send, (status) => status === 200)
    if (yield* isTaken) return
    const redeliver = Effect.gen(function*() {
      for (const delay of redeliveries) if (yield* Effect.delay(isTaken, delay)) return
    })
    yield* Effect.forkIn(redeliver, scope, { startImmediately: true })
  })

  const eventJson = ({ event, schema, tenant, type }: PushedEvent, id: string, token: string) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const about = { app_id: world.app.id, tenant_key: tenant ?? App.homeTenant(world.app) }
      return JSON.stringify(
        schema === "1.0"
          ? { ts: String(now / 1000), uuid: id, token, type: "event_callback", event: { ...event, ...about, type } }
          : {
            schema: "2.0",
            header: { event_id: id, event_type: type, create_time: String(now), token, ...about },
            event
          }
      )
    })

  /** One attempt to push an event by webhook, under the next fault. */
  const byWebhook = (body: string, pushed: Pushed) =>
    Effect.suspend(() => {
      const send = Effect.map(attempt(body, pushed, respondWithin), (response) => response?.status)
      const fault = nextFault(pushed)
      switch (fault?._tag) {
        case "Lost":
          return Effect.flatMap(Clock.currentTimeMillis, (at) =>
            Effect.delay(Effect.sync(() => void pushed.note({ at, status: undefined })), respondWithin))
        case "Late":
          return Effect.delay(send, fault.millis)
        case "Twice":
          return Effect.map(Effect.all([send, send]), ([status]) =>
            status)
        default:
          return send
      }
    })

  /** One attempt to push an event by a long connection, under the next fault. */
  const byConnection = Effect.fnUntraced(function*(body: string, pushed: Pushed) {
    const at = yield* Clock.currentTimeMillis
    const { code, sent } = yield* world.longConnections.push(world.app.id, body, nextFault(pushed))
    const status = sent ? Option.getOrUndefined(yield* Effect.timeoutOption(hold(code), respondWithin)) : undefined
    pushed.note({ at, status })
    return status
  })

  const push = Effect.fnUntraced(function*(event: PushedEvent) {
    const id = event.id ?? nextUuid()
    const pushes: Array<Effect.Effect<void>> = []
    if (webhook !== undefined) {
      const pushed = open(event.type, id)
      const body = yield* hold(wrap.body(yield* eventJson(event, id, token), key))
      pushes.push(repeat(byWebhook(body, pushed)))
    }
    if (world.longConnections.isUsedBy(world.app.id)) {
      const body = yield* eventJson(event, id, "")
      pushes.push(repeat(byConnection(body, open(event.type, id, "long_connection"))))
    }
    yield* Effect.all(pushes, { concurrency: "unbounded", discard: true })
  })

  return {
    events: (events) => Effect.forEach(events, push, { concurrency: "unbounded", discard: true }),
    all: records.all,
    forgotten: records.forgotten,
    deliverTo: (to) => {
      deliver = to
    },
    ticketEvent: Effect.fnUntraced(function*(options) {
      const given = options.encryptKey === undefined ? key : options.encryptKey ?? undefined
      const used = given === undefined ? undefined : redacted(given)
      const json = yield* ticketJson({ ...options, uuid: options.uuid ?? nextUuid() })
      return yield* wrap.request(url, yield* wrap.body(json, used), used)
    }),
    ticket: Effect.fnUntraced(function*(appId) {
      const uuid = nextUuid()
      const pushed = open("app_ticket", uuid)
      const body = yield* wrap.body(yield* ticketJson({ appId, uuid }), key)
      yield* repeat(Effect.map(attempt(body, pushed, respondWithin), (response) => response?.status))
    }),
    verifyUrl: Effect.gen(function*() {
      const challenge = `simulatedchallenge${String(++events).padStart(8, "0")}`
      const body = yield* wrap.body(JSON.stringify({ challenge, token, type: "url_verification" }), key)
      const response = yield* attempt(body, open("url_verification", undefined), challengeWithin)
      return response?.status === 200 && parseJson(response.text)?.["challenge"] === challenge
    })
  }
})
