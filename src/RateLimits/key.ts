/**
 * The key of the limits in force, and `tier4`, apart from their module: every call asks, few programs load a limiter.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as module from "../RateLimits.ts"

export type RateLimits = module.RateLimits

export const RateLimits: Context.Reference<RateLimits | undefined> = Context.Reference<RateLimits | undefined>(
  "effect-lark-meetings/RateLimits",
  { defaultValue: () => undefined }
)

export const tier4: ReadonlyArray<module.Limit> = [
  { requests: 1000, window: Duration.minutes(1) },
  { requests: 50, window: Duration.seconds(1) }
]
