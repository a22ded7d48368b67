/**
 * What a chaos run shows, as text, and its failures.
 */
import { table } from "../bench/table.ts"
import type { Record } from "./bed.ts"
import type { Aftermath } from "./chaos.ts"
import { keeperFailures, keeperSummary } from "./keeping.ts"

/** How much time the death of a part may cost the next caller, in milliseconds. */
const mostLost = 2_500

/** The last is that of an operation which a later one of the plan replaced. */
const successes = new Set(["swapped", "converged", "already", "CasSuperseded"])

/** A request that was not stored has no result, and one whose process died may not know it. */
const ends = new Set([...successes, "RequestNotFound", "CasIndeterminate"])

const resultsOf = ({ records }: Aftermath) => records.filter(({ task }) => task === "Result")

/** An operation, and since when nothing else on its meeting ended: its call, or the end of the one before. */
interface Step extends Record {
  readonly since: number
  readonly millis: number
}

export const stepsOf = (records: ReadonlyArray<Record>): ReadonlyArray<Step> => {
  const last = new Map<number, number>()
  return records.filter(({ task }) => task === "Ensure" || task === "Planned").toSorted((a, b) => a.ended - b.ended)
    .map((record) => {
      const since = Math.max(record.called, last.get(record.meeting) ?? 0)
      last.set(record.meeting, record.ended)
      return { ...record, since, millis: record.ended - since }
    })
}

export const quantile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))] ?? 0

/** Plain operations of pods that lived, and were not frozen meanwhile. */
const undisturbed = ({ records }: Aftermath) =>
  stepsOf(records).filter(({ performed, task, wasFrozen }) =>
    task === "Ensure" && performed !== undefined && !wasFrozen
  )

/**
 * What the operations lost: the time that neither an undisturbed one nor their own requests take. Time before the first blow
 * counts alone: it is that of another operation, which had the turn.
 */
const losses = (aftermath: Aftermath) => {
  const { blows, latency } = aftermath
  const steps = undisturbed(aftermath)
  const usual = quantile(steps.map(({ millis }) => millis), 0.5)
  /** How long operations that ended meanwhile took for their requests. */
  const requestsDuring = ({ called, ended, since }: Step): number => {
    const others = steps.filter((other) => other.called !== called && other.ended >= since && other.ended <= ended)
    return others.length === 0 ? usual : quantile(others.map(({ performed }) => performed?.requested ?? usual), 0.5)
  }
  const lost = steps.map((step) => {
    // On a busy machine requests take long, and timers are late.
    const most = mostLost
      + (step.millis > mostLost ? 10 * Math.max(0, requestsDuring(step) - latency) : 0)
    // A part that died just before may still be missed.
    const deaths = blows.filter((at) => at >= step.since - most && at <= step.ended)
    const from = Math.max(step.since, deaths[0] ?? 0)
    const before = from - step.since
    const after = step.ended - from - Math.max(usual, step.performed?.requested ?? 0)
    return {
      ...step,
      lost: Math.max(before, after),
      most,
      isTooMuch: before > most || after > most * Math.max(1, deaths.length)
    }
  })
  return { usual, lost }
}

const count = <A>(values: Iterable<A>): ReadonlyMap<A, number> => {
  const counts = new Map<A, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

const describedIn = ({ began }: Aftermath) => ({ called, ended, meeting, performed, pod, task }: Record) => {
  const [from, to] = [called, ended].map((at) => ((at - began) / 1_000).toFixed(2))
  return `${pod} on meeting ${meeting}, ${from} to ${to} s, ${task}: ${performed?.details ?? "process died"}`
}

/** What else was under way on the meeting, or ended shortly before. */
const meanwhile = ({ records }: Aftermath, step: Step) =>
  records.filter((other) =>
    other.meeting === step.meeting && other.called !== step.called
    && other.ended > step.since - 200 && other.called < step.ended
  ).slice(0, 12)

/** The failures of a run; none if it passed. */
export const failuresOf = (aftermath: Aftermath): ReadonlyArray<string> => {
  const failed = [
    ...undisturbed(aftermath).filter(({ performed }) => !successes.has(performed?.label ?? "")),
    ...resultsOf(aftermath).filter(({ performed }) => !ends.has(performed?.label ?? ""))
  ]
  const described = describedIn(aftermath)
  const { lost } = losses(aftermath)
  const late = lost.filter(({ isTooMuch }) => isTooMuch)
  return [
    ...aftermath.discrepancies,
    ...keeperFailures(aftermath),
    ...(aftermath.unended === 0 ? [] : [`${aftermath.unended} operations have not ended`]),
    ...(failed.length === 0 ? [] : [`${failed.length} operations failed:`]),
    ...failed.slice(0, 5).map((record) => `  ${record.performed?.label}: ${described(record)}`),
    ...(late.length === 0 ? [] : [`${late.length} operations lost too much time for the parts that died:`]),
    ...late.slice(0, 5).flatMap((step) => [
      `  ${step.lost.toFixed(0)} ms, at most ${step.most.toFixed(0)}: ${described(step)}`,
      ...meanwhile(aftermath, step).map((record) => `    meanwhile ${described(record)}`)
    ])
  ]
}

export const summaryOf = (aftermath: Aftermath): string => {
  const { kills, records, starts, totals } = aftermath
  const labels = [...count(records.map(({ performed, task }) => `${task} ${performed?.label ?? "process died"}`))]
  const { lost, usual } = losses(aftermath)
  const results = resultsOf(aftermath).map(({ called, ended }) => ended - called)
  const at = (share: number) => `${quantile(lost.map(({ lost }) => lost), share).toFixed(0)} ms`
  return `
${table(["operation", "count"], labels.sort(([, a], [, b]) => b - a).map(([label, n]) => [label, String(n)]))}

pods            ${starts} started, ${kills} killed
operations      ${totals.operations}
writes          ${totals.writes}: ${totals.applied} acknowledged, ${totals.uncertain} of unknown effect, ${totals.late} after the end of their operation
unmatched       ${totals.unmatched}
calls           ${(aftermath.calls / totals.operations).toFixed(2)} for each operation
requests        ${results.length}, half done after ${quantile(results, 0.5).toFixed(0)} ms, the last after ${
    quantile(results, 1).toFixed(0)
  } ms
${keeperSummary(aftermath)}
usual           ${usual.toFixed(0)} ms from one operation on a meeting to the next
lost            99 % at most ${at(0.99)}, 99.9 % ${at(0.999)}, the longest ${at(1)}`
}
