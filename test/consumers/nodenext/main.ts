import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Console, Effect, Layer } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser, UndiciHttpClient } from "effect-lark-meetings"

const program = Effect.gen(function*() {
  const id = yield* MeetingId.makeEffect("6911188411932033028")
  const bob = MeetingUser.openId("ou_bob")
  const report = yield* Meetings.setHost(id, Cas.ensureUnless(bob, [MeetingUser.openId("ou_carol")]))
  return `${report.after.id}: ${report.outcome}, effect ${report.effect}`
}).pipe(
  Effect.catchTags({
    CasRefused: (error) => Effect.succeed(`${error.actual.id} is host`),
    NoPermission: (error) => Effect.succeed(`log id ${error.logId}`)
  }),
  Effect.flatMap(Console.log)
)

const lark = Lark.layerConfig().pipe(Layer.provide(UndiciHttpClient.layer(NodeHttpClient.makeDispatcher)))

await Effect.runPromise(Effect.provide(program, lark))
