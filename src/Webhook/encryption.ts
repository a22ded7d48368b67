/** Verifies signatures and decrypts bodies with the encrypt key. */
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
import { encode, sameText } from "../internal/text.ts"
import { type Message, parseObject, readMessage, refuse, type Refused } from "./message.ts"

const ivLength = 16

/** One refusal for bad padding and bad JSON: telling them apart would be a padding oracle. */
const undecryptable = refuse(400, "the body cannot be decrypted")

const encryptedIn = (body: Uint8Array): Option.Option<Uint8Array> =>
  Option.flatMap(
    parseObject(body),
    ({ encrypt }) => typeof encrypt === "string" ? Result.getSuccess(Base64.decode(encrypt)) : Option.none()
  )

/** Reads and authenticates the message of a request, except for the verification token of an event. */
export const makeReader = Effect.fnUntraced(function*(
  encryptKey: Redacted.Redacted,
  windowMillis: number,
  isVerificationToken: (token: string) => boolean
) {
  const digest = yield* Digest.Digest
  const cipher = yield* Cipher.Cipher
  const hash = yield* digest.digest(Digest.sha256, encode(Redacted.value(encryptKey)))
  // A SHA-256 digest has the length of an AES-256 key.
  const key = yield* Effect.orDie(Cipher.key(Cipher.aes256Cbc, hash))

  /** Whether a request has a signature. Refuses one that is wrong, or whose time is outside of the window. */
  const isSigned = Effect.fnUntraced(function*(headers: Headers, body: Uint8Array): Effect.fn.Return<boolean, Refused> {
    const timestamp = headers["x-lark-request-timestamp"]
    const nonce = headers["x-lark-request-nonce"]
    const signature = headers["x-lark-signature"]
    if (timestamp === undefined || nonce === undefined || signature === undefined) return false
    const now = yield* Clock.currentTimeMillis
    if (!/^\d+$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1_000) > windowMillis) {
      return yield* refuse(401, "the time of the signature is outside of the replay window; check the clock")
    }
    const signed = Bytes.concat([encode(`${timestamp}${nonce}${Redacted.value(encryptKey)}`), body])
    const expected = yield* digest.digestHex(Digest.sha256, signed)
    return sameText(expected, signature) || (yield* refuse(401, "the signature is wrong; check the encrypt key"))
  })

  const decrypt = (body: Uint8Array): Effect.Effect<Uint8Array, Refused> => {
    const encrypted = encryptedIn(body)
    if (Option.isNone(encrypted)) return undecryptable
    const iv = encrypted.value.subarray(0, ivLength)
    return Effect.catch(cipher.decrypt(key, encrypted.value.subarray(ivLength), { iv }), () => undecryptable)
  }

  const unsigned = refuse(401, "the signature is missing")
  return Effect.fnUntraced(function*(headers: Headers, body: Uint8Array): Effect.fn.Return<Message, Refused> {
    const message = Effect.flatMap(decrypt(body), readMessage)
    if (yield* isSigned(headers, body)) return yield* message
    // One refusal for every unsigned body, so that the status reveals nothing about what is encrypted.
    const challenge = yield* Effect.catch(message, () => unsigned)
    return challenge._tag === "Challenge" && isVerificationToken(challenge.token) ? challenge : yield* unsigned
  })
})
