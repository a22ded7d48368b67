/**
 * When schedules are stepped, and the sleeps between swaps.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Data, Duration, Effect, Option, Schedule } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import {
  failure,
  lost,
  make as scripted,
  millis,
  plain,
  report,
  run,
  throttled,
  unsent,
  withPlain
} from "./fixtures/ScriptedRegister.ts"
import { wallClock } from "./fixtures/wallClock.ts"

const { applied, conflict, ensure, ensureUnless, observed, Policy } = Cas

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

  it.effect("a conflict on a hint is a refresh: a schedule that allows no conflict is not stepped", () =>
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
      assert.include(error.message, "the conflict schedule of the policy ended; nothing was changed")
      assert.deepStrictEqual(error.report.observed, Option.some("carol"))
    }))

  it.effect("a value that needs no swap ends the operation before a schedule is stepped", () =>
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
        "the transient schedule of the policy ended (connection lost); a swap may have taken effect"
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

  it.effect("without waits makes no sleep: a conflict after it is fresh", () =>
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

  it.effect("may need services, and see their input", () =>
    Effect.gen(function*() {
      const limited = Schedule.modifyDelay(Schedule.forever, () => Effect.map(Limiter, ({ wait }) => wait))
      const { calls, register } = scripted([lost, conflict("carol"), conflict("dave"), applied])
      yield* run(Cas.run(register, ensure("bob"), {
        hint: "alice",
        policy: Policy.make({ conflict: limited, transient: limited })
      })).pipe(Effect.provideService(Limiter, { wait: Duration.millis(70) }))
      assert.deepStrictEqual(calls, ["0 alice->bob", "70 alice->bob", "70 carol->bob", "140 dave->bob"])
    }))

  it.effect("see what was transient", () =>
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

  it.effect("see the round trip, smoothed", () =>
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

describe("a schedule that never answers", () => {
  const hanging: ReadonlyArray<readonly [string, Schedule.Schedule<unknown>]> = [
    ["when it is made", Schedule.fromStep<unknown, unknown, never, never, never, never>(Effect.never)],
    ["when it is stepped", Schedule.fromStep(Effect.succeed(() => Effect.never))]
  ]

  it.effect.each(hanging)(
    "%s lets the operation end at its deadline after a conflict",
    ([, conflicts]) =>
      Effect.gen(function*() {
        const { calls, register } = scripted([observed("alice"), conflict("carol")], { canRead: true })
        const policy = withPlain({ conflict: conflicts, deadline: "2 seconds" })
        const { effect, elapsed } = yield* report(Cas.run(register, ensure("bob"), { policy }), "CasExhausted")
        assert.deepStrictEqual([effect, elapsed, calls.length], ["none", Duration.seconds(2), 2])
      })
  )

  it.effect.each(hanging)(
    "%s lets the operation end at its deadline after a lost reply",
    ([, transient]) =>
      Effect.gen(function*() {
        const { calls, register } = scripted([lost])
        const policy = withPlain({ transient, deadline: "2 seconds" })
        const operation = Cas.run(register, ensure("bob"), { hint: "alice", policy })
        const { effect, elapsed } = yield* report(operation, "CasExhausted")
        assert.deepStrictEqual([effect, elapsed, calls.length], ["unknown", Duration.seconds(2), 1])
      })
  )
})

describe("a schedule that reads the time", () => {
  it.effect.each([["forward", 3_600_000], ["back", -3_600_000]] as const)(
    "is not disturbed by a wall clock that is set %s",
    ([, offset]) =>
      Effect.gen(function*() {
        const wall = yield* wallClock
        const timed = Schedule.upTo(Schedule.spaced("100 millis"), { duration: "250 millis" })
        const policy = Policy.make({ conflict: timed, transient: timed })
        const { calls, register } = scripted(Array.from({ length: 10 }, () => unsent))
        const disturbed: typeof register = {
          ...register,
          swap: (expected, desired) => {
            if (calls.length === 1) wall.setBy(offset)
            return register.swap(expected, desired)
          }
        }
        const operation = Cas.run(disturbed, ensure("bob"), { hint: "alice", policy })
        const { attempts } = yield* report(
          Effect.provideService(operation, Clock.Clock, wall.clock),
          "CasExhausted"
        )
        assert.deepStrictEqual(millis(attempts.map(({ at }) => at)), [0, 100, 200, 300])
      })
  )
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
      assert.include(error.message, "the retry budget")
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
      assert.include(error.message, "the policy allows 3 swaps")
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
