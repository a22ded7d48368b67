/**
 * Replies byte by byte, through every HTTP client of Node: whole ones are successes, and no other proves anything.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Cas, Lark, Meetings, UserToken } from "effect-lark-meetings"
import { createServer, type Socket } from "node:net"
import { brotliCompressSync, gzipSync } from "node:zlib"
import { listen } from "./fixtures/http/listen.ts"
import { transports } from "./fixtures/http/transports.ts"
import { alice, bob, id } from "./fixtures/World.ts"

const asAlice = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))
const end = asAlice(Meetings.end(id))
const setHost = asAlice(Meetings.setHost(id, bob, {
  hint: alice,
  policy: { ...Cas.Policy.once, onUnknown: "neverResend" }
}))

const success = "{\"code\":0,\"msg\":\"success\",\"data\":{}}"
const hex = (text: string | Uint8Array) => text.length.toString(16)

/** Writes a reply and ends the connection. */
const sending = (...parts: ReadonlyArray<string | Uint8Array>) => (socket: Socket) => {
  for (const part of parts) socket.write(part)
  socket.end()
}

/** Writes a head, and then the same again and again. */
const flooding = (head: string, more: string) => (socket: Socket) => {
  socket.write(head)
  const chunk = more.repeat(1_000)
  const go = (): void => {
    while (!socket.destroyed) if (!socket.write(chunk)) return void socket.once("drain", go)
  }
  go()
}

const head = (...headers: ReadonlyArray<string>) =>
  `HTTP/1.1 200 OK\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`

const chunked = head("transfer-encoding: chunked")

/** Would be a success, if it was read to its end. */
const padded = Buffer.concat([Buffer.from(success), Buffer.alloc(64 << 20, 0x20)])
const bomb = gzipSync(padded)

type Reply = readonly [what: string, react: (socket: Socket) => void]

const whole: ReadonlyArray<Reply> = [
  ["of HTTP/1.0, up to its end", sending("HTTP/1.0 200 OK\r\n\r\n", success)],
  [
    "in chunks",
    sending(
      chunked,
      `5\r\n${success.slice(0, 5)}\r\n`,
      `${hex(success.slice(5))}\r\n${success.slice(5)}\r\n`,
      "0\r\n\r\n"
    )
  ],
  ["with a byte order mark", sending(head(`content-length: ${success.length + 3}`), "\ufeff", success)],
  [
    "with another reply behind it",
    sending(head(`content-length: ${success.length}`), success, "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")
  ],
  [
    "after early hints",
    sending("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", head(`content-length: ${success.length}`), success)
  ]
]

const broken: ReadonlyArray<Reply> = [
  ["nothing", (socket) => socket.end()],
  ["a part of the first line", sending("HTTP/1.1 20")],
  ["early hints alone", sending("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")],
  ["another protocol", sending("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n")],
  ["a status that is not a number", sending("HTTP/1.1 abc OK\r\n\r\n", success)],
  ["a redirect to itself", sending("HTTP/1.1 307 Temporary Redirect\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")],
  ["an empty 200", sending(head("content-length: 0"))],
  ["HTTP/1.0, without its last byte", sending("HTTP/1.0 200 OK\r\n\r\n", success.slice(0, -1))],
  ["an invalid chunk after the envelope", sending(chunked, `${hex(success)}\r\n${success}\r\n`, "zz\r\n")],
  ["no last chunk, after the envelope", sending(chunked, `${hex(success)}\r\n${success}\r\n`)],
  ["a reset after the envelope", (socket) => {
    socket.write(chunked)
    socket.write(`${hex(success)}\r\n${success}\r\n`, () => setTimeout(() => socket.resetAndDestroy(), 20))
  }],
  ["two lengths", sending(head("content-length: 3", `content-length: ${success.length}`), success)],
  [
    "a length and chunks",
    sending(head("content-length: 3", "transfer-encoding: chunked"), `${hex(success)}\r\n${success}\r\n0\r\n\r\n`)
  ],
  ["UTF-16", sending(head(`content-length: ${success.length * 2}`), Buffer.from(success, "utf16le"))],
  ["invalid brotli", sending(head("content-encoding: br", "content-length: 10"), "0123456789")],
  ["half of a gzip", sending(head("content-encoding: gzip"), gzipSync(success).subarray(0, 20))],
  ["a gzip of 64 MiB", sending(head("content-encoding: gzip", `content-length: ${bomb.length}`), bomb)],
  [
    "a gzip of 64 MiB in chunks",
    sending(head("content-encoding: gzip", "transfer-encoding: chunked"), `${hex(bomb)}\r\n`, bomb, "\r\n0\r\n\r\n")
  ],
  ["a gzip in a gzip", sending(head("content-encoding: gzip, gzip"), gzipSync(bomb))],
  ["brotli of 64 MiB", sending(head("content-encoding: br"), brotliCompressSync(padded))],
  ["headers without end", flooding("HTTP/1.1 200 OK\r\n", "x-flood: y\r\n")],
  ["a header without end", flooding("HTTP/1.1 200 OK\r\nx-flood: ", "yyyyyyyyyy")],
  ["trailers without end", flooding(`${chunked}${hex(success)}\r\n${success}\r\n0\r\n`, "x-flood: y\r\n")]
]

describe.each(transports)("%s", (_, transport) => {
  const on = (react: (socket: Socket) => void) => <A, E>(program: Effect.Effect<A, E, Lark.Services>) =>
    Effect.gen(function*() {
      let requests = 0
      const baseUrl = yield* listen(createServer((socket) => {
        socket.on("error", () => {}).once("data", () => {
          requests++
          react(socket)
        })
      }))
      const result = yield* Effect.result(program.pipe(
        Effect.provide(Lark.layer({ appId: "cli_a", appSecret: Redacted.make("secret-of-the-app"), baseUrl })),
        Effect.provide(transport)
      ))
      return { result, requests }
    })

  it.live.each(whole)("a reply %s is a success", ([, react]) =>
    Effect.gen(function*() {
      const { result } = yield* on(react)(setHost)
      assert.strictEqual(result._tag === "Success" && result.success.effect, "applied")
    }))

  it.live.each(broken)("%s: the call may have been executed, once", ([, react]) =>
    Effect.gen(function*() {
      const ended = yield* on(react)(end)
      if (ended.result._tag === "Success") return assert.fail("a success")
      assert.include<object>(ended.result.failure, { retry: "unknown" })
      assert.include(ended.result.failure.message, "may have been executed")
      assert.isBelow(ended.result.failure.message.length, 1_000)
      assert.strictEqual(ended.requests, 1)

      const { result } = yield* on(react)(setHost)
      if (result._tag === "Success") return assert.fail("a success")
      assert.strictEqual("report" in result.failure && result.failure.report.effect, "unknown")
    }))
})
