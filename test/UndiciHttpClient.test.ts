import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Effect, Exit, Fiber, Layer, Option, Redacted, Schema, Stream, Tracer } from "effect"
import { Lark, Meetings, UndiciHttpClient, UserToken } from "effect-lark-meetings"
import { HttpClient, HttpClientRequest, UrlParams } from "effect/http"
import { TestClock } from "effect/testing"
import { countedClock } from "./fixtures/countedClock.ts"
import { id } from "./fixtures/World.ts"

type Dispatch = UndiciHttpClient.Dispatcher["dispatch"]
type Handler = Parameters<Dispatch>[1]
type Options = Parameters<Dispatch>[0]

/** A dispatcher that records requests and lets the test respond. */
const scripted = (react: (handler: Handler, controller: { readonly abort: (reason: Error) => void }) => void) => {
  const dispatched: Array<Options> = []
  const aborted: Array<string> = []
  const dispatch: Dispatch = (options, handler) => {
    dispatched.push(options)
    react(handler, {
      abort: (reason) => {
        aborted.push(reason.message)
        handler.onResponseError({ abort: () => {} }, reason)
      }
    })
    return true
  }
  return { client: UndiciHttpClient.make({ dispatch }), dispatched, aborted }
}

/** A dispatcher without responses, which connects at once or when `connect` is called. */
const connecting = (isConnected: boolean) => {
  let connect = () => {}
  const dispatcher = scripted((handler, controller) => {
    connect = () => handler.onRequestStart(controller)
    if (isConnected) connect()
  })
  return { ...dispatcher, connect: () => connect() }
}

const bytes = (text: string) => new TextEncoder().encode(text)

/** A dispatcher that responds with these chunks. */
const replying = (status: number, headers: Record<string, string | Array<string>>, ...chunks: ReadonlyArray<string>) =>
  scripted((handler, controller) => {
    handler.onRequestStart(controller)
    handler.onResponseStart(controller, status, headers)
    for (const chunk of chunks) handler.onResponseData(controller, bytes(chunk))
    handler.onResponseEnd()
  })

const url = "http://127.0.0.1:1/a/b?c=d"

const end = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-1")))(
  Meetings.end(id)
)

/** Provides the layer of the library on this client. */
const through = (client: HttpClient.HttpClient) =>
  Effect.provide(
    Layer.provide(
      Lark.layer({ appId: "cli_test", appSecret: Redacted.make("secret") }),
      Layer.succeed(HttpClient.HttpClient, client)
    )
  )

describe("a request", () => {
  it.effect.each([["traced", false], ["not traced", true]] as const)(
    "is sent unchanged, with the URL parameters in its path, %s",
    ([, isDisabled]) =>
      Effect.gen(function*() {
        const { client, dispatched } = replying(200, {}, "{}")
        yield* client.execute(
          HttpClientRequest.post("http://127.0.0.1:1/a?b=c#d", { urlParams: { e: "f g" }, headers: { "X-One": "1" } })
            .pipe(
              HttpClientRequest.bodyText("text", "text/plain")
            )
        )
        yield* client.get(url, { urlParams: { e: "1" } })
        const [origin, noTimeouts] = ["http://127.0.0.1:1", { headersTimeout: 0, bodyTimeout: 0 }]
        assert.deepStrictEqual(dispatched.map(({ headers, ...rest }) => ({ headers: { ...headers }, ...rest })), [
          {
            method: "POST",
            origin,
            path: "/a?b=c&e=f+g",
            headers: { "x-one": "1", "content-type": "text/plain", "content-length": "4" },
            body: "text",
            ...noTimeouts
          },
          { method: "GET", origin, path: "/a/b?c=d&e=1", headers: {}, body: null, ...noTimeouts }
        ])
      }).pipe(
        Effect.provideService(HttpClient.TracerPropagationEnabled, false),
        Effect.provideService(HttpClient.TracerDisabledWhen, () => isDisabled)
      )
  )

  it.effect("with bytes sends them unchanged", () =>
    Effect.gen(function*() {
      const { client, dispatched } = replying(200, {})
      const body = new Uint8Array([0, 255, 128])
      yield* client.execute(HttpClientRequest.bodyUint8Array(HttpClientRequest.put(url), body))
      assert.deepStrictEqual(dispatched[0]?.body, body)
    }))

  it.effect("with a stream or a form, or for an upgrade, fails before anything is sent", () =>
    Effect.gen(function*() {
      const { client, dispatched } = replying(200, {})
      const requests = [
        HttpClientRequest.bodyStream(HttpClientRequest.post(url), Stream.make(bytes("a"))),
        HttpClientRequest.bodyFormData(HttpClientRequest.post(url), new FormData()),
        HttpClientRequest.get(url, { headers: { upgrade: "websocket" } })
      ]
      for (const request of requests) {
        const { reason } = yield* Effect.flip(client.execute(request))
        assert.strictEqual(reason._tag, "EncodeError")
        assert.include(reason.message, "NodeHttpClient.layerUndici")
      }
      assert.deepStrictEqual(dispatched, [])
    }))

  it.effect("to an invalid URL fails before anything is sent, traced or not", () =>
    Effect.gen(function*() {
      const { client, dispatched } = replying(200, {})
      for (const isDisabled of [true, false]) {
        const { reason } = yield* Effect.flip(client.get("nowhere")).pipe(
          Effect.provideService(HttpClient.TracerDisabledWhen, () => isDisabled)
        )
        assert.strictEqual(reason._tag, "InvalidUrlError")
      }
      assert.deepStrictEqual(dispatched, [])
    }))

  const few = (texts: ReadonlyArray<string>) =>
    Arbitrary.map(
      Arbitrary.array(Arbitrary.schema(Schema.Literals(texts)), { minLength: 1, maxLength: 4 }),
      (some) => some.join("")
    )

  /** Empty half of the time. */
  const maybe = (texts: ReadonlyArray<string>) =>
    Arbitrary.schema(Schema.Union([Schema.Literal(""), Schema.Literals(texts)]))

  /** Made of parts that `URL` keeps, normalizes or refuses. */
  const Address = Arbitrary.map(
    Arbitrary.all([
      Arbitrary.schema(Schema.Literals(["http://", "https://"])),
      few(["a", "b.c", "-", ".", "1", "127.0.0.1", "0x7f", "256", "xn--", "A", "ä", "u@", "[::1]"]),
      maybe([":1", ":80", ":443", ":65535", ":0", ":080", ":65536", ":99999", ":", ":a"]),
      few(["/", "a", "B", "1", "_", "-", "?", "=", "&"]),
      maybe([".", "..", "/../", "%2e", "/%2e/", "\\", "#", "@", ":", "+", "~", "ä", "\ud800", "\t", "\n", " ", "'"]),
      few(["/", "a", "?", "=", "&"])
    ]),
    ([scheme, host, port, ...path]) => `${scheme}${host}${port}/${path.join("")}`
  )

  it.effect.prop(
    "is sent to the origin and path that `URL` parses, or fails",
    { address: Address },
    ({ address }) =>
      Effect.gen(function*() {
        const { client, dispatched } = replying(200, {})
        const request = HttpClientRequest.get(address)
        const exit = yield* Effect.exit(
          Effect.provideService(client.execute(request), HttpClient.TracerDisabledWhen, () => true)
        )
        const url = URL.parse(request.url)
        // undici parses the origin as a URL, too. An empty query is dropped.
        const sent = dispatched.map(({ origin, path }) => {
          assert.notMatch(origin, /[A-Z@]/)
          return [URL.parse(origin)?.origin, path.replace(/^([^?]*)\?$/, "$1")]
        })
        if (url === null) {
          assert.isTrue(sent.every(([origin]) => origin === undefined))
        } else {
          assert.deepStrictEqual(sent, [[url.origin, url.pathname + url.search]])
          assert.isTrue(Exit.isSuccess(exit))
        }
      }),
    { arbitrary: { runs: 300 } }
  )

  it.effect("is aborted by an interruption, before or after it is connected", () =>
    Effect.gen(function*() {
      for (const isConnected of [true, false]) {
        const { aborted, client, connect } = connecting(isConnected)
        const fiber = yield* Effect.forkChild(client.get(url), { startImmediately: true })
        assert.deepStrictEqual(aborted, [])
        yield* Fiber.interrupt(fiber)
        if (!isConnected) connect()
        assert.deepStrictEqual(aborted, ["the request was interrupted"])
      }
    }))

  it.effect("to the platform is aborted after ten seconds, before or after it is connected", () =>
    Effect.gen(function*() {
      for (const isConnected of [true, false]) {
        const { aborted, client, connect } = connecting(isConnected)
        const ended = Effect.tapError(through(client)(end), () => Effect.sync(() => aborted.push("failed")))
        const fiber = yield* Effect.forkChild(Effect.flip(ended))
        yield* TestClock.adjust(9_999)
        assert.deepStrictEqual(aborted, [])
        yield* TestClock.adjust(1)
        const error = yield* Fiber.join(fiber)
        assert.include<object>(error, {
          _tag: "TransportError",
          executed: "unknown",
          reason: "no answer within 10000 ms"
        })
        if (!isConnected) connect()
        const timedOut = "no answer within 10000 ms"
        assert.deepStrictEqual(aborted, isConnected ? [timedOut, "failed"] : ["failed", timedOut])
      }
    }))

  it.effect("to the platform that a RetryAgent repeats may have been executed, although the last connection is refused", () =>
    Effect.gen(function*() {
      // `RetryAgent` reports the first start and the last error.
      const { client } = scripted((handler, controller) => {
        handler.onRequestStart(controller)
        handler.onResponseError(controller, Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }))
      })
      assert.include<object>(yield* Effect.flip(through(client)(end)), { _tag: "TransportError", executed: "unknown" })
    }))

  it.effect("to the platform that fails before it starts was not executed, whatever the error says", () =>
    Effect.gen(function*() {
      const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })
      for (const [starts, executed] of [[false, "no"], [true, "unknown"]] as const) {
        const { client } = scripted((handler, controller) => {
          if (starts) handler.onRequestStart(controller)
          handler.onResponseError(controller, reset)
        })
        assert.include<object>(yield* Effect.flip(through(client)(end)), { _tag: "TransportError", executed })
      }
    }))

  it.effect("that changes something is aborted where the dispatcher would send it again", () =>
    Effect.gen(function*() {
      const { aborted, client } = scripted((handler, controller) => {
        handler.onRequestStart(controller)
        handler.onRequestStart(controller)
        handler.onResponseStart(controller, 200, {})
        handler.onResponseEnd()
      })
      for (const send of [client.post(url), client.patch(url), client.put(url), client.del(url)]) {
        assert.strictEqual((yield* Effect.flip(send)).reason._tag, "TransportError")
      }
      assert.lengthOf(aborted, 4)
      for (const send of [client.get(url), client.head(url), client.options(url)]) {
        assert.strictEqual((yield* send).status, 200)
      }
    }))

  it.effect("to the platform leaves no timer when it is interrupted, also before it is connected", () =>
    Effect.gen(function*() {
      const { calls, clock } = yield* countedClock
      const { client } = scripted(() => {})
      const fiber = yield* Effect.forkChild(Effect.provideService(through(client)(end), Clock.Clock, clock))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(calls.sleeping, 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(calls.sleeping, 0)
    }))

  it.effect("to the platform fails after ten seconds, even if it cannot be aborted", () =>
    Effect.gen(function*() {
      const dispatch: Dispatch = (_, handler) => {
        handler.onRequestStart({
          abort: () => {
            throw new Error("cannot be aborted")
          }
        })
        return true
      }
      const fiber = yield* Effect.forkChild(Effect.flip(through(UndiciHttpClient.make({ dispatch }))(end)))
      yield* TestClock.adjust("10 seconds")
      const exit = fiber.pollUnsafe()
      assert(exit?._tag === "Success")
      assert.include<object>(exit.value, { _tag: "TransportError", reason: "no answer within 10000 ms" })
    }))

  /** What a dispatcher does with a request, and when. */
  const Step = Schema.Struct({
    at: Schema.Literals([0, 500, 5_500, 9_500, 10_500]),
    does: Schema.Literals(["start", "reply", "end", "fail", "throw"])
  })

  const Script = Schema.Struct({
    begins: Schema.Literals([0, 1_000]),
    steps: Schema.Array(Step).check(Schema.isMaxLength(6)),
    abort: Schema.Literals(["fails", "is ignored", "throws"]),
    interruptedAt: Schema.Literals([4_000, 12_000])
  })

  it.effect.prop(
    "to the platform ends once, with the first response, failure or timeout, and leaves no timer",
    { scripts: Arbitrary.array(Arbitrary.schema(Script), { minLength: 1, maxLength: 4 }) },
    ({ scripts }) =>
      Effect.gen(function*() {
        const context = yield* Effect.context<never>()
        const { calls: sleeps, clock } = yield* countedClock
        const ends = scripts.map(({ abort, begins, interruptedAt, ...script }) => {
          const steps = script.steps
            .filter(({ at, does }) => at === 0 || does !== "throw")
            .toSorted((a, b) => a.at - b.at)
            .filter(({ does }, i, all) => does !== "start" || all.findIndex((step) => step.does === "start") === i)
          const dispatch: Dispatch = (_, handler) => {
            const controller = {
              abort: (reason: Error) => {
                if (abort === "throws") throw new Error("cannot be aborted")
                if (abort === "fails") handler.onResponseError(controller, reason)
              }
            }
            const take = (does: (typeof Step)["Type"]["does"]) => {
              if (does === "start") handler.onRequestStart(controller)
              if (does === "reply") handler.onResponseStart(controller, 200, {})
              if (does === "end") handler.onResponseEnd()
              if (does === "fail") handler.onResponseError(controller, new Error("broken"))
              if (does === "throw") throw new Error("thrown")
            }
            for (const { at, does } of steps) {
              if (at === 0) take(does)
              else Effect.runForkWith(context)(Effect.delay(Effect.sync(() => take(does)), at))
            }
            return false
          }
          const last = steps.find(({ does }) => ["end", "fail", "throw"].includes(does))
          const expected = last !== undefined && last.at < 10_000 ? last : { at: 10_000, does: "time out" }
          const says = { end: "the body is empty", fail: "broken", throw: "thrown" }[expected.does] ??
            "no answer within"
          return {
            call: Effect.flatMap(
              Effect.flip(through(UndiciHttpClient.make({ dispatch }))(end)),
              ({ message }) => Effect.map(Clock.currentTimeMillis, (at) => ({ at: at - begins, message }))
            ).pipe(Effect.provideService(Clock.Clock, clock), Effect.delay(begins)),
            interruption: begins + interruptedAt,
            expected: interruptedAt < expected.at ? undefined : { at: expected.at, says }
          }
        })
        const fibers = yield* Effect.forEach(ends, ({ call }) => Effect.forkChild(call))
        for (const [i, fiber] of fibers.entries()) {
          yield* Effect.forkChild(Effect.delay(Effect.exit(Fiber.interrupt(fiber)), ends[i]?.interruption ?? 0))
        }
        yield* TestClock.adjust("1 minute")
        for (const [i, { expected }] of ends.entries()) {
          const exit = fibers[i]?.pollUnsafe()
          assert(exit !== undefined)
          if (expected === undefined) {
            assert.isTrue(Exit.hasInterrupts<unknown, unknown>(exit))
          } else {
            assert(exit._tag === "Success")
            assert.strictEqual(exit.value.at, expected.at)
            assert.include(exit.value.message, expected.says)
          }
        }
        assert.strictEqual(sleeps.sleeping, 0)
      })
  )

  it.effect("has a span and propagates its trace, unless that is disabled", () =>
    Effect.gen(function*() {
      const { client, dispatched } = replying(200, {}, "{}")
      const spans: Array<string> = []
      const tracer = Tracer.make({
        span: (options) => {
          spans.push(options.name)
          return new Tracer.NativeSpan(options)
        }
      })
      const traced = Effect.withTracer(client.get(url), tracer)
      yield* traced
      yield* Effect.provideService(traced, HttpClient.TracerDisabledWhen, () => true)
      assert.deepStrictEqual(spans, ["GET"])
      assert.deepStrictEqual(dispatched.map(({ headers }) => "traceparent" in headers), [true, false])
    }))
})

describe("a response", () => {
  it.effect("is complete for any number of chunks", () =>
    Effect.gen(function*() {
      for (const pieces of [[], ["{\"a\":\"ä\"}"], ["{\"a\":", "\"ä", "\"}"]]) {
        const { client } = replying(207, { "X-Many": ["a", "b"], "x-one": "1" }, ...pieces)
        const response = yield* client.get(url)
        assert.strictEqual(response.status, 207)
        assert.strictEqual(response.url, url)
        assert.deepStrictEqual({ ...response.headers }, { "x-many": "a, b", "x-one": "1" })
        assert.strictEqual(yield* response.text, pieces.join(""))
        assert.deepStrictEqual(yield* response.json, pieces.length === 0 ? null : { a: "ä" })
        assert.deepStrictEqual(new Uint8Array(yield* response.arrayBuffer), bytes(pieces.join("")))
        assert.strictEqual(yield* Stream.mkString(Stream.decodeText(response.stream)), pieces.join(""))
      }
    }))

  it.effect("decodes a character that is split between two chunks", () =>
    Effect.gen(function*() {
      const [first, second] = bytes("ä")
      assert(first !== undefined && second !== undefined)
      const { client } = scripted((handler, controller) => {
        handler.onRequestStart(controller)
        handler.onResponseStart(controller, 200, {})
        handler.onResponseData(controller, new Uint8Array([first]))
        handler.onResponseData(controller, new Uint8Array([second]))
        handler.onResponseEnd()
      })
      assert.strictEqual(yield* Effect.flatMap(client.get(url), ({ text }) => text), "ä")
    }))

  it.effect("is read as a form, as parameters and as cookies", () =>
    Effect.gen(function*() {
      const type = "application/x-www-form-urlencoded"
      const { client } = replying(200, { "content-type": type, "set-cookie": ["a=b; Path=/", "c=d"] }, "e=f&g=h")
      const response = yield* client.get(url)
      assert.deepStrictEqual(UrlParams.toRecord(yield* response.urlParamsBody), { e: "f", g: "h" })
      assert.strictEqual((yield* response.formData).get("g"), "h")
      assert.deepStrictEqual(Object.keys(response.cookies.cookies), ["a", "c"])
      assert.deepStrictEqual(response.remoteAddress, Option.none())
    }))

  it.effect("that cannot be decoded fails with DecodeError", () =>
    Effect.gen(function*() {
      const response = yield* replying(200, {}, "<html>").client.get(url)
      for (const read of [Effect.asVoid(response.json), Effect.asVoid(response.formData)]) {
        assert.strictEqual((yield* Effect.flip(read)).reason._tag, "DecodeError")
      }
      assert.strictEqual((yield* Effect.flip(response.upgrade)).reason._tag, "StatusCodeError")
    }))

  it.effect("follows informational responses", () =>
    Effect.gen(function*() {
      const { client } = scripted((handler, controller) => {
        handler.onRequestStart(controller)
        handler.onResponseStart(controller, 103, { link: "</style.css>" })
        handler.onResponseStart(controller, 404, { "x-last": "1" })
        handler.onResponseEnd()
      })
      const { headers, status } = yield* client.get(url)
      assert.deepStrictEqual([status, { ...headers }], [404, { "x-last": "1" }])
    }))

  it.effect("that is cut off, and a dispatcher that throws, fail with TransportError and the cause", () =>
    Effect.gen(function*() {
      const broken = new Error("other side closed")
      const { client } = scripted((handler, controller) => {
        handler.onRequestStart(controller)
        handler.onResponseStart(controller, 200, {})
        handler.onResponseData(controller, bytes("{"))
        handler.onResponseError(controller, broken)
      })
      const throwing = UndiciHttpClient.make({
        dispatch: () => {
          throw broken
        }
      })
      for (const { get } of [client, throwing].map((client) => ({ get: client.get(url) }))) {
        const { reason } = yield* Effect.flip(get)
        assert.include<object>(reason, { _tag: "TransportError", cause: broken })
      }
    }))
})
