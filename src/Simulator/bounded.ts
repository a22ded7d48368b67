import * as Schema from "effect/Schema"

/** A bounded whole number: no generated rule waits for request 10^12, or for a year. */
export const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

export const Nth = between(0, 9_999).annotate({ description: "Counted from 0, since the rule was added." })

export const Millis = between(0, 3_600_000).annotate({ description: "In milliseconds." })

/** A union of objects that differ by `_tag`, with a message that names the tags. */
export const tagged = <const Cases extends Record<string, Schema.Struct.Fields>>(
  { description, identifier }: { readonly identifier: string; readonly description: string },
  cases: Cases
) =>
  Schema.TaggedUnion(cases).annotate({
    identifier,
    description,
    message: `Expected an object whose _tag is one of ${Object.keys(cases).join(", ")}`
  })
