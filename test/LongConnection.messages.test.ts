/**
 * What a long connection makes of the frames that come, one by one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Redacted } from "effect"
import { Events, LarkConfig, LongConnection } from "effect-lark-meetings"
import * as Frame from "effect-lark-meetings/Simulator/frame"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { settle } from "./fixtures/connected.ts"
import { acks, envelope, eventFrame, makeSocket, platform } from "./fixtures/frameServer.ts"
import { logs } from "./fixtures/webhook.ts"

const config = LarkConfig.layer({ appId: "cli_a", appSecret: Redacted.make("secret") })

/** A connection to one socket after the other, with a handler of the events. */
const connected = Effect.fnUntraced(function*(
  handler: (event: Events.Event) => Effect.Effect<unknown, unknown>,
  sockets: ReadonlyArray<ReturnType<typeof makeSocket>>
) {
  const layer = LongConnection.layer.pipe(
    Layer.provide([config, platform(sockets.map(({ socket }) => () => socket))])
  )
  const context = yield* Layer.build(layer)
  yield* Effect.forkScoped(Events.handle(handler).pipe(Effect.provideContext(context)))
  yield* settle
  return { state: LongConnection.state.pipe(Effect.provideContext(context)) }
})

/** A connection whose handler collects the ids of the events. */
const collecting = Effect.gen(function*() {
  const ids: Array<string> = []
  const server = makeSocket()
  const { state } = yield* connected(({ id }) => Effect.sync(() => ids.push(id)), [server])
  const message = (...frames: ReadonlyArray<Uint8Array | string>) =>
    Effect.suspend(() => {
      for (const frame of frames) server.message(frame)
      return settle
    })
  return { ids, message, server, state }
})

const half = (id: string, bytes: number) => eventFrame(new Uint8Array(bytes), { message_id: id, sum: "2", seq: "0" })

const pong = (payload: string) =>
  Frame.encode({
    seqId: 0n,
    logId: 0n,
    service: 42,
    method: 0,
    headers: [["type", "pong"]],
    payload: new TextEncoder().encode(payload)
  })

describe("a message", () => {
  it.effect("is acknowledged by its own frame, with the time that it took", () =>
    Effect.gen(function*() {
      const server = makeSocket()
      yield* connected(() => Effect.sleep("250 millis"), [server])
      server.message(
        eventFrame(envelope("1"), { trace_id: "t", instance_id: "i" }, { logIdNew: "L", payloadType: "json" })
      )
      yield* TestClock.adjust("250 millis")
      yield* settle
      const [ping, ack] = server.received
      assert.deepInclude(ping, { seqId: 0n, logId: 0n, service: 42, method: 0, headers: [["type", "ping"]] })
      assert.deepStrictEqual(ack, {
        seqId: 7n,
        logId: 9n,
        service: 42,
        method: 1,
        headers: [
          ["type", "event"],
          ["message_id", "m1"],
          ["sum", "1"],
          ["seq", "0"],
          ["trace_id", "t"],
          ["instance_id", "i"],
          ["biz_rt", "250"]
        ],
        payloadEncoding: undefined,
        payloadType: "json",
        payload: new TextEncoder().encode(`{"code":200}`),
        logIdNew: "L"
      })
    }))

  it.effect("is a sign of life, whatever it is", () =>
    Effect.forEach(
      [eventFrame(envelope("1")), eventFrame(envelope("1"), { type: "card" }), "text"],
      (frame) =>
        Effect.gen(function*() {
          const { message, state } = yield* collecting
          // Two minutes between pings: the second is answered within forty seconds, the third is not.
          yield* TestClock.adjust("159 seconds")
          yield* message(frame)
          yield* TestClock.adjust("2 minutes")
          assert.strictEqual((yield* state)._tag, "Connected")
          yield* TestClock.adjust("1 second")
          yield* settle
          assert.strictEqual((yield* state)._tag, "Waiting")
        })
    ))

  it.effect("that cannot be read is refused, and others are not disturbed", () =>
    Effect.gen(function*() {
      const { ids, message, server, state } = yield* collecting
      yield* message(
        new Uint8Array(),
        new Uint8Array([255, 255, 255]),
        "text",
        eventFrame("not JSON", { message_id: "a" }),
        eventFrame("[]", { message_id: "b" }),
        eventFrame({ schema: "2.0", header: {} }, { message_id: "c" }),
        eventFrame(new Uint8Array([0xff, 0xfe]), { message_id: "d" }),
        eventFrame(envelope("card"), { type: "card" }),
        eventFrame(envelope("other"), {}, { method: 2 }),
        eventFrame(envelope("control"), {}, { method: 0 }),
        eventFrame(envelope("1"))
      )
      assert.deepStrictEqual(ids, ["1"])
      assert.deepStrictEqual(acks(server.received), [
        ["a", `{"code":500}`],
        ["b", `{"code":500}`],
        ["c", `{"code":500}`],
        ["d", `{"code":500}`],
        ["m1", `{"code":200}`]
      ])
      assert.strictEqual((yield* state)._tag, "Connected")
    }))

  it.effect("in parts is one message, whatever their order, and however often they come", () =>
    Effect.gen(function*() {
      const { ids, message, server } = yield* collecting
      const bytes = new TextEncoder().encode(JSON.stringify(envelope("1")))
      const part = (seq: number, rest: Readonly<Record<string, string>> = {}) =>
        eventFrame(bytes.subarray(seq * 50, seq === 2 ? undefined : (seq + 1) * 50), {
          sum: "3",
          seq: String(seq),
          ...rest
        })
      yield* message(part(2), part(2), part(0), part(1, { seq: "3" }), part(1, { seq: "-1" }), part(1, { seq: "x" }))
      yield* message(part(1, { sum: "999999" }), part(1, { sum: "1.5" }), part(0))
      assert.deepStrictEqual(ids, [])
      yield* message(part(1))
      assert.deepStrictEqual(ids, ["1"])
      // The acknowledgement is that of the last part.
      assert.deepStrictEqual(server.received.at(-1)?.headers.slice(0, 4), [
        ["type", "event"],
        ["message_id", "m1"],
        ["sum", "3"],
        ["seq", "1"]
      ])
      assert.lengthOf(acks(server.received), 1)
    }))

  it.effect("of which parts are missing is forgotten after ten seconds, or when too many wait", () =>
    Effect.gen(function*() {
      const { ids, message } = yield* collecting
      const part = (id: string, seq: number) => {
        const bytes = new TextEncoder().encode(JSON.stringify(envelope(id)))
        return eventFrame(seq === 0 ? bytes.subarray(0, 50) : bytes.subarray(50), {
          message_id: id,
          sum: "2",
          seq: String(seq)
        })
      }
      yield* message(part("a", 0), part("b", 0))
      yield* TestClock.adjust("10 seconds")
      yield* message(part("a", 1))
      assert.deepStrictEqual(ids, ["a"])

      yield* message(part("c", 0))
      yield* TestClock.adjust("10001 millis")
      yield* message(half("d", 1), part("c", 1))
      assert.deepStrictEqual(ids, ["a"])

      // 16 MiB in all.
      yield* message(part("e", 0), ...Array.from({ length: 15 }, (_, index) => half(`f${index}`, 1024 * 1024)))
      yield* message(part("e", 1), part("g", 0))
      assert.deepStrictEqual(ids, ["a", "e"])
      yield* message(half("h", 1024 * 1024), half("i", 15 * 1024 * 1024), half("j", 1024 * 1024), part("g", 1))
      assert.deepStrictEqual(ids, ["a", "e"])
    }))

  it.effect("in parts counts with the length of its id, and each part with a minimum", () =>
    Effect.gen(function*() {
      const { ids, message } = yield* collecting
      const part = (id: string, seq: number) => {
        const bytes = new TextEncoder().encode(JSON.stringify(envelope(id)))
        const payload = seq === 0 ? bytes.subarray(0, 50) : bytes.subarray(50)
        return eventFrame(payload, { message_id: id, sum: "2", seq: String(seq) })
      }
      const long = "x".repeat(1024 * 1024)
      yield* message(part("a", 0), ...Array.from({ length: 16 }, (_, index) => half(`${long}${index}`, 1)))
      yield* message(part("a", 1))
      assert.deepStrictEqual(ids, [])

      yield* message(part("b", 0))
      yield* message(
        ...Array.from({ length: 17 }, (_, id) =>
          Array.from(
            { length: 999 },
            (_, seq) => eventFrame(new Uint8Array(), { message_id: String(id), sum: "1000", seq: String(seq) })
          )).flat()
      )
      yield* message(part("b", 1))
      assert.deepStrictEqual(ids, [])
    }))

  it.effect("whose connection was lost is not acknowledged on the next one", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const [first, second] = [makeSocket(), makeSocket()]
      const { state } = yield* connected(() => Deferred.await(gate), [first, second])
      first.message(eventFrame(envelope("1")))
      yield* settle
      first.close(1006, "")
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.strictEqual((yield* state)._tag, "Connected")
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.deepStrictEqual(acks([...first.received, ...second.received]), [])
      // The handler went on, and the event is known.
      second.message(eventFrame(envelope("1"), { message_id: "m2" }))
      yield* settle
      assert.deepStrictEqual(acks(second.received), [["m2", `{"code":200}`]])
    }))
})

describe("a pong", () => {
  it.effect("may change the interval of pings; invalid settings change nothing", () =>
    Effect.gen(function*() {
      const { message, server } = yield* collecting
      const pings = () => server.received.filter(({ method }) => method === 0).length
      const wrong = ["", "{", "[]", "null", `{"PingInterval":"9"}`, `{"PingInterval":0}`, `{"PingInterval":-1}`]
      for (const payload of wrong) {
        yield* message(pong(payload))
        const before = pings()
        yield* TestClock.adjust("120 seconds")
        assert.strictEqual(pings(), before + 1, payload)
      }
      yield* message(pong(`{"PingInterval":10,"ReconnectCount":-1}`))
      // The interval of two minutes has begun.
      yield* TestClock.adjust("120 seconds")
      const before = pings()
      yield* message(pong(""))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(pings(), before + 1)
    }))

  it.effect("does not make an interval longer than an hour", () =>
    Effect.gen(function*() {
      const { message, server } = yield* collecting
      const pings = () => server.received.filter(({ method }) => method === 0).length
      yield* message(pong(`{"PingInterval":100000}`))
      yield* TestClock.adjust("120 seconds")
      const before = pings()
      yield* message(pong(""))
      yield* TestClock.adjust("3599 seconds")
      assert.strictEqual(pings(), before)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(pings(), before + 1)
    }))
})

describe("a connection that cannot be made", () => {
  it.effect("is not tried without encryption, where the platform itself is encrypted", () =>
    Effect.gen(function*() {
      const reasons: Array<string> = []
      const addresses = ["ws://gateway.test/?ticket=t", "http://gateway.test", "gateway.test", "", 7]
      for (const URL of addresses) {
        const dialed = () => assert.fail("it was dialed")
        const layer = LongConnection.layer.pipe(
          Layer.provide([config, platform([dialed], { code: 0, data: { URL } })])
        )
        const context = yield* Layer.build(Layer.fresh(layer))
        yield* Effect.forkScoped(Events.handle(() => Effect.void).pipe(Effect.provideContext(context)))
        yield* settle
        const state = yield* LongConnection.state.pipe(Effect.provideContext(context))
        reasons.push(state._tag === "Waiting" ? state.reason : state._tag)
      }
      assert.deepStrictEqual(reasons, addresses.map(() => "the platform sent no address to connect to"))
    }))

  const broken: ReadonlyArray<readonly [how: string, answer: Effect.Effect<never>]> = [
    ["dies", Effect.die(new RangeError("Zq7Xw"))],
    ["is interrupted", Effect.interrupt]
  ]

  it.effect.each(broken)("because the HTTP client %s is tried again", ([, answer]) =>
    Effect.gen(function*() {
      let requests = 0
      const client = HttpClient.make(() =>
        Effect.suspend(() => {
          requests++
          return answer
        })
      )
      const layer = LongConnection.layer.pipe(
        Layer.provide([config, platform([]), Layer.succeed(HttpClient.HttpClient, client)])
      )
      const context = yield* Layer.build(layer)
      yield* Effect.forkScoped(Events.handle(() => Effect.void).pipe(Effect.provideContext(context)))
      yield* settle
      const state = yield* LongConnection.state.pipe(Effect.provideContext(context))
      assert(state._tag === "Waiting")
      assert.notInclude(state.reason, "Zq7Xw")
      yield* TestClock.adjust("5 minutes")
      assert.isAbove(requests, 2)
    }))

  it.effect("is a warning, and so is one that ends before it answers a ping; one that ends later is not", () =>
    Effect.gen(function*() {
      const [mute, sound] = [makeSocket(), makeSocket()]
      const { levels, text } = yield* logs(Effect.gen(function*() {
        yield* connected(() => Effect.void, [mute, sound])
        mute.close(1001, "")
        yield* settle
        yield* TestClock.adjust("2 seconds")
        yield* settle
        sound.message(pong(""))
        yield* settle
        sound.close(1001, "")
        yield* TestClock.adjust("2 seconds")
        yield* settle
      }))
      // The second one could not be made: there is no third socket.
      assert.lengthOf(levels.filter((level) => level === "Warn"), 2)
      assert.lengthOf(text.match(/long connection lost/g) ?? [], 3)
    }))

  it.effect("because the program ends is reported to nobody", () =>
    Effect.gen(function*() {
      const { levels } = yield* logs(Effect.scoped(connected(() => Effect.void, [makeSocket()])))
      assert.deepStrictEqual(levels.filter((level) => level !== "Debug"), [])
      const { socket } = makeSocket()
      const opening = { ...makeSocket(), socket: { ...socket, readyState: 0 } }
      assert.deepStrictEqual((yield* logs(Effect.scoped(connected(() => Effect.void, [opening])))).levels, ["Debug"])
    }))

  it.effect("has a reason without details if the error of the WebSocket has none", () =>
    Effect.gen(function*() {
      const { fail, socket } = makeSocket()
      const { state } = yield* connected(() => Effect.void, [{ ...makeSocket(), socket }])
      fail("")
      yield* settle
      assert.deepInclude(yield* state, { _tag: "Waiting", reason: "the connection failed" })
    }))

  it.effect("is a warning at once", () =>
    Effect.gen(function*() {
      const { levels } = yield* logs(connected(() => Effect.void, []))
      assert.include(levels, "Warn")
    }))

  it.effect("is closed, however far it came", () =>
    Effect.gen(function*() {
      const server = makeSocket()
      const { state } = yield* connected(() => Effect.void, [server])
      server.fail("reset")
      yield* settle
      assert.strictEqual((yield* state)._tag, "Waiting")
      assert.strictEqual(server.closedWith(), 1000)
    }))
})
