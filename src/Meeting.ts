/**
 * A meeting as the platform describes it.
 *
 * **Example** (Through a queue, as JSON)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Lark, Meeting, MeetingId, Meetings } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const codec = Schema.fromJsonString(Schema.toCodecJson(Meeting.schema("open_id")))
 * const program = Effect.gen(function*() {
 *   const json = yield* Schema.encodeEffect(codec)(yield* Meetings.get(id))
 *   return yield* Schema.decodeEffect(codec)(json)
 * })
 * const meeting = await Effect.runPromise(program.pipe(
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice", topic: "Weekly" }] }))
 * ))
 * console.log(meeting.topic, meeting.status === Meeting.Status.InProgress) // => Weekly true
 * ```
 */
import * as Schema from "effect/Schema"
import * as MeetingId from "./MeetingId.ts"
import * as MeetingNo from "./MeetingNo.ts"
import * as MeetingUser from "./MeetingUser.ts"

/**
 * The documented values of a meeting's `status`. The server may send others; they are kept as they are.
 *
 * @stability stable
 * @category models
 */
export const Status = { Calling: 1, InProgress: 2, Ended: 3 } as const

/**
 * The documented values of a participant's `status`. The server may send others; they are kept as they are.
 *
 * @stability stable
 * @category models
 */
export const ParticipantStatus = { Calling: 1, InMeeting: 2, Ringing: 3, Left: 4 } as const

const participantOf = <T extends MeetingUser.IdType>(user: Schema.Codec<MeetingUser.MeetingUser<T>>) =>
  Schema.toType(Schema.Struct({
    user,
    isHost: Schema.Boolean,
    isCohost: Schema.Boolean,
    isExternal: Schema.Boolean,
    status: Schema.Finite,
    firstJoinTime: Schema.Option(Schema.DateTimeUtc),
    finalLeaveTime: Schema.Option(Schema.DateTimeUtc)
  }))

/**
 * A person, room or telephone that is or was in a meeting, or is being called into it.
 *
 * @stability stable
 * @category models
 */
export interface Participant<out T extends MeetingUser.IdType = MeetingUser.IdType>
  extends Schema.Schema.Type<ReturnType<typeof participantOf<T>>>
{}

const ability = Schema.Struct({
  useVideo: Schema.Boolean,
  useAudio: Schema.Boolean,
  useShareScreen: Schema.Boolean,
  useFollowScreen: Schema.Boolean,
  useRecording: Schema.Boolean,
  usePstn: Schema.Boolean
})

/**
 * What a meeting allows.
 *
 * @stability stable
 * @category models
 */
export interface Ability extends Schema.Schema.Type<typeof ability> {}

const meetingOf = <T extends MeetingUser.IdType>(user: Schema.Codec<MeetingUser.MeetingUser<T>>) =>
  Schema.toType(Schema.Struct({
    id: MeetingId.MeetingId,
    topic: Schema.String,
    url: Schema.String,
    /** What people dial; `None` if the platform sends none, or something other than nine digits. */
    meetingNo: Schema.Option(MeetingNo.MeetingNo),
    password: Schema.Option(Schema.Redacted(Schema.String)),
    status: Schema.Finite,
    hostUser: Schema.Option(user),
    createTime: Schema.Option(Schema.DateTimeUtc),
    startTime: Schema.Option(Schema.DateTimeUtc),
    endTime: Schema.Option(Schema.DateTimeUtc),
    /** The most participants it had at one time: decimal digits, as the platform sends them. */
    participantCount: Schema.Option(Schema.String),
    /** Empty unless asked for. */
    participants: Schema.Array(participantOf(user)),
    /** `None` unless asked for, as the app. */
    ability: Schema.Option(ability)
  }))

/**
 * A meeting.
 *
 * **Details**
 *
 * What the platform leaves out, or sends in another type than documented, is `None`, `false`, empty text, 0, or absent from
 * a list: no field beside `id` fails a read. An `id` that does not have the form of a meeting id is replaced by the requested
 * id.
 *
 * **Gotchas**
 *
 * `password` is what people type to join: `Redacted`, but in clear in the JSON of the schemas. `hostUser` is `None` when nobody is host, or when the app may not see who is.
 *
 * @stability stable
 * @category models
 */
export interface Meeting<out T extends MeetingUser.IdType = MeetingUser.IdType>
  extends Schema.Schema.Type<ReturnType<typeof meetingOf<T>>>
{}

/**
 * The schema of participants that are named by one kind of id. For JSON, use it with `Schema.toCodecJson`.
 *
 * @stability stable
 * @category schemas
 */
export const participantSchema = <T extends MeetingUser.IdType>(idType: T): Schema.Codec<Participant<T>> =>
  participantOf(MeetingUser.schema(idType))

/**
 * The schema of participants, named by any kind of id. For JSON, use it with `Schema.toCodecJson`.
 *
 * @stability stable
 * @category schemas
 */
export const Participant: Schema.Codec<Participant> = participantOf(MeetingUser.MeetingUser)

/**
 * The schema of meetings whose users are named by one kind of id. For JSON, use it with `Schema.toCodecJson`.
 *
 * @stability stable
 * @category schemas
 */
export const schema = <T extends MeetingUser.IdType>(idType: T): Schema.Codec<Meeting<T>> =>
  meetingOf(MeetingUser.schema(idType))

/**
 * The schema of meetings whose users are named by any kind of id. For JSON, use it with `Schema.toCodecJson`.
 *
 * @stability stable
 * @category schemas
 */
export const Meeting: Schema.Codec<Meeting> = meetingOf(MeetingUser.MeetingUser)
