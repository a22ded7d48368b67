import { type Directory, same, type User, type UserInput } from "./User.ts"

/**
 * The state of a meeting; the wire says 1, 2 and 3.
 *
 * @since 0.1.0
 * @category models
 */
export type MeetingStatus = "calling" | "in_progress" | "ended"

/**
 * The state of a participant; the wire says 1, 2, 3 and 4.
 *
 * @since 0.1.0
 * @category models
 */
export type ParticipantStatus = "calling" | "in_meeting" | "ringing" | "left"

/**
 * Somebody who was called to a meeting or joined it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Participant {
  readonly user: User
  readonly status: ParticipantStatus
  readonly isCohost: boolean
  readonly isExternal: boolean
  readonly joinedAt: number
}

/**
 * A snapshot of a meeting; times are in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Meeting {
  readonly id: string
  /** The key of the tenant that it belongs to. */
  readonly tenant: string
  readonly topic: string
  readonly meetingNo: string
  readonly owner: User | undefined
  readonly status: MeetingStatus
  readonly host: User | undefined
  readonly participants: ReadonlyArray<Participant>
  readonly startedAt: number
  readonly endedAt: number | undefined
}

/**
 * A participant who is not simply in the meeting.
 *
 * @since 0.1.0
 * @category models
 */
export interface ParticipantOptions {
  readonly user: UserInput
  readonly status?: ParticipantStatus | undefined
  readonly isCohost?: boolean | undefined
  readonly isExternal?: boolean | undefined
}

/**
 * A meeting to start with.
 *
 * **Details**
 *
 * The host is a participant without being listed; without one nobody is host. A meeting is in progress unless told
 * otherwise, and reserved by the app unless it has an owner.
 *
 * @since 0.1.0
 * @category models
 */
export interface MeetingOptions {
  readonly id: string
  readonly host?: UserInput | undefined
  readonly participants?: ReadonlyArray<UserInput | ParticipantOptions> | undefined
  readonly topic?: string | undefined
  readonly meetingNo?: string | undefined
  readonly status?: MeetingStatus | undefined
  readonly owner?: UserInput | undefined
  /** The key of the tenant that it belongs to. Default: the first of the app. */
  readonly tenant?: string | undefined
}

export const make = (options: MeetingOptions, directory: Directory, home: string, now: number): Meeting => {
  const participants = (options.participants ?? []).map((input): Participant => {
    const given: ParticipantOptions = typeof input === "object" && "user" in input ? input : { user: input }
    return {
      user: directory.resolve(given.user),
      status: given.status ?? "in_meeting",
      isCohost: given.isCohost ?? false,
      isExternal: given.isExternal ?? false,
      joinedAt: now
    }
  })
  const status = options.status ?? "in_progress"
  const meeting: Meeting = {
    id: options.id,
    tenant: options.tenant ?? home,
    topic: options.topic ?? "Simulated meeting",
    meetingNo: options.meetingNo ?? "123456789",
    owner: options.owner === undefined ? undefined : directory.resolve(options.owner),
    status,
    host: undefined,
    participants,
    startedAt: now,
    endedAt: status === "ended" ? now : undefined
  }
  return options.host === undefined ? meeting : withHost(meeting, directory.resolve(options.host), now)
}

export const participantOf = (meeting: Meeting, user: User): Participant | undefined =>
  meeting.participants.find((participant) => same(participant.user, user))

/**
 * A host is in the meeting by definition, so he joins it (or comes back) when he was not.
 */
export const withHost = (meeting: Meeting, host: User, now: number): Meeting => {
  const present = participantOf(meeting, host)
  if (present?.status === "in_meeting") return { ...meeting, host }
  const joined: Participant = present === undefined
    ? { user: host, status: "in_meeting", isCohost: false, isExternal: false, joinedAt: now }
    : { ...present, status: "in_meeting" }
  return {
    ...meeting,
    host,
    participants: [joined, ...meeting.participants.filter((participant) => participant !== present)]
  }
}

export const ended = (meeting: Meeting, now: number): Meeting => ({
  ...meeting,
  status: "ended",
  endedAt: now,
  participants: meeting.participants.map((participant) => ({ ...participant, status: "left" }))
})
