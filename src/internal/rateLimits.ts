/**
 * The service, apart from the module that builds it, so that programs without rate limiting do not load that.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { MalformedResponse, TransportError } from "../LarkError.ts"
import type { Envelope } from "./envelope.ts"

/**
 * A number of requests in a window of time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limit {
  readonly requests: number
  readonly window: Duration.Duration
}

/**
 * The limits of the meeting endpoints: 50 requests per second and 1000 per minute.
 *
 * **Details**
 *
 * Source: Feishu Open Platform, "Frequency control", tier 4.
 *
 * @since 0.1.0
 * @category constants
 */
export const tier4: ReadonlyArray<Limit> = [
  { requests: 1000, window: Duration.minutes(1) },
  { requests: 50, window: Duration.seconds(1) }
]

/**
 * A request that waits for admission.
 *
 * @since 0.1.0
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
 * What a response to a throttled request says.
 *
 * @since 0.1.0
 * @category models
 */
export interface Throttled {
  /** `x-ogw-ratelimit-reset`; the shortest window if it is missing, the longest one if it is longer. */
  readonly retryAfter: Duration.Duration | undefined
  /** `x-ogw-ratelimit-limit`: the number of requests in the shortest window that can still be open at the reset. */
  readonly ceiling: number | undefined
}

/** Any response, or none. */
type Response = Envelope | MalformedResponse | TransportError

/**
 * Admits requests within the limits.
 *
 * **Details**
 *
 * - `admit`: waits until the request may be sent.
 * - `throttleIn`: what a response says if it has status 429 or code 99991400.
 * - `throttled`: takes account of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface RateLimits {
  readonly admit: (admission: Admission) => Effect.Effect<void>
  readonly throttleIn: (response: Response) => Throttled | undefined
  readonly throttled: (admission: Admission, response: Throttled) => Effect.Effect<void>
}

/**
 * The rate limiter of requests; `undefined` without a layer of this module.
 *
 * @since 0.1.0
 * @category services
 */
export const RateLimits: Context.Reference<RateLimits | undefined> = Context.Reference<RateLimits | undefined>(
  "effect-lark-meetings/RateLimits",
  { defaultValue: () => undefined }
)
