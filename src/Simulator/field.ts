import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { between } from "./bounded.ts"

/** Named, so that declarations stay short. */
export interface Optional<out T, out E> extends Schema.Codec<T | undefined, E> {
  readonly "~type.optionality": "optional"
  readonly "~encoded.optionality": "optional"
  readonly "Rebuild": Optional<T, E>
}

/**
 * A field that JSON leaves out, and that code can also set to `undefined`.
 *
 * A description here is one of the decoded value: a schema that transforms needs its own.
 */
export const optional = <T, E>(schema: Schema.Codec<T, E>, description?: string): Optional<T, E> =>
  Schema.optionalKey(schema).annotateKey(description === undefined ? {} : { description }).pipe(
    Schema.decodeTo(Schema.optional(Schema.toType(schema)), {
      decode: SchemaGetter.passthroughSubtype<T | undefined, T>(),
      encode: SchemaGetter.transformOptional((value: Option.Option<T | undefined>) =>
        Option.filter(value, (value): value is T => value !== undefined)
      )
    })
  )

export const redacted = (text: string | Redacted.Redacted): Redacted.Redacted =>
  typeof text === "string" ? Redacted.make(text) : text

export const reveal = (text: string | Redacted.Redacted): string =>
  typeof text === "string" ? text : Redacted.value(text)

export interface Secret
  extends Schema.decodeTo<Schema.Union<readonly [Schema.String, Schema.Redacted<Schema.String>]>, Schema.NonEmptyString>
{}

/** A secret: a text in JSON, and `Redacted` once it is decoded. */
export const secret = (description: string): Secret =>
  Schema.NonEmptyString.annotate({ description }).pipe(
    Schema.decodeTo(Schema.Union([Schema.String, Schema.Redacted(Schema.String)]), {
      decode: SchemaGetter.transform(redacted),
      encode: SchemaGetter.transform(reveal)
    })
  )

const expected = "a duration: milliseconds, or a text such as \"5 minutes\""

const DurationText = Schema.String.check(
  // So many digits that every date that follows from it exists.
  Schema.isPattern(/^\d{1,6}(\.\d{1,3})? (milli|second|minute|hour|day|week)s?$/u, { expected })
)

/** `fromInputUnsafe` throws at anything else. */
const isDurationInput = (value: unknown): value is Duration.Input =>
  Option.isSome(Duration.fromInput(value as Duration.Input))

/** A duration, in JSON as milliseconds or as a text such as `"5 minutes"`. */
export const durationInput = (description: string): Schema.Codec<Duration.Input, number | string> =>
  Schema.Union([
    between(0, 100_000_000_000).pipe(Schema.decodeTo(Schema.DurationFromMillis)),
    DurationText.pipe(Schema.decodeTo(Schema.DurationFromString))
  ]).annotate({ expected, description }).pipe(
    Schema.decodeTo(Schema.declare(isDurationInput), {
      decode: SchemaGetter.passthroughSubtype<Duration.Input, Duration.Duration>(),
      encode: SchemaGetter.transform(Duration.fromInputUnsafe)
    })
  )

/** A time in milliseconds since 1970. */
export const Time = between(0, 8_640_000_000_000_000)

/** A length in seconds, of at most a year. */
export const Seconds = between(0, 31_536_000)
