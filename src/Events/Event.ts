/** The events of the platform, read from its two envelopes, schema 1 and schema 2. */
import type * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Types from "effect/Types"
import * as wire from "../internal/wire.ts"
import * as field from "./fields.ts"

/**
 * What every event has.
 *
 * @stability stable
 * @category models
 */
export interface Envelope {
  /** `event_id`, or `uuid` in schema 1: the same in every delivery of this event. */
  readonly id: string
  /** The event type, such as `vc.meeting.meeting_ended_v1`. */
  readonly type: string
  /** The version of the envelope. */
  readonly schema: "1.0" | "2.0"
  readonly appId: Option.Option<string>
  /** The tenant in which it happened, for `Lark.asTenant`. */
  readonly tenantKey: Option.Option<string>
  /** The platform sends seconds, milliseconds or microseconds. */
  readonly createdAt: Option.Option<DateTime.Utc>
  /** The `event` field of the envelope as it was sent, with what the other fields leave out. */
  readonly data: Readonly<Record<string, unknown>>
}

type Fields = Readonly<Record<string, field.Field<unknown>>>

/** One type of event. */
interface Row<out A> {
  readonly schema: Schema.Codec<A>
  readonly read: (envelope: Envelope) => Option.Option<A>
}

const envelope = {
  id: Schema.String,
  type: Schema.String,
  schema: Schema.Literals(["1.0", "2.0"]),
  appId: Schema.Option(Schema.String),
  tenantKey: Schema.Option(Schema.String),
  createdAt: Schema.Option(Schema.DateTimeUtc),
  data: Schema.Record(Schema.String, Schema.Unknown)
}

type Tagged<Tag extends string, F extends Fields> = Types.Simplify<
  & { readonly _tag: Tag }
  & Envelope
  & { readonly [K in keyof F]: F[K] extends field.Field<infer A> ? A : never }
>

const row = <const Tag extends string, const F extends Fields>(tag: Tag, fields: F): Row<Tagged<Tag, F>> => {
  const schemas = Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema]))
  return {
    // The schemas and the values are those of `fields`, each under its name.
    schema: Schema.toType(Schema.Struct({ _tag: Schema.tag(tag), ...envelope, ...schemas })) as never,
    read: (envelope) => {
      const values: Record<string, unknown> = {}
      for (const [name, { read }] of Object.entries(fields)) {
        const value = read(envelope.data)
        if (value === undefined) return Option.none()
        values[name] = value
      }
      return Option.some({ _tag: tag, ...envelope, ...values } as never)
    }
  }
}

const { flag, id, meeting, millis, number, room, roomId, roomLevel, text, user, users } = field

const operator = user("operator")
const subscribers = users("subscriber_ids")
const inMeeting = { meeting, operator }
const subscribed = { meeting, operator, subscribers }
const ofDevice = { uniqueKey: text("unique_key"), source: text("source"), subscribers }

/** Every documented event of video meetings, by its type without `vc.` and the version. */
const rows = {
  "meeting.meeting_started": row("MeetingStarted", inMeeting),
  "meeting.meeting_ended": row("MeetingEnded", inMeeting),
  "meeting.join_meeting": row("JoinMeeting", inMeeting),
  "meeting.leave_meeting": row("LeaveMeeting", {
    meeting,
    operator,
    leaveReason: number("leave_reason"),
    leaveUser: user("leave_user")
  }),
  "meeting.recording_started": row("RecordingStarted", inMeeting),
  "meeting.recording_ended": row("RecordingEnded", inMeeting),
  "meeting.recording_ready": row("RecordingReady", { meeting, url: text("url"), duration: millis("duration") }),
  "meeting.share_started": row("ShareStarted", inMeeting),
  "meeting.share_ended": row("ShareEnded", inMeeting),
  "meeting.all_meeting_started": row("AllMeetingStarted", inMeeting),
  "meeting.all_meeting_ended": row("AllMeetingEnded", inMeeting),
  "meeting.participant_meeting_started": row("ParticipantMeetingStarted", subscribed),
  "meeting.participant_meeting_joined": row("ParticipantMeetingJoined", subscribed),
  "meeting.participant_meeting_ended": row("ParticipantMeetingEnded", subscribed),
  "meeting.send_meeting_im": row("SendMeetingIm", { meeting, operator, content: text("content") }),
  "note.generated": row("NoteGenerated", { noteId: id("note_id"), subscribers }),
  "recording.recording_started": row("DeviceRecordingStarted", ofDevice),
  "recording.recording_ended": row("DeviceRecordingEnded", ofDevice),
  "recording.recording_transcript_generated": row("DeviceTranscriptGenerated", ofDevice),
  "bot.meeting_invited": row("BotMeetingInvited", { meeting }),
  "bot.meeting_started": row("BotMeetingStarted", { meeting }),
  "bot.meeting_ended": row("BotMeetingEnded", { meeting }),
  "bot.meeting_activity": row("BotMeetingActivity", {}),
  "room.created": row("RoomCreated", { room }),
  "room.updated": row("RoomUpdated", { room }),
  "room.deleted": row("RoomDeleted", { roomId }),
  "room_level.created": row("RoomLevelCreated", { roomLevel }),
  "room_level.updated": row("RoomLevelUpdated", { roomLevel }),
  "room_level.deleted": row("RoomLevelDeleted", {
    roomLevelId: id("room_level_id"),
    deleteChild: flag("delete_child")
  }),
  "reserve_config.updated": row("ReserveConfigUpdated", { scopeId: id("scope_id"), scopeType: number("scope_type") })
}

const unknown = row("UnknownEvent", {})

type RowEvent<R> = R extends Row<infer A> ? A : never

/**
 * An event of a type that is not listed here, or one that does not name what it is about: its type and its data as sent.
 *
 * @stability stable
 * @category models
 */
export type UnknownEvent = RowEvent<typeof unknown>

/**
 * An event that the platform pushed.
 *
 * **Details**
 *
 * The tag follows from the type: `vc.meeting.join_meeting_v1` is `JoinMeeting`. Tags of events of recording devices begin
 * with `Device`, those of the app's bot with `Bot`.
 *
 * @stability stable
 * @category models
 */
export type Event = RowEvent<(typeof rows)[keyof typeof rows]> | UnknownEvent

/**
 * The schema of an event. For JSON, use it with `Schema.toCodecJson`.
 *
 * @stability stable
 * @category schemas
 */
export const Event: Schema.Codec<Event> = Schema.Union(
  // A union of the schemas of all rows is the schema of the union of their events.
  [...Object.values(rows), unknown].map(({ schema }): Schema.Codec<Event> => schema as never)
)

const rowOf = (type: string): Row<Event> | undefined => {
  const name = /^vc\.(.+)_v1$/.exec(type)?.[1] ?? ""
  return Object.hasOwn(rows, name) ? rows[name as keyof typeof rows] : undefined
}

/**
 * The event in an envelope of either schema, parsed from JSON; none if it is not one.
 *
 * @stability stable
 * @category decoding
 */
export const fromWire = (message: unknown): Option.Option<Event> => {
  if (!Predicate.isObject(message)) return Option.none()
  const isSecond = message["schema"] === "2.0"
  const header = isSecond ? message["header"] : message
  const data = message["event"]
  if (!Predicate.isObject(header) || !Predicate.isObject(data)) return Option.none()
  if (!isSecond && header["type"] !== "event_callback") return Option.none()
  // Schema 1 has in the event what schema 2 has in the header.
  const about = isSecond ? header : data
  const id = wire.text(header[isSecond ? "event_id" : "uuid"])
  const type = wire.text(about[isSecond ? "event_type" : "type"])
  if (id === "" || type === "") return Option.none()
  const envelope: Envelope = {
    id,
    type,
    schema: isSecond ? "2.0" : "1.0",
    appId: wire.someText(about["app_id"]),
    tenantKey: wire.someText(about["tenant_key"]),
    createdAt: field.time(header[isSecond ? "create_time" : "ts"]),
    data
  }
  return Option.orElse(
    Option.flatMap(Option.fromUndefinedOr(rowOf(type)), ({ read }) => read(envelope)),
    () => unknown.read(envelope)
  )
}
