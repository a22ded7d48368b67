/**
 * One run of an effect at a time, which whoever asks joins, and which goes on even if nobody waits for it any more.
 *
 * @internal
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** Gives the run that is under way, or starts one. Runs end with the scope. */
export const make = <A, E>(
  self: Effect.Effect<A, E>
): Effect.Effect<Effect.Effect<Deferred.Deferred<A, E>>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    let flight: Deferred.Deferred<A, E> | undefined
    // Nothing may come between looking for a flight and starting one.
    return Effect.uninterruptible(Effect.suspend(() => {
      if (flight !== undefined) return Effect.succeed(flight)
      const started = flight = Deferred.makeUnsafe<A, E>()
      return Effect.map(Effect.forkIn(self, scope), (fiber) => {
        // Also of a flight that never started, because the scope has ended.
        fiber.addObserver((exit) => {
          flight = undefined
          Deferred.doneUnsafe(started, exit)
        })
        return started
      })
    }))
  })
