/**
 * Operations on one key, one after another, so that the operations of a process do not contend on the wire.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as errors from "./errors.ts"
import type { Intent } from "./Intent.ts"
import { now } from "./monotonic.ts"
import { nothingDone } from "./nothingDone.ts"
import { Operation, type Options } from "./Operation.ts"
import { boundsOf, Policy } from "./Policy.ts"
import type { Register, Reported } from "./Register.ts"
import type { FailureReport, Report } from "./Report.ts"
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

/**
 * One operation in a lane. Its state changes in one synchronous step, at the same time as its place in the lane does:
 *
 * - `waiting` for its turn;
 * - `running`: its turn has come, and nothing but its own end takes the turn away;
 * - `superseded` or `late`: it waited, and will not get a turn;
 * - `left`.
 */
interface Entry {
  state: "waiting" | "running" | "superseded" | "late" | "left"
  /** Resumes the fiber that waits. */
  wake: () => void
}

/** Exists while an operation has the turn. */
interface Lane<A> {
  /** In the order of their calls. */
  readonly waiting: Set<Entry>
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

  /** Takes a place in the lane of a key: the turn, if nobody has it. */
  const enter = (key: K, entry: Entry): Lane<A> => {
    const lane = lanes.get(key)
    if (lane !== undefined) {
      lane.waiting.add(entry)
      return lane
    }
    entry.state = "running"
    const made: Lane<A> = { waiting: new Set(), baton: undefined }
    lanes.set(key, made)
    return made
  }

  const leave = (key: K, lane: Lane<A>, entry: Entry): void => {
    const hadTurn = entry.state === "running"
    entry.state = "left"
    lane.waiting.delete(entry)
    if (!hadTurn) return
    const [next] = lane.waiting
    if (next === undefined) lanes.delete(key)
    else stopWaiting(lane, next, "running")
  }

  const run = <E, R, C, PE, PR>(
    key: K,
    register: Register<A, E, R, C>,
    intent: Intent<A>,
    options: QueueOptions<A, PE, PR> = {}
  ): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A, C> | PE, R | PR> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((caller) => {
        const policy: Policy<A, PE, PR> = options.policy ?? Policy.standard
        const bounds = boundsOf(policy)
        if (bounds instanceof errors.InvalidPolicy) return Effect.fail(bounds)
        const { context } = caller
        const clock = caller.getRef(Clock.Clock)
        const invokedAt = now(clock)
        const elapsed = () => Duration.nanos(BigInt(now(clock) - invokedAt))
        const entry: Entry = { state: "waiting", wake: () => {} }
        const lane = enter(key, entry)
        telemetry.queued(context, 1)
        if (options.latest === true) {
          for (const earlier of lane.waiting) {
            if (earlier !== entry) stopWaiting(lane, earlier, "superseded")
          }
        }

        const leaveOnce = () => {
          if (entry.state === "left") return
          telemetry.queued(context, -1)
          leave(key, lane, entry)
        }
        const counted = <X extends FailureReport<A>>(outcome: string, report: X): X => {
          telemetry.ended(context, telemetry.traceOf(context, () => clock.currentTimeNanosUnsafe()), outcome, report)
          leaveOnce()
          return report
        }

        const inTurn = Effect.withFiber((fiber) => {
          telemetry.tookItsTurn(context, elapsed())
          const { baton } = lane
          let isUncertain = false
          return new Operation(fiber, { register, intent, options, policy, bounds }, {
            invokedAt,
            known: baton === undefined
              ? fromHint(options.hint)
              : { value: baton.value, isWitness: baton.leftAt > invokedAt, isAged: false },
            observed: (value, leftAt) => {
              if (!isUncertain) lane.baton = { value, leftAt }
            },
            uncertain: () => {
              isUncertain = true
              lane.baton = undefined
            },
            ended: leaveOnce
          }).run()
        })

        const turnOrEnd = Effect.suspend(
          (): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A, C> | PE, R | PR> => {
            if (entry.state === "running") return inTurn
            const isLate = entry.state === "late"
            const report = counted(isLate ? "CasExhausted" : "CasSuperseded", nothingDone(elapsed()))
            return Effect.fail(
              isLate
                ? new errors.Exhausted<A, C>({
                  limit: "deadline",
                  detail: `No time left: the deadline of ${inWords(bounds.deadline)} passed in the queue`,
                  report
                })
                : new errors.Superseded<A>({ actual: Option.none(), report })
            )
          }
        )

        const woken = Effect.callback<void>((resume) => {
          // Not at once: an operation that ends would run the next one inside of itself.
          entry.wake = () => caller.currentDispatcher.scheduleTask(() => resume(Effect.void), 0)
          if (entry.state !== "waiting") resume(Effect.void)
        })
        const late = Effect.suspend(() => Effect.sleep(Math.max(bounds.deadline - Duration.toMillis(elapsed()), 0)))
          .pipe(
            Effect.andThen(Effect.sync(() => {
              stopWaiting(lane, entry, "late")
            }))
          )
        const operation = entry.state === "running"
          ? turnOrEnd
          : Effect.andThen(Effect.raceFirst(woken, late), turnOrEnd)

        return Effect.onExitPrimitive(restore(operation), () => {
          // Interrupted before it began.
          if (entry.state !== "left") counted("interrupted", nothingDone(elapsed()))
          return undefined
        })
      })
    )

  return { run, size: Effect.sync(() => lanes.size) }
}

/** The only way out of waiting. */
const stopWaiting = <A>(lane: Lane<A>, entry: Entry, state: "running" | "superseded" | "late"): void => {
  if (entry.state !== "waiting") return
  entry.state = state
  lane.waiting.delete(entry)
  entry.wake()
}
