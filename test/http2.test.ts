/**
 * The two clients that speak HTTP/2, on real sockets.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Lark, Meetings, UserToken } from "effect-lark-meetings"
import * as http2 from "node:http2"
import * as tls from "./fixtures/http/tls.ts"
import { transports } from "./fixtures/http/transports.ts"
import { alice, bob, id } from "./fixtures/World.ts"

const asAlice = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))
const end = asAlice(Meetings.end(id))
const swap = asAlice(Meetings.swapHost(id, { expected: alice, desired: bob }))
const get = asAlice(Meetings.get(id))

const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants

const succeed = (stream: http2.ServerHttp2Stream) => {
  stream.respond({ ":status": 200 })
  stream.end(JSON.stringify({ code: 0, data: { meeting: { id } } }))
}

describe.each(transports.filter(([name]) => name.startsWith("undici")))("%s", (name, transport) => {
  const at = (baseUrl: string) => <A, E>(program: Effect.Effect<A, E, Lark.Services>) =>
    program.pipe(
      Effect.provide(Lark.layer({ appId: "cli_a", appSecret: Redacted.make("secret-of-the-app"), baseUrl })),
      Effect.provide(transport)
    )

  it.live("a request succeeds", () =>
    Effect.gen(function*() {
      yield* tls.trusted
      const { baseUrl, methods } = yield* tls.servingHttp2(succeed)
      yield* at(baseUrl)(end)
      assert.strictEqual((yield* at(baseUrl)(swap))._tag, "Applied")
      assert.deepStrictEqual(methods, ["PATCH", "PATCH"])
    }))

  const losses: ReadonlyArray<readonly [what: string, lose: (stream: http2.ServerHttp2Stream) => void]> = [
    ["is reset", (stream) => stream.close(NGHTTP2_INTERNAL_ERROR)],
    ["loses its connection", (stream) => stream.session?.destroy()],
    ["gets a part of its reply", (stream) => {
      stream.respond({ ":status": 200, "content-length": "100" })
      stream.end("{\"code\":0}")
    }]
  ]

  it.live.each(losses)("a request that %s may have been executed", ([, lose]) =>
    Effect.gen(function*() {
      yield* tls.trusted
      const { baseUrl, methods } = yield* tls.servingHttp2(lose)
      const error = yield* Effect.flip(at(baseUrl)(end))
      assert.include<object>(error, { _tag: "TransportError", executed: "unknown" })
      assert.strictEqual((yield* at(baseUrl)(swap))._tag, "Unknown")
      assert.deepStrictEqual(methods, ["PATCH", "PATCH"])
    }))

  it.live("an endless reply ends as a MalformedResponse", () =>
    Effect.gen(function*() {
      yield* tls.trusted
      const chunk = Buffer.alloc(1 << 16, 0x20)
      const { baseUrl } = yield* tls.servingHttp2((stream) => {
        stream.respond({ ":status": 200 })
        const more = (): void => {
          while (!stream.destroyed) if (!stream.write(chunk)) return void stream.once("drain", more)
        }
        more()
      })
      const error = yield* Effect.flip(at(baseUrl)(end))
      assert.include<object>(error, { _tag: "MalformedResponse", retry: "unknown" })
      assert.include(error.message, "more than 10 MiB")
    }))

  it.live("a read that the server refuses as not processed is sent again", () =>
    Effect.gen(function*() {
      yield* tls.trusted
      const { baseUrl, methods } = yield* tls.servingHttp2((stream, nth) =>
        nth === 0 ? stream.close(NGHTTP2_REFUSED_STREAM) : succeed(stream)
      )
      assert.strictEqual((yield* at(baseUrl)(get)).id, id)
      assert.deepStrictEqual(methods, ["GET", "GET"])
    }))

  it.live("a swap that the server refuses as not processed is sent again by Effect's client, not by this library's", () =>
    Effect.gen(function*() {
      yield* tls.trusted
      const { baseUrl, methods } = yield* tls.servingHttp2((stream, nth) =>
        nth === 0 ? stream.close(NGHTTP2_REFUSED_STREAM) : succeed(stream)
      )
      const outcome = yield* at(baseUrl)(swap)
      const isOurs = name === "undici's dispatcher"
      assert.strictEqual(outcome._tag, isOurs ? "Unknown" : "Applied")
      assert.deepStrictEqual(methods, isOurs ? ["PATCH"] : ["PATCH", "PATCH"])
    }))
})
