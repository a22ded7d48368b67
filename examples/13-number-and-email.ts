import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Option } from "effect"
import { Cas, Contacts, Lark, MeetingNo, Meetings, UndiciHttpClient } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"

const no = MeetingNo.make(process.env.LARK_MEETING_NO ?? "123456789")
const email = process.env.LARK_NEW_HOST_EMAIL ?? "bob@example.com"

const live = Lark.layerConfig().pipe(Layer.provide(UndiciHttpClient.layer(NodeHttpClient.makeDispatcher)))
const offline = Lark.layer(Simulator.defaultApp).pipe(Layer.provide(Simulator.layer({
  meetings: [{ id: "6911188411932033028", meetingNo: no, host: "ou_alice", participants: ["ou_bob"] }],
  people: [{ user: "ou_bob", email }]
})))

// Both fail with NoSuchElementError if there is none: no meeting in progress, nobody with this address.
Effect.gen(function*() {
  const meeting = yield* Effect.fromOption(yield* Meetings.activeByNo(no))
  const [{ user }] = yield* Contacts.findByEmail([email])
  const hint = Option.getOrUndefined(meeting.hostUser)
  const report = yield* Meetings.setHost(meeting.id, yield* Effect.fromOption(user), { hint })
  yield* Console.log(Cas.timeline(report).join("\n"))
}).pipe(
  Effect.provide(process.env.LARK_APP_ID ? live : offline),
  NodeRuntime.runMain
)
