import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Redacted } from "effect"
import { Cas, Lark, Meetings, MeetingUser, UserToken } from "effect-lark-meetings"
import { alice, bob, carol, layer, meetingId } from "./environment.ts"

const handOver = (from: MeetingUser.MeetingUser<"open_id">, to: MeetingUser.MeetingUser<"open_id">) =>
  Meetings.setHost(meetingId, Cas.handover(from, to)).pipe(
    Effect.map((report) => `${to.id} is host (${report.outcome})`),
    Effect.catchTags({
      // `handover` moves the role only from `from`, and somebody else is host.
      CasRefused: (error) => Effect.succeed(`not moved: ${error.actual.id} is host now, effect ${error.report.effect}`),
      // Errors of the platform keep their tag and have the report of the operation.
      TargetNotInMeeting: (error) => Effect.succeed(`not moved: ${error.message} Swaps sent: ${error.report.swaps}.`),
      NoPermission: (error) => Effect.succeed(`not moved: ${error.advice} Log id for support: ${error.logId}.`)
    })
  )

const program = Effect.gen(function*() {
  yield* Console.log(yield* handOver(alice, bob))
  yield* Console.log(yield* handOver(alice, carol))
  yield* Console.log(yield* handOver(bob, MeetingUser.openId("ou_somebody_else")))

  // `end` requires a user at compile time, and fails with the errors that are documented for it.
  const session = UserToken.fromAccessToken(Redacted.make("u-expired"))
  yield* Meetings.end(meetingId).pipe(
    Effect.catchTag("TokenRejected", (error) => Console.log(`not ended: ${error.message}`)),
    Lark.asUser(session)
  )
})

program.pipe(Effect.provide(layer()), NodeRuntime.runMain)
