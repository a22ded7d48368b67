/**
 * The events that the simulated Feishu pushes, and how it chooses among connections.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import {
  Events,
  EventUser,
  Lark,
  LongConnection,
  MeetingId,
  Meetings,
  MeetingUser,
  Recordings,
  UserToken
} from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { connect, discoveries, push, settle } from "./fixtures/connected.ts"
import { alice } from "./fixtures/World.ts"

const id = "6911188411932033028"

const collect = Effect.gen(function*() {
  const events: Array<Events.Event> = []
  yield* Effect.forkScoped(Events.handle((event) => Effect.sync(() => events.push(event))))
  yield* settle
  return events
})

describe("an event of a meeting", () => {
  it.effect("is pushed when it is recorded, and when people are removed", () =>
    connect(
      { meetings: [{ id, host: "ou_alice", participants: ["ou_bob"] }], recordingReadyAfter: 60 },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const events = yield* collect
        const session = UserToken.fromAccessToken(yield* simulator.userToken("ou_alice"))
        yield* Effect.gen(function*() {
          const meetingId = MeetingId.make(id)
          yield* Meetings.kickout(meetingId, [MeetingUser.openId("ou_bob")])
          yield* Recordings.start(meetingId)
          yield* Recordings.stop(meetingId)
          yield* Recordings.start(meetingId)
          yield* TestClock.adjust("10 seconds")
          yield* Meetings.end(meetingId)
        }).pipe(Lark.asUser(session))
        yield* TestClock.adjust("1 minute")
        yield* settle
        assert.deepStrictEqual(events.map(({ _tag }) => _tag), [
          "LeaveMeeting",
          "RecordingStarted",
          "RecordingEnded",
          "RecordingStarted",
          "MeetingEnded",
          "AllMeetingEnded",
          "LeaveMeeting",
          "RecordingEnded",
          "RecordingReady"
        ])
        const [left] = events
        const ready = events.at(-1)
        assert(left?._tag === "LeaveMeeting" && ready?._tag === "RecordingReady")
        assert.strictEqual(left.leaveReason, 3)
        assert.include(ready.url, "/minutes/")
      }).pipe(Effect.scoped)
    ))

  it.effect("is pushed when it starts and ends, and when people join and leave", () =>
    connect(
      { app: { ...Simulator.defaultApp, tenants: ["tenant_a"] } },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const events = yield* collect
        yield* TestClock.adjust("1 minute")
        yield* simulator.startMeeting({ id, topic: "Weekly", host: "ou_alice", meetingNo: "123456789" })
        yield* simulator.joinMeeting(id, "ou_bob")
        yield* simulator.leaveMeeting(id, "ou_bob")
        yield* simulator.endMeeting(id)
        assert.deepStrictEqual(events.map(({ _tag }) => _tag), [
          "MeetingStarted",
          "AllMeetingStarted",
          "JoinMeeting",
          "LeaveMeeting",
          "MeetingEnded",
          "AllMeetingEnded",
          "LeaveMeeting"
        ])
        const [started, ofAll, joined, left] = events
        assert(started?._tag === "MeetingStarted" && joined?._tag === "JoinMeeting" && left?._tag === "LeaveMeeting")
        assert.strictEqual(started.meeting.topic, "Weekly")
        assert(ofAll?._tag === "AllMeetingStarted")
        assert.deepStrictEqual(ofAll.meeting, started.meeting)
        assert.notStrictEqual(ofAll.id, started.id)
        assert.isTrue(EventUser.is(started.meeting.hostUser, alice))
        assert.isTrue(EventUser.is(joined.operator, MeetingUser.unionId("on_bob")))
        assert.isFalse(EventUser.is(joined.operator, alice))
        assert.isTrue(EventUser.is(left.leaveUser, MeetingUser.userId("bob")))
        assert.strictEqual(left.leaveReason, 1)
        const meeting = yield* simulator.meeting(id)
        assert.deepStrictEqual(
          meeting.participants.map(({ status, user }) => [user.openId, status]),
          [["ou_alice", "left"], ["ou_bob", "left"]]
        )
      }).pipe(Effect.scoped)
    ))

  it.effect("is pushed of one that the API did not reserve only when it starts and ends", () =>
    connect(
      {},
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const events = yield* collect
        yield* simulator.startMeeting({ id, host: "ou_alice", participants: ["ou_carol"], apiReserved: false })
        yield* simulator.joinMeeting(id, "ou_bob")
        yield* simulator.leaveMeeting(id, "ou_bob")
        const session = UserToken.fromAccessToken(yield* simulator.userToken("ou_alice"))
        yield* Effect.gen(function*() {
          const meetingId = MeetingId.make(id)
          yield* Meetings.kickout(meetingId, [MeetingUser.openId("ou_carol")])
          yield* Recordings.start(meetingId)
          yield* Recordings.stop(meetingId)
          yield* Recordings.start(meetingId)
          yield* Meetings.end(meetingId)
        }).pipe(Lark.asUser(session))
        yield* settle
        assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["AllMeetingStarted", "AllMeetingEnded"])
      }).pipe(Effect.scoped)
    ))

  it.effect("is pushed when somebody in it records it, once for each start and stop", () =>
    connect(
      { meetings: [{ id, host: "ou_alice" }] },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const events = yield* collect
        const refused = (running: boolean) =>
          Effect.map(Effect.flip(Effect.sandbox(simulator.record(id, running))), String)
        assert.include(yield* refused(false), "is not recorded")
        yield* simulator.record(id, true)
        assert.include(yield* refused(true), "is recorded already")
        yield* TestClock.adjust("2 seconds")
        yield* simulator.record(id, false)
        assert.deepStrictEqual((yield* simulator.meeting(id)).recording, {
          startedAt: 0,
          stoppedAt: 2_000,
          viewers: []
        })
        assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["RecordingStarted", "RecordingEnded"])
      }).pipe(Effect.scoped)
    ))

  it.effect("is pushed when the host ends it", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const token = yield* simulator.userToken("ou_alice")
      const events = yield* collect
      yield* Meetings.end(MeetingId.make(id)).pipe(
        Lark.asUser(UserToken.fromAccessToken(token)),
        Effect.provide(Lark.layer(Simulator.defaultApp))
      )
      yield* settle
      assert.deepStrictEqual(events.map(({ _tag }) => _tag), ["MeetingEnded", "AllMeetingEnded", "LeaveMeeting"])
    }).pipe(
      Effect.scoped,
      Effect.provide(LongConnection.layer),
      Effect.provide(Lark.layer(Simulator.defaultApp)),
      Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }] }))
    ))

  it.effect("goes nowhere without a webhook and a connection, and changes the meeting all the same", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      yield* simulator.joinMeeting(id, "ou_bob")
      assert.lengthOf((yield* simulator.meeting(id)).participants, 1)
      assert.deepStrictEqual(yield* simulator.pushes, [])
    }).pipe(Effect.provide(Simulator.layer({ meetings: [{ id }] }))))

  it.effect("is pushed by webhook with the same faults", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const received: Array<number> = []
      yield* simulator.deliverTo((request) =>
        Effect.map(TestClock.testClockWith((clock) => clock.currentTimeMillis), (now) => {
          received.push(now / 1_000)
          return HttpClientResponse.fromWeb(request, new Response("{}"))
        })
      )
      yield* Effect.forkChild(Effect.repeat(simulator.joinMeeting(id, "ou_bob"), { times: 3 }))
      yield* TestClock.adjust("1 hour")
      // Late by one second, twice at once, lost for the three seconds of its timeout, and as it should be.
      assert.deepStrictEqual(received, [1, 1, 1, 4, 19])
      assert.deepStrictEqual((yield* simulator.pushes).map(({ via }) => via), Array(4).fill("webhook"))
    }).pipe(Effect.provide(Simulator.layer({
      meetings: [{ id }],
      webhook: { url: "http://localhost/events" },
      eventFaults: [
        { nth: 0, fault: { _tag: "Late", millis: 1_000 } },
        { nth: 1, fault: { _tag: "Twice" } },
        { nth: 2, fault: { _tag: "Lost" } }
      ]
    }))))
})

describe("several connections of an app", () => {
  const client = Effect.gen(function*() {
    const context = yield* Layer.build(Layer.fresh(LongConnection.layer))
    const ids: Array<string> = []
    const fiber = yield* Effect.forkScoped(
      Events.handle((event) => Effect.sync(() => ids.push(event.id))).pipe(Effect.provideContext(context))
    )
    yield* settle
    return { fiber, ids, state: Context.get(context, LongConnection.LongConnection).state }
  }).pipe(Effect.provide(Lark.layer(Simulator.defaultApp)))

  it.effect("each get a part of the events, and one gets what another loses", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const clients = [yield* client, yield* client, yield* client]
      for (let index = 0; index < 9; index++) yield* push(String(index))
      assert.deepStrictEqual(clients.map(({ ids }) => ids.length), [3, 3, 3])

      yield* simulator.addEventFaults([{ nth: 0, fault: { _tag: "Disconnect", when: "before" } }])
      yield* Effect.forkChild(push("lost"))
      yield* TestClock.adjust("20 seconds")
      assert.lengthOf(clients.flatMap(({ ids }) => ids).filter((id) => id === "lost"), 1)
    }).pipe(Effect.scoped, Effect.provide(Simulator.layer())))

  it.effect("are limited, and the next one waits until another ends", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const first = yield* client
      const second = yield* client
      const state = yield* second.state
      assert(state._tag === "Waiting")
      assert.strictEqual(state.code, 1000040350)
      yield* TestClock.adjust("5 minutes")
      assert.isAbove((yield* discoveries).length, 5)
      assert.isAtMost((yield* discoveries).length, 12)
      assert.strictEqual((yield* first.state)._tag, "Connected")
      yield* simulator.closeConnections()
      yield* TestClock.adjust("5 minutes")
      assert.lengthOf((yield* simulator.connections).filter(({ closed }) => closed === undefined), 1)
    }).pipe(Effect.scoped, Effect.provide(Simulator.layer({ longConnection: { maxConnections: 1 } }))))
})
