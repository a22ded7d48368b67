import * as Duration from "effect/Duration"

/**
 * A number of requests in a sliding window.
 *
 * @stability unstable
 * @category models
 */
export interface RequestLimit {
  readonly requests: number
  readonly window: Duration.Input
}

/** Tier 4 of the documentation. */
export const tier4: ReadonlyArray<RequestLimit> = [
  { requests: 50, window: "1 second" },
  { requests: 1_000, window: "1 minute" }
]

interface Excess {
  /** The limit that the request exceeds. */
  readonly requests: number
  /** Milliseconds until a request is admitted. */
  readonly wait: number
}

export interface RateLimit {
  /** Counts a request, unless it exceeds a limit. */
  readonly take: (key: string, limits: ReadonlyArray<RequestLimit>, now: number) => Excess | undefined
}

/** Sliding windows. The documentation does not say when a window begins; this is the strictest reading. */
export const make = (): RateLimit => {
  const taken = new Map<string, Array<number>>()
  return {
    take: (key, limits, now) => {
      const windows = limits.map(({ requests, window }) => ({ requests, millis: Duration.toMillis(window) }))
      const longest = Math.max(0, ...windows.map(({ millis }) => millis))
      const times = (taken.get(key) ?? []).filter((time) => time > now - longest)
      taken.set(key, times)
      for (const { millis, requests } of windows) {
        const first = times.at(-requests)
        if (first !== undefined && first > now - millis) return { requests, wait: first + millis - now }
      }
      times.push(now)
      return undefined
    }
  }
}
