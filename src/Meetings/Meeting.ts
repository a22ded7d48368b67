/**
 * A meeting as the platform describes it.
 *
 * @since 0.1.0
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as MeetingUser from "../MeetingUser.ts"

/**
 * The documented values of a meeting's `status`. The server may send others; they are kept as they are.
 *
 * @since 0.1.0
 * @category models
 */
export const MeetingStatus = { Calling: 1, InProgress: 2, Ended: 3 } as const

/**
 * The documented values of a participant's `status`. The server may send others; they are kept as they are.
 *
 * @since 0.1.0
 * @category models
 */
export const ParticipantStatus = { Calling: 1, InMeeting: 2, Ringing: 3, Left: 4 } as const

/**
 * Somebody who is, was or is being called into a meeting.
 *
 * @since 0.1.0
 * @category models
 */
export interface Participant<out T extends MeetingUser.IdType = MeetingUser.IdType> {
  readonly user: MeetingUser.MeetingUser<T>
  readonly isHost: boolean
  readonly isCohost: boolean
  readonly isExternal: boolean
  readonly status: number
  readonly firstJoinTime: Option.Option<DateTime.Utc>
  readonly finalLeaveTime: Option.Option<DateTime.Utc>
}

/**
 * What a meeting allows.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ability {
  readonly useVideo: boolean
  readonly useAudio: boolean
  readonly useShareScreen: boolean
  readonly useFollowScreen: boolean
  readonly useRecording: boolean
  readonly usePstn: boolean
}

/**
 * A meeting. What the platform did not tell is none, empty, or absent from a list.
 *
 * **Gotchas**
 *
 * `password` is what people type to join. `hostUser` is none when nobody is host, or when the app may not see who is.
 *
 * @since 0.1.0
 * @category models
 */
export interface Meeting<out T extends MeetingUser.IdType = MeetingUser.IdType> {
  readonly id: string
  readonly topic: string
  readonly url: string
  readonly meetingNo: string
  readonly password: Option.Option<string>
  readonly status: number
  readonly hostUser: Option.Option<MeetingUser.MeetingUser<T>>
  readonly createTime: Option.Option<DateTime.Utc>
  readonly startTime: Option.Option<DateTime.Utc>
  readonly endTime: Option.Option<DateTime.Utc>
  /** The most who were in it at one time, in digits as the platform sends it. */
  readonly participantCount: Option.Option<string>
  /** Empty unless asked for. */
  readonly participants: ReadonlyArray<Participant<T>>
  /** None unless asked for, as the app. */
  readonly ability: Option.Option<Ability>
}

const Text = Schema.optional(Schema.String)
const Flag = Schema.optional(Schema.Boolean)
const Number_ = Schema.optional(Schema.Finite)

/** Unix seconds in a string; empty, "0" and absent all mean that there is none. */
const Time = Schema.optional(
  Schema.Union([Schema.String, Schema.Finite]).pipe(
    Schema.decodeTo(Schema.Option(Schema.DateTimeUtc), {
      decode: SchemaGetter.transformEffect((seconds: string | number) => {
        const number = Number(seconds)
        return seconds === "" || number === 0
          ? Effect.succeed(Option.none<DateTime.Utc>())
          : Option.match(DateTime.make(number * 1_000), {
            onNone: () => Effect.fail(new SchemaIssue.InvalidValue({ message: "not a time in seconds" })),
            onSome: (time) => Effect.succeed(Option.some(DateTime.toUtc(time)))
          })
      }),
      encode: SchemaGetter.transform((time: Option.Option<DateTime.Utc>) =>
        Option.match(time, { onNone: () => "", onSome: (at) => String(DateTime.toEpochMillis(at) / 1_000) })
      )
    })
  )
)

/** The `data` of `meeting.get`, with every field that may be missing. */
export const Wire = Schema.Struct({
  meeting: Schema.Struct({
    id: Schema.String,
    topic: Text,
    url: Text,
    meeting_no: Text,
    password: Text,
    create_time: Time,
    start_time: Time,
    end_time: Time,
    host_user: Schema.optional(Schema.Unknown),
    status: Number_,
    participant_count: Text,
    participants: Schema.optional(Schema.Array(Schema.Struct({
      id: Text,
      user_type: Number_,
      is_host: Flag,
      is_cohost: Flag,
      is_external: Flag,
      status: Number_,
      first_join_time: Time,
      final_leave_time: Time
    }))),
    ability: Schema.optional(Schema.Struct({
      use_video: Flag,
      use_audio: Flag,
      use_share_screen: Flag,
      use_follow_screen: Flag,
      use_recording: Flag,
      use_pstn: Flag
    }))
  })
})

const time = (value: Option.Option<DateTime.Utc> | undefined) => value ?? Option.none()

const count = (text: string | undefined): Option.Option<string> =>
  text !== undefined && /^[0-9]+$/.test(text) ? Option.some(text) : Option.none()

/** The meeting in the `data` of an answer to a request for that kind of id. */
export const fromWire = <T extends MeetingUser.IdType>(idType: T, { meeting }: typeof Wire.Type): Meeting<T> => ({
  id: meeting.id,
  topic: meeting.topic ?? "",
  url: meeting.url ?? "",
  meetingNo: meeting.meeting_no ?? "",
  password: Option.filter(Option.fromUndefinedOr(meeting.password), (password) => password !== ""),
  status: meeting.status ?? 0,
  hostUser: MeetingUser.fromWire(idType, meeting.host_user),
  createTime: time(meeting.create_time),
  startTime: time(meeting.start_time),
  endTime: time(meeting.end_time),
  participantCount: count(meeting.participant_count),
  participants: (meeting.participants ?? []).flatMap((participant) =>
    Option.match(MeetingUser.fromWire(idType, participant), {
      onNone: () => [],
      onSome: (user) => [{
        user,
        isHost: participant.is_host ?? false,
        isCohost: participant.is_cohost ?? false,
        isExternal: participant.is_external ?? false,
        status: participant.status ?? 0,
        firstJoinTime: time(participant.first_join_time),
        finalLeaveTime: time(participant.final_leave_time)
      }]
    })
  ),
  ability: Option.map(Option.fromUndefinedOr(meeting.ability), (ability) => ({
    useVideo: ability.use_video ?? false,
    useAudio: ability.use_audio ?? false,
    useShareScreen: ability.use_share_screen ?? false,
    useFollowScreen: ability.use_follow_screen ?? false,
    useRecording: ability.use_recording ?? false,
    usePstn: ability.use_pstn ?? false
  }))
})
