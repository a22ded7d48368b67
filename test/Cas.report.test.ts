/**
 * Reports and timelines.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Cas } from "effect-lark-meetings"
import { Gone, lost, make as scripted, millis, plain, report, run, unsent } from "./fixtures/ScriptedRegister.ts"

const { applied, conflict, conflictWithoutState, ensure, handover, observed } = Cas

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
        "failed: 1 swap, 2 reads, 0 fresh conflicts, 1 stale, waited 50 ms of 50 ms, effect unknown"
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
