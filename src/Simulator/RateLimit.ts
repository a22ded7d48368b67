/** Requests in a window, in milliseconds: tier 4 of the documents. */
const tier = [{ count: 50, millis: 1_000 }, { count: 1_000, millis: 60_000 }] as const

const longest = 60_000

/**
 * Which limit a request exceeds, and how many milliseconds until it would not.
 */
interface Excess {
  readonly count: number
  readonly wait: number
}

export interface RateLimit {
  /** Counts a request at this time, unless it exceeds a limit. */
  readonly take: (key: string, now: number) => Excess | undefined
}

/**
 * Counts in windows that slide: the documents do not say where a window begins, and this is the strictest reading.
 */
export const make = (): RateLimit => {
  const taken = new Map<string, Array<number>>()
  return {
    take: (key, now) => {
      const times = (taken.get(key) ?? []).filter((time) => time > now - longest)
      taken.set(key, times)
      for (const { count, millis } of tier) {
        const first = times.at(-count)
        if (first !== undefined && first > now - millis) return { count, wait: first + millis - now }
      }
      times.push(now)
      return undefined
    }
  }
}
