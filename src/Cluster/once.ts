/** Effects that run in one pod of the cluster at a time. */
import * as Clock from "effect/Clock"
import * as Entity from "effect/cluster/Entity"
import * as Sharding from "effect/cluster/Sharding"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RcMap from "effect/RcMap"
import * as References from "effect/References"
import * as Rpc from "effect/rpc/Rpc"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import { monotonicMillis } from "../internal/monotonicClock.ts"

/** How often a pod that stands by asks whether the effect has ended. */
const pollInterval = Duration.seconds(30)

/** How long an end is remembered, in milliseconds: until the pods that stand by have asked. */
const remembered = 120_000

/** Whether the effect has ended, as far as the pod that owns the name knows. */
const HasEnded = Rpc.make("HasEnded", { success: Schema.Boolean })

/** The id is the name of the effect. The name of the entity has the version of the protocol. */
const Ended = Entity.make("effect-lark-meetings/Once/1", [HasEnded])

/**
 * Runs effects in one pod of the cluster at a time.
 *
 * @stability unstable
 * @category services
 */
export class Once extends Context.Service<Once, {
  /** See `once`. */
  readonly run: <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R>
}>()("effect-lark-meetings/Cluster/once") {}

/**
 * Provides `Once` over the cluster.
 *
 * @stability unstable
 * @category layers
 */
export const layerOnce: Layer.Layer<Once, never, Sharding.Sharding> = Layer.effect(
  Once,
  Effect.gen(function*() {
    const sharding = yield* Sharding.Sharding
    const clock = yield* Clock.Clock
    /** When effects have ended, in monotonic milliseconds. The oldest comes first. */
    const ended = new Map<string, number>()

    const end = (name: string) =>
      Effect.sync(() => {
        const now = monotonicMillis(clock)
        ended.delete(name)
        ended.set(name, now)
        for (const [oldest, at] of ended) {
          if (now - at < remembered) break
          ended.delete(oldest)
        }
      })

    const handlers = Ended.toLayer(
      Effect.map(Entity.CurrentAddress, ({ entityId }) =>
        Ended.of({
          HasEnded: () => Effect.sync(() => monotonicMillis(clock) - (ended.get(entityId) ?? -Infinity) < remembered)
        })),
      { concurrency: "unbounded", disableFatalDefects: true }
    )
    yield* Layer.build(handlers)
    const client = yield* Ended.client
    const names = yield* RcMap.make({ lookup: (_name: string) => Semaphore.make(1) })

    /** Ends when another pod knows that the effect has ended. */
    const endsElsewhere = (name: string) =>
      client(name).HasEnded().pipe(
        Effect.timeout(pollInterval),
        Effect.catchCause(() => Effect.succeed(false)),
        Effect.delay(pollInterval),
        Effect.repeat({ schedule: Schedule.forever, until: (hasEnded) => hasEnded }),
        Effect.asVoid
      )

    const run = Effect.fnUntraced(function*<A, E, R>(name: string, effect: Effect.Effect<A, E, R>) {
      const context = yield* Effect.context<R>()
      const annotations = yield* References.CurrentLogAnnotations
      const exit = yield* Deferred.make<A, E>()
      // A singleton of Effect turns failures into defects, and runs for ever.
      const singleton = Effect.exit(effect).pipe(
        Effect.flatMap((ended) => Deferred.done(exit, ended)),
        Effect.provideService(References.CurrentLogAnnotations, annotations),
        Effect.provideContext(context)
      )
      yield* sharding.registerSingleton(name, singleton)
      const result = yield* Effect.raceFirst(
        Effect.map(Deferred.await(exit), Option.some),
        Effect.as(endsElsewhere(name), Option.none<A>())
      )
      yield* end(name)
      return result
    }, Effect.scoped)

    return {
      // Effect allows a name once in a process.
      run: (name, effect) =>
        Effect.scoped(Effect.flatMap(RcMap.get(names, name), (turn) => turn.withPermit(run(name, effect))))
    }
  })
)

/**
 * Runs an effect in one pod of the cluster, in which every pod calls this with the same name.
 *
 * **Details**
 *
 * The pod that owns the name runs the effect; the others stand by. If that pod ends or is killed, another one runs the effect
 * from its beginning, as soon as the cluster has moved the name: `docs/cluster.md` has the settings.
 *
 * - Returns the result in the pod that ran the effect, and `Option.none()` in the others, at most a minute later.
 * - An error is returned in the pod where it occurred. The others still stand by. Call it again there, with `Effect.retry`:
 *   the name stays in that pod.
 * - If the call is interrupted, the pod no longer takes part. A second call with the same name in one pod waits for the first.
 *
 * **Gotchas**
 *
 * - **At least once, and for a moment twice.** A pod that is cut off from the database, or was frozen, does not know yet that
 *   another one has taken over. Moves of a host stay safe, since each is a compare-and-swap, and `maxMoves` bounds a fight.
 * - A pod that owns the name but did not call this runs nothing. A process that is only a client of the cluster stands by.
 * - A name that has ended can be used again after two minutes.
 *
 * **Example** (One keeper of a host)
 *
 * ```ts
 * import { Effect, Layer, Option, Stream } from "effect"
 * import { TestRunner } from "effect/cluster"
 * import { Cas, Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
 * import * as Cluster from "effect-lark-meetings/Cluster"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const keep = Meetings.keepHost(id, Cas.prefer([MeetingUser.openId("ou_bob")])).pipe(
 *   Stream.take(1), // not in production
 *   Stream.runCount
 * )
 * const moves = await Effect.runPromise(Cluster.once(`host of ${id}`, keep).pipe(
 *   Effect.provide(Layer.provide(Cluster.layerOnce, TestRunner.layer)),
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice", participants: ["ou_bob"] }] }))
 * ))
 * console.log(Option.getOrThrow(moves)) // => 1
 * ```
 *
 * @stability unstable
 * @category controllers
 */
export const once = <A, E, R>(
  name: string,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Option.Option<A>, E, R | Once> => Once.use((once) => once.run(name, effect))
