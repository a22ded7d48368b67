import type { ArrivedRequest } from "../ArrivedRequest.ts"
import * as Meeting from "../Meeting.ts"
import * as Reply from "../Reply.ts"
import { same } from "../User.ts"
import type { World } from "../World.ts"

/** The meeting in progress whose host is the operator, or the refusal. */
export const hostedMeeting = (
  { operator, params }: ArrivedRequest<"user", "meeting_id">,
  world: World
): Meeting.Meeting | Reply.Reply => {
  const meeting = world.meetings.get(params.meeting_id)
  if (meeting === undefined) return Reply.failure(122002)
  if (meeting.status !== "in_progress") return Reply.failure(122001)
  if (Meeting.participantOf(meeting, operator.user)?.status !== "in_meeting") return Reply.failure(122003)
  return same(meeting.host, operator.user) ? meeting : Reply.failure(121005)
}
