import * as Effect from "effect/Effect"
import type { ArrivedRequest } from "../ArrivedRequest.ts"
import * as Meeting from "../Meeting.ts"
import { endEvents, pushWhenReady } from "../meetingEvent.ts"
import * as Reply from "../Reply.ts"
import type { World } from "../World.ts"
import { hostedMeeting } from "./hostedMeeting.ts"

/** `PATCH /vc/v1/meetings/:meeting_id/end`. It takes no body, so a body is ignored. Pushes the events of it. */
export const endMeeting = (
  request: ArrivedRequest<"user", "meeting_id">,
  world: World
): Reply.Reply | Effect.Effect<Reply.Reply> => {
  const { now, operator, params } = request
  if (world.meetings.get(params.meeting_id)?.status === "ended" && world.behavior.endOfEnded === "meetingNotExist") {
    return Reply.failure(122002)
  }
  const meeting = hostedMeeting(request, world)
  if (Reply.is(meeting)) return meeting
  const ended = Meeting.ended(meeting, now)
  world.meetings.set(meeting.id, ended)
  return world.push(endEvents(world, meeting, ended, operator.user)).pipe(
    Effect.andThen(pushWhenReady(world, ended)),
    Effect.as(Reply.success({}))
  )
}
