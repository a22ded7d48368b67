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
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { CasError } from "./errors.ts"
import { errorOf, tagOf } from "./failure.ts"
import { closed, CurrentDeparture, type Departure } from "./hold.ts"
import type { Intent } from "./Intent.ts"
import { millisOf, now } from "./monotonic.ts"
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

const duration = (millis: number) => millis === 0 ? Duration.zero : Duration.millis(millis)

type Command<Tag extends reducer.Command<never, never>["_tag"], A, E> = Extract<
  reducer.Command<A, E>,
  { readonly _tag: Tag }
>

interface Pair<A> {
  readonly expected: A
  readonly desired: A
}

/** A request; `note` makes of its answer what the report says, and `tell` what the reducer is told. */
interface Exchange<X, A, E, R> {
  readonly request: () => Effect.Effect<X, E, R>
  readonly note: (answer: X | Unsent | Unknown | Terminal, timing: Timing) => Attempt<A>
  readonly tell: (answer: X | Unsent | Unknown, elapsed: number, took: number) => reducer.Event<A, E>
  /** The swap whose effect is unknown if it ends with an error that proves nothing. */
  readonly doubted: Pair<A> | undefined
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
  /** The last swap whose effect is unknown. */
  private inDoubt: Pair<A> | undefined = undefined
  /** The swap that waits for its answer. */
  private inFlight: Pair<A> & { readonly departure: Departure } | undefined = undefined
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
    const departure = this.departure()
    const begunAt = departure.leftAt
    // What it expects aged while it was held.
    const isAged = (took: number) => millisOf(departure.leftAt - begunAt) > (this.state.roundTrip ?? took)
    const sent = this.send<Outcome<A>>(departure, {
      request: () => {
        this.inFlight = { expected, desired, departure }
        return register.swap(expected, desired)
      },
      note: (answer, timing) => {
        this.inFlight = undefined
        if (answer._tag === "Unknown") this.doubt({ expected, desired })
        const isFresh = fresh && !isAged(Duration.toMillis(timing.took))
        return { _tag: "Swap", expected, desired, fresh: isFresh, answer, ...timing }
      },
      tell: (answer, elapsed, took) => ({ _tag: "Swapped", answer, elapsed, took, isAged: isAged(took) }),
      doubted: { expected, desired }
    })
    return policy.interruption === "drain" ? drained(sent, departure) : sent
  }

  private sendRead(): Effect.Effect<reducer.Event<A, E>, never, R> {
    const { read } = this.call.register
    if (read === undefined) return Effect.die(new Error("a read of a register that cannot be read"))
    return this.send<Observation<A>>(this.departure(), {
      request: () => read,
      note: (answer, timing) => ({ _tag: "Read", answer, ...timing }),
      tell: (answer, elapsed, took) => ({ _tag: "Read", answer, elapsed, took }),
      doubted: this.inDoubt
    })
  }

  /** Of an attempt that begins now. */
  private departure(): Departure {
    const { deadline, minAttempt } = this.call.bounds
    return {
      leftAt: now(this.clock),
      holds: 0,
      latest: this.link.invokedAt + (deadline - minAttempt) * 1_000_000
    }
  }

  private send<X>(
    departure: Departure,
    { doubted, note, request, tell }: Exchange<X, A, E, R>
  ): Effect.Effect<reducer.Event<A, E>, never, R> {
    return Effect.match(this.inTime(departure, Effect.suspend(request)), {
      onFailure: (error) => {
        this.record(
          note({ _tag: "Terminal", error: tagOf(error) }, this.timing(departure.leftAt, now(this.clock))),
          departure.leftAt
        )
        const proof = this.call.register.proves?.(error)
        if (proof === "doubtful") this.doubt(doubted)
        return { _tag: "Failed", error, proof, elapsed: this.elapsed() }
      },
      onSuccess: (answer) => {
        const answeredAt = now(this.clock)
        const { leftAt } = departure
        this.record(note(answer, this.timing(leftAt, answeredAt)), leftAt)
        return tell(answer, this.since(answeredAt), millisOf(answeredAt - leftAt))
      }
    })
  }

  /**
   * Runs a request on a fiber of its own, which is interrupted when its time is over. Costs a third of
   * `Effect.timeoutOrElse` where the answer comes at once: no timer is started then.
   */
  private inTime<X>(
    departure: Departure,
    request: Effect.Effect<X, E, R>
  ): Effect.Effect<X | Unknown | Unsent, E, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.contextWith((context: Context.Context<R>) => {
        const fiber = Effect.runForkWith(Context.add(context, CurrentDeparture, departure))(request)
        const ended = (exit: Exit.Exit<X, E>): Effect.Effect<X | Unsent, E> =>
          exit._tag === "Failure" && departure.holds > 0 && Cause.hasInterruptsOnly(exit.cause)
            ? Effect.succeed(heldTooLong)
            : exit
        const exit = fiber.pollUnsafe()
        if (exit !== undefined) return ended(exit)
        const stop = Effect.suspend(() => {
          departure.latest = closed
          return Fiber.interrupt(fiber)
        })
        const answer = Effect.flatMap(Fiber.await(fiber), ended)
        return Effect.ensuring(restore(Effect.raceFirst(answer, this.cut(departure))), stop)
      })
    )
  }

  /** Answers in the place of a request whose time is over. */
  private cut(departure: Departure): Effect.Effect<Unknown | Unsent> {
    const { attemptTimeout, deadline } = this.call.bounds
    return Effect.suspend(() => {
      const at = now(this.clock)
      const wait = (millis: number) =>
        millis === Number.POSITIVE_INFINITY
          ? Effect.never
          : Effect.andThen(Effect.sleep(millis), this.cut(departure))
      if (departure.holds > 0) {
        // A millisecond more: at the latest time itself a request may still leave.
        const left = millisOf(departure.latest - at) + 1
        // Meanwhile it may leave, and its timeout begin.
        if (left > 0) return wait(Math.min(left, attemptTimeout))
        departure.latest = closed
        return Effect.succeed(heldTooLong)
      }
      const toTimeout = attemptTimeout - millisOf(at - departure.leftAt)
      const toDeadline = deadline - this.since(at)
      if (toTimeout > 0 && toDeadline > 0) return wait(Math.min(toTimeout, toDeadline))
      return Effect.succeed(unknown(
        new Error(toTimeout <= 0 ? `no answer within ${attemptTimeout} ms` : "no answer before the deadline")
      ))
    })
  }

  /** Nobody knows what this swap did. */
  private doubt(swap: Pair<A> | undefined): void {
    this.inDoubt = swap
    this.link.doubt()
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
    return millisOf(time - this.link.invokedAt)
  }

  private elapsed(): number {
    return this.since(now(this.clock))
  }

  private timing(sentAt: number, answeredAt: number): Timing {
    return {
      waited: duration(this.waited),
      at: duration(this.since(sentAt)),
      took: duration(millisOf(answeredAt - sentAt))
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
    const { inFlight } = this
    const inDoubt = inFlight === undefined || inFlight.departure.holds > 0
      ? this.inDoubt
      : { expected: inFlight.expected, desired: inFlight.desired }
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

const heldTooLong = unsent({ cause: new Error("its turn would have come after the deadline") })

/** Lets a request that has left end by its answer or its timeout before an interruption takes effect. */
const drained = <A, E, R>(self: Effect.Effect<A, E, R>, departure: Departure): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkChild(Effect.interruptible(self)), (fiber) =>
      Effect.onInterrupt(
        restore(Fiber.join(fiber)),
        () => departure.holds > 0 ? Fiber.interrupt(fiber) : Effect.asVoid(Fiber.await(fiber))
      ))
  )
