/**
 * What a chaos run shows, as text, and its failures.
 */
import { table } from "../bench/table.ts"
import type { Record } from "./bed.ts"
import type { Aftermath } from "./chaos.ts"

/** How much time the death of a part may cost the next caller, in milliseconds. */
const mostLost = 2_500

/** The last is that of an operation which a later one of the plan replaced. */
const successes = new Set(["swapped", "converged", "already", "CasSuperseded"])

/** How long an operation held its meeting up: since its call, or since the end of another on its meeting. */
export const holdUps = (records: ReadonlyArray<Record>): ReadonlyArray<Record & { readonly millis: number }> => {
  const last = new Map<number, number>()
  return records.toSorted((a, b) => a.ended - b.ended).map((record) => {
    const since = Math.max(record.called, last.get(record.meeting) ?? 0)
    last.set(record.meeting, record.ended)
    return { ...record, millis: record.ended - since }
  })
}

export const quantile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))] ?? 0

/** Plain operations of pods that lived, and were not frozen meanwhile. */
const undisturbed = ({ records }: Aftermath) =>
  holdUps(records).filter(({ performed, task, wasFrozen }) =>
    task === "Ensure" && performed !== undefined && !wasFrozen
  )

/** What the deaths cost: the time beyond that of an undisturbed operation. */
const losses = (aftermath: Aftermath) => {
  const all = undisturbed(aftermath)
  const usual = quantile(all.map(({ millis }) => millis), 0.5)
  return { usual, lost: all.map((record) => ({ ...record, lost: record.millis - usual })) }
}

const count = <A>(values: Iterable<A>): ReadonlyMap<A, number> => {
  const counts = new Map<A, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

const described = ({ called, meeting, performed, pod }: Record) =>
  `${pod} on meeting ${meeting}, called at ${new Date(called).toISOString()}: ${performed?.details}`

/** The failures of a run; none if it passed. */
export const failuresOf = (aftermath: Aftermath): ReadonlyArray<string> => {
  const failed = undisturbed(aftermath).filter(({ performed }) => !successes.has(performed?.label ?? ""))
  const late = losses(aftermath).lost.filter(({ lost }) => lost > mostLost)
  return [
    ...aftermath.discrepancies,
    ...(aftermath.unended === 0 ? [] : [`${aftermath.unended} operations have not ended`]),
    ...(failed.length === 0 ? [] : [`${failed.length} operations failed:`]),
    ...failed.slice(0, 5).map((record) => `  ${record.performed?.label}: ${described(record)}`),
    ...(late.length === 0 ? [] : [`${late.length} operations lost more than ${mostLost} ms:`]),
    ...late.slice(0, 5).map((record) => `  ${record.lost.toFixed(0)} ms: ${described(record)}`)
  ]
}

export const summaryOf = (aftermath: Aftermath): string => {
  const { kills, records, starts, totals } = aftermath
  const labels = [...count(records.map(({ performed, task }) => `${task} ${performed?.label ?? "process died"}`))]
  const { lost, usual } = losses(aftermath)
  const at = (share: number) => `${quantile(lost.map(({ lost }) => lost), share).toFixed(0)} ms`
  return `
${table(["operation", "count"], labels.sort(([, a], [, b]) => b - a).map(([label, n]) => [label, String(n)]))}

pods            ${starts} started, ${kills} killed
operations      ${totals.operations}
writes          ${totals.writes}: ${totals.applied} acknowledged, ${totals.uncertain} of unknown effect, ${totals.late} after the end of their operation
unmatched       ${totals.unmatched}
usual           ${usual.toFixed(0)} ms from one operation on a meeting to the next
lost            99 % at most ${at(0.99)}, 99.9 % ${at(0.999)}, the longest ${at(1)}`
}
