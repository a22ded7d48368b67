/**
 * Requests that outlive the process that accepted them: `Meetings.request` stores a `setHost`, and any process does it.
 *
 * **Details**
 *
 * A request is a record in a store and an item in a queue, which the processes of an app share. `Meetings.request` returns
 * when both are stored. A process takes the item and runs the operation: a **life** of the request. If the process dies,
 * another one takes the item when the claim has lapsed, and the request has another life. The result, a report or an error, is
 * stored and kept for the `retention`.
 *
 * - Each swap is recorded before it is sent, by a compare-and-swap of the record. So a later life knows which swap an earlier
 *   one may have sent, and goes on as after a lost reply to it: it never claims that nothing was changed. A life that another
 *   one overtook, since its process was suspended, sends nothing more than the swap it had recorded.
 * - With `onUnknown: "neverResend"` a life after a recorded swap only reads: at most one swap takes effect.
 * - Any error of a life is the result. The deadline of the policy counts for each life, from its begin: what waits while no
 *   process runs does not expire. `attempts` in a report are those of the last life.
 * - Requests on one meeting are done in no particular order.
 *
 * | layer | needs |
 * | --- | --- |
 * | `layerSql` | PostgreSQL or SQLite |
 * | `layerRedis` | Redis |
 * | `layerMemory` | for tests: one process, lost at its end |
 *
 * **Gotchas**
 *
 * - A request runs as the app, with no user's token. A service `Meetings` of your own has to pass on the option `journal` of
 *   `setHost`.
 * - At the end of the scope a process finishes the lives that it has begun, for `drain` at most.
 * - Redis acknowledges a write before it is on disk or on a replica: see `SessionStore`.
 *
 * **Example** (Asked for here, reported anywhere)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cas, Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
 * import * as Requests from "effect-lark-meetings/Requests"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const program = Effect.gen(function*() {
 *   yield* Meetings.request(id, Cas.ensure(MeetingUser.openId("ou_bob")), { key: "order 17" })
 *   const report = yield* Requests.result("order 17")
 *   return `${report.outcome} ${report.after.id}`
 * })
 *
 * const feishu = Simulator.layer({ meetings: [{ id, host: "ou_alice", participants: ["ou_bob"] }] })
 * const services = Requests.layerMemory().pipe(
 *   Layer.provide(Lark.layer(Simulator.defaultApp)),
 *   Layer.provide(feishu)
 * )
 * console.log(await Effect.runPromise(Effect.provide(program, services))) // => swapped ou_bob
 * ```
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import type * as Redis from "effect/persistence/Redis"
import * as RcMap from "effect/RcMap"
import type * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Cas from "./Cas.ts"
import { mixed } from "./internal/idTypes.ts"
import { RequestCancelled, RequestConflict } from "./internal/requestErrors.ts"
import { invalid as invalidSetting, type InvalidLarkConfig } from "./internal/settings.ts"
import { LarkConfig } from "./LarkConfig.ts"
import { InvalidParameter, SessionStoreError } from "./LarkError.ts"
import { Meetings, type RequestError, type RequestLookupError, Requests } from "./Meetings.ts"
import * as MeetingUser from "./MeetingUser.ts"
import * as Record from "./Requests/record.ts"
import * as SessionStore from "./SessionStore.ts"
import { Tenant } from "./TenantToken.ts"
import { UserToken } from "./UserToken.ts"

export { RequestCancelled, RequestConflict, RequestNotFound, RequestUnreadable } from "./internal/requestErrors.ts"

/**
 * How a process does requests.
 *
 * @stability unstable
 * @category models
 */
export interface Options {
  /** The policy of each life, `Cas.Policy.standard` unless given. Its `onUnknown` is not used: each request has its own. */
  readonly policy?: Cas.Policy<MeetingUser.MeetingUser> | undefined
  /** How many requests this process does at once: 10 unless given. With 0 it does none, and only makes and reads them. */
  readonly concurrency?: number | undefined
  /** How long results are kept: 7 days unless given. Then the key is free. */
  readonly retention?: Duration.Input | undefined
  /** How long the end of the scope waits for the lives that have begun: 10 seconds unless given. */
  readonly drain?: Duration.Input | undefined
}

/**
 * How processes share requests.
 *
 * @stability unstable
 * @category models
 */
export interface SharedOptions extends Options {
  /**
   * How long the claim of a process on a request lasts without renewal, which it renews three times in that time: 6 seconds
   * unless given, at least one. So long after the death of a process, its requests are taken over.
   */
  readonly takeover?: Duration.Input | undefined
}

const endpoint = "Meetings.request"

/** Unknown kinds are of later versions. */
const Item = Schema.Struct({ kind: Schema.String, key: Schema.String, run: Schema.String })

type Item = typeof Item.Type

/** Another life, or `cancel`, wrote the record: this one must not go on. */
class Overtaken extends Schema.TaggedError<Overtaken>()("Overtaken", {}) {}

/** An item that this version does not know: another process may. */
class UnknownItem extends Schema.TaggedError<UnknownItem>()("UnknownItem", { kind: Schema.String }) {}

const Intent = Schema.toCodecJson(Cas.IntentSchema(MeetingUser.MeetingUser))
const encodeIntent = Schema.encodeUnknownEffect(Intent)
const decodeIntent = Schema.decodeEffect(Intent)

const duration = (
  setting: string,
  input: Duration.Input,
  least: number
): Effect.Effect<Duration.Duration, InvalidLarkConfig> => {
  const found = Option.getOrUndefined(Duration.fromInput(input))
  return found !== undefined && Duration.isFinite(found) && Duration.toMillis(found) >= least
    ? Effect.succeed(found)
    : invalidSetting(setting, `must be a finite duration of at least ${least} ms.`)
}

/** The milliseconds between two looks for results in a process, however many wait: each look is a query. */
const betweenLooks = 10

/** When an item whose handler failed is taken again. */
const again = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("1 minute")])

const make = Effect.fnUntraced(function*(options: Options) {
  const retention = yield* duration("retention", options.retention ?? Duration.days(7), 1_000)
  const drain = yield* duration("drain", options.drain ?? Duration.seconds(10), 0)
  const { concurrency = 10 } = options
  if (!(Number.isSafeInteger(concurrency) && concurrency >= 0)) {
    return yield* invalidSetting("concurrency", "must be a whole number, not negative.")
  }
  const policy = { ...options.policy ?? Cas.Policy.standard, onUnknown: undefined }
  yield* Effect.catch(
    Cas.describePolicy(policy, { value: MeetingUser.openId("ou_anyone"), steps: 1 }),
    (error) => invalidSetting("policy", error.message)
  )

  const { appId } = yield* LarkConfig
  const meetings = yield* Meetings
  const random = yield* SecureRandom.SecureRandom
  const records = Record.inStore(yield* SessionStore.SessionStore, appId)
  const items = yield* PersistedQueue.PersistedQueueStore
  const queue = yield* (yield* PersistedQueue.makeFactory).make({
    name: `effect-lark-meetings requests ${appId}`,
    schema: Item,
    // Each life counts as one, and no number of deaths ends a request.
    maxAttempts: 2 ** 31 - 1,
    retrySchedule: again
  })

  /** The same item again is ignored, unless it was done. */
  const offer = (item: Item, delay?: Duration.Duration) =>
    queue.offer(item, { id: `${item.kind} ${item.run}`, delay }).pipe(
      Effect.mapError(() =>
        new SessionStoreError({ endpoint, reason: "unavailable", detail: "the queue did not take the request" })
      ),
      Effect.asVoid
    )

  let waiters = 0
  /** What wakes those who wait for the result of a key, as long as there are any. */
  const latches = yield* RcMap.make({ lookup: (_key: string) => Latch.make() })

  const wake = (key: string) =>
    RcMap.getOption(latches, key).pipe(
      Effect.flatMap(Option.match({ onNone: () => Effect.void, onSome: (latch) => latch.release })),
      Effect.scoped
    )

  const stateOf = (exit: Exit.Exit<Cas.Report<MeetingUser.MeetingUser>, RequestError>): Record.Ended => {
    if (Exit.isSuccess(exit)) return { _tag: "Succeeded", report: exit.value }
    const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    return error === undefined || error._tag === "RequestCancelled"
      ? { _tag: "Died", cause: Cause.squash(exit.cause) }
      : { _tag: "Failed", error }
  }

  const resultOf = (
    key: string,
    state: Record.Ended
  ): Effect.Effect<Cas.Report<MeetingUser.MeetingUser>, RequestError> => {
    switch (state._tag) {
      case "Succeeded":
        return Effect.succeed(state.report)
      case "Failed":
        // The only errors that are stored are those of setHost.
        return Effect.fail(state.error as RequestError)
      case "Cancelled":
        return Effect.fail(new RequestCancelled({ key, effect: state.effect }))
      case "Died":
        return Effect.die(state.cause)
    }
  }

  const live = Effect.fnUntraced(function*(key: string, { at, record }: Record.Found) {
    const { state, task } = record
    const life = yield* random.uuidV4()
    const stopped = yield* Deferred.make<never, Overtaken | SessionStoreError | Schema.SchemaError>()
    let written = at

    const put = (state: Record.Record["state"]) =>
      Effect.flatMap(records.put(key, written, { ...record, state }), (isWritten) => {
        if (!isWritten) return Effect.fail(new Overtaken())
        written = written + 1
        return Effect.void
      })

    const setHost = meetings.setHost(task.meetingId, task.intent, {
      policy,
      journal: {
        last: state._tag === "Begun" ? state.swap : undefined,
        record: (swap) =>
          Effect.catch(
            put({ _tag: "Begun", swap, life }),
            (error) => Effect.andThen(Deferred.fail(stopped, error), Effect.never)
          )
      }
    })
    const exit = yield* (task.tenant === undefined ? setHost : Effect.provideService(setHost, Tenant, task.tenant))
      .pipe(
        Effect.exit,
        Effect.raceFirst(Deferred.await(stopped))
      )
    const ended = stateOf(exit)
    yield* Effect.catchTag(put(ended), "SchemaError", (cause) => put({ _tag: "Died", cause }))
    yield* wake(key)
  })

  let isClosing = false
  let lives = 0
  const isIdle = Latch.makeUnsafe(true)

  const counted = <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      // Its claim ends with the scope.
      if (isClosing) return Effect.never
      lives = lives + 1
      isIdle.closeUnsafe()
      return Effect.ensuring(
        self,
        Effect.sync(() => {
          lives = lives - 1
          if (lives === 0) isIdle.openUnsafe()
        })
      )
    })

  const done = Effect.fnUntraced(function*({ key, kind, run }: Item) {
    if (kind !== "run" && kind !== "forget") return yield* new UnknownItem({ kind })
    const found = Option.getOrUndefined(yield* records.get(key))
    if (found?.record.run !== run) return
    const isEnded = Record.isEnded(found.record.state)
    if (kind === "forget") return isEnded ? yield* records.remove(key, found.at) : undefined
    if (!isEnded) yield* live(key, found)
    yield* offer({ kind: "forget", key, run }, retention)
  })

  const worker = queue.take((item) => counted(done(item))).pipe(
    // The item is taken again.
    Effect.catchCause(() => Effect.sleep("100 millis")),
    Effect.forever,
    // The scope may be one of Lark.asUser.
    Effect.updateContext((context: Context.Context<never>) => Context.omit(UserToken)(context))
  )
  yield* Effect.forEach(Array.from({ length: concurrency }), () => Effect.forkScoped(worker))
  if (concurrency > 0) {
    // The result is in the record: nobody needs the item.
    const completed = Duration.min(Duration.minutes(10), retention)
    yield* items.cleanup({ timeToLive: completed, failedTimeToLive: retention }).pipe(
      Effect.ignore,
      Effect.repeat(Schedule.spaced(completed)),
      Effect.forkScoped
    )
  }
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isClosing = true
      return Effect.interruptible(Effect.timeoutOption(isIdle.await, drain))
    })
  )

  return Requests.of({
    request: Effect.fnUntraced(function*(meetingId, goal, { key, onUnknown }) {
      const invalid = (parameter: string, reason: string) => new InvalidParameter({ endpoint, parameter, reason })
      if (typeof key !== "string" || key === "") return yield* invalid("key", "is empty")
      const intent = "decide" in goal ? goal : Cas.ensure(goal)
      const reason = mixed(intent.values[0]?.idType ?? "open_id", intent.values)
      if (reason !== undefined) return yield* invalid("intent", reason)
      const encoded = yield* Effect.mapError(
        encodeIntent(onUnknown === undefined ? intent : { ...intent, onUnknown }),
        () => invalid("intent", "is not data: use ensure, handover, ensureUnless with a list, rotate or prefer")
      )
      const tenant = yield* Effect.serviceOption(Tenant)
      const task: Record.Task = {
        meetingId,
        // As every process decodes it.
        intent: yield* Effect.orDie(decodeIntent(encoded)),
        ...Option.isSome(tenant) ? { tenant: tenant.value } : {}
      }
      const run = yield* random.uuidV4()
      const accepted = Record.make({ run, task, state: { _tag: "Accepted" } })

      // Without a record, it is written; with one, it has to be of this request.
      const found = yield* Effect.flatMap(
        records.get(key),
        Option.match({
          onSome: Effect.succeed,
          onNone: () =>
            Effect.flatMap(
              Effect.catchTag(records.put(key, 0, accepted), "SchemaError", Effect.die),
              (isWritten) => isWritten ? Effect.succeed({ at: 1, record: accepted }) : records.existing(key)
            )
        })
      ).pipe(Effect.catchTag("RequestNotFound", Effect.die))
      const stored = found.record.task
      const differs = stored.meetingId !== meetingId
        ? "meeting"
        : stored.tenant !== task.tenant
        ? "tenant"
        : Equal.equals(yield* Effect.orDie(encodeIntent(stored.intent)), encoded)
        ? undefined
        : "intent"
      if (differs !== undefined) return yield* new RequestConflict({ key, differs })
      if (!Record.isEnded(found.record.state)) yield* offer({ kind: "run", key, run: found.record.run })
    }),

    result: Effect.fnUntraced(function*(key) {
      waiters = waiters + 1
      yield* Effect.addFinalizer(() => Effect.sync(() => waiters = waiters - 1))
      const latch = yield* RcMap.get(latches, key)
      let found = yield* records.existing(key)
      // If it is not in the queue any more, or the process died before it was.
      if (!Record.isEnded(found.record.state)) yield* offer({ kind: "run", key, run: found.record.run })
      for (let wait = 50; !Record.isEnded(found.record.state); wait = Math.min(wait * 2, 1_000)) {
        yield* Effect.raceFirst(Effect.sleep(Math.max(wait, betweenLooks * waiters)), latch.await)
        found = yield* records.existing(key)
      }
      return yield* resultOf(key, found.record.state)
    }, Effect.scoped),

    poll: (key) =>
      Effect.flatMap(
        records.existing(key),
        ({ record: { state } }) =>
          Record.isEnded(state) ? Effect.asSome(Effect.result(resultOf(key, state))) : Effect.succeedNone
      ),

    cancel: Effect.fnUntraced(function*(key) {
      while (true) {
        const { at, record } = yield* records.existing(key)
        if (Record.isEnded(record.state)) return false
        const effect = record.state._tag === "Begun" ? "unknown" : "none"
        const cancelled = records.put(key, at, { ...record, state: { _tag: "Cancelled", effect } })
        if (yield* Effect.catchTag(cancelled, "SchemaError", Effect.die)) {
          yield* wake(key)
          return true
        }
      }
    })
  })
})

/**
 * Requests in a `SessionStore` and a `PersistedQueueStore` of your choice.
 *
 * **Details**
 *
 * Fails with `InvalidLarkConfig` for an invalid option.
 *
 * **Gotchas**
 *
 * - Give it a queue store of its own: completed items are deleted from the whole store after ten minutes.
 * - Effect's queue stores hold a claim for up to two minutes unless told otherwise: so long a dead process delays its requests.
 * - A `SessionStore` without `remove` keeps the records for ever.
 *
 * @stability unstable
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  Requests,
  InvalidLarkConfig,
  Meetings | LarkConfig | SessionStore.SessionStore | PersistedQueue.PersistedQueueStore
> => Layer.effect(Requests, make(options)).pipe(Layer.provide(SecureRandom.layerWebCrypto))

/**
 * In memory: for tests, and for what need not outlive the process.
 *
 * @stability unstable
 * @category layers
 */
export const layerMemory = (options?: Options): Layer.Layer<Requests, InvalidLarkConfig, Meetings | LarkConfig> =>
  layer(options).pipe(Layer.provide([SessionStore.layerMemory, PersistedQueue.layerStoreMemory]))

const claims = (takeover: Duration.Input = Duration.seconds(6)) =>
  Effect.map(duration("takeover", takeover, 1_000), (lockExpiration) => ({
    lockExpiration,
    lockRefreshInterval: Duration.times(lockExpiration, 1 / 3),
    pollInterval: Duration.min(Duration.seconds(1), Duration.times(lockExpiration, 1 / 6))
  }))

/**
 * In tables of PostgreSQL or SQLite, which are created if they do not exist: `table`, `lark_requests` unless given, and others
 * whose names begin with it.
 *
 * **Details**
 *
 * Fails with `InvalidLarkConfig` for an invalid option, and with `SessionStoreError` if the tables cannot be created.
 *
 * @stability unstable
 * @category layers
 */
export const layerSql = (
  options: SharedOptions & { readonly table?: string | undefined } = {}
): Layer.Layer<Requests, InvalidLarkConfig | SessionStoreError, Meetings | LarkConfig | SqlClient.SqlClient> => {
  const { table = "lark_requests" } = options
  const queue = Effect.flatMap(
    claims(options.takeover),
    (claims) =>
      PersistedQueue.makeStoreSql({ ...claims, tableName: `${table}_queue` }).pipe(
        // It dies of an error of its migration.
        Effect.catchDefect((defect) => Effect.fail(defect)),
        Effect.mapError(() =>
          new SessionStoreError({ endpoint: "SQL", reason: "unavailable", detail: "the tables cannot be created" })
        )
      )
  )
  return layer(options).pipe(
    Layer.provide(SessionStore.layerSql({ table })),
    Layer.provide(Layer.effect(PersistedQueue.PersistedQueueStore, queue))
  )
}

/**
 * In Redis, in keys that begin with `prefix`, `lark:request:` unless given. Fails with `InvalidLarkConfig` for an invalid
 * option.
 *
 * @stability unstable
 * @category layers
 */
export const layerRedis = (
  options: SharedOptions & { readonly prefix?: string | undefined } = {}
): Layer.Layer<Requests, InvalidLarkConfig, Meetings | LarkConfig | Redis.Redis> => {
  const { prefix = "lark:request:" } = options
  const queue = Effect.flatMap(
    claims(options.takeover),
    (claims) => PersistedQueue.makeStoreRedis({ ...claims, prefix: `${prefix}queue:` })
  )
  return layer(options).pipe(
    Layer.provide(SessionStore.layerRedis({ prefix: `${prefix}record:` })),
    Layer.provide(Layer.effect(PersistedQueue.PersistedQueueStore, queue))
  )
}

/**
 * Waits for the result of a request, made by any process: its report, or the error of `setHost` with which it ended.
 *
 * **Details**
 *
 * Fails with `RequestCancelled`, with `RequestNotFound` if no request has this key, with `RequestUnreadable` if its record
 * is of another version or damaged, and with `SessionStoreError` if the store failed. It waits as long as no process does the
 * request. A defect of the operation is a defect here.
 *
 * If this process does the request, the result is there at once. For that of another one it looks every second, more often at
 * first; less often if more than a hundred wait, who look a hundred times a second together.
 *
 * @stability unstable
 * @category accessors
 */
export const result = (
  key: string
): Effect.Effect<Cas.Report<MeetingUser.MeetingUser>, RequestError | RequestLookupError, Requests> =>
  Requests.use((requests) => requests.result(key))

/**
 * The result of a request, if it has ended: its report, or the error with which it ended. Fails as `result` does, apart from
 * the errors of the request itself.
 *
 * @stability unstable
 * @category accessors
 */
export const poll = (
  key: string
): Effect.Effect<
  Option.Option<Result.Result<Cas.Report<MeetingUser.MeetingUser>, RequestError>>,
  RequestLookupError,
  Requests
> => Requests.use((requests) => requests.poll(key))

/**
 * Ends a request with `RequestCancelled`. Whether it did: a request that has ended keeps its result.
 *
 * **Details**
 *
 * No swap leaves after it, apart from one that is recorded already: then the effect is `unknown`.
 *
 * @stability unstable
 * @category accessors
 */
export const cancel = (key: string): Effect.Effect<boolean, RequestLookupError, Requests> =>
  Requests.use((requests) => requests.cancel(key))
