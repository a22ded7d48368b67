/**
 * The rate limits that calls ask for, apart from the module that keeps them: few programs load it.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

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
  /** `x-ogw-ratelimit-reset`; without it, the shortest window. */
  readonly retryAfter: Duration.Duration | undefined
  /** `x-ogw-ratelimit-limit`: the requests that a window holds, the shortest that can still be open at the reset. */
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
