/**
 * A meeting in the answers of the platform.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import type { Meeting } from "../Meeting.ts"
import { isMeetingId, type MeetingId } from "../MeetingId.ts"
import { isMeetingNo } from "../MeetingNo.ts"
import * as MeetingUser from "../MeetingUser.ts"

const Text = Schema.optional(Schema.String)
const Flag = Schema.optional(Schema.Boolean)
const Number_ = Schema.optional(Schema.Finite)

/** Unix seconds in a string. Empty, "0" and absent mean that there is no time. */
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

/** The `data` of an answer with a meeting, of which every field but the id may be missing. */
export const MeetingData = Schema.Struct({
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

/** The meeting in an answer that names users by `idType`; `asked` is the id that the request named. */
export const fromWire = <T extends MeetingUser.IdType>(
  idType: T,
  asked: MeetingId,
  { meeting }: typeof MeetingData.Type
): Meeting<T> => ({
  id: isMeetingId(meeting.id) ? meeting.id : asked,
  topic: meeting.topic ?? "",
  url: meeting.url ?? "",
  meetingNo: Option.filter(Option.fromUndefinedOr(meeting.meeting_no), isMeetingNo),
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
