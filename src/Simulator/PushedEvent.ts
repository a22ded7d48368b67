import type { JsonObject } from "./ArrivedRequest.ts"

/**
 * An event to push.
 *
 * @stability unstable
 * @category models
 */
export interface PushedEvent {
  /** Such as `vc.meeting.join_meeting_v1`. */
  readonly type: string
  /** The `event` field of the envelope. */
  readonly event: JsonObject
  /** The version of the envelope. Default `"2.0"`. */
  readonly schema?: "1.0" | "2.0" | undefined
  /** Default: a new id. Push an event twice with the same id for a duplicate. */
  readonly id?: string | undefined
  /** The key of the tenant in which it happened. Default: the first tenant of the app. */
  readonly tenant?: string | undefined
}
