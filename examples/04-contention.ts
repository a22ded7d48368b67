import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { Cas, Lark, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { alice, meetingId } from "./environment.ts"

// Ten services set ten different hosts at once, and two replies are lost. The server is always the simulator: do not do
// this to a real meeting.
const contenders = Array.from({ length: 10 }, (_, index) => MeetingUser.openId(`ou_contender_${index}`))

const contend = (user: MeetingUser.MeetingUser<"open_id">) =>
  Meetings.setHost(meetingId, user, { hint: alice }).pipe(
    Effect.provide(Layer.fresh(Lark.layer(Simulator.defaultApp)))
  )

const program = Effect.gen(function*() {
  const reports = yield* Effect.forEach(contenders, contend, { concurrency: "unbounded" })
  for (const report of reports) yield* Console.log(Cas.timeline(report).at(-1))

  const simulator = yield* Simulator.Simulator
  const writes = yield* simulator.writes
  const swaps = reports.reduce((sum, report) => sum + report.swaps, 0)
  yield* Console.log(`\n${swaps} swaps for ${contenders.length} contenders; the host went`)
  yield* Console.log([alice.id, ...writes.map((write) => write.after.openId)].join(" -> "))
})

program.pipe(
  Effect.provide(Simulator.layer({
    meetings: [{ id: meetingId, host: alice, participants: contenders }],
    latency: "5 millis",
    faults: [
      { endpoint: "set_host", nth: 3, fault: { _tag: "DropAfter" } },
      { endpoint: "set_host", nth: 11, fault: { _tag: "DropAfter" } }
    ]
  })),
  NodeRuntime.runMain
)
