import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Happening } from "./Happening.ts"

type WithoutTime<H> = H extends Happening ? Omit<H, "at"> : never

/** Says what happened. It is only made if somebody reads. */
export type Publish = (happening: () => WithoutTime<Happening> | undefined) => void

/** One of many, numbered from 1. What was lost has the number of the last of it. */
interface Numbered {
  readonly id: number
  readonly happening: Happening
}

export interface Feed {
  readonly publish: Publish
  readonly watchers: () => number
  /** Reads from now on: all that has happened since the last time, at least one. */
  readonly subscribe: Effect.Effect<Effect.Effect<ReadonlyArray<Numbered>>, never, Scope.Scope>
}

/** How many happenings wait for one reader. */
const capacity = 1_000

interface Reader {
  waiting: Array<Numbered>
  lost: number
  wake: () => void
}

export const make = (now: () => number): Feed => {
  const readers = new Set<Reader>()
  let count = 0

  const offer = (reader: Reader, numbered: Numbered): void => {
    reader.waiting.push(numbered)
    // Half of them at once, because an array is slow to shift.
    if (reader.waiting.length > capacity) reader.lost += reader.waiting.splice(0, capacity / 2).length
    reader.wake()
  }

  const take = (reader: Reader): ReadonlyArray<Numbered> => {
    const { lost, waiting } = reader
    reader.waiting = []
    reader.lost = 0
    const [first] = waiting
    return lost === 0 || first === undefined
      ? waiting
      : [{ id: first.id - 1, happening: { _tag: "Lost", at: first.happening.at, count: lost } }, ...waiting]
  }

  return {
    watchers: () => readers.size,
    publish: (make) => {
      if (readers.size === 0) return
      const happening = make()
      if (happening === undefined) return
      const numbered: Numbered = { id: ++count, happening: { at: now(), ...happening } }
      for (const reader of readers) offer(reader, numbered)
    },
    subscribe: Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const reader: Reader = { waiting: [], lost: 0, wake: () => {} }
          readers.add(reader)
          return reader
        }),
        (reader) => Effect.sync(() => readers.delete(reader))
      ),
      (reader) =>
        Effect.callback<ReadonlyArray<Numbered>>((resume) => {
          if (reader.waiting.length > 0) return resume(Effect.sync(() => take(reader)))
          reader.wake = () => {
            reader.wake = () => {}
            resume(Effect.sync(() => take(reader)))
          }
          return Effect.sync(() => {
            reader.wake = () => {}
          })
        })
    )
  }
}
