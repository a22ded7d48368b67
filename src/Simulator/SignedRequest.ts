import * as Clock from "effect/Clock"
import * as Cipher from "effect/crypto/Cipher"
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

interface SignedRequest {
  /** The body of a push, encrypted if there is a key. */
  readonly body: (json: string, key: Redacted.Redacted | undefined) => Effect.Effect<string>
  /** The request with this body, signed with the current time if there is a key. */
  readonly request: (
    url: string,
    body: string,
    key: Redacted.Redacted | undefined
  ) => Effect.Effect<HttpClientRequest.HttpClientRequest>
}

/** Encrypts and signs pushes as the platform does. */
export const make = Effect.gen(function*() {
  const digest = yield* Digest.Digest
  const cipher = yield* Cipher.Cipher
  // Counted, not random, so that the bytes are the same in every run.
  let serial = 0
  const nonce = () => `simulated-${String(++serial).padStart(6, "0")}`

  const encrypted = Effect.fnUntraced(function*(json: string, key: Redacted.Redacted) {
    const iv = bytes(nonce())
    const hash = yield* digest.digest(Digest.sha256, bytes(Redacted.value(key)))
    const text = yield* cipher.encrypt(yield* Cipher.key(Cipher.aes256Cbc, hash), bytes(json), { iv })
    return JSON.stringify({ encrypt: Base64.encode(new Uint8Array([...iv, ...text])) })
  }, Effect.orDie)

  const signed = Effect.fnUntraced(function*(body: string, key: Redacted.Redacted) {
    const timestamp = String(Math.floor((yield* Clock.currentTimeMillis) / 1000))
    const once = nonce()
    return {
      "x-lark-request-timestamp": timestamp,
      "x-lark-request-nonce": once,
      "x-lark-signature": yield* digest.digestHex(Digest.sha256, bytes(timestamp + once + Redacted.value(key) + body))
    }
  })

  const self: SignedRequest = {
    body: (json, key) => key === undefined ? Effect.succeed(json) : encrypted(json, key),
    request: (url, body, key) => {
      const plain = HttpClientRequest.bodyText(HttpClientRequest.post(url), body, "application/json; charset=utf-8")
      return key === undefined
        ? Effect.succeed(plain)
        : Effect.map(signed(body, key), (headers) => HttpClientRequest.setHeaders(plain, headers))
    }
  }
  return self
})
