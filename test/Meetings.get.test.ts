import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { DateTime, Effect, Option, Redacted, Schema } from "effect"
import { Lark, Meeting, MeetingId, MeetingNo, Meetings, MeetingUser } from "effect-lark-meetings"
import * as platform from "./fixtures/http/platform.ts"
import { alice, asUser, bob, id, on, room } from "./fixtures/World.ts"

/** The meeting in the data of an answer written by hand. */
const decoded = (meeting: unknown, options: { readonly idType?: MeetingUser.IdType } = {}) =>
  Meetings.get(id, { idType: "open_id", ...options }).pipe(
    Effect.provide(Lark.layer(platform.app)),
    Effect.provide(platform.make(() => platform.ok({ meeting })).layer)
  )

describe("get", () => {
  it.effect("has all that the document's example has", () =>
    Effect.gen(function*() {
      const meeting = yield* decoded({
        id: "6911188411934433028",
        topic: "my meeting",
        url: "https://vc.feishu.cn/j/337736498",
        meeting_no: "123456789",
        password: "971024",
        create_time: "1608885566",
        start_time: "1608883322",
        end_time: "1608888867",
        meeting_connect: false,
        host_user: { id: "ou_3ec3f6a28a0d08c45d895276e8e5e19b", user_type: 1 },
        status: 2,
        participant_count: "10",
        participant_count_accumulated: "10",
        participants: [{
          id: "ou_3ec3f6a28a0d08c45d895276e8e5e19b",
          first_join_time: "1624438144",
          final_leave_time: "1624438144",
          in_meeting_duration: "123",
          user_type: 1,
          is_host: true,
          is_cohost: true,
          is_external: true,
          status: 2
        }],
        ability: {
          use_video: true,
          use_audio: true,
          use_share_screen: true,
          use_follow_screen: true,
          use_recording: true,
          use_pstn: true
        },
        note_id: "7451234567890"
      })
      const host = MeetingUser.openId("ou_3ec3f6a28a0d08c45d895276e8e5e19b")
      const at = (seconds: number) => Option.some(DateTime.makeUnsafe(seconds * 1000))
      assert.deepStrictEqual<object>(meeting, {
        id: "6911188411934433028",
        topic: "my meeting",
        url: "https://vc.feishu.cn/j/337736498",
        meetingNo: Option.some(MeetingNo.make("123456789")),
        password: Option.some(Redacted.make("971024")),
        createTime: at(1608885566),
        startTime: at(1608883322),
        endTime: at(1608888867),
        hostUser: Option.some(host),
        status: Meeting.Status.InProgress,
        participantCount: Option.some("10"),
        participants: [{
          user: host,
          isHost: true,
          isCohost: true,
          isExternal: true,
          status: Meeting.ParticipantStatus.InMeeting,
          firstJoinTime: at(1624438144),
          finalLeaveTime: at(1624438144)
        }],
        ability: Option.some({
          useVideo: true,
          useAudio: true,
          useShareScreen: true,
          useFollowScreen: true,
          useRecording: true,
          usePstn: true
        })
      })
    }))

  it.effect("needs an id only, and takes null and other types for absent", () =>
    Effect.gen(function*() {
      const bare = yield* decoded({ id })
      assert.deepStrictEqual<object>(bare, {
        id,
        topic: "",
        url: "",
        meetingNo: Option.none(),
        password: Option.none(),
        createTime: Option.none(),
        startTime: Option.none(),
        endTime: Option.none(),
        hostUser: Option.none(),
        status: 0,
        participantCount: Option.none(),
        participants: [],
        ability: Option.none()
      })
      const texts = ["topic", "url", "meeting_no", "password", "participant_count"]
      const others = ["create_time", "start_time", "end_time", "host_user", "status", "participants", "ability"]
      const all = (keys: ReadonlyArray<string>, value: unknown) =>
        decoded({ id, ...Object.fromEntries(keys.map((key) => [key, value])) })
      for (const value of [null, {}, [], true]) assert.deepStrictEqual(yield* all([...texts, "status"], value), bare)
      for (const value of [null, "soon", true]) assert.deepStrictEqual(yield* all(others, value), bare)
    }))

  it.effect("has no password if it is empty, and no count if it is no number", () =>
    Effect.gen(function*() {
      const meeting = yield* decoded({ id, password: "", participant_count: "many" })
      assert.deepStrictEqual([meeting.password, meeting.participantCount], [Option.none(), Option.none()])
    }))

  it.effect("takes \"0\" and \"\" for no time, and a number for a time as well", () =>
    Effect.gen(function*() {
      const { createTime, endTime, startTime } = yield* decoded({
        id,
        create_time: 1608885566,
        start_time: "0",
        end_time: ""
      })
      assert.deepStrictEqual(createTime, Option.some(DateTime.makeUnsafe(1608885566000)))
      assert.deepStrictEqual([startTime, endTime], [Option.none(), Option.none()])
    }))

  it.effect("keeps undocumented numbers, and ignores undocumented fields", () =>
    Effect.gen(function*() {
      const participants = [{ id: "ou_x", user_type: 4711, status: 99 }]
      const meeting = yield* decoded({ id, status: 77, participants, a_new_field: { deep: [1] } })
      assert.strictEqual(meeting.status, 77)
      assert.deepStrictEqual(meeting.participants.map((one) => [one.user.userType, one.status]), [[4711, 99]])
    }))

  it.effect("leaves out participants without an id, and a host likewise", () =>
    Effect.gen(function*() {
      const participants = [{ user_type: 1 }, { id: "", user_type: 6 }, { id: "ou_x" }, { id: "ou_bob", user_type: 1 }]
      const meeting = yield* decoded({ id, participants, host_user: { id: "", user_type: 1 } })
      assert.deepStrictEqual(meeting.participants.map((one) => one.user), [bob])
      assert.deepStrictEqual(meeting.hostUser, Option.none())
      for (const host_user of [{}, [], "ou_alice", { id: "ou_alice" }, { id: 7, user_type: 1 }]) {
        assert.deepStrictEqual((yield* decoded({ id, host_user })).hostUser, Option.none())
      }
    }))

  it.effect("keeps the id that was asked for when the answer has something else in its place", () =>
    Effect.gen(function*() {
      for (const other of ["", "1", "123456789", "../../x", " 6911188411932033028"]) {
        assert.strictEqual((yield* decoded({ id: other })).id, id)
      }
      assert.strictEqual<string>((yield* decoded({ id: "6911188411932033029" })).id, "6911188411932033029")
    }))

  it.effect("has no meeting number where the answer has something other than nine digits", () =>
    Effect.gen(function*() {
      for (const meeting_no of ["", "12345678", "1234567890", "123 456 789", "six"]) {
        assert.deepStrictEqual((yield* decoded({ id, meeting_no })).meetingNo, Option.none())
      }
    }))

  it.effect("names users by the kind that was asked for", () =>
    on(
      {},
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* Meetings.get(id)).hostUser, Option.some(alice))
        const byUnion = yield* Meetings.get(id, { idType: "union_id" })
        assert.deepStrictEqual(byUnion.hostUser, Option.some(MeetingUser.unionId("on_alice")))
        const byUser = yield* Meetings.get(id, { idType: "user_id" })
        assert.deepStrictEqual(byUser.hostUser, Option.some(MeetingUser.userId("alice")))
      })
    ))

  it.effect("has participants and abilities only if they were asked for", () =>
    on(
      {},
      Effect.gen(function*() {
        const plain = yield* Meetings.get(id)
        assert.deepStrictEqual([plain.participants, plain.ability], [[], Option.none()])
        const full = yield* Meetings.get(id, { withParticipants: true, withAbility: true })
        assert.deepInclude(full.participants.map((one) => one.user), room)
        assert.strictEqual(
          full.participants.filter((one) => one.isHost).length,
          1
        )
        assert.isTrue(Option.isSome(full.ability))
      })
    ))

  it.effect("fails with each documented error", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.get(MeetingId.make("1111111111")))
        assert.include<object>(error, { _tag: "DataNotExist", code: 121004, status: 404 })
        const foreign = yield* Effect.flip(asUser("ou_stranger")(Meetings.get(id)))
        assert.strictEqual(foreign._tag, "NoPermission")
      })
    ))

  it.effect("fails with the scope that a field needs", () =>
    on(
      { userIdScope: false },
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.get(id, { idType: "user_id" }))
        assert.deepInclude<object>(error, { _tag: "MissingScope", scopes: ["contact:user.employee_id:readonly"] })
      })
    ))
})

/** Times are compared by value: an instance caches its parts. */
const assertSame = <A>(schema: Schema.Codec<A>, actual: A, expected: A) =>
  assert.isTrue(
    Schema.toEquivalence(schema)(actual, expected),
    `${JSON.stringify(actual)}, ${JSON.stringify(expected)}`
  )

describe("a meeting in JSON", () => {
  const roundTrip = <A>(schema: Schema.Codec<A>) => {
    const codec = Schema.fromJsonString(Schema.toCodecJson(schema))
    return (value: A) => Schema.decodeSync(codec)(Schema.encodeSync(codec)(value))
  }

  it.prop("comes back as it was", { meeting: Meeting.Meeting }, ({ meeting }) => {
    assertSame(Meeting.Meeting, roundTrip(Meeting.Meeting)(meeting), meeting)
  }, { arbitrary: { runs: 50 } })

  it.prop("has participants that come back as they were", { participant: Meeting.Participant }, ({ participant }) => {
    assertSame(Meeting.Participant, roundTrip(Meeting.Participant)(participant), participant)
  })

  it.effect("comes back as the platform sent it, under the kind of id that was asked for", () =>
    on(
      {},
      Effect.gen(function*() {
        const meeting = yield* Meetings.get(id, { idType: "union_id", withParticipants: true, withAbility: true })
        assert.isAbove(meeting.participants.length, 2)
        const back = roundTrip(Meeting.schema("union_id"))(meeting)
        assert.deepStrictEqual(back, meeting)
        expectTypeOf(back).toEqualTypeOf<Meeting.Meeting<"union_id">>()
        const [participant] = meeting.participants
        if (participant === undefined) return assert.fail("nobody is in the meeting")
        assert.deepStrictEqual(roundTrip(Meeting.participantSchema("union_id"))(participant), participant)
      })
    ))

  it("is refused with users of another kind than was asked for, or with another number for its id", () => {
    const codec = Schema.toCodecJson(Meeting.schema("open_id"))
    const json = Schema.encodeSync(Schema.toCodecJson(Meeting.Meeting))({
      id,
      topic: "",
      url: "",
      meetingNo: Option.some(MeetingNo.make("123456789")),
      password: Option.none(),
      status: 2,
      hostUser: Option.some(alice),
      createTime: Option.none(),
      startTime: Option.none(),
      endTime: Option.none(),
      participantCount: Option.none(),
      participants: [],
      ability: Option.none()
    })
    const decode = Schema.decodeUnknownOption(codec)
    if (typeof json !== "object" || json === null) return assert.fail("not an object")
    assert.isTrue(Option.isSome(decode(json)))
    assert.isTrue(Option.isNone(decode({ ...json, id: "123456789" })))
    const other = Schema.encodeSync(Schema.toCodecJson(Schema.Option(MeetingUser.MeetingUser)))
    assert.isTrue(Option.isNone(decode({ ...json, hostUser: other(Option.some(MeetingUser.unionId("on_alice"))) })))
    assert.isTrue(Option.isSome(decode({ ...json, hostUser: other(Option.some(bob)) })))
  })
})
