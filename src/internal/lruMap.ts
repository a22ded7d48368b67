/**
 * A map that makes its values on demand, and drops idle ones, and the least recently used ones when it is full. Entries are
 * dropped when another one is used, so that no timer runs. Effect's `Cache` counts from when an entry was made, and `RcMap`
 * fails when it is full.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import { monotonicMillis } from "./monotonicClock.ts"

export const make = <A>(
  clock: Clock.Clock,
  options: { readonly capacity: number; readonly idleTime: Duration.Duration },
  lookup: (key: string) => A
): (key: string) => A => {
  const idleTime = Duration.toMillis(options.idleTime)
  // In the order of insertion, so the least recently used entry comes first.
  const entries = new Map<string, { readonly value: A; usedAt: number }>()

  return (key) => {
    const now = monotonicMillis(clock)
    const entry = entries.get(key) ?? { value: lookup(key), usedAt: now }
    entry.usedAt = now
    entries.delete(key)
    entries.set(key, entry)
    for (const [oldest, { usedAt }] of entries) {
      if (entries.size <= options.capacity && now - usedAt < idleTime) break
      entries.delete(oldest)
    }
    return entry.value
  }
}
