import { Effect, Layer } from "effect"
import { Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import { FetchHttpClient } from "effect/http"

const program = Meetings.swapHost(MeetingId.make("6911188411932033028"), {
  expected: MeetingUser.openId("ou_alice"),
  desired: MeetingUser.openId("ou_bob")
}).pipe(
  Effect.map((outcome) => outcome._tag),
  Effect.catchTag("NoPermission", ({ advice }) => Effect.succeed(advice))
)

const lark = Lark.layerConfig().pipe(Layer.provide(FetchHttpClient.layer))

console.log(await Effect.runPromise(Effect.provide(program, lark)))
