/**
 * The name of a record: the SHA-256 of its key in hexadecimal, of a fixed length, valid in every backend, and without a
 * user id.
 *
 * @internal
 */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"

const encoder = new TextEncoder()

export const recordName: Effect.Effect<(key: string) => Effect.Effect<string>> = Effect.gen(function*() {
  const digest = yield* Digest.Digest
  return (key: string) => digest.digestHex(Digest.sha256, encoder.encode(key))
}).pipe(Effect.provide(Digest.layerWebCrypto))
