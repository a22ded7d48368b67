/** Operations on one key, one after another, so that the operations of a process do not contend on the wire. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type CasError, InvalidPolicy } from "./errors.ts"
import type { Intent } from "./Intent.ts"
import { type Entry, type Guarded, hasTurn, type Line, stopWaiting } from "./Line.ts"
import { millisOf, now } from "./monotonic.ts"
import { fromHint, Operation, type Options } from "./Operation.ts"
import { boundsOf, Policy } from "./Policy.ts"
import type { Register, Reported } from "./Register.ts"
import type { Report } from "./Report.ts"
import * as telemetry from "./telemetry.ts"
import type { QueueTurns } from "./Turns.ts"

/**
 * How to run an operation in a queue.
 *
 * @stability stable
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
 * @stability stable
 * @category models
 */
export interface Queue<in K, A> {
  readonly run: {
    <E, R, C>(
      key: K,
      register: Register<A, E, R, C>,
      intent: Intent<A>,
      options?: QueueOptions<A>
    ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C>, R>
    <E, R, C, PE, PR>(
      key: K,
      register: Register<A, E, R, C>,
      intent: Intent<A>,
      options: QueueOptions<A, PE, PR>
    ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C> | PE, R | PR>
  }
  /** The number of keys in use. */
  readonly size: Effect.Effect<number>
}

/**
 * Makes a queue for registers that are identified by a key, compared with `===`. With `turns` its operations also
 * take turns with those of other queues.
 *
 * **Example** (A hundred operations, one read)
 *
 * ```ts
 * import { Effect, Ref } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * const ref = Ref.makeUnsafe(0)
 * const register: Cas.Register<number> = {
 *   equals: (a, b) => a === b,
 *   read: Effect.map(Ref.get(ref), Cas.observed),
 *   swap: (expected, desired) =>
 *     Ref.modify(ref, (actual): readonly [Cas.Outcome<number>, number] =>
 *       actual === expected ? [Cas.applied, desired] : [Cas.conflict(actual), actual]).pipe(Effect.delay(1))
 * }
 * const queue = Cas.makeQueue<string, number>()
 * const increment = queue.run("counter", register, Cas.update((n) => ({ _tag: "Swap", to: n + 1 })))
 * const increments = Effect.all(Array.from({ length: 100 }, () => increment), { concurrency: "unbounded" })
 * const reports = await Effect.runPromise(increments)
 * console.log(reports.reduce((sum, { reads, swaps }) => sum + reads + swaps, 0)) // => 101
 * ```
 *
 * @stability stable
 * @category constructors
 */
export const makeQueue = <K, A>(turns?: QueueTurns<K, A>): Queue<K, A> => {
  // Only `makeTurns` makes them.
  const guarded = turns as Guarded<K, A> | undefined
  const lines = new Map<K, Line<A>>()

  const run = <E, R, C, PE, PR>(
    key: K,
    register: Register<A, E, R, C>,
    intent: Intent<A>,
    options: QueueOptions<A, PE, PR> = {}
  ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C> | PE, R | PR> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => {
        const policy: Policy<A, PE, PR> = options.policy ?? Policy.standard
        const bounds = boundsOf(policy)
        if (bounds instanceof InvalidPolicy) return Effect.fail(bounds)
        const { context } = fiber
        const clock = fiber.getRef(Clock.Clock)
        const invokedAt = now(clock)
        const elapsed = () => millisOf(now(clock) - invokedAt)
        const entry: Entry = {
          fiber,
          invokedAt,
          bounds,
          isLatest: options.latest,
          end: undefined,
          wake: () => {}
        }
        const line: Line<A> = lines.get(key) ?? { entries: new Set() }
        line.guard ??= guarded?.make(key, line)
        if (options.latest) {
          for (const earlier of line.entries) stopWaiting(line, earlier, { _tag: "Superseded", actual: Option.none() })
        }
        lines.set(key, line)
        line.entries.add(entry)
        telemetry.queueLength.modifyUnsafe(1, context)
        line.guard?.joined(entry)

        const woken = Effect.callback<void>((resume) => {
          // Not at once: an operation that ends would run the next one inside of itself.
          entry.wake = () => fiber.currentDispatcher.scheduleTask(() => resume(Effect.void), 0)
          if (entry.end || hasTurn(line, entry)) resume(Effect.void)
        })
        const late = Effect.map(
          Effect.suspend(() => Effect.sleep(Math.max(bounds.deadline - elapsed(), 0))),
          () => stopWaiting(line, entry, { _tag: "Exhausted", limit: "deadline", wait: "turn" })
        )
        const turn = Effect.map(
          hasTurn(line, entry) ? Effect.void : Effect.raceFirst(woken, late),
          () => {
            if (!entry.end) telemetry.queueWaits.updateUnsafe(Duration.millis(elapsed()), context)
            return entry.end
          }
        )

        let isUncertain = false
        return new Operation(fiber, { register, intent, options, policy, bounds }, {
          invokedAt,
          turn,
          known: () => {
            const { baton } = line
            return baton ? { ...baton, isWitness: baton.leftAt > entry.invokedAt } : fromHint(options.hint)
          },
          observed: (value, leftAt) => {
            if (!isUncertain) line.baton = { value, leftAt, isAged: false }
          },
          uncertain: () => {
            isUncertain = true
            line.baton = undefined
          },
          ended: () => {
            telemetry.queueLength.modifyUnsafe(-1, context)
            const hadTurn = hasTurn(line, entry)
            line.entries.delete(entry)
            const [next] = line.entries
            if (next === undefined && lines.get(key) === line) lines.delete(key)
            if (line.guard) line.guard.left(hadTurn)
            else if (hadTurn) next?.wake()
          }
        }).run(restore)
      })
    )

  return { run, size: Effect.sync(() => lines.size) }
}
