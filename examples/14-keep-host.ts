import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Result, Stream } from "effect"
import { Cas, Events, Lark, LongConnection, Meetings, UndiciHttpClient } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { Socket } from "effect/socket"
import { alice as chair, bob as deputy, carol, isLive, meetingId } from "./environment.ts"

// Events of this meeting say when to look. Without them the program looks every ten seconds.
const wake = Stream.filter(Events.stream(), (event) => "meeting" in event && event.meeting.id === meetingId)

// The chair is host while she is in the meeting, else the deputy.
const program = Meetings.keepHost(meetingId, Cas.prefer([chair, deputy]), { wake }).pipe(
  Stream.runForEach(Result.match({
    onSuccess: ({ after, outcome }) => Console.log(`${after.id} is the host (${outcome})`),
    onFailure: (error) => Console.log(`not yet: ${error.message}`)
  })),
  Effect.andThen(Console.log("the meeting has ended")),
  Effect.catchTag("CasContested", (error) => Console.log(error.message))
)

const app = LongConnection.layer.pipe(
  Layer.provideMerge(isLive ? Lark.layerConfig() : Lark.layer(Simulator.defaultApp))
)

const live = program.pipe(
  Effect.provide(app),
  Effect.provide([UndiciHttpClient.layer(NodeHttpClient.makeDispatcher), Socket.layerWebSocketConstructorGlobal])
)

// Offline, the simulator is the platform: people come and go, and the reply to the first set_host is lost.
const people = Effect.gen(function*() {
  const simulator = yield* Simulator.Simulator
  yield* LongConnection.connected
  const steps = [
    ["the deputy joins", simulator.joinMeeting(meetingId, deputy)],
    ["the chair joins", simulator.joinMeeting(meetingId, chair)],
    ["the chair leaves", simulator.leaveMeeting(meetingId, chair)],
    ["the meeting ends", simulator.endMeeting(meetingId)]
  ] as const
  for (const [what, step] of steps) {
    yield* Effect.sleep("1 second")
    yield* Console.log(what)
    yield* step
  }
})

const offline = Effect.all([program, people], { concurrency: "unbounded" }).pipe(
  Effect.provide(app),
  Effect.provide(Simulator.layer({
    meetings: [{ id: meetingId, host: carol }],
    faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "DropAfter" } }]
  }))
)

NodeRuntime.runMain(isLive ? live : Effect.asVoid(offline))
