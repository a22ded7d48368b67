import type * as Duration from "effect/Duration"
import type { AppOptions } from "./App.ts"
import type { BehaviorOptions } from "./Behavior.ts"
import type { FaultRule } from "./Fault.ts"
import type { MeetingOptions } from "./Meeting.ts"
import type { WebhookOptions } from "./Push.ts"
import type { Rival } from "./Rival.ts"
import type { UserInput } from "./User.ts"

/**
 * What the simulated Feishu starts with.
 *
 * **Details**
 *
 * Users are open ids (`"ou_alice"`), the client's own open-id users, or records that spell out all three ids. From
 * `ou_alice` alone follow the union id `on_alice`, the user id and the name `alice`, and user type 1.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends BehaviorOptions {
  /** Default `defaultApp`. */
  readonly app?: AppOptions | undefined
  /** Further apps, each with tokens of its own. */
  readonly otherApps?: ReadonlyArray<AppOptions> | undefined
  readonly meetings?: ReadonlyArray<MeetingOptions> | undefined
  /** Who is logged in in every browser, and agrees to every login. Default: nobody. */
  readonly login?: { readonly user: UserInput } | undefined
  /** Where the tickets of store apps go. Default: nowhere. */
  readonly webhook?: WebhookOptions | undefined
  readonly faults?: ReadonlyArray<FaultRule> | undefined
  readonly rivals?: ReadonlyArray<Rival> | undefined
  /** Whether the meeting endpoints take 50 requests a second and 1000 a minute, of an app in a tenant. Default `false`. */
  readonly rateLimits?: boolean | undefined
  /** How long every request takes, half of it each way. Default zero. */
  readonly latency?: Duration.Input | undefined
}
