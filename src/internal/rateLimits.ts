/** The service, apart from the module that builds it, so that programs without rate limiting do not load that. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/**
 * A number of requests in a window of time.
 *
 * @stability stable
 * @category models
 */
export interface Limit {
  readonly requests: number
  readonly window: Duration.Duration
}

/**
 * The limits of the meeting endpoints: 50 requests per second and 1000 per minute. Source: Feishu Open Platform, "Frequency
 * control", tier 4.
 *
 * @stability stable
 * @category constants
 */
export const tier4: ReadonlyArray<Limit> = [
  { requests: 1000, window: Duration.minutes(1) },
  { requests: 50, window: Duration.seconds(1) }
]

/** How much later than others a request may arrive, in milliseconds: by the network, or by a store or a timer that is late. */
const jitter = 250

/**
 * The token bucket that keeps a limit: it holds at most `burst` tokens and gets one every `interval` milliseconds. A
 * window can hold the whole burst and the tokens that arrive during it, so both together stay within the limit. The bucket
 * fills more slowly than that, because jitter can bunch the requests of a longer time into a window.
 */
export const bucketOf = ({ requests, window }: Limit) => {
  const burst = Math.max(1, Math.floor(requests / 10))
  const millis = Duration.toMillis(window)
  return { burst, interval: Math.floor(Math.max(millis / 0.95, millis + jitter) / (requests - burst + 1)) + 1 }
}

/**
 * A request that waits for admission.
 *
 * @stability unstable
 * @category models
 */
export interface Admission {
  /** The app id. */
  readonly app: string
  /** The name of the endpoint, such as `vc.v1.meeting.get`. */
  readonly endpoint: string
  /** The limits of the endpoint, the longest window first. */
  readonly limits: ReadonlyArray<Limit>
  /** The `tenant_key` of a store app; empty for a custom app. */
  readonly tenant: string
  /** The meeting id: requests with different keys are admitted round-robin. */
  readonly fairnessKey: string
}

/**
 * What a limiter reads of a response, if there is one.
 *
 * @stability unstable
 * @category models
 */
export interface Answer {
  readonly status?: number | undefined
  readonly code?: number | undefined
  /** `x-ogw-ratelimit-reset`; the shortest window if it is missing, the longest one if it is longer. */
  readonly retryAfter?: Duration.Duration | undefined
  /** `x-ogw-ratelimit-limit`: the number of requests in the shortest window that can still be open at the reset. */
  readonly rateLimit?: string | undefined
}

/**
 * Admits requests within the limits.
 *
 * @stability unstable
 * @category models
 */
export interface RateLimits {
  /** Waits until the request may be sent. */
  readonly admit: (admission: Admission) => Effect.Effect<void>
  /** Takes account of an answer with status 429 or code 99991400. */
  readonly heed: (admission: Admission, answer: Answer) => Effect.Effect<void>
}

/**
 * The rate limiter of requests; `undefined` without a layer of this module.
 *
 * @stability unstable
 * @category services
 */
export const RateLimits = Context.Reference<RateLimits | undefined>("effect-lark-meetings/RateLimits", {
  defaultValue: () => undefined
})
