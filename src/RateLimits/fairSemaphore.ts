/**
 * A mutex that is fair among keys: first in, first out within a key, round-robin among keys. `PartitionedSemaphore` starves a
 * key with many waiters while other keys keep arriving.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

/** Runs an effect while it holds the mutex. A key without waiters takes no memory. */
export type FairSemaphore<K> = (key: K) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const make = <K>(): FairSemaphore<K> => {
  const shared = Semaphore.makeUnsafe(1)
  const lanes = new Map<K, { readonly semaphore: Semaphore.Semaphore; users: number }>()

  return (key) => (self) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const lane = lanes.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
        lanes.set(key, lane)
        lane.users += 1
        return lane
      }),
      // Only the first waiter of a key queues at the shared semaphore, behind the keys that wait there by then.
      ({ semaphore }) => semaphore.withPermit(shared.withPermit(self)),
      (lane) =>
        Effect.sync(() => {
          lane.users -= 1
          if (lane.users === 0) lanes.delete(key)
        })
    )
}
