/**
 * Sizes, numbers and settings that no honest platform sends.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { Events, LarkConfig, LongConnection, Webhook } from "effect-lark-meetings"
import * as Frame from "effect-lark-meetings/Simulator/frame"
import { HttpRouter } from "effect/http"
import { TestClock } from "effect/testing"
import { settle } from "./fixtures/connected.ts"
import * as delivery from "./fixtures/delivery.ts"
import { acks, envelope, eventFrame, makeSocket, platform } from "./fixtures/frameServer.ts"
import { accepted, ended, path, refused, send, verificationToken } from "./fixtures/webhook.ts"

const config = LarkConfig.layer({ appId: "cli_a", appSecret: Redacted.make("secret") })

/** A consumed connection to one socket. */
const connected = (server: ReturnType<typeof makeSocket>, answer?: unknown) =>
  Effect.gen(function*() {
    const layer = LongConnection.layer.pipe(Layer.provide([config, platform([() => server.socket], answer)]))
    const context = yield* Layer.build(layer)
    const texts: Array<unknown> = []
    yield* Effect.forkScoped(
      Events.handle(({ data }) => Effect.sync(() => texts.push(data["text"]))).pipe(Effect.provideContext(context))
    )
    yield* settle
    return { texts, state: Effect.provideContext(LongConnection.state, context) }
  })

/** Of an event whose envelope has as many bytes. */
const textOf = (bytes: number, envelope: (text: string) => unknown) =>
  "x".repeat(bytes - JSON.stringify(envelope("")).length)

const mebibyte = 1024 * 1024

describe("an event of 1 MiB", () => {
  it.effect("comes through a long connection, whole and in parts", () =>
    Effect.gen(function*() {
      const server = makeSocket()
      const { texts } = yield* connected(server)
      const text = textOf(mebibyte, (text) => envelope("1", { text }))
      const bytes = new TextEncoder().encode(JSON.stringify(envelope("1", { text })))
      assert.lengthOf(bytes, mebibyte)
      server.message(eventFrame(bytes))
      const second = new TextEncoder().encode(JSON.stringify(envelope("2", { text })))
      for (let seq = 999; seq >= 0; seq--) {
        const part = second.subarray(seq * 1049, (seq + 1) * 1049)
        server.message(eventFrame(part, { message_id: "m2", sum: "1000", seq: String(seq) }))
      }
      yield* settle
      assert.deepStrictEqual(texts, [text, text])
      assert.deepStrictEqual(acks(server.received), [["m1", `{"code":200}`], ["m2", `{"code":200}`]])
    }))

  it.effect("comes through a webhook, and one more byte does not", () =>
    Effect.gen(function*() {
      const lengths: Array<number> = []
      const app = yield* HttpRouter.toHttpEffect(Webhook.layer({
        path,
        verificationToken: Redacted.make(verificationToken),
        onEvent: ({ data }) => Effect.sync(() => lengths.push(String(data["text"]).length))
      }))
      const message = (id: string) => (text: string) => ({ ...ended(id), event: { text } })
      const exact = textOf(mebibyte, message("1"))
      assert.deepStrictEqual(yield* send(app, delivery.plain(message("1")(exact))), accepted)
      assert.deepStrictEqual(yield* send(app, delivery.plain(message("2")(`${exact}x`))), refused(413))
      assert.deepStrictEqual(lengths, [exact.length])
    }))
})

describe("a frame", () => {
  it.effect("that declares more bytes than it has, up to 2^64, is ignored without memory for them", () =>
    Effect.gen(function*() {
      const server = makeSocket()
      const { state, texts } = yield* connected(server)
      const whole = eventFrame(envelope("1", { text: "whole" }))
      const max = [255, 255, 255, 255, 255, 255, 255, 255, 255, 1]
      const lengths = [[255, 255, 255, 255, 7], [255, 255, 255, 255, 255, 255, 255, 15], max, [...max, 1]]
      for (const field of [5, 8, 9, 15]) {
        for (const length of lengths) {
          const frame = new Uint8Array([...whole, (field << 3) | 2, ...length])
          assert.isTrue(Option.isNone(Frame.decode(frame)))
          server.message(frame)
        }
      }
      yield* settle
      assert.deepStrictEqual(texts, [])
      assert.strictEqual((yield* state)._tag, "Connected")
      server.message(whole)
      yield* settle
      assert.deepStrictEqual(texts, ["whole"])
    }))

  it.effect("whose JSON is nested a hundred thousand times disturbs nobody", () =>
    Effect.gen(function*() {
      const server = makeSocket()
      const { state, texts } = yield* connected(server)
      const deep = "[".repeat(100_000) + "]".repeat(100_000)
      server.message(eventFrame(deep, { message_id: "a" }))
      server.message(eventFrame(`{"schema":"2.0","header":${deep},"event":${deep}}`, { message_id: "b" }))
      const valid = JSON.stringify(envelope("1", { text: "t", deep: 0 })).replace(`"deep":0`, `"deep":${deep}`)
      server.message(eventFrame(valid, { message_id: "c" }))
      yield* settle
      assert.strictEqual((yield* state)._tag, "Connected")
      assert.deepStrictEqual(texts, ["t"])
      assert.deepStrictEqual(acks(server.received), [
        ["a", `{"code":500}`],
        ["b", `{"code":500}`],
        ["c", `{"code":200}`]
      ])
    }))
})

describe("the settings of the platform", () => {
  const config = (settings: string) => JSON.parse(settings) as object

  it.effect.each([
    `{"PingInterval":0,"ReconnectInterval":0,"ReconnectNonce":-1,"ReconnectCount":1.5}`,
    `{"PingInterval":-90,"ReconnectInterval":-90,"ReconnectNonce":"30","ReconnectCount":"3"}`,
    `{"PingInterval":0.001,"ReconnectInterval":0.001,"ReconnectNonce":null,"ReconnectCount":null}`,
    `{"PingInterval":-1e300,"ReconnectInterval":-1e300,"ReconnectNonce":-1e300,"ReconnectCount":1e-300}`,
    `{"PingInterval":{},"ReconnectInterval":[90],"ReconnectNonce":true,"ReconnectCount":[]}`
  ])("that are invalid change nothing: %s", (settings) =>
    Effect.gen(function*() {
      const server = makeSocket()
      const answer = { code: 0, data: { URL: "wss://a.test/?ticket=t", ClientConfig: config(settings) } }
      const { state } = yield* connected(server, answer)
      yield* TestClock.adjust("119 seconds")
      assert.lengthOf(server.received, 1)
      server.message(eventFrame(envelope("1")))
      yield* TestClock.adjust("1 second")
      assert.lengthOf(server.received.filter(({ method }) => method === 0), 2)
      // There is no other socket. It is tried for ever, within half a minute and then every two.
      server.close(1006, "")
      yield* TestClock.adjust("31 seconds")
      for (let times = 0; times < 5; times++) {
        assert.deepInclude(yield* state, { _tag: "Waiting" })
        yield* TestClock.adjust("2 minutes")
      }
    }))

  it.effect("that are absurdly large count as an hour", () =>
    Effect.gen(function*() {
      const server = makeSocket()
      const settings = `{"PingInterval":1e300,"ReconnectInterval":1e300,"ReconnectNonce":1e18,"ReconnectCount":-1e9}`
      const answer = { code: 0, data: { URL: "wss://a.test/?ticket=t", ClientConfig: config(settings) } }
      const { state } = yield* connected(server, answer)
      server.message(Frame.encode({
        seqId: 0n,
        logId: 0n,
        service: 42,
        method: 0,
        headers: [["type", "pong"]],
        payload: new TextEncoder().encode(`{"PingInterval":1e999}`)
      }))
      yield* TestClock.adjust("3599 seconds")
      assert.lengthOf(server.received, 1)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(server.received, 2)
      server.close(1006, "")
      yield* settle
      const first = yield* state
      assert(first._tag === "Waiting")
      yield* TestClock.adjust(first.duration)
      const next = yield* state
      assert(next._tag === "Waiting")
      yield* TestClock.adjust("3599 seconds")
      assert.strictEqual(yield* state, next)
      yield* TestClock.adjust("1 second")
      assert.notStrictEqual(yield* state, next)
    }))
})
