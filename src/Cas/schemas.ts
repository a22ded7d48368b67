/**
 * What crosses a process: reports, errors, and the intents that are data.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as errors from "./errors.ts"
import { tagOf } from "./failure.ts"
import * as Intent from "./Intent.ts"

const Description = Schema.Struct({ _tag: Schema.String, message: Schema.String })

/**
 * The schema of any cause of a transient answer. Its tag and message cross, and nothing else: `{ _tag, message }`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const CauseSchema: Schema.Codec<unknown, typeof Description.Encoded | null> = Schema.NullOr(Description).pipe(
  Schema.decodeTo(Schema.Unknown, {
    decode: SchemaGetter.transform((description): unknown => description ?? undefined),
    encode: SchemaGetter.transform((cause) => {
      if (cause === undefined) return null
      const message = Predicate.hasProperty(cause, "message") ? String(cause.message) : String(cause)
      return { _tag: tagOf(cause), message }
    })
  })
)

const timing = { waited: Schema.Duration, at: Schema.Duration, took: Schema.Duration }

const Terminal = Schema.TaggedStruct("Terminal", { error: Schema.String })

/** The fields that successes and failures share. */
const evidence = <A, I, RD, RE>(value: Schema.Codec<A, I, RD, RE>) => {
  const transient = [
    Schema.TaggedStruct("Unsent", { after: Schema.Option(Schema.Duration), cause: CauseSchema }),
    Schema.TaggedStruct("Unknown", { cause: CauseSchema })
  ] as const
  const Swap = Schema.TaggedStruct("Swap", {
    expected: value,
    desired: value,
    fresh: Schema.Boolean,
    answer: Schema.Union([
      Schema.TaggedStruct("Applied", { current: Schema.Option(value) }),
      Schema.TaggedStruct("Conflict", { actual: Schema.Option(value) }),
      ...transient,
      Terminal
    ]),
    ...timing
  })
  const Read = Schema.TaggedStruct("Read", {
    answer: Schema.Union([Schema.TaggedStruct("Observed", { value: Schema.Option(value) }), ...transient, Terminal]),
    ...timing
  })
  return {
    effect: Schema.Literals(["none", "applied", "unknown"]),
    before: Schema.Option(value),
    attempts: Schema.Array(Schema.Union([Swap, Read])),
    swaps: Schema.Int,
    reads: Schema.Int,
    conflicts: Schema.Struct({ fresh: Schema.Int, stale: Schema.Int }),
    waited: Schema.Duration,
    elapsed: Schema.Duration
  }
}

/**
 * The schema of a `Report`, from the schema of its values. Causes cross as in `CauseSchema`.
 *
 * **Example** (To JSON and back)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * const register: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Effect.succeed(Cas.applied) }
 * const report = await Effect.runPromise(Cas.run(register, Cas.handover("alice", "bob")))
 *
 * const codec = Schema.toCodecJson(Cas.ReportSchema(Schema.String))
 * const json = JSON.stringify(Schema.encodeSync(codec)(report))
 * console.log(Schema.decodeUnknownSync(codec)(JSON.parse(json)).after) // => bob
 * ```
 *
 * @since 0.1.0
 * @category schemas
 */
export const ReportSchema = <A, I, RD, RE>(value: Schema.Codec<A, I, RD, RE>) =>
  Schema.Struct({
    outcome: Schema.Literals(["swapped", "converged", "already"]),
    ...evidence(value),
    after: value
  })

/**
 * The schema of a `FailureReport`, from the schema of its values. Causes cross as in `CauseSchema`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FailureReportSchema = <A, I, RD, RE>(value: Schema.Codec<A, I, RD, RE>) =>
  Schema.Struct({
    outcome: Schema.Literal("failed"),
    ...evidence(value),
    observed: Schema.Option(value)
  })

/** Something that a class or a constructor makes of fields, as these fields. */
const madeFrom = <T, Fields extends Schema.Struct.Fields>(
  isMade: (u: unknown) => u is T,
  fields: Schema.Struct<Fields>,
  make: (fields: Schema.Struct<Fields>["Type"]) => T,
  fieldsOf: (made: T) => Schema.Struct<Fields>["Type"]
) =>
  fields.pipe(
    Schema.decodeTo(Schema.declare(isMade), {
      decode: SchemaGetter.transform(make),
      encode: SchemaGetter.transform(fieldsOf)
    })
  )

/**
 * The schema of every error of the engine, from the schema of its values. Causes cross as in `CauseSchema`.
 *
 * **Details**
 *
 * The terminal errors of a register have schemas of their own; their `report` is a `FailureReportSchema`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ErrorSchema = <A, I, RD, RE>(value: Schema.Codec<A, I, RD, RE>) => {
  const report = FailureReportSchema(value)
  return Schema.Union([
    madeFrom(
      (u): u is errors.Exhausted<A> => u instanceof errors.Exhausted,
      Schema.TaggedStruct("CasExhausted", {
        limit: Schema.Literals(["conflicts", "transients", "budget", "swaps", "deadline"]),
        detail: Schema.String,
        cause: CauseSchema,
        report
      }),
      (fields) => new errors.Exhausted<A>(fields),
      ({ _tag, cause, detail, limit, report }) => ({ _tag, limit, detail, cause, report })
    ),
    madeFrom(
      (u): u is errors.Refused<A> => u instanceof errors.Refused,
      Schema.TaggedStruct("CasRefused", {
        intent: Schema.String,
        reason: Schema.String,
        detail: Schema.String,
        actual: value,
        report
      }),
      (fields) => new errors.Refused<A>(fields),
      ({ _tag, actual, detail, intent, reason, report }) => ({ _tag, intent, reason, detail, actual, report })
    ),
    madeFrom(
      (u): u is errors.Superseded<A> => u instanceof errors.Superseded,
      Schema.TaggedStruct("CasSuperseded", { actual: Schema.Option(value), report }),
      (fields) => new errors.Superseded<A>(fields),
      ({ _tag, actual, report }) => ({ _tag, actual, report })
    ),
    madeFrom(
      (u): u is errors.Indeterminate<A> => u instanceof errors.Indeterminate,
      Schema.TaggedStruct("CasIndeterminate", { cause: CauseSchema, report }),
      (fields) => new errors.Indeterminate<A>(fields),
      ({ _tag, cause, report }) => ({ _tag, cause, report })
    ),
    madeFrom(
      (u): u is errors.ConflictWithoutState<A> => u instanceof errors.ConflictWithoutState,
      Schema.TaggedStruct("CasConflictWithoutState", { detail: Schema.String, report }),
      (fields) => new errors.ConflictWithoutState<A>(fields),
      ({ _tag, detail, report }) => ({ _tag, detail, report })
    ),
    madeFrom(
      (u): u is errors.InconsistentRegister<A> => u instanceof errors.InconsistentRegister,
      Schema.TaggedStruct("CasInconsistentRegister", { actual: value, report }),
      (fields) => new errors.InconsistentRegister<A>(fields),
      ({ _tag, actual, report }) => ({ _tag, actual, report })
    ),
    madeFrom(
      (u): u is errors.InvalidPolicy => u instanceof errors.InvalidPolicy,
      Schema.TaggedStruct("CasInvalidPolicy", {
        setting: Schema.String,
        expected: Schema.String,
        received: Schema.String
      }),
      (fields) => new errors.InvalidPolicy(fields),
      ({ _tag, expected, received, setting }) => ({ _tag, setting, expected, received })
    )
  ])
}

/** Only the constructors make objects that have one of their tags and can decide. */
const isIntent = <I extends { readonly _tag: string }>(tag: I["_tag"]) => (u: unknown): u is I =>
  Predicate.isTagged(u, tag) && Predicate.hasProperty(u, "decide")

/**
 * The schema of the intents that are data (`ensure`, `handover`, `ensureUnless` with a list, `rotate`), from the schema of
 * their values. A decoded intent decides as the encoded one did.
 *
 * **Example** (An intent from another process)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * const codec = Schema.toCodecJson(Cas.IntentSchema(Schema.String))
 * const intent = Schema.decodeUnknownSync(codec)({ _tag: "Handover", from: "alice", to: "bob" })
 * console.log(intent.decide("alice", (a, b) => a === b, [])) // => { _tag: 'Swap', to: 'bob' }
 * ```
 *
 * @since 0.1.0
 * @category schemas
 */
export const IntentSchema = <A, I, RD, RE>(value: Schema.Codec<A, I, RD, RE>) =>
  Schema.Union([
    madeFrom(
      isIntent<Intent.Ensure<A>>("Ensure"),
      Schema.TaggedStruct("Ensure", { target: value }),
      ({ target }) => Intent.ensure(target),
      ({ _tag, target }) => ({ _tag, target })
    ),
    madeFrom(
      isIntent<Intent.Handover<A>>("Handover"),
      Schema.TaggedStruct("Handover", { from: value, to: value }),
      ({ from, to }) => Intent.handover(from, to),
      ({ _tag, from, to }) => ({ _tag, from, to })
    ),
    madeFrom(
      isIntent<Intent.EnsureUnless<A>>("EnsureUnless"),
      Schema.TaggedStruct("EnsureUnless", { target: value, isProtected: Schema.Array(value) }),
      ({ isProtected, target }) => Intent.ensureUnless(target, isProtected),
      ({ _tag, isProtected, target }) => ({ _tag, target, isProtected })
    ),
    madeFrom(
      isIntent<Intent.Rotate<A>>("Rotate"),
      Schema.TaggedStruct("Rotate", { candidates: Schema.NonEmptyArray(value) }),
      ({ candidates }) => Intent.rotate(candidates),
      ({ _tag, candidates }) => ({ _tag, candidates })
    )
  ])
