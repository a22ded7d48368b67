/**
 * The fields of events: how each is read from the `event` of an envelope, and its schema.
 *
 * **Details**
 *
 * Lenient: text that is absent is empty, and what has another type counts as absent. Only an event about something that it
 * does not name cannot be read.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as EventUser from "../EventUser.ts"
import * as wire from "../internal/wire.ts"
import * as MeetingId from "../MeetingId.ts"
import * as MeetingNo from "../MeetingNo.ts"

/** One field. An event of which a field reads as `undefined` is unknown. */
export interface Field<out A> {
  readonly schema: Schema.Codec<A>
  readonly read: (data: wire.Wire) => A | undefined
}

const Time = Schema.Option(Schema.DateTimeUtc)

export const text = (name: string): Field<string> => ({
  schema: Schema.String,
  read: (data) => wire.text(data[name])
})

export const number = (name: string): Field<number> => ({
  schema: Schema.Finite,
  read: (data) => wire.number(data[name])
})

export const flag = (name: string): Field<boolean> => ({
  schema: Schema.Boolean,
  read: (data) => wire.flag(data[name])
})

/** Text without which the event is about nothing. */
export const id = (name: string): Field<string> => ({
  schema: Schema.String,
  read: (data) => wire.text(data[name]) || undefined
})

const numeral = (value: unknown): string => Predicate.isNumber(value) ? String(value) : wire.text(value)

/**
 * A time in seconds, milliseconds, microseconds or nanoseconds, told apart by its size: each is a time after 1973. In a string
 * or not.
 */
export const time = (value: unknown): Option.Option<DateTime.Utc> => {
  const text = numeral(value)
  const time = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0
  if (time === 0) return Option.none()
  return DateTime.make(time < 1e11 ? time * 1e3 : time < 1e14 ? time : time < 1e17 ? time / 1e3 : time / 1e6)
}

/** A whole number of milliseconds, in a string or not. */
export const millis = (name: string): Field<Option.Option<Duration.Duration>> => ({
  schema: Schema.Option(Schema.Duration),
  read: (data) => {
    const text = numeral(data[name])
    return /^\d{1,15}$/.test(text) ? Option.some(Duration.millis(Number(text))) : Option.none()
  }
})

export const user = (name: string): Field<EventUser.EventUser> => ({
  schema: EventUser.EventUser,
  read: (data) => EventUser.fromWire(data[name])
})

export const users = (name: string): Field<ReadonlyArray<EventUser.EventUser>> => ({
  schema: Schema.Array(EventUser.EventUser),
  read: (data) => wire.list(data[name]).map(EventUser.fromWire)
})

/**
 * The meeting of an event.
 *
 * **Gotchas**
 *
 * `hostUser` was the host at the time of the event. It names nobody in `RecordingReady` and in the events of bots.
 *
 * @stability stable
 * @category models
 */
export interface Meeting {
  readonly id: MeetingId.MeetingId
  readonly topic: string
  readonly meetingNo: Option.Option<MeetingNo.MeetingNo>
  readonly hostUser: EventUser.EventUser
  readonly owner: EventUser.EventUser
  readonly startTime: Option.Option<DateTime.Utc>
  readonly endTime: Option.Option<DateTime.Utc>
  /** The event of the calendar that the meeting belongs to, in the events that tell it. */
  readonly calendarEventId: Option.Option<string>
}

export const meeting: Field<Meeting> = {
  schema: Schema.toType(Schema.Struct({
    id: MeetingId.MeetingId,
    topic: Schema.String,
    meetingNo: Schema.Option(MeetingNo.MeetingNo),
    hostUser: EventUser.EventUser,
    owner: EventUser.EventUser,
    startTime: Time,
    endTime: Time,
    calendarEventId: Schema.Option(Schema.String)
  })),
  read: (data) => {
    const meeting = wire.object(data["meeting"])
    const id = wire.text(meeting["id"])
    return MeetingId.isMeetingId(id)
      ? {
        id,
        topic: wire.text(meeting["topic"]),
        meetingNo: Option.liftPredicate(wire.text(meeting["meeting_no"]), MeetingNo.isMeetingNo),
        hostUser: EventUser.fromWire(meeting["host_user"]),
        owner: EventUser.fromWire(meeting["owner"]),
        startTime: time(meeting["start_time"]),
        endTime: time(meeting["end_time"]),
        calendarEventId: wire.someText(meeting["calendar_event_id"])
      }
      : undefined
  }
}

/**
 * The meeting room of an event.
 *
 * @stability stable
 * @category models
 */
export interface Room {
  readonly roomId: string
  readonly name: string
  readonly capacity: number
  readonly description: string
  readonly displayId: string
  readonly customRoomId: string
  readonly roomLevelId: string
  /** The ids of the levels above it, from the top. */
  readonly path: ReadonlyArray<string>
}

export const room: Field<Room> = {
  schema: Schema.Struct({
    roomId: Schema.String,
    name: Schema.String,
    capacity: Schema.Finite,
    description: Schema.String,
    displayId: Schema.String,
    customRoomId: Schema.String,
    roomLevelId: Schema.String,
    path: Schema.Array(Schema.String)
  }),
  read: (data) => {
    const room = wire.object(data["room"])
    const roomId = wire.text(room["room_id"])
    return roomId === "" ? undefined : {
      roomId,
      name: wire.text(room["name"]),
      capacity: wire.number(room["capacity"]),
      description: wire.text(room["description"]),
      displayId: wire.text(room["display_id"]),
      customRoomId: wire.text(room["custom_room_id"]),
      roomLevelId: wire.text(room["room_level_id"]),
      path: wire.texts(room["path"])
    }
  }
}

/** The id of a room that is no more. */
export const roomId: Field<string> = {
  schema: Schema.String,
  read: (data) => wire.text(wire.object(data["room"])["room_id"] ?? data["room_id"]) || undefined
}

/**
 * The level of meeting rooms of an event, such as a building or a floor.
 *
 * @stability stable
 * @category models
 */
export interface RoomLevel {
  readonly roomLevelId: string
  readonly name: string
  readonly parentId: string
  /** The ids of the levels above it, from the top. */
  readonly path: ReadonlyArray<string>
  readonly hasChild: boolean
  readonly customGroupId: string
}

export const roomLevel: Field<RoomLevel> = {
  schema: Schema.Struct({
    roomLevelId: Schema.String,
    name: Schema.String,
    parentId: Schema.String,
    path: Schema.Array(Schema.String),
    hasChild: Schema.Boolean,
    customGroupId: Schema.String
  }),
  read: (data) => {
    const level = wire.object(data["room_level"])
    const roomLevelId = wire.text(level["room_level_id"])
    return roomLevelId === "" ? undefined : {
      roomLevelId,
      name: wire.text(level["name"]),
      parentId: wire.text(level["parent_id"]),
      path: wire.texts(level["path"]),
      hasChild: wire.flag(level["has_child"]),
      customGroupId: wire.text(level["custom_group_id"])
    }
  }
}
