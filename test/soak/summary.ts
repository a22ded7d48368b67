/**
 * The result of a run as text, and its failures.
 */
import { table } from "../bench/table.ts"
import { type Held, isAtRest, type Options, type Result, type Sample } from "./soak.ts"

const mostGrowth = 1.1

/** The median of three samples around `index`, because one sample can coincide with many long reports. */
const around = (samples: ReadonlyArray<Sample>, index: number): Sample | undefined =>
  samples.slice(Math.max(index - 1, 0), index + 2).toSorted((a, b) => a.heap - b.heap)[1]

/** The growth of the heap from the first minute (or third, in a shorter run) to the end of the load. */
const growthOf = ({ samples }: Result, { seconds }: Options) => {
  const first = around(samples, samples.findIndex(({ second }) => second >= Math.min(60, seconds / 3)))
  const last = around(samples, samples.length - 2)
  if (first === undefined || last === undefined || first === last) return undefined
  return { first, last, ratio: last.heap / first.heap }
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`

const heapOf = ({ first, last, ratio }: NonNullable<ReturnType<typeof growthOf>>) =>
  `${megabytes(first.heap)} at ${first.second.toFixed(0)} s, ${megabytes(last.heap)} at the end, ratio ${
    ratio.toFixed(3)
  }`

const heldText = (held: Held) =>
  `${held.fibers} fibers, ${held.sockets} sockets, ${held.timers} timers, ${held.queued} in queues; `
  + `simulator: ${held.serverFibers} fibers, ${held.connections} connections`

/** The failures of the run; none if it passed. */
export const failuresOf = (result: Result, options: Options): ReadonlyArray<string> => {
  const { discrepancies, idle, left, objects, totals } = result
  const growth = growthOf(result, options)
  return [
    ...discrepancies,
    ...(totals.unmatched === 0 ? [] : [`${totals.unmatched} writes or claims without a match`]),
    ...(totals.applied > 0 ? [] : ["no swap was applied, so the run proves nothing"]),
    ...(isAtRest(left, idle) ? [] : [`not released: ${heldText(left)} (idle: ${heldText(idle)})`]),
    ...(objects.left <= objects.most ? [] : [`${objects.left} live objects at the end, more than ${objects.most}`]),
    ...(growth === undefined
      ? ["too few heap samples: choose more --seconds"]
      : growth.ratio > mostGrowth
      ? [`the heap grew to ${growth.ratio.toFixed(2)} times its size, more than ${mostGrowth}`]
      : [])
  ]
}

const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0)

const listed = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).toSorted(([, a], [, b]) => b - a).map(([name, n]) => `${name} ${n}`).join(", ")

export const progressLine = ({ connections, fibers, heap, operations, rss, second, timers }: Sample): string =>
  `${second.toFixed(0).padStart(6)} s  ${operations} operations, heap ${megabytes(heap)}, rss ${megabytes(rss)}, `
  + `${fibers} fibers, ${connections} connections, ${timers} timers`

export const summaryOf = (result: Result, options: Options): string => {
  const { idle, left, meetingsEnded, objects, outcomes, samples, simulator, totals } = result
  const growth = growthOf(result, options)
  const most = samples.reduce((most, sample) => Math.max(most, sample.rss), 0)
  const rows = [...outcomes].map(([label, { applied, none, unknown }]) => ({ label, none, applied, unknown })).toSorted(
    (a, b) => b.none + b.applied + b.unknown - a.none - a.applied - a.unknown
  )
  const total = (effect: "none" | "applied" | "unknown") => rows.reduce((sum, row) => sum + row[effect], 0)
  return `
${
    table(
      ["outcome", "operations", "effect none", "applied", "unknown"],
      [
        ...rows.map((row) => [row.label, row.none + row.applied + row.unknown, row.none, row.applied, row.unknown]),
        ["all", totals.operations, total("none"), total("applied"), total("unknown")]
      ].map((row) => row.map(String))
    )
  }

requests        ${sum(simulator.requests)}: ${listed(simulator.requests)}
faults          ${sum(simulator.faults)}: ${listed(simulator.faults)}
events          ${simulator.rivals} moves by rivals, ${simulator.revocations} revocations of all tokens, ${meetingsEnded} ended meetings
writes          ${totals.writes}: ${totals.applied} acknowledged, ${totals.uncertain} of unknown effect, ${totals.late} after the end of their operation
unmatched       ${totals.unmatched}
heap            ${growth === undefined ? "not known" : heapOf(growth)} (at most ${mostGrowth})
objects         ${objects.before} after the first operations, ${objects.left} at the end (at most ${objects.most})
rss             ${megabytes(most)} at most
held, idle      ${heldText(idle)}
held, after     ${heldText(left)}`
}
