import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Duration, Effect, Schedule } from "effect"
import { Cas, Meetings, type MeetingUser } from "effect-lark-meetings"
import { alice, bob, carol, layer, meetingId } from "./environment.ts"

// Any schedule works. Only fresh conflicts step it. A conflict on a value that was read before a sleep just refreshes the
// value, which costs one call and no wait, so backing off never makes the next attempt stale.
const backoff = Schedule.exponential("20 millis").pipe(
  Schedule.setInputType<Cas.FreshConflict<MeetingUser.MeetingUser>>(),
  Schedule.jittered,
  Schedule.upTo({ times: 6 }),
  Schedule.tap(({ duration, input }) =>
    Console.log(`swap ${input.swaps} met another host, waiting ${Math.round(Duration.toMillis(duration))} ms`)
  )
)

const patient = Cas.Policy.make({ conflict: backoff, maxSwaps: 10, deadline: "5 seconds" })

const program = Effect.gen(function*() {
  const report = yield* Meetings.setHost(meetingId, bob, { policy: patient })
  yield* Console.log(Cas.timeline(report).join("\n"))
  yield* Console.log("\nThe same with a ready policy that never sleeps between conflicts:")
  const eager = yield* Meetings.setHost(meetingId, carol, { policy: Cas.Policy.eager })
  yield* Console.log(Cas.timeline(eager).join("\n"))
})

program.pipe(
  Effect.provide(layer({
    rivals: [
      { _tag: "BeforeSwap", nth: 0, host: carol },
      { _tag: "BeforeSwap", nth: 1, host: alice },
      { _tag: "BeforeSwap", nth: 3, host: alice }
    ]
  })),
  NodeRuntime.runMain
)
