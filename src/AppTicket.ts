/**
 * The `app_ticket` of a store app: the platform pushes it, and the app token is issued for it.
 *
 * **Details**
 *
 * The platform pushes a ticket to the webhook (`Webhook.layerStore`) about once an hour. It is kept in the `KeyValueStore`,
 * sealed, under the id of the app. When there is no ticket, or it was rejected, `get` asks the platform to push one, at most once
 * a minute, and waits for the push until two seconds after the request. With `Cluster.layerTokens` one process asks for all.
 *
 * **Gotchas**
 *
 * - A push goes to one process, so all processes of the app have to share the store.
 * - A `KeyValueStore` has no compare-and-swap. A late push to one process may replace a newer ticket that another process stores
 *   at the same moment. If the platform then refuses it, another one is requested.
 *
 * **Example** (A ticket from elsewhere)
 *
 * ```ts
 * import { Effect, Layer, Redacted } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { KeyValueStore } from "effect/persistence"
 * import { AppTicket, LarkConfig, Seal } from "effect-lark-meetings"
 *
 * const program = Effect.gen(function*() {
 *   const tickets = yield* AppTicket.AppTicket
 *   yield* tickets.put(Redacted.make("g-simulated"))
 *   return Redacted.value(yield* tickets.get)
 * })
 * const layer = AppTicket.layer.pipe(
 *   Layer.provide(LarkConfig.layer({ appId: "cli_a", appSecret: Redacted.make("secret") })),
 *   Layer.provide(Seal.layer({ key: Redacted.make("bm90IGEgcmVhbCBrZXksIG9ubHkgYW4gZXhhbXBsZSE=") })),
 *   Layer.provide([FetchHttpClient.layer, KeyValueStore.layerMemory])
 * )
 * console.log(await Effect.runPromise(Effect.provide(program, layer))) // => g-simulated
 * ```
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { monotonicMillis } from "./internal/monotonicClock.ts"
import * as renewing from "./internal/renewing.ts"
import { requestToken } from "./internal/requestToken.ts"
import { SharedTokens } from "./internal/sharedTokens.ts"
import { LarkConfig } from "./LarkConfig.ts"
import { AppTicketMissing, SessionStoreError } from "./LarkError.ts"
import { Seal } from "./Seal.ts"

/**
 * The ticket of the app.
 *
 * **Details**
 *
 * - `get`: the ticket. Fails with `AppTicketMissing` when no usable one is stored and none arrived after a request. Fails with
 *   `SessionStoreError` when the store cannot be read within nine seconds (`unavailable`), or when it holds data that the seal
 *   cannot open and no ticket arrived after a request (`unreadable`).
 * - `put`: stores a ticket that the platform pushed, in an event of `createdAt`. A ticket of an earlier event than the stored one
 *   is ignored, since the platform repeats an unanswered push for hours; a time more than a day ahead of the clock of this machine
 *   counts as unknown. Fails with `SessionStoreError` when the store cannot be read or written.
 * - `reject`: reports that the platform refused this ticket. `get` does not return it until it is pushed again.
 *
 * @stability stable
 * @category services
 */
export class AppTicket extends Context.Service<AppTicket, {
  readonly get: Effect.Effect<Redacted.Redacted, AppTicketMissing | SessionStoreError>
  readonly put: (
    ticket: Redacted.Redacted,
    options?: { readonly createdAt?: DateTime.Utc | undefined }
  ) => Effect.Effect<void, SessionStoreError>
  readonly reject: (ticket: Redacted.Redacted) => Effect.Effect<void>
}>()("effect-lark-meetings/AppTicket") {}

const endpoint = "auth.v3.app_ticket.resend"

/** Two lines: the ticket, and when the event that brought it was created, in milliseconds; 0 if unknown. */
const read = (text: Redacted.Redacted) => {
  const [ticket = "", createdAt = 0] = Redacted.value(text).split("\n")
  return { ticket: Redacted.make(ticket, { label: "app_ticket" }), createdAt: Number(createdAt) }
}

/** Bounded: a store that never answers would stop every later token request too. */
const bounded = <A>(
  method: "get" | "set",
  operation: Effect.Effect<A, KeyValueStore.KeyValueStoreError>
): Effect.Effect<A, SessionStoreError> =>
  operation.pipe(
    Effect.mapError(({ message }) => message),
    Effect.timeoutOrElse({ duration: "9 seconds", orElse: () => Effect.fail("no answer within 9 seconds") }),
    Effect.mapError((detail) =>
      new SessionStoreError({ endpoint: `KeyValueStore.${method}`, reason: "unavailable", detail })
    )
  )

const make = Effect.gen(function*() {
  const app = yield* LarkConfig
  const { appId, appSecret, baseUrl } = app
  const client = yield* HttpClient.HttpClient
  const store = yield* KeyValueStore.KeyValueStore
  const seal = yield* Seal
  const context = yield* Effect.context<Scope.Scope>()
  const clock = Context.get(context, Clock.Clock)
  const shared = yield* Context.get(context, SharedTokens)(app)
  const claim = shared?.claim({ endpoint })
  const key = `effect-lark-meetings/app_ticket/${appId}`

  // A `KeyValueStore` cannot compare and write at once, so one fiber does both at a time.
  const puts = yield* Semaphore.make(1)
  let arrival = Deferred.makeUnsafe<void>()
  let rejected: Redacted.Redacted | undefined

  /** Fails if the store does. Data that the seal cannot open is a failure inside. */
  const stored = Effect.flatMap(
    bounded("get", store.get(key)),
    (sealed) =>
      Effect.result(
        sealed === undefined ? Effect.succeedNone : Effect.asSome(Effect.map(seal.open(key, sealed), read))
      )
  )

  const readable = (found: Effect.Success<typeof stored>) => Option.flatten(Result.getSuccess(found))

  const usable = (found: Effect.Success<typeof stored>) =>
    Option.filter(readable(found), ({ ticket }) => !Equal.equals(ticket, rejected))

  /** The platform is asked for a push once a minute, however many callers need a ticket. */
  const resending = renewing.make<{ readonly at: number; readonly resend: "requested" | "failed" }, never>({
    context,
    fetch: ({ hold }) =>
      Effect.gen(function*() {
        const isOwn = claim === undefined || (yield* claim)
        const request = requestToken(client, endpoint, `${baseUrl}/auth/v3/app_ticket/resend`, {
          app_id: appId,
          app_secret: appSecret
        })
        const isRequested = !isOwn || Result.isSuccess(yield* Effect.result(request))
        const at = monotonicMillis(clock)
        const until = at + (isOwn ? 60_000 : shared?.claimTime ?? 0)
        const resend = isRequested ? "requested" : "failed"
        return hold({ at, resend }, { renewFrom: until, usableUntil: until, freshUntil: at })
      })
  })

  return AppTicket.of({
    get: Effect.gen(function*() {
      const push = arrival
      const before = yield* stored
      const kept = usable(before)
      if (Option.isSome(kept)) return kept.value.ticket

      const { at, resend } = yield* resending.get
      const left = resend === "requested" ? at + 2_000 - monotonicMillis(clock) : 0
      if (left > 0) yield* Effect.timeoutOption(Deferred.await(push), left)
      // Another process may have received the push.
      const after = left > 0 ? yield* stored : before
      const arrived = usable(after)
      if (Option.isSome(arrived)) return arrived.value.ticket
      const reason = Option.isSome(yield* Effect.fromResult(after)) ? "rejected" : "none"
      return yield* Effect.fail(new AppTicketMissing({ endpoint, reason, resend }))
    }),
    put: (ticket, options) =>
      Effect.gen(function*() {
        // A later time is an error of the platform, not of the clock of this machine.
        const latest = clock.currentTimeMillisUnsafe() + 24 * 60 * 60_000
        const claimed = options?.createdAt && DateTime.toEpochMillis(options.createdAt)
        const createdAt = claimed === undefined || claimed > latest ? undefined : claimed
        if (
          createdAt !== undefined && Option.exists(readable(yield* stored), (kept) => createdAt < kept.createdAt)
        ) return
        const text = Redacted.make(`${Redacted.value(ticket)}\n${createdAt ?? 0}`)
        yield* bounded("set", store.set(key, yield* seal.seal(key, text)))
        if (Equal.equals(ticket, rejected)) rejected = undefined
        Deferred.doneUnsafe(arrival, Effect.void)
        arrival = Deferred.makeUnsafe()
      }).pipe(puts.withPermit),
    reject: (ticket) => Effect.sync(() => rejected = ticket)
  })
})

/**
 * The ticket of the configured app, kept in the `KeyValueStore`.
 *
 * @stability stable
 * @category layers
 */
export const layer: Layer.Layer<
  AppTicket,
  never,
  LarkConfig | HttpClient.HttpClient | KeyValueStore.KeyValueStore | Seal
> = Layer.effect(AppTicket, make)
