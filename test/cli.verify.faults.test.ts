/**
 * However `verify` ends, the first host is back or it says that she is not; and it answers only what it has seen.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema, Struct } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { most } from "../src/cli/verify/requests.ts"
import { fault, lossy } from "./fixtures/faults.ts"
import { answersOf, type Seen, usual, verify } from "./fixtures/verifying.ts"

/** Alice is host, unless somebody else moved the role, or it was said. */
const assertBack = ({ host, said, writes }: Seen): void => {
  const [last, ...more] = said
  assert.deepStrictEqual(more, [])
  assert.isDefined(last)
  if (host === "ou_alice" || last?.[0]._tag === "NotBack" || (last?.[1] ?? 0) > 0) return
  assert.notStrictEqual(writes.at(-1)?.by, "request", `${host} is host, and ${JSON.stringify(said)} was said`)
}

/** The questions whose answers count or list replies. */
const counted = ["1.1", "1.3", "3", "9.2", "10", "12.1", "12.2"]

/** What was seen is what a simulator with these options shows to an undisturbed run, or nothing. */
const assertTrue = (seen: Seen, options: Simulator.BehaviorOptions) =>
  Effect.gen(function*() {
    const actual: Simulator.BehaviorOptions = { ...usual, ...options }
    assert.deepStrictEqual(seen.behavior, Struct.pick(actual, Struct.keys(seen.behavior)))
    const undisturbed = answersOf(yield* verify(options))
    for (const [number, answer] of Object.entries(answersOf(seen))) {
      if (answer.startsWith("not answered") || counted.includes(number)) continue
      assert.strictEqual(answer, undisturbed[number], number)
    }
  })

describe("verify puts the host back", () => {
  it.effect("when it is interrupted before, at and after each request", () =>
    Effect.gen(function*() {
      const complete = yield* verify({ latency: "100 millis" })
      const count = complete.requests.length
      assert.isAbove(count, 30)
      for (let at = 0; at <= count; at++) {
        const seen = yield* verify({ latency: "100 millis" }, at)
        if (Option.isSome(seen.outcome)) assert.isAbove(at, count - 3)
        // Before the first set_host there is nothing to put back.
        if (seen.requests.some(({ endpoint }) => endpoint === "set_host")) assertBack(seen)
        assert.strictEqual(seen.host, "ou_alice", `interrupted at request ${at}`)
      }
    }))

  it.effect("when it is interrupted while a set_host is on its way", () =>
    Effect.gen(function*() {
      const isSwap = ({ endpoint }: Simulator.RequestRecord) => endpoint === "set_host"
      const { requests } = yield* verify()
      const swaps = requests.flatMap((request, index) => isSwap(request) ? [index + 1] : [])
      assert.isAbove(swaps.length, 10)
      for (const [nth, at] of swaps.entries()) {
        const seen = yield* verify({ faults: [fault({ _tag: "Delay", millis: 3_000 }, nth)] }, at)
        assert.deepStrictEqual([seen.host, seen.said], ["ou_alice", [[{ _tag: "Back" }, 0]]], `set_host ${nth}`)
      }
    }))

  it.effect.each(lossy.map(([fault]) => fault))(
    "after a set_host without an answer: $_tag",
    (lost) =>
      Effect.gen(function*() {
        for (const nth of [0, 3, 9]) {
          const seen = yield* verify({ faults: [fault(lost, nth)] })
          assertBack(seen)
          yield* assertTrue(seen, {})
          assert.strictEqual(seen.said[0]?.[1], 1)
          assert.match(answersOf(seen)["2.1"] ?? "", /^not answered: verify stopped: a set_host has no answer/)
        }
      })
  )

  it.effect("after a set_host that is executed when the connection is long lost", () =>
    Effect.gen(function*() {
      const seen = yield* verify({ faults: [fault({ _tag: "Late", millis: 4_000 })] })
      assert.strictEqual(seen.host, "ou_alice")
      const later = yield* verify({ faults: [fault({ _tag: "Late", millis: 60_000 })] })
      assert.deepStrictEqual([later.host, later.said], ["ou_bob", [[{ _tag: "Back" }, 1]]])
    }))

  it.effect("but not over somebody who was not named", () =>
    Effect.gen(function*() {
      const rivals: ReadonlyArray<Simulator.Rival> = [{ _tag: "AfterSwap", nth: 2, host: "ou_dave" }]
      const seen = yield* verify({ rivals })
      assert.strictEqual(seen.host, "ou_dave")
      assert.strictEqual(seen.said[0]?.[0]._tag, "NotBack")
      assert.match(answersOf(seen)["2.1"] ?? "", /somebody who was not named became host/)
    }))

  it.effect("through an outage of half a minute, and says so if it is longer", () =>
    Effect.gen(function*() {
      const outage = (count: number) =>
        Array.from({ length: count }, (_, nth) => fault({ _tag: "DropBefore" }, 5 + nth, "get"))
      const short = yield* verify({ faults: outage(12) })
      assert.deepStrictEqual([short.host, short.said], ["ou_alice", [[{ _tag: "Back" }, 0]]])
      const long = yield* verify({ faults: outage(100) })
      assert.deepStrictEqual(long.said, [[{ _tag: "NotBack", reason: "CasExhausted" }, 0]])
    }))
})

const Endpoint = Schema.Literals(["set_host", "get", "list_by_no", "tenant_access_token"])
const Nth = Schema.Literals(Array.from({ length: 16 }, (_, nth) => nth))

/** Faults that are none of the behaviors. */
const Faults = Schema.Array(Schema.Struct({
  endpoint: Endpoint,
  nth: Nth,
  fault: Simulator.Fault.check(
    Schema.makeFilter(({ _tag }) => _tag !== "ConflictWithoutHost" && _tag !== "ConflictAsOk")
  )
})).check(Schema.isMaxLength(12))

const Behaviors = Schema.Struct({
  conflictCarriesHost: Schema.Boolean,
  withoutOldHost: Schema.Literals(["unconditional", "paramError"]),
  oldHostWithoutType: Schema.Literals(["paramError", "dataConflict", "comparedById", "ignored"]),
  oldHostType: Schema.Literals(["compared", "ignored"]),
  staleSwapToHost: Schema.Literals(["dataConflict", "success", "cannotOperateSelf"]),
  targetIsHost: Schema.Literals(["success", "cannotOperateSelf"]),
  formerHost: Schema.Literals(["noPermission", "dataConflict"]),
  briefOrder: Schema.Literals(["newestFirst", "oldestFirst"])
})

const Rivals = Schema.Array(Schema.Struct({
  moment: Schema.Literals(["BeforeSwap", "AfterSwap"]),
  // Nobody moves the role away and back between two requests, or in the same way before a repeated one.
  gap: Schema.Literals([3, 4, 6]),
  host: Schema.Literals(["ou_alice", "ou_bob", "ou_carol", "ou_dave"])
})).check(Schema.isMaxLength(5))

describe("verify claims nothing that it has not seen", () => {
  it.effect.prop(
    "whatever becomes of its requests",
    { faults: Faults, behavior: Behaviors },
    ({ behavior, faults }) =>
      Effect.gen(function*() {
        const seen = yield* verify({ ...behavior, faults })
        yield* assertTrue(seen, behavior)
        assertBack(seen)
        assert.isAtMost(seen.outcome.pipe(Option.map(({ replies }) => replies), Option.getOrThrow), most)
      }),
    { arbitrary: { runs: 60 } }
  )

  it.effect.prop(
    "whoever else moves the role",
    { rivals: Rivals, behavior: Behaviors },
    ({ behavior, rivals }) =>
      Effect.gen(function*() {
        let nth = 0
        const moves = rivals.map(({ gap, host, moment }): Simulator.Rival => ({ _tag: moment, nth: nth += gap, host }))
        const seen = yield* verify({ ...behavior, rivals: moves })
        yield* assertTrue(seen, behavior)
        assertBack(seen)
      }),
    { arbitrary: { runs: 60 } }
  )
})
