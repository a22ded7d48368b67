/**
 * Meetings that change by the clock of the simulated Feishu.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Layer } from "effect"
import { Events } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { connect, settle } from "./fixtures/connected.ts"
import { on } from "./fixtures/simulated.ts"

const id = "6911188411932033028"
const other = "6911188411932033029"

const present = (meetingId = id) =>
  Effect.map(
    Effect.flatMap(Simulator.Simulator, (simulator) => simulator.meeting(meetingId)),
    ({ participants }) => participants.filter(({ status }) => status === "in_meeting").map(({ user }) => user.openId)
  )

/** The events so far, with the second in which each came. */
const collect = Effect.gen(function*() {
  const events: Array<readonly [second: number, tag: string]> = []
  yield* Effect.forkScoped(
    Events.handle((event) =>
      Effect.map(TestClock.testClockWith((clock) => clock.currentTimeMillis), (now) => {
        events.push([now / 1_000, event._tag])
      })
    )
  )
  yield* settle
  return events
})

describe("a schedule", () => {
  it.effect("starts and ends a meeting, and lets people join and leave, with their events", () =>
    connect(
      {
        schedule: [
          { _tag: "Start", millis: 1_000, meetingId: other, host: "ou_alice", meetingNo: "987654321" },
          { _tag: "Join", millis: 2_000, meetingId: other, user: "ou_bob" },
          { _tag: "Lock", millis: 3_000, meetingId: other, locked: true },
          { _tag: "Record", millis: 3_000, meetingId: other, running: true },
          { _tag: "Leave", millis: 4_000, meetingId: other, user: "ou_bob" },
          { _tag: "Record", millis: 4_000, meetingId: other, running: false },
          { _tag: "End", millis: 5_000, meetingId: other }
        ]
      },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const events = yield* collect
        const step = Effect.andThen(TestClock.adjust("1 second"), settle)
        yield* step
        assert.strictEqual((yield* simulator.meeting(other)).meetingNo, "987654321")
        assert.strictEqual((yield* simulator.host(other))?.openId, "ou_alice")
        yield* step
        assert.deepStrictEqual(yield* present(other), ["ou_alice", "ou_bob"])
        assert.isFalse((yield* simulator.meeting(other)).locked)
        yield* step
        assert.isTrue((yield* simulator.meeting(other)).locked)
        yield* step
        assert.deepStrictEqual(yield* present(other), ["ou_alice"])
        yield* step
        assert.strictEqual((yield* simulator.meeting(other)).status, "ended")
        assert.deepStrictEqual(events, [
          [1, "MeetingStarted"],
          [1, "AllMeetingStarted"],
          [2, "JoinMeeting"],
          [3, "RecordingStarted"],
          [4, "LeaveMeeting"],
          [4, "RecordingEnded"],
          [5, "MeetingEnded"],
          [5, "AllMeetingEnded"],
          [5, "LeaveMeeting"],
          [5, "RecordingReady"]
        ])
      }).pipe(Effect.scoped)
    ))

  it.effect("repeats, in the first meeting, and does not wait for those who take no event", () =>
    on(
      {
        meetings: [{ id }, { id: other }],
        webhook: { url: "http://localhost/events", deliver: () => Effect.never },
        schedule: [
          { _tag: "Join", millis: 1_000, everyMillis: 2_000, user: "ou_dave" },
          { _tag: "Leave", millis: 2_000, everyMillis: 2_000, user: "ou_dave" }
        ]
      },
      Effect.gen(function*() {
        const seen: Array<number> = []
        for (let second = 0; second < 8; second++) {
          seen.push((yield* present()).length)
          yield* TestClock.adjust("1 second")
        }
        assert.deepStrictEqual(seen, [0, 1, 0, 1, 0, 1, 0, 1])
        assert.deepStrictEqual(yield* present(other), [])
      })
    ))

  it.effect("skips what is impossible at its time", () =>
    on(
      {
        meetings: [{ id, host: "ou_alice" }],
        schedule: [
          { _tag: "Start", millis: 0, meetingId: id, host: "ou_bob" },
          { _tag: "Join", millis: 0, meetingId: other, user: "ou_bob" },
          { _tag: "Start", millis: 1_000, meetingId: other, reserveId: "1" },
          { _tag: "End", millis: 2_000 },
          { _tag: "End", millis: 3_000 },
          { _tag: "Join", millis: 3_000, user: "ou_bob" },
          { _tag: "Start", millis: 4_000, meetingId: other }
        ]
      },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* TestClock.adjust("3 seconds")
        const meeting = yield* simulator.meeting(id)
        assert.deepStrictEqual([meeting.host?.openId, meeting.endedAt], ["ou_alice", 2_000])
        assert.deepStrictEqual(yield* present(), [])
        assert.strictEqual((yield* Effect.exit(simulator.meeting(other)))._tag, "Failure")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual((yield* simulator.meeting(other)).participants, [])
      })
    ))

  it.effect("ends with the layer", () =>
    Effect.gen(function*() {
      const delivered: Array<string> = []
      const layer = Simulator.layer({
        meetings: [{ id }],
        webhook: {
          url: "http://localhost/events",
          deliver: (request) =>
            Effect.suspend(() => {
              delivered.push(request.url)
              return Effect.never
            })
        },
        schedule: [{ _tag: "Join", millis: 1_000, everyMillis: 1_000, user: "ou_bob" }]
      })
      yield* Effect.scoped(Effect.andThen(Layer.build(layer), TestClock.adjust("2 seconds")))
      assert.lengthOf(delivered, 2)
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(delivered, 2)
    }))

  it.effect("needs meetings that exist or that it starts", () =>
    Effect.gen(function*() {
      const dies = (options: Simulator.Options) =>
        Effect.map(Effect.flip(Effect.sandbox(Effect.scoped(Layer.build(Simulator.layer(options))))), String)
      assert.include(yield* dies({ schedule: [{ _tag: "End", millis: 0 }] }), "has no meeting at all")
      const schedule = [{ _tag: "End", millis: 0, meetingId: "1" }] as const
      assert.include(yield* dies({ meetings: [{ id }], schedule }), "has no meeting 1")
    }))

  it.effect.prop(
    "never breaks the simulator, and happens at its times",
    { plan: Arbitrary.array(Arbitrary.schema(Simulator.ScheduledChange), { maxLength: 8 }) },
    ({ plan }) => {
      // The generated ids name no meeting.
      const schedule = plan.map((change): Simulator.ScheduledChange => {
        if (change._tag === "Start" || change._tag === "Reserve" || change._tag === "Push") return change
        const { meetingId: _, ...inFirst } = change
        return inFirst
      })
      const ends = schedule.filter(({ _tag }) => _tag === "End").map(({ millis }) => millis)
      return on(
        { meetings: [{ id, host: "ou_alice" }], schedule },
        Effect.gen(function*() {
          yield* TestClock.adjust("1 hour")
          const { endedAt, status } = yield* (yield* Simulator.Simulator).meeting(id)
          assert.deepStrictEqual(
            { status, endedAt },
            ends.length === 0
              ? { status: "in_progress", endedAt: undefined }
              : { status: "ended", endedAt: Math.min(...ends) }
          )
        })
      )
    }
  )
})
