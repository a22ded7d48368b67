/**
 * What keeps a register in place, what it leaves alone, and when it yields.
 */
import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Exit, Fiber, Random, Result, Schedule, Schema, Stream } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as FaultyRegister from "./fixtures/FaultyRegister.ts"
import { between } from "./fixtures/Scenario.ts"

type Move = { readonly at: number; readonly by: string; readonly from: string; readonly to: string }

class Denied extends Data.TaggedError("Denied")<{ readonly reason: string }> {}

/** A register that anybody can write to, with the moves of all. */
const makeRoom = (initial: string) => {
  let value = initial
  const moves: Array<Move> = []
  let reads = 0
  const write = (by: string, to: string) =>
    Effect.map(Effect.clockWith((clock) => clock.currentTimeMillis), (at) => {
      moves.push({ at, by, from: value, to })
      value = to
    })
  const as = (by: string) => ({
    equals: (a: string, b: string) => a === b,
    read: Effect.sync(() => {
      reads++
      return Cas.observed(value)
    }),
    swap: (expected: string, desired: string): Effect.Effect<Cas.Outcome<string>, Denied> =>
      Effect.suspend((): Effect.Effect<Cas.Outcome<string>> =>
        value === expected ? Effect.as(write(by, desired), Cas.applied) : Effect.succeed(Cas.conflict(value))
      )
  })
  return { moves, write, as, value: () => value, reads: () => reads }
}

const every = (millis: number) => ({ poll: Schedule.spaced(millis) })

/** Runs a maintainer in the background: what it emitted so far, and its fiber. */
const start = Effect.fnUntraced(function*<A, E, E2>(stream: Stream.Stream<Result.Result<Cas.Report<A>, E>, E2>) {
  const emitted: Array<Result.Result<Cas.Report<A>, E>> = []
  const fiber = yield* Effect.forkChild(
    // After a millisecond of the test clock, which waits only for what it has woken.
    Effect.delay(Stream.runForEach(stream, (one) => Effect.sync(() => emitted.push(one))), 1)
  )
  return { emitted, fiber }
})

const outcomes = <A, E extends { readonly _tag: string }>(emitted: ReadonlyArray<Result.Result<Cas.Report<A>, E>>) =>
  emitted.map((one) => Result.isSuccess(one) ? one.success.outcome : one.failure._tag)

describe("maintain", () => {
  it.effect("moves a value that the intent does not accept, and emits the report of each move", () =>
    Effect.gen(function*() {
      const room = makeRoom("carol")
      const { emitted } = yield* start(Cas.maintain(room.as("us"), Cas.ensure("alice"), every(1_000)))
      yield* TestClock.adjust(500)
      assert.strictEqual(room.value(), "alice")
      yield* room.write("them", "bob")
      yield* TestClock.adjust(1_000)
      assert.strictEqual(room.value(), "alice")
      yield* TestClock.adjust(10_000)
      assert.deepStrictEqual(outcomes(emitted), ["swapped", "swapped"])
    }))

  it.effect("leaves alone what the intent accepts or refuses, and costs one read a round", () =>
    Effect.gen(function*() {
      const room = makeRoom("alice")
      const { emitted } = yield* start(
        Cas.maintain(room.as("us"), Cas.ensureUnless("alice", ["bob"]), {
          ...every(1_000),
          retry: Schedule.spaced(1_000)
        })
      )
      yield* TestClock.adjust(3_500)
      assert.deepStrictEqual([room.reads(), room.moves], [4, []])
      yield* room.write("them", "bob")
      yield* TestClock.adjust(2_000)
      assert.deepStrictEqual([room.value(), outcomes(emitted)], ["bob", ["CasRefused", "CasRefused"]])
    }))

  it.effect("looks at once when woken", () =>
    Effect.gen(function*() {
      const room = makeRoom("alice")
      const wake = Stream.fromEffect(Effect.sleep(300))
      yield* start(Cas.maintain(room.as("us"), Cas.ensure("alice"), { ...every(60_000), wake }))
      yield* TestClock.adjust(200)
      yield* room.write("them", "bob")
      yield* TestClock.adjust(200)
      assert.deepStrictEqual(room.moves.map(({ at, to }) => [at, to]), [[200, "bob"], [301, "alice"]])
    }))

  it.effect("goes on after errors of contention and of loss, and fails with those that no retry can change", () =>
    Effect.gen(function*() {
      const room = makeRoom("carol")
      const answers: Array<Effect.Effect<Cas.Outcome<string>, Denied>> = [
        Effect.succeed(Cas.unknown()),
        Effect.succeed(Cas.conflictWithoutState),
        Effect.fail(new Denied({ reason: "gone" })),
        Effect.fail(new Denied({ reason: "proxy" })),
        Effect.fail(new Denied({ reason: "final" }))
      ]
      const register = {
        ...room.as("us"),
        swap: () => answers.shift() ?? Effect.die("asked too often"),
        classifyError: ({ reason }: Denied) =>
          reason === "gone" ? "unavailable" as const : reason === "proxy" ? "uncertain" as const : undefined
      }
      const { emitted, fiber } = yield* start(Cas.maintain(register, Cas.ensure("alice"), {
        ...every(1_000),
        policy: Cas.Policy.once
      }))
      yield* TestClock.adjust(60_000)
      assert.deepStrictEqual(outcomes(emitted), ["CasExhausted", "CasExhausted", "Denied", "Denied"])
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(error._tag === "Denied" && error.reason, "final")
    }))

  it.effect("lets the caller say which errors end it", () =>
    Effect.gen(function*() {
      const register = { ...makeRoom("carol").as("us"), swap: () => Effect.fail(new Denied({ reason: "final" })) }
      const { emitted, fiber } = yield* start(Cas.maintain(register, Cas.ensure("alice"), {
        ...every(1_000),
        retry: Schedule.spaced(1_000),
        ends: () => false
      }))
      yield* TestClock.adjust(5_500)
      assert.deepStrictEqual([outcomes(emitted).length, fiber.pollUnsafe()], [6, undefined])
    }))

  it.effect("fails at once with an invalid policy, or an invalid bound of its own", () =>
    Effect.gen(function*() {
      const room = makeRoom("carol")
      const settings = [
        { policy: Cas.Policy.make({ maxSwaps: 0 }) },
        { maxMoves: 0 },
        { maxMoves: 1.5 },
        { settled: -1 },
        { settled: Number.NaN }
      ]
      for (const setting of settings) {
        const error = yield* Effect.flip(Stream.runDrain(Cas.maintain(room.as("us"), Cas.ensure("alice"), setting)))
        assert.strictEqual(error._tag, "CasInvalidPolicy")
      }
      assert.deepStrictEqual(room.moves, [])
    }))

  it.effect("fails with a register that contradicts itself, whatever the register classifies", () =>
    Effect.gen(function*() {
      const register = {
        ...makeRoom("carol").as("us"),
        swap: (value: string) => Effect.succeed(Cas.conflict(value)),
        classifyError: () => "uncertain" as const
      }
      const { emitted, fiber } = yield* start(Cas.maintain(register, Cas.ensure("alice"), every(1_000)))
      yield* TestClock.adjust(1_000)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "CasInconsistentRegister")
      assert.deepStrictEqual(emitted, [])
    }))

  it.effect("runs its operations in a queue, in turn with others", () =>
    Effect.gen(function*() {
      const room = makeRoom("carol")
      const queue = Cas.makeQueue<string, string>()
      const slow = {
        ...room.as("other"),
        swap: (a: string, b: string) => Effect.delay(room.as("other").swap(a, b), 500)
      }
      yield* Effect.forkChild(Effect.delay(queue.run("host", slow, Cas.ensure("bob")), 1))
      yield* TestClock.adjust(1)
      yield* start(Cas.maintain(room.as("us"), Cas.ensure("alice"), { ...every(10_000), queue: [queue, "host"] }))
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual(room.moves.map(({ by }) => by), ["other", "us"])
    }))
})

describe("a fight", () => {
  it.effect("ends after maxMoves moves that a rival undid, and the value is left as it is", () =>
    Effect.gen(function*() {
      const room = makeRoom("carol")
      const { emitted, fiber } = yield* start(
        Cas.maintain(room.as("us"), Cas.ensure("alice"), { ...every(1_000), maxMoves: 3 })
      )
      for (let i = 0; i < 10; i++) {
        yield* TestClock.adjust(1_000)
        if (room.value() !== "bob") yield* room.write("them", "bob")
      }
      const error = yield* Effect.flip(Fiber.join(fiber))
      if (error._tag !== "CasContested") return assert.fail(error.message)
      assert.deepStrictEqual([error.actual, error.moves, error.kind, error.retry], ["bob", 3, "conflict", "wait"])
      assert.strictEqual(
        error.message,
        "Somebody else undid 3 moves in a row, none of which stood for 60 s; the value was left as it is. Find out who it is, or begin again later."
      )
      assert.deepStrictEqual(outcomes(emitted), ["swapped", "swapped", "swapped"])
      assert.strictEqual(room.value(), "bob")
    }))

  it.effect("is none if each move stood for settled", () =>
    Effect.gen(function*() {
      const room = makeRoom("alice")
      const { fiber } = yield* start(
        Cas.maintain(room.as("us"), Cas.ensure("alice"), { ...every(1_000), maxMoves: 2, settled: "10 seconds" })
      )
      for (let i = 0; i < 20; i++) {
        yield* room.write("them", "bob")
        yield* TestClock.adjust("12 seconds")
      }
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      assert.strictEqual(room.moves.filter(({ by }) => by === "us").length, 20)
    }))

  it.effect("is none if each move stood for settled, where the rounds of maintainWith found nothing to do", () =>
    Effect.gen(function*() {
      const room = makeRoom("alice")
      const us = room.as("us")
      const { fiber } = yield* start(Cas.maintainWith({
        equals: us.equals,
        round: (guard) =>
          Effect.suspend(() => room.value() === "alice" ? Effect.undefined : Cas.run(us, guard(Cas.ensure("alice"))))
      }, { ...every(1_000), maxMoves: 2, settled: "10 seconds" }))
      for (let i = 0; i < 5; i++) {
        yield* room.write("them", "bob")
        yield* TestClock.adjust("12 seconds")
      }
      assert.deepStrictEqual([fiber.pollUnsafe(), room.value()], [undefined, "alice"])
    }))

  it.effect("ends after five moves unless maxMoves says otherwise", () =>
    Effect.gen(function*() {
      const room = makeRoom("carol")
      const { emitted, fiber } = yield* start(Cas.maintain(room.as("us"), Cas.ensure("alice"), every(1_000)))
      for (let i = 0; i < 10; i++) {
        yield* TestClock.adjust(1_000)
        yield* room.write("them", "bob")
      }
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "CasContested")
      assert.lengthOf(emitted, 5)
    }))

  it.effect("is none if the intent itself moves on", () =>
    Effect.gen(function*() {
      const room = makeRoom("alice")
      const { emitted, fiber } = yield* start(
        Cas.maintain(room.as("us"), Cas.rotate(["alice", "bob", "carol"]), { ...every(1_000), maxMoves: 2 })
      )
      yield* TestClock.adjust(20_500)
      assert.deepStrictEqual([fiber.pollUnsafe(), emitted.length], [undefined, 21])
      // Nor do its own moves count towards a fight that begins later.
      yield* room.write("them", "nobody")
      yield* TestClock.adjust(2_000)
      assert.deepStrictEqual([fiber.pollUnsafe(), emitted.length], [undefined, 23])
    }))

  it.effect("is no outage: operations that fail with an unknown effect do not count", () =>
    Effect.gen(function*() {
      const room = makeRoom("carol")
      const us = room.as("us")
      let isDown = true
      const register: typeof us = {
        ...us,
        swap: (expected, desired) =>
          Effect.suspend(() => isDown ? Effect.succeed(Cas.unknown()) : us.swap(expected, desired))
      }
      const { emitted, fiber } = yield* start(Cas.maintain(register, Cas.ensure("alice"), {
        ...every(1_000),
        retry: Schedule.spaced(1_000),
        policy: Cas.Policy.once,
        maxMoves: 2
      }))
      yield* TestClock.adjust(10_000)
      isDown = false
      yield* TestClock.adjust(1_000)
      assert.deepStrictEqual([fiber.pollUnsafe(), outcomes(emitted).at(-1), room.value()], [
        undefined,
        "swapped",
        "alice"
      ])
    }))

  it.effect("counts a swap whose reply was lost, if the value is then seen in place", () =>
    Effect.gen(function*() {
      const room = makeRoom("carol")
      const us = room.as("us")
      const register: typeof us = {
        ...us,
        swap: (expected, desired) => Effect.as(us.swap(expected, desired), Cas.unknown())
      }
      const policy = Cas.Policy.make({ onUnknown: "neverResend", transient: Schedule.recurs(1) })
      const { emitted, fiber } = yield* start(
        Cas.maintain(register, Cas.ensure("alice"), { ...every(1_000), policy, maxMoves: 2 })
      )
      for (let i = 0; i < 5; i++) {
        yield* TestClock.adjust(1_000)
        yield* room.write("them", "bob")
      }
      assert.deepStrictEqual(outcomes(emitted), ["converged", "converged"])
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "CasContested")
    }))

  it.effect("is taken up again by Stream.retry", () =>
    Effect.gen(function*() {
      const room = makeRoom("carol")
      const { emitted } = yield* start(
        Cas.maintain(room.as("us"), Cas.ensure("alice"), { ...every(1_000), maxMoves: 1 }).pipe(
          Stream.retry(Schedule.spaced("1 minute"))
        )
      )
      yield* TestClock.adjust(500)
      yield* room.write("them", "bob")
      yield* TestClock.adjust(30_000)
      assert.deepStrictEqual([room.value(), emitted.length], ["bob", 1])
      yield* TestClock.adjust(40_000)
      assert.deepStrictEqual([room.value(), emitted.length], ["alice", 2])
    }))

  const Fight = Schema.Struct({
    polls: Schema.Array(between(100, 20_000)).check(Schema.isMinLength(2), Schema.isMaxLength(10)),
    maxMoves: between(1, 6),
    seed: Schema.Int
  })

  it.effect.prop(
    "between any number of maintainers ends with one of them",
    [Fight],
    ([{ maxMoves, polls, seed }]) =>
      Effect.gen(function*() {
        const room = makeRoom("nobody")
        const contenders = yield* Effect.forEach(
          polls,
          (poll, i) => start(Cas.maintain(room.as(`${i}`), Cas.ensure(`${i}`), { ...every(poll), maxMoves }))
        )
        yield* TestClock.adjust("30 minutes")
        const left = contenders.flatMap(({ fiber }, i) => fiber.pollUnsafe() === undefined ? [`${i}`] : [])
        assert.deepStrictEqual(left, [room.value()])
        for (const by of polls.keys()) {
          assert.isAtMost(room.moves.filter((move) => move.by === `${by}`).length, maxMoves)
        }
        const last = room.moves.at(-1)
        assert.isBelow(last?.at ?? 0, 20_000 * (maxMoves + 2))
      }).pipe(Random.withSeed(seed)),
    { arbitrary: { runs: 100 } }
  )

  const Rival = Schema.Struct({
    poll: between(100, 20_000),
    /** How long after our move the rival moves. */
    reaction: between(50, 60_000),
    maxMoves: between(1, 6),
    settled: between(1_000, 30_000)
  })

  it.effect.prop(
    "with a rival that always answers stays within the bound",
    [Rival],
    ([rival]) =>
      Effect.gen(function*() {
        const { maxMoves, poll, reaction, settled } = rival
        const room = makeRoom("nobody")
        const us = room.as("us")
        const answered = {
          ...us,
          swap: (expected: string, desired: string) =>
            Effect.tap(
              us.swap(expected, desired),
              () => Effect.forkDetach(Effect.delay(room.write("them", "them"), reaction))
            )
        }
        const { fiber } = yield* start(
          Cas.maintain(answered, Cas.ensure("us"), { ...every(poll), maxMoves, settled })
        )
        const minutes = 20
        yield* TestClock.adjust(minutes * 60_000)
        const undone = room.moves.filter(({ from }) => from === "us").length
        assert.isAtMost(undone, maxMoves * (1 + minutes * 60_000 / settled))
        if (reaction >= settled) return
        assert.strictEqual(undone, maxMoves)
        assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "CasContested")
      }),
    { arbitrary: { runs: 100 } }
  )
})

describe("under any network", () => {
  const Life = Schema.Struct({
    network: FaultyRegister.Network,
    poll: between(100, 3_000),
    maxMoves: between(1, 5),
    settled: between(0, 10_000),
    intent: Schema.Literals(["ensure", "prefer", "unless"])
  })
  const intents = {
    ensure: Cas.ensure<FaultyRegister.Value>("alice"),
    prefer: Cas.prefer<FaultyRegister.Value>(["alice", "bob"]),
    unless: Cas.ensureUnless<FaultyRegister.Value>("alice", ["bob"])
  }
  const accepts = (intent: keyof typeof intents, value: string) =>
    value === "alice" || (intent === "unless" && value === "bob")

  it.effect.prop(
    "the value holds once all is quiet, and no accepted value is moved",
    [Life],
    ([life]) =>
      Effect.gen(function*() {
        const { intent, maxMoves, network, poll, settled } = life
        const faulty = yield* FaultyRegister.make(network)
        const { read, ...register } = faulty.as("us", { canRead: true })
        if (read === undefined) return assert.fail("it can be read")
        const { fiber } = yield* start(Cas.maintain({ ...register, read }, intents[intent], {
          ...every(poll),
          retry: Schedule.spaced(poll),
          maxMoves,
          settled,
          ends: () => false
        }))
        yield* TestClock.adjust("5 minutes")
        const exit = fiber.pollUnsafe()
        const ours = faulty.writes.filter(({ by, from, to }) => by === "us" && from !== to)
        for (const { from } of ours) assert.isFalse(accepts(intent, from))
        const value = faulty.writes.at(-1)?.to ?? network.initial
        if (exit === undefined) assert.isTrue(accepts(intent, value))
        else if (Exit.isSuccess(exit)) assert.fail("it ended by itself")
      }).pipe(Effect.scoped),
    { arbitrary: { runs: 200 } }
  )
})
