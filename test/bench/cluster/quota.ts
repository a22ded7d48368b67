/**
 * How pods keep to the limits of the platform together: 50 requests a second and 1000 a minute.
 */
import { Clock, Effect } from "effect"
import type * as beds from "../../cluster/bed.ts"
import { shares } from "../../cluster/messages.ts"
import type { Store } from "../../cluster/stores.ts"
import { all, median, on, perform, type Pods, type Row, start, successes, times, type Using } from "./pods.ts"

const perMinute = 1_000

const meetings = 100

/** Operations under way in each pod. */
const inFlight = 20

const kinds = [["none", "none"], ["each its own", "own"], ["the cluster", "cluster"], ["Redis", "redis"]] as const

/** So many operations, as fast as the limits let them. */
const saturated = Effect.fnUntraced(function*(bed: beds.Bed, pods: Pods, operations: number) {
  let called = 0
  const began = yield* Clock.currentTimeMillis
  const ends: Array<{ readonly pod: number; readonly at: number; readonly isDone: boolean }> = []
  const worker = (pod: beds.Pod, index: number) =>
    Effect.whileLoop({
      while: () => called < operations,
      body: () => perform(pod, called++ % meetings),
      step: ({ ended, performed }) => {
        ends.push({ pod: index, at: ended - began, isDone: successes.has(performed?.label ?? "") })
      }
    })
  const [, { calls, throttled }] = yield* bed.counted(
    all(pods.flatMap((pod, index) => times(inFlight, () => worker(pod, index))))
  )
  const took = Math.max(...ends.map(({ at }) => at))
  // All take from one heap, so the counts are the shares.
  const counts = times(pods.length, (pod) => ends.filter((end) => end.pod === pod).length)
  return {
    throttled,
    failed: ends.filter(({ isDone }) => !isDone).length,
    seconds: took / 1_000,
    used: 100 * calls / (perMinute * took / 60_000),
    spread: 100 * (Math.max(...counts) - Math.min(...counts)) * pods.length / operations
  }
})

/** A load below the limits for a minute, two operations a second in each pod, while what counts for them dies. */
const dying = Effect.fnUntraced(function*(bed: beds.Bed, pods: Pods, death: Effect.Effect<void>) {
  const load = all(
    pods.flatMap((pod, index) =>
      times(120, (tick) => Effect.delay(perform(pod, (tick * pods.length + index) % meetings), 500 * tick))
    )
  )
  const [[records], { calls, throttled }] = yield* bed.counted(all([load, Effect.as(death, [])]))
  const took = records.flatMap(({ performed }) => performed === undefined ? [] : [performed.took])
  return { throttled: 100 * throttled / calls, waited: Math.max(...took) - median(took) }
})

const away = ({ start, stop }: Store) => Effect.andThen(stop, Effect.delay(start, "20 seconds"))

/** Two pods are killed, one of which may have counted, and the cluster's database goes away. */
const deathOf = {
  cluster: ([, , , fourth, fifth]: Pods, { postgres }: Using) =>
    Effect.gen(function*() {
      yield* Effect.delay(fifth?.end("SIGKILL") ?? Effect.void, "10 seconds")
      yield* Effect.delay(fourth?.end("SIGKILL") ?? Effect.void, "10 seconds")
      yield* Effect.delay(away(postgres), "10 seconds")
    }),
  redis: (_: Pods, { redis }: Using) => Effect.delay(away(redis), "10 seconds")
}

export const quota = Effect.fnUntraced(function*(operations: number) {
  const rows: Array<Row> = []
  const options = { latency: 20, meetings, rateLimits: true }
  for (const [name, limits] of kinds) {
    const isShared = limits === "cluster" || limits === "redis"
    yield* on(
      options,
      Effect.fnUntraced(function*(bed, using) {
        const pods = yield* start(bed, 5, { ...using, shares: { ...shares.turns, limits } })
        const { failed, seconds, spread, throttled, used } = yield* saturated(bed, pods, operations)
        const where = `${operations} operations, limits of ${name}`
        rows.push(
          { what: `${where}: 429s`, measured: throttled, ...(isShared ? { atMost: 0 } : {}) },
          { what: `${where}: failed`, measured: failed, ...(isShared ? { atMost: 0 } : {}) },
          { what: `${where}: time`, measured: seconds, unit: "s" },
          { what: `${where}: of the limit used`, measured: used, unit: "%", ...(isShared ? { atLeast: 85 } : {}) },
          { what: `${where}: spread between pods`, measured: spread, unit: "%", ...(isShared ? { atMost: 5 } : {}) }
        )
      })
    )
    if (!isShared) continue
    yield* on(
      options,
      Effect.fnUntraced(function*(bed, using) {
        const pods = yield* start(bed, 5, { ...using, shares: { ...shares.nothing, limits } })
        const { throttled, waited } = yield* dying(bed, pods, deathOf[limits](pods, using))
        rows.push(
          { what: `below the limits while ${name} dies: longest wait`, measured: waited, unit: "ms", atMost: 1_000 },
          { what: `below the limits while ${name} dies: 429s`, measured: throttled, unit: "%", atMost: 1 }
        )
      })
    )
  }
  return rows
})
