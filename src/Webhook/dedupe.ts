/**
 * Handles the deliveries of each event id once.
 *
 * @internal
 */
import * as Cache from "effect/Cache"
import * as Effect from "effect/Effect"

/** The platform repeats an unanswered delivery after 15 seconds, 5 minutes, one hour and six hours. */
const timeToLive = "8 hours"
const capacity = 10_000

/** A failed delivery is not recorded, so a redelivery is handled again. */
export const make: Effect.Effect<
  <E>(id: string, self: Effect.Effect<void, E>) => Effect.Effect<void, E>
> = Effect.map(
  Cache.make({ capacity, timeToLive, lookup: (_id: string) => Effect.sync(() => ({ isTaken: false })) }),
  (deliveries) => (id, self) =>
    Effect.flatMap(Cache.get(deliveries, id), (delivery) =>
      Effect.suspend(() => {
        if (delivery.isTaken) return Effect.void
        delivery.isTaken = true
        return Effect.onError(self, () => Effect.sync(() => delivery.isTaken = false))
      }))
)
