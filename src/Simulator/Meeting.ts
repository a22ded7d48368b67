import { type Directory, same, type User, type UserInput } from "./User.ts"

/**
 * The status of a meeting: 1, 2 and 3 on the wire.
 *
 * @category models
 */
export type MeetingStatus = "calling" | "in_progress" | "ended"

/**
 * The status of a participant: 1, 2, 3 and 4 on the wire.
 *
 * @category models
 */
export type ParticipantStatus = "calling" | "in_meeting" | "ringing" | "left"

/**
 * A participant of a meeting.
 *
 * @category models
 */
export interface Participant {
  readonly user: User
  readonly status: ParticipantStatus
  readonly isCohost: boolean
  readonly isExternal: boolean
  /** In milliseconds since 1970. */
  readonly joinedAt: number
}

/**
 * A snapshot of a meeting. Times are in milliseconds since 1970.
 *
 * @category models
 */
export interface Meeting {
  readonly id: string
  /** The key of its tenant. */
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
 * A participant with a status or a role. The default status is `"in_meeting"`.
 *
 * @category models
 */
export interface ParticipantOptions {
  readonly user: UserInput
  readonly status?: ParticipantStatus | undefined
  readonly isCohost?: boolean | undefined
  readonly isExternal?: boolean | undefined
}

/**
 * An initial meeting.
 *
 * **Details**
 *
 * The host is a participant without being listed. By default a meeting has no host, is in progress, and was reserved by the
 * app, not by an owner.
 *
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
  /** The key of its tenant. Default: the first tenant of the app. */
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

/** Makes a user the host, who joins the meeting if necessary. */
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

/** A user joins, for the first time or again. */
export const withParticipant = (meeting: Meeting, user: User, now: number): Meeting => {
  const known = participantOf(meeting, user)
  const joined: Participant = known === undefined
    ? { user, status: "in_meeting", isCohost: false, isExternal: false, joinedAt: now }
    : { ...known, status: "in_meeting" }
  return {
    ...meeting,
    participants: known === undefined
      ? [...meeting.participants, joined]
      : meeting.participants.map((one) => one === known ? joined : one)
  }
}

/** A user leaves. The host role stays with a host who leaves: how the platform passes it on is not documented. */
export const withoutParticipant = (meeting: Meeting, user: User): Meeting => ({
  ...meeting,
  participants: meeting.participants.map((one) => same(one.user, user) ? { ...one, status: "left" } : one)
})

export const ended = (meeting: Meeting, now: number): Meeting => ({
  ...meeting,
  status: "ended",
  endedAt: now,
  participants: meeting.participants.map((participant) => ({ ...participant, status: "left" }))
})
