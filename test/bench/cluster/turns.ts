/**
 * What turns save and cost, beside pods without them and one process.
 */
import { Console, Effect } from "effect"
import type * as beds from "../../cluster/bed.ts"
import { shares } from "../../cluster/messages.ts"
import { all, measure, type Measured, median, on, perform, type Pods, type Row, start, sum, times } from "./pods.ts"

/** Pods that share the same, and a meeting on which they contend. */
interface Group {
  readonly pods: Pods
  /** How many operations each pod calls at once. */
  readonly each: number
  readonly meeting: number
}

/** All pods of a group at once, on one meeting. */
const crowd = (bed: beds.Bed, { each, meeting, pods }: Group) =>
  measure(bed, times(each, () => pods.map((pod) => perform(pod, meeting))).flat())

/** Group after group, in several rounds; medians, and the sum of what failed. The first round does not count. */
const inTurn = Effect.fnUntraced(function*<const Name extends string>(
  bed: beds.Bed,
  rounds: number,
  groups: Readonly<Record<Name, Group>>
) {
  const runs: Array<readonly [string, Measured]> = []
  for (let round = 0; round <= rounds; round++) {
    for (const [name, group] of Object.entries<Group>(groups)) {
      const measured = yield* crowd(bed, group)
      yield* Console.log(`${name} ${round}: ${measured.calls.toFixed(2)} calls, ${measured.millis.toFixed(0)} ms`)
      if (round > 0) runs.push([name, measured])
    }
  }
  return (name: Name): Measured => {
    const of = runs.flatMap(([other, measured]) => other === name ? [measured] : [])
    return {
      calls: median(of.map(({ calls }) => calls)),
      millis: median(of.map(({ millis }) => millis)),
      operations: sum(of.map(({ operations }) => operations)),
      failed: sum(of.map(({ failed }) => failed))
    }
  }
})

/** Every pod once on each of many meetings. */
const spread = (bed: beds.Bed, pods: Pods, from: number, count: number) =>
  measure(bed, times(count, (index) => pods.map((pod) => perform(pod, from + index))).flat())

/** One operation after the other, each on a meeting where nothing else happens: the time and the processor time of each. */
const alone = Effect.fnUntraced(function*(groups: ReadonlyArray<Pods>, rounds: number, from: number) {
  const cpu = all(groups.map(([pod]) => Effect.map(Effect.orDie(pod.vitals), ({ cpu }) => cpu)))
  const once = Effect.forEach(
    times(20, (index) => index),
    (index) =>
      Effect.forEach(
        groups,
        ([pod], group) =>
          Effect.map(perform(pod, from + 20 * group + index), ({ performed }) => performed?.took ?? Number.NaN)
      )
  )
  yield* once
  const before = yield* cpu
  const took = (yield* Effect.replicateEffect(once, rounds)).flat()
  const after = yield* cpu
  return groups.map((_, group) => ({
    millis: median(took.map((each) => each[group] ?? Number.NaN)),
    cpu: ((after[group] ?? 0) - (before[group] ?? 0)) / took.length
  }))
})

export const turns = Effect.fnUntraced(function*(rounds: number) {
  const rows: Array<Row> = []
  const compared = (latency: number, most: number, one: Measured, plain: Measured, turns: Measured) => {
    const where = `5 x 20 on one meeting at ${latency} ms`
    rows.push(
      { what: `1 x 100 on one meeting at ${latency} ms: calls`, measured: one.calls },
      { what: `${where}, without turns: calls`, measured: plain.calls },
      { what: `${where}: calls`, measured: turns.calls, atMost: 1.02 },
      { what: `${where}, without turns: time / one process`, measured: plain.millis / one.millis },
      { what: `${where}: time / one process`, measured: turns.millis / one.millis, atMost: most },
      { what: `${where}, without turns: given up`, measured: 100 * plain.failed / plain.operations, unit: "%" },
      { what: `${where}: given up`, measured: 100 * turns.failed / turns.operations, unit: "%", atMost: 0 }
    )
  }

  const part = <A>(
    latency: number,
    count: number,
    use: (bed: beds.Bed, one: Pods, plain: Pods, turns: Pods) => Effect.Effect<A>
  ) =>
    on(
      { latency, meetings: 600, rateLimits: false },
      Effect.fnUntraced(function*(bed, using) {
        const turns = yield* start(bed, count, { ...using, shares: shares.turns })
        const plain = yield* start(bed, count, { ...using, shares: shares.nothing })
        const one = yield* start(bed, 1, { ...using, shares: shares.nothing })
        yield* use(bed, one, plain, turns)
      })
    )

  yield* part(
    20,
    5,
    Effect.fnUntraced(function*(bed, one, plain, turns) {
      const of = yield* inTurn(bed, rounds, {
        one: { pods: one, each: 100, meeting: 0 },
        plain: { pods: plain, each: 20, meeting: 1 },
        turns: { pods: turns, each: 20, meeting: 2 }
      })
      compared(20, 1.15, of("one"), of("plain"), of("turns"))

      for (const [name, pods, from] of [[", without turns", plain, 10], ["", turns, 210]] as const) {
        for (const [how, atMost] of [["cold", 1.2], ["warm", 1]] as const) {
          const { calls } = yield* spread(bed, pods, from, 200)
          rows.push({
            what: `5 pods x 200 meetings, ${how}${name}: calls`,
            measured: calls,
            ...(name === "" ? { atMost } : {})
          })
        }
      }

      const [before, after] = yield* alone([plain, turns], rounds, 500)
      if (before === undefined || after === undefined) return
      rows.push(
        { what: "uncontended, without turns: time", measured: before.millis, unit: "ms" },
        { what: "uncontended: time more", measured: after.millis - before.millis, unit: "ms", atMost: 4 },
        { what: "uncontended, without turns: processor time", measured: before.cpu, unit: "ms" },
        { what: "uncontended: processor time more", measured: after.cpu - before.cpu, unit: "ms", atMost: 2 }
      )
    })
  )

  yield* part(
    20,
    10,
    Effect.fnUntraced(function*(bed, _, plain, turns) {
      const of = yield* inTurn(bed, 10, {
        plain: { pods: plain, each: 10, meeting: 1 },
        turns: { pods: turns, each: 10, meeting: 2 }
      })
      for (
        const [name, { calls, failed, operations }] of [[", without turns", of("plain")], ["", of("turns")]] as const
      ) {
        rows.push(
          { what: `10 x 10 on one meeting${name}: calls`, measured: calls },
          {
            what: `10 x 10 on one meeting${name}: given up`,
            measured: 100 * failed / operations,
            unit: "%",
            atMost: name === "" ? 0 : 0.5
          }
        )
      }
    })
  )

  yield* part(
    80,
    5,
    Effect.fnUntraced(function*(bed, one, plain, turns) {
      const of = yield* inTurn(bed, Math.min(rounds, 3), {
        one: { pods: one, each: 100, meeting: 0 },
        plain: { pods: plain, each: 20, meeting: 1 },
        turns: { pods: turns, each: 20, meeting: 2 }
      })
      compared(80, 1.08, of("one"), of("plain"), of("turns"))
    })
  )

  return rows
})
