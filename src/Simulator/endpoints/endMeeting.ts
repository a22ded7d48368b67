import * as Effect from "effect/Effect"
import type { ArrivedRequest } from "../ArrivedRequest.ts"
import * as Meeting from "../Meeting.ts"
import { meetingEvents } from "../meetingEvent.ts"
import { recordingEvents } from "../recordingEvents.ts"
import * as Reply from "../Reply.ts"
import { same } from "../User.ts"
import type { World } from "../World.ts"

/** `PATCH /vc/v1/meetings/:meeting_id/end`. It takes no body, so a body is ignored. Pushes the event of it. */
export const endMeeting = (
  { now, operator, params }: ArrivedRequest<"user", "meeting_id">,
  world: World
): Reply.Reply | Effect.Effect<Reply.Reply> => {
  const meeting = world.meetings.get(params.meeting_id)
  if (meeting === undefined) return Reply.failure(122002)
  if (meeting.status === "ended" && world.behavior.endOfEnded === "meetingNotExist") return Reply.failure(122002)
  if (meeting.status !== "in_progress") return Reply.failure(122001)
  if (Meeting.participantOf(meeting, operator.user)?.status !== "in_meeting") return Reply.failure(122003)
  if (meeting.host === undefined || !same(meeting.host, operator.user)) return Reply.failure(121005)
  const ended = Meeting.ended(meeting, now)
  world.meetings.set(meeting.id, ended)
  return world.push(meetingEvents("meeting_ended", ended, operator.user)).pipe(
    Effect.andThen(recordingEvents(world, meeting, ended, operator.user)),
    Effect.as(Reply.success({}))
  )
}
