/**
 * No secret of a long connection is in a log, a span, a metric, a state or an error.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Redacted, Stream } from "effect"
import { Events, LarkConfig, LongConnection } from "effect-lark-meetings"
import type { Socket } from "effect/socket"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { settle } from "./fixtures/connected.ts"
import { accessKey, envelope, eventFrame, makeSocket, platform, ticket } from "./fixtures/frameServer.ts"
import { observe } from "./fixtures/observe.ts"
import { shown } from "./fixtures/shown.ts"

const mark = "Zq7Xw"

const config = LarkConfig.layer({ appId: "cli_a", appSecret: Redacted.make(`${mark}-app-secret`) })

const url = `wss://gateway.test/ws/v2?access_key=${accessKey}&ticket=${ticket}`

/** Everything that a program shows of a connection that lives for some minutes. */
const walk = (
  sockets: ReadonlyArray<() => Socket.WebSocketLike>,
  answer: unknown,
  meanwhile: Effect.Effect<void>
) =>
  Effect.gen(function*() {
    const states: Array<LongConnection.State> = []
    const program = Effect.gen(function*() {
      const handling = yield* Effect.forkChild(Events.handle(() => Effect.fail("failure")))
      yield* Effect.forkChild(
        Stream.runForEach(LongConnection.changes, (state) => Effect.sync(() => states.push(state)))
      )
      yield* settle
      yield* meanwhile
      yield* TestClock.adjust("5 minutes")
      yield* settle
      const exit = handling.pollUnsafe()
      yield* Fiber.interrupt(handling)
      return exit
    })
    const observed = yield* observe(
      Effect.provide(program, LongConnection.layer.pipe(Layer.provide([config, platform(sockets, answer)])))
    )
    assert.isTrue(Exit.isSuccess(observed.exit))
    const { exit, lines, metrics, prometheus, spans } = observed
    const ended = Exit.isSuccess(exit) ? exit.value : undefined
    const texts = [
      ...[...states, ...lines, ended].flatMap(shown),
      inspect(metrics, { depth: 20, maxArrayLength: null }),
      ...(ended !== undefined && Exit.isFailure(ended) ? [Cause.pretty(ended.cause)] : []),
      prometheus,
      ...spans.map((span) => inspect([span.name, span.attributes, span.events, span.status], { depth: 20 }))
    ]
    return { lines, states, found: texts.filter((text) => text.includes(mark)) }
  })

describe("no secret is shown by a connection", () => {
  const open = makeSocket()

  const cases: ReadonlyArray<
    readonly [
      how: string,
      says: string,
      sockets: ReadonlyArray<() => Socket.WebSocketLike>,
      answer?: unknown,
      meanwhile?: Effect.Effect<void>
    ]
  > = [
    ["that cannot be constructed", "the address cannot be used", []],
    ["whose constructor throws", "the address cannot be used", [() => {
      throw new SyntaxError(`Invalid URL: ${url}`)
    }]],
    ["that fails", "the connection failed: cannot reach", [() => {
      const { fail, socket } = makeSocket()
      queueMicrotask(() => fail(`cannot reach ${url} with ${ticket}`))
      return socket
    }]],
    ["that is closed", "the connection was closed: 1008 no ticket", [() => {
      const { close, socket } = makeSocket()
      queueMicrotask(() => close(1008, `no ticket ${ticket} for ${encodeURIComponent(accessKey)}`))
      return socket
    }]],
    [
      "whose event cannot be handled",
      "The handler of an event failed",
      [() => open.socket],
      undefined,
      Effect.suspend(() => {
        open.message(eventFrame(envelope(`1`, { text: `${mark}-text` })))
        open.message(eventFrame(`${mark}-not JSON`))
        open.message(`${mark}-text`)
        return settle
      })
    ],
    ["that is refused", `"code":514`, [], { code: 514, msg: `${mark}-app-secret is wrong`, data: {} }],
    ["that must wait", "[1] busy", [], { code: 1, msg: `busy, ${mark}-app-secret`, data: {} }],
    ["with no address", "no address to connect to", [], { code: 0, data: { URL: `http://${ticket}@a` } }]
  ]

  it.effect.each(cases)("%s", ([, says, sockets, answer, meanwhile]) =>
    Effect.gen(function*() {
      const { found, lines, states } = yield* walk(sockets, answer, meanwhile ?? Effect.void)
      assert.deepStrictEqual(found, [])
      assert.include(JSON.stringify([states, lines]), says)
    }))
})
