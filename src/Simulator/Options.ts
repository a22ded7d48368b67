import * as Schema from "effect/Schema"
import { between } from "./bounded.ts"
import type { EndpointRow } from "./EndpointRow.ts"
import { ConnectionFaultRule, EventFaultRule } from "./EventFault.ts"
import { FaultRule } from "./Fault.ts"
import { durationInput, optional } from "./field.ts"
import { LongConnectionOptions } from "./LongConnections.ts"
import { WebhookConfig, type WebhookOptions } from "./Push.ts"
import { Rival } from "./Rival.ts"
import { ScheduledChange } from "./ScheduledChange.ts"
import { WorldOptions } from "./World.ts"

/** The options that are data. */
export const OptionsData = Schema.Struct({
  ...WorldOptions.fields,
  faults: optional(Schema.Array(FaultRule), "Failures of requests. Default: none."),
  rivals: optional(Schema.Array(Rival), "People who move the host while the client is at work. Default: none."),
  schedule: optional(
    Schema.Array(ScheduledChange),
    "Meetings that start and end, and people who join and leave, by the clock. Default: none."
  ),
  webhook: optional(WebhookConfig, "Where events and the tickets of store apps are pushed. Default: nowhere."),
  longConnection: optional(LongConnectionOptions, "How long connections behave."),
  eventFaults: optional(Schema.Array(EventFaultRule), "Failures of attempts to push an event. Default: none."),
  connectionFaults: optional(
    Schema.Array(ConnectionFaultRule),
    "Failures of attempts to open a long connection. Default: none."
  ),
  logLength: optional(
    between(1, 10_000_000),
    "How many records each log keeps: requests, writes, events and closed connections. The oldest are forgotten, and so are " +
      "as many tokens and codes that are used, revoked or expired. Default: 10000 on a port, all in process."
  ),
  rateLimits: optional(
    Schema.Boolean,
    "Whether each endpoint is limited as documented, per app and tenant. Default false."
  ),
  latency: optional(
    durationInput(
      "The round-trip time of every request. Half of it passes before the request is executed. Default zero."
    )
  )
})

/**
 * The initial state of a simulated Feishu, and what happens to its requests.
 *
 * **Details**
 *
 * A user is an open id (`"ou_alice"`), an open-id user of the client, or a record with all three ids. `ou_alice` alone has
 * the union id `on_alice`, the user id and the name `alice`, and the user type 1.
 *
 * `Config` is the part of it that a file can have, with a description of each field. `Name` are the names of `endpoints`, and
 * `R` the services that their handlers use.
 *
 * @stability stable
 * @category models
 */
export interface Options<Name extends string = never, R = never>
  extends Omit<Schema.Struct.Type<typeof OptionsData.fields>, "faults" | "webhook">
{
  /** Endpoints beside those of the simulator, made by `endpoint`. */
  readonly endpoints?: ReadonlyArray<EndpointRow<Name, R>> | undefined
  readonly faults?: ReadonlyArray<FaultRule<NoInfer<Name>>> | undefined
  /** Where events and the tickets of store apps are pushed. Default: nowhere. */
  readonly webhook?: WebhookOptions | undefined
}
