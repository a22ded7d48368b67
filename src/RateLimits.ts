/**
 * Client-side rate limiting, so that the platform does not answer with 429.
 *
 * **Details**
 *
 * The platform counts requests by endpoint, app and tenant: 50 per second and 1000 per minute for the meeting endpoints
 * (tier 4). With this layer a request waits until it is admitted. No window of that length holds more requests than the
 * limit, wherever the platform starts its own windows. Requests for different meetings are admitted round-robin, so a
 * burst for one meeting does not delay another.
 *
 * After a 429 (another process, a lower limit) all requests of that endpoint, app and tenant wait for
 * `x-ogw-ratelimit-reset`, or for the shortest window if the response has none; at most for the longest window. A lower
 * `x-ogw-ratelimit-limit` is kept from then on, for the shortest window that can still be open at the reset: the platform
 * does not document which window it refers to. Source: Feishu, "Frequency control".
 *
 * Without this layer requests are sent at once, and a `setHost` that gets a 429 waits as long as the platform asks.
 *
 * **Gotchas**
 *
 * - If the store fails or takes longer than a second, requests are admitted without counting: the platform's own limit
 *   remains.
 * - Setting the wall clock changes no wait. In Redis the clocks of the processes are compared: if they differ, requests may
 *   wait longer than needed, at most for the longest window.
 * - A request is counted when it is admitted. A network that delays some requests and not others can still bunch them.
 * - When the layer's scope closes, waiting requests keep waiting within the limits and are not interrupted.
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
 */
import * as Cache from "effect/Cache"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { onMonotonicClock } from "./internal/monotonicClock.ts"
import { type Admission, type Answer, bucketOf, type Limit, RateLimits } from "./internal/rateLimits.ts"
import { timeoutOrElse } from "./internal/timeout.ts"
import * as FairSemaphore from "./RateLimits/fairSemaphore.ts"

export { type Admission, type Answer, type Limit, RateLimits, tier4 } from "./internal/rateLimits.ts"

/** The state of one endpoint, app and tenant. */
interface Gate {
  readonly semaphore: FairSemaphore.FairSemaphore<string>
  /** The reservation of the next slot, while it is waited for. */
  slot: Fiber.Fiber<void> | undefined
  /** The lowest `x-ogw-ratelimit-limit` of a window, by its milliseconds. */
  readonly ceilings: Map<number, number>
  epoch: number
}

const lowered = (limits: ReadonlyArray<Limit>, { ceilings }: Gate): ReadonlyArray<Limit> =>
  limits.map(({ requests, window }) => ({
    requests: Math.min(requests, ceilings.get(Duration.toMillis(window)) ?? requests),
    window
  }))

const make = Effect.gen(function*() {
  const limiter = yield* RateLimiter.RateLimiter
  const scope = yield* Effect.scope
  const gates = yield* Cache.make({
    capacity: 10_000,
    lookup: (_key: string) =>
      Effect.sync((): Gate => ({ semaphore: FairSemaphore.make(), slot: undefined, ceilings: new Map(), epoch: 0 }))
  })

  const keyOf = ({ app, endpoint, tenant }: Admission) => `effect-lark-meetings ${app} ${tenant} ${endpoint}`

  const ignoreStoreErrors = (self: Effect.Effect<void, RateLimiter.RateLimiterError>) =>
    Effect.catch(self, (error) => Effect.logWarning(`The store of the rate limiter failed: ${error.reason._tag}`))

  const counted = <A>(self: Effect.Effect<A, RateLimiter.RateLimiterError>) =>
    timeoutOrElse(onMonotonicClock(self), {
      duration: Duration.seconds(1),
      orElse: () =>
        Effect.fail(
          new RateLimiter.RateLimiterError({ reason: new RateLimiter.RateLimitStoreError({ message: "no answer" }) })
        )
    })

  /** Reserves the next slot within all limits and waits for it. */
  const reserve = Effect.fnUntraced(function*(gate: Gate, key: string, given: ReadonlyArray<Limit>) {
    const limits = lowered(given, gate)
    const [longest] = limits
    if (longest === undefined) return
    // A single request in a window has an interval longer than the window.
    let left = Math.max(Duration.toMillis(longest.window), ...limits.map((limit) => bucketOf(limit).interval))
    /** At most the rest of the longest window: the clocks of processes that share the store may differ. */
    const wait = (delay: Duration.Duration) => {
      const millis = Math.min(Duration.toMillis(delay), left)
      left -= millis
      return millis === 0 ? Effect.void : Effect.sleep(millis)
    }
    const fallback = { fallbackLimit: longest.requests, fallbackWindow: longest.window }
    const adapted = yield* counted(limiter.adaptiveConsume({ key, tokens: 1, ...fallback }))
    gate.epoch = adapted.epoch
    yield* wait(adapted.delay)
    for (const limit of limits) {
      const { burst, interval } = bucketOf(limit)
      const taken = yield* counted(limiter.consume({
        key: `${key} ${Duration.toMillis(limit.window)}`,
        algorithm: "token-bucket",
        onExceeded: "delay",
        limit: burst,
        window: Duration.millis(burst * interval)
      }))
      yield* wait(taken.delay)
    }
  }, ignoreStoreErrors)

  return {
    admit: Effect.fnUntraced(function*(admission) {
      const key = keyOf(admission)
      const gate = yield* Cache.get(gates, key)
      const reserved = reserve(gate, key, admission.limits)
      // A reservation outlives an interrupted request, so that the next one takes over its slot.
      const slot = Effect.suspend(() =>
        gate.slot !== undefined && gate.slot.pollUnsafe() === undefined
          ? Effect.succeed(gate.slot)
          : Effect.map(Effect.forkIn(reserved, scope, { startImmediately: true }), (slot) => gate.slot = slot)
      )
      yield* slot.pipe(
        Effect.flatMap(Fiber.await),
        // The scope of the layer closed: waiting requests go on without it.
        Effect.flatMap((exit) => Exit.hasInterrupts(exit) ? reserved : exit),
        gate.semaphore(admission.fairnessKey)
      )
    }),
    heed: Effect.fnUntraced(function*(admission: Admission, { code, rateLimit, retryAfter, status }: Answer) {
      // The platform throttles by its code, whatever the status; a gateway before it by the status alone.
      if (status !== 429 && code !== 99991400) return
      const key = keyOf(admission)
      const gate = yield* Cache.get(gates, key)
      const { limits } = admission
      const shortest = limits.at(-1)?.window ?? Duration.seconds(1)
      const reset = Duration.min(retryAfter ?? shortest, limits[0]?.window ?? Duration.minutes(1))
      const limit = limits.findLast(({ window }) => Duration.isLessThanOrEqualTo(reset, window)) ?? limits[0]
      const ceiling = Math.floor(Number(rateLimit))
      if (limit !== undefined && ceiling >= 1) {
        const window = Duration.toMillis(limit.window)
        gate.ceilings.set(window, Math.min(ceiling, gate.ceilings.get(window) ?? limit.requests))
      }
      const feedback = { key, epoch: gate.epoch, tokens: 1, status: 429, retryAfter: reset }
      yield* counted(limiter.adaptiveFeedback(feedback))
    }, ignoreStoreErrors)
  }
})

/**
 * Limits all requests, counted by a `RateLimiter`: `RateLimiter.layerStoreRedis` shares the count among processes.
 *
 * @category layers
 */
export const layer: Layer.Layer<never, never, RateLimiter.RateLimiter> = Layer.effect(RateLimits, make)

/**
 * Limits all requests, counted in memory.
 *
 * @category layers
 */
export const layerMemory: Layer.Layer<never> = layer.pipe(
  Layer.provide(RateLimiter.layer),
  Layer.provide(RateLimiter.layerStoreMemory)
)
