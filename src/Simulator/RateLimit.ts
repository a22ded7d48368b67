/** Tier 4 of the documentation: requests per window, in milliseconds. */
const tier = [{ count: 50, millis: 1_000 }, { count: 1_000, millis: 60_000 }] as const

const longest = 60_000

interface Excess {
  /** The limit that the request exceeds. */
  readonly count: number
  /** Milliseconds until a request is admitted. */
  readonly wait: number
}

export interface RateLimit {
  /** Counts a request, unless it exceeds a limit. */
  readonly take: (key: string, now: number) => Excess | undefined
}

/** Sliding windows. The documentation does not say when a window begins; this is the strictest reading. */
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
