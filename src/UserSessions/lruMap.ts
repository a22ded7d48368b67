/**
 * What was made for a key, for as long as it is in use: bounded in number, and freed when nobody has asked for it for a
 * while.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

interface Entry<A> {
  readonly value: A
  usedAt: number
}

/** Entries go when others come: an idle program holds what it held, and no timer runs for it. */
export const make = <A>(
  options: { readonly capacity: number; readonly idleTime: Duration.Input },
  lookup: (key: string) => A
): (key: string) => Effect.Effect<A> => {
  const idleTime = Duration.toMillis(options.idleTime)
  // A map is in the order of insertion: used last is last.
  const entries = new Map<string, Entry<A>>()

  const forget = (now: number): void => {
    for (const [key, { usedAt }] of entries) {
      if (entries.size <= options.capacity && now - usedAt <= idleTime) break
      entries.delete(key)
    }
  }

  return (key) =>
    Clock.clockWith((clock) => {
      const now = clock.currentTimeMillisUnsafe()
      const { value } = entries.get(key) ?? { value: lookup(key) }
      entries.delete(key)
      entries.set(key, { value, usedAt: now })
      forget(now)
      return Effect.succeed(value)
    })
}
