import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { end, swapHost, through } from "./fixtures/http/calls.ts"
import * as platform from "./fixtures/http/platform.ts"

describe.each(platform.clients)("through %s,", (client) => {
  const { answered, failure } = through(client)

  /** An error as Node and undici make them. */
  const thrown = (
    code: string | undefined,
    message: string,
    inner: ErrorOptions & { readonly errors?: Array<Error> } = {}
  ) =>
    Object.assign(
      inner.errors === undefined
        ? new Error(message, { cause: inner.cause })
        : new AggregateError(inner.errors, message),
      code === undefined ? {} : { code }
    )

  describe("a request that got no reply", () => {
    const refused = thrown("ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1")
    const neverConnected: ReadonlyArray<readonly [what: string, cause: unknown]> = [
      ["undici, connection refused", refused],
      [
        "undici or node:http, refused on both address families",
        thrown("ECONNREFUSED", "", { errors: [refused, refused] })
      ],
      ["refused at every address, as only the parts say", thrown(undefined, "", { errors: [refused, refused] })],
      ["fetch, connection refused", thrown(undefined, "fetch failed", { cause: refused })],
      [
        "fetch, refused on both address families",
        thrown(undefined, "fetch failed", {
          cause: thrown("ECONNREFUSED", "", { errors: [refused, refused] })
        })
      ],
      ["name not found", thrown("ENOTFOUND", "getaddrinfo ENOTFOUND open.feishu.example")],
      [
        "fetch, name server silent",
        thrown(undefined, "fetch failed", {
          cause: thrown("EAI_AGAIN", "getaddrinfo EAI_AGAIN open.feishu.cn")
        })
      ],
      ["no route", thrown("EHOSTUNREACH", "connect EHOSTUNREACH 10.0.0.1:443")],
      ["no network", thrown("ENETUNREACH", "connect ENETUNREACH 2001:db8::1:443 - Local (:::0)")],
      [
        "undici, connect timeout",
        thrown("UND_ERR_CONNECT_TIMEOUT", "Connect Timeout Error (attempted address: x:443)")
      ],
      ["certificate of another name", thrown("ERR_TLS_CERT_ALTNAME_INVALID", "Hostname/IP does not match certificate")],
      ["certificate expired", thrown("CERT_HAS_EXPIRED", "certificate has expired")],
      ["self-signed certificate", thrown("DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate")]
    ]

    it.effect.each(neverConnected)(
      "because there was no connection (%s) was not executed",
      ([, cause]) =>
        Effect.gen(function*() {
          const lost = new platform.Lost(cause, { isConnected: false })
          const error = yield* failure(end, lost)
          assert.include<object>(error, { _tag: "TransportError", executed: "no", retry: "wait" })
          assert.strictEqual((yield* answered(swapHost, lost))._tag, "Unsent")
        })
    )

    const broken: ReadonlyArray<readonly [what: string, cause: unknown]> = [
      ["reset", thrown("ECONNRESET", "read ECONNRESET")],
      ["hung up", thrown("ECONNRESET", "socket hang up")],
      ["undici, closed", thrown("UND_ERR_SOCKET", "other side closed")],
      ["fetch, closed", thrown(undefined, "fetch failed", { cause: thrown("UND_ERR_SOCKET", "other side closed") })],
      ["broken pipe", thrown("EPIPE", "write EPIPE")],
      ["silent", thrown("ETIMEDOUT", "read ETIMEDOUT")],
      ["route lost on the way", thrown("EHOSTUNREACH", "read EHOSTUNREACH")],
      ["network lost on the way", thrown("ENETUNREACH", "write ENETUNREACH")],
      ["network switched off on the way", thrown("ENETDOWN", "read ENETDOWN")],
      ["refused by a firewall on the way", thrown("ECONNREFUSED", "read ECONNREFUSED")],
      ["TLS, plain text after the handshake", thrown("ERR_SSL_WRONG_VERSION_NUMBER", "wrong version number")],
      ["TLS, an alert after the request", thrown("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "alert number 116")],
      ["TLS, the session", thrown("ERR_TLS_RENEGOTIATION_DISABLED", "renegotiation disabled")],
      [
        "refused on one address family only",
        thrown("ECONNREFUSED", "", { errors: [refused, thrown("ECONNRESET", "read ECONNRESET")] })
      ],
      ["a text that names another error", thrown("ECONNRESET", "socket hang up after ECONNREFUSED")],
      ["something else", "what is this"],
      ["nothing said", undefined]
    ]

    it.effect.each(broken)(
      "because the connection broke (%s) may have been executed",
      ([, cause]) =>
        Effect.gen(function*() {
          const error = yield* failure(end, new platform.Lost(cause))
          assert.include<object>(error, { _tag: "TransportError", executed: "unknown", retry: "unknown" })
          assert.strictEqual((yield* answered(swapHost, new platform.Lost(cause)))._tag, "Unknown")
        })
    )

    it.effect("within ten seconds may have been executed, and ends", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.flip(answered(end, Effect.never)))
        yield* TestClock.adjust("9999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(fiber)
        assert.include<object>(error, { _tag: "TransportError", executed: "unknown", endpoint: "vc.v1.meeting.end" })
        assert.include(error.message, "10000 ms")
      }))

    it.effect("because of a circle of causes is no defect", () =>
      Effect.gen(function*() {
        const circle: { code: string; cause?: unknown } = { code: "ROUND" }
        circle.cause = circle
        assert.include<object>(yield* failure(end, new platform.Lost(circle)), { _tag: "TransportError" })
      }))
  })
})
