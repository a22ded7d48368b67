/**
 * An operation that is run again from its journal.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, Schema } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { lost, make as scripted } from "./fixtures/ScriptedRegister.ts"

const { applied, conflict, ensure, observed, Policy, prefer, rotate } = Cas

const last = { expected: "alice", desired: "bob" }
const again: Cas.Journal<string> = { last, record: () => Effect.void }

const withPolicy = (onUnknown: Cas.OnUnknown) => Policy.make({ onUnknown, attemptTimeout: "1 second" })

describe("a swap", () => {
  it.effect("is recorded before it is sent, and again before each further one", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflict("carol"), applied])
      const recorded: Array<string> = []
      const journal: Cas.Journal<string> = {
        record: ({ desired, expected }) =>
          Effect.sync(() => void recorded.push(`${expected}->${desired} after ${calls.length} calls`))
      }
      const report = yield* Cas.run(register, ensure("bob"), { hint: "alice", journal })
      assert.deepStrictEqual(recorded, ["alice->bob after 0 calls", "carol->bob after 1 calls"])
      assert.strictEqual(report.effect, "applied")
    }))

  it.effect("whose record is not written before the deadline is not sent", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([])
      const journal: Cas.Journal<string> = { record: () => Effect.never }
      const fiber = yield* Effect.forkChild(Effect.flip(Cas.run(register, ensure("bob"), { hint: "alice", journal })))
      yield* TestClock.adjust("1 hour")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag === "CasExhausted" && error.limit, "deadline")
      assert.strictEqual(error.report.effect, "none")
      assert.deepStrictEqual([error.report.swaps, calls.length], [0, 0])
    }))

  for (const interruption of ["abort", "drain"] as const) {
    it.effect(`that is being recorded is not sent after an interruption: ${interruption}`, () =>
      Effect.gen(function*() {
        const { calls, register } = scripted([])
        let abandoned = 0
        const fiber = yield* Effect.forkChild(
          Cas.run(register, ensure("bob"), {
            hint: "alice",
            journal: { record: () => Effect.sleep("1 second") },
            policy: Policy.make({ interruption }),
            onAbandoned: () => Effect.sync(() => void abandoned++)
          })
        )
        yield* TestClock.adjust("500 millis")
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual([calls.length, abandoned], [0, 0])
      }))
  }

  it.effect("whose record takes longer than a round trip expects a value of that age: its conflict is stale", () =>
    Effect.gen(function*() {
      const { register } = scripted([{ after: 10, say: observed("alice") }, { after: 10, say: conflict("bob") }], {
        canRead: true
      })
      const journal: Cas.Journal<string> = { record: () => Effect.sleep("50 millis") }
      const fiber = yield* Effect.forkChild(Cas.run(register, ensure("bob"), { journal }))
      yield* TestClock.adjust("1 second")
      const report = yield* Fiber.join(fiber)
      assert.deepStrictEqual(report.conflicts, { fresh: 0, stale: 1 })
      // The time of the record is no part of the answer's.
      assert.deepStrictEqual(report.attempts.map(({ took }) => Duration.toMillis(took)), [10, 10])
    }))
})

describe("an operation that was run before", () => {
  it.effect("never says that nothing was changed, nor that the target was in place before", () =>
    Effect.gen(function*() {
      const { register } = scripted([observed("bob")], { canRead: true })
      const report = yield* Cas.run(register, ensure("bob"), { journal: again, policy: withPolicy("neverResend") })
      assert.deepStrictEqual([report.outcome, report.effect, report.swaps], ["converged", "unknown", 0])
    }))

  it.effect("that reasserts sends the last swap again", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflict("carol"), applied], { canRead: true })
      const report = yield* Cas.run(register, ensure("bob"), { journal: again, hint: "dave" })
      assert.deepStrictEqual(calls, ["0 alice->bob", "0 carol->bob"])
      assert.strictEqual(report.effect, "applied")
    }))

  it.effect("that stops if the value moved sends the last swap again, and ends at a third value", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflict("carol")], { canRead: true })
      const error = yield* Effect.flip(Cas.run(register, rotate(["alice", "bob", "carol"]), {
        journal: again,
        policy: withPolicy("stopIfMoved")
      }))
      assert.deepStrictEqual(calls, ["0 alice->bob"])
      assert.strictEqual(error._tag, "CasSuperseded")
      assert.strictEqual(error.report.effect, "unknown")
    }))

  it.effect("does not rotate a second time", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflict("bob")], { canRead: true })
      const report = yield* Cas.run(register, rotate(["alice", "bob", "carol"]), { journal: again })
      assert.deepStrictEqual(calls, ["0 alice->bob"])
      assert.deepStrictEqual([report.outcome, report.after, report.effect], ["converged", "bob", "unknown"])
    }))

  it.effect("that never resends only reads, and without a read sends nothing", () =>
    Effect.gen(function*() {
      const options = { journal: again, hint: "alice", policy: withPolicy("neverResend") }
      const reading = scripted([observed("carol")], { canRead: true })
      const error = yield* Effect.flip(Cas.run(reading.register, ensure("bob"), options))
      assert.deepStrictEqual([error._tag, error.report.effect], ["CasIndeterminate", "unknown"])
      assert.deepStrictEqual(reading.calls, ["0 read"])
      const blind = scripted([])
      const unread = yield* Effect.flip(Cas.run(blind.register, ensure("bob"), options))
      assert.deepStrictEqual([unread._tag, unread.report.effect], ["CasIndeterminate", "unknown"])
    }))

  it.effect("ends on what the operation before it in the queue saw, without a request", () =>
    Effect.gen(function*() {
      const slow = { after: 100, say: observed("carol") }
      const { calls, register } = scripted([slow, { after: 100, say: applied }], { canRead: true })
      const queue = Cas.makeQueue<string, string>()
      const first = yield* Effect.forkChild(queue.run("m", register, ensure("bob")), { startImmediately: true })
      // While the first reads: its swap shows the value after this call.
      const second = yield* Effect.forkChild(
        queue.run("m", register, ensure("bob"), { journal: again, policy: withPolicy("neverResend") }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(first)).effect, "applied")
      const report = yield* Fiber.join(second)
      assert.deepStrictEqual([report.outcome, report.effect], ["converged", "unknown"])
      assert.lengthOf(calls, 2)
    }))

  it.effect("that gets no turn in the queue does not know what became of its swap", () =>
    Effect.gen(function*() {
      const { register } = scripted(["silence"], { canRead: true })
      const queue = Cas.makeQueue<string, string>()
      const policy = Policy.make({ deadline: "1 hour", attemptTimeout: "1 hour" })
      yield* Effect.forkChild(queue.run("m", register, ensure("bob"), { policy }))
      yield* Effect.yieldNow
      const second = yield* Effect.forkChild(Effect.flip(queue.run("m", register, ensure("bob"), { journal: again })))
      yield* TestClock.adjust("30 seconds")
      const error = yield* Fiber.join(second)
      assert.deepStrictEqual([error._tag, error.report.effect], ["CasExhausted", "unknown"])
    }))

  it.effect("that is interrupted abandons the swap of the run before", () =>
    Effect.gen(function*() {
      const { register } = scripted(["silence"], { canRead: true })
      const abandoned: Array<unknown> = []
      const fiber = yield* Effect.forkChild(
        Cas.run(register, ensure("bob"), {
          journal: again,
          policy: withPolicy("neverResend"),
          onAbandoned: (swap, effect) => Effect.sync(() => void abandoned.push({ swap, effect }))
        })
      )
      yield* TestClock.adjust("10 millis")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(abandoned, [{ swap: last, effect: "unknown" }])
    }))

  it.effect.prop("ends as one run does that lost the reply to its first swap", {
    onUnknown: Schema.Literals(["reassert", "stopIfMoved", "neverResend"]),
    intent: Schema.Literals(["ensure", "rotate", "prefer"]),
    executed: Schema.Boolean,
    moved: Schema.Option(Schema.Literals(["alice", "bob", "carol"]))
  }, ({ executed, intent, moved, onUnknown }) => {
    const intents = {
      ensure: ensure("bob"),
      rotate: rotate(["alice", "bob", "carol"]),
      prefer: prefer(["bob", "carol"])
    }
    const run = (isOneRun: boolean) =>
      Effect.gen(function*() {
        let value = "alice"
        let calls = 0
        const move = () => {
          if (executed) value = "bob"
          value = Option.getOrElse(moved, () => value)
        }
        if (!isOneRun) move()
        const register: Cas.Register<string> = {
          equals: (a, b) => a === b,
          read: Effect.sync(() => observed(value)),
          swap: (expected, desired) =>
            Effect.sync(() => {
              if (isOneRun && calls++ === 0) {
                move()
                return lost
              }
              if (value !== expected) return conflict(value)
              value = desired
              return applied
            })
        }
        const exit = yield* Effect.result(
          Cas.run(register, intents[intent], {
            policy: withPolicy(onUnknown),
            ...isOneRun ? { hint: "alice" } : { journal: again }
          })
        )
        const { effect, outcome } = exit._tag === "Success" ? exit.success : exit.failure.report
        return [exit._tag === "Failure" ? exit.failure._tag : outcome, effect, value]
      })
    return Effect.gen(function*() {
      const [one, two] = [yield* Effect.forkChild(run(true)), yield* Effect.forkChild(run(false))]
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(two), yield* Fiber.join(one))
    })
  })
})
