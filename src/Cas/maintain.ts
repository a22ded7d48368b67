/** Keeps a register where an intent wants it, for as long as the stream runs, and yields to a rival that does the same. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Equivalence from "effect/Equivalence"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as errors from "./errors.ts"
import type { Intent } from "./Intent.ts"
import { millisOf, now } from "./monotonic.ts"
import { type Options, run } from "./Operation.ts"
import type { Observation } from "./Outcome.ts"
import { millisIn } from "./Policy.ts"
import type { Queue } from "./Queue.ts"
import type { Register, Reported } from "./Register.ts"
import { inWords, plural, type Report } from "./Report.ts"
import { rounds, type RoundsOptions } from "./rounds.ts"
import { counters } from "./telemetry.ts"

/**
 * Somebody else undid as many moves in a row as `maxMoves` allows, and the value was not moved again.
 *
 * @stability stable
 * @category errors
 */
export class Contested<out A = unknown> extends Data.TaggedError("CasContested")<{
  /** The value in place, which the intent does not accept. */
  readonly actual: unknown
  /** The moves that were undone. */
  readonly moves: number
  /** The setting `settled`, in milliseconds. */
  readonly settled: number
}> {
  declare readonly actual: A
  get kind(): "conflict" {
    return "conflict"
  }
  get retry(): "wait" {
    return "wait"
  }
  override get message() {
    return `Somebody else undid ${plural(this.moves, "move")} in a row, none of which stood for ${
      inWords(this.settled)
    }; the value was left as it is. Find out who it is, or begin again later.`
  }
}

/**
 * How to keep a value in place.
 *
 * @stability stable
 * @category models
 */
export interface MaintainOptions<A, in E, out XE = never, out XR = never>
  extends RoundsOptions<Report<A> | undefined, E, XE, XR>
{
  /** The most moves in a row that others may undo: 5 unless given. After them the stream fails with `CasContested`. */
  readonly maxMoves?: number | undefined
  /** How long after the last move nothing must have been to do, so that the row begins anew: 1 minute unless given. */
  readonly settled?: Duration.Input | undefined
}

/** The reason of a refusal of `guard`. */
const contested = "CasContested"

const maintained = counters("cas_maintain_total", "event", "Moves of loops that maintain a value, and their fate.")

const count = (...events: ReadonlyArray<"moved" | "undone" | "contested">) =>
  Effect.forEach(events, (event) => Metric.update(maintained(event), 1), { discard: true })

/** A round that had nothing to do is not emitted. */
const isEmitted = <A, E>(round: Result.Result<Report<A> | undefined, E>): round is Result.Result<Report<A>, E> =>
  Result.isFailure(round) || (round.success !== undefined && round.success.outcome !== "already")

/**
 * The loop of `maintain` around a round of your own, which observes and moves as it likes.
 *
 * **Details**
 *
 * `round` runs an operation with the intent that `guard` returns for its own, and returns the report, or `undefined` if
 * there was nothing to do. It fails with `Cause.done()` to end the stream.
 *
 * @stability stable
 * @category controllers
 */
export const maintainWith = <A, E, R, XE = never, XR = never>(
  { equals, round }: {
    readonly equals: Equivalence.Equivalence<A>
    readonly round: (
      guard: (intent: Intent<A>) => Intent<A>
    ) => Effect.Effect<Report<A> | undefined, E | Cause.Done, R>
  },
  options: MaintainOptions<A, E, XE, XR> = {}
): Stream.Stream<Result.Result<Report<A>, E>, E | Contested<A> | errors.InvalidPolicy | XE, R | XR> =>
  Stream.unwrap(Effect.gen(function*() {
    const { maxMoves = 5, settled: input = "1 minute" } = options
    const settled = millisIn(input)
    const invalid = (setting: string, expected: string, received: unknown) =>
      new errors.InvalidPolicy({ setting, expected, received: String(received) })
    if (!(Number.isSafeInteger(maxMoves) && maxMoves > 0)) {
      return yield* invalid("maxMoves", "a whole number of at least 1", maxMoves)
    }
    if (!(settled >= 0)) return yield* invalid("settled", "a duration, not negative", input)
    const clock = yield* Clock.Clock
    let moves = 0
    let last = Option.none<A>()
    let movedAt = now(clock)
    let yielded: Contested<A> | undefined

    const isOurs = (value: A) => Option.exists(last, (own) => equals(own, value))

    const guard = (intent: Intent<A>): Intent<A> => ({
      ...intent,
      decide: (observed, equals, unavailable) => {
        const decision = intent.decide(observed, equals, unavailable)
        return decision._tag === "Swap" && moves >= maxMoves && !isOurs(observed)
          ? { _tag: "Refuse", reason: contested }
          : decision
      }
    })

    const note = (report: Report<A> | undefined): Effect.Effect<void> => {
      if (report !== undefined && report.effect !== "none") {
        // A move from the value that the last one left is an answer to the world, not to a rival.
        const isFirst = Option.isNone(last)
        const isAnswer = Option.exists(report.before, isOurs)
        if (!isAnswer) moves = moves + 1
        last = Option.some(report.after)
        movedAt = now(clock)
        return isFirst || isAnswer ? count("moved") : count("undone", "moved")
      }
      if (
        (report === undefined || report.outcome === "already") && millisOf(now(clock) - movedAt) >= settled
      ) {
        moves = 0
        last = Option.none()
      }
      return Effect.void
    }

    const yields = (error: E | Cause.Done): Effect.Effect<never, E | Cause.Done> => {
      if (!(error instanceof errors.Refused && error.reason === contested)) return Effect.fail(error)
      yielded = new Contested<A>({ actual: error.actual, moves, settled })
      return Effect.andThen(count("undone", "contested"), Cause.done())
    }

    const noted = Effect.suspend(() => round(guard)).pipe(
      Effect.tap((report) => Effect.suspend(() => note(report))),
      Effect.catch(yields)
    )
    return rounds(noted, options).pipe(
      Stream.filter(isEmitted),
      Stream.concat(Stream.suspend(() => yielded === undefined ? Stream.empty : Stream.fail(yielded)))
    )
  }))

/** Errors of the engine after which another operation may succeed: the value was contended, hidden or out of reach. */
const passing = [
  errors.Exhausted,
  errors.Refused,
  errors.Superseded,
  errors.Indeterminate,
  errors.ConflictWithoutState
]

/**
 * Whether an error is one of the engine's own, and whether it ends a loop that maintains a value. The errors of a register
 * are not the engine's.
 */
const verdictOn = (error: unknown): "ends" | "passes" | undefined =>
  passing.some((passes) => error instanceof passes)
    ? "passes"
    : error instanceof errors.InvalidPolicy || error instanceof errors.InconsistentRegister
    ? "ends"
    : undefined

/**
 * Keeps a register where an intent wants it. Emits the report of each operation that found the intent broken, and the error of
 * each round that failed.
 *
 * **Details**
 *
 * Each round is one operation: it reads, and swaps if the intent does not accept the value. `poll` is the wait between
 * rounds; `wake` begins one early; after a failure `retry` is the wait.
 *
 * - A value that the intent accepts is never swapped.
 * - A failed round is emitted, and the next one follows. Unless `ends` says otherwise, the stream fails only with errors that
 *   no retry can change: `CasInvalidPolicy`, `CasInconsistentRegister`, and the register's own, less those that it
 *   classifies.
 * - **The bound on fighting.** A move is an operation whose report says that it took effect, or may have. It is undone if the
 *   next round finds another value than it left. After `maxMoves` moves in a row were undone, the value is left alone and the
 *   stream fails with `CasContested`. The row begins anew after a round that has nothing to do `settled` after the last move.
 *   So in any time T at most `maxMoves × (1 + T / settled)` moves are undone, and of two loops that contradict each other
 *   and look more than once per `settled`, one gives up after `maxMoves` moves. `Stream.retry` comes back later.
 *
 * **Gotchas**
 *
 * - A register without versions shows no value that came and went between two rounds.
 * - An operation that failed is no move, even if its effect is unknown: an outage is no rival.
 * - The next round begins when the consumer has taken what was emitted. `Stream.buffer` separates them.
 *
 * **Example** (A rival is undone)
 *
 * ```ts
 * import { Effect, Option, Ref, Schedule, Stream } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * const ref = Ref.makeUnsafe("carol")
 * const register = {
 *   equals: (a: string, b: string) => a === b,
 *   read: Effect.map(Ref.get(ref), Cas.observed),
 *   swap: (expected: string, desired: string) =>
 *     Ref.modify(ref, (actual): readonly [Cas.Outcome<string>, string] =>
 *       actual === expected ? [Cas.applied, desired] : [Cas.conflict(actual), actual])
 * }
 * const program = Cas.maintain(register, Cas.ensure("alice"), { poll: Schedule.spaced("1 millis") }).pipe(
 *   Stream.filterMap((round) => round),
 *   Stream.tap(() => Ref.set(ref, "bob")),
 *   Stream.take(2),
 *   Stream.runCollect
 * )
 * const reports = await Effect.runPromise(program)
 * console.log(reports.map(({ before }) => Option.getOrThrow(before)).join(" ")) // => carol bob
 * ```
 *
 * @stability stable
 * @category controllers
 */
export const maintain = <A, E, R, C, K = never, XE = never, XR = never>(
  register: Register<A, E, R, C> & { readonly read: Effect.Effect<Observation<A, C>, E, R> },
  intent: Intent<A>,
  options: MaintainOptions<A, Reported<E, A> | errors.CasError<A, C>, XE, XR> & Omit<Options<A>, "hint"> & {
    /** Runs the operations in turn with others on this key. */
    readonly queue?: readonly [queue: Queue<K, A>, key: K] | undefined
  } = {}
): Stream.Stream<
  Result.Result<Report<A>, Reported<E, A> | errors.CasError<A, C>>,
  Reported<E, A> | errors.CasError<A, C> | Contested<A> | XE,
  R | XR
> => {
  const { budget, onAbandoned, policy, queue } = options
  const operation = { budget, onAbandoned, policy }
  const isFinal = (error: Reported<E, A> | errors.CasError<A, C>): boolean => {
    const verdict = verdictOn(error)
    // What is not the engine's is the register's, with a report.
    return verdict === undefined ? register.classifyError?.(error as E) === undefined : verdict === "ends"
  }
  return maintainWith<A, Reported<E, A> | errors.CasError<A, C>, R, XE, XR>({
    equals: register.equals,
    round: (guard) =>
      queue === undefined
        ? run(register, guard(intent), operation)
        : queue[0].run(queue[1], register, guard(intent), operation)
  }, { ...options, ends: options.ends ?? isFinal })
}
