/**
 * One operation: runs the reducer, sends its requests, steps its schedules, sleeps, reads the clock, and writes the report.
 *
 * **Details**
 *
 * Where nobody contends, the engine's own work is all that an operation costs above its request. Hence a class, which
 * allocates one object for an operation instead of a closure for each of its parts, and no generators: a generator
 * function that is written inside of another function takes V8 two microseconds on every call.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { CasError } from "./errors.ts"
import { errorOf, tagOf } from "./failure.ts"
import type { Intent } from "./Intent.ts"
import { inTime } from "./inTime.ts"
import { type Observation, type Outcome, type Unknown, unknown, type Unsent, unsent } from "./Outcome.ts"
import type { FreshConflict, Limits, Policy, Transient } from "./Policy.ts"
import * as reducer from "./reducer.ts"
import type { Register, Reported } from "./Register.ts"
import type { Attempt, Evidence, FailureReport, Report, Terminal, Timing } from "./Report.ts"
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

/**
 * What is to be done; the bounds of the policy have been checked.
 *
 * @internal
 */
export interface Call<A, E, R, PE, PR> {
  readonly register: Register<A, E, R>
  readonly intent: Intent<A>
  readonly options: Options<A, PE, PR>
  readonly policy: Policy<A, PE, PR>
  readonly bounds: Limits
}

/**
 * How an operation is tied to those before and after it on the same register. Times are those of `now`.
 *
 * @internal
 */
export interface Link<A> {
  readonly invokedAt: number
  readonly known: reducer.Known<A> | undefined
  /** A request sent at that time showed this value. */
  readonly seen: (value: A, sentAt: number) => void
  /** Nobody knows what the last swap did. */
  readonly doubt: () => void
}

/**
 * Nanoseconds on the monotonic clock: never out of order, and exact for the first hundred days of the clock.
 *
 * @internal
 */
export const now = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe())

const millis = (nanos: number): number => nanos / 1_000_000

const duration = (millis: number) => millis === 0 ? Duration.zero : Duration.millis(millis)

type Command<Tag extends reducer.Command<never, never>["_tag"], A, E> = Extract<
  reducer.Command<A, E>,
  { readonly _tag: Tag }
>

/** A request; `note` makes of its answer what the report says, and `tell` what the reducer is told. */
interface Exchange<X, A, E, R> {
  readonly request: () => Effect.Effect<X, E, R>
  readonly note: (answer: X | Unsent | Unknown | Terminal, timing: Timing) => Attempt<A>
  readonly tell: (answer: X | Unsent | Unknown, elapsed: number, took: number) => reducer.Event<A, E>
}

type Stepper<I, E, R> = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, I, E, R>>>

/**
 * An operation that is about to begin, on the fiber that runs it.
 *
 * @internal
 */
export class Operation<A, E, R, PE, PR> {
  private readonly call: Call<A, E, R, PE, PR>
  private readonly link: Link<A>
  private readonly clock: Clock.Clock
  private readonly context: Context.Context<never>
  private readonly trace: telemetry.Trace | undefined
  private readonly rules: reducer.Rules<A>
  private readonly attempts: Array<Attempt<A>> = []
  private state: reducer.State<A, E> = reducer.start<A>()
  private hasEnded = false
  private waited = 0
  private lastCause: unknown = undefined
  /** The swap that may have taken effect without anybody knowing. */
  private inDoubt: { readonly expected: A; readonly desired: A } | undefined = undefined
  // Most operations step no schedule: their state is made when it is needed.
  private conflictStep: Stepper<FreshConflict<A>, PE, PR> | undefined = undefined
  private transientStep: Stepper<Transient, PE, PR> | undefined = undefined

  constructor(fiber: Fiber.Fiber<unknown, unknown>, call: Call<A, E, R, PE, PR>, link: Link<A>) {
    const { bounds, intent, policy, register } = call
    const clock = fiber.getRef(Clock.Clock)
    this.call = call
    this.link = link
    this.clock = clock
    this.context = fiber.context
    // Spans tell the time of day, attempts the time since the call.
    this.trace = telemetry.traceOf(
      fiber.context,
      () => clock.currentTimeNanosUnsafe() - BigInt(now(clock) - link.invokedAt)
    )
    this.rules = {
      intent,
      equals: register.equals,
      canRead: register.read !== undefined,
      onUnknown: policy.onUnknown ?? intent.onUnknown,
      maxSwaps: bounds.maxSwaps,
      deadline: bounds.deadline,
      minAttempt: bounds.minAttempt
    }
  }

  run(): Effect.Effect<Report<A>, Reported<E, A> | CasError<A> | PE, R | PR> {
    const { budget } = this.call.options
    const begun = Effect.suspend(() =>
      this.advance({ _tag: "Started", known: this.link.known, elapsed: this.elapsed() })
    )
    const operation = Effect.onExitPrimitive(
      begun,
      (exit) => exit._tag === "Success" || this.hasEnded ? undefined : this.abandoned(exit.cause)
    )
    return budget === undefined ? operation : Effect.andThen(budget.deposit, operation)
  }

  /** Goes on from an event to the end. */
  private advance(
    event: reducer.Event<A, E>
  ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A> | PE, R | PR> {
    const [state, command]: reducer.Transition<A, E> = reducer.step(this.rules, this.state, event)
    this.state = state
    switch (command._tag) {
      case "Succeed":
        return this.succeed(command)
      case "Fail":
        return this.fail(command.failure)
      default:
        return Effect.flatMap(this.perform(command), (event) => this.advance(event))
    }
  }

  /** Does one command, and answers with what came of it. */
  private perform(
    command: Exclude<reducer.Command<A, E>, { readonly _tag: "Succeed" | "Fail" }>
  ): Effect.Effect<reducer.Event<A, E>, PE, R | PR> {
    switch (command._tag) {
      case "SendSwap":
        return this.sendSwap(command)
      case "SendRead":
        return this.sendRead()
      case "StepConflict":
        return this.stepConflict(command)
      case "StepTransient":
        return this.stepTransient(command)
      case "Sleep":
        return Effect.map(Effect.sleep(command.millis), () => {
          this.waited = this.waited + command.millis
          return { _tag: "Woke", slept: command.millis, elapsed: this.elapsed() }
        })
    }
  }

  // Requests.

  private sendSwap(
    { desired, expected, fresh }: Command<"SendSwap", A, E>
  ): Effect.Effect<reducer.Event<A, E>, never, R> {
    const { policy, register } = this.call
    const before = this.inDoubt
    const decidedAt = this.elapsed()
    let isAged = false
    const exchange: Exchange<Outcome<A>, A, E, R> = {
      request: () => {
        isAged = register.admit !== undefined && this.elapsed() - decidedAt > (this.state.roundTrip ?? 0)
        this.inDoubt = { expected, desired }
        return register.swap(expected, desired)
      },
      note: (answer, timing) => {
        if (answer._tag === "Unknown") this.link.doubt()
        else this.inDoubt = before
        return { _tag: "Swap", expected, desired, fresh: fresh && !isAged, answer, ...timing }
      },
      tell: (answer, elapsed, took) => ({ _tag: "Swapped", answer, elapsed, took, isAged })
    }
    const answered = this.send(exchange)
    return this.admitted(
      "swap",
      // Drained on a fiber of its own, where its timeout can cut it, and an interruption of this one cannot.
      policy.interruption === "drain"
        ? Effect.uninterruptible(Effect.flatMap(Effect.forkChild(Effect.interruptible(answered)), Fiber.join))
        : answered,
      exchange
    )
  }

  private sendRead(): Effect.Effect<reducer.Event<A, E>, never, R> {
    const { read } = this.call.register
    if (read === undefined) return Effect.die(new Error("a read of a register that cannot be read"))
    const exchange: Exchange<Observation<A>, A, E, R> = {
      request: () => read,
      note: (answer, timing) => ({ _tag: "Read", answer, ...timing }),
      tell: (answer, elapsed, took) => ({ _tag: "Read", answer, elapsed, took })
    }
    return this.admitted("read", this.send(exchange), exchange)
  }

  /** Waits until a request may be sent, but no longer than an answer could still be waited for. */
  private admitted<X>(
    kind: "read" | "swap",
    send: Effect.Effect<reducer.Event<A, E>, never, R>,
    { note, tell }: Exchange<X, A, E, R>
  ): Effect.Effect<reducer.Event<A, E>, never, R> {
    const { bounds, register } = this.call
    if (register.admit === undefined) return send
    const late = () => {
      const at = now(this.clock)
      const answer = unsent({ cause: new Error("its turn would have come after the deadline") })
      this.record(note(answer, this.timing(at, at)), at)
      return tell(answer, this.since(at), 0)
    }
    const admission = register.admit(kind)
    if (bounds.deadline === Number.POSITIVE_INFINITY) return Effect.andThen(admission, send)
    const latest = bounds.deadline - bounds.minAttempt
    // A millisecond more: at the latest time itself the reducer would ask again.
    return Effect.flatMap(
      inTime(Effect.as(admission, true), latest - this.elapsed() + 1, () => false),
      (isAdmitted) => isAdmitted && this.elapsed() <= latest ? send : Effect.sync(late)
    )
  }

  private send<X>({ note, request, tell }: Exchange<X, A, E, R>): Effect.Effect<reducer.Event<A, E>, never, R> {
    let sentAt = 0
    const sent = Effect.suspend(() => {
      sentAt = now(this.clock)
      return request()
    })
    return Effect.match(this.withTimeout(sent), {
      onFailure: (error) => {
        const { inDoubt } = this
        const failed = this.failed(error)
        this.record(note({ _tag: "Terminal", error: tagOf(error) }, this.timing(sentAt, now(this.clock))), sentAt)
        if (failed.proof === "doubtful") this.inDoubt = inDoubt
        return failed
      },
      onSuccess: (answer) => {
        const answeredAt = now(this.clock)
        this.record(note(answer, this.timing(sentAt, answeredAt)), sentAt)
        return tell(answer, this.since(answeredAt), millis(answeredAt - sentAt))
      }
    })
  }

  private withTimeout<X>(request: Effect.Effect<X, E, R>): Effect.Effect<X | Unknown, E, R> {
    const { attemptTimeout } = this.call.bounds
    return attemptTimeout === Number.POSITIVE_INFINITY
      ? request
      : inTime(request, attemptTimeout, () => unknown(new Error(`no answer within ${attemptTimeout} ms`)))
  }

  private failed(error: E): Extract<reducer.Event<A, E>, { readonly _tag: "Failed" }> {
    const proof = this.call.register.proves?.(error)
    if (proof === "doubtful") this.link.doubt()
    return { _tag: "Failed", error, proof, elapsed: this.elapsed() }
  }

  // Schedules.

  private stepConflict({ actual, desired, expected }: Command<"StepConflict", A, E>) {
    const { roundTrip = 0, swaps } = this.state
    const input = { expected, desired, actual, swaps, roundTrip: duration(roundTrip) }
    const next = (step: Stepper<FreshConflict<A>, PE, PR>) => {
      this.conflictStep = step
      return this.delay("conflicts", step(this.clock.currentTimeMillisUnsafe(), input))
    }
    return this.conflictStep === undefined
      ? Effect.flatMap(Schedule.toStep(this.call.policy.conflict), next)
      : next(this.conflictStep)
  }

  private stepTransient(
    { answer, restart }: Command<"StepTransient", A, E>
  ): Effect.Effect<reducer.Event<A, E>, PE, PR> {
    const { options: { budget }, policy } = this.call
    const next = (step: Stepper<Transient, PE, PR>) => {
      this.transientStep = step
      return this.delay("transients", step(this.clock.currentTimeMillisUnsafe(), answer))
    }
    const stepped = Effect.suspend(() =>
      restart || this.transientStep === undefined
        ? Effect.flatMap(Schedule.toStep(policy.transient), next)
        : next(this.transientStep)
    )
    return budget === undefined
      ? stepped
      : Effect.flatMap(
        budget.withdraw,
        (paid) => paid ? stepped : Effect.succeed<reducer.Event<A, E>>({ _tag: "NoMoreDelays", limit: "budget" })
      )
  }

  private delay(
    limit: "conflicts" | "transients",
    pull: Pull.Pull<[unknown, Duration.Duration], PE, unknown, PR>
  ): Effect.Effect<reducer.Event<A, E>, PE, PR> {
    return Pull.matchEffect(pull, {
      onSuccess: ([, wait]) =>
        Effect.succeed<reducer.Event<A, E>>({
          _tag: "Delay",
          millis: Duration.toMillis(wait),
          elapsed: this.elapsed()
        }),
      onFailure: (cause) => Effect.failCause(cause),
      onDone: () => Effect.succeed<reducer.Event<A, E>>({ _tag: "NoMoreDelays", limit })
    })
  }

  // Time.

  /** Milliseconds from the call to a time of `now`. */
  private since(time: number): number {
    return millis(time - this.link.invokedAt)
  }

  private elapsed(): number {
    return this.since(now(this.clock))
  }

  private timing(sentAt: number, answeredAt: number): Timing {
    return {
      waited: duration(this.waited),
      at: duration(this.since(sentAt)),
      took: duration(millis(answeredAt - sentAt))
    }
  }

  // The report.

  private record(attempt: Attempt<A>, sentAt: number): void {
    const { answer } = attempt
    if (answer._tag === "Unsent" || answer._tag === "Unknown") this.lastCause = answer.cause
    const shown = shownBy(attempt)
    if (Option.isSome(shown)) this.link.seen(shown.value, sentAt)
    this.attempts.push(attempt)
    this.waited = 0
  }

  private evidence(effect: Evidence<A>["effect"], before: Option.Option<A>): Evidence<A> {
    const { fresh, reads, stale, swaps, waited } = this.state
    return {
      effect,
      before,
      attempts: this.attempts,
      swaps,
      reads,
      conflicts: { fresh, stale },
      waited: duration(waited),
      elapsed: duration(this.elapsed())
    }
  }

  private succeed({ after, before, effect, outcome }: Command<"Succeed", A, E>): Effect.Effect<Report<A>> {
    this.hasEnded = true
    const report: Report<A> = { ...this.evidence(effect, before), outcome, after }
    telemetry.ended(this.context, this.trace, outcome, report)
    return Effect.succeed(report)
  }

  private fail(failed: reducer.Failure<A, E>): Effect.Effect<never, Reported<E, A> | CasError<A>> {
    this.hasEnded = true
    const { bounds, intent } = this.call
    const report: FailureReport<A> = {
      ...this.evidence(reducer.effectOf(this.state), Option.none()),
      outcome: "failed",
      observed: Option.map(Option.fromUndefinedOr(this.state.known), (known) => known.value)
    }
    const error = errorOf(failed, { bounds, intent, lastCause: this.lastCause, report })
    telemetry.ended(this.context, this.trace, tagOf(error), report)
    return Effect.fail(error)
  }

  /** An interruption, a defect or an error of a schedule: there is no report to tell of the swap in doubt. */
  private abandoned(cause: Cause.Cause<unknown>): Effect.Effect<void> | undefined {
    const { inDoubt } = this
    const outcome = Cause.hasInterruptsOnly(cause) ? "interrupted" : "defect"
    const effect = inDoubt === undefined ? "none" : "unknown"
    telemetry.ended(this.context, this.trace, outcome, this.evidence(effect, Option.none()))
    if (inDoubt === undefined) return undefined
    this.link.doubt()
    return this.call.options.onAbandoned?.(inDoubt)
  }
}

/** The value that an attempt showed to be in place. */
const shownBy = <A>(attempt: Attempt<A>): Option.Option<A> => {
  const { answer } = attempt
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
