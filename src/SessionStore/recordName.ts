/**
 * A name for any key that every store can hold: short, of letters and digits, the same in upper and lower case, and
 * nobody's id.
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
