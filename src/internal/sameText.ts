/**
 * Compares a secret of a known length with a text from outside, in constant time for texts of that length.
 *
 * @internal
 */
import * as Mac from "effect/crypto/Mac"

const encoder = new TextEncoder()

export const sameText = (a: string, b: string): boolean => Mac.timingSafeEqual(encoder.encode(a), encoder.encode(b))
