/** Text for a terminal. */

/** Control characters, line separators, and the characters that turn the direction of text. */
const control = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu

/** Text from elsewhere, which cannot control the terminal. */
export const plain = (text: string): string => text.replaceAll(control, " ")
