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

/** A cluster whose calls do not end while it is silent. */
const silenced = Effect.map(Sharding.Sharding, (sharding) => {
  const state = { isSilent: false }
  const layer = Layer.succeed(Sharding.Sharding, {
    ...sharding,
    makeClient: (entity) =>
      Effect.map(sharding.makeClient(entity), (client) => (id) =>
        new Proxy(client(id), {
          get: (target, name, self) => state.isSilent ? () => Effect.never : Reflect.get(target, name, self)
        }))
  })
  return { layer, state }
})

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
    "cas_turns_total{skipped}": skipped = 0,
    "cas_turns_total{withdrawn}": withdrawn = 0
  } = counters(metrics)
  return { granted, lost, skipped, ...withdrawn > 0 && { withdrawn } }
})

describe("Cluster.layer", () => {
  it.effect("delays one operation by two seconds if no lane answers, and none after that", () =>
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
      for (let n = 0; n < 20; n++) {
        yield* Effect.sleep("1 second")
        assert.strictEqual(yield* timed(`${n}`), 20)
      }
      assert.deepStrictEqual(yield* turnsBy, { granted: 0, lost: 1, skipped: 21 })
    })).pipe(Effect.provide(nobody)))

  it.effect("lets operations take turns again when their lane answers a call in the background", () =>
    running(Effect.gen(function*() {
      const { layer, state } = yield* silenced
      const queue = yield* Effect.provide(client(), layer)
      const server = Server.make("start")
      const run = (target: string) => queue.run("key", server.register, Cas.ensure(target))
      state.isSilent = true
      yield* run("a")
      state.isSilent = false
      yield* Effect.sleep("3 seconds")
      assert.deepStrictEqual(yield* turnsBy, { granted: 0, lost: 1, skipped: 0 })
      yield* Effect.andThen(run("b"), run("c"))
      assert.deepStrictEqual(yield* turnsBy, { granted: 1, lost: 1, skipped: 1 })
    })).pipe(Effect.provide(TestRunner.layer)))

  it.effect("fails no operation by a lane that does not answer, whatever the deadline", () =>
    running(Effect.gen(function*() {
      const queue = yield* client()
      const server = Server.make("start")
      const policy = Cas.Policy.make({ deadline: "1 second" })
      const run = (target: string) => queue.run("key", server.register, Cas.ensure(target), { policy, hint: "start" })
      const reports = yield* Effect.all(["a", "b", "c"].map(run), { concurrency: "unbounded" })
      assert.deepStrictEqual(reports.map(({ outcome }) => outcome), ["swapped", "swapped", "swapped"])
    })).pipe(Effect.provide(nobody)))

  it.effect("waits in a lane that answers until a deadline that is short", () =>
    running(Effect.gen(function*() {
      const server = Server.make("start", { roundTrip: "800 millis" })
      const [slow, other] = [yield* client(), yield* client()]
      const policy = Cas.Policy.make({ deadline: "1900 millis" })
      const first = yield* Effect.forkChild(slow.run("key", server.register, Cas.ensure("a"), { hint: "start" }))
      yield* Effect.sleep("10 millis")
      const report = yield* other.run("key", server.register, Cas.ensure("b"), { policy })
      yield* Fiber.join(first)
      assert.deepStrictEqual([report.swaps, server.calls], [1, ["start->a", "a->b"]])
      assert.deepStrictEqual(yield* turnsBy, { granted: 2, lost: 0, skipped: 0 })
    })).pipe(Effect.provide(TestRunner.layer)))

  it.effect("still asks a lane after an ask that its operation gave up", () =>
    running(Effect.gen(function*() {
      const server = Server.make("start", { roundTrip: "300 millis" })
      const [holder, other] = [yield* client(), yield* client()]
      const run = (queue: Cas.Queue<string, string>, target: string, latest = false) =>
        Effect.forkChild(
          Effect.exit(queue.run("key", server.register, Cas.ensure(target), { hint: "start", latest })),
          { startImmediately: true }
        )
      yield* run(holder, "a")
      yield* Effect.sleep("100 millis")
      const waiting = yield* run(other, "b")
      yield* Effect.sleep("10 millis")
      yield* Fiber.interrupt(waiting)
      yield* run(other, "c")
      yield* Effect.sleep("10 millis")
      yield* Fiber.join(yield* run(other, "d", true))
      assert.deepStrictEqual(server.calls, ["start->a", "a->d"])
      // Each of the four asks is counted.
      assert.deepStrictEqual(yield* turnsBy, { granted: 2, lost: 0, skipped: 0, withdrawn: 2 })
    })).pipe(Effect.provide(TestRunner.layer)))

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

  it.effect("waits little more than two seconds if the lane goes silent while the process that has the turn has stopped", () =>
    running(Effect.gen(function*() {
      const { layer, state } = yield* silenced
      const server = Server.make("start", { roundTrip: "10 seconds" })
      const [stopped, other] = [yield* client({ isFrozen: true }), yield* Effect.provide(client(), layer)]
      yield* Effect.forkChild(stopped.run("key", server.register, Cas.ensure("a"), { hint: "start" }))
      yield* Effect.sleep("100 millis")
      const waiting = yield* Effect.forkChild(other.run("key", server.register, Cas.ensure("b"), { hint: "start" }))
      yield* Effect.sleep("900 millis")
      state.isSilent = true
      yield* Effect.sleep("1300 millis")
      assert.deepStrictEqual(server.calls, ["start->a", "start->b"])
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(yield* turnsBy, { granted: 1, lost: 1, skipped: 0 })
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
