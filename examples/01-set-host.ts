import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser, UndiciHttpClient } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"

const id = MeetingId.make(process.env.LARK_MEETING_ID ?? "6911188411932033028")
const bob = MeetingUser.openId(process.env.LARK_NEW_HOST ?? "ou_bob")

const live = Lark.layerConfig().pipe(Layer.provide(UndiciHttpClient.layer(NodeHttpClient.makeDispatcher)))
const offline = Lark.layer(Simulator.defaultApp).pipe(
  Layer.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice", participants: ["ou_bob"] }] }))
)

Meetings.setHost(id, bob).pipe(
  Effect.flatMap((report) => Console.log(Cas.timeline(report).join("\n"))),
  Effect.provide(process.env.LARK_APP_ID ? live : offline),
  NodeRuntime.runMain
)
