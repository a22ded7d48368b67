/** What the compiler knows of an operation. The compiler is the test; at run time these say nothing. */
import { describe, expectTypeOf, it } from "@effect/vitest"
import { Context, Data, type Duration, Effect, type Result, Schedule, Schema, Stream } from "effect"
import { Cas, type LarkError, Meetings, MeetingUser } from "effect-lark-meetings"
import { alice, bob, id } from "./fixtures/World.ts"

class Gone extends Data.TaggedError("Gone")<{ readonly why: string }> {}
class Budget extends Data.TaggedError("Budget") {}
class Closed extends Data.TaggedError("Closed") {}
class Db extends Context.Service<Db, string>()("test/types/Db") {}
class Limiter extends Context.Service<Limiter, string>()("test/types/Limiter") {}
class Dice extends Context.Service<Dice, string>()("test/types/Dice") {}

const register: Cas.Register<string, Gone, Db> = {
  equals: (a, b) => a === b,
  swap: () => Effect.andThen(Db, Effect.fail(new Gone({ why: "over" })))
}

const failing = Schedule.modifyDelay(Schedule.forever, () => Effect.andThen(Limiter, Effect.fail(new Budget())))
const closing = Schedule.modifyDelay(Schedule.forever, () => Effect.andThen(Dice, Effect.fail(new Closed())))

type Own = Cas.CasError<string> | (Gone & { readonly report: Cas.FailureReport<string> })

describe("Cas.run", () => {
  it("keeps its types among others, where the context asks for no type in particular", () => {
    const one = Cas.run(register, Cas.ensure("bob"))
    const many = Effect.all([Cas.run(register, Cas.ensure("bob")), Cas.run(register, Cas.ensure("carol"))])
    expectTypeOf<Effect.Error<typeof many>>().toEqualTypeOf<Effect.Error<typeof one>>()
    expectTypeOf<Effect.Services<typeof many>>().toEqualTypeOf<Effect.Services<typeof one>>()
    const both = Effect.all([Meetings.setHost(id, bob), Meetings.setHost(id, bob)])
    expectTypeOf<Effect.Error<typeof both>>().toEqualTypeOf<Meetings.SetHostError<"open_id">>()
    expectTypeOf<Effect.Services<typeof both>>().toEqualTypeOf<Meetings.Meetings>()
  })

  it("fails as the register does, with a report, and as the engine does; it needs what the register needs", () => {
    const operation = Cas.run(register, Cas.ensure("bob"))
    expectTypeOf(operation).toEqualTypeOf<Effect.Effect<Cas.Report<string>, Own, Db>>()
  })

  it("adds nothing for the ready policies", () => {
    const { eager, once, standard, thrifty } = Cas.Policy
    for (const policy of [eager, once, standard, thrifty]) {
      expectTypeOf(Cas.run(register, Cas.ensure("bob"), { hint: "alice", policy }))
        .toEqualTypeOf<Effect.Effect<Cas.Report<string>, Own, Db>>()
    }
  })

  it("fails as the caller's schedules do, and needs what they need", () => {
    const policy = Cas.Policy.make({ conflict: failing, transient: closing })
    expectTypeOf(Cas.run(register, Cas.ensure("bob"), { policy }))
      .toEqualTypeOf<Effect.Effect<Cas.Report<string>, Own | Budget | Closed, Db | Limiter | Dice>>()
  })

  it("cannot fail but by the engine on a register that cannot fail", () => {
    const safe: Cas.Register<number> = { equals: (a, b) => a === b, swap: () => Effect.succeed(Cas.applied) }
    expectTypeOf(Cas.run(safe, Cas.ensure(1)))
      .toEqualTypeOf<Effect.Effect<Cas.Report<number>, Cas.CasError<number>>>()
  })
})

describe("causes", () => {
  class Offline extends Data.TaggedError("Offline") {}
  class Busy extends Data.TaggedError("Busy")<{ readonly seconds: number }> {}
  const flaky: Cas.Register<string, Gone, never, Offline | Busy> = {
    equals: (a, b) => a === b,
    read: Effect.succeed(Cas.unsent({ cause: new Busy({ seconds: 1 }) })),
    swap: () => Effect.succeed(Cas.unknown(new Offline()))
  }

  it("of a register come back in the errors of an operation, with the engine's own", () => {
    const operation = Cas.run(flaky, Cas.ensure("bob"))
    type Exhausted = Extract<Effect.Error<typeof operation>, { readonly _tag: "CasExhausted" }>
    expectTypeOf<Exhausted["cause"]>().toEqualTypeOf<Offline | Busy | Cas.AttemptCut | undefined>()
    type Indeterminate = Extract<Effect.Error<typeof operation>, { readonly _tag: "CasIndeterminate" }>
    expectTypeOf<Indeterminate["cause"]>().toEqualTypeOf<Offline | Busy | Cas.AttemptCut | undefined>()
    const handled = operation.pipe(
      Effect.catchTag("CasExhausted", ({ cause }) => {
        switch (cause?._tag) {
          case "Busy":
            return Effect.succeed(cause.seconds)
          case "CasAttemptCut":
            return Effect.succeed(cause.millis)
          case "Offline":
          case undefined:
            return Effect.succeed(0)
        }
      })
    )
    expectTypeOf<Effect.Success<typeof handled>>().toEqualTypeOf<Cas.Report<string> | number>()
  })

  it("come back from a queue too, and are unknown where the register does not say", () => {
    const queue = Cas.makeQueue<string, string>()
    const queued = queue.run("key", flaky, Cas.ensure("bob"))
    expectTypeOf<Extract<Effect.Error<typeof queued>, { readonly _tag: "CasExhausted" }>["cause"]>()
      .toEqualTypeOf<Offline | Busy | Cas.AttemptCut | undefined>()
    const operation = Cas.run(register, Cas.ensure("bob"))
    expectTypeOf<Extract<Effect.Error<typeof operation>, { readonly _tag: "CasExhausted" }>["cause"]>()
      .toEqualTypeOf<unknown>()
  })

  it("are those of the constructors", () => {
    expectTypeOf(Cas.unsent({ cause: new Busy({ seconds: 1 }) })).toEqualTypeOf<Cas.Unsent<Busy>>()
    expectTypeOf(Cas.unknown(new Offline())).toEqualTypeOf<Cas.Unknown<Offline>>()
    expectTypeOf(Cas.unsent()).toEqualTypeOf<Cas.Unsent<never>>()
    expectTypeOf<Cas.Outcome<string>>().toEqualTypeOf<Cas.Outcome<string, unknown>>()
  })
})

describe("kinds and retries", () => {
  it("are literals on every error of the engine", () => {
    type ByKind = { readonly [E in Cas.CasError<string> as E["_tag"]]: readonly [E["kind"], E["retry"]] }
    expectTypeOf<ByKind>().toEqualTypeOf<{
      readonly CasExhausted: readonly ["conflict" | "platform", "wait" | "unknown"]
      readonly CasRefused: readonly ["conflict", "never" | "unknown"]
      readonly CasSuperseded: readonly ["conflict", "never" | "unknown"]
      readonly CasIndeterminate: readonly ["platform", "unknown"]
      readonly CasConflictWithoutState: readonly ["setup", "never" | "unknown"]
      readonly CasInconsistentRegister: readonly ["setup", "never" | "unknown"]
      readonly CasInvalidPolicy: readonly ["caller", "never"]
    }>()
  })

  it("are those of the platform's errors", () => {
    expectTypeOf<Cas.Kind>().toEqualTypeOf<LarkError.Kind>()
    expectTypeOf<Cas.Retry>().toEqualTypeOf<LarkError.Retry>()
  })
})

describe("Cas.Reported", () => {
  it("adds the report to an object, to each member of a union, and leaves primitives alone", () => {
    expectTypeOf<Cas.Reported<Gone, number>>().toEqualTypeOf<Gone & { readonly report: Cas.FailureReport<number> }>()
    expectTypeOf<Cas.Reported<Gone | Budget, number>>()
      .toEqualTypeOf<Cas.Reported<Gone, number> | Cas.Reported<Budget, number>>()
    expectTypeOf<Cas.Reported<"over" | 7, number>>().toEqualTypeOf<"over" | 7>()
    expectTypeOf<Cas.Reported<never, number>>().toEqualTypeOf<never>()
  })

  it("keeps its tag: it can be caught, and is gone afterwards", () => {
    const caught = Cas.run(register, Cas.ensure("bob")).pipe(
      Effect.catchTag("Gone", (error) => {
        expectTypeOf(error.why).toEqualTypeOf<string>()
        expectTypeOf(error.report.effect).toEqualTypeOf<"none" | "applied" | "unknown">()
        return Effect.void
      })
    )
    expectTypeOf(caught).toEqualTypeOf<Effect.Effect<Cas.Report<string> | void, Cas.CasError<string>, Db>>()
  })
})

describe("Cas.Policy.make", () => {
  it("keeps the errors and requirements of both schedules, and has none without them", () => {
    expectTypeOf(Cas.Policy.make({ conflict: failing })).toEqualTypeOf<Cas.Policy<unknown, Budget, Limiter>>()
    expectTypeOf(Cas.Policy.make({ transient: closing })).toEqualTypeOf<Cas.Policy<unknown, Closed, Dice>>()
    expectTypeOf(Cas.Policy.make({ conflict: failing, transient: closing }))
      .toEqualTypeOf<Cas.Policy<unknown, Budget | Closed, Limiter | Dice>>()
    expectTypeOf(Cas.Policy.make({ maxSwaps: 3, deadline: "5 seconds" })).toEqualTypeOf<Cas.Policy<unknown>>()
  })

  it("shows a conflict schedule the values", () => {
    const ofTexts = Schedule.setInputType<Cas.FreshConflict<string>>()(Schedule.forever)
    const policy = Cas.Policy.make<string>({
      conflict: Schedule.while(ofTexts, ({ input }) => input.expected.startsWith("a"))
    })
    expectTypeOf(policy).toEqualTypeOf<Cas.Policy<string>>()
    expectTypeOf(policy).toExtend<Cas.Policy<"alice" | "bob">>()
    // A policy that looks at texts is none for numbers.
    expectTypeOf(policy).not.toExtend<Cas.Policy<number>>()
  })

  it("takes durations, policies after lost replies and interruptions that exist, and no others", () => {
    expectTypeOf<Cas.Policy<string>["deadline"]>().toEqualTypeOf<Duration.Input>()
    // @ts-expect-error no duration
    void Cas.Policy.make({ deadline: "soon" })
    // @ts-expect-error no such policy
    void Cas.Policy.make({ onUnknown: "hope" })
    // @ts-expect-error no such interruption
    void Cas.Policy.make({ interruption: "later" })
  })
})

describe("Cas.maintain", () => {
  const read = Effect.succeed(Cas.observed("alice"))

  it("emits reports and the errors of rounds, and fails as they do, or contested", () => {
    const maintained = Cas.maintain({ ...register, read }, Cas.ensure("bob"))
    expectTypeOf(maintained).toEqualTypeOf<
      Stream.Stream<Result.Result<Cas.Report<string>, Own>, Own | Cas.Contested<string>, Db>
    >()
  })

  it("fails as schedules do, and needs what they and wake need", () => {
    const maintained = Cas.maintain({ ...register, read }, Cas.ensure("bob"), {
      poll: failing,
      wake: Stream.fromEffect(Effect.andThen(Limiter, Effect.fail(new Closed())))
    })
    expectTypeOf<Stream.Error<typeof maintained>>().toEqualTypeOf<Own | Cas.Contested<string> | Budget>()
    expectTypeOf<Stream.Services<typeof maintained>>().toEqualTypeOf<Db | Limiter>()
  })

  it("takes only a register that can be read, and gives it no hint", () => {
    // @ts-expect-error nothing shows the value
    void Cas.maintain(register, Cas.ensure("bob"))
    // @ts-expect-error each round reads
    void Cas.maintain({ ...register, read }, Cas.ensure("bob"), { hint: "alice" })
  })

  it("runs in a queue of its values only", () => {
    void Cas.maintain({ ...register, read }, Cas.ensure("bob"), { queue: [Cas.makeQueue<number, string>(), 1] })
    // @ts-expect-error the queue holds numbers
    void Cas.maintain({ ...register, read }, Cas.ensure("bob"), { queue: [Cas.makeQueue<number, number>(), 1] })
    // @ts-expect-error the keys are numbers
    void Cas.maintain({ ...register, read }, Cas.ensure("bob"), { queue: [Cas.makeQueue<number, string>(), "1"] })
  })
})

describe("intents", () => {
  it("hold values of one type", () => {
    expectTypeOf(Cas.ensure("bob")).toEqualTypeOf<Cas.DataIntent<string, "Ensure">>()
    expectTypeOf(Cas.handover("alice", "bob")).toEqualTypeOf<Cas.DataIntent<string, "Handover">>()
    expectTypeOf(Cas.rotate(["alice", "bob"])).toEqualTypeOf<Cas.DataIntent<string, "Rotate">>()
    expectTypeOf(Cas.prefer(["alice", "bob"])).toEqualTypeOf<Cas.DataIntent<string, "Prefer">>()
    expectTypeOf(Cas.ensureUnless("bob", ["alice"])).toEqualTypeOf<Cas.DataIntent<string, "EnsureUnless">>()
    expectTypeOf(Cas.ensureUnless("bob", () => true)).toEqualTypeOf<Cas.Intent<string>>()
    expectTypeOf<Cas.DataIntent<string>>().toExtend<Cas.Intent<string>>()
    // @ts-expect-error a number cannot take over from a text
    void Cas.handover("alice", 1)
    // @ts-expect-error a number cannot be protected among texts
    void Cas.ensureUnless("bob", [1])
    // @ts-expect-error the predicate is asked about texts
    void Cas.ensureUnless("bob", (value: number) => value > 0)
  })

  it("fit only registers of their values", () => {
    // @ts-expect-error the register holds texts
    void Cas.run(register, Cas.ensure(1))
    // @ts-expect-error the register holds texts
    void Cas.run(register, Cas.ensure("bob"), { hint: 1 })
  })
})

describe("kinds of user id", () => {
  const unionBob = MeetingUser.unionId("on_bob")

  it("cannot be mixed in one operation", () => {
    // @ts-expect-error an open id cannot hand over to a union id
    void Cas.handover(alice, unionBob)
    // @ts-expect-error a union id cannot be protected among open ids
    void Cas.ensureUnless(bob, [unionBob])
    // @ts-expect-error the hint is of another kind than the target
    void Meetings.setHost(id, bob, { hint: unionBob })
    // @ts-expect-error the hint is of another kind than the intent
    void Meetings.setHost(id, Cas.handover(alice, bob), { hint: unionBob })
    // @ts-expect-error expected and desired are of different kinds
    void Meetings.swapHost(id, { expected: alice, desired: unionBob })
    // @ts-expect-error a plain string is not a meeting id
    void Meetings.setHost("6911188411932033028", bob)
  })

  it("are known in the report and in the errors", () => {
    type User = MeetingUser.MeetingUser<"union_id">
    const operation = Meetings.setHost(id, unionBob)
    expectTypeOf(operation).toEqualTypeOf<
      Effect.Effect<Cas.Report<User>, Meetings.SetHostError<"union_id">, Meetings.Meetings>
    >()
    expectTypeOf<Extract<Effect.Error<typeof operation>, { readonly _tag: "CasRefused" }>["actual"]>()
      .toEqualTypeOf<User>()
  })

  it("do not stand in the way of the caller's schedules", () => {
    const policy = Cas.Policy.make({ conflict: failing, transient: closing })
    expectTypeOf(Meetings.setHost(id, bob, { policy })).toEqualTypeOf<
      Effect.Effect<
        Cas.Report<MeetingUser.MeetingUser<"open_id">>,
        Meetings.SetHostError<"open_id"> | Budget | Closed,
        Meetings.Meetings | Limiter | Dice
      >
    >()
  })
})

describe("Cas.Turns", () => {
  it("give a queue its values, and keys that are texts", () => {
    const turns = Cas.makeTurns(() => ({ answer: Effect.succeed({ _tag: "Skipped" }), end: () => {} }))
    expectTypeOf(turns.guard(Schema.String)).toEqualTypeOf<Cas.QueueTurns<string, string>>()
    expectTypeOf(Cas.makeQueue(turns.guard(Schema.Int))).toEqualTypeOf<Cas.Queue<string, number>>()
    expectTypeOf<Cas.QueueTurns<string, string>>().not.toExtend<Cas.QueueTurns<string, string | number>>()
    expectTypeOf<Cas.QueueTurns<string, string | number>>().not.toExtend<Cas.QueueTurns<string, string>>()
    expectTypeOf<Cas.QueueTurns<string, string>>().not.toExtend<Cas.QueueTurns<number, string>>()
    // @ts-expect-error: what the turns of a queue are is private.
    expectTypeOf(turns.guard(Schema.String).make)
  })
})
