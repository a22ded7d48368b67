/**
 * Replies that are too long, from a stream that makes them as they are read.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Lark, Meetings, UndiciHttpClient, UserToken } from "effect-lark-meetings"
import { HttpClient, HttpClientResponse } from "effect/http"
import * as platform from "./fixtures/http/platform.ts"
import { id } from "./fixtures/World.ts"

const end = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))(Meetings.end(id))

const mebibyte = new Uint8Array(1 << 20).fill(0x20)
const success = new TextEncoder().encode(`{"code":0}`)

interface Body {
  readonly chunks: Iterable<Uint8Array>
  readonly headers?: Readonly<Record<string, string>>
}

/** Any client. */
const streaming = ({ chunks, headers = {} }: Body): Layer.Layer<HttpClient.HttpClient> =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request) =>
      Effect.sync(() => {
        const left = chunks[Symbol.iterator]()
        const stream = new ReadableStream<Uint8Array>({
          pull: (controller) => {
            const next = left.next()
            if (next.done === true) controller.close()
            else controller.enqueue(next.value)
          }
        }, { highWaterMark: 0 })
        return HttpClientResponse.fromWeb(request, new Response(stream, { headers }))
      })
    )
  )

/** The client on a dispatcher, which stops when it is aborted. */
const dispatching = ({ chunks, headers = {} }: Body): Layer.Layer<HttpClient.HttpClient> =>
  UndiciHttpClient.layer(Effect.succeed({
    dispatch: (_, handler) => {
      let isAborted = false
      const controller = {
        abort: (reason: Error) => {
          isAborted = true
          handler.onResponseError(controller, reason)
        }
      }
      handler.onRequestStart(controller)
      handler.onResponseStart(controller, 200, headers)
      for (const chunk of chunks) {
        if (isAborted) return true
        handler.onResponseData(controller, chunk)
      }
      if (!isAborted) handler.onResponseEnd()
      return true
    }
  }))

describe.each([["any client", streaming], ["the client on a dispatcher", dispatching]] as const)("%s", (_, client) => {
  const through = (body: Body) => end.pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(client(body)))

  /** Counts what is read of a mebibyte that comes again and again. */
  const repeated = (times: number, first: Uint8Array = mebibyte) => {
    const read = { chunks: 0 }
    function* chunks() {
      for (; read.chunks < times; read.chunks++) yield read.chunks === 0 ? first : mebibyte
    }
    return { read, chunks: { [Symbol.iterator]: chunks } }
  }

  const overflows = (body: Body) =>
    Effect.map(Effect.flip(through(body)), (error) => {
      assert.include<object>(error, { _tag: "MalformedResponse", status: 200, retry: "unknown" })
      assert.include(error.message, "more than 10 MiB")
    })

  it.effect("reads a reply of ten mebibytes, and not a byte more", () =>
    Effect.gen(function*() {
      const first = mebibyte.slice()
      first.set(success)
      yield* through(repeated(10, first))
      const { chunks } = repeated(10, first)
      yield* overflows({ chunks: [...chunks, new Uint8Array([0x20])] })
    }))

  it.effect("stops to read soon after the bound, with a reply longer than V8's strings and without an end", () =>
    Effect.gen(function*() {
      for (const times of [1_024, Number.POSITIVE_INFINITY]) {
        const { chunks, read } = repeated(times)
        yield* overflows({ chunks })
        assert.isAtMost(read.chunks, 12)
      }
    }))

  it.effect("counts short chunks for what they take of memory", () =>
    Effect.gen(function*() {
      const short = new Uint8Array([0x20])
      let read = 0
      function* chunks() {
        for (; read < 200_000; read++) yield short
      }
      yield* overflows({ chunks: { [Symbol.iterator]: chunks } })
      assert.isBelow(read, 200_000)
    }))

  it.effect("does not believe the length of a reply that was decoded", () =>
    Effect.gen(function*() {
      const { chunks, read } = repeated(1_024)
      yield* overflows({ chunks, headers: { "content-encoding": "gzip", "content-length": "1000" } })
      assert.isAtMost(read.chunks, 12)
    }))
})
