/**
 * Reports, errors and intents that cross a process: encoded to JSON text, and decoded from it.
 */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Arbitrary, Data, Duration, Effect, Fiber, Option, Schedule, Schema } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { make as scripted } from "./fixtures/ScriptedRegister.ts"

/** A value that is not its own JSON. */
const User = Schema.Struct({ id: Schema.Literals(["alice", "bob", "carol"]), since: Schema.BigInt })
type User = typeof User.Type

const user = (id: User["id"], since = 1n): User => ({ id, since })
const equals = (a: User, b: User) => a.id === b.id

/** Through JSON text. */
const cross = <T, E>(schema: Schema.Codec<T, E>) => {
  const codec = Schema.toCodecJson(schema)
  return (value: T): T => Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(value))))
}

const Report = Cas.ReportSchema(User)
const FailureReport = Cas.FailureReportSchema(User)
const Errors = Cas.ErrorSchema(User)
const Intents = Cas.IntentSchema(User)

const nothing: Cas.FailureReport<User> = {
  outcome: "failed",
  effect: "none",
  before: Option.none(),
  attempts: [],
  swaps: 0,
  reads: 0,
  conflicts: { fresh: 0, stale: 0 },
  waited: Duration.zero,
  elapsed: Duration.millis(3),
  observed: Option.none()
}

const often = { arbitrary: { runs: 200 } }

/** Causes can be anything, and cross as tag and message. Here each has nothing else. */
const described = <R extends Cas.Report<User> | Cas.FailureReport<User>>(reports: Arbitrary.Arbitrary<R>) =>
  Arbitrary.map(reports, (report): R => ({
    ...report,
    attempts: report.attempts.map((attempt) => {
      const { answer } = attempt
      if (answer._tag !== "Unsent" && answer._tag !== "Unknown") return attempt
      const cause = typeof answer.cause === "string" ? { _tag: "Offline", message: answer.cause } : undefined
      return { ...attempt, answer: { ...answer, cause } }
    })
  }))

const reports = described(Arbitrary.schema(Report))
const failureReports = described(Arbitrary.schema(FailureReport))

describe("a report", () => {
  it("has the type of a report", () => {
    expectTypeOf<typeof Report.Type>().toExtend<Cas.Report<User>>()
    expectTypeOf<Cas.Report<User>>().toExtend<typeof Report.Type>()
    expectTypeOf<typeof FailureReport.Type>().toExtend<Cas.FailureReport<User>>()
    expectTypeOf<Cas.FailureReport<User>>().toExtend<typeof FailureReport.Type>()
  })

  it.effect.prop("is the same after the crossing", [reports], ([report]) =>
    Effect.sync(() => {
      assert.isTrue(Schema.toEquivalence(Report)(cross(Report)(report), report))
    }), often)

  it.effect.prop(
    "of a failure is the same after the crossing",
    [failureReports],
    ([report]) =>
      Effect.sync(() => {
        assert.isTrue(Schema.toEquivalence(FailureReport)(cross(FailureReport)(report), report))
      }),
    often
  )

  it.effect("of an operation has its attempts, and its causes as tag and message", () =>
    Effect.gen(function*() {
      class Offline extends Data.TaggedError("Offline")<{ readonly secret: string; readonly message: string }> {}
      const { register } = scripted<string, never>([
        Cas.unsent({ after: Duration.millis(1), cause: new Offline({ secret: "s3cret", message: "no network" }) }),
        Cas.unknown(new TypeError("reset")),
        Cas.unknown("just text"),
        Cas.unsent(),
        Cas.conflict("bob")
      ])
      const policy = Cas.Policy.make({ transient: Schedule.spaced(0) })
      const fiber = yield* Effect.forkChild(Cas.run(register, Cas.ensure("bob"), { hint: "alice", policy }))
      yield* TestClock.adjust("1 minute")
      const report = yield* Fiber.join(fiber)
      const codec = Schema.toCodecJson(Cas.ReportSchema(Schema.String))
      const text = JSON.stringify(Schema.encodeSync(codec)(report))
      assert.notInclude(text, "s3cret")
      const decoded = Schema.decodeUnknownSync(codec)(JSON.parse(text))
      assert.deepStrictEqual(
        decoded.attempts.map(({ answer }) => "cause" in answer ? answer.cause : answer._tag),
        [
          { _tag: "Offline", message: "no network" },
          { _tag: "TypeError", message: "reset" },
          { _tag: "string", message: "just text" },
          undefined,
          "Conflict"
        ]
      )
      assert.deepStrictEqual(Cas.timeline(decoded).at(-1), Cas.timeline(report).at(-1))
      assert.deepStrictEqual({ ...decoded, attempts: [] }, { ...report, attempts: [] })
    }))
})

describe("an error of the engine", () => {
  const cause = { _tag: "Offline", message: "no network" }
  const errors: ReadonlyArray<Cas.CasError<User>> = [
    new Cas.Exhausted({ limit: "deadline", detail: "late", cause, report: { ...nothing, effect: "unknown" } }),
    new Cas.Exhausted({ limit: "swaps", detail: "All swaps", cause: undefined, report: nothing }),
    new Cas.Refused<User>({
      intent: "handover",
      reason: "Changed",
      detail: "no",
      actual: user("carol", 7n),
      report: nothing
    }),
    new Cas.Superseded({ detail: "moved", actual: Option.some(user("carol", 7n)), report: nothing }),
    new Cas.Indeterminate({ detail: "lost", cause, report: { ...nothing, effect: "unknown" } }),
    new Cas.ConflictWithoutState({ detail: "hidden", report: nothing }),
    new Cas.InconsistentRegister<User>({ detail: "same", actual: user("carol", 7n), report: nothing }),
    new Cas.InvalidPolicy({ setting: "maxSwaps", expected: "more", received: "less" })
  ]

  it("has the type of an error", () => {
    expectTypeOf<typeof Errors.Type>().toExtend<Cas.CasError<User>>()
    expectTypeOf<Cas.CasError<User>>().toExtend<typeof Errors.Type>()
  })

  it.each(errors.map((error) => [error._tag, error] as const))("%s is the same after the crossing", (_, error) => {
    const decoded = cross(Errors)(error)
    assert.strictEqual(decoded.constructor, error.constructor)
    assert.deepStrictEqual({ ...decoded }, { ...error })
    assert.deepStrictEqual(
      [decoded._tag, decoded.message, decoded.kind, decoded.retry],
      [error._tag, error.message, error.kind, error.retry]
    )
  })

  it.effect.prop(
    "has its whole report after the crossing",
    [failureReports],
    ([report]) =>
      Effect.sync(() => {
        const error = new Cas.Exhausted<User>({ limit: "transients", detail: "over", cause, report })
        const decoded = cross(Errors)(error)
        assert.isTrue(Schema.toEquivalence(FailureReport)(decoded.report, report))
      }),
    often
  )

  it("has a typed cause, or the engine's own, with the schema of the causes", () => {
    class Offline extends Schema.TaggedError<Offline>()("Offline", { host: Schema.String }) {}
    const schema = Cas.ErrorSchema(Schema.String, Offline)
    const crossed = cross(schema)
    const causes = [
      new Offline({ host: "a" }),
      new Cas.AttemptCut({ reason: "timeout", millis: 5 }),
      new Cas.AttemptCut({ reason: "held", millis: 5 }),
      undefined
    ]
    for (const cause of causes) {
      const error = crossed(
        new Cas.Indeterminate<string, Offline>({
          detail: "lost",
          cause,
          report: { ...nothing, before: Option.none(), attempts: [], observed: Option.none() }
        })
      )
      if (error._tag !== "CasIndeterminate") return assert.fail(error.message)
      assert.strictEqual(error.cause?.constructor, cause?.constructor)
      assert.deepStrictEqual({ ...error.cause }, { ...cause })
    }
  })

  it("is named when another is found", () => {
    assert.throws(() => Schema.encodeUnknownSync(Errors)(new Error("other")), "Expected CasExhausted")
  })

  it("of another kind is refused", () => {
    const codec = Schema.toCodecJson(Errors)
    assert.throws(() => Schema.decodeUnknownSync(codec)({ _tag: "CasOther" }))
    assert.throws(() => Schema.decodeUnknownSync(codec)({ _tag: "CasExhausted", limit: "patience" }))
  })
})

describe("a terminal error of a register", () => {
  it.effect("keeps its report", () =>
    Effect.gen(function*() {
      class Denied extends Schema.TaggedError<Denied>()("Denied", { why: Schema.String }) {}
      const register: Cas.Register<User, Denied> = { equals, swap: () => Effect.fail(new Denied({ why: "no right" })) }
      const error = yield* Effect.flip(Cas.run(register, Cas.ensure(user("bob")), { hint: user("alice") }))
      if (error._tag !== "Denied") return assert.fail(error.message)
      const schema = Cas.ReportedSchema(Denied, User)
      const decoded = cross(schema)(error)
      assert.instanceOf(decoded, Denied)
      assert.strictEqual(decoded.why, "no right")
      assert.strictEqual(decoded.report.swaps, 1)
      assert.isTrue(Schema.toEquivalence(FailureReport)(decoded.report, error.report))
      assert.throws(() => Schema.encodeUnknownSync(schema)(new Denied({ why: "no report" })), "an error with a report")
    }))
})

describe("an intent that is data", () => {
  const Value = Arbitrary.schema(User)
  const intents = ([a, b, c]: readonly [User, User, User]): ReadonlyArray<Cas.DataIntent<User>> => [
    Cas.ensure(a),
    Cas.handover(a, b),
    Cas.ensureUnless(a, [b, c]),
    Cas.ensureUnless(a, []),
    Cas.rotate([a]),
    Cas.rotate([a, b, c]),
    Cas.prefer([a]),
    Cas.prefer([a, b, c])
  ]

  it("has the type of an intent", () => {
    expectTypeOf<typeof Intents.Type>().toExtend<Cas.DataIntent<User>>()
    expectTypeOf<Cas.DataIntent<User>>().toExtend<typeof Intents.Type>()
  })

  it.effect.prop(
    "decides the same after the crossing",
    [Arbitrary.all([Value, Value, Value]), Value, Arbitrary.schema(Schema.Array(User))],
    ([named, observed, unavailable]) =>
      Effect.sync(() => {
        for (const intent of intents(named)) {
          const { decide, ...data } = cross(Intents)(intent)
          const { decide: decideBefore, ...before } = intent
          assert.deepStrictEqual(data, before)
          assert.deepStrictEqual(
            decide(observed, equals, unavailable),
            decideBefore(observed, equals, unavailable)
          )
        }
      }),
    often
  )

  it("is plain data in JSON", () => {
    const encode = Schema.encodeSync(Cas.IntentSchema(Schema.String))
    assert.deepStrictEqual<unknown>(
      [
        encode(Cas.ensure("bob")),
        encode(Cas.handover("alice", "bob")),
        encode(Cas.ensureUnless("bob", ["carol"])),
        encode(Cas.rotate(["alice", "bob"])),
        encode(Cas.prefer(["alice", "bob"]))
      ],
      [
        { _tag: "Ensure", target: "bob", onUnknown: "reassert" },
        { _tag: "Handover", from: "alice", to: "bob", onUnknown: "reassert" },
        { _tag: "EnsureUnless", target: "bob", isProtected: ["carol"], onUnknown: "stopIfMoved" },
        { _tag: "Rotate", candidates: ["alice", "bob"], onUnknown: "stopIfMoved" },
        { _tag: "Prefer", candidates: ["alice", "bob"], onUnknown: "reassert" }
      ]
    )
  })

  it("keeps its onUnknown, and without one has that of its constructor", () => {
    const schema = Cas.IntentSchema(Schema.String)
    const crossed = cross(schema)
    assert.strictEqual(crossed(crossed({ ...Cas.ensure("bob"), onUnknown: "neverResend" })).onUnknown, "neverResend")
    assert.strictEqual(Schema.decodeUnknownSync(schema)({ _tag: "Ensure", target: "bob" }).onUnknown, "reassert")
  })

  it("is refused if anything but onUnknown differs from what its constructor returned", () => {
    const encode = Schema.encodeSync(Cas.IntentSchema(Schema.String))
    const changed: ReadonlyArray<Cas.DataIntent<string>> = [
      { ...Cas.ensure("bob"), decide: () => ({ _tag: "Keep" }) },
      { ...Cas.ensure("bob"), decide: Cas.ensure("carol").decide },
      { ...Cas.ensure("bob"), target: "carol" },
      { ...Cas.ensure("bob"), expects: Option.some("alice") },
      { ...Cas.ensure("bob"), name: "other" },
      { ...Cas.rotate(["bob"]), skipsUnavailable: false }
    ]
    for (const intent of changed) assert.throws(() => encode(intent), "differs from its constructor's in nothing but")
  })

  it("is neither a predicate nor an update, nor an object that only looks like one", () => {
    const encode = Schema.encodeUnknownSync(Schema.toCodecJson(Cas.IntentSchema(Schema.String)))
    assert.throws(() => encode(Cas.ensureUnless("bob", () => true)))
    assert.throws(() => encode(Cas.update(() => ({ _tag: "Keep" }))))
    assert.throws(() => encode({ _tag: "Ensure", target: "bob" }))
    const decode = Schema.decodeUnknownSync(Schema.toCodecJson(Cas.IntentSchema(Schema.String)))
    assert.throws(() => decode({ _tag: "Rotate", candidates: [] }))
    assert.throws(() => decode({ _tag: "Ensure", target: 7 }))
  })
})
