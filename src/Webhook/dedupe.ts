/**
 * Does something once for each id, however often it comes.
 *
 * @internal
 */
import * as Cache from "effect/Cache"
import * as Effect from "effect/Effect"

/** The platform repeats what it got no answer to after 15 seconds, 5 minutes, an hour and six hours. */
const timeToLive = "8 hours"
const capacity = 10_000

/** What fails is done again when it comes again. */
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
