import * as Schema from "effect/Schema"
import { optional } from "./field.ts"

const pushedEvent = Schema.Struct({
  type: Schema.NonEmptyString.annotateKey({ description: "Such as \"vc.meeting.join_meeting_v1\"." }),
  event: Schema.Record(Schema.String, Schema.Unknown).annotateKey({ description: "The event field of the envelope." }),
  schema: optional(Schema.Literals(["1.0", "2.0"]), "The version of the envelope. Default \"2.0\"."),
  id: optional(
    Schema.NonEmptyString,
    "Default: a new id. Push an event twice with the same id for a duplicate."
  ),
  tenant: optional(
    Schema.NonEmptyString,
    "The key of the tenant in which it happened. Default: the first tenant of the app."
  )
}).annotate({ identifier: "PushedEvent", description: "An event to push." })

/**
 * An event to push.
 *
 * **Details**
 *
 * `event` is the field of the envelope with this name. Without an `id` it has a new one: push an event twice with the same id
 * for a duplicate.
 *
 * @stability unstable
 * @category models
 */
export interface PushedEvent extends Schema.Schema.Type<typeof pushedEvent> {}

export const PushedEvent: Schema.Codec<PushedEvent, unknown> = pushedEvent
