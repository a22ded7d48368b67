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
 * **Several processes**
 *
 * With `layerRedis`, or `layer` over another store, or `Cluster.layerLimits`, processes share the count. They take turns: each
 * has one reservation under way. All of them wait after a 429 that one of them got, and learn a lower limit from the next
 * request after it, or within a minute. The store keeps a lower limit for an hour. No clock of a process is compared with
 * that of another: only the store's counts.
 *
 * A store that fails, or that an admission has waited 500 ms for, is not used for this endpoint until it answers again.
 * A request in the background asks it, at most once a second. Meanwhile the process admits requests by itself, evenly spaced,
 * at its share: the limits, divided by the number of processes.
 *
 * The counter `lark_admissions_total` counts admissions by `store`, and by `share` while the store does not answer.
 *
 * **Gotchas**
 *
 * - If only some of the processes reach the store, the shares of the others come on top of the limit.
 * - Setting the wall clock changes no wait. A wait is at most the longest window, times the number of processes.
 * - A request is counted when it is admitted. Requests that are delayed by 250 ms more than others can still bunch, and get a 429.
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
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as RateLimiter from "effect/persistence/RateLimiter"
import type * as Redis from "effect/persistence/Redis"
import type * as Scope from "effect/Scope"
import { monotonicMillis, onMonotonicClock } from "./internal/monotonicClock.ts"
import { type Admission, type Answer, bucketOf, type Limit, RateLimits } from "./internal/rateLimits.ts"
import { timeoutOrElse } from "./internal/timeout.ts"
import * as FairSemaphore from "./RateLimits/fairSemaphore.ts"

export { type Admission, type Answer, type Limit, RateLimits, tier4 } from "./internal/rateLimits.ts"

/**
 * How to share the limits.
 *
 * @stability stable
 * @category models
 */
export interface Options {
  /**
   * The number of processes that share the store: while it does not answer, each takes this share of the limits. If it changes,
   * the most there can be, or an effect that returns the number. Less than 1 counts as 1.
   */
  readonly pods: number | Effect.Effect<number>
}

/** How long an admission waits for the store, in all. */
const patience = Duration.millis(500)

/** How often a store that does not answer is asked, in milliseconds. */
const probeInterval = 1_000

/** How often a lower limit is read, in milliseconds. It is read at each request for some time after a 429. */
const ceilingInterval = 60_000

/** How long the store keeps a lower limit. */
const ceilingLife = Duration.hours(1)

const admissions = (by: "store" | "share") =>
  Metric.counter("lark_admissions_total", {
    description: "Requests admitted by the rate limiter.",
    attributes: { by },
    incremental: true
  })

const admittedBy = { store: admissions("store"), share: admissions("share") }

/** The state of one endpoint, app and tenant. */
interface Gate {
  readonly key: string
  readonly limiter: RateLimiter.RateLimiter
  readonly semaphore: FairSemaphore.FairSemaphore<string>
  /** The reservation of the next slot, while it is waited for. */
  slot: Fiber.Fiber<void> | undefined
  /** The lowest `x-ogw-ratelimit-limit` of a window, by its milliseconds. */
  readonly ceilings: Map<number, number>
  /** When the ceilings are next read, in monotonic milliseconds. */
  ceilingsAt: number
  epoch: number
  /** When the next request is admitted without the store, in monotonic milliseconds. */
  shareAt: number
  /** The end of a pause that the store was not told of, in monotonic milliseconds. */
  untold: number
  /** How many requests were admitted without the store since it stopped answering. */
  unpaid: number
  /** When the store is asked again whether it answers, in monotonic milliseconds; `undefined` while it does. */
  probeAt: number | undefined
}

const lowered = (limits: ReadonlyArray<Limit>, { ceilings }: Gate): ReadonlyArray<Limit> =>
  limits.map(({ requests, window }) => ({
    requests: Math.min(requests, ceilings.get(Duration.toMillis(window)) ?? requests),
    window
  }))

const lower = ({ ceilings }: Gate, window: Duration.Duration, requests: number): void => {
  const millis = Duration.toMillis(window)
  ceilings.set(millis, Math.min(requests, ceilings.get(millis) ?? requests))
}

/** A request in a window of the store's counter has an interval longer than the window. */
const longestWait = (limits: ReadonlyArray<Limit>): number =>
  Math.max(0, ...limits.flatMap((limit) => [Duration.toMillis(limit.window), bucketOf(limit).interval]))

const storeError = (message: string) =>
  new RateLimiter.RateLimiterError({ reason: new RateLimiter.RateLimitStoreError({ message }) })

/** Does not wait for its interruption: a request to a process that is gone takes long to withdraw. */
const abandoned = <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.withFiber(({ context }) =>
    Effect.callback<A, E>((resume) => {
      const fiber = Effect.runForkWith(context)(self)
      fiber.addObserver(resume)
      return Effect.sync(() => fiber.interruptUnsafe())
    })
  )

/** Fails if the store fails, in any way, or does not answer in time. */
const answered = <A>(self: Effect.Effect<A, RateLimiter.RateLimiterError>) =>
  timeoutOrElse(abandoned(onMonotonicClock(self)), {
    duration: patience,
    orElse: () => Effect.fail(storeError(`no answer within ${Duration.toMillis(patience)} ms`))
  }).pipe(
    // A client of a cluster may end with an interruption that is not the caller's.
    Effect.catchCause((cause) => Effect.fail(Cause.squash(cause)))
  )

/**
 * The buckets and the lowered limits of a gate in its store. They are counters that expire: the time that one has left is the
 * time of the store, so that the clocks of processes do not matter, as they would for Effect's token bucket in Redis.
 */
const storeOf = ({ key, limiter }: Gate) => {
  const count = (options: { readonly key: string; readonly limit: number; readonly window: Duration.Duration }) =>
    ({ algorithm: "fixed-window", ...options }) as const
  /** How many requests the platform took off a limit. */
  const removed = ({ requests, window }: Limit) =>
    count({ key: `${key} ${Duration.toMillis(window)} removed`, limit: requests, window: ceilingLife })

  const ceiling = (limit: Limit) =>
    Effect.map(
      limiter.consume({ ...removed(limit), onExceeded: "delay", tokens: 0 }),
      ({ remaining }) => Math.max(1, remaining)
    )

  /** Lowers a limit, unless it is as low; retried if another process lowered it in between. */
  const setCeiling = (limit: Limit, requests: number): Effect.Effect<void, RateLimiter.RateLimiterError> =>
    Effect.flatMap(ceiling(limit), (now) =>
      now <= requests ? Effect.void : Effect.catchIf(
        limiter.consume({ ...removed(limit), limit: limit.requests - requests, tokens: now - requests }),
        ({ reason }) => reason._tag === "RateLimitExceeded",
        () => setCeiling(limit, requests)
      ))

  return {
    ceiling,
    setCeiling,
    /** Takes tokens of the bucket. Returns the milliseconds until the last is there. */
    take: (limit: Limit, tokens: number) => {
      const { burst, interval } = bucketOf(limit)
      return Effect.map(
        // Each request adds an interval to the life of the counter: what is left above the burst is the wait.
        limiter.consume({
          ...count({ key: `${key} ${Duration.toMillis(limit.window)}`, limit: 1, window: Duration.millis(interval) }),
          tokens,
          onExceeded: "delay"
        }),
        ({ resetAfter }) => Duration.toMillis(resetAfter) - burst * interval
      )
    },
    /** The pause after a 429. Without a token it is only looked at. */
    pause: ({ requests, window }: Limit, tokens: 0 | 1) =>
      limiter.adaptiveConsume({ key, tokens, fallbackLimit: requests, fallbackWindow: window }),
    beginPause: (epoch: number, retryAfter: Duration.Duration) =>
      limiter.adaptiveFeedback({ key, epoch, tokens: 1, status: 429, retryAfter })
  }
}

/**
 * Makes the service over a rate limiter for each endpoint, app and tenant.
 *
 * @stability unstable
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  options: Options & { readonly limiter: (key: string) => RateLimiter.RateLimiter }
): Effect.fn.Return<RateLimits, never, Scope.Scope> {
  const pods = Effect.map(
    Effect.isEffect(options.pods) ? options.pods : Effect.succeed(options.pods),
    (pods) => pods >= 1 ? pods : 1
  )
  const scope = yield* Effect.scope
  const gates = yield* Cache.make({
    capacity: 10_000,
    lookup: (key: string) =>
      Effect.sync((): Gate => ({
        key,
        limiter: options.limiter(key),
        semaphore: FairSemaphore.make(),
        slot: undefined,
        ceilings: new Map(),
        ceilingsAt: -Infinity,
        epoch: 0,
        shareAt: -Infinity,
        untold: -Infinity,
        unpaid: 0,
        probeAt: undefined
      }))
  })
  const gateOf = ({ app, endpoint, tenant }: Admission) =>
    Cache.get(gates, `effect-lark-meetings ${app} ${tenant} ${endpoint}`)
  const now = Effect.map(Clock.Clock, monotonicMillis)

  /** The gates whose store does not answer. */
  const silent = new Set<Gate>()

  const leaveStore = Effect.fnUntraced(function*(gate: Gate, error: unknown) {
    gate.probeAt = (yield* now) + probeInterval
    if (silent.size === 0) {
      const why = error instanceof RateLimiter.RateLimiterError ? error.message : "defect"
      yield* Effect.logWarning(`The store of the rate limiter failed; this process keeps to its share: ${why}`)
    }
    silent.add(gate)
  })

  /**
   * Takes from the buckets, which filled up meanwhile, what was admitted without them, at most the share of a burst; and tells
   * of a pause that lasts.
   */
  const returnToStore = Effect.fnUntraced(function*(gate: Gate, given: ReadonlyArray<Limit>, epoch: number) {
    const share = yield* pods
    for (const limit of lowered(given, gate)) {
      yield* answered(storeOf(gate).take(limit, Math.min(gate.unpaid, Math.ceil(bucketOf(limit).burst / share))))
    }
    const pause = gate.untold - (yield* now)
    if (pause > 0) yield* answered(storeOf(gate).beginPause(epoch, Duration.millis(pause)))
    gate.unpaid = 0
    gate.probeAt = undefined
    silent.delete(gate)
    if (silent.size === 0) yield* Effect.logInfo("The store of the rate limiter answers again")
  })

  /** Asks a silent store in the background, if it is time to. */
  const probe = Effect.fnUntraced(function*(gate: Gate, given: ReadonlyArray<Limit>, longest: Limit) {
    const at = yield* now
    if (gate.probeAt === undefined || at < gate.probeAt) return
    gate.probeAt = at + probeInterval
    // Only looks, as a client may send it once the store is back.
    yield* answered(storeOf(gate).pause(longest, 0)).pipe(
      Effect.flatMap(({ epoch }) => returnToStore(gate, given, epoch)),
      Effect.ignore,
      Effect.forkIn(scope)
    )
  })

  /** Reserves the next slot within all limits and waits for it. */
  const reserveInStore = Effect.fnUntraced(function*(gate: Gate, given: ReadonlyArray<Limit>, longest: Limit) {
    const store = storeOf(gate)
    let spent = 0
    const ask = Effect.fnUntraced(function*<A>(self: Effect.Effect<A, RateLimiter.RateLimiterError>) {
      const asked = yield* now
      const answer = yield* answered(self)
      spent += (yield* now) - asked
      return spent > Duration.toMillis(patience) ? yield* Effect.fail(storeError("too slow")) : answer
    })
    let left = longestWait(given) * (yield* pods)
    /** Returns whether it waited. */
    const wait = (delay: number) => {
      const millis = Math.max(0, Math.min(delay, left))
      left -= millis
      return millis === 0 ? Effect.succeed(false) : Effect.as(Effect.sleep(millis), true)
    }
    /** Waits for the end of a pause after a 429. */
    const outlast = Effect.fnUntraced(function*(tokens: 0 | 1) {
      const { delay, epoch, phase } = yield* ask(store.pause(longest, tokens))
      gate.epoch = epoch
      if (phase !== "inactive") gate.ceilingsAt = -Infinity
      return yield* wait(Math.min(Duration.toMillis(delay), longestWait(given)))
    })
    for (let tokens: 0 | 1 = 1; yield* outlast(tokens);) tokens = 0
    if ((yield* now) >= gate.ceilingsAt) {
      for (const limit of given) lower(gate, limit.window, yield* ask(store.ceiling(limit)))
      gate.ceilingsAt = (yield* now) + ceilingInterval
    }
    let isPaused: boolean
    do {
      let isLate = false
      for (const limit of lowered(given, gate)) isLate = (yield* wait(yield* ask(store.take(limit, 1)))) || isLate
      // A pause may have begun while the slot was waited for. The slot is lost: with the next ones it would make a burst.
      isPaused = isLate && (yield* outlast(0))
    } while (isPaused)
  })

  /** The next slot at the share of this process. Bursts of several processes would add up, so there are none. */
  const reserveShare = Effect.fnUntraced(function*(gate: Gate, given: ReadonlyArray<Limit>) {
    const share = yield* pods
    const intervals = lowered(given, gate).map(({ requests, window }) =>
      bucketOf({ requests: requests / share, window }).interval
    )
    const at = yield* now
    const slot = Math.max(at, gate.shareAt)
    gate.shareAt = slot + Math.max(...intervals)
    gate.unpaid++
    if (slot > at) yield* Effect.sleep(slot - at)
  })

  const reserve = Effect.fnUntraced(function*(gate: Gate, given: ReadonlyArray<Limit>) {
    const [longest] = given
    if (longest === undefined) return
    const isReserved = gate.probeAt === undefined
      ? yield* reserveInStore(gate, given, longest).pipe(
        Effect.as(true),
        Effect.catch((error) => Effect.as(leaveStore(gate, error), false))
      )
      : yield* Effect.as(probe(gate, given, longest), false)
    if (!isReserved) yield* reserveShare(gate, given)
    yield* Metric.update(admittedBy[isReserved ? "store" : "share"], 1)
  })

  return {
    admit: Effect.fnUntraced(function*(admission) {
      const gate = yield* gateOf(admission)
      const reserved = reserve(gate, admission.limits)
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
      const gate = yield* gateOf(admission)
      const { limits } = admission
      const shortest = limits.at(-1)?.window ?? Duration.seconds(1)
      const reset = Duration.min(retryAfter ?? shortest, limits[0]?.window ?? Duration.minutes(1))
      const limit = limits.findLast(({ window }) => Duration.isLessThanOrEqualTo(reset, window)) ?? limits[0]
      const ceiling = Math.floor(Number(rateLimit))
      const isLower = limit !== undefined && ceiling >= 1 && ceiling < limit.requests
      if (isLower) lower(gate, limit.window, ceiling)
      const until = (yield* now) + Duration.toMillis(reset)
      gate.shareAt = Math.max(gate.shareAt, until)
      const tellLater = Effect.sync(() => void (gate.untold = Math.max(gate.untold, until)))
      if (gate.probeAt !== undefined) return yield* tellLater
      const store = storeOf(gate)
      yield* store.beginPause(gate.epoch, reset).pipe(
        Effect.andThen(isLower ? store.setCeiling(limit, ceiling) : Effect.void),
        answered,
        Effect.catch((error) => Effect.andThen(tellLater, leaveStore(gate, error)))
      )
    })
  }
})

/**
 * Limits all requests, counted by a `RateLimiter` over a store that processes share.
 *
 * @stability stable
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<never, never, RateLimiter.RateLimiter> =>
  Layer.effect(
    RateLimits,
    Effect.flatMap(RateLimiter.RateLimiter, (limiter) => make({ ...options, limiter: () => limiter }))
  )

/**
 * Limits all requests of the processes that share a Redis. Its keys begin with `prefix`, `ratelimiter:` unless given.
 *
 * @stability stable
 * @category layers
 */
export const layerRedis = (
  options: Options & { readonly prefix?: string | undefined }
): Layer.Layer<never, never, Redis.Redis> =>
  layer(options).pipe(
    Layer.provide(RateLimiter.layer),
    Layer.provide(RateLimiter.layerStoreRedis({ prefix: options.prefix }))
  )

/**
 * Limits all requests, counted in memory.
 *
 * @stability stable
 * @category layers
 */
export const layerMemory: Layer.Layer<never> = layer({ pods: 1 }).pipe(
  Layer.provide(RateLimiter.layer),
  Layer.provide(RateLimiter.layerStoreMemory)
)
