/**
 * What the engine does with each answer of a register.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option, Schedule } from "effect"
import { Cas } from "effect-lark-meetings"
import {
  failure,
  Gone,
  gone,
  lost,
  make as scripted,
  plain,
  report,
  run,
  throttled,
  unsent,
  withPlain
} from "./fixtures/ScriptedRegister.ts"

const {
  applied,
  appliedWith,
  conflict,
  conflictWithoutState,
  ensure,
  ensureUnless,
  handover,
  observed,
  observedNothing,
  Policy
} = Cas

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

  it.effect("of conflict that shows the target ends the operation at once: converged, and perhaps ours", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observed("alice"), conflict("bob")], { canRead: true })
      const { after, effect, elapsed, outcome } = yield* run(Cas.run(register, ensure("bob"), { policy: plain }))
      assert.deepStrictEqual({ after, effect, outcome }, { after: "bob", effect: "unknown", outcome: "converged" })
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

  // A gateway may have sent the swap twice, and the hidden value may be the target.
  it.effect("of conflict without the value, where nothing can be read, is CasConflictWithoutState, of unknown effect", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflictWithoutState])
      const { effect, observed } = yield* report(
        Cas.run(register, ensure("bob"), { hint: "alice" }),
        "CasConflictWithoutState"
      )
      assert.strictEqual(effect, "unknown")
      assert.deepStrictEqual(observed, Option.none())
    }))

  it.effect("of a read that finds nothing, or another value, tells that a conflict which hid the value was one", () =>
    Effect.gen(function*() {
      const options = { hint: "alice" }
      const empty = scripted([conflictWithoutState, observedNothing], { canRead: true })
      const nothing = yield* report(Cas.run(empty.register, ensure("bob"), options), "CasConflictWithoutState")
      assert.strictEqual(nothing.effect, "none")
      const moved = scripted([conflictWithoutState, observed("carol")], { canRead: true })
      const third = yield* report(Cas.run(moved.register, Cas.handover("alice", "bob")), "CasRefused")
      assert.strictEqual(third.effect, "none")
    }))

  it.effect("of a read that finds nothing is CasConflictWithoutState", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observedNothing], { canRead: true })
      yield* report(Cas.run(register, ensure("bob")), "CasConflictWithoutState")
      assert.lengthOf(calls, 1)
    }))

  it.effect("of conflict that names the very value expected is tried again, twice, and steps the schedule if fresh", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([conflict("alice"), conflict("alice"), applied])
      const { conflicts, outcome } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.strictEqual(outcome, "swapped")
      // The hint met a stale conflict; the second conflict is a fresh one.
      assert.deepStrictEqual(calls, ["0 alice->bob", "0 alice->bob", "100 alice->bob"])
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

  it.effect("of a request that was not executed repeats the same swap, and the effect of the first is none", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([unsent, applied])
      const { effect } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.strictEqual(effect, "applied")
      assert.deepStrictEqual(calls, ["0 alice->bob", "50 alice->bob"])
      const refused = scripted([unsent, conflict("bob")])
      const converged = yield* run(Cas.run(refused.register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.deepStrictEqual([converged.outcome, converged.effect], ["converged", "unknown"])
    }))

  it.effect("that was lost repeats the same swap: acknowledged, it is ours", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([lost, applied])
      const { effect, outcome } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }))
      assert.deepStrictEqual([outcome, effect], ["swapped", "applied"])
      assert.deepStrictEqual(calls, ["0 alice->bob", "50 alice->bob"])
    }))

  it.effect("that was lost repeats the same swap: if it meets the target, its effect is unknown", () =>
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

  it.effect("stopIfMoved ends on a third value that only a read shows", () =>
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

  it.effect("neverResend only reads, and fails with CasIndeterminate unless it sees the target", () =>
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

describe("an unavailable target", () => {
  const missing = (script: Parameters<typeof scripted<string, Gone>>[0]) => {
    const { calls, register } = scripted(script)
    const proving: Cas.Register<string, Gone> = { ...register, classifyError: () => "unavailable" }
    return { calls, register: proving }
  }

  it.effect("ends an intent that has no other, with effect none", () =>
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

  it.effect("that contradicts a conflict is tried again, and an ordinary conflict in between starts the count anew", () =>
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
