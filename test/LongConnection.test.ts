/**
 * The conversation of a long connection, under the test clock.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { Events, Lark, LongConnection } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { connect, consume, discoveries, push, settle, statesOf } from "./fixtures/connected.ts"
import { wallClock } from "./fixtures/wallClock.ts"

const tagsOf = (states: ReadonlyArray<LongConnection.State>) => states.map(({ _tag }) => _tag)

const waits = (states: ReadonlyArray<LongConnection.State>) =>
  states.flatMap((state) => state._tag === "Waiting" ? [Duration.toSeconds(state.duration)] : [])

const connections = Effect.flatMap(Simulator.Simulator, (simulator) => simulator.connections)

const pushes = Effect.flatMap(
  Simulator.Simulator,
  (simulator) =>
    Effect.map(
      simulator.pushes,
      (all) => all.map(({ attempts }) => attempts.map(({ at, status }) => [at / 1_000, status]))
    )
)

const closed = (nth: number, millis: number, code: 1000 | 1001 | 1006 = 1001): Simulator.ConnectionFaultRule => ({
  nth,
  fault: { _tag: "Close", millis, code }
})

const answered = (nth: number, code: number): Simulator.ConnectionFaultRule => ({ nth, fault: { _tag: "Code", code } })

describe("a connection", () => {
  it.effect("is opened by the first consumer, and says how it is", () =>
    connect(
      {},
      Effect.gen(function*() {
        const states = yield* statesOf
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(tagsOf(states), ["Idle"])
        assert.deepStrictEqual(yield* discoveries, [])
        yield* consume
        assert.deepStrictEqual(tagsOf(states), ["Idle", "Connecting", "Connected"])
        assert.deepStrictEqual(yield* discoveries, [3_600])
        yield* LongConnection.connected
        assert.deepStrictEqual(yield* LongConnection.state, { _tag: "Connected" })
      })
    ))

  it.effect("is closed with its layer, and says so to those outside", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(LongConnection.layer, scope)
      const { fiber } = yield* Effect.provideContext(consume, context)
      const states = yield* Effect.forkChild(
        Effect.provideContext(Stream.runCollect(LongConnection.changes), context),
        {
          startImmediately: true
        }
      )
      yield* Effect.provideContext(LongConnection.connected, context)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Effect.provideContext(LongConnection.state, context), { _tag: "Closed" })
      assert.deepStrictEqual(tagsOf(yield* Fiber.join(states)), ["Connected", "Closed"])
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "EventsClosed")
      const error = yield* Effect.flip(Effect.provideContext(LongConnection.connected, context))
      assert.strictEqual(error._tag, "EventsClosed")
    }).pipe(
      Effect.provide(Lark.layer(Simulator.defaultApp)),
      Effect.provide(Simulator.layer())
    ), 2_000)

  it.effect("pings at once and at every interval that the platform asks for", () =>
    Effect.gen(function*() {
      for (const [pingInterval, pings] of [[90, 41], [10, 361], [1, 3_601]] as const) {
        yield* connect(
          { longConnection: { pingInterval } },
          Effect.gen(function*() {
            yield* consume
            yield* TestClock.adjust("1 hour")
            const [connection] = yield* connections
            const times = connection?.pings.map((at) => at / 1_000) ?? []
            assert.deepStrictEqual(times, Array.from({ length: pings }, (_, index) => index * pingInterval))
          })
        )
        // The next simulator starts at another time.
        yield* TestClock.setTime(0)
      }
    }))

  it.effect("is lost when a ping is not answered within a third of the interval", () =>
    connect(
      { connectionFaults: [{ nth: 0, fault: { _tag: "Stall", pings: 1 } }] },
      Effect.gen(function*() {
        const states = yield* statesOf
        yield* consume
        // The ping at 90 s is not answered.
        yield* TestClock.adjust("119999 millis")
        assert.strictEqual(states.at(-1)?._tag, "Connected")
        yield* TestClock.adjust("1 millis")
        const last = states.at(-1)
        assert(last?._tag === "Waiting")
        assert.strictEqual(last.reason, "no answer to a ping within 30s")
        yield* TestClock.adjust("12500 millis")
        assert.strictEqual(states.at(-1)?._tag, "Connected")
        assert.deepStrictEqual((yield* connections).map(({ closed }) => closed?.by), ["client", undefined])
      })
    ))

  it.effect("is not disturbed by a wall clock that is set", () =>
    Effect.gen(function*() {
      const wall = yield* wallClock
      yield* connect(
        {},
        Effect.gen(function*() {
          const { ids } = yield* consume
          for (const hours of [-12, 24, -12]) {
            // Between a ping and its watchdog.
            yield* TestClock.adjust("100 seconds")
            wall.setBy(hours * 3_600_000)
            yield* push(String(hours))
            yield* TestClock.adjust("80 seconds")
          }
          assert.deepStrictEqual(ids, ["-12", "24"])
          const [connection, ...others] = yield* connections
          assert.deepStrictEqual(others, [])
          assert.isUndefined(connection?.closed)
          assert.lengthOf(connection?.pings ?? [], 7)
        })
      ).pipe(Effect.provideService(Clock.Clock, wall.clock))
    }))

  it.effect("is not lost sooner than ten seconds after a ping", () =>
    connect(
      { longConnection: { pingInterval: 1 }, connectionFaults: [{ nth: 0, fault: { _tag: "Stall", pings: 5 } }] },
      Effect.gen(function*() {
        yield* consume
        yield* TestClock.adjust("14999 millis")
        assert.strictEqual((yield* LongConnection.state)._tag, "Connected")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* LongConnection.state)._tag, "Waiting")
      })
    ))

  it.effect("is kept when answers take long", () =>
    connect(
      { latency: "9 seconds" },
      Effect.gen(function*() {
        yield* consume
        yield* TestClock.adjust("3 hours")
        assert.strictEqual((yield* LongConnection.state)._tag, "Connected")
        assert.lengthOf(yield* connections, 1)
      })
    ))

  it.effect("is closed with 1000 when its program is interrupted", () =>
    Effect.gen(function*() {
      const { connections } = yield* Simulator.Simulator
      const program = Events.handle(() => Effect.void).pipe(
        Effect.provide(LongConnection.layer),
        Effect.provide(Lark.layer(Simulator.defaultApp))
      )
      const fiber = yield* Effect.forkChild(program)
      yield* settle
      assert.isUndefined((yield* connections)[0]?.closed)
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.deepStrictEqual((yield* connections)[0]?.closed, { at: 0, code: 1000, by: "client" })
    }).pipe(Effect.provide(Simulator.layer())))
})

describe("a lost connection", () => {
  it.effect("is opened again at a random time within the nonce, then at every interval", () =>
    connect(
      {
        connectionFaults: [closed(0, 10_000), answered(1, 1), answered(2, 1000040343), answered(3, 999)],
        faults: [{ endpoint: "long_connection", nth: 4, fault: { _tag: "DropBefore" } }]
      },
      Effect.gen(function*() {
        const states = yield* statesOf
        yield* consume
        yield* TestClock.adjust("10 minutes")
        // Half of 25 s once, then every 90 s.
        assert.deepStrictEqual(yield* discoveries, [0, 22.5, 112.5, 202.5, 292.5, 382.5])
        assert.deepStrictEqual(waits(states), [12.5, 90, 90, 90, 90])
        assert.deepStrictEqual(
          states.flatMap((state) => state._tag === "Waiting" ? [state.reason] : []),
          [
            "the connection was closed: 1001",
            "[1] system busy",
            "[1000040343] internal error",
            "[999] error",
            "ECONNRESET, socket hang up, connection lost"
          ]
        )
        assert.strictEqual(states.at(-1)?._tag, "Connected")
      })
    ))

  it.effect("that was opened again starts with the nonce", () =>
    connect(
      { connectionFaults: [closed(0, 1_000), answered(1, 1), closed(2, 1_000)] },
      Effect.gen(function*() {
        const states = yield* statesOf
        yield* consume
        yield* TestClock.adjust("10 minutes")
        assert.deepStrictEqual(waits(states), [12.5, 90, 12.5])
      })
    ))

  it.effect("is not opened again at once, even if the platform asks for no pause", () =>
    connect(
      {
        longConnection: { reconnectNonce: 0, reconnectInterval: 0 },
        connectionFaults: Array.from({ length: 100 }, (_, nth) => closed(nth, 500))
      },
      Effect.gen(function*() {
        yield* consume
        yield* TestClock.adjust("15 seconds")
        assert.lengthOf(yield* discoveries, 11)
      })
    ))

  it.effect("that ends before it answers a ping is opened again at every interval, as one that does not come about", () =>
    connect(
      { connectionFaults: Array.from({ length: 5 }, (_, nth) => closed(nth, 0)) },
      Effect.gen(function*() {
        yield* consume
        yield* TestClock.adjust("10 minutes")
        assert.deepStrictEqual(yield* discoveries, [0, 12.5, 102.5, 192.5, 282.5, 372.5])
        assert.strictEqual((yield* LongConnection.state)._tag, "Connected")
      })
    ))

  const refusedHandshakes = Array.from({ length: 10 }, (_, nth): Simulator.ConnectionFaultRule => ({
    nth,
    fault: { _tag: "Handshake", status: nth % 2 === 0 ? 403 : 514 }
  }))

  it.effect("is opened again slowly while the handshake is refused, which its state shows", () =>
    connect(
      { connectionFaults: refusedHandshakes },
      Effect.gen(function*() {
        const states = yield* statesOf
        yield* consume
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(waits(states), [12.5, ...Array.from({ length: 9 }, () => 90)])
        assert.deepStrictEqual(
          yield* discoveries,
          [0, ...Array.from({ length: 10 }, (_, nth) => 12.5 + 90 * nth)]
        )
        assert.deepStrictEqual(
          states.flatMap((state) => state._tag === "Waiting" ? [/\d+$/.exec(state.reason)?.[0]] : []),
          Array.from({ length: 10 }, (_, nth) => nth % 2 === 0 ? "403" : "514")
        )
        assert.strictEqual(states.at(-1)?._tag, "Connected")
      })
    ))

  it.effect("is opened again once a second at most, whatever the platform asks for", () =>
    connect(
      { longConnection: { reconnectNonce: 0, reconnectInterval: 1 }, connectionFaults: refusedHandshakes },
      Effect.gen(function*() {
        yield* consume
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(yield* discoveries, Array.from({ length: 11 }, (_, nth) => nth))
      })
    ))

  it.effect("is given up after as many attempts as the platform allows", () =>
    Effect.gen(function*() {
      for (const reconnectCount of [0, 1, 3]) {
        yield* connect(
          {
            longConnection: { reconnectCount },
            connectionFaults: [closed(0, 1_000), answered(1, 1), answered(2, 1), answered(3, 1)]
          },
          Effect.gen(function*() {
            const { fiber } = yield* consume
            yield* TestClock.adjust("1 hour")
            const error = yield* Effect.flip(Fiber.join(fiber))
            assert.deepInclude(error, { _tag: "EventsRefused", reason: "attempts" })
            assert.lengthOf(yield* discoveries, 1 + reconnectCount)
          })
        )
      }
    }))

  it.effect("is opened again with a new address when the handshake is refused", () =>
    connect(
      {
        connectionFaults: [
          { nth: 0, fault: { _tag: "Handshake", status: 403 } },
          { nth: 1, fault: { _tag: "Handshake", status: 514, code: 1000040350 } }
        ]
      },
      Effect.gen(function*() {
        const states = yield* statesOf
        yield* consume
        yield* TestClock.adjust("5 minutes")
        assert.deepStrictEqual(waits(states), [12.5, 90])
        assert.deepStrictEqual(
          states.flatMap((state) => state._tag === "Waiting" ? [state.reason] : []),
          ["no connection: Unexpected server response: 403", "no connection: Unexpected server response: 514"]
        )
        assert.strictEqual(states.at(-1)?._tag, "Connected")
      })
    ))

  it.effect("waits half to a whole minute while there are too many", () =>
    connect(
      { connectionFaults: [closed(0, 1_000), ...[1, 2, 3].map((nth) => answered(nth, 1000040350))] },
      Effect.gen(function*() {
        const states = yield* statesOf
        yield* consume
        yield* TestClock.adjust("10 minutes")
        assert.deepStrictEqual(waits(states), [12.5, 45, 45, 45])
        assert.deepStrictEqual(
          states.flatMap((state) => state._tag === "Waiting" ? [state.code] : []),
          [undefined, 1000040350, 1000040350, 1000040350]
        )
        assert.strictEqual(states.at(-1)?._tag, "Connected")
      })
    ))

  it.effect.each<Simulator.Fault>([
    { _tag: "GarbageBody", body: "<html>", status: 200, applied: false },
    { _tag: "GarbageBody", body: `{"code":0}`, status: 200, applied: false },
    { _tag: "GarbageBody", body: `{"code":0,"data":{"URL":"//","ClientConfig":null}}`, status: 200, applied: false },
    { _tag: "GarbageBody", body: `{"code":0,"data":{"URL":"ws://a.test/"}}`, status: 200, applied: false },
    { _tag: "GarbageBody", body: `{"code":514,"data":{}}`, status: 403, applied: false },
    { _tag: "ServerError", status: 502, applied: false, body: "html" },
    { _tag: "DropAfter" },
    { _tag: "Delay", millis: 60_000 }
  ])("waits for the next attempt after the answer %o", (fault) =>
    connect(
      { faults: [{ endpoint: "long_connection", nth: 0, fault }] },
      Effect.gen(function*() {
        const states = yield* statesOf
        const { ids } = yield* consume
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual(tagsOf(states).slice(0, 5).join(), "Idle,Connecting,Waiting,Connecting,Connected")
        yield* push("1")
        assert.deepStrictEqual(ids, ["1"])
      })
    ))
})

describe("an answer that is no address", () => {
  it.effect("is quoted with its HTTP status", () =>
    connect(
      {
        faults: [{
          endpoint: "long_connection",
          nth: 0,
          fault: { _tag: "ServerError", status: 502, applied: false, body: "html" }
        }]
      },
      Effect.gen(function*() {
        yield* consume
        const state = yield* LongConnection.state
        assert(state._tag === "Waiting")
        assert.match(state.reason, /^HTTP 502: the body is not JSON/)
      })
    ))
})

describe("a platform that refuses the app", () => {
  const refusals = [
    [403, "forbidden"],
    [514, "credentials"],
    [1000040344, "credentials"],
    [1000040345, "credentials"],
    [1000040351, "brand"]
  ] as const

  it.effect.each(refusals)("for good, by %s, is asked once and fails every consumer: %s", ([code, reason]) =>
    connect(
      { connectionFaults: [answered(0, code)] },
      Effect.gen(function*() {
        const streaming = yield* Effect.forkChild(Stream.runDrain(Events.stream()), { startImmediately: true })
        const { fiber } = yield* consume
        yield* TestClock.adjust("1 day")
        const error = yield* Effect.flip(Fiber.join(fiber))
        if (error._tag !== "EventsRefused") return assert.fail(error.message)
        assert.deepInclude(error, { _tag: "EventsRefused", reason, code, kind: "setup", retry: "never" })
        assert.strictEqual(yield* Effect.flip(Fiber.join(streaming)), error)
        assert.strictEqual(yield* Effect.flip(Events.handle(() => Effect.void)), error)
        assert.strictEqual(yield* Effect.flip(Stream.runDrain(Events.stream())), error)
        assert.strictEqual(yield* Effect.flip(LongConnection.connected), error)
        assert.deepStrictEqual(yield* LongConnection.state, { _tag: "Refused", error })
        assert.deepStrictEqual(yield* discoveries, [0])
      })
    ))

  it.effect("without a message is quoted by its code", () =>
    connect(
      { connectionFaults: [{ nth: 0, fault: { _tag: "Code", code: 514, msg: "" } }] },
      Effect.gen(function*() {
        const { fiber } = yield* consume
        const { message } = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual(message, "No events: [514]. Check LARK_APP_ID and LARK_APP_SECRET.")
      })
    ))

  it.effect("because it is a store app, says so", () =>
    connect(
      { app: { ...Simulator.defaultApp, type: "store" } },
      Effect.gen(function*() {
        yield* consume
        const state = yield* LongConnection.state
        assert(state._tag === "Refused")
        assert.deepInclude(state.error, { reason: "forbidden", code: 403 })
      })
    ))

  it.effect("because of a wrong secret, says so", () =>
    connect(
      { app: { ...Simulator.defaultApp, appSecret: "another" } },
      Effect.gen(function*() {
        const { fiber } = yield* consume
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual(
          error.message,
          "No events: [1000040345] app_id or app_secret is invalid. Check LARK_APP_ID and LARK_APP_SECRET."
        )
      })
    ))
})

describe("an event", () => {
  it.effect("that is handled is acknowledged", () =>
    connect(
      {},
      Effect.gen(function*() {
        const { ids } = yield* consume
        yield* push("1")
        yield* push("2", { schema: "1.0" })
        yield* push("3", { type: "im.message.receive_v1", event: { text: "x".repeat(100_000) } })
        assert.deepStrictEqual(ids, ["1", "2", "3"])
        assert.deepStrictEqual(yield* pushes, [[[0, 200]], [[0, 200]], [[0, 200]]])
      })
    ))

  it.effect("whose handler is slow is refused after 2.5 s, handled once, and acknowledged when it comes again", () =>
    connect(
      {},
      Effect.gen(function*() {
        let handled = 0
        yield* Effect.forkChild(Events.handle(() => Effect.delay(Effect.sync(() => handled++), "4 seconds")))
        yield* settle
        yield* Effect.forkChild(push("1"))
        yield* TestClock.adjust("2499 millis")
        assert.deepStrictEqual(yield* pushes, [[]])
        yield* TestClock.adjust("1 millis")
        yield* settle
        assert.deepStrictEqual(yield* pushes, [[[0, 500]]])
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(yield* pushes, [[[0, 500], [17.5, 200]]])
        assert.strictEqual(handled, 1)
      })
    ))

  it.effect("that comes again while it is handled waits for the outcome", () =>
    connect(
      { eventFaults: [{ nth: 0, fault: { _tag: "Twice" } }] },
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        let handled = 0
        yield* Effect.forkChild(
          Events.handle(() => Effect.andThen(Deferred.await(gate), Effect.sync(() => handled++)))
        )
        yield* settle
        const pushing = yield* Effect.forkChild(push("1"))
        yield* TestClock.adjust("1 second")
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(pushing)
        yield* settle
        assert.strictEqual(handled, 1)
        assert.deepStrictEqual(yield* pushes, [[[0, 200]]])
      })
    ))

  it.effect("whose handler fails is refused and comes again", () =>
    connect(
      {},
      Effect.gen(function*() {
        let times = 0
        yield* Effect.forkChild(
          Events.handle(() => Effect.suspend(() => ++times < 3 ? Effect.fail("the database is down") : Effect.void))
        )
        yield* settle
        yield* push("1")
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(yield* pushes, [[[0, 500], [15, 500], [315, 200]]])
      })
    ))

  it.effect("that finds the buffer of a stream full is refused, and comes again", () =>
    connect(
      {},
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        const ids: Array<string> = []
        yield* Effect.forkChild(Stream.runForEach(Events.stream({ capacity: 2 }), ({ id }) =>
          Effect.andThen(
            Deferred.await(gate),
            Effect.sync(() => ids.push(id))
          )))
        yield* settle
        // One is with the consumer.
        for (const id of ["1", "2", "3", "4"]) {
          yield* push(id)
          yield* settle
        }
        assert.deepStrictEqual(yield* pushes, [[[0, 200]], [[0, 200]], [[0, 200]], [[0, 500]]])
        yield* Deferred.succeed(gate, undefined)
        yield* TestClock.adjust("15 seconds")
        assert.deepStrictEqual(ids, ["1", "2", "3", "4"])
      })
    ))

  it.effect("that comes in parts is joined, in any order", () =>
    connect(
      {
        eventFaults: [
          { nth: 0, fault: { _tag: "Split", parts: 7, order: "forward" } },
          { nth: 1, fault: { _tag: "Split", parts: 7, order: "backward" } },
          { nth: 2, fault: { _tag: "Split", parts: 50, order: "backward" } }
        ]
      },
      Effect.gen(function*() {
        const texts: Array<unknown> = []
        yield* Effect.forkChild(Events.handle(({ data }) => Effect.sync(() => texts.push(data["text"]))))
        yield* settle
        const given = ["会议", "ab", "x".repeat(10_000)]
        for (const [index, text] of given.entries()) yield* push(String(index), { event: { text } })
        assert.deepStrictEqual(texts, given)
        assert.deepStrictEqual(yield* pushes, [[[0, 200]], [[0, 200]], [[0, 200]]])
      })
    ))

  it.effect("whose acknowledgement is lost with its connection comes again, and is not handled again", () =>
    connect(
      {
        eventFaults: [
          { nth: 0, fault: { _tag: "Disconnect", when: "after" } },
          { nth: 1, fault: { _tag: "Disconnect", when: "before" } }
        ],
        longConnection: { reconnectNonce: 2 }
      },
      Effect.gen(function*() {
        const { ids } = yield* consume
        yield* Effect.forkChild(push("1"))
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(ids, ["1"])
        assert.deepStrictEqual((yield* pushes)[0]?.map(([, status]) => status), [undefined, undefined, 200])
      })
    ))

  it.effect("that comes late comes after later ones", () =>
    connect(
      { eventFaults: [{ nth: 0, fault: { _tag: "Late", millis: 2_000 } }] },
      Effect.gen(function*() {
        const { ids } = yield* consume
        yield* Effect.forkChild(push("1"))
        yield* settle
        yield* push("2")
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(ids, ["2", "1"])
      })
    ))
})
