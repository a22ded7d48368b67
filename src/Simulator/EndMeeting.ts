import type { Call } from "./Call.ts"
import * as Meeting from "./Meeting.ts"
import * as Reply from "./Reply.ts"
import type { Operator } from "./Tokens.ts"
import { same } from "./User.ts"
import type { World } from "./World.ts"

/**
 * `PATCH /vc/v1/meetings/:meeting_id/end`. It has no body, so whatever a client sends as one is not looked at.
 */
export const endMeeting = (world: World, operator: Operator, call: Call): Reply.Reply => {
  const meeting = world.meetings.get(call.meetingId)
  if (meeting === undefined) return Reply.failure(122002)
  if (meeting.status === "ended" && world.behavior.endOfEnded === "meetingNotExist") return Reply.failure(122002)
  if (meeting.status !== "in_progress") return Reply.failure(122001)
  if (operator._tag === "User") {
    if (Meeting.participantOf(meeting, operator.user)?.status !== "in_meeting") return Reply.failure(122003)
    if (meeting.host === undefined || !same(meeting.host, operator.user)) return Reply.failure(121005)
  }
  world.meetings.set(meeting.id, Meeting.ended(meeting, call.now))
  return Reply.success({})
}
