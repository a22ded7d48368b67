/**
 * Meetings in every state, as the options give them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as simulated from "./fixtures/simulated.ts"
import { getMeeting, wire } from "./fixtures/simulatedMeeting.ts"
import { id } from "./fixtures/World.ts"

const MeetingReply = Schema.Struct({
  data: Schema.Struct({
    meeting: Schema.Struct({
      status: Schema.Int,
      start_time: Schema.String,
      end_time: Schema.String,
      host_user: Schema.optionalKey(Schema.Struct({ id: Schema.String, user_type: Schema.Int })),
      participants: Schema.Array(Schema.Struct({
        id: Schema.String,
        status: Schema.Int,
        is_host: Schema.Boolean,
        first_join_time: Schema.String,
        final_leave_time: Schema.String,
        in_meeting_duration: Schema.String
      }))
    })
  })
})

/** The meeting as an app reads it one hour after the epoch. */
const read = (meeting: Omit<Simulator.MeetingOptions, "id">) =>
  Effect.gen(function*() {
    yield* TestClock.setTime(3_600_000)
    return yield* simulated.on(
      { meetings: [{ id, ...meeting }] },
      Effect.gen(function*() {
        const reply = yield* getMeeting(yield* simulated.tenantToken, { with_participants: "1" })
        return Schema.decodeUnknownSync(MeetingReply)(reply.json).data.meeting
      })
    )
  })

const rows = ({ participants }: Effect.Success<ReturnType<typeof read>>) =>
  participants.map((one) => [one.id, one.status, one.first_join_time, one.final_leave_time, one.in_meeting_duration])

const minutes = (count: number) => count * 60_000

describe("a meeting of the options", () => {
  it.effect("is calling", () =>
    Effect.gen(function*() {
      const meeting = yield* read({
        status: "calling",
        host: "ou_alice",
        participants: [{ user: "ou_bob", status: "calling" }, { user: "ou_carol", status: "ringing" }]
      })
      assert.strictEqual(meeting.status, 1)
      assert.deepStrictEqual(meeting.participants.map((one) => [one.id, one.status]), [
        ["ou_alice", 2],
        ["ou_bob", 1],
        ["ou_carol", 3]
      ])
    }))

  it.effect("is in progress, with people who have left", () =>
    Effect.gen(function*() {
      const meeting = yield* read({
        startedAt: minutes(10),
        host: "ou_alice",
        participants: [
          "ou_bob",
          { user: "ou_carol", joinedAt: minutes(20) },
          { user: "ou_dave", joinedAt: minutes(20), leftAt: minutes(30) },
          { user: "ou_erin", status: "left" }
        ]
      })
      assert.strictEqual(meeting.status, 2)
      assert.deepStrictEqual(rows(meeting), [
        ["ou_alice", 2, "600", "0", "3000"],
        ["ou_bob", 2, "600", "0", "3000"],
        ["ou_carol", 2, "1200", "0", "2400"],
        ["ou_dave", 4, "1200", "1800", "600"],
        ["ou_erin", 4, "600", "3600", "3000"]
      ])
    }))

  it.effect("has a host who has left", () =>
    Effect.gen(function*() {
      const meeting = yield* read({
        host: "ou_alice",
        participants: ["ou_bob", { user: "ou_alice", status: "left" }]
      })
      assert.deepStrictEqual(meeting.host_user, wire("ou_alice"))
      assert.deepStrictEqual(meeting.participants.map((one) => [one.id, one.status, one.is_host]), [
        ["ou_bob", 2, false],
        ["ou_alice", 4, true]
      ])
    }))

  it.effect("has ended, and nobody is in it", () =>
    Effect.gen(function*() {
      const meeting = yield* read({
        status: "ended",
        startedAt: minutes(10),
        endedAt: minutes(40),
        host: "ou_alice",
        participants: ["ou_bob", { user: "ou_carol", leftAt: minutes(30) }]
      })
      assert.deepStrictEqual([meeting.status, meeting.start_time, meeting.end_time], [3, "600", "2400"])
      assert.deepStrictEqual(rows(meeting), [
        ["ou_alice", 4, "600", "2400", "1800"],
        ["ou_bob", 4, "600", "2400", "1800"],
        ["ou_carol", 4, "600", "1800", "1200"]
      ])
      assert.deepStrictEqual(meeting.host_user, wire("ou_alice"))
    }))

  it.effect("has ended because it says when", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* read({ endedAt: minutes(40) })).status, 3)
    }))

  it.effect("was recorded until it ended", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(3_600_000)
      const meeting = { id, owner: "ou_alice", recorded: true, startedAt: minutes(10), endedAt: minutes(40) }
      const recording = yield* simulated.on(
        { meetings: [meeting] },
        Effect.flatMap(simulated.tenantToken, (token) =>
          simulated.get(`${simulated.open}/open-apis/vc/v1/meetings/${id}/recording`, token))
      )
      assert.nestedPropertyVal(recording.json, "data.recording.duration", String(minutes(30)))
    }))
})
