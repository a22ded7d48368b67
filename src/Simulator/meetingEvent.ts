import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { isRecorded, type Meeting, type Recording } from "./Meeting.ts"
import type { PushedEvent } from "./PushedEvent.ts"
import type * as Subscriptions from "./Subscriptions.ts"
import { idOf, same, type User } from "./User.ts"
import type { World } from "./World.ts"

const seconds = (millis: number | undefined): string => millis === undefined ? "" : String(Math.floor(millis / 1000))

const idsOf = (user: User) => ({ union_id: user.unionId, user_id: idOf(user, "user_id"), open_id: user.openId })

// In the documented examples even the host has the role 1, so the role says nothing.
const view = (user: User) => ({ id: idsOf(user), user_role: 1, user_type: user.userType })

const users = (named: Readonly<Record<string, User | undefined>>) =>
  Object.fromEntries(Object.entries(named).flatMap(([name, user]) => user === undefined ? [] : [[name, view(user)]]))

const source = ({ apiReserved, calendarEventId }: Meeting): number =>
  calendarEventId === undefined ? apiReserved ? 4 : 2 : 1

/** It lacks the kinds of meeting that the simulator does not have: `meeting_sub_type`, `webinar_setting`. */
const meetingView = (meeting: Meeting) => ({
  id: meeting.id,
  topic: meeting.topic,
  meeting_no: meeting.meetingNo,
  meeting_source: source(meeting),
  start_time: seconds(meeting.startedAt),
  end_time: seconds(meeting.endedAt),
  ...users({ host_user: meeting.host, owner: meeting.owner }),
  security_setting: {
    security_level: meeting.locked ? 4 : 1,
    group_ids: [],
    user_ids: [],
    room_ids: [],
    has_set_security_contacts_and_group: false
  }
})

interface Change {
  readonly meeting: Meeting
  readonly operator: User | undefined
}

const pushed = ({ meeting, operator }: Change, name: string, rest: PushedEvent["event"] = {}): PushedEvent => ({
  type: `vc.meeting.${name}_v1`,
  tenant: meeting.tenant,
  event: { meeting: meetingView(meeting), ...users({ operator }), ...rest }
})

/** Documented: pushed only if the meeting was reserved by the API. */
const ifReserved = (meeting: Meeting, event: PushedEvent): ReadonlyArray<PushedEvent> =>
  meeting.apiReserved ? [event] : []

const reservedEvent = (change: Change, name: string, rest?: PushedEvent["event"]): ReadonlyArray<PushedEvent> =>
  ifReserved(change.meeting, pushed(change, name, rest))

/** To those of these users who subscribed to it. */
const subscribedEvent = (
  { subscriptions }: Pick<World, "subscriptions">,
  change: Change,
  name: Subscriptions.Name,
  concerned: ReadonlyArray<User>
): ReadonlyArray<PushedEvent> => {
  const subscribers = concerned.filter((user) => subscriptions.has(name, user))
  return subscribers.length === 0
    ? []
    : [inCalendar(change, pushed(change, name, { subscriber_ids: subscribers.map(idsOf) }))]
}

/** Documented in the events of starts, ends and subscribers. */
const inCalendar = ({ meeting }: Change, { event, ...rest }: PushedEvent): PushedEvent => ({
  ...rest,
  event: meeting.calendarEventId === undefined
    ? event
    : { ...event, meeting: { ...meetingView(meeting), calendar_event_id: meeting.calendarEventId } }
})

/** Of every meeting, the second one of it. */
const boundaryEvents = (change: Change, name: "meeting_started" | "meeting_ended"): ReadonlyArray<PushedEvent> =>
  [...reservedEvent(change, name), pushed(change, `all_${name}`)].map((event) => inCalendar(change, event))

const everybodyIn = ({ participants }: Meeting): ReadonlyArray<User> => participants.map(({ user }) => user)

const presentIn = ({ participants }: Meeting): ReadonlyArray<User> =>
  participants.filter(({ status }) => status === "in_meeting").map(({ user }) => user)

/** Source of this and of the following: vc-v1, events of `meeting`. */
export const startEvents = (world: Pick<World, "subscriptions">, meeting: Meeting): ReadonlyArray<PushedEvent> => {
  const change: Change = { meeting, operator: meeting.host ?? meeting.owner }
  return [
    ...boundaryEvents(change, "meeting_started"),
    ...subscribedEvent(world, change, "participant_meeting_started", everybodyIn(meeting)),
    ...(isRecorded(meeting) ? reservedEvent(change, "recording_started") : [])
  ]
}

export const joinEvents = (
  world: Pick<World, "subscriptions">,
  meeting: Meeting,
  operator: User
): ReadonlyArray<PushedEvent> => {
  const change: Change = { meeting, operator }
  return [
    ...reservedEvent(change, "join_meeting"),
    ...subscribedEvent(world, change, "participant_meeting_joined", [operator])
  ]
}

const leaveReasons = { left: 1, meetingEnded: 2, kickedOut: 3 } as const

/** Who the operator is when somebody was removed is not documented. */
const leaveEvent = (
  meeting: Meeting,
  user: User,
  reason: keyof typeof leaveReasons
): ReadonlyArray<PushedEvent> =>
  reservedEvent({ meeting, operator: user }, "leave_meeting", {
    leave_reason: leaveReasons[reason],
    ...users({ leave_user: user })
  })

/** The sharing of a participant's screen ends when that participant leaves. */
export const leaveEvents = (
  before: Meeting,
  after: Meeting,
  user: User,
  reason: keyof typeof leaveReasons
): ReadonlyArray<PushedEvent> => [
  ...(same(before.sharedBy, user) ? shareEvents(after, user, false) : []),
  ...leaveEvent(after, user, reason)
]

export const shareEvents = (meeting: Meeting, operator: User, running: boolean): ReadonlyArray<PushedEvent> =>
  reservedEvent({ meeting, operator }, running ? "share_started" : "share_ended")

export const recordEvents = (
  meeting: Meeting,
  operator: User | undefined,
  running: boolean
): ReadonlyArray<PushedEvent> => reservedEvent({ meeting, operator }, running ? "recording_started" : "recording_ended")

/** A recording and a shared screen end with the meeting. */
export const endEvents = (
  world: Pick<World, "behavior" | "subscriptions">,
  before: Meeting,
  after: Meeting,
  operator: User | undefined
): ReadonlyArray<PushedEvent> => {
  const change: Change = { meeting: after, operator }
  return [
    ...boundaryEvents(change, "meeting_ended"),
    ...subscribedEvent(world, change, "participant_meeting_ended", everybodyIn(after)),
    ...(before.sharedBy === undefined ? [] : shareEvents(after, before.sharedBy, false)),
    ...(world.behavior.leaveAtEnd ? presentIn(before).flatMap((user) => leaveEvent(after, user, "meetingEnded")) : []),
    ...(isRecorded(before) ? recordEvents(after, operator, false) : [])
  ]
}

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
    meeting: {
      id: meeting.id,
      topic: meeting.topic,
      meeting_no: meeting.meetingNo,
      meeting_source: source(meeting)
    },
    ...fileOf(meeting, recording)
  }
})

/** Pushes, after the end of a meeting that was recorded, that the file is ready. */
export const pushWhenReady = ({ behavior, push }: Pick<World, "behavior" | "push">, meeting: Meeting) =>
  meeting.recording === undefined
    ? Effect.void
    : push(
      ifReserved(meeting, readyEvent(meeting, meeting.recording)),
      Duration.seconds(behavior.recordingReadyAfter)
    )
