/**
 * Whether one pod at a time kept the host of a meeting, and put it back in time, as the simulator saw it.
 */
import type { Aftermath, Strike } from "./chaos.ts"
import type { KeptEvent } from "./messages.ts"

/** The wait between two reads of a keeper, in milliseconds. */
export const pollInterval = 500

/**
 * How long the host may be away in all while a keeper can run: a poll, a handover to a pod that started (about a second), and
 * a wait for the lane of a pod that died (2 seconds).
 */
const mostAway = 4_000

/** How long a strike may leave no keeper: the lock of a shard (6 seconds), its new owner, and the wait for a lane. */
const mostGone = 10_000

/** How long a pod that was frozen may keep beside another one. */
const mostBeside = 3_000

interface Span {
  readonly from: number
  readonly to: number
}

const overlap = (a: Span, b: Span) => Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from))

type Read = KeptEvent & { readonly pod: string }

const readsOf = (kept: Aftermath["kept"]): ReadonlyArray<Read> =>
  kept.flatMap(({ pod, ...event }) => event.what === "read" && pod !== undefined ? [{ ...event, pod }] : [])
    .toSorted((a, b) => a.at - b.at)

/** When strikes excuse that no pod kept, or that two did. They do not overlap. */
const excuses = ({ strikes }: Pick<Aftermath, "strikes">, reads: ReadonlyArray<Read>): ReadonlyArray<Span> => {
  const hitsKeeper = ({ from, pod }: Strike) => {
    const last = reads.findLast(({ at }) => at <= from)
    // Otherwise it is being handed over.
    const isKept = last !== undefined && from - last.at < 2 * pollInterval
    return pod === undefined || !isKept || last.pod === pod
  }
  let covered = 0
  return strikes.filter(hitsKeeper).flatMap(({ from, pod, until }) =>
    pod === undefined
      ? [{ from, to: until + mostGone }]
      : [{ from, to: from + mostGone }, { from: until, to: until + mostBeside }]
  ).toSorted((a, b) => a.from - b.from).map(({ from, to }) => {
    const span = { from: Math.max(from, covered), to }
    covered = Math.max(covered, to)
    return span
  })
}

export const keepingOf = (aftermath: Pick<Aftermath, "ended" | "kept" | "strikes">) => {
  const { ended, kept } = aftermath
  const reads = readsOf(kept)
  const excused = excuses(aftermath, reads)
  const excusedIn = (span: Span) => excused.reduce((sum, excuse) => sum + overlap(span, excuse), 0)
  const timesOf = (what: KeptEvent["what"]) => kept.filter((event) => event.what === what).map(({ at }) => at)
  const [away, back, swaps] = [timesOf("away"), timesOf("back"), timesOf("swap")]

  return {
    reads,
    /** How long the host was away each time, and how much of it no strike excuses. */
    away: away.map((from, index) => {
      const to = back[index] ?? ended
      return { from, took: to - from, unexcused: to - from - excusedIn({ from, to }) }
    }),
    /** Reads of a pod with one of another pod between them. */
    beside: reads.flatMap((read, index) => {
      const before = reads.slice(0, index).findLastIndex(({ pod }) => pod === read.pod)
      const from = reads[before]?.at ?? Number.NEGATIVE_INFINITY
      const isBeside = index - before > 1 && read.at - from <= 2 * pollInterval
      return isBeside && excusedIn({ from, to: read.at }) === 0
        ? [{ at: read.at, pods: [read.pod, reads[index - 1]?.pod] }]
        : []
    }),
    /** Moves of the rival that were answered with several swaps. */
    repeated: away.flatMap((from, index) => {
      const to = away[index + 1] ?? ended
      const count = swaps.filter((at) => at >= from && at < to).length
      return count > 1 && excusedIn({ from, to }) === 0 ? [{ from, count }] : []
    }),
    /** The pods that keep in the end, when all is calm. */
    last: [...new Set(reads.filter(({ at }) => at > ended - 3_000).map(({ pod }) => pod))]
  }
}

/** None if the run has no keeper. */
export const keeperFailures = (aftermath: Aftermath): ReadonlyArray<string> => {
  if (aftermath.kept.length === 0) return []
  const { away, beside, last, repeated } = keepingOf(aftermath)
  const at = (millis: number) => `${((millis - aftermath.began) / 1_000).toFixed(2)} s`
  return [
    ...away.filter(({ unexcused }) => unexcused > mostAway).map(({ from, unexcused }) =>
      `keeper: the host was away for ${unexcused} ms from ${at(from)}, at most ${mostAway}`
    ),
    ...beside.slice(0, 5).map(({ at: when, pods }) => `keeper: two pods kept at ${at(when)}: ${pods.join(", ")}`),
    ...repeated.map(({ count, from }) => `keeper: ${count} swaps for the move of the rival at ${at(from)}`),
    ...(last.length === 1 ? [] : [`keeper: ${last.length} pods keep in the end: ${last.join(", ")}`])
  ]
}

export const keeperSummary = (aftermath: Aftermath): string => {
  const { away, reads } = keepingOf(aftermath)
  const most = (values: ReadonlyArray<number>) => Math.max(0, ...values)
  const pods = reads.filter(({ pod }, index) => pod !== reads[index - 1]?.pod).length
  return `keeper          in ${pods} pods one after the other; the host was moved away ${away.length} times, and away at most ${
    most(away.map(({ unexcused }) => unexcused))
  } ms, and ${most(away.map(({ took, unexcused }) => took - unexcused))} ms for the parts that died`
}
