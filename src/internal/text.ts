/** Texts as bytes in UTF-8. */
import * as Mac from "effect/crypto/Mac"

const encoder = new TextEncoder()
// Keeps a byte order mark, which is part of the text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

export const encode = (text: string): Uint8Array => encoder.encode(text)

export const decode = (bytes: Uint8Array): string => decoder.decode(bytes)

/** Compares a secret of a known length with a text from outside, in constant time for texts of that length. */
export const sameText = (a: string, b: string): boolean => Mac.timingSafeEqual(encode(a), encode(b))
