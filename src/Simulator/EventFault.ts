import * as Schema from "effect/Schema"
import { between, Millis, Nth, tagged } from "./bounded.ts"

const eventFault = tagged({
  identifier: "EventFault",
  description: "What happens to one attempt to push an event."
}, {
  Late: { millis: Millis },
  Twice: {},
  Lost: {},
  Split: { parts: between(1, 50), order: Schema.Literals(["forward", "backward"]) },
  Disconnect: { when: Schema.Literals(["before", "after"]) }
})

/**
 * What happens to one attempt to push an event.
 *
 * @stability unstable
 * @category models
 */
export type EventFault = Schema.Schema.Type<typeof eventFault>

/**
 * What happens to one attempt to push an event.
 *
 * **Details**
 *
 * - `Late`: it is sent this many milliseconds later, so that later events come before it.
 * - `Twice`: it is sent twice.
 * - `Lost`: it never arrives.
 * - `Split`: it comes in this many frames, in order or the last one first. By a long connection only.
 * - `Disconnect`: the connection is lost before or after it is sent. By a long connection only.
 *
 * @stability unstable
 * @category schemas
 */
export const EventFault: Schema.Codec<EventFault, unknown> = eventFault

const eventFaultRule = Schema.Struct({ nth: Nth, fault: EventFault }).annotate({
  identifier: "EventFaultRule",
  description: "A fault and the attempt to push an event that it hits. Redeliveries count."
})

/**
 * A fault and the attempt to push an event that it hits.
 *
 * @stability unstable
 * @category models
 */
export interface EventFaultRule extends Schema.Schema.Type<typeof eventFaultRule> {}

/**
 * A fault and the attempt to push an event that it hits, counted from 0 since the rule was added. Redeliveries count.
 *
 * @stability unstable
 * @category schemas
 */
export const EventFaultRule: Schema.Codec<EventFaultRule, unknown> = eventFaultRule

const connectionFault = tagged({
  identifier: "ConnectionFault",
  description: "What happens to one attempt to open a long connection."
}, {
  Code: { code: Schema.Int, msg: Schema.optionalKey(Schema.String) },
  Handshake: { status: between(400, 599), code: Schema.optionalKey(Schema.Int) },
  Stall: { pings: Nth },
  Close: { millis: between(0, 86_400_000), code: Schema.Literals([1000, 1001, 1006, 1011, 1012]) }
})

/**
 * What happens to one attempt to open a long connection.
 *
 * @stability unstable
 * @category models
 */
export type ConnectionFault = Schema.Schema.Type<typeof connectionFault>

/**
 * What happens to one attempt to open a long connection.
 *
 * **Details**
 *
 * - `Code`: the request for an address gets this code: 1 or 1000040343 (busy), 403 (forbidden), 514 or 1000040345 (app id or
 *   secret), 1000040344 (no secret), 1000040350 (too many connections), 1000040351 (the other brand's app).
 * - `Handshake`: the WebSocket is refused with this HTTP status, and with `code` in the header `Handshake-Autherrcode`.
 * - `Stall`: after this many pings the connection is dead: nothing is sent nor read any more, and it stays open.
 * - `Close`: it is closed this many milliseconds after it was opened, with this code; with 1006 it is broken off.
 *
 * @stability unstable
 * @category schemas
 */
export const ConnectionFault: Schema.Codec<ConnectionFault, unknown> = connectionFault

const connectionFaultRule = Schema.Struct({ nth: Nth, fault: ConnectionFault }).annotate({
  identifier: "ConnectionFaultRule",
  description: "A fault and the attempt to open a long connection that it hits."
})

/**
 * A fault and the attempt to open a long connection that it hits.
 *
 * @stability unstable
 * @category models
 */
export interface ConnectionFaultRule extends Schema.Schema.Type<typeof connectionFaultRule> {}

/**
 * A fault and the attempt to open a long connection that it hits, counted from 0 since the rule was added.
 *
 * @stability unstable
 * @category schemas
 */
export const ConnectionFaultRule: Schema.Codec<ConnectionFaultRule, unknown> = connectionFaultRule
