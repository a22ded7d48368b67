/** What crosses a process: reports, errors, and the intents that are data. */
import * as Equal from "effect/Equal"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Struct from "effect/Struct"
import * as errors from "./errors.ts"
import { tagOf, withReport } from "./failure.ts"
import * as Intent from "./Intent.ts"
import { Contested } from "./maintain.ts"
import type { Reported } from "./Register.ts"
import type { FailureReport, Report } from "./Report.ts"

const Description = Schema.Struct({ _tag: Schema.String, message: Schema.String })

/**
 * The schema of any cause of a transient answer. Its tag and message cross, and nothing else: `{ _tag, message }`.
 *
 * @stability stable
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

const timing = { sent: Schema.Boolean, waited: Schema.Duration, at: Schema.Duration, took: Schema.Duration }

const shared = [
  Schema.TaggedStruct("Unsent", { after: Schema.Option(Schema.Duration), cause: CauseSchema }),
  Schema.TaggedStruct("Unknown", { cause: CauseSchema, after: Schema.optional(Schema.Duration) }),
  Schema.TaggedStruct("Terminal", { error: Schema.String })
] as const

const evidence = <A, I, RD, RE>(value: Schema.Codec<A, I, RD, RE>) => {
  const Applied = Schema.TaggedStruct("Applied", { current: Schema.Option(value) })
  const Conflict = Schema.TaggedStruct("Conflict", { actual: Schema.Option(value) })
  const Observed = Schema.TaggedStruct("Observed", { value: Schema.Option(value) })
  const swap = { expected: value, desired: value, fresh: Schema.Boolean }
  return {
    effect: Schema.Literals(["none", "applied", "unknown"]),
    before: Schema.Option(value),
    attempts: Schema.Array(Schema.Union([
      Schema.TaggedStruct("Swap", { ...swap, answer: Schema.Union([Applied, Conflict, ...shared]), ...timing }),
      Schema.TaggedStruct("Read", { answer: Schema.Union([Observed, ...shared]), ...timing })
    ])),
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
 * @stability stable
 * @category schemas
 */
export const ReportSchema = <A, I, RD, RE>(
  value: Schema.Codec<A, I, RD, RE>
): Schema.Codec<Report<A>, unknown, RD, RE> =>
  Schema.Struct({ outcome: Schema.Literals(["swapped", "converged", "already"]), ...evidence(value), after: value })

/**
 * The schema of a `FailureReport`, from the schema of its values. Causes cross as in `CauseSchema`.
 *
 * @stability stable
 * @category schemas
 */
export const FailureReportSchema = <A, I, RD, RE>(
  value: Schema.Codec<A, I, RD, RE>
): Schema.Codec<FailureReport<A>, unknown, RD, RE> =>
  Schema.Struct({ outcome: Schema.Literal("failed"), ...evidence(value), observed: Schema.Option(value) })

/** The errors of one class, as the fields of the struct. */
const classOf = <Fields extends Schema.Struct.Fields, T extends Schema.Struct<Fields>["Type"] & Error>(
  Class: { new(fields: Schema.Struct<Fields>["Type"]): T; readonly prototype: Error },
  json: Schema.Struct<Fields>
) =>
  json.pipe(
    Schema.decodeTo(Schema.declare((u): u is T => u instanceof Class, { identifier: Class.prototype.name }), {
      decode: SchemaGetter.transform((fields) => new Class(fields)),
      // The struct encodes its own fields only.
      encode: SchemaGetter.transform((error): Schema.Struct<Fields>["Type"] => error)
    })
  )

const reason = Schema.Literals(["timeout", "deadline", "held"])

const AttemptCut = classOf(errors.AttemptCut, Schema.TaggedStruct("CasAttemptCut", { reason, millis: Schema.Finite }))

/**
 * The schema of every error of the engine, from the schema of its values. `causes` is the schema of the causes of the
 * register: without it they cross as in `CauseSchema`, as the causes in the report always do. Terminal errors have
 * `ReportedSchema`.
 *
 * @stability stable
 * @category schemas
 */
export const ErrorSchema = <A, I, RD, RE, Cause = unknown, CI = typeof CauseSchema.Encoded>(
  value: Schema.Codec<A, I, RD, RE>,
  causes?: Schema.Codec<Cause, CI>
): Schema.Codec<errors.CasError<A, Cause>, unknown, RD, RE> => {
  const failed = { detail: Schema.String, report: FailureReportSchema(value) }
  const cause = Schema.optional(
    causes === undefined
      // Without a schema of causes, Cause is unknown.
      ? CauseSchema as Schema.Codec<Cause | errors.AttemptCut, CI>
      : Schema.Union([causes, AttemptCut])
  )
  const limit = Schema.Literals(["conflicts", "transients", "budget", "swaps", "deadline"])
  const refusal = { intent: Schema.String, reason: Schema.String, actual: value }
  const setting = { setting: Schema.String, expected: Schema.String, received: Schema.String }
  return Schema.Union([
    classOf(errors.Exhausted<A, Cause>, Schema.TaggedStruct("CasExhausted", { ...failed, limit, cause })),
    classOf(errors.Refused<A>, Schema.TaggedStruct("CasRefused", { ...failed, ...refusal })),
    classOf(errors.Superseded<A>, Schema.TaggedStruct("CasSuperseded", { ...failed, actual: Schema.Option(value) })),
    classOf(errors.Indeterminate<A, Cause>, Schema.TaggedStruct("CasIndeterminate", { ...failed, cause })),
    classOf(errors.ConflictWithoutState<A>, Schema.TaggedStruct("CasConflictWithoutState", failed)),
    classOf(
      errors.InconsistentRegister<A>,
      Schema.TaggedStruct("CasInconsistentRegister", { ...failed, actual: value })
    ),
    classOf(errors.InvalidPolicy, Schema.TaggedStruct("CasInvalidPolicy", setting))
  ])
}

/**
 * The schema of `Contested`, with which `maintain` fails, from the schema of its values.
 *
 * @stability stable
 * @category schemas
 */
export const ContestedSchema = <A, I, RD, RE>(
  value: Schema.Codec<A, I, RD, RE>
): Schema.Codec<Contested<A>, unknown, RD, RE> =>
  classOf(
    Contested<A>,
    Schema.TaggedStruct("CasContested", { actual: value, moves: Schema.Int, settled: Schema.Finite })
  )

/**
 * The schema of the terminal errors of a register with the report of the operation that they ended, from the schema of the
 * errors and that of the values. Encoded: `{ error, report }`.
 *
 * @stability stable
 * @category schemas
 */
export const ReportedSchema = <E extends object, EI, A, I, RD, RE>(
  error: Schema.Codec<E, EI>,
  value: Schema.Codec<A, I, RD, RE>
): Schema.Codec<Reported<E, A>, unknown, RD, RE> => {
  const isError = Schema.is(error)
  const isReported = (u: unknown): u is Reported<E, A> => isError(u) && Predicate.hasProperty(u, "report")
  return Schema.Struct({ error, report: FailureReportSchema(value) }).pipe(
    Schema.decodeTo(Schema.declare(isReported, { identifier: "an error with a report" }), {
      decode: SchemaGetter.transform(({ error, report }) => withReport(error, report)),
      // Reported<E, A> is E and a report, since E is an object.
      encode: SchemaGetter.transform((reported) => {
        const { report } = reported as E & { readonly report: FailureReport<A> }
        return { error: reported as E, report }
      })
    })
  )
}

const onUnknown = Schema.optionalKey(Schema.Literals(["reassert", "stopIfMoved", "neverResend"]))

const decides = <A>(u: object): u is Intent.Intent<A> => "decide" in u && typeof u.decide === "function"

/**
 * Whether an intent differs from the one that its constructor returns for its data in `onUnknown` alone. Two functions
 * `decide` are the same if they have the same text and decide the same on every value that the intent names.
 */
const isConstructed = <A>(u: Intent.Intent<A>, constructed: Intent.Intent<A>): boolean => {
  const plain = (intent: Intent.Intent<A>) => ({ ...intent, decide: String(intent.decide), onUnknown: undefined })
  const decides = (intent: Intent.Intent<A>) =>
    constructed.values.map((value) => intent.decide(value, Equal.equals, []))
  return Equal.equals(plain(u), plain(constructed)) && Equal.equals(decides(u), decides(constructed))
}

/**
 * The schema of the intents that are data (`ensure`, `handover`, `ensureUnless` with a list, `rotate`, `prefer`), from the
 * schema of their values. A decoded intent decides as the encoded one did, and has its `onUnknown`. Encoding fails for an
 * intent that differs from its constructor's in anything else, such as `decide`.
 *
 * @stability stable
 * @category schemas
 */
export const IntentSchema = <A, I, RD, RE>(
  value: Schema.Codec<A, I, RD, RE>
): Schema.Codec<Intent.DataIntent<A>, unknown, RD, RE> => {
  const data = Schema.Union([
    Schema.TaggedStruct("Ensure", { target: value, onUnknown }),
    Schema.TaggedStruct("Handover", { from: value, to: value, onUnknown }),
    Schema.TaggedStruct("EnsureUnless", { target: value, isProtected: Schema.Array(value), onUnknown }),
    Schema.TaggedStruct("Rotate", { candidates: Schema.NonEmptyArray(value), onUnknown }),
    Schema.TaggedStruct("Prefer", { candidates: Schema.NonEmptyArray(value), onUnknown })
  ])
  const construct = (fields: (typeof data)["Type"]): Intent.DataIntent<A> => {
    switch (fields._tag) {
      case "Ensure":
        return Intent.ensure(fields.target)
      case "Handover":
        return Intent.handover(fields.from, fields.to)
      case "EnsureUnless":
        return Intent.ensureUnless(fields.target, fields.isProtected)
      case "Rotate":
        return Intent.rotate(fields.candidates)
      case "Prefer":
        return Intent.prefer(fields.candidates)
    }
  }
  const isData = Schema.is(data)
  const isIntent = (u: unknown): u is Intent.DataIntent<A> =>
    isData(u) && decides<A>(u) && isConstructed(u, construct(u))
  const identifier = "an intent that differs from its constructor's in nothing but onUnknown"
  return data.pipe(
    Schema.decodeTo(Schema.declare(isIntent, { identifier }), {
      decode: SchemaGetter.transform((data) => ({ ...construct(data), ...Struct.pick(data, ["onUnknown"]) })),
      encode: SchemaGetter.transform((intent): (typeof data)["Type"] => intent)
    })
  )
}
