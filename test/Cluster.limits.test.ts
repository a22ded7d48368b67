import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer } from "effect"
import type { RateLimits } from "effect-lark-meetings"
import * as Cluster from "effect-lark-meetings/Cluster"
import { Sharding, TestRunner } from "effect/cluster"
import { TestClock } from "effect/testing"
import { admission, densest, joining } from "./fixtures/sharedLimits.ts"

const now = Effect.clockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))

/** A cluster whose calls do not end while it is silent, as when the pod of an entity was killed. */
const makeCluster = Effect.gen(function*() {
  const state = { isSilent: false }
  const layer = Layer.effect(
    Sharding.Sharding,
    Effect.map(Sharding.Sharding, (sharding): Sharding.Sharding["Service"] => ({
      ...sharding,
      makeClient: (entity) =>
        Effect.map(sharding.makeClient(entity), (client) => (id) =>
          new Proxy(client(id), {
            get: (target, name, self) => state.isSilent ? () => Effect.never : Reflect.get(target, name, self)
          }))
    }))
  )
  const context = yield* Layer.build(Layer.provide(layer, TestRunner.layer))
  return { layer: Layer.succeedContext(context), state }
})

const podOf = (cluster: Layer.Layer<Sharding.Sharding>, options?: Cluster.LimitsOptions) =>
  joining(Cluster.layerLimits(options).pipe(Layer.provide(cluster)))

/** Pods of one cluster, which has its shards. */
const podsOf = Effect.fnUntraced(function*(count: number) {
  const { layer, state } = yield* makeCluster
  const pods = yield* Effect.all(Array.from({ length: count }, () => podOf(layer)))
  yield* TestClock.adjust("10 seconds")
  return { pods, state }
})

/** The times of admissions of each pod, with five loops in each. */
const busy = Effect.fnUntraced(function*(pods: ReadonlyArray<RateLimits.RateLimits>, during: Duration.Input) {
  const times = pods.map((): Array<number> => [])
  const fiber = yield* Effect.forkChild(Effect.all(
    pods.flatMap((limits, pod) =>
      Array.from({ length: 5 }, (_, n) =>
        limits.admit(admission({ fairnessKey: `${n}` })).pipe(
          Effect.andThen(now),
          Effect.map((at) => times[pod]!.push(at)),
          Effect.forever
        ))
    ),
    { concurrency: "unbounded", discard: true }
  ))
  yield* TestClock.adjust(during)
  yield* Fiber.interrupt(fiber)
  return times
})

describe("the limits of a cluster", () => {
  it.effect("are shared by its pods, which take turns", () =>
    Effect.gen(function*() {
      const { pods } = yield* podsOf(5)
      const times = yield* busy(pods, "2 minutes")
      const all = times.flat().sort((a, b) => a - b)
      assert.isAtMost(densest(all, 1_000), 50)
      assert.isAtMost(densest(all, 60_000), 1_000)
      assert.isAtLeast(all.length, 1_750)
      const counts = times.map(({ length }) => length)
      assert.isAtMost((Math.max(...counts) - Math.min(...counts)) / (all.length / 5), 0.05)
    }))

  it.effect("and a 429 and a lower limit are known to all pods", () =>
    Effect.gen(function*() {
      const { pods } = yield* podsOf(3)
      yield* busy(pods, "5 seconds")
      const from = yield* now
      yield* pods[0]!.heed(admission(), { status: 429, retryAfter: Duration.seconds(30), rateLimit: "100" })
      const times = (yield* busy(pods.slice(1), "5 minutes")).flat().sort((a, b) => a - b)
      assert.isAtLeast(times[0]!, from + 30_000)
      assert.isAtMost(densest(times, 60_000), 100)
      assert.isAtLeast(times.length, 4 * 80)
    }))

  it.effect("are divided by the pods that were counted, while the cluster does not answer", () =>
    Effect.gen(function*() {
      const { pods, state } = yield* podsOf(4)
      state.isSilent = true
      const times = yield* busy(pods, "1 minute")
      for (const { length } of times) {
        assert.isAtMost(length, 250)
        assert.isAtLeast(length, 200)
      }
      state.isSilent = false
      yield* busy(pods, "2 seconds")
      const [alone = []] = yield* busy(pods.slice(0, 1), "1 minute")
      assert.isAtLeast(alone.length, 800)
    }))

  it.effect("are divided by those that are left, half a minute after the others ended", () =>
    Effect.gen(function*() {
      const { layer, state } = yield* makeCluster
      const left = yield* podOf(layer)
      yield* Effect.scoped(Effect.andThen(Effect.all([podOf(layer), podOf(layer)]), TestClock.adjust("10 seconds")))
      yield* TestClock.adjust("40 seconds")
      state.isSilent = true
      const [times = []] = yield* busy([left], "1 minute")
      assert.isAtLeast(times.length, 800)
    }))

  it.effect("are those of ten pods until the cluster has counted them, unless given", () =>
    Effect.gen(function*() {
      const { layer, state } = yield* makeCluster
      state.isSilent = true
      const pods = [yield* podOf(layer), yield* podOf(layer, { pods: 2 })]
      const counts = (yield* busy(pods, "1 minute")).map(({ length }) => length)
      assert.deepStrictEqual(counts.map((count) => Math.round(count / 50)), [2, 8])
    }))
})
