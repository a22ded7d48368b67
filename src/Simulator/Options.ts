import type * as Duration from "effect/Duration"
import type { EndpointRow } from "./EndpointRow.ts"
import type { ConnectionFaultRule, EventFaultRule } from "./EventFault.ts"
import type { FaultRule } from "./Fault.ts"
import type { LongConnectionOptions } from "./LongConnections.ts"
import type { WebhookOptions } from "./Push.ts"
import type { Rival } from "./Rival.ts"
import type { ScheduledChange } from "./ScheduledChange.ts"
import type { WorldOptions } from "./World.ts"

/**
 * The initial state of a simulated Feishu, and what happens to its requests.
 *
 * **Details**
 *
 * A user is an open id (`"ou_alice"`), an open-id user of the client, or a record with all three ids. `ou_alice` alone has
 * the union id `on_alice`, the user id and the name `alice`, and the user type 1.
 *
 * `Name` are the names of `endpoints`, and `R` the services that their handlers use.
 *
 * @category models
 */
export interface Options<Name extends string = never, R = never> extends WorldOptions {
  /** Endpoints beside those of the simulator, made by `endpoint`. */
  readonly endpoints?: ReadonlyArray<EndpointRow<Name, R>> | undefined
  readonly faults?: ReadonlyArray<FaultRule<NoInfer<Name>>> | undefined
  readonly rivals?: ReadonlyArray<Rival> | undefined
  /** Meetings that start and end, and people who join and leave, by the clock. Default: none. */
  readonly schedule?: ReadonlyArray<ScheduledChange> | undefined
  /** Where events and the tickets of store apps are pushed. Default: nowhere. */
  readonly webhook?: WebhookOptions | undefined
  readonly longConnection?: LongConnectionOptions | undefined
  readonly eventFaults?: ReadonlyArray<EventFaultRule> | undefined
  readonly connectionFaults?: ReadonlyArray<ConnectionFaultRule> | undefined
  /** Limits each endpoint as documented, per app and tenant: see `limits` of `EndpointOptions`. Default `false`. */
  readonly rateLimits?: boolean | undefined
  /** The round-trip time of every request. Half of it passes before the request is executed. Default zero. */
  readonly latency?: Duration.Input | undefined
}
