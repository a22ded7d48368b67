/** The quota of all pods, counted in the cluster. */
import * as Clock from "effect/Clock"
import * as Entity from "effect/cluster/Entity"
import type * as Sharding from "effect/cluster/Sharding"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Random from "effect/Random"
import * as Rpc from "effect/rpc/Rpc"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { monotonicMillis, onMonotonicClock } from "../internal/monotonicClock.ts"
import * as RateLimits from "../RateLimits.ts"

const Consume = Rpc.make("Consume", {
  payload: {
    key: Schema.String,
    algorithm: Schema.optional(Schema.Literals(["fixed-window", "token-bucket"])),
    onExceeded: Schema.optional(Schema.Literals(["delay", "fail"])),
    window: Schema.DurationFromMillis,
    limit: Schema.Finite,
    tokens: Schema.optional(Schema.Finite)
  },
  success: Schema.Struct({
    delay: Schema.DurationFromMillis,
    limit: Schema.Finite,
    remaining: Schema.Finite,
    resetAfter: Schema.DurationFromMillis
  }),
  error: RateLimiter.RateLimiterError
})

const AdaptiveConsume = Rpc.make("AdaptiveConsume", {
  payload: {
    key: Schema.String,
    tokens: Schema.Finite,
    fallbackLimit: Schema.Finite,
    fallbackWindow: Schema.DurationFromMillis
  },
  success: Schema.Struct({
    delay: Schema.DurationFromMillis,
    epoch: Schema.Finite,
    phase: Schema.Literals(["inactive", "cooldown", "learning", "learned"])
  }),
  error: RateLimiter.RateLimiterError
})

const AdaptiveFeedback = Rpc.make("AdaptiveFeedback", {
  payload: {
    key: Schema.String,
    epoch: Schema.Finite,
    tokens: Schema.Finite,
    status: Schema.Finite,
    retryAfter: Schema.UndefinedOr(Schema.DurationFromMillis)
  },
  error: RateLimiter.RateLimiterError
})

/** Says that a pod is there. Returns how many there are. */
const Present = Rpc.make("Present", { payload: { pod: Schema.String }, success: Schema.Finite })

/** A rate limiter for each endpoint, app and tenant, and a count of pods. The name has the version of the protocol. */
const Quota = Entity.make("effect-lark-meetings/Quota/1", [Consume, AdaptiveConsume, AdaptiveFeedback, Present])

/** The id of the entity that counts the pods. */
const census = "pods"

const censusInterval = Duration.seconds(5)

/** A pod is there until it was not heard of for this long, in milliseconds. */
const absentAfter = 30_000

const handlers = Quota.toLayer(
  Effect.gen(function*() {
    const limiter = yield* RateLimiter.make
    const clock = yield* Clock.Clock
    const heard = new Map<string, number>()
    return Quota.of({
      Consume: ({ payload }) => onMonotonicClock(limiter.consume(payload)),
      AdaptiveConsume: ({ payload }) => onMonotonicClock(limiter.adaptiveConsume(payload)),
      AdaptiveFeedback: ({ payload }) => onMonotonicClock(limiter.adaptiveFeedback(payload)),
      Present: ({ payload }) =>
        Effect.sync(() => {
          const now = monotonicMillis(clock)
          heard.set(payload.pod, now)
          for (const [pod, at] of heard) {
            if (now - at > absentAfter) heard.delete(pod)
          }
          return heard.size
        })
    })
  }).pipe(
    // Each entity has a store of its own, which ends with it.
    Effect.provide(RateLimiter.layerStoreMemory, { local: true })
  ),
  // By default a defect of one request would run all requests of the entity again.
  { concurrency: "unbounded", disableFatalDefects: true, maxIdleTime: "2 minutes" }
)

/** Errors of the cluster as those of a store. */
const asStore = <A, E extends { readonly _tag: string }>(
  self: Effect.Effect<A, E | RateLimiter.RateLimiterError>
): Effect.Effect<A, RateLimiter.RateLimiterError> =>
  Effect.mapError(self, (error) =>
    error instanceof RateLimiter.RateLimiterError
      ? error
      : new RateLimiter.RateLimiterError({ reason: new RateLimiter.RateLimitStoreError({ message: error._tag }) }))

/**
 * Options of `layerLimits`.
 *
 * @stability unstable
 * @category models
 */
export interface LimitsOptions {
  /** The number of pods to reckon with until the cluster has counted them: 10 unless given. */
  readonly pods?: number | undefined
}

/**
 * Limits the requests of all pods together, as `RateLimits.layer` does over a store: here the store is memory in the pods of the
 * cluster, so that no Redis is needed.
 *
 * **Details**
 *
 * An entity for each endpoint, app and tenant counts, by the clock of the pod that it lives in. While it does not answer, each
 * pod keeps to its share of the limit: the entity's pod was killed, or the cluster has just started. The share is that of the
 * pods that were there in the last 30 seconds, counted by the cluster, pods that own no shards included.
 *
 * **Gotchas**
 *
 * - When an entity moves to another pod it forgets what it counted: at most a tenth of the limit is admitted once more.
 * - A lower limit is forgotten there, too. The pods that heard of it keep it.
 *
 * **Example** (Two requests, counted by a cluster of one)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { TestRunner } from "effect/cluster"
 * import { Lark, MeetingId, Meetings } from "effect-lark-meetings"
 * import * as Cluster from "effect-lark-meetings/Cluster"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const lark = Lark.layer(Simulator.defaultApp).pipe(
 *   Layer.provide(Cluster.layerLimits()),
 *   Layer.provide(TestRunner.layer) // in production NodeClusterSocket.layer() over PgClient.layerConfig(…)
 * )
 * const program = Effect.all([Meetings.get(id), Meetings.get(id)])
 * const meetings = await Effect.runPromise(program.pipe(
 *   Effect.provide(lark),
 *   Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }] }))
 * ))
 * console.log(meetings.length) // => 2
 * ```
 *
 * @stability unstable
 * @category layers
 */
export const layerLimits = (options: LimitsOptions = {}): Layer.Layer<never, never, Sharding.Sharding> =>
  Layer.effect(
    RateLimits.RateLimits,
    Effect.gen(function*() {
      const client = yield* Quota.client
      const pod = String(yield* Random.next)
      let pods = options.pods ?? 10
      yield* client(census).Present({ pod }).pipe(
        Effect.timeout(absentAfter),
        Effect.map((count) => pods = count),
        Effect.catchCause(() => Effect.void),
        Effect.repeat(Schedule.spaced(censusInterval)),
        Effect.forkScoped
      )
      return yield* RateLimits.make({
        pods: Effect.sync(() => pods),
        limiter: (id) => {
          const quota = client(id)
          return {
            [RateLimiter.TypeId]: RateLimiter.TypeId,
            consume: ({ window, ...rest }) =>
              asStore(quota.Consume({ ...rest, window: Duration.fromInputUnsafe(window) })),
            adaptiveConsume: (options) => asStore(quota.AdaptiveConsume(options)),
            adaptiveFeedback: (options) => asStore(quota.AdaptiveFeedback(options))
          }
        }
      })
    })
  ).pipe(Layer.provide(handlers))
