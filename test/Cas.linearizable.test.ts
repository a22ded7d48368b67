/**
 * The operations on one register have a linearizable history, and what that is.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Fiber, Option, Schema } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as FaultyRegister from "./fixtures/FaultyRegister.ts"
import {
  between,
  endOf,
  everything,
  intentOf,
  millis,
  Operation,
  policyOf,
  reportOf,
  shown,
  type Value
} from "./fixtures/Scenario.ts"
import { conflict, linearize, maybe, read, swap, write } from "./linearizable.ts"

describe("a linearizable history", () => {
  const at = (start: number, end = start) => ({ start, end })

  it("is one whose answers some order of its calls explains", () => {
    const accepted = {
      "one after the other": [swap("a", "b", at(0, 1)), read("b", at(2, 3)), conflict("a", "b", at(4, 5))],
      "concurrent, in the other order": [read("b", at(0, 9)), swap("a", "b", at(1, 8))],
      "at one instant, in any order": [swap("b", "c", at(1)), swap("a", "b", at(1))],
      "with a lost swap that took effect": [maybe("a", "b", 0), read("b", at(5, 6))],
      "with a lost swap that took effect long after": [maybe("a", "b", 0), read("a", at(5, 6)), read("b", at(7, 8))],
      "with a lost swap that did not": [maybe("a", "b", 0), read("a", at(5, 6))],
      "with writes by others": [swap("a", "b", at(0, 1)), write("a", at(2)), swap("a", "b", at(3, 4))],
      "with a conflict that tells nothing": [write("c", at(0)), conflict("a", undefined, at(1, 2))]
    }
    for (const [name, history] of Object.entries(accepted)) assert.isDefined(linearize("a", history), name)
  })

  it("is not one where two swaps from the same value succeed, a read goes back, or a lost swap acts before it is sent", () => {
    const rejected = {
      "two successes": [swap("a", "b", at(0, 9)), swap("a", "c", at(0, 9))],
      "an old read": [swap("a", "b", at(0, 1)), read("a", at(2, 3))],
      "a value that never was": [read("c", at(0, 9)), swap("a", "b", at(0, 9))],
      "a conflict with the expected value": [conflict("a", "a", at(0, 1))],
      "a conflict that tells nothing, about the expected value": [conflict("a", undefined, at(0, 1))],
      "a lost swap that took effect before": [read("b", at(0, 1)), maybe("a", "b", 2)],
      "a lost swap that took effect twice": [
        maybe("a", "b", 0),
        read("b", at(1, 2)),
        write("a", at(3)),
        read("b", at(4, 5))
      ]
    }
    for (const [name, history] of Object.entries(rejected)) assert.isUndefined(linearize("a", history), name)
  })

  it("gives the order, without what need not have happened", () => {
    const first = swap<string>("a", "b", at(1, 9))
    const second = read<string>("b", at(0, 9))
    assert.deepStrictEqual(linearize("a", [second, first, maybe<string>("c", "d", 0)]), [first, second])
  })

  /** What a report claims of each request. */
  const claims = (report: Cas.Report<Value> | Cas.FailureReport<Value>, started: number) =>
    report.attempts.flatMap((attempt) => {
      const window = { start: started + millis(attempt.at), end: started + endOf(attempt) }
      const { answer } = attempt
      if (attempt._tag === "Read") {
        return Option.toArray(shown(attempt)).map((value) => read(value, window))
      }
      switch (answer._tag) {
        case "Applied":
          return [swap(attempt.expected, attempt.desired, window)]
        case "Conflict":
          return [conflict(attempt.expected, Option.getOrUndefined(answer.actual), window)]
        case "Unknown":
          return [maybe(attempt.expected, attempt.desired, window.start)]
        default:
          return []
      }
    })

  it.effect.prop("is what two to four operations and their rivals make on one faulty register", {
    network: FaultyRegister.Network,
    contenders: Arbitrary.array(Operation, { minLength: 2, maxLength: 4 }),
    starts: Schema.Tuple([between(1, 200), between(1, 200), between(1, 200), between(1, 200)])
  }, ({ contenders, network, starts }) =>
    Effect.gen(function*() {
      const register = yield* FaultyRegister.make(network)
      const fibers = yield* Effect.forEach(contenders, ({ canRead, goal, hint, rules }, i) =>
        Cas.run(register.as(`${i}`, { canRead }), intentOf(goal), { hint, policy: policyOf(rules) }).pipe(
          Effect.exit,
          Effect.delay(starts[i]!),
          Effect.forkChild
        ))
      yield* TestClock.adjust(everything)
      const reports = (yield* Effect.forEach(fibers, Fiber.join)).map(reportOf)

      const others = register.writes.filter(({ by }) =>
        by === "rival"
      ).map(({ at, to }) =>
        write(to, { start: at, end: at })
      )
      const ours = reports.flatMap((report, i) => claims(report, starts[i]!))
      assert.isDefined(linearize(network.initial, [...others, ...ours]))

      reports.forEach((report, i) => {
        const effects = register.writes.filter(({ by, from, to }) => by === `${i}` && from !== to)
        if (report.effect === "none") assert.deepStrictEqual(effects, [])
        if (report.effect === "applied") assert.isNotEmpty(effects)
        if (report.outcome === "swapped") {
          assert.isTrue(effects.some(({ from, to }) =>
            to === contenders[i]!.goal.to && Option.contains(report.before, from)
          ))
        }
      })
    }), { arbitrary: { runs: 100 } })
})
