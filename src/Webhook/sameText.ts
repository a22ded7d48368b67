/**
 * Compares texts without telling, by the time it takes, how much of them is the same.
 *
 * @internal
 */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"

const encoder = new TextEncoder()

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

/** By their digests, which are of one length whatever the texts, and whose order nobody chooses. */
export const sameText = (digest: Digest.Digest["Service"], a: string, b: string): Effect.Effect<boolean> =>
  Effect.zipWith(
    digest.digest(Digest.sha256, encoder.encode(a)),
    digest.digest(Digest.sha256, encoder.encode(b)),
    isEqual
  )
