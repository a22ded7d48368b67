import { Effect, type Semaphore } from "effect"
import { Cas } from "effect-lark-meetings"
import type { KeyValueStore } from "effect/persistence"

/**
 * A key of a `KeyValueStore`, which has no conditional write: `lock` makes one of a `get` and a `set`.
 *
 * That holds among the fibers that share the lock, in one process. Another process that writes to the same directory or
 * table is not kept out, and its write may be lost: for that, take a store that can compare.
 */
export const fromKey = (
  store: KeyValueStore.KeyValueStore,
  lock: Semaphore.Semaphore,
  key: string
): Cas.Register<string> => ({
  equals: (a, b) => a === b,
  read: Effect.match(store.get(key), {
    onFailure: (cause) => Cas.unsent({ cause }),
    onSuccess: (value) => value === undefined ? Cas.observedNothing : Cas.observed(value)
  }),
  swap: (expected, desired) =>
    Effect.gen(function*() {
      const actual = yield* store.get(key)
      if (actual === undefined) return Cas.conflictWithoutState
      if (actual !== expected) return Cas.conflict(actual)
      // A file may have been written in spite of the error.
      return yield* Effect.match(store.set(key, desired), { onFailure: Cas.unknown, onSuccess: () => Cas.applied })
    }).pipe(
      Effect.catch((cause) => Effect.succeed(Cas.unsent({ cause }))),
      lock.withPermit
    )
})
