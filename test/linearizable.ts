/**
 * Is there an order in which the calls could have happened one by one? The search of Wing and Gong, which remembers
 * dead ends as Lowe does.
 */

/** A call on one register, and when it was under way. Calls of one instant count as concurrent. */
export interface Call<S> {
  readonly start: number
  /** Infinite if the effect is unknown: it may come at any time after `start`, or never. */
  readonly end: number
  /** The value after it; undefined if it cannot have been answered as it was with this value in place. */
  readonly next: (value: S) => S | undefined
}

interface Window {
  readonly start: number
  readonly end: number
}

export const write = <S>(to: S, { end, start }: Window): Call<S> => ({ start, end, next: () => to })

export const read = <S>(seen: S, { end, start }: Window): Call<S> => ({
  start,
  end,
  next: (value) => value === seen ? value : undefined
})

export const swap = <S>(from: S, to: S, { end, start }: Window): Call<S> => ({
  start,
  end,
  next: (value) => value === from ? to : undefined
})

/** A swap that met a conflict; `seen` is undefined if the conflict did not show the value. */
export const conflict = <S>(expected: S, seen: S | undefined, { end, start }: Window): Call<S> => ({
  start,
  end,
  next: (value) => value !== expected && (seen === undefined || value === seen) ? value : undefined
})

/** A swap of unknown effect. */
export const maybe = <S>(from: S, to: S, start: number): Call<S> => swap(from, to, { start, end: Infinity })

/** The calls in an order that explains every answer, without those that need not have happened; undefined if none does. */
export const linearize = <S extends string | number>(
  initial: S,
  calls: ReadonlyArray<Call<S>>
): ReadonlyArray<Call<S>> | undefined => {
  const deadEnds = new Set<string>()

  const search = (value: S, waiting: ReadonlyArray<Call<S>>): ReadonlyArray<Call<S>> | undefined => {
    if (waiting.every((call) => call.end === Infinity)) return []
    const place = `${waiting.map((call) => calls.indexOf(call)).join()} ${value}`
    if (deadEnds.has(place)) return undefined
    const firstEnd = Math.min(...waiting.map((call) => call.end))
    for (const call of waiting) {
      // Another call had ended before this one began.
      if (call.start > firstEnd) continue
      const after = call.next(value)
      if (after === undefined) continue
      const rest = search(after, waiting.filter((other) => other !== call))
      if (rest !== undefined) return [call, ...rest]
    }
    deadEnds.add(place)
    return undefined
  }

  return search(initial, calls)
}
