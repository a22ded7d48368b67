import * as Schema from "effect/Schema"
import { optional, Time } from "./field.ts"
import { repeats } from "./names.ts"
import { type Directory, keyOf, same, User, UserInput } from "./User.ts"

const MeetingStatus = Schema.Literals(["calling", "in_progress", "ended"])

const ParticipantStatus = Schema.Literals(["calling", "in_meeting", "ringing", "left"])

/**
 * The status of a meeting: 1, 2 and 3 on the wire.
 *
 * @stability stable
 * @category models
 */
export type MeetingStatus = typeof MeetingStatus.Type

/**
 * The status of a participant: 1, 2, 3 and 4 on the wire.
 *
 * @stability stable
 * @category models
 */
export type ParticipantStatus = typeof ParticipantStatus.Type

const participant = Schema.Struct({
  user: User,
  status: ParticipantStatus,
  isCohost: Schema.Boolean,
  isExternal: Schema.Boolean,
  joinedAt: Schema.Finite.annotateKey({ description: "In milliseconds since 1970." }),
  leftAt: Schema.UndefinedOr(Schema.Finite).annotateKey({
    description: "In milliseconds since 1970; only if the status is \"left\"."
  })
}).annotate({ identifier: "Participant", description: "A participant of a meeting." })

/**
 * A participant of a meeting. Times are in milliseconds since 1970; `leftAt` is `undefined` unless the status is `"left"`.
 *
 * @stability stable
 * @category models
 */
export interface Participant extends Schema.Schema.Type<typeof participant> {}

export const Participant: Schema.Codec<Participant, unknown> = participant

const recording = Schema.Struct({
  startedAt: Schema.Finite.annotateKey({ description: "In milliseconds since 1970." }),
  stoppedAt: Schema.UndefinedOr(Schema.Finite).annotateKey({
    description: "In milliseconds since 1970; not while the meeting is being recorded."
  }),
  viewers: Schema.Array(Schema.String).annotateKey({
    description: "Who may watch it, as set_permission was told: \"user ou_bob\", \"tenant\"."
  })
}).annotate({ identifier: "Recording", description: "The recording of a meeting." })

/**
 * The recording of a meeting. Times are in milliseconds since 1970; `stoppedAt` is `undefined` while it is being recorded.
 *
 * @stability stable
 * @category models
 */
export interface Recording extends Schema.Schema.Type<typeof recording> {}

export const Recording: Schema.Codec<Recording, unknown> = recording

const meeting = Schema.Struct({
  id: Schema.String,
  tenant: Schema.String.annotateKey({ description: "The key of its tenant." }),
  topic: Schema.String,
  meetingNo: Schema.String,
  owner: Schema.UndefinedOr(User),
  status: MeetingStatus,
  host: Schema.UndefinedOr(User),
  participants: Schema.Array(Participant),
  startedAt: Schema.Finite.annotateKey({ description: "In milliseconds since 1970." }),
  endedAt: Schema.UndefinedOr(Schema.Finite).annotateKey({ description: "In milliseconds since 1970." }),
  apiReserved: Schema.Boolean.annotateKey({ description: "Whether it was reserved by the API." }),
  reserveId: Schema.UndefinedOr(Schema.String).annotateKey({ description: "The reservation that it belongs to." }),
  calendarEventId: Schema.UndefinedOr(Schema.String).annotateKey({
    description: "The event of the calendar that it belongs to."
  }),
  recording: Schema.UndefinedOr(Recording),
  sharedBy: Schema.UndefinedOr(User).annotateKey({ description: "Who shares a screen." }),
  locked: Schema.Boolean.annotateKey({
    description: "Whether nobody can be invited, and nobody but the host can join."
  }),
  capacity: Schema.Finite.annotateKey({ description: "How many people it has room for." })
}).annotate({ identifier: "Meeting", description: "A snapshot of a meeting." })

/**
 * A snapshot of a meeting. Times are in milliseconds since 1970.
 *
 * @stability stable
 * @category models
 */
export interface Meeting extends Schema.Schema.Type<typeof meeting> {}

export const Meeting: Schema.Codec<Meeting, unknown> = meeting

const participantOptions = Schema.Struct({
  user: UserInput,
  status: optional(
    ParticipantStatus,
    "Whether the user is in the meeting. Default: \"left\" if there is a leftAt, else \"in_meeting\". Everybody has left a " +
      "meeting that has ended."
  ),
  joinedAt: optional(Time, "When the user joined, in milliseconds since 1970. Default: when the meeting started."),
  leftAt: optional(
    Time,
    "When the user left, in milliseconds since 1970. Default, for who has left: when the meeting ended, or now."
  ),
  isCohost: optional(Schema.Boolean, "Whether the user is a cohost. Default false."),
  isExternal: optional(Schema.Boolean, "Whether the user is of another organization. Default false.")
}).annotate({ identifier: "ParticipantOptions", description: "A participant with a status, a role or times." })

/**
 * A participant with a status, a role or times.
 *
 * @stability stable
 * @category models
 */
export interface ParticipantOptions extends Schema.Schema.Type<typeof participantOptions> {}

export const ParticipantOptions: Schema.Codec<ParticipantOptions, unknown> = participantOptions

const given = (input: UserInput | ParticipantOptions): ParticipantOptions =>
  typeof input === "object" && "user" in input ? input : { user: input }

/** The issues of participants that are listed twice. */
const repeated = (participants: ReadonlyArray<UserInput | ParticipantOptions>): ReadonlyArray<Schema.FilterIssue> =>
  repeats(participants.map((input) => keyOf(given(input).user)))
    .map(([index, first]) => ({ path: [index], issue: `Listed already, as participants[${first}]` }))

const meetingOptions = Schema.Struct({
  id: Schema.NonEmptyString.annotateKey({ description: "The meeting id, 19 digits on the platform." }),
  host: optional(
    UserInput,
    "The host, who is a participant without being listed, and has joined unless a listed status says otherwise. Default: none."
  ),
  participants: optional(
    Schema.Array(
      Schema.Union([UserInput, ParticipantOptions]).annotate({ message: "Expected a user, or an object with a user" })
    ).check(Schema.makeFilter(repeated)),
    "Users who are in the meeting, or were, or are called."
  ),
  topic: optional(Schema.String, "The topic. Default \"Simulated meeting\"."),
  meetingNo: optional(Schema.String, "The meeting number, nine digits on the platform. Default \"123456789\"."),
  status: optional(
    MeetingStatus,
    "Whether the meeting is in progress. Default: \"ended\" if there is an endedAt, else \"in_progress\"."
  ),
  owner: optional(UserInput, "The user who owns the meeting. Default: nobody, it belongs to the app."),
  tenant: optional(Schema.NonEmptyString, "The key of its tenant. Default: the first tenant of the app."),
  startedAt: optional(Time, "When it started, in milliseconds since 1970. Default: now."),
  endedAt: optional(Time, "When it ended, in milliseconds since 1970. Default, for a meeting that has ended: now."),
  apiReserved: optional(
    Schema.Boolean,
    "Whether it was reserved by the API, not in the calendar or by starting it. Otherwise only all_meeting_started and " +
      "all_meeting_ended are pushed, and what users subscribed to. Default true, unless there is a calendarEventId."
  ),
  reserveId: optional(
    Schema.String,
    "The reservation that it belongs to: it has its number, topic and owner, and records by itself if that says so."
  ),
  calendarEventId: optional(Schema.String, "The event of the calendar that it belongs to. Default: none."),
  recorded: optional(Schema.Boolean, "Whether it is recorded from its start, until its end. Default false."),
  locked: optional(
    Schema.Boolean,
    "Whether nobody can be invited, and nobody but the host can join. Default false."
  ),
  capacity: optional(Schema.Natural, "How many people it has room for. Default 1000.")
}).annotate({ identifier: "MeetingOptions", description: "A meeting." })

/**
 * An initial meeting.
 *
 * **Details**
 *
 * The host is a participant without being listed, and has joined unless a listed status says otherwise. By default a meeting
 * has no host, is in progress, and was reserved by the app, not by an owner. Times are in milliseconds since 1970.
 *
 * @stability stable
 * @category models
 */
export interface MeetingOptions extends Schema.Schema.Type<typeof meetingOptions> {}

export const MeetingOptions: Schema.Codec<MeetingOptions, unknown> = meetingOptions

export const make = (options: MeetingOptions, directory: Directory, home: string, now: number): Meeting => {
  const startedAt = options.startedAt ?? now
  const participants = (options.participants ?? []).map(given).map((participant): Participant => {
    const status = participant.status ?? (participant.leftAt === undefined ? "in_meeting" : "left")
    return {
      user: directory.resolve(participant.user),
      status,
      isCohost: participant.isCohost ?? false,
      isExternal: participant.isExternal ?? false,
      joinedAt: participant.joinedAt ?? startedAt,
      leftAt: status === "left" ? participant.leftAt ?? options.endedAt ?? now : undefined
    }
  })
  const status = options.status ?? (options.endedAt === undefined ? "in_progress" : "ended")
  const host = options.host === undefined ? undefined : directory.resolve(options.host)
  const listed: Meeting = {
    id: options.id,
    tenant: options.tenant ?? home,
    topic: options.topic ?? "Simulated meeting",
    meetingNo: options.meetingNo ?? "123456789",
    owner: options.owner === undefined ? undefined : directory.resolve(options.owner),
    status,
    host,
    participants,
    startedAt,
    endedAt: undefined,
    apiReserved: options.apiReserved ?? options.calendarEventId === undefined,
    reserveId: options.reserveId,
    calendarEventId: options.calendarEventId,
    recording: undefined,
    sharedBy: undefined,
    locked: options.locked ?? false,
    capacity: options.capacity ?? 1000
  }
  const hosted = host === undefined || participantOf(listed, host) !== undefined
    ? listed
    : withHost(listed, host, startedAt)
  const recorded = options.recorded === true && status !== "calling" ? withRecording(hosted, true, startedAt) : hosted
  return status === "ended" ? ended(recorded, options.endedAt ?? Math.max(startedAt, now)) : recorded
}

export const participantOf = (meeting: Meeting, user: User): Participant | undefined =>
  meeting.participants.find((participant) => same(participant.user, user))

export const isIn = (meeting: Meeting, user: User): boolean => participantOf(meeting, user)?.status === "in_meeting"

/** Whether a user can join. Of a locked meeting it is documented that only its host can. */
export const isOpenTo = (meeting: Meeting, user: User): boolean =>
  !meeting.locked || same(meeting.host, user) || isIn(meeting, user)

/** Makes a user the host, who joins the meeting if necessary. */
export const withHost = (meeting: Meeting, host: User, now: number): Meeting => {
  const present = participantOf(meeting, host)
  if (present?.status === "in_meeting") return { ...meeting, host }
  const joined: Participant = present === undefined
    ? { user: host, status: "in_meeting", isCohost: false, isExternal: false, joinedAt: now, leftAt: undefined }
    : { ...present, status: "in_meeting", leftAt: undefined }
  return {
    ...meeting,
    host,
    participants: [joined, ...meeting.participants.filter((participant) => participant !== present)]
  }
}

/** A user joins, for the first time or again, or is called. */
export const withParticipant = (
  meeting: Meeting,
  user: User,
  now: number,
  status: ParticipantStatus = "in_meeting"
): Meeting => {
  const known = participantOf(meeting, user)
  const next: Participant = {
    user,
    isCohost: false,
    isExternal: false,
    joinedAt: now,
    ...known,
    status,
    leftAt: undefined
  }
  return {
    ...meeting,
    participants: known === undefined
      ? [...meeting.participants, next]
      : meeting.participants.map((one) => one === known ? next : one)
  }
}

const left = (participant: Participant, now: number): Participant => ({
  ...participant,
  status: "left",
  leftAt: participant.leftAt ?? now
})

/** A user leaves. The host role stays with a host who leaves: how the platform passes it on is not documented. */
export const withoutParticipant = (meeting: Meeting, user: User, now: number): Meeting => ({
  ...meeting,
  sharedBy: same(meeting.sharedBy, user) ? undefined : meeting.sharedBy,
  participants: meeting.participants.map((one) => same(one.user, user) ? left(one, now) : one)
})

const keptMillis = 90 * 86_400_000

/** Documented: meetings can be listed and read for 90 days. */
export const isKept = ({ endedAt }: Meeting, now: number): boolean =>
  endedAt === undefined || now - endedAt <= keptMillis

export const isRecorded = ({ recording }: Meeting): boolean =>
  recording !== undefined && recording.stoppedAt === undefined

/** The recording starts, for the first time or again, or stops. */
export const withRecording = (meeting: Meeting, running: boolean, now: number): Meeting => ({
  ...meeting,
  recording: {
    startedAt: meeting.recording?.startedAt ?? now,
    stoppedAt: running ? undefined : now,
    // They can be set only after the meeting, when nobody records it any more.
    viewers: []
  }
})

/** A meeting that was calling starts. */
export const begun = (meeting: Meeting, now: number): Meeting => ({ ...meeting, status: "in_progress", startedAt: now })

export const ended = (meeting: Meeting, now: number): Meeting => ({
  ...meeting,
  status: "ended",
  endedAt: now,
  sharedBy: undefined,
  recording: meeting.recording && { ...meeting.recording, stoppedAt: meeting.recording.stoppedAt ?? now },
  participants: meeting.participants.map((participant) => left(participant, now))
})
