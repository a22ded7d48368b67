/**
 * Operations on one key, one after another: what contends inside a process need not contend on the wire.
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
import { Operation, type Options } from "./Operation.ts"
import { limits, Policy } from "./Policy.ts"
import type * as reducer from "./reducer.ts"
import type { Register, Reported } from "./Register.ts"
import { nothingDone, type Report } from "./Report.ts"
import { fromHint } from "./run.ts"
import * as telemetry from "./telemetry.ts"

/**
 * How to run an operation in a queue.
 *
 * @since 0.1.0
 * @category models
 */
export interface QueueOptions<A, out E = never, out R = never> extends Options<A, E, R> {
  /** Ends the operations that still wait for their turn on this key with `CasSuperseded`: only the latest goal counts. */
  readonly latest?: boolean | undefined
}

/**
 * Runs operations: those on one key in the order of their calls, those on different keys side by side.
 *
 * **Details**
 *
 * - An operation that ends hands the last value it saw to the next, which therefore needs no read; after an attempt of
 *   unknown effect it hands on nothing.
 * - A value that was asked for after an operation was called is proof for it: of identical operations that wait together,
 *   one sends a request, and the others end on what it saw.
 * - Waiting counts towards the deadline and can be interrupted. A key that nobody waits for takes no memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface Queue<in K, A> {
  readonly run: {
    <E, R>(
      key: K,
      register: Register<A, E, R>,
      intent: Intent<A>,
      options?: QueueOptions<A>
    ): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A>, R>
    <E, R, PE, PR>(
      key: K,
      register: Register<A, E, R>,
      intent: Intent<A>,
      options: QueueOptions<A, PE, PR>
    ): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A> | PE, R | PR>
  }
  /** The keys in use. */
  readonly size: Effect.Effect<number>
}

/** What the last operation saw, and when it asked. */
interface Baton<A> {
  readonly value: A
  readonly sentAt: number
}

interface Lane<A> {
  readonly turn: Semaphore.Semaphore
  readonly waiting: Set<Deferred.Deferred<void>>
  operations: number
  baton: Baton<A> | undefined
}

/**
 * A queue for the registers of one kind, told apart by key (compared with `===`).
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

  const run = <E, R, PE, PR>(
    key: K,
    register: Register<A, E, R>,
    intent: Intent<A>,
    options: QueueOptions<A, PE, PR> = {}
  ): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A> | PE, R | PR> =>
    Effect.withFiber((caller) => {
      const { context } = caller
      const clock = caller.getRef(Clock.Clock)
      const invokedAt = now(clock)
      const elapsed = () => Duration.nanos(BigInt(now(clock) - invokedAt))
      const policy: Policy<A, PE, PR> = options.policy ?? Policy.standard

      return Effect.flatMapEager(limits(policy), (bounds) => {
        const known = (baton: Baton<A> | undefined): reducer.Known<A> | undefined =>
          baton === undefined
            ? fromHint(options.hint)
            : { value: baton.value, isWitness: baton.sentAt > invokedAt, isAged: false }

        const inTurn = (lane: Lane<A>) =>
          Effect.withFiber((fiber) => {
            telemetry.tookItsTurn(context, elapsed())
            let doubted = false
            return new Operation(fiber, { register, intent, options, policy, bounds }, {
              invokedAt,
              known: known(lane.baton),
              seen: (value, sentAt) => {
                if (!doubted) lane.baton = { value, sentAt }
              },
              doubt: () => {
                doubted = true
                lane.baton = undefined
              }
            }).run()
          })

        /** Ends the wait for a turn, not what follows it. */
        const whileWaiting = (lane: Lane<A>) => {
          const superseded = Deferred.makeUnsafe<void>()
          let isWaiting = true
          lane.waiting.add(superseded)
          const started = Effect.sync(() => {
            isWaiting = false
            lane.waiting.delete(superseded)
          })
          const unlessStarted = <X extends errors.Superseded<A> | errors.Exhausted<A>>(end: () => X) =>
            Effect.suspend(() => {
              if (!isWaiting) return Effect.never
              const error = end()
              const trace = telemetry.traceOf(context, () => clock.currentTimeNanosUnsafe())
              telemetry.ended(context, trace, error._tag, error.report)
              return Effect.fail(error)
            })
          const overtaken = Effect.flatMap(Deferred.await(superseded), () =>
            unlessStarted(() => new errors.Superseded<A>({ actual: Option.none(), report: nothingDone(elapsed()) })))
          const late = Effect.andThen(
            Effect.sleep(bounds.deadline),
            unlessStarted(() =>
              new errors.Exhausted<A>({
                limit: "deadline",
                detail: `The deadline of ${bounds.deadline} ms passed in the queue`,
                report: nothingDone(elapsed())
              })
            )
          )
          return lane.turn.withPermit(Effect.andThen(started, inTurn(lane))).pipe(
            Effect.raceFirst(Effect.raceFirst(overtaken, late)),
            Effect.ensuring(started)
          )
        }

        /** Runs it in its order; the latest ends those that wait before it. */
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
