/**
 * Keeps requests within the platform's rate limits, so that none is answered with 429.
 *
 * **Details**
 *
 * The platform counts by endpoint, app and tenant: 50 requests a second and 1000 a minute for the meeting endpoints
 * (tier 4). With this layer a request waits until it fits: no window of that length holds more than the limit, wherever the
 * platform begins its own. Requests of different meetings take turns, so that a burst for one
 * does not hold up another. Should a 429 arrive all the same (another process, a lower limit), all requests of that
 * endpoint and tenant wait for `x-ogw-ratelimit-reset`, and a lower `x-ogw-ratelimit-limit` is kept to from then on.
 *
 * It counts in Effect's `RateLimiter`: in memory, or in Redis for several processes. Without this layer nothing waits,
 * and a `setHost` that meets a 429 waits as long as the platform asks.
 *
 * Source: Feishu Open Platform, frequency control.
 *
 * **Gotchas**
 *
 * - A store that fails lets the request through: the platform's own limit is still there.
 * - Counted is when a request is let through. A network that holds some back and not others can still bunch them.
 *
 * **Example** (A burst within the limits)
 *
 * ```ts
 * import { Duration, Effect, Fiber, Layer } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Lark, Meetings, MeetingId, RateLimits, Simulator } from "effect-lark-meetings"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const program = Effect.gen(function*() {
 *   const simulator = yield* Simulator.Simulator
 *   const reads = yield* Effect.forkChild(Effect.replicateEffect(Meetings.get(id), 100, { concurrency: "unbounded" }))
 *   yield* TestClock.adjust("1 second")
 *   const inFirstSecond = (yield* simulator.requests).filter((request) => request.endpoint === "get").length
 *   yield* TestClock.adjust("1 minute")
 *   return [inFirstSecond <= 50, (yield* Fiber.join(reads)).length] as const
 * })
 * const lark = Lark.layer(Simulator.defaultApp).pipe(Layer.provide(RateLimits.layerMemory))
 * const result = await Effect.runPromise(program.pipe(
 *   Effect.provide(lark),
 *   Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }] })),
 *   Effect.provide(TestClock.layer())
 * ))
 * console.log(result) // => [ true, 100 ]
 * ```
 *
 * @since 0.1.0
 */
import * as Cache from "effect/Cache"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PartitionedSemaphore from "effect/PartitionedSemaphore"
import * as RateLimiter from "effect/persistence/RateLimiter"
import type * as Scope from "effect/Scope"

/**
 * So many requests in a window of time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limit {
  readonly requests: number
  readonly window: Duration.Duration
}

/**
 * The limits of the meeting endpoints: 50 requests a second, 1000 a minute.
 *
 * @since 0.1.0
 * @category constants
 */
export const tier4: ReadonlyArray<Limit> = [
  { requests: 1000, window: Duration.minutes(1) },
  { requests: 50, window: Duration.seconds(1) }
]

/**
 * A request that asks to be let through.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  /** The app id. */
  readonly app: string
  readonly endpoint: string
  /** The longest window first. */
  readonly limits: ReadonlyArray<Limit>
  /** The `tenant_key`, for a store app. */
  readonly tenant: string
  /** Requests with different turns are served in turn: the meeting id. */
  readonly turn: string
}

/**
 * What the platform said when it throttled a request.
 *
 * @since 0.1.0
 * @category models
 */
export interface Throttled {
  /** `x-ogw-ratelimit-reset`. */
  readonly retryAfter: Duration.Duration | undefined
  /** `x-ogw-ratelimit-limit`: the requests that a window holds. */
  readonly ceiling: number | undefined
}

/**
 * How requests are let through.
 *
 * **Details**
 *
 * - `admit`: ends when the request may be sent.
 * - `throttled`: the request was answered with 429.
 *
 * @since 0.1.0
 * @category models
 */
export interface RateLimits {
  readonly admit: (call: Call) => Effect.Effect<void>
  readonly throttled: (call: Call, answer: Throttled) => Effect.Effect<void>
}

/**
 * The limits in force: none, unless a layer of this module is provided.
 *
 * @since 0.1.0
 * @category services
 */
export const RateLimits: Context.Reference<RateLimits | undefined> = Context.Reference<RateLimits | undefined>(
  "effect-lark-meetings/RateLimits",
  { defaultValue: () => undefined }
)

/** How a token bucket keeps to a limit: it holds `burst` tokens and gets a new one every `interval` milliseconds. */
export interface Pace {
  readonly burst: number
  readonly interval: number
}

/**
 * The pace that keeps to a limit wherever its window begins: a window can hold the whole burst and what the bucket gets
 * while it lasts, so the two share it. A twentieth is kept back, since the network bunches requests.
 *
 * @since 0.1.0
 * @category constructors
 */
export const pace = ({ requests, window }: Limit): Pace => {
  const burst = Math.max(1, Math.floor(requests / 10))
  return { burst, interval: Math.ceil(Duration.toMillis(window) / (0.95 * (requests - burst + 1))) }
}

const lowered = (limits: ReadonlyArray<Limit>, ceiling: number): ReadonlyArray<Limit> => {
  const shortest = limits.at(-1)
  return shortest !== undefined && ceiling < shortest.requests
    ? limits.map((limit) => limit === shortest ? { ...limit, requests: Math.floor(ceiling) } : limit)
    : limits
}

/** What the requests of one endpoint, app and tenant pass one by one. */
interface Gate {
  readonly turns: PartitionedSemaphore.PartitionedSemaphore<string>
  /** The place that is waited for. */
  place: Fiber.Fiber<void> | undefined
  ceiling: number
  epoch: number
}

const makeGate = (): Gate => ({
  turns: PartitionedSemaphore.makeUnsafe({ permits: 1 }),
  place: undefined,
  ceiling: Number.POSITIVE_INFINITY,
  epoch: 0
})

/**
 * Counts in the `RateLimiter` it is given.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<RateLimits, never, RateLimiter.RateLimiter | Scope.Scope> = Effect.gen(function*() {
  const limiter = yield* RateLimiter.RateLimiter
  const scope = yield* Effect.scope
  const gates = yield* Cache.make({ capacity: 10_000, lookup: (_key: string) => Effect.sync(makeGate) })

  const keyOf = (call: Call) => `effect-lark-meetings ${call.app} ${call.tenant} ${call.endpoint}`

  const letThrough = (admission: Effect.Effect<void, RateLimiter.RateLimiterError>) =>
    Effect.catch(admission, (error) => Effect.logWarning(`The store of the rate limiter failed: ${error.reason._tag}`))

  const wait = (delay: Duration.Duration) => Duration.isZero(delay) ? Effect.void : Effect.sleep(delay)

  /** Takes the next place within all limits, and waits until it has come. */
  const reserve = Effect.fnUntraced(function*(gate: Gate, key: string, given: ReadonlyArray<Limit>) {
    const limits = lowered(given, gate.ceiling)
    const [longest] = limits
    if (longest === undefined) return
    const adapted = yield* limiter.adaptiveConsume({
      key,
      tokens: 1,
      fallbackLimit: longest.requests,
      fallbackWindow: longest.window
    })
    gate.epoch = adapted.epoch
    yield* wait(adapted.delay)
    for (const limit of limits) {
      const { burst, interval } = pace(limit)
      const taken = yield* limiter.consume({
        key: `${key} ${Duration.toMillis(limit.window)}`,
        algorithm: "token-bucket",
        onExceeded: "delay",
        limit: burst,
        window: Duration.millis(burst * interval)
      })
      yield* wait(taken.delay)
    }
  }, letThrough)

  return {
    admit: Effect.fnUntraced(function*(call) {
      const key = keyOf(call)
      const gate = yield* Cache.get(gates, key)
      const inTurn = Effect.suspend(() =>
        // A request that is interrupted leaves the place it waits for to the next.
        gate.place !== undefined && gate.place.pollUnsafe() === undefined
          ? Fiber.join(gate.place)
          : Effect.flatMap(
            Effect.forkIn(reserve(gate, key, call.limits), scope, { startImmediately: true }),
            (place) => {
              gate.place = place
              return Fiber.join(place)
            }
          )
      )
      yield* gate.turns.withPermit(call.turn)(inTurn)
    }),
    throttled: Effect.fnUntraced(function*(call: Call, { ceiling, retryAfter }: Throttled) {
      const key = keyOf(call)
      const gate = yield* Cache.get(gates, key)
      if (ceiling !== undefined && ceiling >= 1) gate.ceiling = Math.min(gate.ceiling, ceiling)
      yield* limiter.adaptiveFeedback({ key, epoch: gate.epoch, tokens: 1, status: 429, retryAfter })
    }, letThrough)
  }
})

/**
 * Keeps to the limits, counting in the `RateLimiter` it is given: `RateLimiter.layerStoreRedis` shares the count among
 * processes.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<never, never, RateLimiter.RateLimiter> = Layer.effect(RateLimits, make)

/**
 * Keeps to the limits in this process.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<never> = layer.pipe(
  Layer.provide(RateLimiter.layer),
  Layer.provide(RateLimiter.layerStoreMemory)
)
