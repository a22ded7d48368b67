import * as Schema from "effect/Schema"

/** A bounded whole number: no generated rule waits for request 10^12, or for a year. */
export const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

export const Nth = between(0, 9_999)

export const Millis = between(0, 3_600_000)
