import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Fiber, Layer, Metric, Option, Schema, type Scope } from "effect"
import { Cas } from "effect-lark-meetings"
import * as Cluster from "effect-lark-meetings/Cluster"
import {
  MessageStorage,
  RunnerHealth,
  Runners,
  RunnerStorage,
  Sharding,
  ShardingConfig,
  TestRunner
} from "effect/cluster"
import { TestClock } from "effect/testing"
import { counters } from "./fixtures/observe.ts"
import * as Server from "./turns/Server.ts"
import { conformsTo } from "./turns/suite.ts"

conformsTo("of a cluster", Layer.provide(Cluster.layer, TestRunner.layer), { start: 10_000, hop: 1, runs: 30 })

/** Knows of no runner that owns shards. */
const nobody = Sharding.layer.pipe(
  Layer.provide(Runners.layerNoop),
  Layer.provide(MessageStorage.layerMemory),
  Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop]),
  Layer.provide(ShardingConfig.layer({ runnerAddress: Option.none() }))
)

/** A queue of a process of its own, which has stopped if no sleep of it ends. */
const client = (options: { readonly isFrozen: boolean } = { isFrozen: false }) =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const frozen: Clock.Clock = { ...clock, sleep: () => Effect.never }
    const context = yield* Layer.build(Layer.fresh(Cluster.layer)).pipe(
      Effect.provideService(Clock.Clock, options.isFrozen ? frozen : clock)
    )
    const turns = Context.get(context, Cas.Turns)
    assert(turns !== undefined)
    return Cas.makeQueue(turns.guard(Schema.String))
  })

const running = <A, E>(program: Effect.Effect<A, E, Scope.Scope | Sharding.Sharding>) =>
  Effect.gen(function*() {
    yield* TestClock.adjust("10 seconds")
    const fiber = yield* Effect.forkChild(Effect.scoped(program))
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("5 millis")
    return yield* Fiber.join(fiber)
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

const turnsBy = Effect.map(Metric.snapshot, (metrics) => {
  const {
    "cas_turns_total{granted}": granted = 0,
    "cas_turns_total{lost}": lost = 0,
    "cas_turns_total{skipped}": skipped = 0
  } = counters(metrics)
  return { granted, lost, skipped }
})

describe("Cluster.layer", () => {
  it.effect("lets operations run without a turn if no lane answers, and asks again after three seconds", () =>
    running(Effect.gen(function*() {
      const queue = yield* client()
      const server = Server.make("start")
      const timed = (target: string) =>
        Effect.map(
          Effect.timed(queue.run("key", server.register, Cas.ensure(target), { hint: server.current() })),
          ([took]) => Math.round(Duration.toMillis(took))
        )
      assert.deepStrictEqual([yield* timed("a"), yield* timed("b")], [2_020, 20])
      assert.deepStrictEqual(yield* turnsBy, { granted: 0, lost: 1, skipped: 1 })
      yield* Effect.sleep("3 seconds")
      assert.deepStrictEqual([yield* timed("c"), yield* timed("d")], [2_020, 20])
      assert.deepStrictEqual(yield* turnsBy, { granted: 0, lost: 2, skipped: 2 })
    })).pipe(Effect.provide(nobody)))

  it.effect("takes the turn from a process that has stopped", () =>
    running(Effect.gen(function*() {
      const server = Server.make("start", { roundTrip: "10 seconds" })
      const [stopped, other] = [yield* client({ isFrozen: true }), yield* client()]
      yield* Effect.forkChild(stopped.run("key", server.register, Cas.ensure("a"), { hint: "start" }))
      yield* Effect.sleep("100 millis")
      const waiting = yield* Effect.forkChild(other.run("key", server.register, Cas.ensure("b"), { hint: "start" }))
      yield* Effect.sleep("1800 millis")
      assert.deepStrictEqual(server.calls, ["start->a"])
      yield* Effect.sleep("200 millis")
      assert.deepStrictEqual(server.calls, ["start->a", "start->b"])
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(yield* turnsBy, { granted: 2, lost: 0, skipped: 0 })
    })).pipe(Effect.provide(TestRunner.layer)))

  it.effect("leaves the turn to a process whose operation lasts long", () =>
    running(Effect.gen(function*() {
      const server = Server.make("start", { roundTrip: "9 seconds" })
      const [slow, other] = [yield* client(), yield* client()]
      const first = yield* Effect.forkChild(slow.run("key", server.register, Cas.ensure("a"), { hint: "start" }))
      yield* Effect.sleep("100 millis")
      const second = yield* Effect.forkChild(other.run("key", server.register, Cas.ensure("b")))
      yield* Fiber.join(first)
      assert.deepStrictEqual(server.calls, ["start->a"])
      yield* Fiber.join(second)
      assert.deepStrictEqual(server.calls, ["start->a", "a->b"])
      assert.deepStrictEqual(yield* turnsBy, { granted: 2, lost: 0, skipped: 0 })
    })).pipe(Effect.provide(TestRunner.layer)))
})
