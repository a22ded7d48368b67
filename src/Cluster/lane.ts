/** Turns on a meeting, handed out by a cluster entity: one lane for each key of a queue. */
import * as Clock from "effect/Clock"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as Entity from "effect/cluster/Entity"
import * as EntityId from "effect/cluster/EntityId"
import type * as ShardId from "effect/cluster/ShardId"
import * as Sharding from "effect/cluster/Sharding"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Rpc from "effect/rpc/Rpc"
import * as Schema from "effect/Schema"
import * as Cas from "../Cas.ts"
import { monotonicMillis } from "../internal/monotonicClock.ts"

const Passed = Schema.TaggedUnion({ Seen: { value: Schema.Json, turn: Schema.Int }, Unknown: {}, Unchanged: {} })

const Answer = Schema.TaggedUnion({
  Waiting: { unheard: Schema.Finite },
  Granted: {
    turn: Schema.Int,
    baton: Schema.UndefinedOr(
      Schema.Struct({ value: Schema.Json, isWitness: Schema.Boolean, isAged: Schema.Boolean })
    )
  },
  Superseded: { ago: Schema.Finite }
})

/**
 * Asks for a turn. Asked again after `Waiting`, the answer after `poll` milliseconds: so long the holder was `unheard`. May be
 * delivered twice.
 */
const Take = Rpc.make("Take", {
  payload: { id: Schema.String, waited: Schema.Finite, poll: Schema.Finite, latest: Schema.Boolean },
  success: Answer
})

/** The holder is still there. */
const Keep = Rpc.make("Keep", { payload: { id: Schema.String } })

/** Gives up the place, or gives the turn back. */
const Pass = Rpc.make("Pass", { payload: { id: Schema.String, passed: Passed } })

// Unary calls only: without TCP_NODELAY, a stream to another runner waits for delayed acknowledgements (90 ms).
const Lane = Entity.make(
  // The number is the version of the protocol. Runners of two versions have lanes of their own.
  "effect-lark-meetings/Lane/1",
  [Take, Keep, Pass]
).annotate(ClusterSchema.ClientTracingEnabled, false)

/** Who was not heard of for so long, killed or frozen, loses the place, in milliseconds. */
const lease = 2_000

/** How often the holder says that it is there, in milliseconds. */
const renewal = 500

/** How much longer than `lease` a lane may take to notice it, in milliseconds. */
const notice = 200

/** How long a call without an operation that waits for it may take, in milliseconds. */
const patience = 2_000

/** How long the lanes of a shard are not called after there was no answer, in milliseconds. */
const pause = 3_000

/** The lanes of the shards that this runner owns. */
const handlers = Lane.toLayer(
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const lane = new Cas.TurnLane<Schema.Json>(yield* Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER / 2))
    const now = () => monotonicMillis(clock)
    return Lane.of({
      Take: ({ payload }) =>
        Effect.suspend(() => {
          const answered = Deferred.makeUnsafe<typeof Answer.Type>()
          const tell = (answer: Cas.LaneAnswer<Schema.Json>) => {
            Deferred.doneUnsafe(answered, Exit.succeed(answer))
          }
          const at = now()
          lane.ask({ ...payload, at }, tell)
          const wait: Effect.Effect<typeof Answer.Type> = Effect.suspend(() => {
            const left = at + payload.poll - now()
            if (left <= 0) {
              lane.heard(payload.id, now())
              return Effect.succeed({ _tag: "Waiting", unheard: lease - lane.left(lease, now()) })
            }
            // Those who wait see to it that a holder that is gone is not waited for. An idle lane has no timer.
            const toLease = Math.max(lane.left(lease, now()), 1)
            return Effect.flatMap(
              Effect.timeoutOption(Deferred.await(answered), Math.min(left, toLease)),
              Option.match({
                onNone: () => {
                  lane.expire(lease, now())
                  return wait
                },
                onSome: Effect.succeed
              })
            )
          })
          // The caller has given up, or its connection is gone.
          return Effect.onInterrupt(wait, () => Effect.sync(() => lane.leave(payload.id, tell, now())))
        }),
      Keep: ({ payload }) => Effect.sync(() => lane.heard(payload.id, now())),
      Pass: ({ payload }) => Effect.sync(() => lane.end(payload.id, payload.passed, now()))
    })
  }),
  // A defect must not restart the lane: all that is under way in it would run again.
  { concurrency: "unbounded", disableFatalDefects: true }
)

const skipped: Cas.TurnPlace = { answer: Effect.succeed({ _tag: "Skipped" }), end: () => {} }

const turns = Layer.effect(
  Cas.Turns,
  Effect.gen(function*() {
    const sharding = yield* Sharding.Sharding
    const clientOf = yield* Lane.client
    const context = yield* Effect.context<never>()
    const clock = yield* Clock.Clock
    const now = () => monotonicMillis(clock)
    const runner = yield* Random.nextInt
    const passing = yield* FiberSet.make()
    yield* Effect.addFinalizer(() => Effect.ignore(Effect.timeoutOption(FiberSet.awaitEmpty(passing), "1 second")))
    const fork = Effect.runForkWith(context)
    const pass = yield* FiberSet.runtime(passing)()
    let asks = 0

    /** The shards whose lanes do not answer, and when to call them again. */
    const silent = new Map<ShardId.ShardId, number>()
    const becameSilent = (shard: ShardId.ShardId) => silent.set(shard, now() + pause)

    /** Calls a silent lane in the background. */
    const probe = (shard: ShardId.ShardId, lane: ReturnType<typeof clientOf>): void => {
      becameSilent(shard)
      fork(Effect.timeout(lane.Keep({ id: "" }), patience)).addObserver((exit) => {
        if (Exit.isSuccess(exit)) silent.delete(shard)
      })
    }

    return Cas.makeTurns(({ key, latest, patience, waited }) => {
      const entityId = EntityId.make(key)
      const shard = sharding.getShardId(entityId, Lane.getShardGroup(entityId))
      const lane = clientOf(key)
      const silentUntil = silent.get(shard)
      if (silentUntil !== undefined) {
        if (now() >= silentUntil) probe(shard, lane)
        return skipped
      }
      const id = `${runner} ${asks++}`
      const askedAt = now()
      /** When the lane or the holder was last known to be there. */
      let heardAt = askedAt
      let calling: Fiber.Fiber<unknown, unknown> | undefined
      let isOver = false

      const end = (passed: typeof Passed.Type): void => {
        if (isOver) return
        isOver = true
        calling?.interruptUnsafe()
        // Its reply carries the acknowledgement: a call right after a discarded one would wait for a delayed one (40 ms).
        pass(Effect.ignore(Effect.timeoutOption(lane.Pass({ id, passed }), patience)))
      }

      const answer: Effect.Effect<Cas.TurnAnswer> = Effect.suspend(() => {
        // On a fiber of its own: the interruption of a call waits for the network, and a call may end in an interruption that
        // nobody here has asked for.
        const left = Math.max(heardAt + patience - now(), 0)
        const take = fork(lane.Take({ id, waited: waited + now() - askedAt, poll: left / 2, latest }))
        calling = take
        const ended = Effect.raceFirst(Fiber.await(take), Effect.as(Effect.sleep(left), undefined))
        return Effect.flatMap(ended, (exit): Effect.Effect<Cas.TurnAnswer> => {
          // Ended here, not by the lane.
          if (isOver) return Effect.succeed({ _tag: "Lost" })
          if (exit === undefined || Exit.isFailure(exit)) {
            becameSilent(shard)
            end({ _tag: "Unchanged" })
            return Effect.succeed({ _tag: "Lost" })
          }
          const { value } = exit
          if (value._tag === "Waiting") {
            heardAt = Math.max(heardAt, now() - value.unheard + notice)
            return answer
          }
          if (value._tag === "Granted") {
            calling = fork(Effect.forever(Effect.andThen(Effect.sleep(renewal), Effect.exit(lane.Keep({ id })))))
          } else isOver = true
          return Effect.succeed(value)
        })
      })

      return { answer, end }
    })
  })
)

/**
 * Shares the turns on meetings between the processes of a cluster: provide it to `Lark.layer`, in every process. Works with
 * whatever `Sharding` there is: `NodeClusterSocket`, `NodeClusterHttp`, `SingleRunner`, runners of clients only.
 *
 * **Details**
 *
 * Metrics: `cas_turns_total` and `cas_turn_wait`. A process that is killed or frozen while it has the turn holds up the next
 * one for two seconds.
 *
 * @stability unstable
 * @category layers
 */
export const layer: Layer.Layer<never, never, Sharding.Sharding> = Layer.merge(handlers, turns)
