/** The set of handled events, and the rule by which each is handled once. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Persistence from "effect/persistence/Persistence"
import * as Predicate from "effect/Predicate"
import * as lruMap from "./lruMap.ts"
import { onMonotonicClock } from "./monotonicClock.ts"

/**
 * A set of the ids of handled events.
 *
 * **Details**
 *
 * - `has`: whether the event was handled.
 * - `add`: called after the event was handled. It may forget the id after eight hours: by then the platform has stopped
 *   repeating the event.
 *
 * An operation that fails, or takes longer than a second, is logged: the event is handled, perhaps once more.
 *
 * A set of your own keeps two pods from handling an event at the same moment if `has` claims the id in one step (`INSERT …
 * ON CONFLICT DO NOTHING`; no row inserted means `true`). Let the claim expire within 15 seconds unless `add` confirms it: an
 * event that comes again while it is claimed is acknowledged, and lost if its handler had failed.
 *
 * @stability stable
 * @category models
 */
export interface HandledEvents {
  readonly has: (id: string) => Effect.Effect<boolean, unknown>
  readonly add: (id: string) => Effect.Effect<void, unknown>
}

/**
 * The handled events of a webhook or a long connection; in memory without a layer, for 8 hours after their last delivery
 * (10,000 ids).
 *
 * @stability stable
 * @category services
 */
export const HandledEvents: Context.Reference<HandledEvents | undefined> = Context.Reference<HandledEvents | undefined>(
  "effect-lark-meetings/Webhook/HandledEvents",
  { defaultValue: () => undefined }
)

/** The platform repeats an unanswered delivery after 15 seconds, 5 minutes, one hour and six hours. */
const remembered = { capacity: 10_000, idleTime: Duration.hours(8) }

const makeMemory = (clock: Clock.Clock): HandledEvents => {
  const eventOf = lruMap.make(clock, remembered, () => ({ isHandled: false }))
  return {
    has: (id) => Effect.sync(() => eventOf(id).isHandled),
    add: (id) =>
      Effect.sync(() => {
        eventOf(id).isHandled = true
      })
  }
}

/** Longer than in memory: the clocks of several processes may differ by hours. */
const shared = Duration.hours(24)

/**
 * The handled events of all processes that share a store of Effect: `Persistence.layerBackingSql` or `layerBackingRedis`.
 *
 * **Details**
 *
 * An id is kept for 24 hours under `storeId` (`lark-events` by default). Different apps need different ids. SQL
 * compares the clocks of the processes, Redis its own: clocks that differ by less than 16 hours forget no event too early.
 *
 * @stability stable
 * @category layers
 */
export const layerHandledEvents = (options?: {
  readonly storeId?: string | undefined
}): Layer.Layer<never, never, Persistence.BackingPersistence> =>
  Layer.effect(
    HandledEvents,
    Effect.gen(function*() {
      const { make } = yield* Persistence.BackingPersistence
      const store = yield* onMonotonicClock(make(options?.storeId ?? "lark-events"))
      return {
        has: (id) => Effect.map(onMonotonicClock(store.get(id)), (found) => found !== undefined),
        add: (id) => onMonotonicClock(store.set(id, {}, shared))
      }
    })
  )

/** Each of the two operations leaves time for an answer within the three seconds that the platform waits. */
const storeTimeout = Duration.seconds(1)

const orElse = <A>(self: () => Effect.Effect<A, unknown>, fallback: A): Effect.Effect<A> =>
  Effect.suspend(self).pipe(
    Effect.timeout(storeTimeout),
    Effect.catchCause((cause) => Effect.as(warn("The set of handled events failed", cause), fallback))
  )

/** Names an error; its message may contain personal data. */
const nameOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") ? String(error._tag) : error instanceof Error ? error.name : typeof error

/** Logs the name of an error. */
export const warn = (
  message: string,
  cause: Cause.Cause<unknown>,
  event?: { readonly id: string; readonly type: string }
): Effect.Effect<void> =>
  Effect.logWarning(message).pipe(
    Effect.annotateLogs({
      error: Cause.hasInterruptsOnly(cause) ? "InterruptError" : nameOf(Cause.squash(cause)),
      ...(event && { event_id: event.id, event_type: event.type })
    })
  )

/** Handles each event once, as far as the set knows. */
export interface Once {
  /** Whether the event is being handled here. */
  readonly isRunning: (id: string) => boolean
  /**
   * Runs `self` unless the event was handled. If it is being handled, waits for the outcome: after a success nothing is
   * left to do; after a failure `self` runs.
   */
  readonly run: <E>(id: string, self: Effect.Effect<void, E>) => Effect.Effect<void, E>
}

export const makeOnce: Effect.Effect<Once> = Effect.gen(function*() {
  const handled = (yield* HandledEvents) ?? makeMemory(yield* Clock.Clock)
  const running = new Map<string, Deferred.Deferred<boolean>>()

  const run: Once["run"] = (id, self) =>
    Effect.uninterruptibleMask((restore) => {
      const other = running.get(id)
      if (other !== undefined) {
        return Effect.flatMap(
          restore(Deferred.await(other)),
          (succeeded) => succeeded ? Effect.void : restore(run(id, self))
        )
      }
      const outcome = Deferred.makeUnsafe<boolean>()
      running.set(id, outcome)
      // Recorded after it was handled: an event is handled twice rather than lost.
      const handling = Effect.flatMap(
        orElse(() => handled.has(id), false),
        (isHandled) => isHandled ? Effect.void : Effect.andThen(self, orElse(() => handled.add(id), undefined))
      )
      return Effect.onExit(restore(handling), (exit) => {
        running.delete(id)
        return Deferred.succeed(outcome, Exit.isSuccess(exit))
      })
    })

  return { isRunning: (id) => running.has(id), run }
})
