import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { failure, lost, make as scripted, plain, run } from "./fixtures/ScriptedRegister.ts"
import { wallClock } from "./fixtures/wallClock.ts"

const times = <A, E>(n: number, effect: Effect.Effect<A, E>) => Effect.replicateEffect(effect, n)

/** How many of the next `n` retries it pays for. */
const paid = (budget: Cas.RetryBudget, n: number) =>
  Effect.map(times(n, budget.withdraw), (answers) => answers.filter((answer) => answer).length)

describe("a retry budget", () => {
  it.effect("allows a retry for five operations, and ten a second over ten seconds, by default", () =>
    Effect.gen(function*() {
      const budget = Cas.makeRetryBudget()
      yield* times(5, budget.deposit)
      assert.strictEqual(yield* paid(budget, 200), 101)
    }))

  it.effect("takes its reserve for the window it was given", () =>
    Effect.gen(function*() {
      const budget = Cas.makeRetryBudget({ reserve: 600, window: "2 seconds" })
      assert.strictEqual(yield* paid(budget, 1_300), 1_200)
    }))

  it.effect("pays for whole retries only", () =>
    Effect.gen(function*() {
      const budget = Cas.makeRetryBudget({ ratio: 0.5, reserve: 0 })
      yield* budget.deposit
      assert.strictEqual(yield* paid(budget, 1), 0)
      yield* budget.deposit
      assert.strictEqual(yield* paid(budget, 2), 1)
    }))

  it.effect("draws from the reserve only what the operations do not pay", () =>
    Effect.gen(function*() {
      const budget = Cas.makeRetryBudget({ ratio: 1, reserve: 0.1 })
      yield* budget.deposit
      assert.strictEqual(yield* paid(budget, 1), 1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* paid(budget, 2), 1)
      // The reserve was drawn at 5 seconds.
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(yield* paid(budget, 1), 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* paid(budget, 2), 1)
    }))

  it.effect("forgets an operation with the tenth of the window it was in", () =>
    Effect.gen(function*() {
      for (const [at, until, allowed] of [[0, 9_999, 1], [0, 10_000, 0], [999, 9_999, 1], [999, 10_000, 0]] as const) {
        const budget = Cas.makeRetryBudget({ ratio: 1, reserve: 0 })
        yield* TestClock.setTime(at)
        yield* budget.deposit
        yield* TestClock.setTime(until)
        assert.strictEqual(yield* paid(budget, 2), allowed, `${at}, ${until}`)
      }
    }))

  it.effect("keeps operations of different times apart", () =>
    Effect.gen(function*() {
      const budget = Cas.makeRetryBudget({ ratio: 1, reserve: 0 })
      yield* budget.deposit
      yield* TestClock.setTime(1_000)
      yield* budget.deposit
      yield* TestClock.setTime(10_000)
      assert.strictEqual(yield* paid(budget, 3), 1)
    }))

  it.effect("spends the oldest first", () =>
    Effect.gen(function*() {
      const budget = Cas.makeRetryBudget({ ratio: 1, reserve: 0 })
      yield* budget.deposit
      yield* TestClock.setTime(1_000)
      yield* budget.deposit
      assert.strictEqual(yield* paid(budget, 1), 1)
      yield* TestClock.setTime(10_000)
      assert.strictEqual(yield* paid(budget, 2), 1)
    }))

  it.effect("puts the shares of different times together", () =>
    Effect.gen(function*() {
      const budget = Cas.makeRetryBudget({ ratio: 0.75, reserve: 0 })
      yield* budget.deposit
      yield* TestClock.setTime(1_000)
      yield* budget.deposit
      assert.strictEqual(yield* paid(budget, 2), 1)
      yield* TestClock.setTime(2_000)
      yield* budget.deposit
      assert.strictEqual(yield* paid(budget, 2), 1)
    }))

  it.effect("pays for every fifth operation, however many", () =>
    Effect.gen(function*() {
      const budget = Cas.makeRetryBudget({ reserve: 0 })
      yield* times(1_000, budget.deposit)
      assert.strictEqual(yield* paid(budget, 300), 200)
    }))

  it.effect("takes a payment of every operation", () =>
    Effect.gen(function*() {
      const deposits: Array<string> = []
      const budget: Cas.RetryBudget = {
        deposit: Effect.sync(() => {
          deposits.push("deposit")
        }),
        withdraw: Effect.succeed(false)
      }
      const register: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Effect.succeed(Cas.applied) }
      yield* times(2, Cas.run(register, Cas.handover("alice", "bob"), { budget }))
      assert.lengthOf(deposits, 2)
    }))

  it.effect.each([["forward", 3_600_000], ["back", -3_600_000]] as const)(
    "remembers and forgets as before when the wall clock is set %s",
    ([, millis]) =>
      Effect.gen(function*() {
        const wall = yield* wallClock
        yield* Effect.gen(function*() {
          const budget = Cas.makeRetryBudget({ ratio: 1, reserve: 0.1 })
          yield* times(3, budget.deposit)
          wall.setBy(millis)
          assert.strictEqual(yield* paid(budget, 10), 4)
          wall.setBy(-millis)
          yield* times(3, budget.deposit)
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(yield* paid(budget, 10), 1)
        }).pipe(Effect.provideService(Clock.Clock, wall.clock))
      })
  )
})

describe("a retry budget that never answers", () => {
  const policy = Cas.Policy.make({ ...plain, deadline: "2 seconds" })
  const never = { deposit: Effect.never, withdraw: Effect.never }

  it.effect("to a deposit lets the operation end at its deadline", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted<string, never>([])
      const budget = { ...Cas.makeRetryBudget(), deposit: never.deposit }
      const error = yield* failure(Cas.run(register, Cas.ensure("bob"), { hint: "alice", policy, budget }))
      assert(error._tag === "CasExhausted")
      assert.deepInclude<object>(error.report, { effect: "none", elapsed: Duration.seconds(2) })
      assert.deepStrictEqual([error.limit, calls.length], ["deadline", 0])
    }))

  it.effect("to a withdrawal lets the operation end at its deadline", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted<string, never>([lost])
      const budget = { ...Cas.makeRetryBudget(), withdraw: never.withdraw }
      const error = yield* failure(Cas.run(register, Cas.ensure("bob"), { hint: "alice", policy, budget }))
      assert(error._tag === "CasExhausted")
      assert.deepInclude<object>(error.report, { effect: "unknown", elapsed: Duration.seconds(2) })
      assert.deepStrictEqual([error.limit, calls.length], ["deadline", 1])
    }))

  it.effect("to a withdrawal is not needed where nothing was transient", () =>
    Effect.gen(function*() {
      const { register } = scripted<string, never>([Cas.conflict("carol"), Cas.applied])
      const budget = { ...Cas.makeRetryBudget(), withdraw: never.withdraw }
      const report = yield* run(Cas.run(register, Cas.ensure("bob"), { hint: "alice", policy, budget }))
      assert.strictEqual(report.outcome, "swapped")
    }))
})
