/**
 * What the encrypt key does: signs requests, and hides their bodies.
 *
 * @internal
 */
import * as Bytes from "effect/Bytes"
import * as Clock from "effect/Clock"
import * as Cipher from "effect/crypto/Cipher"
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import type { Headers } from "effect/http/Headers"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { parseObject } from "./Event.ts"
import { refuse, type Refused } from "./Refused.ts"
import { sameText } from "./sameText.ts"

const encoder = new TextEncoder()

const ivLength = 16

/** One refusal for all of it: what tells bad padding from bad JSON tells what is hidden. */
const undecipherable = refuse(400, "the body cannot be decrypted")

const encryptedIn = (body: Uint8Array): Option.Option<Uint8Array> =>
  Option.flatMap(
    parseObject(body),
    ({ encrypt }) => typeof encrypt === "string" ? Result.getSuccess(Base64.decode(encrypt)) : Option.none()
  )

export const make = Effect.fnUntraced(function*(encryptKey: Redacted.Redacted, windowMillis: number) {
  const digest = yield* Digest.Digest
  const cipher = yield* Cipher.Cipher
  const hash = yield* digest.digest(Digest.sha256, encoder.encode(Redacted.value(encryptKey)))
  // A digest has the length of a key.
  const key = yield* Effect.orDie(Cipher.key(Cipher.aes256Cbc, hash))

  return {
    /** Whether a request is signed. Refuses one whose signature is wrong, or of another time. */
    isSigned: Effect.fnUntraced(function*(headers: Headers, body: Uint8Array): Effect.fn.Return<boolean, Refused> {
      const timestamp = headers["x-lark-request-timestamp"]
      const nonce = headers["x-lark-request-nonce"]
      const signature = headers["x-lark-signature"]
      if (timestamp === undefined || nonce === undefined || signature === undefined) return false
      const now = yield* Clock.currentTimeMillis
      const isTimely = /^\d+$/.test(timestamp) && Math.abs(now - Number(timestamp) * 1_000) <= windowMillis
      if (!isTimely) return yield* refuse(401, "the request is of another time; check the clock")
      const signed = encoder.encode(`${timestamp}${nonce}${Redacted.value(encryptKey)}`)
      const expected = yield* digest.digestHex(Digest.sha256, Bytes.concat([signed, body]))
      return (yield* sameText(digest, expected, signature))
        || (yield* refuse(401, "the signature is wrong; check the encrypt key"))
    }),

    /** What a body hides. Refuses one that hides nothing. */
    decrypt: (body: Uint8Array): Effect.Effect<Uint8Array, Refused> => {
      const encrypted = encryptedIn(body)
      if (Option.isNone(encrypted)) return undecipherable
      const iv = encrypted.value.subarray(0, ivLength)
      return Effect.catch(cipher.decrypt(key, encrypted.value.subarray(ivLength), { iv }), () => undecipherable)
    }
  }
})
