import { Console, Effect, Fiber } from "effect"
import { Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as assert from "node:assert/strict"

// Your application: makes the deputy host, and reports the result.
const delegate = (meetingId: MeetingId.MeetingId, deputy: MeetingUser.MeetingUser<"open_id">) =>
  Meetings.setHost(meetingId, deputy).pipe(
    Effect.map((report) => `${report.after.id} hosts, effect ${report.effect}`),
    Effect.catchTag("TargetNotInMeeting", () => Effect.succeed("the deputy has not joined yet"))
  )

// Your test: the simulator replaces the network, and the test clock lets ten minutes pass at once.
const id = MeetingId.make("6911188411932033028")

const test = Effect.gen(function*() {
  const simulator = yield* Simulator.Simulator
  assert.equal(yield* delegate(id, MeetingUser.openId("ou_stranger")), "the deputy has not joined yet")

  yield* simulator.addFaults([
    { endpoint: "set_host", nth: 0, fault: { _tag: "Throttle", reset: 3, status: 429 } },
    { endpoint: "set_host", nth: 1, fault: { _tag: "DropAfter" } }
  ])
  const delegated = yield* Effect.forkChild(delegate(id, MeetingUser.openId("ou_bob")))
  yield* TestClock.adjust("10 minutes")
  assert.equal(yield* Fiber.join(delegated), "ou_bob hosts, effect unknown")

  assert.equal((yield* simulator.host(id))?.openId, "ou_bob")
  assert.equal((yield* simulator.writes).length, 1)
  const swaps = (yield* simulator.requests).filter((request) => request.endpoint === "set_host")
  assert.deepEqual(swaps.map((request) => request.reply?.code), [122004, 99991400, undefined, 121006])
  yield* Console.log(
    "The application waited for the rate limit, recovered from the lost reply, and moved the host once."
  )
})

await Effect.runPromise(test.pipe(
  Effect.provide(Lark.layer(Simulator.defaultApp)),
  Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice", participants: ["ou_bob"] }] })),
  Effect.provide(TestClock.layer())
))
