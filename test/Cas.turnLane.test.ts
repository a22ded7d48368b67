/** The rules of one lane, and what a queue makes of its answers. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Schema } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as Server from "./turns/Server.ts"

/** A lane with a log of what it tells. */
const makeLane = () => {
  const lane = new Cas.TurnLane<string>()
  const told: Array<readonly [string, Cas.LaneAnswer<string>]> = []
  const ask = (id: string, at = 0, options: { readonly waited?: number; readonly latest?: boolean } = {}) =>
    lane.ask({ id, at, waited: 0, latest: false, ...options }, (answer) => void told.push([id, answer]))
  const batonOf = (id: string) => {
    const answer = told.findLast(([name]) => name === id)?.[1]
    return answer?._tag === "Granted" ? answer.baton : answer?._tag
  }
  const turnOf = (id: string) => {
    const answer = told.find(([name]) => name === id)?.[1]
    return answer?._tag === "Granted" ? answer.turn : assert.fail(`${id} has no turn`)
  }
  /** Gives back the turn in which a value was seen. */
  const pass = (id: string, value: string, at: number) => lane.end(id, { _tag: "Seen", value, turn: turnOf(id) }, at)
  return { lane, told, ask, batonOf, pass }
}

const unchanged = { _tag: "Unchanged" } as const

describe("A lane", () => {
  it("proves a value to those who asked before its holder was granted the turn, and to no others", () => {
    const { ask, batonOf, lane, pass } = makeLane()
    for (const id of ["a", "b", "c"]) ask(id)
    assert.strictEqual(batonOf("a"), undefined)
    pass("a", "x", 1)
    // a had the turn before b asked.
    assert.deepStrictEqual(batonOf("b"), { value: "x", isWitness: false, isAged: false })
    pass("b", "y", 2)
    assert.deepStrictEqual(batonOf("c"), { value: "y", isWitness: true, isAged: false })
    ask("d", 3)
    lane.end("c", unchanged, 4)
    // b saw it, before d asked, although c passes it on.
    assert.deepStrictEqual(batonOf("d"), { value: "y", isWitness: false, isAged: false })
  })

  it("passes nothing after an unknown effect, and a value that rested as an old one", () => {
    const { ask, batonOf, lane, pass } = makeLane()
    ask("a")
    pass("a", "x", 1)
    ask("b", 2)
    assert.deepStrictEqual(batonOf("b"), { value: "x", isWitness: false, isAged: true })
    ask("c", 3)
    lane.end("b", { _tag: "Unknown" }, 4)
    assert.strictEqual(batonOf("c"), undefined)
    assert.strictEqual(lane.size, 1)
  })

  it("ends what was called before a latest call, whichever asks first", () => {
    const { ask, batonOf } = makeLane()
    ask("holder", 0)
    ask("earlier", 10)
    ask("later", 30, { waited: 5 })
    ask("latest", 40, { waited: 20, latest: true })
    assert.strictEqual(batonOf("earlier"), "Superseded")
    assert.strictEqual(batonOf("later"), undefined)
    ask("slow", 50, { waited: 31 })
    assert.strictEqual(batonOf("slow"), "Superseded")
    ask("after", 50, { waited: 30 })
    assert.strictEqual(batonOf("after"), undefined)
  })

  it("does not prove what a turn saw that was over when the ask came, if its messages come twice", () => {
    const { ask, batonOf, lane, pass } = makeLane()
    ask("a")
    pass("a", "x", 1)
    ask("b", 2)
    ask("a", 3)
    ask("c", 4)
    lane.end("b", unchanged, 5)
    // Of the first turn of a, before c asked, though a has another one now.
    pass("a", "x", 6)
    assert.strictEqual(batonOf("c"), undefined)
  })

  it("says how long ago the latest call was", () => {
    const { ask, told } = makeLane()
    ask("holder", 0)
    ask("earlier", 10)
    ask("latest", 40, { waited: 20, latest: true })
    ask("slow", 50, { waited: 45 })
    assert.deepStrictEqual(told.slice(1), [
      ["earlier", { _tag: "Superseded", ago: 20 }],
      ["slow", { _tag: "Superseded", ago: 30 }]
    ])
  })

  it("ends who is not heard of, without granting the turn to one that ends as well", () => {
    const { ask, batonOf, lane, pass, told } = makeLane()
    ask("holder", 0)
    pass("holder", "x", 0)
    ask("stopped", 0)
    ask("stopped too", 0)
    ask("alive", 1_000)
    assert.strictEqual(lane.left(2_000, 500), 1_500)
    lane.heard("stopped", 100)
    lane.expire(2_000, 2_050)
    assert.strictEqual(lane.size, 2)
    lane.expire(2_000, 2_100)
    assert.deepStrictEqual(told.map(([id]) => id), ["holder", "stopped", "alive"])
    assert.strictEqual(batonOf("alive"), undefined)
  })

  it("tells one that asks again the same answer, and keeps its place from the end of its first ask", () => {
    const { lane, told } = makeLane()
    const [first, second] = [1, 2].map((n) => (answer: Cas.LaneAnswer<string>) => void told.push([`${n}`, answer]))
    assert(first !== undefined && second !== undefined)
    const again = { id: "a", at: 0, waited: 0, latest: false }
    lane.ask(again, first)
    lane.ask(again, second)
    assert.deepStrictEqual(told.map(([id]) => id), ["1", "2"])
    lane.leave("a", first, 1)
    assert.strictEqual(lane.size, 1)
    lane.leave("a", second, 1)
    assert.strictEqual(lane.size, 0)
  })
})

/** A queue whose asks are answered by the test. */
const makeQueue = () => {
  const asks: Array<
    Cas.TurnAsk & { readonly answer: (answer: Cas.TurnAnswer) => void; passed?: Cas.Passed<Schema.Json> }
  > = []
  const turns = Cas.makeTurns((ask) => {
    const answered = Deferred.makeUnsafe<Cas.TurnAnswer>()
    const entry: (typeof asks)[number] = {
      ...ask,
      answer: (answer) => void Deferred.doneUnsafe(answered, Exit.succeed(answer))
    }
    asks.push(entry)
    return { answer: Deferred.await(answered), end: (passed) => void (entry.passed = passed) }
  })
  return { asks, queue: Cas.makeQueue(turns.guard(Schema.String)) }
}

const granted = (value?: string, isWitness = false): Cas.TurnAnswer => ({
  _tag: "Granted",
  turn: 7,
  baton: value === undefined ? undefined : { value, isWitness, isAged: false }
})

const start = <A, E>(operation: Effect.Effect<A, E>) => Effect.forkChild(operation, { startImmediately: true })

describe("A queue with turns", () => {
  it.effect("takes a witness as proof for the operation that asked, and for those called before the ask only", () =>
    Effect.gen(function*() {
      const { asks, queue } = makeQueue()
      const server = Server.make("x")
      const ensure = () => start(queue.run("key", server.register, Cas.ensure("x")))
      const fibers = [yield* ensure(), yield* ensure()]
      yield* TestClock.adjust("50 millis")
      asks[0]?.answer(granted("x", true))
      yield* TestClock.adjust("1 second")
      const reports = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(reports.map(({ reads, swaps }) => reads + swaps), [0, 1])
    }))

  it.effect("gives its turn back with what it saw itself, with nothing new, or with nothing known", () =>
    Effect.gen(function*() {
      const { asks, queue } = makeQueue()
      const server = Server.make("x", { fates: (nth) => nth === 1 ? "lost" : undefined })
      const run = (target: string, baton: string, isWitness = false) =>
        Effect.gen(function*() {
          const fiber = yield* start(Effect.exit(queue.run("key", server.register, Cas.ensure(target), {
            policy: Cas.Policy.make({ ...Cas.Policy.once })
          })))
          asks.at(-1)?.answer(granted(baton, isWitness))
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(fiber)
          return asks.at(-1)?.passed
        })
      assert.deepStrictEqual(yield* run("x", "x", true), unchanged)
      assert.deepStrictEqual(yield* run("y", "x"), { _tag: "Seen", value: "y", turn: 7 })
      assert.deepStrictEqual(yield* run("z", "y"), { _tag: "Unknown" })
    }))

  it.effect("asks anew for a latest operation, waiting or behind a turn, and ends what was called before it elsewhere", () =>
    Effect.gen(function*() {
      const { asks, queue } = makeQueue()
      const server = Server.make("x")
      const run = (target: string, latest = false) =>
        start(Effect.exit(queue.run("key", server.register, Cas.ensure(target), { latest, hint: "x" })))
      const first = yield* run("a")
      const second = yield* run("b", true)
      assert.deepStrictEqual(asks.map(({ latest, passed }) => [latest, passed]), [[false, unchanged], [
        true,
        undefined
      ]])
      assert.isTrue(Exit.isFailure(yield* Fiber.join(first)))
      asks[1]?.answer(granted())
      yield* TestClock.adjust("5 millis")
      const third = yield* run("c", true)
      yield* TestClock.adjust("100 millis")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(second)))
      assert.deepStrictEqual(asks.map(({ latest }) => latest), [false, true, true])
      const fourth = yield* run("d")
      asks[2]?.answer({ _tag: "Superseded", ago: 50 })
      yield* TestClock.adjust("1 milli")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(third)))
      // It was called after that, and asks itself.
      assert.strictEqual(asks.length, 4)
      asks[3]?.answer(granted())
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(fourth)))
      assert.deepStrictEqual(server.calls.at(-1), "b->d")
    }))
})
