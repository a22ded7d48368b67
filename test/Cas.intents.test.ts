/**
 * Intents and hints.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Cas } from "effect-lark-meetings"
import { failure, Gone, lost, make as scripted, plain, report, run } from "./fixtures/ScriptedRegister.ts"

const { applied, conflict, ensure, ensureUnless, handover, observed, Policy } = Cas

describe("an intent", () => {
  it("has a name, and the values it names, the target first", () => {
    const update = Cas.update((_: string) => ({ _tag: "Keep" }))
    const intents = [
      ensure("bob"),
      handover("alice", "bob"),
      ensureUnless("bob", ["carol"]),
      ensureUnless("bob", () => false),
      Cas.rotate(["alice", "bob"]),
      Cas.prefer(["alice", "bob"]),
      update
    ]
    assert.deepStrictEqual(intents.map(({ name, values }) => [name, ...values]), [
      ["ensure", "bob"],
      ["handover", "bob", "alice"],
      ["ensureUnless", "bob", "carol"],
      ["ensureUnless", "bob"],
      ["rotate", "alice", "bob"],
      ["prefer", "alice", "bob"],
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

  it.effect("is no proof: where nothing can be read, a swap that changes nothing confirms it or shows the value", () =>
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

  it.effect("that meets its own target has converged, perhaps by its own swap", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflict("bob")])
      const { effect, outcome } = yield* run(Cas.run(register, handover("alice", "bob")))
      assert.deepStrictEqual([outcome, effect], ["converged", "unknown"])
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

  it.effect("that lost a reply refuses a third value, and its effect is unknown", () =>
    Effect.gen(function*() {
      const { register } = scripted([lost, conflict("carol")])
      const { effect } = yield* report(Cas.run(register, handover("alice", "bob"), { policy: plain }), "CasRefused")
      assert.strictEqual(effect, "unknown")
    }))
})

describe("ensureUnless", () => {
  it.effect("applies its predicate to every value seen, and never sends a protected one", () =>
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

  it.effect("takes a protected target in place for success", () =>
    Effect.gen(function*() {
      const { register } = scripted([observed("bob")], { canRead: true })
      const { outcome } = yield* run(Cas.run(register, ensureUnless("bob", ["bob"])))
      assert.strictEqual(outcome, "already")
    }))
})

describe("prefer", () => {
  it("wants the first candidate that is not known to be unavailable, whatever is in place", () => {
    const { decide } = Cas.prefer(["a", "b", "c"])
    const equals = (x: string, y: string) => x === y
    const cases: ReadonlyArray<readonly [observed: string, gone: ReadonlyArray<string>, Cas.Decision<string>]> = [
      ["c", [], { _tag: "Swap", to: "a" }],
      ["a", [], { _tag: "Keep" }],
      ["stranger", ["a"], { _tag: "Swap", to: "b" }],
      ["b", ["a"], { _tag: "Keep" }],
      ["a", ["a"], { _tag: "Swap", to: "b" }],
      ["c", ["a", "b", "c"], { _tag: "Refuse", reason: "NoCandidate" }]
    ]
    for (const [observed, gone, decision] of cases) {
      assert.deepStrictEqual<unknown>(decide(observed, equals, gone), decision)
    }
  })

  it.effect("asks for the next candidate when one is unavailable, and keeps the one in place if it is the next", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([new Gone({ why: "left" }), observed("b")], { canRead: true })
      const missing = { ...register, classifyError: () => "unavailable" as const }
      const { outcome, swaps } = yield* run(Cas.run(missing, Cas.prefer(["a", "b", "c"]), { hint: "b" }))
      assert.deepStrictEqual([calls, outcome, swaps], [["0 b->a", "0 read"], "converged", 1])
    }))

  it.effect("keeps a candidate that was unavailable and is in place now", () =>
    Effect.gen(function*() {
      const answers = [new Gone({ why: "away" }), conflict("a"), observed("a")]
      const { calls, register } = scripted(answers, { canRead: true })
      const missing = { ...register, classifyError: () => "unavailable" as const }
      const { after, swaps } = yield* run(Cas.run(missing, Cas.prefer(["a", "b"]), { hint: "c", policy: plain }))
      assert.deepStrictEqual([calls, after, swaps], [["0 c->a", "0 c->b"], "a", 2])
    }))
})
