import { assert, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"

const id = MeetingId.make("6911188411932033028")

/** Makes the deputy host, and says what is proved. */
const delegate = (deputy: MeetingUser.MeetingUser<"open_id">) =>
  Meetings.setHost(id, deputy).pipe(
    Effect.map(({ after, effect }) => `${after.id} hosts, effect ${effect}`),
    Effect.catchTag("TargetNotInMeeting", () => Effect.succeed("the deputy has not joined"))
  )

it.effect("the deputy becomes host, although the first reply is lost", () =>
  Effect.gen(function*() {
    const simulator = yield* Simulator.Simulator
    assert.strictEqual(yield* delegate(MeetingUser.openId("ou_stranger")), "the deputy has not joined")
    yield* simulator.addFaults([{ endpoint: "set_host", nth: 0, fault: { _tag: "DropAfter" } }])
    const delegating = yield* Effect.forkChild(delegate(MeetingUser.openId("ou_bob")))
    yield* TestClock.adjust("1 minute")
    assert.strictEqual(yield* Fiber.join(delegating), "ou_bob hosts, effect unknown")
    assert.strictEqual((yield* simulator.host(id))?.openId, "ou_bob")
  }).pipe(
    Effect.provide(Lark.layer(Simulator.defaultApp)),
    Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice", participants: ["ou_bob"] }] }))
  ))
