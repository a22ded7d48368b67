/**
 * The `app_ticket` of a store app: what the platform pushes, and its app token is made of.
 *
 * **Details**
 *
 * The platform pushes a ticket about once an hour, to the webhook (`Webhook.layerStore`), and soon after it was asked to.
 * The ticket outlives the process: it is kept in the `KeyValueStore`, sealed, under the id of the app, where all
 * processes of the app find the one that any of them received.
 *
 * When there is none, or the one there is was rejected, `get` asks the platform to push one, once a minute at most, and
 * waits for the push until two seconds after it asked: a first start succeeds without a retry, a webhook that is not
 * mounted holds nobody up.
 *
 * **Gotchas**
 *
 * A push goes to one process. The others find it in the store, so they have to share it; with
 * `KeyValueStore.layerMemory` each would need a push of its own.
 *
 * A `KeyValueStore` cannot compare: should a push that comes late reach another process in the very moment in which a newer
 * ticket is stored, it may replace that. If the platform then refuses it, another one is asked for.
 *
 * **Example** (A ticket that came by another way)
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
 *   const store = yield* KeyValueStore.KeyValueStore
 *   const stored = yield* store.get("effect-lark-meetings/app_ticket/cli_a")
 *   return [Redacted.value(yield* tickets.get), stored?.includes("g-simulated")]
 * })
 * const layer = AppTicket.layer.pipe(
 *   Layer.provide(LarkConfig.layer({ appId: "cli_a", appSecret: Redacted.make("secret") })),
 *   Layer.provide(Seal.layer({ key: Redacted.make("bm90IGEgcmVhbCBrZXksIG9ubHkgYW4gZXhhbXBsZSE=") })),
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provideMerge(KeyValueStore.layerMemory)
 * )
 * const [ticket, isInTheClear] = await Effect.runPromise(Effect.provide(program, layer))
 * console.log(ticket, isInTheClear) // => g-simulated false
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { requestToken } from "./internal/requestToken.ts"
import * as singleFlight from "./internal/singleFlight.ts"
import { LarkConfig } from "./LarkConfig.ts"
import { AppTicketMissing, SessionStoreError } from "./LarkError.ts"
import { Seal } from "./Seal.ts"

/**
 * The ticket of the app.
 *
 * **Details**
 *
 * - `get`: the ticket. Fails with `AppTicketMissing` when there is none or it was rejected, and none came after asking;
 *   with `SessionStoreError` when the store cannot be read (`unavailable`), or holds what cannot be opened and no other
 *   came after asking (`unreadable`).
 * - `put`: the platform pushed this ticket, in an event of `createdAt`. A ticket of an earlier event than the one that is
 *   stored comes late (what is not answered is sent again for hours), and changes nothing. Fails with `SessionStoreError`
 *   when it cannot be stored.
 * - `reject`: the platform refused this ticket. It is not given out again, until it is pushed again.
 *
 * @since 0.1.0
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

const second = 1_000
/** The platform is not asked more often, however many want a ticket. */
const interval = 60 * second
/** How long after it was asked a push is waited for. */
const patience = 2 * second

interface Stored {
  readonly ticket: Redacted.Redacted
  /** In milliseconds, of the event that brought it; 0 if that is not known. */
  readonly createdAt: number
}

/** What is sealed: two lines, or the ticket alone. */
const write = ({ createdAt, ticket }: Stored) => Redacted.make(`${Redacted.value(ticket)}\n${createdAt}`)

const read = (text: Redacted.Redacted): Stored => {
  const [ticket = "", createdAt = 0] = Redacted.value(text).split("\n")
  return { ticket: Redacted.make(ticket, { label: "app_ticket" }), createdAt: Number(createdAt) }
}

const unavailable = (error: KeyValueStore.KeyValueStoreError) =>
  Effect.fail(
    new SessionStoreError({ endpoint: `KeyValueStore.${error.method}`, reason: "unavailable", detail: error.message })
  )

/**
 * The ticket, in the store that is provided.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<
  AppTicket["Service"],
  never,
  LarkConfig | HttpClient.HttpClient | KeyValueStore.KeyValueStore | Seal | Scope.Scope
> = Effect.gen(function*() {
  const { appId, appSecret, baseUrl } = yield* LarkConfig
  const client = yield* HttpClient.HttpClient
  const store = yield* KeyValueStore.KeyValueStore
  const seal = yield* Seal
  const key = `effect-lark-meetings/app_ticket/${appId}`

  // One compares and writes at a time; a `KeyValueStore` cannot do both at once.
  const puts = yield* Semaphore.make(1)
  let arrival = Deferred.makeUnsafe<void>()
  let rejected: Redacted.Redacted | undefined
  let asked: { readonly at: number; readonly resend: "requested" | "failed" } | undefined

  const isRejected = (ticket: Redacted.Redacted) =>
    rejected !== undefined && Redacted.value(rejected) === Redacted.value(ticket)

  /** Fails if the store does; what it holds may be unreadable. */
  const stored = Effect.flatMap(
    Effect.catchTag(store.get(key), "KeyValueStoreError", unavailable),
    (sealed) =>
      Effect.result(
        sealed === undefined ? Effect.succeedNone : Effect.asSome(Effect.map(seal.open(key, sealed), read))
      )
  )

  const asking = singleFlight.make(yield* Effect.context<Scope.Scope>(), () =>
    Effect.gen(function*() {
      const answer = yield* Effect.result(requestToken(client, endpoint, `${baseUrl}/auth/v3/app_ticket/resend`, {
        app_id: appId,
        app_secret: appSecret
      }))
      const at = yield* Clock.currentTimeMillis
      return asked = { at, resend: Result.isSuccess(answer) ? "requested" : "failed" }
    }))

  const ask = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    asked !== undefined && now < asked.at + interval
      ? Effect.succeed(asked)
      : Effect.flatMap(asking, Deferred.await))

  // What cannot be opened is as good as none, if another comes.
  const held = (found: Effect.Success<typeof stored>) => Option.flatten(Result.getSuccess(found))

  const usable = (found: Effect.Success<typeof stored>) =>
    Option.filter(Option.map(held(found), ({ ticket }) => ticket), (ticket) => !isRejected(ticket))

  return AppTicket.of({
    get: Effect.gen(function*() {
      const push = arrival
      const before = yield* stored
      const kept = usable(before)
      if (Option.isSome(kept)) return kept.value

      const { at, resend } = yield* ask
      const left = resend === "requested" ? at + patience - (yield* Clock.currentTimeMillis) : 0
      if (left > 0) yield* Effect.timeoutOption(Deferred.await(push), left)
      // The push may also have gone to another process.
      const after = left > 0 ? yield* stored : before
      const ticket = usable(after)
      if (Option.isSome(ticket)) return ticket.value
      const reason = Option.isSome(yield* Effect.fromResult(after)) ? "rejected" : "none"
      return yield* Effect.fail(new AppTicketMissing({ endpoint, reason, resend }))
    }),
    put: (ticket, options) =>
      Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        // A time to come is the mistake of a clock, and must not keep out the next tickets until then.
        const createdAt = options?.createdAt && Math.min(DateTime.toEpochMillis(options.createdAt), now)
        if (createdAt !== undefined && Option.exists(held(yield* stored), (kept) => createdAt < kept.createdAt)) return
        const sealed = yield* seal.seal(key, write({ ticket, createdAt: createdAt ?? 0 }))
        yield* Effect.catchTag(store.set(key, sealed), "KeyValueStoreError", unavailable)
        if (isRejected(ticket)) rejected = undefined
        Deferred.doneUnsafe(arrival, Effect.void)
        arrival = Deferred.makeUnsafe()
      }).pipe(puts.withPermit),
    reject: (ticket) => Effect.sync(() => rejected = ticket)
  })
})

/**
 * The ticket, in the `KeyValueStore` that is provided.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<
  AppTicket,
  never,
  LarkConfig | HttpClient.HttpClient | KeyValueStore.KeyValueStore | Seal
> = Layer.effect(AppTicket, make)
