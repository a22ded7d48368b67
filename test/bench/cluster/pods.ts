/**
 * Pods that act on the meetings of a simulator, and what their operations cost.
 */
import { Console, Effect } from "effect"
import * as beds from "../../cluster/bed.ts"
import { quantile } from "../../cluster/findings.ts"
import * as stores from "../../cluster/stores.ts"

export type Pods = readonly [beds.Pod, ...ReadonlyArray<beds.Pod>]

export interface Measured {
  /** Requests per operation. */
  readonly calls: number
  readonly millis: number
  readonly operations: number
  readonly failed: number
}

export interface Using {
  readonly postgres: stores.Store
  readonly redis: stores.Store
}

/** A figure, and the goal that it may have. */
export interface Row {
  readonly what: string
  readonly measured: number
  readonly unit?: string
  readonly atMost?: number
  readonly atLeast?: number
}

export const all = <A, E, R>(effects: Iterable<Effect.Effect<A, E, R>>) =>
  Effect.all(effects, { concurrency: "unbounded" })

export const times = <A>(count: number, make: (index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, index) => make(index))

export const sum = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0)

export const median = (values: ReadonlyArray<number>) => quantile(values, 0.5)

export const successes = new Set(["swapped", "converged", "already"])

const [targets, shards] = [200, 300]

/** How far the clocks of pods are ahead, in milliseconds: it changes nothing. */
const clocksAhead = [0, 300_000, -300_000]

let operations = 0

/** Operations that follow each other have different targets. */
export const perform = (pod: beds.Pod, meeting: number) =>
  pod.perform(meeting, { _tag: "Ensure", target: `p${operations++ % targets}` })

export const measure = Effect.fnUntraced(function*(bed: beds.Bed, called: ReadonlyArray<Effect.Effect<beds.Record>>) {
  const run = Effect.suspend(() => {
    const began = performance.now()
    return Effect.map(all(called), (records) => ({ records, millis: performance.now() - began }))
  })
  const [{ millis, records }, { calls }] = yield* bed.counted(run)
  const failed = records.filter(({ performed }) => !successes.has(performed?.label ?? "")).length
  return { calls: calls / records.length, millis, operations: records.length, failed } satisfies Measured
})

const vitalsOf = (pods: Pods) => Effect.orDie(all(pods.map(({ vitals }) => vitals)))

/** Waits until each shard has an owner, in the same way twice. */
const settled = (pods: Pods, before: string): Effect.Effect<void> =>
  Effect.gen(function*() {
    const owned = (yield* vitalsOf(pods)).map(({ shards }) => shards)
    if (owned.join() === before && owned.every((count) => count > 0) && sum(owned) === shards) return
    yield* Effect.andThen(Effect.sleep("1 second"), settled(pods, owned.join()))
  })

export const start = Effect.fnUntraced(function*(
  bed: beds.Bed,
  count: number,
  options: Using & Pick<beds.OwnOptions, "shares">
) {
  const [first, ...others] = yield* all(
    times(count, (index) =>
      bed.pod({
        shares: options.shares,
        pods: count,
        postgres: options.postgres.port,
        redis: options.redis.port,
        sharding: "tuned",
        clockAhead: clocksAhead[index % clocksAhead.length] ?? 0
      }))
  )
  if (first === undefined) return yield* Effect.die("no pods")
  const pods: Pods = [first, ...others]
  const hasCluster = options.shares.turns || options.shares.limits === "cluster"
  yield* vitalsOf(pods)
  yield* Console.log(`${count} pods have started that share ${JSON.stringify(options.shares)}`)
  if (hasCluster) yield* settled(pods, "")
  return pods
})

/** Runs pods on a simulator and stores of their own, and checks all that they claim. */
export const on = <A, E, R>(
  options: { readonly latency: number; readonly meetings: number; readonly rateLimits: boolean },
  use: (bed: beds.Bed, using: Using) => Effect.Effect<A, E, R>
) =>
  Effect.scoped(Effect.gen(function*() {
    const using = { postgres: yield* stores.postgres, redis: yield* stores.redis }
    const bed = yield* beds.make({ ...options, targets, requests: false, keeper: false, tokenLife: 7_200 })
    const value = yield* use(bed, using)
    const discrepancies = yield* bed.close
    if (discrepancies.length > 0) return yield* Effect.die(new Error(discrepancies.join("\n")))
    return value
  }))
