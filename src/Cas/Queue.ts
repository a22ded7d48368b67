/**
 * Operations on one key, one after another, so that the operations of a process do not contend on the wire.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import * as errors from "./errors.ts"
import type { Intent } from "./Intent.ts"
import { now } from "./monotonic.ts"
import { nothingDone } from "./nothingDone.ts"
import { Operation, type Options } from "./Operation.ts"
import { boundsOf, Policy } from "./Policy.ts"
import type * as reducer from "./reducer.ts"
import type { Register, Reported } from "./Register.ts"
import type { Report } from "./Report.ts"
import { fromHint } from "./run.ts"
import * as telemetry from "./telemetry.ts"
import { inWords } from "./words.ts"

/**
 * How to run an operation in a queue.
 *
 * @since 0.1.0
 * @category models
 */
export interface QueueOptions<A, out E = never, out R = never> extends Options<A, E, R> {
  /** Ends the operations that still wait for their turn on this key, with `CasSuperseded`. */
  readonly latest?: boolean | undefined
}

/**
 * Runs the operations on one key in the order of their calls, and those on different keys concurrently.
 *
 * **Details**
 *
 * - An operation passes the last value that it saw (the baton) to the next one, which then needs no read. After a swap of
 *   unknown effect it passes nothing.
 * - A value is proof for an operation if the request that showed it left after the operation was called. So if identical
 *   operations wait together, one sends a request, and the others end on the value that it saw.
 * - Waiting for a turn counts towards the deadline, and can be interrupted. An unused key takes no memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface Queue<in K, A> {
  readonly run: {
    <E, R, C>(
      key: K,
      register: Register<A, E, R, C>,
      intent: Intent<A>,
      options?: QueueOptions<A>
    ): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A, C>, R>
    <E, R, C, PE, PR>(
      key: K,
      register: Register<A, E, R, C>,
      intent: Intent<A>,
      options: QueueOptions<A, PE, PR>
    ): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A, C> | PE, R | PR>
  }
  /** How many keys are in use. */
  readonly size: Effect.Effect<number>
}

/** The value that the last operation saw, and when the request that showed it left. */
interface Baton<A> {
  readonly value: A
  readonly leftAt: number
}

interface Lane<A> {
  readonly turn: Semaphore.Semaphore
  readonly waiting: Set<Deferred.Deferred<void>>
  operations: number
  baton: Baton<A> | undefined
}

/**
 * Makes a queue for registers that are told apart by a key, compared with `===`.
 *
 * **Example** (A hundred operations, one read)
 *
 * ```ts
 * import { Effect, Ref } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * const program = Effect.gen(function*() {
 *   const ref = yield* Ref.make(0)
 *   const register: Cas.Register<number> = {
 *     equals: (a, b) => a === b,
 *     read: Effect.map(Ref.get(ref), Cas.observed),
 *     swap: (expected, desired) =>
 *       Ref.modify(ref, (actual): readonly [Cas.Outcome<number>, number] =>
 *         actual === expected ? [Cas.applied, desired] : [Cas.conflict(actual), actual]).pipe(Effect.delay(1))
 *   }
 *   const queue = Cas.makeQueue<string, number>()
 *   const increment = Cas.update((n: number) => ({ _tag: "Swap", to: n + 1 }))
 *   const reports = yield* Effect.forEach(
 *     Array.from({ length: 100 }),
 *     () => queue.run("counter", register, increment),
 *     { concurrency: "unbounded" }
 *   )
 *   const calls = reports.reduce((sum, report) => sum + report.swaps + report.reads, 0)
 *   return `${yield* Ref.get(ref)} after ${calls} calls`
 * })
 * console.log(await Effect.runPromise(program)) // => 100 after 101 calls
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeQueue = <K, A>(): Queue<K, A> => {
  const lanes = new Map<K, Lane<A>>()

  const enter = (key: K): Lane<A> => {
    const lane = lanes.get(key) ?? {
      turn: Semaphore.makeUnsafe(1),
      waiting: new Set(),
      operations: 0,
      baton: undefined
    }
    lanes.set(key, lane)
    lane.operations = lane.operations + 1
    return lane
  }

  const leave = (key: K, lane: Lane<A>): void => {
    lane.operations = lane.operations - 1
    if (lane.operations === 0) lanes.delete(key)
  }

  const run = <E, R, C, PE, PR>(
    key: K,
    register: Register<A, E, R, C>,
    intent: Intent<A>,
    options: QueueOptions<A, PE, PR> = {}
  ): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A, C> | PE, R | PR> =>
    Effect.withFiber((caller) => {
      const { context } = caller
      const clock = caller.getRef(Clock.Clock)
      const invokedAt = now(clock)
      const elapsed = () => Duration.nanos(BigInt(now(clock) - invokedAt))
      const policy: Policy<A, PE, PR> = options.policy ?? Policy.standard

      return Effect.flatMapEager(boundsOf(policy), (bounds) => {
        const known = (baton: Baton<A> | undefined): reducer.Known<A> | undefined =>
          baton === undefined
            ? fromHint(options.hint)
            : { value: baton.value, isWitness: baton.leftAt > invokedAt, isAged: false }

        const inTurn = (lane: Lane<A>) =>
          Effect.withFiber((fiber) => {
            telemetry.tookItsTurn(context, elapsed())
            let isUncertain = false
            return new Operation(fiber, { register, intent, options, policy, bounds }, {
              invokedAt,
              known: known(lane.baton),
              observed: (value, leftAt) => {
                if (!isUncertain) lane.baton = { value, leftAt }
              },
              uncertain: () => {
                isUncertain = true
                lane.baton = undefined
              }
            }).run()
          })

        /** Runs the operation in its turn. Only the wait for the turn can be superseded or end at the deadline here. */
        const whileWaiting = (lane: Lane<A>) => {
          const superseded = Deferred.makeUnsafe<void>()
          let isWaiting = true
          lane.waiting.add(superseded)
          const started = Effect.sync(() => {
            isWaiting = false
            lane.waiting.delete(superseded)
          })
          const unlessStarted = <X extends errors.Superseded<A> | errors.Exhausted<A, C>>(end: () => X) =>
            Effect.suspend(() => {
              if (!isWaiting) return Effect.never
              const error = end()
              const trace = telemetry.traceOf(context, () => clock.currentTimeNanosUnsafe())
              telemetry.ended(context, trace, error._tag, error.report)
              return Effect.fail(error)
            })
          const replaced = Effect.flatMap(Deferred.await(superseded), () =>
            unlessStarted(() => new errors.Superseded<A>({ actual: Option.none(), report: nothingDone(elapsed()) })))
          const late = Effect.andThen(
            Effect.sleep(bounds.deadline),
            unlessStarted(() =>
              new errors.Exhausted<A, C>({
                limit: "deadline",
                detail: `No time left: the deadline of ${inWords(bounds.deadline)} passed in the queue`,
                report: nothingDone(elapsed())
              })
            )
          )
          return lane.turn.withPermit(Effect.andThen(started, inTurn(lane))).pipe(
            Effect.raceFirst(Effect.raceFirst(replaced, late)),
            Effect.ensuring(started)
          )
        }

        /** Runs the operation after those that were called before it. `latest` ends those that wait. */
        const inOrder = (lane: Lane<A>) => {
          if (options.latest === true) {
            for (const earlier of lane.waiting) {
              Deferred.doneUnsafe(earlier, Effect.void)
            }
          }
          return lane.operations === 1 ? lane.turn.withPermit(inTurn(lane)) : whileWaiting(lane)
        }

        return Effect.uninterruptibleMask((restore) => {
          const lane = enter(key)
          telemetry.queued(context, 1)
          return Effect.onExitPrimitive(
            Effect.suspend(() =>
              restore(inOrder(lane))
            ),
            () => {
              telemetry.queued(context, -1)
              leave(key, lane)
              return undefined
            }
          )
        })
      })
    })

  return { run, size: Effect.sync(() => lanes.size) }
}
