/**
 * The account of every operation: what its report claims, against what the simulator's log says it did.
 *
 * **Matching.** Every request carries the number of its operation in its query, which the simulator logs and does not
 * look at. So each write of the log belongs to exactly one operation, and to none that was not called. An operation is
 * settled by pairs (the host before, the host after): each swap that its report calls applied takes one write with its
 * pair, each that may have been applied takes one or none, and no write may be left. Sums need no checking of their
 * own: if every write is taken by a claim about the same meeting and no claim goes without, they are equal.
 *
 * **Slices.** The log comes in slices. An operation that had ended before a slice was asked for is settled by it: all
 * it has done, and all that happened in its time, is in that slice or in an earlier one. Only a request that the client
 * has given up on can still act after that. What an operation still may do is kept as a byte; a later write takes one
 * from it, and nothing else is remembered, so that memory stays flat.
 */
import type { Ending, Slice, Write } from "./channel.ts"
import { firstHost } from "./stage.ts"

export interface Pair {
  readonly before: string
  readonly after: string
}

/** What an operation says it did. */
export interface Account {
  readonly effect: "none" | "applied" | "unknown"
  /** The swaps that it says were applied. */
  readonly applied: ReadonlyArray<Pair>
  /** Those that may have been, as far as it knows; or how many requests, if an interruption left no report. */
  readonly doubtful: ReadonlyArray<Pair> | number
  /** Who it says was host at some time between its call and its end. */
  readonly saw?: string | undefined
  readonly details: () => string
}

interface Entry {
  readonly meeting: string
  readonly from: number
  readonly writes: Array<Pair>
  end: { readonly at: number; readonly account: Account } | undefined
}

/** A meeting that ends is a register that is written once. */
const ending: Pair = { before: "in progress", after: "ended" }

const capacity = 2 ** 24

const isSame = (a: Pair, b: Pair) => a.before === b.before && a.after === b.after

const show = ({ after, before }: Pair) => `${before} -> ${after}`

/** Takes the first equal pair out of the list. */
const take = (pairs: Array<Pair>, pair: Pair): boolean => {
  const index = pairs.findIndex((other) => isSame(other, pair))
  if (index === -1) return false
  pairs.splice(index, 1)
  return true
}

export interface Ledger {
  readonly begin: (operation: number, meeting: string, at: number) => void
  readonly end: (operation: number, at: number, account: Account) => void
  /** To be called before a slice is asked for; the result takes it. */
  readonly ask: () => (slice: Pick<Slice, "writes" | "endings">) => void
  /** To be called when nothing can happen any more. */
  readonly close: () => void
  readonly totals: {
    readonly operations: number
    readonly running: number
    /** Writes of the log: by requests of operations, and by others. */
    readonly writes: number
    readonly rivals: number
    /** Writes by the claim that took them. */
    readonly applied: number
    readonly doubtful: number
    readonly late: number
    /** Claims without a write, and writes without a claim. */
    readonly unaccounted: number
  }
  readonly discrepancies: ReadonlyArray<string>
}

export const makeLedger = (): Ledger => {
  const entries = new Map<number, Entry>()
  /** Who became host when, no older than the oldest operation that is not settled. */
  const hosts = new Map<string, Array<{ readonly host: string; readonly at: number }>>()
  /** How many writes of a settled operation may still come. Zeroed memory takes no room before it is used. */
  const outstanding = new Uint8Array(capacity)
  const discrepancies: Array<string> = []
  const totals = {
    operations: 0,
    running: 0,
    writes: 0,
    rivals: 0,
    applied: 0,
    doubtful: 0,
    late: 0,
    unaccounted: 0
  }
  let highest = -1

  const complain = (text: string) => {
    if (discrepancies.length < 20) discrepancies.push(text)
  }
  const unaccounted = (text: string) => {
    totals.unaccounted = totals.unaccounted + 1
    complain(text)
  }

  const hostsOf = (meeting: string) => {
    const known = hosts.get(meeting) ?? [{ host: firstHost, at: Number.NEGATIVE_INFINITY }]
    hosts.set(meeting, known)
    return known
  }

  /** Both processes read the same clock, in whole milliseconds: an overlap stays one when both are rounded down. */
  const wasHost = (meeting: string, name: string, from: number, to: number): boolean =>
    hostsOf(meeting).some(({ at, host }, i, all) =>
      host === name && at <= to && (all[i + 1]?.at ?? Number.POSITIVE_INFINITY) >= from
    )

  const attribute = (operation: number, meeting: string, pair: Pair): void => {
    totals.writes = totals.writes + 1
    const entry = entries.get(operation)
    if (entry !== undefined) {
      if (entry.meeting !== meeting) complain(`operation ${operation} on ${entry.meeting} wrote to ${meeting}`)
      entry.writes.push(pair)
    } else if (!(operation <= highest)) {
      unaccounted(`${show(pair)} in ${meeting} by operation ${operation}, which was never called`)
    } else if (outstanding[operation] === 0) {
      unaccounted(`${show(pair)} in ${meeting} by operation ${operation}, which had nothing more to do`)
    } else {
      outstanding[operation] = (outstanding[operation] ?? 0) - 1
      totals.late = totals.late + 1
    }
  }

  const onWrite = ({ after, at, before, meeting, operation }: Write): void => {
    const known = hostsOf(meeting)
    const last = known.at(-1)?.host
    if (last !== before) complain(`the log of ${meeting} has a gap: ${last} was host, then ${before} is replaced`)
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
      else unaccounted(`says ${show(pair)} was applied, and it was not; ${where()}`)
    }
    if (account.effect === "applied" && account.applied.length === 0) {
      complain(`says that it took effect, by no swap; ${where()}`)
    }
    const may = account.effect === "none" ? [] : account.doubtful
    const open = typeof may === "number" ? undefined : [...may]
    let left = typeof may === "number" ? may : may.length
    for (const pair of written) {
      if (left > 0 && (open === undefined || take(open, pair))) {
        left = left - 1
        totals.doubtful = totals.doubtful + 1
      } else unaccounted(`says effect ${account.effect}, and there is ${show(pair)}; ${where()}`)
    }
    outstanding[operation] = Math.min(left, 255)
    if (account.saw !== undefined && !wasHost(entry.meeting, account.saw, entry.from, at)) {
      const was = hostsOf(entry.meeting).map(({ at, host }) => `${host} ${at}`).join(", ")
      complain(`${account.saw} was not host between ${entry.from} and ${at} (${was}); ${where()}`)
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
      if (entry === undefined || entry.end !== undefined) return complain(`operation ${operation} ended twice`)
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
      for (const operation of entries.keys()) complain(`operation ${operation} has no end`)
      const { applied, doubtful, late, writes } = totals
      if (totals.unaccounted === 0 && entries.size === 0 && writes !== applied + doubtful + late) {
        complain(`${writes} writes in the log, ${applied + doubtful + late} in the account`)
      }
    },
    totals,
    discrepancies
  }
}
