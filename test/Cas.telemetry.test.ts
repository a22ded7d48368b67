import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Metric, Random, Ref, Schedule, Stream, Tracer } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { makeTracer } from "./fixtures/observe.ts"
import { gone, make as scripted } from "./fixtures/ScriptedRegister.ts"

const { applied, conflict, ensure } = Cas

/** Runs with a metric registry and a tracer of its own; what both saw. */
const observe = <A, E>(operation: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const { spans, tracer } = makeTracer()
    const snapshot = Effect.map(Metric.snapshot, (metrics) =>
      Object.fromEntries(metrics.map(({ attributes, id, state }) => {
        const labels = Object.values(attributes ?? {})
        return [[id, ...labels].join(" "), "count" in state ? Number(state.count) : state]
      })))
    const fiber = yield* Effect.forkChild(
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Effect.withSpan(operation, "operation"))
        return { exit, metrics: yield* snapshot }
      }).pipe(
        Effect.provideService(Metric.MetricRegistry, new Map()),
        Effect.provideService(Tracer.Tracer, tracer),
        Effect.provideService(Random.Random, {
          nextDoubleUnsafe: () =>
            0.5,
          nextIntUnsafe: () =>
            1
        })
      )
    )
    yield* TestClock.adjust("1 hour")
    const { exit, metrics } = yield* Fiber.join(fiber)
    return { exit, metrics, span: spans.find(({ name }) => name === "operation")! }
  })

describe("an operation", () => {
  it.effect("is counted with each of its requests, and recorded on its span", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflict("carol"), conflict("dave"), Cas.unknown(new Error("lost")), applied])
      const { metrics, span } = yield* observe(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.strictEqual(metrics["cas_operations_total swapped"], 1)
      assert.strictEqual(metrics["cas_swaps_total stale_conflict"], 1)
      assert.strictEqual(metrics["cas_swaps_total conflict"], 1)
      assert.strictEqual(metrics["cas_swaps_total unknown"], 1)
      assert.strictEqual(metrics["cas_swaps_total applied"], 1)
      assert.strictEqual(metrics["cas_wait milliseconds"], 1)
      assert.deepStrictEqual(Object.fromEntries(span.attributes), {
        "cas.outcome": "swapped",
        "cas.effect": "applied",
        "cas.swaps": 4,
        "cas.reads": 0,
        "cas.waited_ms": 100
      })
      assert.deepStrictEqual(
        span.events.map(([name, , attributes]) => [name, attributes?.["cas.answer"], attributes?.["cas.waited_ms"]]),
        [
          ["cas.swap", "stale_conflict", 0],
          ["cas.swap", "conflict", 0],
          ["cas.swap", "unknown", 0],
          ["cas.swap", "applied", 100]
        ]
      )
    }))

  it.effect("that fails is counted by the tag of its error", () =>
    Effect.gen(function*() {
      const { register } = scripted([Cas.observed("alice"), gone], { canRead: true })
      const { exit, metrics, span } = yield* observe(Cas.run(register, ensure("bob")))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(metrics["cas_operations_total Gone"], 1)
      assert.strictEqual(metrics["cas_reads_total observed"], 1)
      assert.strictEqual(metrics["cas_swaps_total terminal"], 1)
      assert.strictEqual(span.attributes.get("cas.outcome"), "Gone")
    }))

  it.effect("in a queue is counted while it is there, and its wait is measured", () =>
    Effect.gen(function*() {
      const queue = Cas.makeQueue<string, string>()
      const { register } = scripted([{ after: 20, say: applied }, { after: 20, say: applied }])
      const both = Effect.all(
        [queue.run("key", register, ensure("a"), { hint: "x" }), queue.run("key", register, ensure("b"))],
        { concurrency: "unbounded", discard: true }
      )
      const { metrics } = yield* observe(both)
      assert.strictEqual(metrics["cas_operations_total swapped"], 2)
      assert.strictEqual(metrics["cas_queue_wait milliseconds"], 2)
      assert.deepStrictEqual(metrics["cas_queue_length"], { value: 0 })
    }))
})

describe("an operation that ends without a report", () => {
  it.effect("is counted as interrupted, or as a defect", () =>
    Effect.gen(function*() {
      const never: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Effect.never }
      const interrupted = yield* observe(Effect.timeoutOption(Cas.run(never, Cas.handover("a", "b")), "1 second"))
      assert.strictEqual(interrupted.metrics["cas_operations_total interrupted"], 1)
      const broken: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Effect.die("broken") }
      const defect = yield* observe(Cas.run(broken, Cas.handover("a", "b")))
      assert.strictEqual(defect.metrics["cas_operations_total defect"], 1)
    }))

  it.effect("is counted by the error of its schedule, and abandons the swap whose reply was lost", () =>
    Effect.gen(function*() {
      const lossy: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Effect.succeed(Cas.unknown()) }
      const transient = Schedule.tap(Schedule.forever, () => Effect.fail({ _tag: "OutOfOrder" }))
      const abandoned: Array<string> = []
      const { metrics } = yield* observe(Cas.run(lossy, Cas.handover("a", "b"), {
        policy: Cas.Policy.make({ transient }),
        onAbandoned: (_, effect) => Effect.sync(() => void abandoned.push(effect))
      }))
      assert.strictEqual(metrics["cas_operations_total OutOfOrder"], 1)
      assert.deepStrictEqual(abandoned, ["unknown"])
    }))

  it.effect("after a drain has on its span what became of the swap in flight", () =>
    Effect.gen(function*() {
      const slow = (answer: Cas.Outcome<string>): Cas.Register<string> => ({
        equals: (a, b) => a === b,
        swap: () => Effect.delay(Effect.succeed(answer), 20)
      })
      const drained = (answer: Cas.Outcome<string>) =>
        Effect.map(
          observe(Effect.timeoutOption(
            Cas.run(slow(answer), ensure("bob"), {
              hint: "alice",
              policy: Cas.Policy.make({ interruption: "drain" })
            }),
            10
          )),
          ({ metrics, span }) => [
            metrics["cas_operations_total interrupted"],
            ...["cas.outcome", "cas.effect", "cas.swaps"].map((name) => span.attributes.get(name)),
            ...span.events.map((
              [name, , attributes]
            ) => [name, attributes?.["cas.answer"], attributes?.["cas.took_ms"]])
          ]
        )
      assert.deepStrictEqual(yield* drained(applied), [1, "interrupted", "applied", 1, ["cas.swap", "applied", 20]])
      assert.deepStrictEqual(
        yield* drained(conflict("carol")),
        [1, "interrupted", "none", 1, ["cas.swap", "stale_conflict", 20]]
      )
      assert.deepStrictEqual(
        yield* drained(Cas.unknown()),
        [1, "interrupted", "unknown", 1, ["cas.swap", "unknown", 20]]
      )
    }))

  it.effect("has on its span the swap in flight, and whether it had left", () =>
    Effect.gen(function*() {
      const cut = (swap: Effect.Effect<Cas.Outcome<string>>) =>
        Effect.map(
          observe(
            Effect.timeoutOption(Cas.run({ equals: (a, b) => a === b, swap: () => swap }, Cas.handover("a", "b")), 10)
          ),
          ({ span }) => [
            ...["cas.effect", "cas.swaps"].map((name) => span.attributes.get(name)),
            ...span.events.map(([name, , attributes]) => [name, attributes?.["cas.answer"]])
          ]
        )
      assert.deepStrictEqual(yield* cut(Effect.never), ["unknown", 1, ["cas.swap", "unknown"]])
      assert.deepStrictEqual(yield* cut(Cas.hold(Effect.never)), ["none", 0, ["cas.swap", "unsent"]])
    }))

  it.effect("in the queue, overtaken or too late, is counted by the tag of its error", () =>
    Effect.gen(function*() {
      const queue = Cas.makeQueue<string, string>()
      const slow: Cas.Register<string> = {
        equals: (a, b) => a === b,
        swap: () => Effect.delay(Effect.succeed(applied), "5 seconds")
      }
      const policy = Cas.Policy.make({ deadline: "1 second" })
      const operations = Effect.all([
        queue.run("key", slow, Cas.handover("a", "b")),
        Effect.exit(queue.run("key", slow, Cas.handover("a", "c"), { policy })),
        Effect.delay(Effect.exit(queue.run("key", slow, Cas.handover("a", "d"))), 1_500),
        Effect.delay(queue.run("key", slow, Cas.handover("b", "e"), { latest: true }), 2_000)
      ], { concurrency: "unbounded", discard: true })
      const { metrics } = yield* observe(operations)
      assert.strictEqual(metrics["cas_operations_total CasExhausted"], 1)
      assert.strictEqual(metrics["cas_operations_total CasSuperseded"], 1)
    }))
})

describe("a policy, described", () => {
  it.effect("names its waits and bounds", () =>
    Effect.gen(function*() {
      const longest = Effect.provideService(Random.Random, { nextDoubleUnsafe: () => 1, nextIntUnsafe: () => 1 })
      const describe = (policy: Cas.Policy<string>) => longest(Cas.describePolicy(policy, { value: "a", steps: 7 }))
      const transient =
        "transient: 200 ms, 400 ms, 800 ms, 1.6 s, then give up; at most 32 swaps, 30 s, 10 s an attempt"
      assert.strictEqual(
        yield* describe(Cas.Policy.standard),
        `conflicts: at once, at once, at once, at once, 800 ms, at once, 1.6 s, …; ${transient}`
      )
      assert.strictEqual(
        yield* describe(Cas.Policy.thrifty),
        `conflicts: at once, at once, 1.6 s, 3.2 s, 4.8 s, 6.4 s, 8 s, …; ${transient}`
      )
      const invalid = yield* Effect.flip(describe(Cas.Policy.make({ maxSwaps: 0 })))
      assert.strictEqual(invalid._tag, "CasInvalidPolicy")
    }))
})

describe("a loop that maintains a value", () => {
  it.effect("is counted by its moves, those that were undone, and when it gives up", () =>
    Effect.gen(function*() {
      const ref = yield* Ref.make("carol")
      const register = {
        equals: (a: string, b: string) => a === b,
        read: Effect.map(Ref.get(ref), Cas.observed),
        swap: (expected: string, desired: string) =>
          Ref.modify(ref, (actual): readonly [Cas.Outcome<string>, string] =>
            actual === expected ? [applied, desired] : [conflict(actual), actual])
      }
      /** A loop with a rival that moves the value after each of these rounds, the first of which has the number 0. */
      const loop = (rounds: number, ...undoneAfter: ReadonlyArray<number>) =>
        Effect.gen(function*() {
          yield* Ref.set(ref, "carol")
          const poll = Schedule.spaced("1 second").pipe(
            Schedule.tap(({ attempt }) =>
              undoneAfter.includes(attempt - 1) ? Ref.set(ref, "dave") : Effect.void
            ),
            Schedule.upTo({ times: rounds - 1 })
          )
          yield* Stream.runDrain(Cas.maintain(register, ensure("alice"), { poll, maxMoves: 3, settled: "2 seconds" }))
        })
      const counts = Effect.fnUntraced(function*(rounds: number, ...undoneAfter: ReadonlyArray<number>) {
        const { metrics } = yield* observe(loop(rounds, ...undoneAfter))
        return ["moved", "undone", "contested"].map((event) => metrics[`cas_maintain_total ${event}`] ?? 0)
      })
      assert.deepStrictEqual(yield* counts(5), [1, 0, 0])
      assert.deepStrictEqual(yield* counts(5, 1), [2, 1, 0])
      assert.deepStrictEqual(yield* counts(9, 0, 1, 2, 3, 4), [3, 3, 1])
      // A move that had settled was not undone.
      assert.deepStrictEqual(yield* counts(9, 4), [2, 0, 0])
    }))
})
