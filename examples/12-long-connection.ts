import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Option, Stream } from "effect"
import {
  Events,
  EventUser,
  Lark,
  LongConnection,
  MeetingId,
  Meetings,
  MeetingUser,
  UndiciHttpClient
} from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { Socket } from "effect/socket"

const isLive = Boolean(process.env.LARK_APP_ID)
const chair = MeetingUser.openId(process.env.LARK_NEW_HOST ?? "ou_bob")

// When the chair joins, make her host. If it fails, the platform sends the event again, up to four times within six hours.
const handling = Events.handle((event) =>
  Effect.gen(function*() {
    if (event._tag !== "JoinMeeting") return
    const { meeting, operator } = event
    yield* Console.log(`${Option.getOrUndefined(operator.open_id)?.id} joined ${meeting.topic}`)
    if (!EventUser.is(operator, chair)) return
    const hint = Option.getOrUndefined(meeting.hostUser.open_id)
    const report = yield* Meetings.setHost(meeting.id, chair, { hint })
    yield* Console.log(`${report.after.id} is the host (${report.outcome}, swaps: ${report.swaps})`)
  })
)

const states = Stream.runForEach(
  LongConnection.changes,
  (state) => Console.log(`long connection: ${state._tag}${state._tag === "Waiting" ? `, ${state.reason}` : ""}`)
)

const program = Effect.all([states, handling], { concurrency: "unbounded" })

const app = LongConnection.layer.pipe(
  Layer.provideMerge(isLive ? Lark.layerConfig() : Lark.layer(Simulator.defaultApp))
)

const live = program.pipe(
  Effect.provide(app),
  Effect.provide([UndiciHttpClient.layer(NodeHttpClient.makeDispatcher), Socket.layerWebSocketConstructorGlobal])
)

const meetingId = MeetingId.make("6911188411932033028")

// Offline, the simulator is the platform. Its first event comes in three parts, the last one first, and its second one twice.
const people = Effect.gen(function*() {
  const simulator = yield* Simulator.Simulator
  yield* LongConnection.connected
  yield* simulator.joinMeeting(meetingId, "ou_carol")
  yield* simulator.joinMeeting(meetingId, chair)
})

const offline = Effect.raceFirst(program, people).pipe(
  Effect.provide(app),
  Effect.provide(Simulator.layer({
    meetings: [{ id: meetingId, host: "ou_alice", topic: "Weekly" }],
    eventFaults: [
      { nth: 0, fault: { _tag: "Split", parts: 3, order: "backward" } },
      { nth: 1, fault: { _tag: "Twice" } }
    ]
  }))
)

NodeRuntime.runMain(isLive ? live : offline)
