/**
 * The events of the platform as they are decoded.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, DateTime, Duration, Match, Option, Schema } from "effect"
import { Events, type MeetingId, MeetingUser } from "effect-lark-meetings"

const header = {
  event_id: "event-1",
  event_type: "vc.meeting.meeting_ended_v1",
  create_time: "1608725989000",
  token: "v-token",
  app_id: "cli_a",
  tenant_key: "tenant_a"
}

const second = (type: string, event: object) => ({ schema: "2.0", header: { ...header, event_type: type }, event })

const first = (type: string, event: object) => ({
  ts: "1502199207.7171419",
  uuid: "event-1",
  token: "v-token",
  type: "event_callback",
  event: { type, app_id: "cli_a", tenant_key: "tenant_a", ...event }
})

const read = (wire: unknown) => Option.getOrThrow(Events.fromWire(wire))

const person = (name: string) => ({
  id: { union_id: `on_${name}`, user_id: name, open_id: `ou_${name}` },
  user_role: 1,
  user_type: 1
})

const user = (name: string) => ({
  open_id: Option.some(MeetingUser.openId(`ou_${name}`)),
  union_id: Option.some(MeetingUser.unionId(`on_${name}`)),
  user_id: Option.some(MeetingUser.userId(name))
})

const nobody = { open_id: Option.none(), union_id: Option.none(), user_id: Option.none() }

/** As on the documentation page of an event. */
const wireMeeting = {
  id: "6911188411934433028",
  topic: "my meeting",
  meeting_no: "235812466",
  meeting_source: 1,
  start_time: "1608883322",
  end_time: "1608883899",
  host_user: person("alice"),
  owner: person("bob"),
  calendar_event_id: "efa67a98-06a8-4df5-8559-746c8f4477ef_0",
  meeting_sub_type: 4,
  security_setting: { security_level: 1, group_ids: [], user_ids: [], room_ids: [] }
}

const meeting = {
  id: "6911188411934433028",
  topic: "my meeting",
  meetingNo: Option.some("235812466"),
  hostUser: user("alice"),
  owner: user("bob"),
  startTime: Option.some(DateTime.makeUnsafe(1_608_883_322_000)),
  endTime: Option.some(DateTime.makeUnsafe(1_608_883_899_000)),
  calendarEventId: Option.some("efa67a98-06a8-4df5-8559-746c8f4477ef_0")
}

const wireRoom = {
  room_id: "omm_1",
  name: "Aquarium",
  capacity: 10,
  description: "Tower A",
  display_id: "FM1",
  custom_room_id: "1234",
  room_level_id: "omb_1",
  path: ["omb_0", "omb_1"],
  room_status: { status: true }
}

const room = {
  roomId: "omm_1",
  name: "Aquarium",
  capacity: 10,
  description: "Tower A",
  displayId: "FM1",
  customRoomId: "1234",
  roomLevelId: "omb_1",
  path: ["omb_0", "omb_1"]
}

const wireLevel = {
  room_level_id: "omb_1",
  name: "Tower A",
  parent_id: "omb_0",
  path: ["omb_0"],
  has_child: true,
  custom_group_id: "10000"
}

const roomLevel = {
  roomLevelId: "omb_1",
  name: "Tower A",
  parentId: "omb_0",
  path: ["omb_0"],
  hasChild: true,
  customGroupId: "10000"
}

const inMeeting = { meeting: wireMeeting, operator: person("carol") }
const ids = [{ union_id: "on_dan", user_id: "dan", open_id: "ou_dan" }]

/** Type, tag, data and fields of every event. */
const events: ReadonlyArray<readonly [type: string, tag: string, data: object, fields: object]> = [
  ...([
    ["meeting_started", "MeetingStarted"],
    ["meeting_ended", "MeetingEnded"],
    ["join_meeting", "JoinMeeting"],
    ["recording_started", "RecordingStarted"],
    ["recording_ended", "RecordingEnded"],
    ["share_started", "ShareStarted"],
    ["share_ended", "ShareEnded"],
    ["all_meeting_started", "AllMeetingStarted"],
    ["all_meeting_ended", "AllMeetingEnded"]
  ] as const).map(([type, tag]) =>
    [`vc.meeting.${type}_v1`, tag, inMeeting, { meeting, operator: user("carol") }] as const
  ),
  [
    "vc.meeting.leave_meeting_v1",
    "LeaveMeeting",
    { ...inMeeting, leave_reason: 3, leave_user: person("dan") },
    { meeting, operator: user("carol"), leaveReason: 3, leaveUser: user("dan") }
  ],
  [
    "vc.meeting.recording_ready_v1",
    "RecordingReady",
    {
      meeting: { ...wireMeeting, host_user: undefined, start_time: undefined, end_time: undefined },
      url: "https://meetings.feishu.cn/minutes/obcn37dxcftoc3656rgyejm7",
      duration: "30000"
    },
    {
      meeting: { ...meeting, hostUser: nobody, startTime: Option.none(), endTime: Option.none() },
      url: "https://meetings.feishu.cn/minutes/obcn37dxcftoc3656rgyejm7",
      duration: Option.some(Duration.seconds(30))
    }
  ],
  ...([
    ["participant_meeting_started", "ParticipantMeetingStarted"],
    ["participant_meeting_joined", "ParticipantMeetingJoined"],
    ["participant_meeting_ended", "ParticipantMeetingEnded"]
  ] as const).map(([type, tag]) =>
    [
      `vc.meeting.${type}_v1`,
      tag,
      { ...inMeeting, subscriber_ids: ids },
      { meeting, operator: user("carol"), subscribers: [user("dan")] }
    ] as const
  ),
  [
    "vc.meeting.send_meeting_im_v1",
    "SendMeetingIm",
    { ...inMeeting, content: "hello" },
    { meeting, operator: user("carol"), content: "hello" }
  ],
  [
    "vc.note.generated_v1",
    "NoteGenerated",
    { note_id: "7", subscriber_ids: ids },
    { noteId: "7", subscribers: [user("dan")] }
  ],
  ...([
    ["recording_started", "DeviceRecordingStarted"],
    ["recording_ended", "DeviceRecordingEnded"],
    ["recording_transcript_generated", "DeviceTranscriptGenerated"]
  ] as const).map(([type, tag]) =>
    [
      `vc.recording.${type}_v1`,
      tag,
      { unique_key: "k", source: "s", subscriber_ids: ids },
      { uniqueKey: "k", source: "s", subscribers: [user("dan")] }
    ] as const
  ),
  ...([
    ["meeting_invited", "BotMeetingInvited"],
    ["meeting_started", "BotMeetingStarted"],
    ["meeting_ended", "BotMeetingEnded"]
  ] as const).map(([type, tag]) =>
    [
      `vc.bot.${type}_v1`,
      tag,
      // The id of the host is text here.
      { meeting: { ...wireMeeting, host_user: { id: "ou_alice", user_type: 1, user_name: "Alice" } } },
      { meeting: { ...meeting, hostUser: nobody } }
    ] as const
  ),
  ["vc.bot.meeting_activity_v1", "BotMeetingActivity", { meeting_activity_items: [] }, {}],
  ["vc.room.created_v1", "RoomCreated", { room: wireRoom }, { room }],
  ["vc.room.updated_v1", "RoomUpdated", { room: wireRoom }, { room }],
  ["vc.room.deleted_v1", "RoomDeleted", { room: { room_id: "omm_1" } }, { roomId: "omm_1" }],
  ["vc.room_level.created_v1", "RoomLevelCreated", { room_level: wireLevel }, { roomLevel }],
  ["vc.room_level.updated_v1", "RoomLevelUpdated", { room_level: wireLevel }, { roomLevel }],
  [
    "vc.room_level.deleted_v1",
    "RoomLevelDeleted",
    { room_level_id: "omb_1", delete_child: true },
    { roomLevelId: "omb_1", deleteChild: true }
  ],
  [
    "vc.reserve_config.updated_v1",
    "ReserveConfigUpdated",
    { scope_id: "omm_1", scope_type: 2, time_config: {} },
    { scopeId: "omm_1", scopeType: 2 }
  ]
]

const json = Schema.fromJsonString(Schema.toCodecJson(Events.Event))

describe("an event", () => {
  it.each(events)("%s is %s, in both schemas", (type, tag, data, fields) => {
    const envelope = {
      id: "event-1",
      type,
      appId: Option.some("cli_a"),
      tenantKey: Option.some("tenant_a")
    }
    const wire = second(type, data)
    assert.deepStrictEqual<unknown>(read(wire), {
      _tag: tag,
      ...envelope,
      schema: "2.0",
      createdAt: Option.some(DateTime.makeUnsafe(1_608_725_989_000)),
      data,
      ...fields
    })
    const old = first(type, data)
    assert.deepStrictEqual<unknown>(read(old), {
      _tag: tag,
      ...envelope,
      schema: "1.0",
      createdAt: Option.some(DateTime.makeUnsafe(1_502_199_207_717)),
      data: old.event,
      ...fields
    })
  })

  it.each(events)("%s goes through JSON", (type, _, data) => {
    const event = read(JSON.parse(JSON.stringify(second(type, data))))
    assert.deepStrictEqual(Schema.decodeSync(json)(Schema.encodeSync(json)(event)), event)
  })

  it.each(events)("%s is read with nothing but what it is about", (type, tag, data) => {
    const sparse = Object.fromEntries(
      Object.entries(data).map(([name, value]: [string, unknown]) => {
        const id = ["id", "room_id", "room_level_id"].find((key) => Object.hasOwn(Object(value), key))
        return [name, id === undefined ? name.endsWith("_id") ? value : null : { [id]: Reflect.get(Object(value), id) }]
      })
    )
    const event = read(second(type, sparse))
    assert.strictEqual(event._tag, tag)
    assert.deepStrictEqual(Schema.decodeSync(json)(Schema.encodeSync(json)(event)), event)
  })

  it("of another type, or about nothing, is kept as it is", () => {
    const unknown = [
      second("im.message.receive_v1", { message: { content: "{}" } }),
      second("vc.meeting.host_changed_v1", { meeting: wireMeeting }),
      second("vc.meeting.join_meeting_v2", inMeeting),
      second("vc.toString_v1", {}),
      second("vc.meeting.join_meeting_v1", {}),
      second("vc.meeting.join_meeting_v1", { meeting: { ...wireMeeting, id: "235812466" } }),
      second("vc.meeting.join_meeting_v1", { meeting: [wireMeeting] }),
      second("vc.room.created_v1", { room: null }),
      first("app_ticket", { app_ticket: "ticket" })
    ]
    for (const wire of unknown) {
      const event = read(wire)
      assert.strictEqual(event._tag, "UnknownEvent")
      assert.deepStrictEqual<unknown>(event.data, wire.event)
      assert.deepStrictEqual(Schema.decodeSync(json)(Schema.encodeSync(json)(event)), event)
    }
  })

  it.each([
    null,
    [],
    "text",
    {},
    { schema: "2.0", event: {} },
    { schema: "2.0", header: [], event: {} },
    { schema: "2.0", header: { ...header, event_id: "" }, event: {} },
    { schema: "2.0", header: { ...header, event_type: 1 }, event: {} },
    { schema: "2.0", header, event: null },
    { schema: "2.0", header, event: [] },
    { ...first("a", {}), type: "url_verification" },
    { ...first("a", {}), uuid: undefined }
  ])("is none in %j", (wire) => {
    assert.isTrue(Option.isNone(Events.fromWire(wire)))
  })

  const Json = Arbitrary.schema(Schema.Json)

  it.prop("is read, whatever is in its fields", { values: Arbitrary.array(Json, { maxLength: 12 }) }, ({ values }) => {
    const names = ["meeting", "operator", "leave_user", "leave_reason", "room", "room_level", "url", "duration"]
    const about = ["id", "topic", "meeting_no", "start_time", "host_user", "owner"]
    const pick = (names: ReadonlyArray<string>, from: number) =>
      Object.fromEntries(
        names.map((name, index) => [name, values[(index + from) % Math.max(1, values.length)] ?? null])
      )
    for (const [type] of events) {
      for (const id of [undefined, "6911188411934433028"]) {
        const meeting = { ...pick(about, 3), ...(id === undefined ? {} : { id }) }
        const event = read(JSON.parse(JSON.stringify(second(type, { ...pick(names, 0), meeting }))))
        assert.deepStrictEqual(Schema.decodeSync(json)(Schema.encodeSync(json)(event)), event)
      }
    }
  })
})

it("an event is told apart by its tag, in the types too", () => {
  const event = read(second("vc.meeting.join_meeting_v1", inMeeting))
  const id: MeetingId.MeetingId | undefined = Match.value(event).pipe(
    Match.tag("JoinMeeting", "LeaveMeeting", ({ meeting }) => meeting.id),
    Match.orElse(() => undefined)
  )
  assert.strictEqual(id, "6911188411934433028")
  // @ts-expect-error: not every event has a meeting.
  assert.isDefined(event.meeting)
  // @ts-expect-error: there is no such event.
  assert.isFalse(event._tag === "HostChanged")
})

describe("the time of an event", () => {
  it.each([
    ["1608725989000", 1_608_725_989_000],
    ["1608725989000123", 1_608_725_989_000],
    ["1608725989", 1_608_725_989_000],
    ["1608725989000123456", 1_608_725_989_000],
    [1608725989, 1_608_725_989_000],
    [1608725989000, 1_608_725_989_000],
    [1608725989000123, 1_608_725_989_000],
    ["1608725989.5", 1_608_725_989_500],
    ["", undefined],
    ["0", undefined],
    [0, undefined],
    ["-1608725989", undefined],
    [-1608725989, undefined],
    [NaN, undefined],
    [Infinity, undefined],
    ["0x5f9abf92", undefined],
    ["1e9", undefined],
    [null, undefined],
    [["1608725989"], undefined],
    ["soon", undefined],
    ["9".repeat(40), undefined]
  ])("%j", (time, millis) => {
    const event = read({
      schema: "2.0",
      header: { ...header, create_time: time },
      event: { meeting: { ...wireMeeting, start_time: time, end_time: time }, operator: {} }
    })
    const { createdAt } = event
    assert("meeting" in event)
    const { endTime, startTime } = event.meeting
    assert.deepStrictEqual(
      [createdAt, startTime, endTime].map((at) => Option.getOrUndefined(Option.map(at, DateTime.toEpochMillis))),
      [millis, millis, millis]
    )
  })
})
