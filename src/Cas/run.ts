/**
 * Runs the reducer: sends its requests, steps its schedules, sleeps, reads the clock, and writes the report.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as errors from "./errors.ts"
import type { Intent } from "./Intent.ts"
import { type Observation, type Outcome, type Unknown, unknown } from "./Outcome.ts"
import { type FreshConflict, limits, Policy } from "./Policy.ts"
import * as reducer from "./reducer.ts"
import type { Register, Reported } from "./Register.ts"
import type { Attempt, Evidence, FailureReport, Report, Terminal } from "./Report.ts"

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
  /** Told when an interruption leaves a swap in flight: its effect is unknown, and no result can tell. */
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
export const run = <A, E, R, PE = never, PR = never>(
  register: Register<A, E, R>,
  intent: Intent<A>,
  options?: Options<A, PE, PR>
): Effect.Effect<Report<A>, Reported<E, A> | errors.CasError<A> | PE, R | PR> =>
  Effect.gen(function*() {
    const policy: Policy<A, PE, PR> = options?.policy ?? Policy.standard
    const bounds = yield* limits(policy)
    const clock = yield* Clock.Clock
    const startedAt = clock.monotonicTimeNanosUnsafe()
    const elapsed = () => Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1_000_000

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

    const swap = (expected: A, desired: A): Effect.Effect<Outcome<A>, E, R> => {
      const request = Effect.suspend(() => register.swap(expected, desired))
      if (policy.interruption === "drain") return Effect.uninterruptible(withTimeout(Effect.interruptible(request)))
      const onAbandoned = options?.onAbandoned
      return onAbandoned === undefined
        ? withTimeout(request)
        : Effect.onInterrupt(withTimeout(request), () => onAbandoned({ expected, desired }))
    }

    const conflictStep = yield* Effect.cached(Schedule.toStep(policy.conflict))
    let transientStep = Schedule.toStep(policy.transient)
    const attempts: Array<Attempt<A>> = []
    let state = reducer.start<A>()
    let lastCause: unknown
    let waited = 0

    const note = (answer: Outcome<A> | Observation<A> | Terminal): void => {
      if (answer._tag === "Unsent" || answer._tag === "Unknown") lastCause = answer.cause
    }
    const record = (attempt: Attempt<A>): void => {
      note(attempt.answer)
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

    /** Does one command, and answers with what came of it. */
    const perform = Effect.fnUntraced(function*(
      command: Exclude<reducer.Command<A, E>, { readonly _tag: "Succeed" | "Fail" }>
    ): Effect.fn.Return<reducer.Event<A, E>, PE, R | PR> {
      switch (command._tag) {
        case "SendSwap": {
          const { desired, expected, fresh } = command
          const at = elapsed()
          const result = yield* Effect.result(swap(expected, desired))
          const took = elapsed() - at
          const answer = Result.match(result, {
            onFailure: (error): Outcome<A> | Terminal => ({ _tag: "Terminal", error: tagOf(error) }),
            onSuccess: (outcome) => outcome
          })
          const timing = { waited: duration(waited), at: duration(at), took: duration(took) }
          record({ _tag: "Swap", expected, desired, fresh, answer, ...timing })
          return Result.match(result, {
            onFailure: (error): reducer.Event<A, E> => ({ _tag: "Failed", error }),
            onSuccess: (outcome) => ({ _tag: "Swapped", answer: outcome, elapsed: elapsed(), took })
          })
        }
        case "SendRead": {
          const at = elapsed()
          const read = register.read
          if (read === undefined) throw new Error("a read of a register that cannot be read")
          const result = yield* Effect.result(withTimeout(read))
          const took = elapsed() - at
          const answer = Result.match(result, {
            onFailure: (error): Observation<A> | Terminal => ({ _tag: "Terminal", error: tagOf(error) }),
            onSuccess: (observation) => observation
          })
          record({ _tag: "Read", answer, waited: duration(waited), at: duration(at), took: duration(took) })
          return Result.match(result, {
            onFailure: (error): reducer.Event<A, E> => ({ _tag: "Failed", error }),
            onSuccess: (observation) => ({ _tag: "Read", answer: observation, elapsed: elapsed(), took })
          })
        }
        case "StepConflict": {
          const step = yield* conflictStep
          const input: FreshConflict<A> = {
            expected: command.expected,
            desired: command.desired,
            actual: command.actual,
            swaps: state.swaps,
            roundTrip: duration(state.roundTrip ?? 0)
          }
          return yield* delay("conflict", step(clock.currentTimeMillisUnsafe(), input))
        }
        case "StepTransient": {
          if (command.restart) transientStep = yield* Effect.cached(Schedule.toStep(policy.transient))
          const step = yield* transientStep
          return yield* delay("transient", step(clock.currentTimeMillisUnsafe(), command.answer))
        }
        case "Sleep": {
          yield* Effect.sleep(command.millis)
          waited = waited + command.millis
          return { _tag: "Woke", slept: command.millis, elapsed: elapsed() }
        }
      }
    })

    const delay = (
      schedule: "conflict" | "transient",
      pull: Pull.Pull<[unknown, Duration.Duration], PE, unknown, PR>
    ): Effect.Effect<reducer.Event<A, E>, PE, PR> =>
      Pull.matchEffect(pull, {
        onSuccess: ([, wait]) =>
          Effect.sync((): reducer.Event<A, E> => ({
            _tag: "Delay",
            millis: Duration.toMillis(wait),
            elapsed: elapsed()
          })),
        onFailure: (cause) => Effect.failCause(cause),
        onDone: () => Effect.succeed<reducer.Event<A, E>>({ _tag: "NoMoreDelays", schedule })
      })

    const failure = (failed: reducer.Failure<A, E>): Reported<E, A> | errors.CasError<A> => {
      const report: FailureReport<A> = {
        ...evidence(reducer.effectOf(state), Option.none()),
        outcome: "failed",
        observed: Option.map(Option.fromUndefinedOr(state.known), (known) => known.value)
      }
      switch (failed._tag) {
        case "Terminal":
          return withReport(failed.error, report)
        case "Exhausted":
          return new errors.Exhausted<A>({
            limit: failed.limit,
            detail: detailOf(failed, bounds),
            cause: lastCause,
            report
          })
        case "Refused":
          return new errors.Refused<A>({ intent: intent.name, reason: failed.reason, actual: failed.actual, report })
        case "Superseded":
          return new errors.Superseded<A>({ actual: failed.actual, report })
        case "Indeterminate":
          return new errors.Indeterminate<A>({ cause: lastCause, report })
        case "ConflictWithoutState":
          return new errors.ConflictWithoutState<A>({ report })
        case "InconsistentRegister":
          return new errors.InconsistentRegister<A>({ actual: failed.actual, report })
      }
    }

    let event: reducer.Event<A, E> = { _tag: "Started", hint: Option.fromUndefinedOr(options?.hint) }
    while (true) {
      const [next, command]: reducer.Transition<A, E> = reducer.step(rules, state, event)
      state = next
      if (command._tag === "Succeed") {
        const { after, before, effect, outcome } = command
        return { ...evidence(effect, before), outcome, after }
      }
      if (command._tag === "Fail") return yield* Effect.fail(failure(command.failure))
      event = yield* perform(command)
    }
  })

const detailOf = (
  failed: Extract<reducer.Failure<unknown, unknown>, { readonly _tag: "Exhausted" }>,
  bounds: { readonly maxSwaps: number; readonly deadline: number }
): string => {
  switch (failed.limit) {
    case "conflicts":
      return "The conflict schedule ended"
    case "transients":
      return "The transient schedule ended"
    case "swaps":
      return `All ${bounds.maxSwaps} swaps that the policy allows were sent`
    case "deadline":
      return failed.wait > 0
        ? `A wait of ${Math.ceil(failed.wait)} ms does not fit the deadline of ${bounds.deadline} ms`
        : `Too little is left of the deadline of ${bounds.deadline} ms`
  }
}
