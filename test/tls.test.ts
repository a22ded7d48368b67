/**
 * What TLS proves of a request, on real sockets: what has left decides, not the name of an error.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Lark, Meetings, UserToken } from "effect-lark-meetings"
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import * as tls from "./fixtures/http/tls.ts"
import { transports } from "./fixtures/http/transports.ts"
import { alice, bob, id } from "./fixtures/World.ts"

const asAlice = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))
const end = asAlice(Meetings.end(id))
const swap = asAlice(Meetings.swapHost(id, { expected: alice, desired: bob }))

const success = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"code\":0}"
const badGateway = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"

describe.each(transports)("%s", (name, transport) => {
  const at = (baseUrl: string) => <A, E>(program: Effect.Effect<A, E, Lark.Services>) =>
    program.pipe(
      Effect.provide(Lark.layer({ appId: "cli_a", appSecret: Redacted.make("secret-of-the-app"), baseUrl })),
      Effect.provide(transport)
    )

  describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s", (version) => {
    it.live("a request over TLS succeeds", () =>
      Effect.gen(function*() {
        yield* tls.trusted
        const { baseUrl, received } = yield* tls.serving(version, (encrypted) => encrypted.end(success))
        yield* at(baseUrl)(end)
        assert.isAbove(received.bytes, 0)
      }))

    it.live("a certificate that is not trusted is an unexecuted request", () =>
      Effect.gen(function*() {
        const { baseUrl, received } = yield* tls.serving(version, (encrypted) => encrypted.end(success))
        const error = yield* Effect.flip(at(baseUrl)(end))
        assert.include<object>(error, { _tag: "TransportError", executed: "no", retry: "wait" })
        assert.include(error.message, "self-signed certificate")
        assert.strictEqual((yield* at(baseUrl)(swap))._tag, "Unsent")
        assert.strictEqual(received.bytes, 0)
      }))

    const losses: ReadonlyArray<readonly [what: string, lose: (encrypted: TLSSocket, below: Socket) => void]> = [
      ["reset", (_, below) => below.resetAndDestroy()],
      ["closed", (_, below) => below.destroy()],
      ["ended in order", (encrypted) => encrypted.end()],
      ["answered in plain text, and closed", (_, below) => below.end(badGateway)]
    ]

    it.live.each(losses)(
      "a connection that is %s after the request may have been executed",
      ([, lose]) =>
        Effect.gen(function*() {
          yield* tls.trusted
          const { baseUrl, received } = yield* tls.serving(version, lose)
          const error = yield* Effect.flip(at(baseUrl)(end))
          assert.include<object>(error, { _tag: "TransportError", executed: "unknown", retry: "unknown" })
          assert.isAbove(received.bytes, 0)
          assert.strictEqual((yield* at(baseUrl)(swap))._tag, "Unknown")
        })
    )

    it.live("a server that wants a certificate of the client: no false claim", () =>
      Effect.gen(function*() {
        yield* tls.trusted
        const asking = { requestCert: true, rejectUnauthorized: true }
        const { baseUrl } = yield* tls.serving(version, (encrypted) => encrypted.end(success), asking)
        const error = yield* Effect.flip(at(baseUrl)(end))
        // Under TLS 1.3 the request leaves with the last message of the handshake.
        const isKnown = version === "TLSv1.2" && name === "undici's dispatcher"
        assert.include<object>(error, { _tag: "TransportError", executed: isKnown ? "no" : "unknown" })
      }))
  })

  const refusals: ReadonlyArray<readonly [what: string, refuse: (socket: Socket) => void]> = [
    ["closed", (socket) => socket.end()],
    ["reset", (socket) => socket.resetAndDestroy()],
    ["refused by an alert", (socket) => socket.end(Buffer.from("15030300020228", "hex"))],
    ["answered in plain text", (socket) => socket.end(badGateway)]
  ]

  it.live.each(refusals)(
    "a handshake that is %s is an unexecuted request, where the client can tell",
    ([, refuse]) =>
      Effect.gen(function*() {
        const baseUrl = yield* tls.refusing(refuse)
        const error = yield* Effect.flip(at(baseUrl)(end))
        // Other clients have the same errors for a connection that a request has left on.
        const executed = name === "undici's dispatcher" ? "no" : "unknown"
        assert.include<object>(error, { _tag: "TransportError", executed })
        assert.strictEqual((yield* at(baseUrl)(swap))._tag, executed === "no" ? "Unsent" : "Unknown")
      })
  )
})
