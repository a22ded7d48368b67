/** The latest of many records, each with an index that it keeps. */
export interface Ring<A> {
  /** Adds a record, and returns its index: how many there were before. */
  readonly add: (record: A) => number
  /** A record, unless it was forgotten. */
  readonly get: (index: number) => A | undefined
  /** Changes a record, unless it was forgotten. */
  readonly update: (index: number, change: (record: A) => A) => void
  /** Those that are kept, oldest first. */
  readonly all: () => ReadonlyArray<A>
  /** How many were forgotten. */
  readonly forgotten: () => number
}

/** Keeps so many records; the oldest are forgotten. */
export const make = <A>(length: number): Ring<A> => {
  const records: Array<A> = []
  let count = 0
  const get = (index: number): A | undefined => index < count - length ? undefined : records[index % length]
  return {
    get,
    add: (record) => {
      records[count % length] = record
      return count++
    },
    update: (index, change) => {
      const record = get(index)
      if (record !== undefined) records[index % length] = change(record)
    },
    all: () => {
      const first = count > length ? count % length : 0
      return [...records.slice(first), ...records.slice(0, first)]
    },
    forgotten: () => Math.max(0, count - length)
  }
}

/** Values by a key, of which those that are over may be forgotten. */
export interface Store<A> {
  readonly get: (key: string) => A | undefined
  readonly set: (key: string, value: A, now: number) => void
  readonly values: () => Iterable<A>
}

/**
 * Forgets the oldest values that are over, as soon as there are more than so many. Values that are not over are state, and are
 * kept.
 */
export const makeStore = <A>(length: number, isOver: (value: A, now: number) => boolean): Store<A> => {
  const values = new Map<string, A>()
  let sweepAbove = length
  return {
    get: (key) => values.get(key),
    set: (key, value, now) => {
      values.set(key, value)
      if (values.size <= sweepAbove) return
      for (const [key, value] of values) {
        if (values.size <= length) break
        if (isOver(value, now)) values.delete(key)
      }
      // Where most are kept, the next sweep is as far away as makes this one cheap.
      sweepAbove = Math.ceil(values.size * 1.1)
    },
    values: () => values.values()
  }
}
