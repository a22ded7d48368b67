/**
 * Keeps requests within the platform's rate limits, so that none is answered with 429.
 *
 * **Details**
 *
 * The platform counts by endpoint, app and tenant: 50 requests a second and 1000 a minute for the meeting endpoints
 * (tier 4). With this layer a request waits until it fits: no window of that length holds more than the limit, wherever the
 * platform begins its own. Requests of different meetings take turns, so that a burst for one
 * does not hold up another. Should a 429 arrive all the same (another process, a lower limit), all requests of that
 * endpoint and tenant wait for `x-ogw-ratelimit-reset`, or else for the shortest window, and a lower
 * `x-ogw-ratelimit-limit` is kept to from then on.
 *
 * Of which window that limit is, is not documented. It is taken for the shortest that can still be open at the reset: no
 * shorter window may hold more than a longer one, so that no request waits without need. Should a longer one be meant, a
 * later 429 will tell by its reset.
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
 * - When the layer's scope closes, those who wait go on waiting, within the limits; nobody is interrupted.
 *
 * **Example** (A burst within the limits)
 *
 * ```ts
 * import { Duration, Effect, Fiber, Layer } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Lark, Meetings, MeetingId, RateLimits } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
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
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import type * as Scope from "effect/Scope"
import { type Call, type Limit, RateLimits, type Throttled } from "./internal/rateLimits.ts"
import * as turns from "./RateLimits/fairSemaphore.ts"

export { type Call, type Limit, RateLimits, type Throttled, tier4 } from "./internal/rateLimits.ts"

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

const second = Duration.seconds(1)

/** The shortest window that a 429 can have been of: none takes longer than itself to begin anew. */
const exceeded = (limits: ReadonlyArray<Limit>, reset: Duration.Duration): Limit | undefined =>
  limits.findLast((limit) => Duration.isLessThanOrEqualTo(reset, limit.window)) ?? limits[0]

/** What the requests of one endpoint, app and tenant pass one by one. */
interface Gate {
  readonly inTurn: turns.Turns<string>
  /** The place that is waited for. */
  place: Fiber.Fiber<void> | undefined
  /** The lowest that was named for a window, by its milliseconds. */
  readonly ceilings: Map<number, number>
  epoch: number
}

const makeGate = (): Gate => ({ inTurn: turns.make(), place: undefined, ceilings: new Map(), epoch: 0 })

const lowered = (limits: ReadonlyArray<Limit>, { ceilings }: Gate): ReadonlyArray<Limit> =>
  limits.map(({ requests, window }) => ({
    requests: Math.min(requests, ceilings.get(Duration.toMillis(window)) ?? requests),
    window
  }))

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
    const limits = lowered(given, gate)
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
      const reserved = reserve(gate, key, call.limits)
      // A request that is interrupted leaves the place it waits for to the next.
      const place = Effect.suspend(() =>
        gate.place !== undefined && gate.place.pollUnsafe() === undefined
          ? Effect.succeed(gate.place)
          : Effect.map(Effect.forkIn(reserved, scope, { startImmediately: true }), (place) => {
            gate.place = place
            return place
          })
      )
      yield* place.pipe(
        Effect.flatMap(Fiber.await),
        // The layer's scope has closed, which is no reason to interrupt those who wait.
        Effect.flatMap((exit) => Exit.hasInterrupts(exit) ? reserved : exit),
        gate.inTurn(call.turn)
      )
    }),
    throttled: Effect.fnUntraced(function*(call: Call, { ceiling, retryAfter }: Throttled) {
      const key = keyOf(call)
      const gate = yield* Cache.get(gates, key)
      const reset = retryAfter ?? call.limits.at(-1)?.window ?? second
      const limit = exceeded(call.limits, reset)
      if (limit !== undefined && ceiling !== undefined && ceiling >= 1) {
        const window = Duration.toMillis(limit.window)
        gate.ceilings.set(window, Math.min(Math.floor(ceiling), gate.ceilings.get(window) ?? limit.requests))
      }
      yield* limiter.adaptiveFeedback({ key, epoch: gate.epoch, tokens: 1, status: 429, retryAfter: reset })
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
