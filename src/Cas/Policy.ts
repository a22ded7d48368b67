/** When an operation tries again, and when it stops. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { memoize } from "effect/Function"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { InvalidPolicy } from "./errors.ts"
import { type Unknown, unknown, type Unsent } from "./Outcome.ts"
import { inWords } from "./Report.ts"

/**
 * The input of the conflict schedule: a conflict on a swap that was sent at once after its expected value was observed.
 * Only such a conflict is evidence of contention. A conflict on a value that was read before a sleep, or came as a hint,
 * is stale: it only refreshes the value, and does not step the schedule.
 *
 * @stability stable
 * @category models
 */
export interface FreshConflict<out A> {
  readonly expected: A
  readonly desired: A
  readonly actual: Option.Option<A>
  /** Swaps tried so far. */
  readonly swaps: number
  /** The smoothed time of an answered request of this operation. */
  readonly roundTrip: Duration.Duration
}

/**
 * The input of the transient schedule: the answer of an attempt that was not executed, or may have been.
 *
 * @stability stable
 * @category models
 */
export type Transient = Unsent | Unknown

/**
 * Two schedules, never mixed, and the bounds of one operation.
 *
 * @stability stable
 * @category models
 */
export interface Policy<in A, out E = never, out R = never> {
  /** Stepped once by every fresh conflict, and by nothing else. Its delay is the sleep before the next swap. */
  readonly conflict: Schedule.Schedule<unknown, FreshConflict<A>, E, R>
  /** Stepped once by every transient answer. Starts anew after any other answer. A wait that the server asks for is added. */
  readonly transient: Schedule.Schedule<unknown, Transient, E, R>
  /** The most swaps one operation may try, `Unsent` ones included. */
  readonly maxSwaps: number
  /**
   * The most time from the call to the end, on the monotonic clock. An attempt in flight is interrupted when it passes,
   * and counts as one of unknown effect.
   */
  readonly deadline: Duration.Input
  /** The least time that must be left before the deadline for another attempt to start. */
  readonly minAttempt: Duration.Input
  /**
   * The most time from the departure of a request to its answer: what `Cas.hold` marks is not counted. After it the
   * attempt is interrupted, and counts as one of unknown effect.
   */
  readonly attemptTimeout: Duration.Input
  /** What to do after a swap of unknown effect; `undefined` leaves it to the intent. */
  readonly onUnknown: "reassert" | "stopIfMoved" | "neverResend" | undefined
  /** `drain` lets a swap in flight end, within its timeout, before an interruption takes effect; a held one is cut. */
  readonly interruption: "abort" | "drain"
}

const bursts = (
  options: Readonly<Record<"first" | "next" | "window" | "cap", number>>
): Schedule.Schedule<Duration.Duration, FreshConflict<unknown>> =>
  Schedule.fromStep(Effect.sync(() => {
    let immediate = options.first - 1
    let sleeps = 0
    return (_now: number, input: FreshConflict<unknown>): Effect.Effect<[Duration.Duration, Duration.Duration]> => {
      if (immediate > 0) {
        immediate = immediate - 1
        return Effect.succeed([Duration.zero, Duration.zero])
      }
      // The first swap after a sleep meets a stale conflict, which does not step: it is one of the burst.
      immediate = options.next - 2
      sleeps = sleeps + 1
      const window = Math.min(options.window * sleeps, options.cap) * Math.max(Duration.toMillis(input.roundTrip), 20)
      return Effect.map(Random.next, (random) => {
        const delay = Duration.millis(random * window)
        return [delay, delay]
      })
    }
  }))

export const fullJitter = Schedule.modifyDelay(
  Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("5 seconds")]),
  ({ duration }) => Effect.map(Random.next, (random) => Duration.times(duration, random))
)

const standard: Policy<unknown> = {
  conflict: bursts({ first: 5, next: 3, window: 8, cap: 100 }),
  transient: Schedule.upTo(fullJitter, { times: 4 }),
  maxSwaps: 32,
  deadline: "30 seconds",
  minAttempt: "100 millis",
  attemptTimeout: "10 seconds",
  onUnknown: undefined,
  interruption: "abort"
}

const make = <A = unknown, E1 = never, R1 = never, E2 = never, R2 = never>(
  options: {
    readonly conflict?: Schedule.Schedule<unknown, FreshConflict<A>, E1, R1> | undefined
    readonly transient?: Schedule.Schedule<unknown, Transient, E2, R2> | undefined
  } & Partial<Omit<Policy<A>, "conflict" | "transient">>
): Policy<A, E1 | E2, R1 | R2> => ({
  ...standard,
  ...options,
  conflict: options.conflict ?? standard.conflict,
  transient: options.transient ?? standard.transient
})

/**
 * The ready policies, and `make` for your own.
 *
 * **Details**
 *
 * - `standard`: the default, for any number of contenders. Up to five swaps back to back, then sleeps of growing random
 *   length, in units of the measured round trip, each followed by a burst of three. At most 32 swaps, 30 seconds, 10 seconds
 *   an attempt; four transient retries.
 * - `eager`: never sleeps between conflicts; for steady traffic and few contenders.
 * - `thrifty`: fewer calls and longer waits; for strict quotas.
 * - `once`: one swap, no retry of any kind.
 * - `make`: `standard` with what you give replaced. Any `Schedule` works, and keeps its error and requirement types. An
 *   invalid bound (negative, NaN, a fractional `maxSwaps`) fails the operation that uses the policy with `CasInvalidPolicy`,
 *   before a request is sent.
 *
 * @stability stable
 * @category policies
 */
export const Policy = {
  standard,
  eager: make({ conflict: Schedule.forever }),
  thrifty: make({ conflict: bursts({ first: 3, next: 2, window: 16, cap: 400 }) }),
  once: make({ transient: Schedule.recurs(0), maxSwaps: 1 }),
  make
} as const

/**
 * A policy in words: the sleeps after the first conflicts and the first transient answers, and the bounds.
 *
 * **Details**
 *
 * Steps the schedules, `steps` times at most (10 unless given), with a round trip of `roundTrip` (100 ms unless given) and
 * conflicts without a value. Random sleeps are drawn from `Random`: provide one that is always 1 to see the longest.
 *
 * **Example** (The longest waits)
 *
 * ```ts
 * import { Effect, Random } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * const longest = Effect.provideService(Random.Random, { nextDoubleUnsafe: () => 1, nextIntUnsafe: () => 1 })
 * console.log(await Effect.runPromise(Cas.describePolicy(Cas.Policy.eager, { value: "alice", steps: 3 }).pipe(longest)))
 * // => conflicts: at once, at once, at once, …; transient: 200 ms, 400 ms, 800 ms, …; at most 32 swaps, 30 s, 10 s an attempt
 * ```
 *
 * @stability stable
 * @category rendering
 */
export const describePolicy = <A, E, R>(
  policy: Policy<A, E, R>,
  options: {
    /** Stands for the expected and the desired value. */
    readonly value: A
    readonly roundTrip?: Duration.Input | undefined
    readonly steps?: number | undefined
  }
): Effect.Effect<string, E | InvalidPolicy, R> =>
  Effect.gen(function*() {
    const bounds = boundsOf(policy)
    if (bounds instanceof InvalidPolicy) return yield* bounds
    const steps = options.steps ?? 10
    const roundTrip = Duration.fromInputUnsafe(options.roundTrip ?? "100 millis")

    const waits = Effect.fnUntraced(function*<I, SE, SR>(
      schedule: Schedule.Schedule<unknown, I, SE, SR>,
      input: (step: number) => I
    ) {
      const step = yield* Schedule.toStep(schedule)
      const words: Array<string> = []
      let now = 0
      while (words.length < steps) {
        const wait = Effect.map(step(now, input(words.length + 1)), ([, wait]) => Duration.toMillis(wait))
        const millis = yield* Pull.catchDone(wait, () => Effect.undefined)
        if (millis === undefined) return [...words, words.length === 0 ? "give up" : "then give up"].join(", ")
        now = now + millis
        words.push(millis === 0 ? "at once" : inWords(millis))
      }
      return `${words.join(", ")}, …`
    })

    const conflict = { expected: options.value, desired: options.value, actual: Option.none(), roundTrip }
    const conflicts = yield* waits(policy.conflict, (swaps): FreshConflict<A> => ({ ...conflict, swaps }))
    const transients = yield* waits(policy.transient, () => unknown())
    return `conflicts: ${conflicts}; transient: ${transients}; at most ${bounds.maxSwaps} swaps, ${
      inWords(bounds.deadline)
    }, ${inWords(bounds.attemptTimeout)} an attempt`
  })

/** A duration in milliseconds, NaN if it is none. */
export const millisIn = (input: Duration.Input): number =>
  Number.isNaN(input)
    ? Number.NaN
    : Option.getOrElse(Option.map(Duration.fromInput(input), Duration.toMillis), () => Number.NaN)

/** The bounds of a policy in milliseconds. */
export type Bounds = Readonly<Record<"maxSwaps" | "deadline" | "minAttempt" | "attemptTimeout", number>>

/**
 * The bounds of a policy, or the error for an invalid one. Cached: a program has few policies, and parsing their durations
 * takes a fifth of an operation without conflicts.
 */
export const boundsOf = memoize((policy: Policy<never, unknown, unknown>): Bounds | InvalidPolicy => {
  const { maxSwaps } = policy
  const deadline = millisIn(policy.deadline)
  const minAttempt = millisIn(policy.minAttempt)
  const attemptTimeout = millisIn(policy.attemptTimeout)
  const invalid = (setting: keyof Bounds, expected: string) =>
    new InvalidPolicy({ setting, expected, received: String(policy[setting]) })
  if (!(Number.isSafeInteger(maxSwaps) && maxSwaps > 0)) return invalid("maxSwaps", "a whole number of at least 1")
  if (!(minAttempt >= 0 && minAttempt < Number.POSITIVE_INFINITY)) {
    return invalid("minAttempt", "a finite duration, not negative")
  }
  if (!(deadline > 0 && deadline >= minAttempt)) {
    return invalid("deadline", `a positive duration, and at least minAttempt (${minAttempt} ms)`)
  }
  if (!(attemptTimeout > 0)) return invalid("attemptTimeout", "a positive duration")
  return { maxSwaps, deadline, minAttempt, attemptTimeout }
})
