/**
 * The host in an event as the hint of `Meetings.setHost`.
 */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Events, EventUser, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { connect, settle } from "./fixtures/connected.ts"

const id = MeetingId.make("6911188411932033028")
const chair = MeetingUser.openId("ou_chair")

/** Makes the chair host when she joins, and tells how. The event comes after two seconds. */
const join = (meanwhile: Effect.Effect<void, never, Simulator.Simulator>, isHinted = true) =>
  connect(
    {
      meetings: [{ id, host: "ou_alice", participants: ["ou_bob"] }],
      eventFaults: [{ nth: 0, fault: { _tag: "Late", millis: 2_000 } }]
    },
    Effect.gen(function*() {
      const reports: Array<unknown> = []
      yield* Effect.forkChild(
        Events.handle((event) =>
          event._tag === "JoinMeeting" && EventUser.is(event.operator, chair)
            ? Effect.map(
              Meetings.setHost(
                event.meeting.id,
                chair,
                isHinted ? { hint: Option.getOrUndefined(event.meeting.hostUser.open_id) } : {}
              ),
              ({ after, conflicts, reads, swaps }) => reports.push({ after: after.id, conflicts, reads, swaps })
            )
            : Effect.void
        )
      )
      yield* settle
      const simulator = yield* Simulator.Simulator
      yield* Effect.forkChild(simulator.joinMeeting(id, chair))
      yield* TestClock.adjust("1 second")
      yield* meanwhile
      yield* TestClock.adjust("5 seconds")
      const calls = (yield* simulator.requests).map(({ endpoint }) => endpoint)
      return { reports, calls: calls.filter((endpoint) => endpoint === "get" || endpoint === "set_host") }
    })
  )

describe("the host in an event", () => {
  it.effect("saves the read of `setHost`", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* join(Effect.void), {
        reports: [{ after: "ou_chair", conflicts: { fresh: 0, stale: 0 }, reads: 0, swaps: 1 }],
        calls: ["set_host"]
      })
      assert.deepStrictEqual((yield* join(Effect.void, false)).calls, ["get", "set_host"])
    }))

  it.effect("that is host no more costs one conflict", () =>
    Effect.gen(function*() {
      const moved = Effect.flatMap(Simulator.Simulator, (simulator) => simulator.moveHost(id, "ou_bob"))
      assert.deepStrictEqual(yield* join(moved), {
        reports: [{ after: "ou_chair", conflicts: { fresh: 0, stale: 1 }, reads: 0, swaps: 2 }],
        calls: ["set_host", "set_host"]
      })
    }))

  it("is a hint under the kind of id of the intent only", () => {
    const { hostUser } = { hostUser: EventUser.fromWire({ open_id: "ou_alice", union_id: "on_alice" }) }
    expectTypeOf(Option.getOrUndefined(hostUser.open_id)).toEqualTypeOf<
      MeetingUser.MeetingUser<"open_id"> | undefined
    >()
    assert.isDefined(Meetings.setHost(id, chair, { hint: Option.getOrUndefined(hostUser.open_id) }))
    // @ts-expect-error: a union_id where the intent has an open_id.
    assert.isDefined(Meetings.setHost(id, chair, { hint: Option.getOrUndefined(hostUser.union_id) }))
  })
})
