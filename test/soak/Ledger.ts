/**
 * Checks what each operation claims to have done against the simulator's log of writes.
 *
 * **Matching.** Every request carries the number of its operation in a query parameter, so every write in the log belongs to
 * one operation. An operation is settled by pairs (the host before, the host after): a swap that its report calls applied
 * takes one write with its pair, a swap of unknown effect takes one or none, and no write may remain. Totals need no check
 * of their own: if every write is taken by a claim and every claim of an applied swap has a write, they are equal.
 *
 * **Slices.** The log comes in slices. A slice settles the operations that ended before it was requested: their writes are
 * in that slice or an earlier one. Only a request that its client has given up on can be executed later. The number of
 * such writes that an operation may still have is kept in a byte, and nothing else, so that memory stays constant.
 */
import type { Ending, Slice, Write } from "./channel.ts"
import { firstHost } from "./stage.ts"

export interface Pair {
  readonly before: string
  readonly after: string
}

/** What an operation claims to have done. */
export interface Account {
  readonly effect: "none" | "applied" | "unknown"
  /** The swaps that it claims were applied. */
  readonly applied: ReadonlyArray<Pair>
  /** The swaps of unknown effect; or the number of requests, if an interruption left no report. */
  readonly uncertain: ReadonlyArray<Pair> | number
  /** A host that it claims to have seen between its call and its end. */
  readonly saw?: string | undefined
  readonly details: () => string
}

interface Entry {
  readonly meeting: string
  readonly from: number
  readonly writes: Array<Pair>
  end: { readonly at: number; readonly account: Account } | undefined
}

/** The end of a meeting, as a write. */
const ending: Pair = { before: "in progress", after: "ended" }

const capacity = 2 ** 24

const isSame = (a: Pair, b: Pair) => a.before === b.before && a.after === b.after

const show = ({ after, before }: Pair) => `${before} -> ${after}`

/** Removes the first equal pair from the list. */
const take = (pairs: Array<Pair>, pair: Pair): boolean => {
  const index = pairs.findIndex((other) => isSame(other, pair))
  if (index === -1) return false
  pairs.splice(index, 1)
  return true
}

export interface Ledger {
  readonly begin: (operation: number, meeting: string, at: number) => void
  readonly end: (operation: number, at: number, account: Account) => void
  /** Call it before requesting a slice, and its result with the slice. */
  readonly ask: () => (slice: Pick<Slice, "writes" | "endings">) => void
  /** Call it when no request can be executed any more. */
  readonly close: () => void
  readonly totals: {
    readonly operations: number
    readonly running: number
    /** Writes in the log: by operations, and by rivals. */
    readonly writes: number
    readonly rivals: number
    /** Writes by the kind of claim that took them; `late` ones came after their operation was settled. */
    readonly applied: number
    readonly uncertain: number
    readonly late: number
    /** Claims without a write, and writes without a claim. */
    readonly unmatched: number
  }
  readonly discrepancies: ReadonlyArray<string>
}

export const noTotals: Ledger["totals"] = {
  operations: 0,
  running: 0,
  writes: 0,
  rivals: 0,
  applied: 0,
  uncertain: 0,
  late: 0,
  unmatched: 0
}

export const makeLedger = (): Ledger => {
  const entries = new Map<number, Entry>()
  /** The hosts since the oldest operation that is not settled. */
  const hosts = new Map<string, Array<{ readonly host: string; readonly at: number }>>()
  /** The number of late writes that a settled operation may still have. Unused zeroed memory costs nothing. */
  const outstanding = new Uint8Array(capacity)
  const discrepancies: Array<string> = []
  const totals = { ...noTotals }
  let highest = -1

  const report = (text: string) => {
    if (discrepancies.length < 20) discrepancies.push(text)
  }
  const unmatched = (text: string) => {
    totals.unmatched = totals.unmatched + 1
    report(text)
  }

  const hostsOf = (meeting: string) => {
    const known = hosts.get(meeting) ?? [{ host: firstHost, at: Number.NEGATIVE_INFINITY }]
    hosts.set(meeting, known)
    return known
  }

  /** Both processes read the same clock. Rounding both times down to milliseconds preserves an overlap. */
  const wasHost = (meeting: string, name: string, from: number, to: number): boolean =>
    hostsOf(meeting).some(({ at, host }, i, all) =>
      host === name && at <= to && (all[i + 1]?.at ?? Number.POSITIVE_INFINITY) >= from
    )

  const attribute = (operation: number, meeting: string, pair: Pair): void => {
    totals.writes = totals.writes + 1
    const entry = entries.get(operation)
    if (entry !== undefined) {
      if (entry.meeting !== meeting) report(`operation ${operation} on ${entry.meeting} wrote to ${meeting}`)
      entry.writes.push(pair)
    } else if (!(operation <= highest)) {
      unmatched(`${show(pair)} in ${meeting} by operation ${operation}, which was never called`)
    } else if (outstanding[operation] === 0) {
      unmatched(`${show(pair)} in ${meeting} by operation ${operation}, which can have no more writes`)
    } else {
      outstanding[operation] = (outstanding[operation] ?? 0) - 1
      totals.late = totals.late + 1
    }
  }

  const onWrite = ({ after, at, before, meeting, operation }: Write): void => {
    const known = hostsOf(meeting)
    const last = known.at(-1)?.host
    if (last !== before) report(`the log of ${meeting} has a gap: ${last} was host, then ${before} is replaced`)
    known.push({ host: after, at })
    if (operation === undefined) totals.rivals = totals.rivals + 1
    else attribute(operation, meeting, { before, after })
  }

  const onEnding = ({ meeting, operation }: Ending) => attribute(operation, meeting, ending)

  const settle = (operation: number, entry: Entry, end: NonNullable<Entry["end"]>): void => {
    const { account, at } = end
    const written = [...entry.writes]
    const where = () => `operation ${operation} on ${entry.meeting}: ${account.details()}`
    for (const pair of account.applied) {
      if (take(written, pair)) totals.applied = totals.applied + 1
      else unmatched(`claims that ${show(pair)} was applied, but it was not; ${where()}`)
    }
    if (account.effect === "applied" && account.applied.length === 0) {
      report(`claims effect applied without an applied swap; ${where()}`)
    }
    const possible = account.effect === "none" ? [] : account.uncertain
    const open = typeof possible === "number" ? undefined : [...possible]
    let left = typeof possible === "number" ? possible : possible.length
    for (const pair of written) {
      if (left > 0 && (open === undefined || take(open, pair))) {
        left = left - 1
        totals.uncertain = totals.uncertain + 1
      } else unmatched(`claims effect ${account.effect}, but there is ${show(pair)}; ${where()}`)
    }
    outstanding[operation] = Math.min(left, 255)
    if (account.saw !== undefined && !wasHost(entry.meeting, account.saw, entry.from, at)) {
      const was = hostsOf(entry.meeting).map(({ at, host }) => `${host} ${at}`).join(", ")
      report(`${account.saw} was not host between ${entry.from} and ${at} (${was}); ${where()}`)
    }
    entries.delete(operation)
  }

  const forget = (): void => {
    const oldest = Math.min(...[...entries.values()].map(({ from }) => from))
    for (const known of hosts.values()) {
      const first = known.findLastIndex(({ at }) => at < oldest)
      if (first > 0) known.splice(0, first)
    }
  }

  return {
    begin: (operation, meeting, from) => {
      if (operation >= capacity) throw new Error(`more than ${capacity} operations`)
      highest = Math.max(highest, operation)
      totals.operations = totals.operations + 1
      totals.running = totals.running + 1
      entries.set(operation, { meeting, from, writes: [], end: undefined })
    },
    end: (operation, at, account) => {
      const entry = entries.get(operation)
      if (entry === undefined || entry.end !== undefined) return report(`operation ${operation} ended twice`)
      totals.running = totals.running - 1
      entry.end = { at, account }
    },
    ask: () => {
      const ended = [...entries].filter(([, { end }]) => end !== undefined)
      return ({ endings, writes }) => {
        writes.forEach(onWrite)
        endings.forEach(onEnding)
        for (const [operation, entry] of ended) if (entry.end !== undefined) settle(operation, entry, entry.end)
        forget()
      }
    },
    close: () => {
      for (const operation of entries.keys()) report(`operation ${operation} has no end`)
      const { applied, uncertain, late, writes } = totals
      if (totals.unmatched === 0 && entries.size === 0 && writes !== applied + uncertain + late) {
        report(`${writes} writes in the log, ${applied + uncertain + late} claimed`)
      }
    },
    totals,
    discrepancies
  }
}
