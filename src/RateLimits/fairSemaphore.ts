/**
 * A mutex that is fair among keys: first in, first out within a key, round-robin among keys.
 *
 * **Details**
 *
 * Only the first waiter of each key queues at the shared semaphore; the next one of its key queues behind all that wait
 * there by then. So a key with many waiters makes progress even if other keys keep arriving, where `PartitionedSemaphore`
 * starves it: keys that come back are served before it wraps around.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

interface Lane {
  readonly semaphore: Semaphore.Semaphore
  users: number
}

/** Runs an effect while it holds the mutex. A key without waiters takes no memory. */
export type FairSemaphore<K> = (key: K) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const make = <K>(): FairSemaphore<K> => {
  const shared = Semaphore.makeUnsafe(1)
  const lanes = new Map<K, Lane>()

  const enter = (key: K) =>
    Effect.sync(() => {
      const lane = lanes.get(key) ?? { semaphore: Semaphore.makeUnsafe(1), users: 0 }
      lanes.set(key, lane)
      lane.users += 1
      return lane
    })

  const leave = (key: K, lane: Lane) =>
    Effect.sync(() => {
      lane.users -= 1
      if (lane.users === 0) lanes.delete(key)
    })

  return (key) => (self) =>
    Effect.acquireUseRelease(
      enter(key),
      ({ semaphore }) => semaphore.withPermit(shared.withPermit(self)),
      (lane) => leave(key, lane)
    )
}
