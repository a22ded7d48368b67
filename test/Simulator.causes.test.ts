/**
 * What causes each event of a meeting, and what the event says: by endpoint, by the `Simulator` service and by the clock.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { type Json, on, outcome, send, tenantToken, userToken } from "./fixtures/simulated.ts"
import { urlOf, wire } from "./fixtures/simulatedMeeting.ts"
import { id } from "./fixtures/World.ts"

const other = "6911188411932033029"

const Push = Schema.fromJsonString(Schema.Struct({
  header: Schema.Struct({ event_type: Schema.String }),
  event: Schema.Record(Schema.String, Schema.Unknown)
}))

/** The name of an event without `vc.meeting.` and the version, and its `event` field. */
type Pushed = readonly [name: string, event: Json]

/** Runs a program on a new simulator whose webhook takes every event. */
const pushing = <A, E>(
  options: Simulator.Options,
  program: (
    pushed: ReadonlyArray<Pushed>,
    simulator: Simulator.Simulator["Service"]
  ) => Parameters<typeof on<A, E>>[1]
) => {
  const pushed: Array<Pushed> = []
  const deliver: Simulator.Deliver = (request) =>
    Effect.sync(() => {
      assert(request.body._tag === "Uint8Array")
      const { event, header } = Schema.decodeSync(Push)(new TextDecoder().decode(request.body.body))
      pushed.push([header.event_type.replace(/^vc\.(?:meeting\.)?(.*)_v1$/, "$1"), event])
      return HttpClientResponse.fromWeb(request, new Response("{}"))
    })
  return on(
    { ...options, webhook: { url: "http://localhost/events", deliver } },
    Simulator.Simulator.use((simulator) => program(pushed, simulator))
  )
}

const names = (pushed: ReadonlyArray<Pushed>) => pushed.map(([name]) => name)

const user = (name: string) => ({
  id: { union_id: `on_${name}`, user_id: name, open_id: `ou_${name}` },
  user_role: 1,
  user_type: 1
})

/** The events of people: who did it, and why they left. */
const ofPeople = (pushed: ReadonlyArray<Pushed>, names: ReadonlyArray<string>) =>
  pushed.filter(([name]) => names.includes(name)).map(([name, { leave_reason, leave_user, operator }]) => [
    name,
    operator,
    ...(leave_user === undefined ? [] : [leave_user, leave_reason])
  ])

const refusal = (effect: Effect.Effect<unknown>) => Effect.map(Effect.flip(Effect.sandbox(effect)), String)

const request = (
  method: "POST" | "PATCH",
  operation: string,
  operator?: string,
  body: unknown = {},
  meetingId = `${id}`
) =>
  Effect.gen(function*() {
    const token = operator === undefined ? yield* tenantToken : yield* userToken(operator)
    return yield* send(
      HttpClientRequest.make(method)(`${urlOf(meetingId)}${operation}`).pipe(
        HttpClientRequest.bearerToken(token),
        HttpClientRequest.bodyJsonUnsafe(body)
      )
    )
  })

const weekly: Simulator.MeetingOptions = {
  id,
  host: "ou_alice",
  owner: "ou_carol",
  topic: "Weekly",
  meetingNo: "123456789",
  participants: ["ou_bob"]
}

const securitySetting = (security_level: number) => ({
  security_level,
  group_ids: [],
  user_ids: [],
  room_ids: [],
  has_set_security_contacts_and_group: false
})

describe("the meeting of an event", () => {
  const of = {
    id,
    topic: "Weekly",
    meeting_no: "123456789",
    meeting_source: 4,
    start_time: "60",
    end_time: "",
    host_user: user("alice"),
    owner: user("carol"),
    security_setting: securitySetting(1)
  }

  it.effect("has the documented fields, and says when the meeting is locked", () =>
    pushing({}, (pushed, simulator) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("1 minute")
        yield* simulator.startMeeting(weekly)
        yield* simulator.lock(id, true)
        yield* simulator.share(id, "ou_bob", true)
        assert.deepStrictEqual(pushed, [
          ["meeting_started", { meeting: of, operator: user("alice") }],
          ["all_meeting_started", { meeting: of, operator: user("alice") }],
          ["share_started", { meeting: { ...of, security_setting: securitySetting(4) }, operator: user("bob") }]
        ])
      })))

  it.effect("names its event in the calendar when it starts and ends, if it comes from there", () =>
    pushing({ people: [{ user: "ou_alice", subscribed: true }] }, (pushed, simulator) =>
      Effect.gen(function*() {
        yield* simulator.startMeeting({ ...weekly, calendarEventId: "event_0" })
        yield* simulator.joinMeeting(id, "ou_alice")
        yield* simulator.endMeeting(id)
        const inCalendar = pushed.map(([name, { meeting }]) => {
          assert.include(meeting, { meeting_source: 1, calendar_event_id: "event_0" })
          return name
        })
        assert.deepStrictEqual(inCalendar, [
          "all_meeting_started",
          "participant_meeting_started",
          "participant_meeting_joined",
          "all_meeting_ended",
          "participant_meeting_ended"
        ])
      })))

  it.effect("does not name an event in the calendar while it goes on", () =>
    pushing(
      { meetings: [{ ...weekly, apiReserved: true, calendarEventId: "event_0" }] },
      (pushed, simulator) =>
        Effect.gen(function*() {
          yield* simulator.joinMeeting(id, "ou_dave")
          yield* simulator.record(id, true)
          for (const [, { meeting }] of pushed) assert.notProperty(meeting, "calendar_event_id")
          assert.lengthOf(pushed, 2)
        })
    ))
})

describe("a shared screen", () => {
  const shares = ["share_started", "share_ended"]

  it.effect("is that of one person in the meeting", () =>
    pushing({ meetings: [weekly] }, (pushed, simulator) =>
      Effect.gen(function*() {
        assert.include(yield* refusal(simulator.share(id, "ou_dave", true)), "ou_dave is not in the meeting")
        assert.include(yield* refusal(simulator.share(id, "ou_bob", false)), "ou_bob does not share")
        yield* simulator.share(id, "ou_bob", true)
        assert.strictEqual((yield* simulator.meeting(id)).sharedBy?.openId, "ou_bob")
        assert.include(yield* refusal(simulator.share(id, "ou_alice", true)), "ou_bob shares")
        assert.include(yield* refusal(simulator.share(id, "ou_alice", false)), "ou_alice does not share")
        yield* simulator.share(id, "ou_bob", false)
        assert.isUndefined((yield* simulator.meeting(id)).sharedBy)
        yield* simulator.share(id, "ou_alice", true)
        assert.deepStrictEqual(ofPeople(pushed, shares), [
          ["share_started", user("bob")],
          ["share_ended", user("bob")],
          ["share_started", user("alice")]
        ])
      })))

  it.effect.each<readonly [string, (simulator: Simulator.Simulator["Service"]) => Effect.Effect<void>]>([
    ["leaves", (simulator) => simulator.leaveMeeting(id, "ou_bob")],
    ["is removed", (simulator) => simulator.kickout(id, "ou_bob")],
    ["is in a meeting that ends", (simulator) => simulator.endMeeting(id)]
  ])(
    "ends when its owner %s",
    ([, change]) =>
      pushing({ meetings: [weekly] }, (pushed, simulator) =>
        Effect.gen(function*() {
          yield* simulator.share(id, "ou_bob", true)
          yield* change(simulator)
          assert.deepStrictEqual(ofPeople(pushed, shares).map(([name]) => name), shares)
          assert.isUndefined((yield* simulator.meeting(id)).sharedBy)
        }))
  )

  it.effect("goes on when somebody else leaves", () =>
    pushing({ meetings: [weekly] }, (pushed, simulator) =>
      Effect.gen(function*() {
        yield* simulator.share(id, "ou_bob", true)
        yield* simulator.leaveMeeting(id, "ou_alice")
        assert.deepStrictEqual(names(pushed), ["share_started", "leave_meeting"])
        assert.strictEqual((yield* simulator.meeting(id)).sharedBy?.openId, "ou_bob")
      })))
})

describe("the leave_meeting event", () => {
  const left = (pushed: ReadonlyArray<Pushed>) => ofPeople(pushed, ["leave_meeting"])

  it.effect("has the reason: left, the meeting ended, or removed", () =>
    pushing({
      meetings: [{ ...weekly, participants: ["ou_bob", "ou_carol", "ou_dave", { user: "ou_erin", status: "ringing" }] }]
    }, (
      pushed,
      simulator
    ) =>
      Effect.gen(function*() {
        yield* simulator.leaveMeeting(id, "ou_bob")
        yield* simulator.kickout(id, "ou_carol")
        assert.include(yield* refusal(simulator.kickout(id, "ou_carol")), "ou_carol is not in the meeting")
        assert.include(yield* refusal(simulator.kickout(id, "ou_alice")), "ou_alice is the host")
        yield* simulator.endMeeting(id)
        assert.deepStrictEqual(names(pushed), [
          "leave_meeting",
          "leave_meeting",
          "meeting_ended",
          "all_meeting_ended",
          "leave_meeting",
          "leave_meeting"
        ])
        assert.deepStrictEqual(left(pushed), [
          ["leave_meeting", user("bob"), user("bob"), 1],
          ["leave_meeting", user("carol"), user("carol"), 3],
          ["leave_meeting", user("alice"), user("alice"), 2],
          ["leave_meeting", user("dave"), user("dave"), 2]
        ])
      })))

  it.effect("is not sent for a user who declines a call, has left before, or never came", () =>
    pushing(
      { meetings: [{ ...weekly, participants: ["ou_bob", { user: "ou_erin", status: "ringing" }] }] },
      (pushed, simulator) =>
        Effect.gen(function*() {
          for (const one of ["ou_bob", "ou_bob", "ou_erin", "ou_dave"]) yield* simulator.leaveMeeting(id, one)
          assert.deepStrictEqual(left(pushed), [["leave_meeting", user("bob"), user("bob"), 1]])
          assert.deepStrictEqual(
            (yield* simulator.meeting(id)).participants.map((one) => `${one.user.openId} ${one.status}`),
            ["ou_alice in_meeting", "ou_bob left", "ou_erin left"]
          )
        })
    ))

  it.effect("is also sent after requests", () =>
    pushing(
      { meetings: [{ ...weekly, participants: ["ou_bob", { user: "ou_erin", status: "ringing" }] }] },
      (pushed) =>
        Effect.gen(function*() {
          const targets = { kickout_users: [wire("ou_bob"), wire("ou_erin")] }
          assert.deepStrictEqual(outcome(yield* request("POST", "/kickout", undefined, targets)), [200, 0])
          assert.deepStrictEqual(outcome(yield* request("PATCH", "/end", "ou_alice")), [200, 0])
          yield* TestClock.adjust(0)
          // ou_erin was invited and has not answered, so was not in the meeting.
          assert.deepStrictEqual(left(pushed), [
            ["leave_meeting", user("bob"), user("bob"), 3],
            ["leave_meeting", user("alice"), user("alice"), 2]
          ])
        })
    ))

  it.effect("is not sent when a meeting ends, if `leaveAtEnd` is false", () =>
    pushing({ meetings: [weekly], leaveAtEnd: false }, (pushed, simulator) =>
      Effect.gen(function*() {
        yield* simulator.share(id, "ou_bob", true)
        yield* simulator.endMeeting(id)
        assert.deepStrictEqual(names(pushed), ["share_started", "meeting_ended", "all_meeting_ended", "share_ended"])
      })))
})

describe("a user who subscribed to the events of the own meetings", () => {
  const participant = (pushed: ReadonlyArray<Pushed>) =>
    pushed.filter(([name]) => name.startsWith("participant_")).map(([name, { operator, subscriber_ids }]) => [
      name,
      operator,
      subscriber_ids
    ])
  const [alice, bob] = [user("alice"), user("bob")]

  it.effect("gets an event when they start, when that user joins, and when they end", () =>
    pushing({ people: [{ user: "ou_bob", subscribed: true }, { user: "ou_dave", subscribed: true }] }, (
      pushed,
      simulator
    ) =>
      Effect.gen(function*() {
        yield* simulator.startMeeting({ ...weekly, apiReserved: false })
        yield* simulator.joinMeeting(id, "ou_erin")
        yield* simulator.joinMeeting(id, "ou_dave")
        yield* simulator.leaveMeeting(id, "ou_bob")
        yield* simulator.endMeeting(id)
        assert.deepStrictEqual(participant(pushed), [
          ["participant_meeting_started", alice, [bob.id]],
          ["participant_meeting_joined", user("dave"), [user("dave").id]],
          ["participant_meeting_ended", alice, [bob.id, user("dave").id]]
        ])
      })))

  it.effect("subscribes to each type by a request, and unsubscribes", () =>
    pushing({}, (pushed, simulator) =>
      Effect.gen(function*() {
        const type = (name: string) => ({ event_type: `vc.meeting.participant_meeting_${name}_v1` })
        const ask = (operation: string, body: unknown, operator: string | undefined = "ou_bob") =>
          Effect.map(request("POST", "", operator, body, operation), outcome)
        const api = "subscription"
        assert.deepStrictEqual(yield* ask(api, type("joined")), [200, 0])
        assert.deepStrictEqual(yield* ask(api, type("joined")), [200, 0])
        assert.deepStrictEqual(yield* ask(api, type("ended")), [200, 0])
        assert.deepStrictEqual(yield* ask(api, type("locked")), [400, 121003])
        assert.deepStrictEqual(yield* ask(api, {}), [400, 121003])
        assert.deepStrictEqual(yield* ask(api, type("ended"), "ou_alice"), [200, 0])
        assert.deepStrictEqual(yield* ask(`un${api}`, type("ended")), [200, 0])
        yield* simulator.startMeeting({ ...weekly, participants: [] })
        yield* simulator.joinMeeting(id, "ou_bob")
        yield* simulator.endMeeting(id)
        assert.deepStrictEqual(participant(pushed), [
          ["participant_meeting_joined", bob, [bob.id]],
          ["participant_meeting_ended", alice, [alice.id]]
        ])
      })))
})

describe("a recording", () => {
  it.effect("starts with a reserved meeting that records by itself", () =>
    pushing({ people: [{ user: "ou_carol" }], recordingReadyAfter: 10 }, (pushed, simulator) =>
      Effect.gen(function*() {
        const applied = yield* Effect.flatMap(tenantToken, (token) =>
          send(
            HttpClientRequest.post("https://open.feishu.cn/open-apis/vc/v1/reserves/apply").pipe(
              HttpClientRequest.bearerToken(token),
              HttpClientRequest.bodyJsonUnsafe({
                owner_id: "ou_carol",
                end_time: "3600",
                meeting_settings: { auto_record: true }
              })
            )
          ))
        assert.deepStrictEqual(outcome(applied), [200, 0])
        const reserveId = (yield* simulator.reserves)[0]?.id
        yield* TestClock.adjust("1 minute")
        yield* simulator.startMeeting({ ...weekly, reserveId })
        assert.deepStrictEqual((yield* simulator.meeting(id)).recording, {
          startedAt: 60_000,
          stoppedAt: undefined,
          viewers: []
        })
        yield* TestClock.adjust("5 seconds")
        yield* simulator.endMeeting(id)
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(names(pushed).filter((name) => name.startsWith("recording")), [
          "recording_started",
          "recording_ended",
          "recording_ready"
        ])
        assert.deepStrictEqual(names(pushed).slice(0, 3), [
          "meeting_started",
          "all_meeting_started",
          "recording_started"
        ])
        assert.strictEqual(pushed.at(-1)?.[1]["duration"], "5000")
      })))

  it.effect("has started in a meeting of the options that is recorded", () =>
    pushing({
      reserves: [{ id: "1", owner: "ou_carol", topic: "Third", autoRecord: true }],
      meetings: [{ id, recorded: true }, { id: other, reserveId: "1" }]
    }, (pushed, simulator) =>
      Effect.gen(function*() {
        const { owner, topic } = yield* simulator.meeting(other)
        assert.deepStrictEqual([owner?.openId, topic], ["ou_carol", "Third"])
        yield* simulator.record(id, false)
        yield* simulator.record(other, false)
        assert.deepStrictEqual(names(pushed), ["recording_ended", "recording_ended"])
      })))

  it.effect("does not start with a meeting that is calling", () =>
    pushing(
      { meetings: [{ ...weekly, status: "calling", recorded: true }] },
      (_, simulator) => Effect.map(simulator.meeting(id), ({ recording }) => assert.isUndefined(recording))
    ))

  it.effect("does not start with a reserved meeting that does not", () =>
    pushing({ reserves: [{ id: "1", owner: "ou_carol" }] }, (pushed, simulator) =>
      Effect.gen(function*() {
        yield* simulator.startMeeting({ ...weekly, reserveId: "1" })
        assert.deepStrictEqual(names(pushed), ["meeting_started", "all_meeting_started"])
      })))

  it.effect.each<readonly [Simulator.MeetingStatus, string]>([["calling", "is not in progress"], [
    "ended",
    "has ended"
  ]])(
    "needs a meeting in progress, not one that is %s",
    ([status, reason]) =>
      pushing({ meetings: [{ ...weekly, status }] }, (pushed, simulator) =>
        Effect.gen(function*() {
          for (const operation of ["start", "stop"]) {
            assert.deepStrictEqual(outcome(yield* request("PATCH", `/recording/${operation}`, "ou_alice")), [
              400,
              122001
            ])
          }
          assert.include(yield* refusal(simulator.record(id, true)), reason)
          assert.include(yield* refusal(simulator.share(id, "ou_bob", true)), reason)
          assert.include(yield* refusal(simulator.kickout(id, "ou_bob")), reason)
          assert.deepStrictEqual(pushed, [])
        }))
  )
})

describe("a locked meeting", () => {
  const options = { people: [{ user: "ou_dave" }, { user: "ou_erin" }] }
  const inviteDave = Effect.map(request("PATCH", "/invite", "ou_alice", { invitees: [wire("ou_dave")] }), outcome)

  const isClosed = (simulator: Simulator.Simulator["Service"]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* inviteDave, [400, 122008])
      const before = (yield* simulator.meeting(id)).participants
      assert.include(yield* refusal(simulator.joinMeeting(id, "ou_dave")), "is locked (122008)")
      assert.deepStrictEqual((yield* simulator.meeting(id)).participants, before)
    })

  it.effect("takes nobody but its host, until it is unlocked", () =>
    pushing({ ...options, meetings: [{ ...weekly, locked: true }] }, (pushed, simulator) =>
      Effect.gen(function*() {
        yield* isClosed(simulator)
        yield* simulator.leaveMeeting(id, "ou_alice")
        yield* simulator.joinMeeting(id, "ou_alice")
        yield* simulator.lock(id, false)
        yield* simulator.joinMeeting(id, "ou_dave")
        assert.deepStrictEqual(names(pushed), ["leave_meeting", "join_meeting", "join_meeting"])
        yield* simulator.lock(id, true)
        // The second device of somebody who is in it.
        yield* simulator.joinMeeting(id, "ou_dave")
        yield* simulator.leaveMeeting(id, "ou_dave")
        yield* isClosed(simulator)
        yield* simulator.endMeeting(id)
        assert.include(yield* refusal(simulator.lock(id, false)), "has ended")
      })))

  it.effect("takes nobody whom it called before", () =>
    pushing({ ...options, meetings: [weekly] }, (_, simulator) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* inviteDave, [200, 0])
        yield* simulator.lock(id, true)
        yield* isClosed(simulator)
      })))

  it.effect("is locked and unlocked by the clock, and skips who joins by the clock", () =>
    pushing({
      ...options,
      meetings: [weekly],
      schedule: [
        { _tag: "Lock", millis: 1_000, locked: true },
        { _tag: "Join", millis: 2_000, user: "ou_erin" },
        { _tag: "Lock", millis: 3_000, locked: false },
        { _tag: "Join", millis: 4_000, user: "ou_erin" }
      ]
    }, (pushed, simulator) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("2 seconds")
        yield* isClosed(simulator)
        assert.deepStrictEqual(pushed, [])
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(names(pushed), ["join_meeting"])
        assert.deepStrictEqual(yield* inviteDave, [200, 0])
      })))
})

describe("a reservation", () => {
  it.effect("is made by the options, by the service and by the clock", () =>
    pushing({
      reserves: [{ id: "1", owner: "ou_alice", topic: "First", meetingNo: "111111111" }],
      schedule: [
        { _tag: "Reserve", millis: 1_000, reserveId: "3", owner: "ou_carol", topic: "Third", autoRecord: true },
        { _tag: "Reserve", millis: 2_000, reserveId: "1", owner: "ou_dave" },
        { _tag: "Start", millis: 3_000, meetingId: id, reserveId: "3" }
      ]
    }, (pushed, simulator) =>
      Effect.gen(function*() {
        const second = yield* simulator.reserve({ owner: "ou_bob", endsAt: 60_000, hosts: ["ou_carol"] })
        assert.include(yield* refusal(simulator.reserve({ id: "1", owner: "ou_bob" })), "reservation 1 already")
        yield* TestClock.adjust("3 seconds")
        const reserves = yield* simulator.reserves
        assert.deepStrictEqual(reserves.map(({ id, owner, settings }) => [id, owner.openId, settings]), [
          ["1", "ou_alice", { topic: "First" }],
          [second.id, "ou_bob", {}],
          ["3", "ou_carol", { topic: "Third", auto_record: true }]
        ])
        assert.strictEqual(reserves[0]?.meetingNo, "111111111")
        assert.strictEqual(reserves[1]?.endsAt, 60_000)
        assert.deepStrictEqual(reserves[1]?.hosts.map(({ openId }) => openId), ["ou_carol"])
        const { meetingNo, topic } = yield* simulator.meeting(id)
        assert.deepStrictEqual([topic, meetingNo], ["Third", reserves[2]?.meetingNo])
        assert.include(names(pushed), "recording_started")
        // The app that reserved it reads it as its own.
        const read = yield* Effect.flatMap(tenantToken, (token) =>
          send(
            HttpClientRequest.get(`https://open.feishu.cn/open-apis/vc/v1/reserves/${second.id}`).pipe(
              HttpClientRequest.bearerToken(token)
            )
          ))
        assert.deepStrictEqual(outcome(read), [200, 0])
      })))
})

describe("by the clock", () => {
  it.effect("every documented event of meetings happens, each with its meeting", () =>
    pushing({
      people: [{ user: "ou_bob", subscribed: true }],
      schedule: [
        { _tag: "Reserve", millis: 0, reserveId: "1", owner: "ou_alice" },
        { _tag: "Start", millis: 1_000, meetingId: id, reserveId: "1", host: "ou_alice", participants: ["ou_bob"] },
        { _tag: "Join", millis: 2_000, meetingId: id, user: "ou_bob" },
        { _tag: "Record", millis: 3_000, meetingId: id, running: true },
        { _tag: "Share", millis: 4_000, meetingId: id, user: "ou_bob", running: true },
        { _tag: "Kickout", millis: 5_000, meetingId: id, user: "ou_bob" },
        { _tag: "End", millis: 6_000, meetingId: id }
      ]
    }, (pushed) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("1 minute")
        for (const [, { meeting }] of pushed) assert.include(meeting, { id })
        assert.deepStrictEqual([...new Set(names(pushed))].toSorted(), [
          "all_meeting_ended",
          "all_meeting_started",
          "join_meeting",
          "leave_meeting",
          "meeting_ended",
          "meeting_started",
          "participant_meeting_ended",
          "participant_meeting_joined",
          "participant_meeting_started",
          "recording_ended",
          "recording_ready",
          "recording_started",
          "share_ended",
          "share_started"
        ])
      })))

  it.effect("screens are shared, people are removed, and any event is pushed", () =>
    pushing({
      meetings: [weekly],
      schedule: [
        { _tag: "Share", millis: 1_000, user: "ou_bob", running: true },
        { _tag: "Share", millis: 2_000, user: "ou_bob", running: false },
        { _tag: "Kickout", millis: 3_000, user: "ou_bob" },
        { _tag: "Push", millis: 4_000, type: "vc.room.deleted_v1", event: { room_id: "omm_1" } }
      ]
    }, (pushed) =>
      Effect.gen(function*() {
        yield* TestClock.adjust("4 seconds")
        assert.deepStrictEqual(names(pushed), ["share_started", "share_ended", "leave_meeting", "room.deleted"])
        assert.deepStrictEqual(pushed.at(-1)?.[1], { room_id: "omm_1" })
      })))
})
