/**
 * One at a time, by turns: those of one key in their order, and the keys in turn.
 *
 * **Details**
 *
 * Of each key only the first waits at the gate; the next of its key comes behind all who wait there then. So a key that
 * many wait for has its turns even among others that come anew all the time.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

interface Lane {
  readonly first: Semaphore.Semaphore
  users: number
}

/** Runs an effect when it is the turn of its key. A key that nobody waits for takes no memory. */
export type Turns<K> = (key: K) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const make = <K>(): Turns<K> => {
  const gate = Semaphore.makeUnsafe(1)
  const lanes = new Map<K, Lane>()

  const enter = (key: K) =>
    Effect.sync(() => {
      const lane = lanes.get(key) ?? { first: Semaphore.makeUnsafe(1), users: 0 }
      lanes.set(key, lane)
      lane.users = lane.users + 1
      return lane
    })

  const leave = (key: K, lane: Lane) =>
    Effect.sync(() => {
      lane.users = lane.users - 1
      if (lane.users === 0) lanes.delete(key)
    })

  return (key) => (self) =>
    Effect.acquireUseRelease(
      enter(key),
      ({ first }) => first.withPermit(gate.withPermit(self)),
      (lane) => leave(key, lane)
    )
}
