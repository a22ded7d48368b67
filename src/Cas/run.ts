/**
 * Runs the reducer: sends its requests, steps its schedules, sleeps, reads the clock, and writes the report.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as errors from "./errors.ts"
import type { Intent } from "./Intent.ts"
import { type Observation, type Outcome, type Unknown, unknown } from "./Outcome.ts"
import { type FreshConflict, type Limits, limits, Policy, type Transient } from "./Policy.ts"
import * as reducer from "./reducer.ts"
import type { Register, Reported } from "./Register.ts"
import { type Attempt, type Evidence, type FailureReport, type Report, type Terminal, withReason } from "./Report.ts"
import type { RetryBudget } from "./RetryBudget.ts"
import * as telemetry from "./telemetry.ts"

/**
 * How to run an operation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<A, out E = never, out R = never> {
  /** The value that is probably in place. A right hint saves a read; a wrong one costs one conflict. */
  readonly hint?: A | undefined
  /** `Policy.standard` unless given. */
  readonly policy?: Policy<A, E, R> | undefined
  /** What pays for transient retries; without one they are bounded by the policy alone. */
  readonly budget?: RetryBudget | undefined
  /** Told when an interruption or a defect leaves a swap of unknown effect, in flight or unanswered: no result can tell of it. */
  readonly onAbandoned?:
    | ((attempt: { readonly expected: A; readonly desired: A }) => Effect.Effect<void>)
    | undefined
}

const withReport = <E, A>(error: E, report: FailureReport<A>): Reported<E, A> => {
  if (!Predicate.isObjectKeyword(error)) {
    // A primitive cannot carry a report: for it, Reported<E, A> is E.
    return error as Reported<E, A>
  }
  // An error that already belongs to a report, or is frozen, may be shared: a copy leaves its owner's as it is.
  const target = Object.isExtensible(error) && !Object.hasOwn(error, "report") ? error : Object.create(error)
  // The property is defined right here, which makes the value a Reported<E, A>.
  return Object.defineProperty(target, "report", { value: report, enumerable: true }) as Reported<E, A>
}

const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && typeof error._tag === "string"
    ? error._tag
    : error instanceof Error
    ? error.name
    : typeof error

const duration = (millis: number) => millis === 0 ? Duration.zero : Duration.millis(millis)

type Stepper<I, E, R> = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, I, E, R>>>

/**
 * How an operation is tied to those before and after it on the same register. Times are monotonic.
 *
 * @internal
 */
export interface Link<A> {
  readonly invokedAt: bigint
  readonly known: reducer.Known<A> | undefined
  /** A request sent at that time showed this value. */
  readonly seen: (value: A, sentAt: bigint) => void
  /** Nobody knows what the last swap did. */
  readonly doubt: () => void
}

/**
 * Runs an operation whose limits have been checked.
 *
 * @internal
 */
export const operate = <A, E, R, PE, PR>(
  register: Register<A, E, R>,
  intent: Intent<A>,
  options: Options<A, PE, PR>,
  policy: Policy<A, PE, PR>,
  bounds: Limits,
  link: Link<A>
): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A> | PE, R | PR> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const elapsed = () => Number(clock.monotonicTimeNanosUnsafe() - link.invokedAt) / 1_000_000
    // Spans tell the time of day, attempts the time since the call.
    const calledAt = clock.currentTimeNanosUnsafe() - (clock.monotonicTimeNanosUnsafe() - link.invokedAt)

    const { budget } = options
    if (budget !== undefined) yield* budget.deposit

    const rules: reducer.Rules<A> = {
      intent,
      equals: register.equals,
      canRead: register.read !== undefined,
      onUnknown: policy.onUnknown ?? intent.onUnknown,
      maxSwaps: bounds.maxSwaps,
      deadline: bounds.deadline,
      minAttempt: bounds.minAttempt
    }

    const timedOut = Effect.sync(() => unknown(new Error(`no answer within ${bounds.attemptTimeout} ms`)))
    const withTimeout = <X>(request: Effect.Effect<X | Unknown, E, R>): Effect.Effect<X | Unknown, E, R> =>
      bounds.attemptTimeout === Number.POSITIVE_INFINITY
        ? request
        : Effect.timeoutOrElse(request, { duration: bounds.attemptTimeout, orElse: () => timedOut })

    /** The swap that may have taken effect without anybody knowing. */
    let inDoubt: { readonly expected: A; readonly desired: A } | undefined

    /** An interruption, a defect or an error of a schedule: there is no report to tell of the swap in doubt. */
    const abandoned = (cause: Cause.Cause<unknown>) =>
      Effect.suspend(() => {
        const outcome = Cause.hasInterruptsOnly(cause) ? "interrupted" : "defect"
        const counted = telemetry.ended(
          outcome,
          evidence(inDoubt === undefined ? "none" : "unknown", Option.none()),
          calledAt
        )
        if (inDoubt === undefined) return counted
        link.doubt()
        return Effect.andThen(counted, options.onAbandoned?.(inDoubt) ?? Effect.void)
      })

    // Most operations step no schedule: their state is made when it is needed.
    let conflictStep: Stepper<FreshConflict<A>, PE, PR> | undefined
    let transientStep: Stepper<Transient, PE, PR> | undefined
    const attempts: Array<Attempt<A>> = []
    let state = reducer.start<A>()
    let lastCause: unknown
    let waited = 0

    const record = (attempt: Attempt<A>): void => {
      const { answer } = attempt
      const sentAt = link.invokedAt + Duration.toNanosUnsafe(attempt.at)
      if (answer._tag === "Unsent" || answer._tag === "Unknown") lastCause = answer.cause
      if (answer._tag === "Unknown" && attempt._tag === "Swap") link.doubt()
      const shown = shownBy(attempt)
      if (Option.isSome(shown)) link.seen(shown.value, sentAt)
      attempts.push(attempt)
      waited = 0
    }
    const evidence = (effect: Evidence<A>["effect"], before: Option.Option<A>): Evidence<A> => ({
      effect,
      before,
      attempts,
      swaps: state.swaps,
      reads: state.reads,
      conflicts: { fresh: state.fresh, stale: state.stale },
      waited: duration(state.waited),
      elapsed: duration(elapsed())
    })

    const failed = (error: E): reducer.Event<A, E> => {
      const proof = register.proves?.(error)
      if (proof === "doubtful") link.doubt()
      return { _tag: "Failed", error, proof, elapsed: elapsed() }
    }

    const sendSwap = (command: Extract<reducer.Command<A, E>, { readonly _tag: "SendSwap" }>) =>
      Effect.suspend((): Effect.Effect<reducer.Event<A, E>, never, R> => {
        const { desired, expected, fresh } = command
        const before = inDoubt
        inDoubt = { expected, desired }
        const at = elapsed()
        const note = (answer: Outcome<A> | Terminal): number => {
          const now = elapsed()
          if (answer._tag !== "Unknown") inDoubt = before
          const timing = { waited: duration(waited), at: duration(at), took: duration(now - at) }
          record({ _tag: "Swap", expected, desired, fresh, answer, ...timing })
          return now
        }
        const answered = Effect.matchEager(withTimeout(Effect.suspend(() => register.swap(expected, desired))), {
          onFailure: (error) => {
            note({ _tag: "Terminal", error: tagOf(error) })
            return failed(error)
          },
          onSuccess: (answer): reducer.Event<A, E> => {
            const now = note(answer)
            return { _tag: "Swapped", answer, elapsed: now, took: now - at }
          }
        })
        // Drained on a fiber of its own, where its timeout can cut it, and an interruption of this one cannot.
        return policy.interruption === "drain"
          ? Effect.uninterruptible(Effect.flatMap(Effect.forkChild(Effect.interruptible(answered)), Fiber.join))
          : answered
      })

    const sendRead = (read: Effect.Effect<Observation<A>, E, R>) =>
      Effect.suspend((): Effect.Effect<reducer.Event<A, E>, never, R> => {
        const at = elapsed()
        const note = (answer: Observation<A> | Terminal): number => {
          const now = elapsed()
          record({ _tag: "Read", answer, waited: duration(waited), at: duration(at), took: duration(now - at) })
          return now
        }
        return Effect.matchEager(withTimeout(read), {
          onFailure: (error) => {
            note({ _tag: "Terminal", error: tagOf(error) })
            return failed(error)
          },
          onSuccess: (answer): reducer.Event<A, E> => {
            const now = note(answer)
            return { _tag: "Read", answer, elapsed: now, took: now - at }
          }
        })
      })

    const stepConflict = Effect.fnUntraced(function*(input: FreshConflict<A>) {
      conflictStep ??= yield* Schedule.toStep(policy.conflict)
      return yield* delay("conflicts", conflictStep(clock.currentTimeMillisUnsafe(), input))
    })

    const stepTransient = Effect.fnUntraced(function*(
      answer: Transient,
      restart: boolean
    ): Effect.fn.Return<reducer.Event<A, E>, PE, PR> {
      if (budget !== undefined && !(yield* budget.withdraw)) return { _tag: "NoMoreDelays", limit: "budget" }
      if (restart || transientStep === undefined) transientStep = yield* Schedule.toStep(policy.transient)
      return yield* delay("transients", transientStep(clock.currentTimeMillisUnsafe(), answer))
    })

    /** Does one command, and answers with what came of it. */
    const perform = (
      command: Exclude<reducer.Command<A, E>, { readonly _tag: "Succeed" | "Fail" }>
    ): Effect.Effect<reducer.Event<A, E>, PE, R | PR> => {
      switch (command._tag) {
        case "SendSwap":
          return sendSwap(command)
        case "SendRead":
          return register.read === undefined
            ? Effect.die(new Error("a read of a register that cannot be read"))
            : sendRead(register.read)
        case "StepConflict": {
          const { actual, desired, expected } = command
          const roundTrip = duration(state.roundTrip ?? 0)
          return stepConflict({ expected, desired, actual, swaps: state.swaps, roundTrip })
        }
        case "StepTransient":
          return stepTransient(command.answer, command.restart)
        case "Sleep":
          return Effect.map(Effect.sleep(command.millis), () => {
            waited = waited + command.millis
            return { _tag: "Woke", slept: command.millis, elapsed: elapsed() }
          })
      }
    }

    const delay = (
      limit: "conflicts" | "transients",
      pull: Pull.Pull<[unknown, Duration.Duration], PE, unknown, PR>
    ): Effect.Effect<reducer.Event<A, E>, PE, PR> =>
      Pull.matchEffect(pull, {
        onSuccess: ([, wait]) =>
          Effect.succeed<reducer.Event<A, E>>({ _tag: "Delay", millis: Duration.toMillis(wait), elapsed: elapsed() }),
        onFailure: (cause) => Effect.failCause(cause),
        onDone: () => Effect.succeed<reducer.Event<A, E>>({ _tag: "NoMoreDelays", limit })
      })

    const failure = (
      failed: reducer.Failure<A, E>,
      report: FailureReport<A>
    ): Reported<E, A> | errors.CasError<A> => {
      switch (failed._tag) {
        case "Terminal":
          return withReport(failed.error, report)
        case "Exhausted":
          return new errors.Exhausted<A>({
            limit: failed.limit,
            detail: withReason(detailOf(failed, bounds), lastCause),
            cause: lastCause,
            report
          })
        case "Refused":
          return new errors.Refused<A>({ intent: intent.name, reason: failed.reason, actual: failed.actual, report })
        case "Superseded":
          return new errors.Superseded<A>({ actual: Option.some(failed.actual), report })
        case "Indeterminate":
          return new errors.Indeterminate<A>({ cause: lastCause, report })
        case "ConflictWithoutState":
          return new errors.ConflictWithoutState<A>({ report })
        case "InconsistentRegister":
          return new errors.InconsistentRegister<A>({ actual: failed.actual, report })
      }
    }

    let hasEnded = false
    const loop = Effect.gen(function*() {
      let event: reducer.Event<A, E> = { _tag: "Started", known: link.known, elapsed: elapsed() }
      while (true) {
        const [next, command]: reducer.Transition<A, E> = reducer.step(rules, state, event)
        state = next
        hasEnded = command._tag === "Succeed" || command._tag === "Fail"
        if (command._tag === "Succeed") {
          const { after, before, effect, outcome } = command
          const report = { ...evidence(effect, before), outcome, after }
          yield* telemetry.ended(outcome, report, calledAt)
          return report
        }
        if (command._tag === "Fail") {
          const report: FailureReport<A> = {
            ...evidence(reducer.effectOf(state), Option.none()),
            outcome: "failed",
            observed: Option.map(Option.fromUndefinedOr(state.known), (known) => known.value)
          }
          const error = failure(command.failure, report)
          yield* telemetry.ended(tagOf(error), report, calledAt)
          return yield* Effect.fail(error)
        }
        event = yield* perform(command)
      }
    })
    return yield* Effect.onError(loop, (cause) => hasEnded ? Effect.void : abandoned(cause))
  })

/** The value that an attempt showed to be in place. */
const shownBy = <A>({ answer, ...attempt }: Attempt<A>): Option.Option<A> => {
  switch (answer._tag) {
    case "Applied":
      return attempt._tag === "Swap" ? Option.orElseSome(answer.current, () => attempt.desired) : answer.current
    case "Conflict":
      return answer.actual
    case "Observed":
      return answer.value
    default:
      return Option.none()
  }
}

/**
 * Brings the register to where the intent wants it.
 *
 * **Details**
 *
 * The error channel holds the register's terminal errors, each with a `report`; the errors of the policy's schedules;
 * and the engine's own: `CasExhausted` (a bound or schedule ended), `CasRefused` (the intent refused the value in
 * place), `CasSuperseded` and `CasIndeterminate` (a reply was lost, and the policy forbids to go on),
 * `CasConflictWithoutState` (nothing tells the current value), `CasInconsistentRegister` (conflicts that contradict
 * themselves), `CasInvalidPolicy` (nonsense in the policy).
 *
 * @since 0.1.0
 * @category running
 */
export const run: {
  <A, E, R>(
    register: Register<A, E, R>,
    intent: Intent<NoInfer<A>>,
    options?: Options<NoInfer<A>>
  ): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A>, R>
  <A, E, R, PE, PR>(
    register: Register<A, E, R>,
    intent: Intent<NoInfer<A>>,
    options: Options<NoInfer<A>, PE, PR>
  ): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A> | PE, R | PR>
} = <A, E, R, PE, PR>(
  register: Register<A, E, R>,
  intent: Intent<A>,
  options: Options<A, PE, PR> = {}
): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A> | PE, R | PR> =>
  Clock.clockWith((clock) => {
    const invokedAt = clock.monotonicTimeNanosUnsafe()
    const policy: Policy<A, PE, PR> = options.policy ?? Policy.standard
    return Effect.flatMap(
      limits(policy),
      (bounds) =>
        operate(register, intent, options, policy, bounds, { invokedAt, known: fromHint(options.hint), ...alone })
    )
  })

const alone = { seen: () => {}, doubt: () => {} }

/**
 * A hint is of unknown age, and no proof.
 *
 * @internal
 */
export const fromHint = <A>(hint: A | undefined): reducer.Known<A> | undefined =>
  hint === undefined ? undefined : { value: hint, isWitness: false, isAged: true }

const detailOf = (
  failed: Extract<reducer.Failure<unknown, unknown>, { readonly _tag: "Exhausted" }>,
  bounds: { readonly maxSwaps: number; readonly deadline: number }
): string => {
  switch (failed.limit) {
    case "conflicts":
      return "The conflict schedule ended"
    case "transients":
      return "The transient schedule ended"
    case "budget":
      return "The retry budget, which all operations of this client share, is used up: the server is in trouble"
    case "swaps":
      return `All ${bounds.maxSwaps} swaps that the policy allows were sent`
    case "deadline":
      return failed.wait > 0
        ? `A wait of ${Math.ceil(failed.wait)} ms does not fit the deadline of ${bounds.deadline} ms`
        : `Too little is left of the deadline of ${bounds.deadline} ms`
  }
}
