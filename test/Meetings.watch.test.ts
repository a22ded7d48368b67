/**
 * Snapshots of a meeting: which are emitted, when, and what ends them.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Fiber, Layer, Option, Queue, Schedule, Stream } from "effect"
import { Meeting, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { fault } from "./fixtures/faults.ts"
import { alice, bob, carol, dave, id, on } from "./fixtures/World.ts"

/** The host, and who is in the meeting, the host included. */
const shown = ({ hostUser, participants }: Meeting.Meeting) => {
  const present = participants.filter(({ status }) => status === Meeting.ParticipantStatus.InMeeting)
  return [Option.getOrUndefined(hostUser)?.id, ...present.map(({ user }) => user.id).toSorted()].join(" ")
}

const start = Effect.fnUntraced(function*<A, E, R>(stream: Stream.Stream<A, E, R>) {
  const emitted: Array<A> = []
  const fiber = yield* Effect.forkChild(Stream.runForEach(stream, (one) => Effect.sync(() => emitted.push(one))))
  yield* TestClock.adjust(1)
  return { emitted, fiber }
})

const meetings = [{ id, host: alice, participants: [bob] }]

describe("watch", () => {
  it.effect("emits the meeting, then each change of who is in it and who hosts it, and ends with it", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const { emitted, fiber } = yield* start(Meetings.watch(id))
        const steps = [
          simulator.joinMeeting(id, carol),
          Effect.void,
          simulator.moveHost(id, bob),
          simulator.leaveMeeting(id, alice),
          simulator.endMeeting(id)
        ]
        for (const step of steps) {
          yield* step
          yield* TestClock.adjust("10 seconds")
        }
        assert.deepStrictEqual(emitted.map(shown), [
          "ou_alice ou_alice ou_bob",
          "ou_alice ou_alice ou_bob ou_carol",
          "ou_bob ou_alice ou_bob ou_carol",
          "ou_bob ou_bob ou_carol",
          "ou_bob"
        ])
        assert.strictEqual(emitted.at(-1)?.status, Meeting.Status.Ended)
        assert.deepStrictEqual(fiber.pollUnsafe(), Exit.void)
      })
    ))

  it.effect("emits nothing while nothing changes, though somebody has left; the end tells when", () =>
    on(
      { meetings: [{ id, host: alice, participants: [bob, { user: carol, status: "left" }] }] },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const { emitted } = yield* start(Meetings.watch(id))
        yield* TestClock.adjust("5 seconds")
        yield* simulator.leaveMeeting(id, bob)
        yield* TestClock.adjust("1 hour")
        assert.lengthOf(emitted, 2)
        yield* simulator.joinMeeting(id, carol)
        yield* TestClock.adjust("10 seconds")
        yield* simulator.endMeeting(id)
        yield* TestClock.adjust("10 seconds")
        const leaves = emitted.map(({ participants }) =>
          participants.map(({ finalLeaveTime, user }) =>
            `${user.id} ${Option.getOrUndefined(Option.map(finalLeaveTime, DateTime.toEpochMillis))}`
          )
        )
        assert.deepStrictEqual(leaves.at(-2), ["ou_alice undefined", "ou_bob 5000", "ou_carol undefined"])
        assert.deepStrictEqual(leaves.at(-1), ["ou_alice 3615000", "ou_bob 5000", "ou_carol 3615000"])
      })
    ))

  it.effect("emits the snapshot of a meeting that has ended, and nothing more", () =>
    on(
      { meetings: [{ id, status: "ended" }] },
      Effect.gen(function*() {
        assert.lengthOf(yield* Stream.runCollect(Meetings.watch(id)), 1)
      })
    ))

  it.effect("is late by the wait of poll, unless something wakes it", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const events = yield* Queue.unbounded<string>()
        const { emitted, fiber } = yield* start(
          Meetings.watch(id, { poll: Schedule.spaced("1 minute"), wake: Stream.fromQueue(events) })
        )
        yield* simulator.joinMeeting(id, carol)
        yield* TestClock.adjust("59 seconds")
        assert.lengthOf(emitted, 1)
        yield* TestClock.adjust("1 second")
        assert.lengthOf(emitted, 2)
        yield* simulator.joinMeeting(id, dave)
        yield* Queue.offer(events, "join")
        yield* TestClock.adjust(1)
        assert.lengthOf(emitted, 3)
        yield* Queue.offer(events, "share")
        yield* TestClock.adjust(1)
        assert.lengthOf(emitted, 3, "an event that changed nothing")
        yield* Fiber.interrupt(fiber)
      })
    ))

  it.effect("repeats reads that fail for the moment, and emits none of it", () =>
    on(
      {
        meetings,
        faults: [
          fault({ _tag: "DropBefore" }, 1, "get"),
          fault({ _tag: "ServerError", status: 502, applied: true, body: "html" }, 2, "get"),
          fault({ _tag: "Throttle", reset: 1, status: 429 }, 3, "get")
        ]
      },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const { emitted, fiber } = yield* start(Meetings.watch(id))
        yield* simulator.joinMeeting(id, carol)
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual([fiber.pollUnsafe(), emitted.length], [undefined, 2])
        yield* Fiber.interrupt(fiber)
      })
    ))

  it.effect("fails with what no retry can change, unless told otherwise", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        const other = MeetingId.make("6911188411932033029")
        const error = yield* Effect.flip(Stream.runDrain(Meetings.watch(other)))
        assert.strictEqual(error._tag, "DataNotExist")
        const { emitted, fiber } = yield* start(Meetings.watch(other, { ends: () => false }))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual([emitted, fiber.pollUnsafe()], [[], undefined])
        yield* Fiber.interrupt(fiber)
      })
    ))

  it.effect("fails with the last error when retry ends", () =>
    on(
      { meetings, faults: [0, 1, 2].map((nth) => fault({ _tag: "DropBefore" }, nth, "get")) },
      Effect.gen(function*() {
        const { fiber } = yield* start(
          Meetings.watch(id, { retry: Schedule.upTo(Schedule.spaced("1 second"), { times: 2 }) })
        )
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "TransportError")
      })
    ))

  it.effect("names users by the kind of id asked for", () =>
    on(
      { meetings: [{ ...meetings[0]!, status: "ended" }] },
      Effect.gen(function*() {
        const [meeting] = yield* Stream.runCollect(Meetings.watch(id, { idType: "union_id" }))
        assert.deepStrictEqual(Option.getOrUndefined(meeting!.hostUser), MeetingUser.unionId("on_alice"))
      })
    ))

  it.effect("takes another order of the participants for no change", () =>
    Effect.gen(function*() {
      const read = yield* on({}, Meetings.get(id, { withParticipants: true }))
      // Somebody may be listed twice, as having left and as being there again.
      const left = read.participants.map((one) => ({ ...one, status: Meeting.ParticipantStatus.Left }))
      const meeting = { ...read, participants: [...read.participants, ...left] }
      const reads = [
        meeting,
        { ...meeting, participants: meeting.participants.toReversed() },
        { ...meeting, participants: meeting.participants.map((one) => ({ ...one, isCohost: true })) },
        { ...meeting, status: Meeting.Status.Ended }
      ]
      const fake = Layer.mock(Meetings.Meetings, {
        // Its type depends on the kind of id, and these are all read by open id.
        get: () => Effect.sync(() => reads.shift()!) as never
      })
      const { emitted } = yield* start(Stream.provide(Meetings.watch(id), fake))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(emitted.map(({ participants, status }) => [status, participants[0]?.isCohost]), [
        [2, false],
        [2, true],
        [3, false]
      ])
    }))
})
