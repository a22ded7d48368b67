import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Data, Deferred, Duration, Effect, Exit, Fiber, Option, Pull, Random, Schedule } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { isNativeError } from "node:util/types"
import { Gone, gone, make as scripted } from "./fixtures/ScriptedRegister.ts"

const {
  applied,
  appliedWith,
  conflict,
  conflictWithoutState,
  ensure,
  ensureUnless,
  handover,
  observed,
  observedNothing
} = Cas
const { Policy } = Cas

const unsent = Cas.unsent({ cause: new Error("connection refused") })
const throttled = (after: Duration.Input) => Cas.unsent({ after: Duration.fromInputUnsafe(after) })
const lost = Cas.unknown(new Error("connection lost"))

/** A conflict costs 100 ms, anything transient 50 ms; no chance involved. */
const plain = Policy.make({ conflict: Schedule.spaced("100 millis"), transient: Schedule.spaced("50 millis") })
const withPlain = (options: Parameters<typeof Policy.make<string>>[0]) => Policy.make({ ...plain, ...options })

/** The result, with all the time in the world. */
const run = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

const failure = <A, E, R>(effect: Effect.Effect<A, E, R>) => run(Effect.flip(effect))

type Failure = Cas.CasError<string> | Cas.Reported<Gone, string>

/** The report of an operation that fails with `tag`. */
const report = <A>(effect: Effect.Effect<A, Failure>, tag: Failure["_tag"]) =>
  Effect.map(failure(effect), (error) => {
    assert.strictEqual(error._tag, tag)
    return error._tag === "CasInvalidPolicy" ? assert.fail("there was no operation") : error.report
  })

const millis = (durations: ReadonlyArray<Duration.Duration>) => durations.map((duration) => Duration.toMillis(duration))

describe("an answer", () => {
  it.effect("of acknowledgement ends the operation: swapped, applied, with what was there before", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([applied])
      const { after, before, effect, outcome, swaps } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.deepStrictEqual(calls, ["0 alice->bob"])
      assert.deepStrictEqual({ after, before, effect, outcome, swaps }, {
        after: "bob",
        before: Option.some("alice"),
        effect: "applied",
        outcome: "swapped",
        swaps: 1
      })
    }))

  it.effect("of acknowledgement that names a newer value is no less a success", () =>
    Effect.gen(function*() {
      const { register } = scripted([appliedWith("carol")])
      const { after, effect, outcome } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.deepStrictEqual({ after, effect, outcome }, { after: "carol", effect: "applied", outcome: "swapped" })
    }))

  it.effect("of conflict gives the next expected value, without a read", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflict("carol"), conflict("dave"), applied], { canRead: true })
      const { before, reads } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: Policy.eager }))
      assert.deepStrictEqual(calls, ["0 alice->bob", "0 carol->bob", "0 dave->bob"])
      assert.deepStrictEqual(before, Option.some("dave"))
      assert.strictEqual(reads, 0)
    }))

  it.effect("of conflict that shows the target ends the operation at once: converged, and nothing of ours", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observed("alice"), conflict("bob")], { canRead: true })
      const { after, effect, elapsed, outcome } = yield* run(Cas.run(register, ensure("bob"), { policy: plain }))
      assert.deepStrictEqual({ after, effect, outcome }, { after: "bob", effect: "none", outcome: "converged" })
      assert.deepStrictEqual(elapsed, Duration.zero)
      assert.lengthOf(calls, 2)
    }))

  it.effect("of conflict without the value falls back to one read", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflictWithoutState, observed("carol"), applied], { canRead: true })
      const { outcome } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.strictEqual(outcome, "swapped")
      assert.deepStrictEqual(calls, ["0 alice->bob", "0 read", "0 carol->bob"])
    }))

  it.effect("of fresh conflict without the value steps the schedule before the read, so that the value does not age", () =>
    Effect.gen(function*() {
      const script = [observed("alice"), conflictWithoutState, observed("carol"), conflict("dave"), applied]
      const { calls, register } = scripted(script, { canRead: true })
      const { conflicts } = yield* run(Cas.run(register, ensure("bob"), { policy: plain }))
      assert.deepStrictEqual(calls, ["0 read", "0 alice->bob", "100 read", "100 carol->bob", "200 dave->bob"])
      assert.deepStrictEqual(conflicts, { fresh: 2, stale: 0 })
    }))

  it.effect("of fresh conflict without the value waits for the schedule alone, whatever the server asked for before", () =>
    Effect.gen(function*() {
      const script = [
        observed("alice"),
        throttled("1 second"),
        conflict("carol"),
        conflictWithoutState,
        observed("bob")
      ]
      const { calls, register } = scripted(script, { canRead: true })
      yield* run(Cas.run(register, ensure("bob"), { policy: plain }))
      assert.deepStrictEqual(calls, ["0 read", "0 alice->bob", "1050 alice->bob", "1050 carol->bob", "1150 read"])
    }))

  it.effect("of conflict without the value to the last swap allowed is followed by its wait and a read", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observed("alice"), conflictWithoutState, observed("bob")], {
        canRead: true
      })
      const { outcome } = yield* run(Cas.run(register, ensure("bob"), { policy: withPlain({ maxSwaps: 1 }) }))
      assert.strictEqual(outcome, "converged")
      assert.deepStrictEqual(calls, ["0 read", "0 alice->bob", "100 read"])
    }))

  it.effect("of conflict without the value, where nothing can be read, is CasConflictWithoutState", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflictWithoutState])
      const { effect, observed } = yield* report(
        Cas.run(register, ensure("bob"), { hint: "alice" }),
        "CasConflictWithoutState"
      )
      assert.strictEqual(effect, "none")
      assert.deepStrictEqual(observed, Option.none())
    }))

  it.effect("of a read that finds nothing is CasConflictWithoutState", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observedNothing], { canRead: true })
      yield* report(Cas.run(register, ensure("bob")), "CasConflictWithoutState")
      assert.lengthOf(calls, 1)
    }))

  it.effect("of conflict that names the very value expected is asked again at once, twice", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflict("alice"), conflict("alice"), applied])
      const { conflicts, outcome } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.strictEqual(outcome, "swapped")
      assert.deepStrictEqual(calls, ["0 alice->bob", "0 alice->bob", "0 alice->bob"])
      assert.deepStrictEqual(conflicts, { fresh: 1, stale: 1 })
    }))

  it.effect("of conflict that names the very value expected, a third time, is CasInconsistentRegister", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflict("alice"), conflict("alice"), conflict("alice")])
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice", policy: Policy.eager }))
      assert.instanceOf(error, Cas.InconsistentRegister)
      assert.strictEqual(error.actual, "alice")
      assert.strictEqual(error.report.effect, "none")
      assert.lengthOf(calls, 3)
    }))

  it.effect("of a request that was not executed repeats the same swap, and leaves no doubt", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([unsent, applied])
      const { effect } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.strictEqual(effect, "applied")
      assert.deepStrictEqual(calls, ["0 alice->bob", "50 alice->bob"])
      const refused = scripted([unsent, conflict("bob")])
      const converged = yield* run(Cas.run(refused.register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.deepStrictEqual([converged.outcome, converged.effect], ["converged", "none"])
    }))

  it.effect("that was lost repeats the same swap: acknowledged, it is ours", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([lost, applied])
      const { effect, outcome } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.deepStrictEqual([outcome, effect], ["swapped", "applied"])
      assert.deepStrictEqual(calls, ["0 alice->bob", "50 alice->bob"])
    }))

  it.effect("that was lost repeats the same swap: if it meets the target, nobody knows whose it is", () =>
    Effect.gen(function*() {
      const { register } = scripted([lost, conflict("bob")])
      const { effect, outcome } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.deepStrictEqual([outcome, effect], ["converged", "unknown"])
    }))

  it.effect("to a read that was lost or not executed repeats the read, and says nothing about effects", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([lost, throttled("1 second"), observed("bob")], { canRead: true })
      const { effect, outcome, reads } = yield* run(Cas.run(register, ensure("bob"), { policy: plain }))
      assert.deepStrictEqual([outcome, effect, reads], ["already", "none", 3])
      assert.deepStrictEqual(calls, ["0 read", "50 read", "1100 read"])
    }))

  it.effect("of conflict is not followed by a read because an earlier read was repeated", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([lost, observed("alice"), conflict("carol"), applied], { canRead: true })
      yield* run(Cas.run(register, ensure("bob"), { policy: plain }))
      assert.deepStrictEqual(calls, ["0 read", "50 read", "50 alice->bob", "150 carol->bob"])
    }))

  it.effect("to a read that never comes leaves nothing observed", () =>
    Effect.gen(function*() {
      const { register } = scripted([lost, lost], { canRead: true })
      const policy = withPlain({ transient: Schedule.recurs(1) })
      const { observed } = yield* report(Cas.run(register, ensure("bob"), { policy }), "CasExhausted")
      assert.deepStrictEqual(observed, Option.none())
    }))

  it.effect("that no retry can change ends the operation, under its own tag", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([gone])
      const { attempts, effect, outcome } = yield* report(
        Cas.run(register, ensure("bob"), { hint: "alice" }),
        "Gone"
      )
      assert.deepStrictEqual([outcome, effect], ["failed", "none"])
      assert.lengthOf(calls, 1)
      assert.deepStrictEqual(attempts.map((attempt) => attempt.answer), [{ _tag: "Terminal", error: "Gone" }])
    }))

  it.effect("that no retry can change does not settle an attempt that was lost before", () =>
    Effect.gen(function*() {
      const { register } = scripted([lost, new Gone({ why: "over" })])
      const { effect } = yield* report(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }), "Gone")
      assert.strictEqual(effect, "unknown")
    }))

  it.effect("to a read that no retry can change ends the operation, under its own tag", () =>
    Effect.gen(function*() {
      const { register } = scripted([new Gone({ why: "over" })], { canRead: true })
      const { effect, reads, swaps } = yield* report(Cas.run(register, ensure("bob")), "Gone")
      assert.deepStrictEqual({ effect, reads, swaps }, { effect: "none", reads: 1, swaps: 0 })
    }))
})

describe("an intent", () => {
  it("has a name, and the values it names, the target first", () => {
    const update = Cas.update((_: string) => ({ _tag: "Keep" }))
    const intents = [
      ensure("bob"),
      handover("alice", "bob"),
      ensureUnless("bob", ["carol"]),
      ensureUnless("bob", () => false),
      Cas.rotate(["alice", "bob"]),
      update
    ]
    assert.deepStrictEqual(intents.map(({ name, values }) => [name, ...values]), [
      ["ensure", "bob"],
      ["handover", "bob", "alice"],
      ["ensureUnless", "bob", "carol"],
      ["ensureUnless", "bob"],
      ["rotate", "alice", "bob"],
      ["update"]
    ])
  })
})

describe("a hint", () => {
  it.effect("that is right makes it one call, one that is wrong makes it two", () =>
    Effect.gen(function*() {
      const right = scripted([applied], { canRead: true })
      yield* run(Cas.run(right.register, ensure("bob"), { hint: "alice" }))
      assert.deepStrictEqual(right.calls, ["0 alice->bob"])
      const wrong = scripted([conflict("carol"), applied], { canRead: true })
      yield* run(Cas.run(wrong.register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.deepStrictEqual(wrong.calls, ["0 alice->bob", "0 carol->bob"])
    }))

  it.effect("that is missing is replaced by one read", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observed("alice"), applied], { canRead: true })
      yield* run(Cas.run(register, ensure("bob")))
      assert.deepStrictEqual(calls, ["0 read", "0 alice->bob"])
    }))

  it.effect("that is missing, where nothing can be read, is CasConflictWithoutState without a request", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([])
      yield* report(Cas.run(register, ensure("bob")), "CasConflictWithoutState")
      assert.deepStrictEqual(calls, [])
    }))

  it.effect("is no proof: that the target is in place is confirmed by a read, and no swap", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observed("bob")], { canRead: true })
      const { before, effect, outcome, swaps } = yield* run(Cas.run(register, ensure("bob"), { hint: "bob" }))
      assert.deepStrictEqual({ before, effect, outcome, swaps }, {
        before: Option.none(),
        effect: "none",
        outcome: "already",
        swaps: 0
      })
      assert.deepStrictEqual(calls, ["0 read"])
    }))

  it.effect("is no proof: where nothing can be read, a swap that changes nothing confirms it or tells the value", () =>
    Effect.gen(function*() {
      const right = scripted([applied])
      const { outcome } = yield* run(Cas.run(right.register, ensure("bob"), { hint: "bob" }))
      assert.strictEqual(outcome, "converged")
      assert.deepStrictEqual(right.calls, ["0 bob->bob"])
      const wrong = scripted([conflict("alice"), applied])
      yield* run(Cas.run(wrong.register, ensure("bob"), { hint: "bob", policy: plain }))
      assert.deepStrictEqual(wrong.calls, ["0 bob->bob", "0 alice->bob"])
    }))

  it.effect("is no proof: a refusal is confirmed by a read", () =>
    Effect.gen(function*() {
      const wrong = scripted([observed("alice"), applied], { canRead: true })
      yield* run(Cas.run(wrong.register, ensureUnless("bob", ["carol"]), { hint: "carol" }))
      assert.deepStrictEqual(wrong.calls, ["0 read", "0 alice->bob"])
      const right = scripted([observed("carol")], { canRead: true })
      yield* report(Cas.run(right.register, ensureUnless("bob", ["carol"]), { hint: "carol" }), "CasRefused")
      assert.deepStrictEqual(right.calls, ["0 read"])
    }))
})

describe("handover", () => {
  it.effect("sends the value it was given, whatever the hint says", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([applied], { canRead: true })
      yield* run(Cas.run(register, handover("alice", "bob"), { hint: "carol" }))
      assert.deepStrictEqual(calls, ["0 alice->bob"])
    }))

  it.effect("that meets its own target has converged, with nothing of ours", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflict("bob")])
      const { effect, outcome } = yield* run(Cas.run(register, handover("alice", "bob")))
      assert.deepStrictEqual([outcome, effect], ["converged", "none"])
    }))

  it.effect("refuses any third value, and names it", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflict("carol")])
      const error = yield* failure(Cas.run(register, handover("alice", "bob")))
      assert.instanceOf(error, Cas.Refused)
      assert.deepStrictEqual([error.intent, error.reason, error.actual], ["handover", "Changed", "carol"])
      assert.deepStrictEqual([error.report.effect, error.report.observed], ["none", Option.some("carol")])
      assert.deepStrictEqual(error.report.conflicts, { fresh: 0, stale: 1 })
      assert.lengthOf(calls, 1)
    }))

  it.effect("to the value that it expects is confirmed by a read", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observed("alice")], { canRead: true })
      const { outcome } = yield* run(Cas.run(register, handover("alice", "alice")))
      assert.deepStrictEqual([outcome, calls], ["already", ["0 read"]])
    }))

  it.effect("that lost a reply refuses a third value in doubt", () =>
    Effect.gen(function*() {
      const { register } = scripted([lost, conflict("carol")])
      const { effect } = yield* report(Cas.run(register, handover("alice", "bob"), { policy: plain }), "CasRefused")
      assert.strictEqual(effect, "unknown")
    }))
})

describe("ensureUnless", () => {
  it.effect("asks its predicate about every value seen, and never sends a protected one", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const intent = ensureUnless("bob", (value: string) => {
        asked.push(value)
        return value === "dave"
      })
      const { calls, register } = scripted([conflict("carol"), conflict("dave")])
      const error = yield* failure(Cas.run(register, intent, { hint: "alice", policy: Policy.eager }))
      assert.instanceOf(error, Cas.Refused)
      assert.deepStrictEqual([error.reason, error.actual], ["Protected", "dave"])
      assert.deepStrictEqual(calls, ["0 alice->bob", "0 carol->bob"])
      assert.includeMembers(asked, ["alice", "carol", "dave"])
    }))
})

describe("ensureUnless, the target being protected itself,", () => {
  it.effect("takes the target in place for success", () =>
    Effect.gen(function*() {
      const { register } = scripted([observed("bob")], { canRead: true })
      const { outcome } = yield* run(Cas.run(register, ensureUnless("bob", ["bob"])))
      assert.strictEqual(outcome, "already")
    }))
})

describe("the stale rule", () => {
  it.effect("a conflict after a sleep neither sleeps nor steps the schedule", () =>
    Effect.gen(function*() {
      const inputs: Array<Cas.FreshConflict<string>> = []
      const conflicts = Schedule.tap(
        Schedule.setInputType<Cas.FreshConflict<string>>()(Schedule.spaced("100 millis")),
        ({ input }) => Effect.sync(() => inputs.push(input))
      )
      const script = [
        observed("alice"),
        conflict("carol"),
        conflict("dave"),
        conflict("erin"),
        conflict("fred"),
        applied
      ]
      const { calls, register } = scripted(script, { canRead: true })
      const policy = Policy.make({ conflict: conflicts })
      const result = yield* run(Cas.run(register, ensure("bob"), { policy }))
      assert.deepStrictEqual(calls, [
        "0 read",
        "0 alice->bob",
        "100 carol->bob",
        "100 dave->bob",
        "200 erin->bob",
        "200 fred->bob"
      ])
      assert.deepStrictEqual(result.conflicts, { fresh: 2, stale: 2 })
      assert.deepStrictEqual(inputs.map(({ actual, desired, expected, swaps }) => [expected, desired, actual, swaps]), [
        ["alice", "bob", Option.some("carol"), 1],
        ["dave", "bob", Option.some("erin"), 3]
      ])
    }))

  it.effect("a conflict on a hint is a refresh: a schedule that allows no conflict is not asked", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflict("carol"), applied])
      const policy = Policy.make({ conflict: Schedule.recurs(0) })
      const { conflicts } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy }))
      assert.deepStrictEqual(conflicts, { fresh: 0, stale: 1 })
    }))

  it.effect("a transient wait makes the value old as well", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observed("alice"), unsent, conflict("carol"), applied], { canRead: true })
      const policy = withPlain({ conflict: Schedule.recurs(0) })
      const { conflicts } = yield* run(Cas.run(register, ensure("bob"), { policy }))
      assert.deepStrictEqual(calls, ["0 read", "0 alice->bob", "50 alice->bob", "50 carol->bob"])
      assert.deepStrictEqual(conflicts, { fresh: 0, stale: 1 })
    }))

  it.effect("a fresh conflict is charged: a schedule that allows none ends the operation", () =>
    Effect.gen(function*() {
      const { register } = scripted([observed("alice"), conflict("carol")], { canRead: true })
      const error = yield* failure(
        Cas.run(register, ensure("bob"), { policy: Policy.make({ conflict: Schedule.recurs(0) }) })
      )
      assert.instanceOf(error, Cas.Exhausted)
      assert.strictEqual(error.limit, "conflicts")
      assert.include(error.message, "The conflict schedule of the policy ended; nothing was changed")
      assert.deepStrictEqual(error.report.observed, Option.some("carol"))
    }))

  it.effect("a value that needs no swap ends the operation before a schedule is asked", () =>
    Effect.gen(function*() {
      const policy = Policy.make({ conflict: Schedule.recurs(0) })
      const target = scripted([observed("alice"), conflict("bob")], { canRead: true })
      const { outcome } = yield* run(Cas.run(target.register, ensure("bob"), { policy }))
      assert.strictEqual(outcome, "converged")
      const guarded = scripted([observed("alice"), conflict("carol")], { canRead: true })
      yield* report(Cas.run(guarded.register, ensureUnless("bob", ["carol"]), { policy }), "CasRefused")
    }))
})

describe("the transient schedule", () => {
  it.effect("starts anew after an answer that is not transient", () =>
    Effect.gen(function*() {
      const policy = withPlain({ transient: Schedule.exponential("100 millis") })
      const script = [unsent, lost, conflict("carol"), unsent, conflict("dave"), unsent, unsent, applied]
      const { calls, register } = scripted(script)
      yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy }))
      assert.deepStrictEqual(calls, [
        "0 alice->bob",
        "100 alice->bob",
        "300 alice->bob",
        "300 carol->bob",
        "400 carol->bob",
        "400 dave->bob",
        "500 dave->bob",
        "700 dave->bob"
      ])
    }))

  it.effect("is not what a conflict steps, nor does a transient answer step the other one", () =>
    Effect.gen(function*() {
      const { register } = scripted([observed("alice"), conflict("carol"), applied], { canRead: true })
      yield* run(Cas.run(register, ensure("bob"), { policy: withPlain({ transient: Schedule.recurs(0) }) }))
      const slow = scripted([observed("alice"), unsent, lost, applied], { canRead: true })
      yield* run(Cas.run(slow.register, ensure("bob"), { policy: withPlain({ conflict: Schedule.recurs(0) }) }))
    }))

  it.effect("that ends gives the last cause", () =>
    Effect.gen(function*() {
      const { register } = scripted([unsent, lost])
      const error = yield* failure(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: withPlain({ transient: Schedule.recurs(1) }) })
      )
      assert.instanceOf(error, Cas.Exhausted)
      assert.deepStrictEqual([error.limit, error.report.effect], ["transients", "unknown"])
      assert.include(
        error.message,
        "The transient schedule of the policy ended (connection lost); a swap may have taken effect"
      )
      assert.strictEqual(error.cause, lost.cause)
    }))

  it.effect("comes on top of the wait that the server asked for", () =>
    Effect.gen(function*() {
      const script = [throttled("3 seconds"), lost, throttled("1 second"), conflict("carol"), conflict("dave"), applied]
      const { calls, register } = scripted(script)
      const { waited } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.deepStrictEqual(calls, [
        "0 alice->bob",
        "3050 alice->bob",
        "3100 alice->bob",
        "4150 alice->bob",
        "4150 carol->bob",
        "4250 dave->bob"
      ])
      assert.deepStrictEqual(waited, Duration.millis(4_250))
    }))

  it.effect("is not shortened by a wait that the server has the wrong way round", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([throttled(Duration.negate(Duration.seconds(1))), applied])
      yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.deepStrictEqual(calls, ["0 alice->bob", "50 alice->bob"])
    }))

  it.effect("is slept in whole milliseconds, rounded up", () =>
    Effect.gen(function*() {
      const { register } = scripted([unsent, applied])
      const policy = withPlain({ transient: Schedule.spaced(Duration.micros(10_400n)) })
      const { waited } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy }))
      assert.deepStrictEqual(waited, Duration.millis(11))
    }))

  it.effect("that asks for no wait asks for none: a conflict after it is fresh", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflict("carol"), conflict("dave"), conflict("erin"), applied])
      const { conflicts, waited } = yield* run(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: withPlain({ conflict: Schedule.forever }) })
      )
      assert.deepStrictEqual({ conflicts, waited }, { conflicts: { fresh: 2, stale: 1 }, waited: Duration.zero })
    }))

  it.effect("cannot shorten the wait that the server asked for", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([throttled("3 seconds"), applied])
      const policy = withPlain({ transient: Schedule.spaced(Duration.negate(Duration.seconds(1))) })
      yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy }))
      assert.deepStrictEqual(calls, ["0 alice->bob", "3000 alice->bob"])
    }))
})

describe("the deadline", () => {
  const within = (deadline: Duration.Input, conflictDelay: Duration.Input) =>
    withPlain({ deadline, minAttempt: "100 millis", conflict: Schedule.spaced(conflictDelay) })

  it.effect("lets a wait pass that leaves the least time for an attempt", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observed("alice"), conflict("carol"), applied], { canRead: true })
      yield* run(Cas.run(register, ensure("bob"), { policy: within("1 second", "900 millis") }))
      assert.deepStrictEqual(calls, ["0 read", "0 alice->bob", "900 carol->bob"])
    }))

  it.effect("ends the operation at once when a wait does not fit, and names the wait", () =>
    Effect.gen(function*() {
      const { register } = scripted([observed("alice"), conflict("carol")], { canRead: true })
      const error = yield* failure(Cas.run(register, ensure("bob"), { policy: within("1 second", "901 millis") }))
      assert.instanceOf(error, Cas.Exhausted)
      assert.strictEqual(error.limit, "deadline")
      assert.include(error.message, "901 ms")
      assert.deepStrictEqual([error.report.elapsed, error.report.waited], [Duration.zero, Duration.zero])
    }))

  it.effect("lets a swap and a read start that have just the least time left", () =>
    Effect.gen(function*() {
      const swap = scripted([{ after: 900, say: observed("alice") }, applied], { canRead: true })
      yield* run(Cas.run(swap.register, ensure("bob"), { policy: within("1 second", 0) }))
      assert.deepStrictEqual(swap.calls, ["0 read", "900 alice->bob"])
      const read = scripted([{ after: 900, say: conflictWithoutState }, observed("bob")], { canRead: true })
      yield* run(Cas.run(read.register, ensure("bob"), { hint: "alice", policy: within("1 second", 0) }))
      assert.deepStrictEqual(read.calls, ["0 alice->bob", "900 read"])
    }))

  it.effect("counts a wait that the server asked for", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([throttled("2 hours")])
      const { elapsed } = yield* report(Cas.run(register, ensure("bob"), { hint: "alice" }), "CasExhausted")
      assert.deepStrictEqual(elapsed, Duration.zero)
      assert.lengthOf(calls, 1)
    }))

  it.effect("is measured from the call, not from the first failure", () =>
    Effect.gen(function*() {
      const script = [{ after: 600, say: observed("alice") }, conflict("carol")]
      const { register } = scripted(script, { canRead: true })
      const error = yield* failure(Cas.run(register, ensure("bob"), { policy: within("1 second", "400 millis") }))
      assert.instanceOf(error, Cas.Exhausted)
      assert.deepStrictEqual([error.limit, error.report.elapsed], ["deadline", Duration.millis(600)])
    }))

  it.effect("is measured on the monotonic clock: setting the wall clock back does not move it", () =>
    Effect.gen(function*() {
      const { register } = scripted([{ after: 600, say: observed("alice") }, conflict("carol")], { canRead: true })
      const fiber = yield* Effect.forkChild(
        Effect.flip(Cas.run(register, ensure("bob"), { policy: within("1 second", "1 millis") }))
      )
      yield* TestClock.adjust(300)
      yield* TestClock.setTime(0)
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.instanceOf(error, Cas.Exhausted)
      assert.deepStrictEqual([error.limit, error.report.elapsed], ["deadline", Duration.millis(900)])
    }))

  it.effect("lets no swap start that has less than the least time left", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([{ after: 901, say: observed("alice") }], { canRead: true })
      const error = yield* failure(Cas.run(register, ensure("bob"), { policy: within("1 second", 0) }))
      assert.instanceOf(error, Cas.Exhausted)
      assert.deepStrictEqual([error.limit, error.report.effect], ["deadline", "none"])
      assert.include(error.message, "No time left: the deadline of 1 s does not allow another attempt")
      assert.lengthOf(calls, 1)
    }))

  it.effect("lets no read start that has less than the least time left", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([{ after: 950, say: conflictWithoutState }], { canRead: true })
      const error = yield* failure(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: within("1 second", 0) })
      )
      assert.instanceOf(error, Cas.Exhausted)
      assert.deepStrictEqual([error.limit, error.report.reads], ["deadline", 0])
      assert.lengthOf(calls, 1)
    }))

  it.effect("cuts an attempt in flight, whose effect is unknown then", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([{ after: 5_000, say: applied }])
      const error = yield* Effect.flip(run(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: within("1 second", 0) })
      ))
      assert(error._tag === "CasExhausted")
      const { attempts, effect, elapsed } = error.report
      assert.deepStrictEqual([error.limit, effect, elapsed], ["deadline", "unknown", Duration.seconds(1)])
      assert.deepStrictEqual(attempts.map(({ answer }) => answer._tag), ["Unknown"])
      assert.lengthOf(calls, 1)
    }))

  it.effect("cuts an attempt that has no timeout of its own", () =>
    Effect.gen(function*() {
      const { register } = scripted(["silence"])
      const policy = withPlain({ deadline: "1 second", attemptTimeout: Duration.infinity, minAttempt: 0 })
      const error = yield* Effect.flip(run(Cas.run(register, ensure("bob"), { hint: "alice", policy })))
      assert(error._tag === "CasExhausted")
      assert.deepStrictEqual([error.limit, error.report.elapsed], ["deadline", Duration.seconds(1)])
    }))

  it.effect("ends the operation before the transient schedule does", () =>
    Effect.gen(function*() {
      const { register } = scripted([{ after: 950, say: Cas.unknown("gone") }])
      const policy = withPlain({ deadline: "1 second", minAttempt: 100, transient: Schedule.recurs(0) })
      const error = yield* Effect.flip(run(Cas.run(register, ensure("bob"), { hint: "alice", policy })))
      assert.deepInclude<object>(error, { _tag: "CasExhausted", limit: "deadline" })
    }))
})

describe("the attempt timeout", () => {
  it.effect("makes an unanswered swap one of unknown effect", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted(["silence", conflict("bob")])
      const { attempts, effect, outcome } = yield* run(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: withPlain({ attemptTimeout: "1 second" }) })
      )
      assert.deepStrictEqual([outcome, effect], ["converged", "unknown"])
      assert.deepStrictEqual(calls, ["0 alice->bob", "1050 alice->bob"])
      assert.deepStrictEqual(attempts.map(({ answer }) => answer._tag), ["Unknown", "Conflict"])
      assert.deepStrictEqual(millis(attempts.map(({ took }) => took)), [1_000, 0])
    }))

  it.effect("makes an unanswered read be repeated", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted(["silence", observed("bob")], { canRead: true })
      const { effect } = yield* run(
        Cas.run(register, ensure("bob"), { policy: withPlain({ attemptTimeout: "1 second" }) })
      )
      assert.strictEqual(effect, "none")
      assert.deepStrictEqual(calls, ["0 read", "1050 read"])
    }))

  it.effect("stops the request that it gives up", () =>
    Effect.gen(function*() {
      let stopped = 0
      const register: Cas.Register<string> = {
        equals: (a, b) => a === b,
        swap: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => stopped++))
      }
      const policy = withPlain({ attemptTimeout: "1 second", maxSwaps: 2 })
      yield* report(Cas.run(register, ensure("bob"), { hint: "alice", policy }), "CasExhausted")
      assert.strictEqual(stopped, 2)
    }))
})

describe("after an attempt of unknown effect", () => {
  const policies = { reassert: "reassert", stopIfMoved: "stopIfMoved", neverResend: "neverResend" } as const
  const under = (onUnknown: Cas.OnUnknown) => withPlain({ onUnknown })

  it("ensure and handover reassert, the other intents stop if the value has moved", () => {
    for (const intent of [ensure("bob"), handover("alice", "bob")]) {
      assert.strictEqual(intent.onUnknown, policies.reassert)
    }
    for (const intent of [ensureUnless("bob", []), Cas.rotate(["bob"]), Cas.update(() => ({ _tag: "Keep" }))]) {
      assert.strictEqual(intent.onUnknown, policies.stopIfMoved, intent.name)
    }
  })

  it.effect("reassert goes on from any value", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([lost, conflict("carol"), applied])
      const { effect } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: under("reassert") }))
      assert.strictEqual(effect, "applied")
      assert.deepStrictEqual(calls, ["0 alice->bob", "50 alice->bob", "50 carol->bob"])
    }))

  it.effect("stopIfMoved repeats the pair, and ends when it meets a third value", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([lost, conflict("carol")])
      const error = yield* failure(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: under("stopIfMoved") })
      )
      assert.instanceOf(error, Cas.Superseded)
      assert.deepStrictEqual([error.actual, error.report.effect], [Option.some("carol"), "unknown"])
      assert.deepStrictEqual(calls, ["0 alice->bob", "50 alice->bob"])
    }))

  it.effect("stopIfMoved takes an acknowledgement of the repeated pair, and the target seen", () =>
    Effect.gen(function*() {
      const again = scripted([lost, applied])
      const swapped = yield* run(Cas.run(again.register, ensureUnless("bob", []), { hint: "alice", policy: plain }))
      assert.deepStrictEqual([swapped.outcome, swapped.effect], ["swapped", "applied"])
      const there = scripted([lost, conflict("bob")])
      const converged = yield* run(Cas.run(there.register, ensureUnless("bob", []), { hint: "alice", policy: plain }))
      assert.deepStrictEqual([converged.outcome, converged.effect], ["converged", "unknown"])
    }))

  it.effect("stopIfMoved ends on a third value that only a read can tell", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([lost, conflictWithoutState, observed("carol")], { canRead: true })
      yield* report(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: under("stopIfMoved") }),
        "CasSuperseded"
      )
      assert.deepStrictEqual(calls, ["0 alice->bob", "50 alice->bob", "50 read"])
    }))

  it.effect("stopIfMoved takes any value that the intent keeps", () =>
    Effect.gen(function*() {
      const intent = Cas.update((value: string) => value === "carol" ? { _tag: "Keep" } : { _tag: "Swap", to: "bob" })
      const { register } = scripted([lost, conflict("carol")])
      const { after, effect, outcome } = yield* run(
        Cas.run(register, intent, { hint: "alice", policy: under("stopIfMoved") })
      )
      assert.deepStrictEqual([after, effect, outcome], ["carol", "unknown", "converged"])
    }))

  it.effect("neverResend only reads: the target seen is success", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([lost, lost, observed("bob")], { canRead: true })
      const { effect, outcome } = yield* run(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: under("neverResend") })
      )
      assert.deepStrictEqual([outcome, effect], ["converged", "unknown"])
      assert.deepStrictEqual(calls, ["0 alice->bob", "50 read", "100 read"])
    }))

  it.effect("neverResend only reads: any other value is CasIndeterminate, the expected one too", () =>
    Effect.gen(function*() {
      for (const value of ["alice", "carol"]) {
        const { calls, register } = scripted([lost, observed(value)], { canRead: true })
        const error = yield* failure(
          Cas.run(register, ensure("bob"), { hint: "alice", policy: under("neverResend") })
        )
        assert.instanceOf(error, Cas.Indeterminate)
        assert.deepStrictEqual([error.report.effect, error.report.observed], ["unknown", Option.some(value)])
        assert.strictEqual(error.cause, lost.cause)
        assert.lengthOf(calls, 2)
      }
    }))

  it.effect("neverResend is CasIndeterminate where nothing can be read, or reads fail for too long", () =>
    Effect.gen(function*() {
      const blind = scripted([lost])
      yield* report(
        Cas.run(blind.register, ensure("bob"), { hint: "alice", policy: under("neverResend") }),
        "CasIndeterminate"
      )
      const deaf = scripted([lost, lost], { canRead: true })
      const policy = withPlain({ onUnknown: "neverResend", transient: Schedule.recurs(1) })
      yield* report(Cas.run(deaf.register, ensure("bob"), { hint: "alice", policy }), "CasIndeterminate")
    }))

  it.effect("neverResend still repeats what was certainly not executed", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([unsent, conflict("carol"), applied])
      const { effect } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: under("neverResend") }))
      assert.strictEqual(effect, "applied")
      assert.lengthOf(calls, 3)
    }))
})

describe("interruption", () => {
  const swap = { expected: "alice", desired: "bob" }

  /** Interrupts after 50 ms; the exit, when it came, and what was reported abandoned. */
  const interrupted = (
    register: Cas.Register<string, Gone>,
    policy: Cas.Policy<string>,
    options: { readonly hint?: string } = { hint: "alice" }
  ) =>
    Effect.gen(function*() {
      const abandoned: Array<unknown> = []
      const fiber = yield* Cas.run(register, ensure("bob"), {
        ...options,
        policy,
        onAbandoned: (attempt) => Effect.sync(() => abandoned.push(attempt))
      }).pipe(Effect.forkChild)
      yield* TestClock.adjust(50)
      const clock = yield* TestClock.testClockWith(Effect.succeed)
      const done = yield* Effect.forkChild(
        Effect.map(Fiber.interrupt(fiber), () => clock.currentTimeMillisUnsafe())
      )
      yield* TestClock.adjust("1 hour")
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      return { at: yield* Fiber.join(done), abandoned }
    })

  it.effect("of a sleep takes effect at once, without another call, and abandons nothing", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([throttled("10 seconds")])
      assert.deepStrictEqual(yield* interrupted(register, plain), { at: 50, abandoned: [] })
      assert.lengthOf(calls, 1)
    }))

  it.effect("of a read abandons nothing", () =>
    Effect.gen(function*() {
      const { register } = scripted(["silence"], { canRead: true })
      assert.deepStrictEqual(yield* interrupted(register, plain, {}), { at: 50, abandoned: [] })
    }))

  it.effect("of a swap in flight tells once which one, and is not success", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([{ after: 100, say: applied }])
      assert.deepStrictEqual(yield* interrupted(register, plain), { at: 50, abandoned: [swap] })
      assert.lengthOf(calls, 1)
    }))

  it.effect("of a swap in flight is told without an attempt timeout too", () =>
    Effect.gen(function*() {
      const { register } = scripted([{ after: 100, say: applied }])
      const policy = withPlain({ attemptTimeout: "Infinity" })
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 50, abandoned: [swap] })
    }))

  it.effect("that drains lets the swap in flight end, and no other begin", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([{ after: 100, say: conflict("carol") }])
      const policy = withPlain({ interruption: "drain" })
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 100, abandoned: [] })
      assert.lengthOf(calls, 1)
    }))

  it.effect("that drains lets the swap in flight end without an attempt timeout too", () =>
    Effect.gen(function*() {
      const { register } = scripted([{ after: 100, say: applied }])
      const policy = withPlain({ interruption: "drain", attemptTimeout: "Infinity" })
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 100, abandoned: [] })
    }))

  it.effect("that drains waits no longer than the attempt timeout", () =>
    Effect.gen(function*() {
      const { register } = scripted(["silence"])
      const policy = withPlain({ interruption: "drain", attemptTimeout: "1 second" })
      assert.strictEqual((yield* interrupted(register, policy)).at, 1_000)
    }))

  it.effect("that drains does not hold a sleep", () =>
    Effect.gen(function*() {
      const { register } = scripted([throttled("10 seconds")])
      const policy = withPlain({ interruption: "drain" })
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 50, abandoned: [] })
    }))

  it.effect("of a sleep after a lost reply tells the swap that is in doubt", () =>
    Effect.gen(function*() {
      const { register } = scripted([lost])
      const policy = withPlain({ transient: Schedule.spaced("10 seconds") })
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 50, abandoned: [swap] })
    }))

  it.effect("of a sleep tells the swap in doubt even after a conflict with a third value", () =>
    Effect.gen(function*() {
      const { register } = scripted([
        throttled(0),
        { after: 10, say: lost },
        conflict("carol"),
        throttled("10 seconds")
      ])
      const policy = withPlain({ transient: Schedule.spaced(1) })
      // The lost swap may have put its value there before carol came.
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 50, abandoned: [swap] })
    }))

  it.effect.each(["1 minute", Duration.infinity] as const)(
    "that drains does not reach regions of the register that can be interrupted (attempt timeout %s)",
    (attemptTimeout) =>
      Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const proceed = yield* Deferred.make<void>()
        let isWritten = false
        const register: Cas.Register<string> = {
          equals: (a, b) => a === b,
          swap: () =>
            Deferred.succeed(asked, undefined).pipe(
              Effect.andThen(Deferred.await(proceed)),
              Effect.andThen(Effect.sync(() => {
                isWritten = true
                return applied
              })),
              Effect.interruptible
            )
        }
        const policy = withPlain({ interruption: "drain", attemptTimeout })
        const fiber = yield* Effect.forkChild(Cas.run(register, handover("alice", "bob"), { policy }))
        yield* Deferred.await(asked)
        yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
        yield* Deferred.succeed(proceed, undefined)
        yield* Fiber.await(fiber)
        assert.isTrue(isWritten)
      })
  )

  it.effect("that drains tells a swap that stays in doubt", () =>
    Effect.gen(function*() {
      const { register } = scripted(["silence"])
      const policy = withPlain({ interruption: "drain", attemptTimeout: "1 second" })
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 1_000, abandoned: [swap] })
    }))

  it.effect("inside the register is not success either", () =>
    Effect.gen(function*() {
      const register: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Effect.interrupt }
      const exit = yield* Effect.exit(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    }))
})

describe("a terminal error", () => {
  it.effect("that may hide an executed swap leaves the effect unknown", () =>
    Effect.gen(function*() {
      const { register } = scripted([gone])
      const doubtful: Cas.Register<string, Gone> = { ...register, classifyError: () => "uncertain" }
      const error = yield* failure(Cas.run(doubtful, ensure("bob"), { hint: "alice" }))
      assert.strictEqual(error._tag === "Gone" && error.report.effect, "unknown")
    }))

  it.effect("after a lost reply is checked by one read, whose own failure does not replace it", () =>
    Effect.gen(function*() {
      for (const answer of [observed("alice"), observedNothing, unsent, lost, new Gone({ why: "read" })]) {
        const { calls, register } = scripted<string, Gone>([lost, new Gone({ why: "swap" }), answer], { canRead: true })
        const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
        assert.deepInclude<object>(error, { _tag: "Gone", why: "swap" })
        assert.strictEqual(error._tag === "Gone" && error.report.effect, "unknown")
        assert.lengthOf(calls, 3)
      }
    }))

  it.effect("that may hide an executed swap is told of when the check of it is interrupted", () =>
    Effect.gen(function*() {
      const { register } = scripted<string, Gone>([gone, "silence"], { canRead: true })
      const abandoned: Array<unknown> = []
      const fiber = yield* Effect.forkChild(Cas.run({ ...register, classifyError: () => "uncertain" }, ensure("bob"), {
        hint: "alice",
        onAbandoned: (attempt) => Effect.sync(() => void abandoned.push(attempt))
      }))
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(abandoned, [{ expected: "alice", desired: "bob" }])
    }))

  it.effect("after a lost reply ends well where the read shows the goal", () =>
    Effect.gen(function*() {
      for (const intent of [ensure("bob"), Cas.handover("alice", "bob"), Cas.ensureUnless("bob", ["carol"])]) {
        const { register } = scripted<string, Gone>([lost, gone, observed("bob")], { canRead: true })
        const report = yield* run(Cas.run(register, intent, { hint: "alice" }))
        assert.deepInclude<object>(report, { outcome: "converged", effect: "unknown", after: "bob" })
      }
    }))

  it.effect("without a doubt, or without a read, ends the operation at once", () =>
    Effect.gen(function*() {
      const calm = scripted<string, Gone>([gone], { canRead: true })
      yield* failure(Cas.run(calm.register, ensure("bob"), { hint: "alice" }))
      assert.lengthOf(calm.calls, 1)
      const blind = scripted<string, Gone>([lost, gone])
      const error = yield* failure(Cas.run(blind.register, ensure("bob"), { hint: "alice" }))
      assert.strictEqual(error._tag === "Gone" && error.report.effect, "unknown")
      assert.lengthOf(blind.calls, 2)
    }))

  it.effect("of a read never leaves the effect unknown", () =>
    Effect.gen(function*() {
      const { register } = scripted([gone], { canRead: true })
      const doubtful: Cas.Register<string, Gone> = { ...register, classifyError: () => "uncertain" }
      const error = yield* failure(Cas.run(doubtful, ensure("bob")))
      assert.strictEqual(error._tag === "Gone" && error.report.effect, "none")
    }))
})

describe("a schedule of conflicts", () => {
  it.effect("goes on from where it was, and one of transient answers too", () =>
    Effect.gen(function*() {
      const doubling = { conflict: Schedule.exponential("100 millis"), transient: Schedule.exponential("100 millis") }
      const policy = withPlain(doubling)
      const fresh = (value: string) => [conflict(value), conflict(value)]
      const contended = scripted([conflict("a"), ...fresh("b"), ...fresh("c"), ...fresh("d"), applied])
      const report = yield* run(Cas.run(contended.register, ensure("bob"), { hint: "alice", policy }))
      const waits = millis(report.attempts.map(({ waited }) => waited)).filter((wait) => wait > 0)
      assert.deepStrictEqual(waits, [100, 200, 400])
      const lossy = scripted([unsent, unsent, unsent, applied])
      const { attempts } = yield* run(Cas.run(lossy.register, ensure("bob"), { hint: "alice", policy }))
      assert.deepStrictEqual(millis(attempts.map(({ waited }) => waited)), [0, 100, 200, 400])
    }))
})

describe("a terminal error of a read", () => {
  it.effect("after a swap that was answered leaves the effect known, whatever it would prove of a swap", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflictWithoutState, gone], { canRead: true })
      const doubtful: Cas.Register<string, Gone> = { ...register, classifyError: () => "uncertain" }
      const { effect } = yield* report(Cas.run(doubtful, ensure("bob"), { hint: "alice" }), "Gone")
      assert.strictEqual(effect, "none")
    }))
})

describe("an unavailable target", () => {
  const missing = (script: Parameters<typeof scripted<string, Gone>>[0]) => {
    const { calls, register } = scripted(script)
    const proving: Cas.Register<string, Gone> = { ...register, classifyError: () => "unavailable" }
    return { calls, register: proving }
  }

  it.effect("ends an intent that has no other, and leaves no doubt", () =>
    Effect.gen(function*() {
      const { calls, register } = missing([gone])
      const { effect } = yield* report(Cas.run(register, ensure("bob"), { hint: "alice" }), "Gone")
      assert.strictEqual(effect, "none")
      assert.lengthOf(calls, 1)
    }))

  it.effect("makes rotate try the next, at once, and none of them twice", () =>
    Effect.gen(function*() {
      const { calls, register } = missing([gone, gone, applied])
      yield* run(Cas.run(register, Cas.rotate(["a", "b", "c", "d"]), { hint: "a" }))
      assert.deepStrictEqual(calls, ["0 a->b", "0 a->c", "0 a->d"])
    }))

  it.effect("is skipped by rotate alone", () =>
    Effect.gen(function*() {
      const intents = [
        ensure("bob"),
        handover("alice", "bob"),
        ensureUnless("bob", ["carol"]),
        Cas.update<string>(() => ({ _tag: "Swap", to: "bob" }))
      ]
      for (const intent of intents) {
        const { calls, register } = missing([gone])
        yield* report(Cas.run(register, intent, { hint: "alice" }), "Gone")
        assert.lengthOf(calls, 1, intent.name)
      }
    }))

  it.effect("is what a terminal error means only where the register says so", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([gone])
      yield* report(Cas.run(register, Cas.rotate(["a", "b", "c"]), { hint: "a" }), "Gone")
      assert.lengthOf(calls, 1)
    }))
})

describe("a value", () => {
  it.effect("that was sent in an attempt of unknown effect has aged, however short the wait after it", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflict("carol"), "silence", conflict("dave"), applied])
      const policy = withPlain({ attemptTimeout: "1 second", transient: Schedule.forever })
      const { conflicts } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy }))
      assert.deepStrictEqual(calls, ["0 alice->bob", "0 carol->bob", "1000 carol->bob", "1000 dave->bob"])
      assert.deepStrictEqual(conflicts, { fresh: 0, stale: 2 })
    }))

  it.effect("that is to be swapped for itself is in place already", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observed("alice")], { canRead: true })
      const { outcome, swaps } = yield* run(
        Cas.run(register, Cas.update((value: string) => ({ _tag: "Swap", to: value })))
      )
      assert.deepStrictEqual([outcome, swaps, calls.length], ["already", 0, 1])
    }))

  it.effect("that is refused on a hint alone, where nothing can be read, is not claimed to be in place", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([])
      yield* report(
        Cas.run(register, ensureUnless("bob", ["alice"]), { hint: "alice" }),
        "CasConflictWithoutState"
      )
      assert.lengthOf(calls, 0)
    }))

  it.effect("that contradicts a conflict is asked again, and an ordinary conflict in between starts the count anew", () =>
    Effect.gen(function*() {
      const { register } = scripted([
        conflict("alice"),
        conflict("alice"),
        conflict("carol"),
        conflict("carol"),
        conflict("carol"),
        applied
      ])
      const { outcome } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: Policy.eager }))
      assert.strictEqual(outcome, "swapped")
    }))
})

describe("the retry budget", () => {
  it.effect("ends an operation whose transient retry it cannot pay, with what it knows of the effect", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([lost, lost])
      const budget = Cas.makeRetryBudget({ ratio: 1, reserve: 0 })
      const error = yield* failure(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: plain, budget })
      )
      assert.instanceOf(error, Cas.Exhausted)
      assert.deepStrictEqual([error.limit, error.report.effect, calls.length], ["budget", "unknown", 2])
      assert.include(error.message, "The retry budget")
    }))

  it.effect("is not charged for conflicts", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflict("carol"), conflict("dave"), applied])
      const budget = Cas.makeRetryBudget({ ratio: 0, reserve: 0 })
      const operation = Cas.run(register, ensure("bob"), { hint: "alice", policy: plain, budget })
      assert.strictEqual((yield* run(operation)).outcome, "swapped")
    }))

  it.effect("allows a share of the operations of the last ten seconds, and the reserve", () =>
    Effect.gen(function*() {
      const { deposit, withdraw } = Cas.makeRetryBudget({ ratio: 0.5, reserve: 0.2 })
      const allowed = Effect.map(Effect.all(Array.from({ length: 10 }, () => withdraw)), (paid) =>
        paid.filter((p) => p).length)
      assert.strictEqual(yield* allowed, 2)
      yield* TestClock.adjust("9 seconds")
      for (let n = 0; n < 8; n++) {
        yield* deposit
      }
      assert.strictEqual(yield* allowed, 4)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* allowed, 2)
      for (let n = 0; n < 8; n++) {
        yield* deposit
      }
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(yield* allowed, 2)
    }))
})

describe("a bound on swaps", () => {
  it.effect("ends the operation after that many", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflict("carol"), conflict("dave"), conflict("erin")])
      const policy = Policy.make({ ...Policy.eager, maxSwaps: 3 })
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice", policy }))
      assert.instanceOf(error, Cas.Exhausted)
      assert.deepStrictEqual([error.limit, error.report.swaps], ["swaps", 3])
      assert.include(error.message, "All 3 swaps")
      assert.lengthOf(calls, 3)
    }))

  it.effect("ends the operation before a sleep that no swap could follow", () =>
    Effect.gen(function*() {
      const { register } = scripted([observed("alice"), conflict("carol")], { canRead: true })
      const policy = withPlain({ maxSwaps: 1 })
      const { elapsed } = yield* report(Cas.run(register, ensure("bob"), { policy }), "CasExhausted")
      assert.deepStrictEqual(elapsed, Duration.zero)
      for (const answer of [unsent, lost]) {
        const transient = scripted([answer])
        const { elapsed } = yield* report(
          Cas.run(transient.register, ensure("bob"), { hint: "alice", policy }),
          "CasExhausted"
        )
        assert.deepStrictEqual(elapsed, Duration.zero)
      }
    }))
})

describe("a terminal error", () => {
  it.effect("that two operations share keeps a report for each", () =>
    Effect.gen(function*() {
      const shared = new Gone({ why: "over" })
      const fail = (script: ReadonlyArray<Cas.Outcome<string> | Gone>) =>
        failure(Cas.run(scripted(script).register, ensure("bob"), { hint: "alice", policy: Policy.eager }))
      const first = yield* fail([shared])
      const second = yield* fail([conflict("carol"), shared])
      if (first._tag !== "Gone" || second._tag !== "Gone") return assert.fail("not under its own tag")
      assert.deepStrictEqual([first.report.swaps, second.report.swaps], [1, 2])
      assert.deepStrictEqual([first.why, second.why], ["over", "over"])
      assert.isTrue(second instanceof Gone)
      assert.strictEqual(JSON.parse(JSON.stringify(second)).why, "over")
    }))

  it.effect("that is frozen is left as it is, and reported all the same", () =>
    Effect.gen(function*() {
      const frozen = Object.freeze({ _tag: "Frozen", why: "over" } as const)
      const { register } = scripted<string, typeof frozen>([frozen])
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      if (error._tag !== "Frozen") return assert.fail("not under its own tag")
      assert.deepStrictEqual([error.why, error.report.swaps], ["over", 1])
      assert.isFalse("report" in frozen)
    }))

  class Classy extends Data.TaggedError("Classy")<{ readonly code: number; readonly cause: Error }> {
    readonly details = { list: [1, 2] }
    override get message() {
      return `code ${this.code}`
    }
    get isClient() {
      return this.code < 500
    }
  }

  it.effect("is reported on a copy, which is like the caller's own object in all else", () =>
    Effect.gen(function*() {
      const own = new Classy({ code: 403, cause: new Error("why") })
      const register: Cas.Register<string, Classy> = { equals: (a, b) => a === b, swap: () => Effect.fail(own) }
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert(error._tag === "Classy")
      assert.notStrictEqual<unknown>(error, own)
      assert.isFalse("report" in own)
      assert.strictEqual(error.report.outcome, "failed")

      assert.instanceOf(error, Classy)
      assert.instanceOf(error, Error)
      assert.isTrue(isNativeError(error))
      assert.deepStrictEqual([error.message, error.isClient, error.name], ["code 403", true, "Classy"])
      assert.strictEqual(error.stack, own.stack)
      assert.strictEqual(error.cause, own.cause)
      assert.strictEqual(error.details, own.details)
      assert.deepInclude(JSON.parse(JSON.stringify(error)), { _tag: "Classy", code: 403, details: { list: [1, 2] } })
      assert.deepStrictEqual(Object.keys(error).filter((key) => key !== "report"), Object.keys(own))
      // It can be yielded, as every Data.Error can.
      assert.strictEqual(yield* Effect.flip(error), error)
    }))

  it.effect("that the platform threw prints as it did", () =>
    Effect.gen(function*() {
      const own = new TypeError("over", { cause: "why" })
      const register: Cas.Register<string, TypeError> = { equals: (a, b) => a === b, swap: () => Effect.fail(own) }
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.instanceOf(error, TypeError)
      assert.strictEqual(String(error), "TypeError: over")
      assert.include(inspect(error), own.stack ?? "no stack")
      assert.include(inspect(error), "[cause]: 'why'")
    }))

  it.effect("without a prototype or a tag is reported too", () =>
    Effect.gen(function*() {
      const bare: { readonly why: string } = Object.assign(Object.create(null), { why: "over" })
      const { register } = scripted<string, { readonly why: string }>([bare])
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert("why" in error)
      assert.isNull(Object.getPrototypeOf(error))
      assert.deepStrictEqual([error.why, error.report.swaps], ["over", 1])
    }))

  it.effect("that is a primitive passes as it is", () =>
    Effect.gen(function*() {
      const { register } = scripted<string, "over">(["over"])
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.strictEqual(error, "over")
    }))

  it.effect("is named in the report by its tag, its name or its type", () =>
    Effect.gen(function*() {
      const named = (error: Gone | TypeError | { readonly _tag: number }) =>
        Effect.gen(function*() {
          const register: Cas.Register<string, typeof error> = {
            equals: (a, b) => a === b,
            swap: () => Effect.fail(error)
          }
          const failed = yield* Effect.flip(Cas.run(register, ensure("bob"), { hint: "alice" }))
          return "report" in failed ? failed.report.attempts.map(({ answer }) => answer) : []
        })
      assert.deepStrictEqual(yield* named(new Gone({ why: "over" })), [{ _tag: "Terminal", error: "Gone" }])
      assert.deepStrictEqual(yield* named(new TypeError("over")), [{ _tag: "Terminal", error: "TypeError" }])
      assert.deepStrictEqual(yield* named({ _tag: 7 }), [{ _tag: "Terminal", error: "object" }])
    }))

  it.effect("shows its report like its other properties", () =>
    Effect.gen(function*() {
      const { register } = scripted([new Gone({ why: "over" })])
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.include(Object.keys(error), "report")
    }))

  it.effect("can be caught by its tag, with its report", () =>
    Effect.gen(function*() {
      const { register } = scripted([new Gone({ why: "over" })])
      const swaps = yield* Cas.run(register, ensure("bob"), { hint: "alice" }).pipe(
        Effect.map(() => -1),
        Effect.catchTag("Gone", (error) => Effect.succeed(error.report.swaps))
      )
      assert.strictEqual(swaps, 1)
    }))
})

describe("a policy that makes no sense", () => {
  const nonsense: ReadonlyArray<readonly [keyof Cas.Policy<string>, Partial<Cas.Policy<string>>]> = [
    ["maxSwaps", { maxSwaps: 0 }],
    ["maxSwaps", { maxSwaps: -1 }],
    ["maxSwaps", { maxSwaps: 1.5 }],
    ["maxSwaps", { maxSwaps: Number.NaN }],
    ["maxSwaps", { maxSwaps: Number.POSITIVE_INFINITY }],
    ["deadline", { deadline: 0 }],
    ["deadline", { deadline: -1 }],
    ["deadline", { deadline: Number.NaN }],
    ["deadline", { deadline: Number.NEGATIVE_INFINITY }],
    ["deadline", { deadline: Duration.negate(Duration.seconds(1)) }],
    // Plain JavaScript, or a string that came from a file.
    ["deadline", { deadline: "soon" as Duration.Input }],
    ["deadline", { deadline: "50 millis", minAttempt: "100 millis" }],
    ["minAttempt", { minAttempt: -1 }],
    ["minAttempt", { minAttempt: Number.NaN }],
    ["minAttempt", { minAttempt: Number.POSITIVE_INFINITY }],
    ["attemptTimeout", { attemptTimeout: 0 }],
    ["attemptTimeout", { attemptTimeout: -1 }],
    ["attemptTimeout", { attemptTimeout: Number.NaN }],
    ["attemptTimeout", { attemptTimeout: "10 parsecs" as Duration.Input }]
  ]

  it.effect.each(nonsense)(
    "is CasInvalidPolicy, without a request: %s %o",
    ([setting, bounds]) =>
      Effect.gen(function*() {
        const { calls, register } = scripted([], { canRead: true })
        const error = yield* failure(Cas.run(register, ensure("bob"), { policy: { ...plain, ...bounds } }))
        assert.instanceOf(error, Cas.InvalidPolicy)
        assert.strictEqual(error.setting, setting)
        assert.match(error.message, new RegExp(`^${setting} must be a (whole number|positive dur|finite dur)`))
        assert.strictEqual(error.received, String(bounds[setting]))
        assert.deepStrictEqual(calls, [])
      })
  )

  it.effect("is not one with bounds of a millisecond", () =>
    Effect.gen(function*() {
      const { register } = scripted([applied])
      const policy = withPlain({ deadline: 1, attemptTimeout: 1, minAttempt: 1 })
      assert.strictEqual((yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy }))).swaps, 1)
    }))

  it.effect("is not one without bounds in time", () =>
    Effect.gen(function*() {
      const { register } = scripted([applied])
      const policy = withPlain({ deadline: "Infinity", attemptTimeout: Duration.infinity, minAttempt: 0 })
      const { outcome } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy }))
      assert.strictEqual(outcome, "swapped")
    }))
})

describe("the caller's own schedules", () => {
  class Budget extends Data.TaggedError("Budget") {}
  class Limiter extends Context.Service<Limiter, { readonly wait: Duration.Duration }>()("test/Limiter") {}

  it.effect("may fail, and the failure passes through", () =>
    Effect.gen(function*() {
      const broke = Schedule.modifyDelay(Schedule.forever, () => Effect.fail(new Budget()))
      const contended = scripted([observed("alice"), conflict("carol")], { canRead: true })
      const first = yield* failure(
        Cas.run(contended.register, ensure("bob"), { policy: Policy.make({ conflict: broke }) })
      )
      assert.strictEqual(first._tag, "Budget")
      const slow = scripted([lost])
      const second = yield* failure(
        Cas.run(slow.register, ensure("bob"), { hint: "alice", policy: Policy.make({ transient: broke }) })
      )
      assert.strictEqual(second._tag, "Budget")
    }))

  it.effect("may need services, and see what they are asked about", () =>
    Effect.gen(function*() {
      const limited = Schedule.modifyDelay(Schedule.forever, () => Effect.map(Limiter, ({ wait }) => wait))
      const { calls, register } = scripted([lost, conflict("carol"), conflict("dave"), applied])
      yield* run(Cas.run(register, ensure("bob"), {
        hint: "alice",
        policy: Policy.make({ conflict: limited, transient: limited })
      })).pipe(Effect.provideService(Limiter, { wait: Duration.millis(70) }))
      assert.deepStrictEqual(calls, ["0 alice->bob", "70 alice->bob", "70 carol->bob", "140 dave->bob"])
    }))

  it.effect("are told what was transient", () =>
    Effect.gen(function*() {
      const told: Array<Cas.Transient> = []
      const transient = Schedule.tap(
        Schedule.setInputType<Cas.Transient>()(Schedule.forever),
        ({ input }) => Effect.sync(() => told.push(input))
      )
      const { register } = scripted([unsent, observed("alice"), lost, applied], { canRead: true })
      yield* run(Cas.run(register, ensure("bob"), { policy: withPlain({ transient }) }))
      assert.deepStrictEqual(told, [unsent, lost])
    }))

  it.effect("are told the round trip, smoothed", () =>
    Effect.gen(function*() {
      const trips: Array<Duration.Duration> = []
      const spy = Schedule.tap(
        Schedule.setInputType<Cas.FreshConflict<string>>()(Schedule.forever),
        ({ input }) => Effect.sync(() => trips.push(input.roundTrip))
      )
      const script = [
        { after: 80, say: observed("alice") },
        { after: 160, say: conflict("carol") },
        { after: 1_000, say: lost },
        { after: 90, say: conflict("dave") },
        { after: 90, say: conflict("erin") },
        applied
      ]
      const { register } = scripted(script, { canRead: true })
      yield* run(Cas.run(register, ensure("bob"), { policy: withPlain({ conflict: spy }) }))
      assert.deepStrictEqual(millis(trips), [90, 90])
    }))

  it.effect("belong to one operation: another one with the same policy starts anew", () =>
    Effect.gen(function*() {
      const policy = withPlain({ conflict: Schedule.recurs(1), transient: Schedule.recurs(1) })
      const script = [observed("alice"), conflict("carol"), unsent, applied]
      yield* run(Cas.run(scripted(script, { canRead: true }).register, ensure("bob"), { policy }))
      yield* run(Effect.all([
        Cas.run(scripted(script, { canRead: true }).register, ensure("bob"), { policy }),
        Cas.run(scripted(script, { canRead: true }).register, ensure("bob"), { policy })
      ], { concurrency: 2 }))
    }))
})

describe("a defect", () => {
  const boom = new Error("boom")

  it.effect("in the register, the intent or the schedule passes through", () =>
    Effect.gen(function*() {
      const equals = (a: string, b: string) => a === b
      const dying: Cas.Register<string> = { equals, swap: () => Effect.die(boom) }
      const throwing: Cas.Register<string> = {
        equals,
        swap: () => {
          throw boom
        }
      }
      const undecided: Cas.Intent<string> = {
        ...ensure("bob"),
        decide: () => {
          throw boom
        }
      }
      const { register } = scripted([observed("alice"), conflict("carol")], { canRead: true })
      const exits = [
        yield* Effect.exit(Cas.run(dying, ensure("bob"), { hint: "alice" })),
        yield* Effect.exit(Cas.run(throwing, ensure("bob"), { hint: "alice" })),
        yield* Effect.exit(Cas.run(dying, undecided, { hint: "alice" })),
        yield* Effect.exit(Cas.run(register, ensure("bob"), {
          policy: Policy.make({ conflict: Schedule.modifyDelay(Schedule.forever, () => Effect.die(boom)) })
        }))
      ]
      for (const exit of exits) {
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause) && Cause.squash(exit.cause) === boom)
      }
    }))
})

describe("the report", () => {
  const script = [
    { after: 20, say: observed("alice") },
    { after: 40, say: conflict("carol") },
    { after: 10, say: lost },
    { after: 9.5, say: conflict("dave") },
    { after: 12, say: applied }
  ]
  const contended = Effect.suspend(() => {
    const { register } = scripted(script, { canRead: true })
    return run(Cas.run(register, ensure("bob"), { policy: plain }))
  })

  it.effect("lists every attempt, in order: what was sent and answered, how fresh, when, how long", () =>
    Effect.gen(function*() {
      const { attempts, conflicts, elapsed, reads, swaps, waited } = yield* contended
      assert.deepStrictEqual(
        attempts.map((attempt) =>
          attempt._tag === "Read"
            ? ["read", attempt.answer._tag]
            : [attempt.expected, attempt.fresh, attempt.answer._tag]
        ),
        [
          ["read", "Observed"],
          ["alice", true, "Conflict"],
          ["carol", false, "Unknown"],
          ["carol", false, "Conflict"],
          ["dave", true, "Applied"]
        ]
      )
      assert.deepStrictEqual(millis(attempts.map(({ at }) => at)), [0, 20, 160, 220, 229.5])
      assert.deepStrictEqual(millis(attempts.map(({ took }) => took)), [20, 40, 10, 9.5, 12])
      assert.deepStrictEqual(millis(attempts.map(({ waited }) => waited)), [0, 0, 100, 50, 0])
      assert.deepStrictEqual({ conflicts, reads, swaps }, { conflicts: { fresh: 1, stale: 1 }, reads: 1, swaps: 4 })
      assert.deepStrictEqual(millis([waited, elapsed]), [150, 241.5])
    }))

  it.effect("reads as a timeline", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(Cas.timeline(yield* contended), [
        "   0.0 ms  read: it is alice, took 20 ms",
        "    20 ms  swap alice -> bob: conflict, it is carol, took 40 ms",
        "           wait 100 ms",
        "   160 ms  swap carol -> bob: unknown, may have been executed (connection lost), took 10 ms",
        "           wait 50 ms",
        "   220 ms  swap carol -> bob: stale conflict, it is dave, took 9.5 ms",
        "   230 ms  swap dave -> bob: applied, took 12 ms",
        "swapped, now bob: 4 swaps, 1 read, 1 fresh conflict, 1 stale, waited 150 ms of 242 ms, effect applied"
      ])
    }))

  it.effect("of a failure reads as a timeline", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflictWithoutState, unsent, new Gone({ why: "over" })], { canRead: true })
      const failed = yield* report(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }), "Gone")
      assert.deepStrictEqual(Cas.timeline(failed), [
        "   0.0 ms  swap alice -> bob: stale conflict, current value not shown, took 0.0 ms",
        "   0.0 ms  read: not executed (connection refused), took 0.0 ms",
        "           wait 50 ms",
        "    50 ms  read: failed: Gone, took 0.0 ms",
        "failed: 1 swap, 2 reads, 0 fresh conflicts, 1 stale, waited 50 ms of 50 ms, effect none"
      ])
    }))

  it.effect("reads as a timeline whatever the values are", () =>
    Effect.gen(function*() {
      const circular: { self?: unknown } = {}
      circular.self = circular
      const values: ReadonlyArray<readonly [unknown, string]> = [
        [1n, "1n"],
        [{ id: "ou_alice", userType: 1 }, "ou_alice"],
        [7, "7"],
        [undefined, "undefined"]
      ]
      for (const [value, shown] of values) {
        const { register } = scripted<unknown>([applied])
        const [line] = Cas.timeline(yield* run(Cas.run(register, handover(value, "bob"))))
        assert.include(line, `swap ${shown} -> bob`)
      }
      const { register } = scripted<unknown>([applied])
      assert.lengthOf(Cas.timeline(yield* run(Cas.run(register, handover<unknown>(circular, "bob")))), 2)
    }))
})

describe("the ready policies", () => {
  const roundTrip = Duration.millis(100)
  const input: Cas.FreshConflict<string> = {
    expected: "alice",
    desired: "bob",
    actual: Option.some("carol"),
    swaps: 1,
    roundTrip
  }

  /** The first delays in milliseconds, the dice always showing a half; short if the schedule ends. */
  const delays = <O, I>(schedule: Schedule.Schedule<O, I>, input: I, count: number) =>
    Effect.gen(function*() {
      const step = yield* Schedule.toStep(schedule)
      const taken: Array<number> = []
      for (let i = 0; i < count; i++) {
        const more = yield* Pull.matchEffect(step(0, input), {
          onSuccess: ([, delay]) => Effect.succeed(taken.push(Duration.toMillis(delay)) > 0),
          onFailure: Effect.failCause,
          onDone: () => Effect.succeed(false)
        })
        if (!more) break
      }
      return taken
    }).pipe(Effect.provideService(Random.Random, { nextDoubleUnsafe: () => 0.5, nextIntUnsafe: () => 1 }))

  it.effect("standard: five swaps back to back, then bursts of three after sleeps that grow with the round trip", () =>
    Effect.gen(function*() {
      const { conflict } = Policy.standard
      assert.deepStrictEqual(yield* delays(conflict, input, 10), [0, 0, 0, 0, 400, 0, 800, 0, 1200, 0])
      assert.strictEqual((yield* delays(conflict, input, 30)).at(-2), 5_000)
      assert.strictEqual((yield* delays(conflict, { ...input, roundTrip: Duration.zero }, 5)).at(-1), 80)
    }))

  it.effect("thrifty: three swaps back to back, then bursts of two after longer sleeps", () =>
    Effect.gen(function*() {
      const { conflict } = Policy.thrifty
      assert.deepStrictEqual(yield* delays(conflict, input, 6), [0, 0, 800, 1600, 2400, 3200])
      assert.strictEqual((yield* delays(conflict, input, 40)).at(-1), 20_000)
    }))

  it.effect("eager: never sleeps between conflicts", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* delays(Policy.eager.conflict, input, 6), [0, 0, 0, 0, 0, 0])
    }))

  it.effect("standard, eager and thrifty: four transient retries, full jitter, doubling", () =>
    Effect.gen(function*() {
      for (const { transient } of [Policy.standard, Policy.eager, Policy.thrifty]) {
        assert.deepStrictEqual(yield* delays(transient, lost, 6), [100, 200, 400, 800])
      }
    }))

  it.effect("once: one swap, no retry of any kind", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* delays(Policy.once.transient, lost, 2), [])
      const contended = scripted([conflict("carol")])
      const first = yield* failure(Cas.run(contended.register, ensure("bob"), { hint: "alice", policy: Policy.once }))
      assert.instanceOf(first, Cas.Exhausted)
      assert.strictEqual(first.limit, "swaps")
      const slow = scripted([lost])
      const second = yield* failure(Cas.run(slow.register, ensure("bob"), { hint: "alice", policy: Policy.once }))
      assert.instanceOf(second, Cas.Exhausted)
      assert.deepStrictEqual([second.limit, second.report.effect], ["transients", "unknown"])
    }))

  it("stand in for what make is not given", () => {
    const { conflict, transient } = Policy.make({ conflict: undefined, transient: undefined })
    assert.strictEqual(conflict, Policy.standard.conflict)
    assert.strictEqual(transient, Policy.standard.transient)
  })

  it("bound every operation: 20 swaps, 30 seconds, 10 seconds an attempt", () => {
    for (const policy of [Policy.standard, Policy.eager, Policy.thrifty, { ...Policy.once, maxSwaps: 20 }]) {
      const { attemptTimeout, deadline, interruption, maxSwaps, minAttempt, onUnknown } = policy
      assert.deepStrictEqual({ attemptTimeout, deadline, interruption, maxSwaps, minAttempt, onUnknown }, {
        attemptTimeout: "10 seconds",
        deadline: "30 seconds",
        interruption: "abort",
        maxSwaps: 20,
        minAttempt: "100 millis",
        onUnknown: undefined
      })
    }
  })
})

describe("describePolicy", () => {
  const longest = Effect.provideService(Random.Random, { nextDoubleUnsafe: () => 1, nextIntUnsafe: () => 1 })
  const described = (
    policy: Cas.Policy<string>,
    options?: { readonly roundTrip?: Duration.Input; readonly steps?: number }
  ) => longest(Cas.describePolicy(policy, { value: "alice", ...options }))

  it.effect("tells ten waits of each schedule, and the bounds", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* described(Policy.standard),
        "conflicts: at once, at once, at once, at once, 800 ms, at once, 1.6 s, at once, 2.4 s, at once, …; "
          + "transient: 200 ms, 400 ms, 800 ms, 1.6 s, then give up; at most 20 swaps, 30 s, 10 s an attempt"
      )
    }))

  it.effect("tells as many waits as it is asked for, at the round trip it is given", () =>
    Effect.gen(function*() {
      const policy = Policy.make({ ...Policy.thrifty, transient: Schedule.recurs(0), maxSwaps: 7 })
      assert.strictEqual(
        yield* described(policy, { steps: 3, roundTrip: "50 millis" }),
        "conflicts: at once, at once, 800 ms, …; transient: give up; at most 7 swaps, 30 s, 10 s an attempt"
      )
    }))

  it.effect("steps the schedules as an operation would: with time that passes, and a count of the swaps", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const conflict = Schedule.tap(
        Schedule.setInputType<Cas.FreshConflict<string>>()(
          Schedule.upTo(Schedule.spaced("400 millis"), { duration: "1 second" })
        ),
        ({ elapsed, input }) => Effect.sync(() => seen.push([elapsed, input]))
      )
      const text = yield* described(Policy.make({ conflict, transient: Schedule.recurs(0) }), { roundTrip: 70 })
      assert.include(text, "conflicts: 400 ms, 400 ms, 400 ms, then give up; transient: give up;")
      const input = (swaps: number) => ({
        expected: "alice",
        desired: "alice",
        actual: Option.none(),
        swaps,
        roundTrip: Duration.millis(70)
      })
      assert.deepStrictEqual(seen, [[0, input(1)], [400, input(2)], [800, input(3)]])
    }))

  it.effect("fails as a schedule fails", () =>
    Effect.gen(function*() {
      const broke = Schedule.modifyDelay(Schedule.forever, () => Effect.fail("broke"))
      const policy = Policy.make({ transient: broke })
      assert.strictEqual(yield* Effect.flip(Cas.describePolicy(policy, { value: "alice" })), "broke")
    }))

  it.effect("of nonsense is CasInvalidPolicy", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(described({ ...Policy.standard, maxSwaps: 0 }))
      assert.strictEqual(error.setting, "maxSwaps")
    }))
})

describe("kind and retry", () => {
  const transient = { hint: "alice", policy: Policy.make({ ...Policy.once, onUnknown: "neverResend" }) } as const

  it.effect.each(
    [
      ["a conflict schedule that ended", [conflict("carol"), conflict("dave")], ensure("bob"), {
        hint: "alice",
        policy: Policy.make({ conflict: Schedule.recurs(0) })
      }, ["CasExhausted", "conflict", "wait"]],
      ["a bound on swaps, after a conflict", [conflict("carol")], ensure("bob"), {
        hint: "alice",
        policy: Policy.make({ maxSwaps: 1 })
      }, ["CasExhausted", "conflict", "wait"]],
      ["an unsent swap", [unsent], ensure("bob"), transient, ["CasExhausted", "platform", "wait"]],
      ["a lost reply", [lost], ensure("bob"), { hint: "alice", policy: Policy.once }, [
        "CasExhausted",
        "platform",
        "unknown"
      ]],
      ["a lost reply that must not be sent again", [lost], ensure("bob"), transient, [
        "CasIndeterminate",
        "platform",
        "unknown"
      ]],
      ["a refusal", [conflict("carol")], handover("alice", "bob"), {}, ["CasRefused", "conflict", "never"]],
      ["a refusal after a lost reply", [lost, conflict("carol")], handover("alice", "bob"), {}, [
        "CasRefused",
        "conflict",
        "unknown"
      ]],
      ["a third value after a lost reply", [lost, conflict("carol")], ensureUnless("bob", []), { hint: "alice" }, [
        "CasSuperseded",
        "conflict",
        "unknown"
      ]],
      ["a hidden value", [conflictWithoutState], ensure("bob"), { hint: "alice" }, [
        "CasConflictWithoutState",
        "setup",
        "never"
      ]],
      ["contradictions", [conflict("alice"), conflict("alice"), conflict("alice")], ensure("bob"), { hint: "alice" }, [
        "CasInconsistentRegister",
        "setup",
        "never"
      ]],
      ["an invalid policy", [], ensure("bob"), { policy: Policy.make({ maxSwaps: 0 }) }, [
        "CasInvalidPolicy",
        "caller",
        "never"
      ]]
    ] as const
  )("of %s", ([, script, intent, options, expected]) =>
    Effect.gen(function*() {
      const register: Cas.Register<string> = scripted<string, never>(script).register
      const error = yield* failure(Cas.run(register, intent, options))
      assert.deepStrictEqual<ReadonlyArray<string>>([error._tag, error.kind, error.retry], expected)
    }))
})

describe("messages", () => {
  const refusing = (
    words: Cas.Words | undefined,
    intent: Cas.Intent<string> = handover("alice", "bob")
  ) => {
    const { register } = scripted<string, never>([conflict("carol")])
    return Effect.map(
      failure(Cas.run({ ...register, words }, intent, { hint: "alice" })),
      ({ message }) => message.split(";")[0]
    )
  }
  const rule = Cas.update<string>((value) =>
    value === "alice"
      ? { _tag: "Swap", to: "bob" }
      : { _tag: "Refuse", reason: "Locked", detail: `${value} is locked` }
  )

  it.effect("of a refusal are the intent's own words, the register's, or the engine's", () =>
    Effect.gen(function*() {
      const words = { value: "the host", refusals: { Changed: "Somebody else is host", Locked: "no" } }
      assert.strictEqual(yield* refusing(undefined), "The value has changed, and is not the one to hand over from")
      assert.strictEqual(
        yield* refusing({ value: "the host" }),
        "The host has changed, and is not the one to hand over from"
      )
      assert.strictEqual(yield* refusing(words), "Somebody else is host")
      assert.strictEqual(yield* refusing(words, rule), "carol is locked")
      assert.strictEqual(yield* refusing({}, ensureUnless("bob", ["carol"])), "The value in place is protected")
      const nameless = Cas.update<string>((value) =>
        value === "alice" ? { _tag: "Swap", to: "bob" } : { _tag: "Refuse", reason: "Locked" }
      )
      assert.strictEqual(yield* refusing({ value: "the host" }, nameless), "update refuses the host in place: Locked")
    }))

  it.effect("of a hidden value are the register's words, where it has any", () =>
    Effect.gen(function*() {
      const { register } = scripted<string, never>([])
      const message = (words?: Cas.Words) =>
        Effect.map(failure(Cas.run({ ...register, words }, ensure("bob"))), (error) => error.message)
      assert.match(
        yield* message(),
        /^No conflict and no read shows the value; nothing was changed after 0 swaps and 0/
      )
      assert.match(
        yield* message({ hidden: "The meeting has no host" }),
        /^The meeting has no host; nothing was changed/
      )
    }))

  it.effect("count in the singular and the plural", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflict("carol"), observed("carol")])
      const policy = Policy.make({ maxSwaps: 1 })
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice", policy }))
      assert.strictEqual(
        error.message,
        "The one swap that the policy allows was tried; nothing was changed after 1 swap and 0 reads. "
          + "Call again, or use a policy with wider bounds."
      )
    }))

  it.effect("say that the deadline passed during an attempt, and what the attempt waited for", () =>
    Effect.gen(function*() {
      const policy = Policy.make({ deadline: "8 seconds", attemptTimeout: "1 minute" })
      const inFlight = yield* failure(
        Cas.run(scripted(["silence"]).register, ensure("bob"), { hint: "alice", policy })
      )
      assert.include(
        inFlight.message,
        "No time left: the deadline of 8 s passed during an attempt (no answer before the deadline of 8 s); "
          + "a swap may have taken effect after 1 swap and 0 reads."
      )
      const held: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Cas.hold(Effect.never) }
      const unsent = yield* failure(Cas.run(held, ensure("bob"), { hint: "alice", policy }))
      assert.include(
        unsent.message,
        "No time left: the deadline of 8 s passed during an attempt (held back, for a token or a rate limit, up to the "
          + "deadline of 8 s); nothing was changed after 1 swap and 0 reads, 1 of them not executed."
      )
    }))
})
