import type { Meeting } from "./Meeting.ts"
import type { PushedEvent } from "./PushedEvent.ts"
import { idOf, type User } from "./User.ts"

const seconds = (millis: number | undefined): string => millis === undefined ? "" : String(Math.floor(millis / 1000))

// In the documented examples even the host has the role 1, so the role says nothing.
const view = (user: User) => ({
  id: { union_id: user.unionId, user_id: idOf(user, "user_id"), open_id: user.openId },
  user_role: 1,
  user_type: user.userType
})

const users = (named: Readonly<Record<string, User | undefined>>) =>
  Object.fromEntries(Object.entries(named).flatMap(([name, user]) => user === undefined ? [] : [[name, view(user)]]))

/** Documented: pushed only if the meeting was reserved by the API. */
export const ifReserved = (meeting: Meeting, event: PushedEvent): ReadonlyArray<PushedEvent> =>
  meeting.apiReserved ? [event] : []

/**
 * The events of a change of a meeting. Most are pushed only if the API reserved it; the start and the end of every meeting
 * have one more. Source: vc-v1, events of `meeting`.
 */
export const meetingEvents = (
  name:
    | "join_meeting"
    | "leave_meeting"
    | "meeting_ended"
    | "meeting_started"
    | "recording_ended"
    | "recording_started",
  meeting: Meeting,
  operator: User | undefined,
  rest: { readonly leave_reason?: number; readonly leave_user?: User } = {}
): ReadonlyArray<PushedEvent> => {
  const { leave_user, ...others } = rest
  const event = (name: string): PushedEvent => ({
    type: `vc.meeting.${name}_v1`,
    tenant: meeting.tenant,
    event: {
      meeting: {
        id: meeting.id,
        topic: meeting.topic,
        meeting_no: meeting.meetingNo,
        meeting_source: meeting.apiReserved ? 4 : 2,
        start_time: seconds(meeting.startedAt),
        end_time: seconds(meeting.endedAt),
        ...users({ host_user: meeting.host, owner: meeting.owner })
      },
      ...users({ operator, leave_user }),
      ...others
    }
  })
  const ofAll = name === "meeting_started" || name === "meeting_ended" ? [event(`all_${name}`)] : []
  return [...ifReserved(meeting, event(name)), ...ofAll]
}
