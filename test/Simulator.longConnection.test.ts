/**
 * Long connections to the simulator on a port: by the official SDK, and by this library over two WebSockets of Node.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { assert, describe, it } from "@effect/vitest"
import * as lark from "@larksuiteoapi/node-sdk"
import { Effect, Fiber, Layer, Queue, Redacted, Schedule } from "effect"
import { Events, LarkConfig, LongConnection } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { Socket } from "effect/socket"
import { createServer } from "node:http"

const id = "6911188411932033028"

const server = (options: Simulator.Options = {}) =>
  Simulator.layerServer({
    meetings: [{ id, host: "ou_alice" }],
    longConnection: { reconnectNonce: 0.1, reconnectInterval: 1 },
    ...options
  }).pipe(
    Layer.provideMerge(
      NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "100 millis" })
    )
  )

const base = HttpServer.addressFormattedWith(Effect.succeed)

const connections = Effect.flatMap(Simulator.Simulator, (simulator) => simulator.connections)

/** Waits for something on the wire. */
const eventually = <A, E, R>(self: Effect.Effect<A, E, R>, is: (value: A) => boolean) =>
  Effect.repeat(self, { until: is, schedule: Schedule.spaced("10 millis") })

/** The client has sent a ping when it listens. */
const openConnections = (count: number) =>
  eventually(
    connections,
    (all) => all.filter(({ closed, pings }) => closed === undefined && pings.length > 0).length === count
  )

const statuses = Effect.flatMap(
  Simulator.Simulator,
  ({ pushes }) => Effect.map(pushes, (all) => all.map(({ attempts }) => attempts.map(({ status }) => status)))
)

const silent = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, trace: () => {} }

/** The official client, with the events that it has handled. */
const officialClient = Effect.gen(function*() {
  const domain = yield* base
  const events = yield* Queue.unbounded<unknown>()
  const eventDispatcher = new lark.EventDispatcher({ logger: silent }).register({
    "vc.meeting.join_meeting_v1": (data) => void Queue.offerUnsafe(events, data)
  })
  const client = yield* Effect.acquireRelease(
    Effect.sync(() =>
      new lark.WSClient({
        appId: Simulator.defaultApp.appId,
        appSecret: Redacted.value(Simulator.defaultApp.appSecret),
        domain,
        logger: silent
      })
    ),
    (client) => Effect.sync(() => client.close({ force: true }))
  )
  yield* Effect.promise(() => client.start({ eventDispatcher }))
  yield* openConnections(1)
  return { client, events }
})

describe("the official client", () => {
  it.live("connects, pings, and handles an event", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const { events } = yield* officialClient
      yield* simulator.joinMeeting(id, "ou_bob")
      const event = yield* Queue.take(events)
      assert.deepInclude(event, {
        event_type: "vc.meeting.join_meeting_v1",
        operator: { id: { union_id: "on_bob", user_id: "bob", open_id: "ou_bob" }, user_role: 1, user_type: 1 }
      })
      assert.deepStrictEqual(yield* statuses, [[200]])
      const [connection] = yield* connections
      assert.lengthOf(connection?.pings ?? [], 1)
    }).pipe(Effect.scoped, Effect.provide(server())))

  it.live("joins the parts of an event, and is given an event twice", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const { events } = yield* officialClient
      yield* simulator.joinMeeting(id, "ou_bob")
      yield* simulator.joinMeeting(id, "ou_carol")
      for (let taken = 0; taken < 3; taken++) yield* Queue.take(events)
      assert.deepStrictEqual(yield* statuses, [[200], [200]])
    }).pipe(
      Effect.scoped,
      Effect.provide(server({
        eventFaults: [
          { nth: 0, fault: { _tag: "Split", parts: 5, order: "backward" } },
          { nth: 1, fault: { _tag: "Twice" } }
        ]
      }))
    ))

  it.live("connects again when its connection breaks off or is closed", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const { events } = yield* officialClient
      for (const code of [1006, 1001]) {
        yield* simulator.closeConnections(code)
        yield* openConnections(1)
        yield* simulator.joinMeeting(id, "ou_bob")
        yield* Queue.take(events)
      }
      assert.lengthOf(yield* connections, 3)
    }).pipe(Effect.scoped, Effect.provide(server())))

  it.live("retries a handshake that is refused", () =>
    Effect.gen(function*() {
      yield* officialClient
      const { requests } = yield* Simulator.Simulator
      const asked = (yield* requests).filter(({ endpoint }) => endpoint === "long_connection")
      assert.lengthOf(asked, 2)
      assert.deepStrictEqual(asked[0]?.body, { AppID: Simulator.defaultApp.appId, AppSecret: "<redacted>" })
    }).pipe(
      Effect.scoped,
      Effect.provide(server({ connectionFaults: [{ nth: 0, fault: { _tag: "Handshake", status: 403 } }] }))
    ))
})

describe("the address of a long connection", () => {
  it.live("is good for one handshake, and a refusal says so in headers", () =>
    Effect.gen(function*() {
      const url = yield* base
      const response = yield* Effect.promise(() => fetch(`${url}/ws/v2?device_id=7&ticket=unknown`))
      assert.deepStrictEqual(
        [response.status, response.headers.get("handshake-status"), response.headers.get("handshake-msg")],
        [403, "514", "auth failed"]
      )
    }).pipe(Effect.provide(server())))
})

describe.each([
  ["ws", NodeWS.layerWebSocketConstructor],
  ["the WebSocket of Node", Socket.layerWebSocketConstructorGlobal]
])("a long connection by %s", (_, webSocket) => {
  /** The effect with a connection to the simulator on a port. */
  const connected = <A, E>(
    options: Simulator.Options,
    use: Effect.Effect<A, E, Events.Events | LongConnection.LongConnection | Simulator.Simulator>
  ) =>
    Effect.gen(function*() {
      const config = LarkConfig.layer({ ...Simulator.defaultApp, baseUrl: yield* base })
      return yield* Effect.provide(
        use,
        LongConnection.layer.pipe(Layer.provide([config, NodeHttpClient.layerUndici, webSocket]))
      )
    }).pipe(Effect.provide(server(options)))

  it.live("handles events, survives a break, and closes with 1000", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const users: Array<unknown> = []
      const config = LarkConfig.layer({ ...Simulator.defaultApp, baseUrl: yield* base })
      const program = Events.handle((event) =>
        Effect.sync(() => users.push(event._tag === "JoinMeeting" && event.operator.open_id))
      )
      const fiber = yield* Effect.forkChild(Effect.provide(
        program,
        LongConnection.layer.pipe(Layer.provide([config, NodeHttpClient.layerUndici, webSocket]))
      ))
      yield* openConnections(1)
      yield* simulator.joinMeeting(id, "ou_bob")
      yield* simulator.closeConnections()
      yield* openConnections(1)
      yield* simulator.joinMeeting(id, "ou_carol")
      assert.lengthOf(users, 2)
      assert.deepStrictEqual(yield* statuses, [[200], [200]])
      yield* Fiber.interrupt(fiber)
      yield* openConnections(0)
      const last = (yield* connections).at(-1)?.closed
      assert.deepStrictEqual([last?.code, last?.by], [1000, "client"])
    }).pipe(Effect.provide(server())))

  it.live("says why it cannot be opened, without the address", () =>
    connected(
      { connectionFaults: [{ nth: 0, fault: { _tag: "Handshake", status: 403 } }] },
      Effect.gen(function*() {
        yield* Effect.forkChild(Events.handle(() => Effect.void))
        const state = yield* eventually(LongConnection.state, ({ _tag }) => _tag === "Waiting")
        assert(state._tag === "Waiting")
        assert.match(state.reason, /^no connection/)
        assert.notInclude(state.reason, "ticket")
        yield* LongConnection.connected
      })
    ))

  it.live("takes a thousand events", () =>
    connected(
      {},
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        let handled = 0
        yield* Effect.forkChild(Events.handle(() => Effect.sync(() => handled++)))
        yield* LongConnection.connected
        yield* Effect.forEach(
          Array.from({ length: 1_000 }),
          () => simulator.pushEvent({ type: "vc.meeting.join_meeting_v1", event: { text: "x".repeat(1_700) } }),
          { concurrency: 50, discard: true }
        )
        assert.strictEqual(handled, 1_000)
      })
    ))
})
