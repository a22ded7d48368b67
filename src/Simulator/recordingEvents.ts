import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Meeting, Recording } from "./Meeting.ts"
import { ifReserved, meetingEvents } from "./meetingEvent.ts"
import type { PushedEvent } from "./PushedEvent.ts"
import type { User } from "./User.ts"
import type { World } from "./World.ts"

/** What an answer and an event tell of a recording that has stopped. */
export const fileOf = ({ id }: Meeting, { startedAt, stoppedAt = startedAt }: Recording) => ({
  url: `https://meetings.feishu.cn/minutes/obcn${id}`,
  duration: String(stoppedAt - startedAt)
})

/** It names neither the host nor times. */
const readyEvent = (meeting: Meeting, recording: Recording): PushedEvent => ({
  type: "vc.meeting.recording_ready_v1",
  tenant: meeting.tenant,
  event: {
    meeting: { id: meeting.id, topic: meeting.topic, meeting_no: meeting.meetingNo, meeting_source: 4 },
    ...fileOf(meeting, recording)
  }
})

/** Pushes what follows from the end of a meeting that was recorded: the end of the recording, and later the file. */
export const recordingEvents = (
  world: Pick<World, "behavior" | "push">,
  before: Meeting,
  after: Meeting,
  operator: User | undefined
): Effect.Effect<void> => {
  const { recording } = after
  if (recording === undefined) return Effect.void
  const ready = world.push(
    ifReserved(after, readyEvent(after, recording)),
    Duration.seconds(world.behavior.recordingReadyAfter)
  )
  return before.recording?.stoppedAt === undefined
    ? Effect.andThen(world.push(meetingEvents("recording_ended", after, operator)), ready)
    : ready
}
