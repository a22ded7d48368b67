/** The operations of one queue on one key, in the order of their calls. */
import type * as Fiber from "effect/Fiber"
import type { Bounds } from "./Policy.ts"
import type { Failure } from "./reducer.ts"
import type { QueueTurns } from "./Turns.ts"

/** One operation in a line. */
export interface Entry {
  readonly fiber: Fiber.Fiber<unknown, unknown>
  invokedAt: number
  readonly bounds: Bounds
  readonly isLatest: boolean | undefined
  /** Why it gets no turn. */
  end: Failure<never, never> | undefined
  /** Resumes the fiber that waits for the turn, or for the end. */
  wake: () => void
}

/** What the turn of a line depends on beside its order: the turns of others. */
export interface Guard {
  /** Whether the first in the line has the turn. */
  readonly isOpen: boolean
  /** An operation has joined the line. */
  readonly joined: (entry: Entry) => void
  /** An operation has left the line, with the turn or without. */
  readonly left: (hadTurn: boolean) => void
}

/** Exists while there is an operation in it. */
export interface Line<A> {
  /** In the order of their calls: the first has the turn, and only its own end takes it away. */
  readonly entries: Set<Entry>
  /** The value that the last operation saw, and when the request that showed it left. */
  baton?: { readonly value: A; readonly leftAt: number; readonly isAged: boolean } | undefined
  guard?: Guard | undefined
}

/** What `QueueTurns` are. */
export interface Guarded<in K, in out A> extends QueueTurns<K, A> {
  readonly make: (key: K, line: Line<A>) => Guard
}

export const hasTurn = <A>(line: Line<A>, entry: Entry): boolean =>
  line.guard?.isOpen !== false && line.entries.values().next().value === entry

/** The only way out of waiting but the turn. In one step with the place in the line. */
export const stopWaiting = <A>(line: Line<A>, entry: Entry, end: Failure<never, never>): void => {
  if (hasTurn(line, entry) || !line.entries.delete(entry)) return
  entry.end = end
  entry.wake()
}
