/**
 * The loop of one operation: runs the reducer, sends its requests, steps its schedules and sleeps.
 *
 * **Details**
 *
 * Without contention, the engine's own work is all that an operation costs above its request. Hence a class, which
 * allocates one object for an operation instead of a closure for each of its parts, and no generators: a generator function
 * inside another function costs V8 two microseconds on every call.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import { type AttemptCut, AttemptHeld, AttemptPastDeadline, AttemptTimeout } from "./causes.ts"
import type { CasError } from "./errors.ts"
import { errorOf, tagOf } from "./failure.ts"
import { closed, CurrentDeparture, type Departure } from "./hold.ts"
import type { Intent } from "./Intent.ts"
import { millisOf, now } from "./monotonic.ts"
import { type Observation, type Outcome, type Unknown, unknown, type Unsent, unsent } from "./Outcome.ts"
import type { Bounds, FreshConflict, Policy, Transient } from "./Policy.ts"
import { type Link, Recorder } from "./Recorder.ts"
import * as reducer from "./reducer.ts"
import type { Register, Reported } from "./Register.ts"
import type { Report, Terminal } from "./Report.ts"
import type { RetryBudget } from "./RetryBudget.ts"

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
  /** Pays for transient retries. Without one the policy alone bounds them. */
  readonly budget?: RetryBudget | undefined
  /**
   * Runs, once, when an interruption or a defect ends the operation after a swap that was executed (`applied`; only
   * `interruption: "drain"` waits to see it) or may have been (`unknown`): then no report can show it. Not for a swap that
   * `hold` kept from leaving. It runs on a fiber of its own, for which neither the interruption nor the queue waits.
   */
  readonly onAbandoned?:
    | ((
      attempt: { readonly expected: A; readonly desired: A },
      effect: "applied" | "unknown"
    ) => Effect.Effect<void>)
    | undefined
}

/**
 * What an operation runs on and for.
 *
 * @internal
 */
export interface Plan<A, E, R, C, PE, PR> {
  readonly register: Register<A, E, R, C>
  readonly intent: Intent<A>
  readonly options: Options<A, PE, PR>
  readonly policy: Policy<A, PE, PR>
  readonly bounds: Bounds
}

type Command<Tag extends reducer.Command<never, never>["_tag"], A, E> = Extract<
  reducer.Command<A, E>,
  { readonly _tag: Tag }
>

type Stepper<I, E, R> = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, I, E, R>>>

/** How long after the deadline something may still take to stop, in milliseconds. */
const grace = 50

/**
 * An operation that is about to begin, on the fiber that runs it.
 *
 * @internal
 */
export class Operation<A, E, R, C, PE, PR> {
  private readonly plan: Plan<A, E, R, C, PE, PR>
  private readonly link: Link<A>
  private readonly clock: Clock.Clock
  private readonly rules: reducer.Rules<A>
  private readonly recorder: Recorder<A, C>
  private state: reducer.State<A, E> = reducer.start<A>()
  private command: reducer.Command<A, E> | undefined = undefined
  private hasEnded = false
  // Most operations step no schedule: its state is made when it is needed.
  private conflictStep: Stepper<FreshConflict<A>, PE, PR> | undefined = undefined
  private transientStep: Stepper<Transient, PE, PR> | undefined = undefined
  private calledAt: number | undefined = undefined

  constructor(fiber: Fiber.Fiber<unknown, unknown>, plan: Plan<A, E, R, C, PE, PR>, link: Link<A>) {
    const { bounds, intent, policy, register } = plan
    this.plan = plan
    this.link = link
    this.clock = fiber.getRef(Clock.Clock)
    this.recorder = new Recorder(fiber, link)
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

  run(): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C> | PE, R | PR> {
    const { budget } = this.plan.options
    const begun = Effect.suspend(() =>
      this.proceed(this.step({ _tag: "Started", known: this.link.known, elapsed: this.recorder.elapsed() }))
    )
    return Effect.onExitPrimitive(
      budget === undefined ? begun : Effect.andThen(this.inDeadline(budget.deposit, undefined), begun),
      (exit) => {
        const abandoned = exit._tag === "Success" || this.hasEnded ? undefined : this.abandon(exit.cause)
        this.link.ended()
        return abandoned
      }
    )
  }

  /** Takes an event, and returns the next command. In one step with what the recorder notes of the event. */
  private step(event: reducer.Event<A, E>): reducer.Command<A, E> {
    const [state, command]: reducer.Transition<A, E> = reducer.step(this.rules, this.state, event)
    this.state = state
    this.command = command
    return command
  }

  /** Runs from a command to the end of the operation. */
  private proceed(
    command: reducer.Command<A, E>
  ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C> | PE, R | PR> {
    switch (command._tag) {
      case "Succeed":
        this.hasEnded = true
        return Effect.succeed(this.recorder.succeeded(this.state, command))
      case "Fail":
        this.hasEnded = true
        return this.fail(command.failure)
      default:
        return Effect.flatMap(this.execute(command), (next) => this.proceed(next))
    }
  }

  /** Executes a command, and returns the next one. */
  private execute(
    command: Exclude<reducer.Command<A, E>, { readonly _tag: "Succeed" | "Fail" }>
  ): Effect.Effect<reducer.Command<A, E>, PE, R | PR> {
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
          this.recorder.sleptFor(command.millis)
          return this.step({ _tag: "Woke", slept: command.millis, elapsed: this.recorder.elapsed() })
        })
    }
  }

  private fail(failure: reducer.Failure<A, E>): Effect.Effect<never, Reported<E, A> | CasError<A, C>> {
    const { bounds, intent, register: { words } } = this.plan
    const report = this.recorder.failed(this.state)
    const error = errorOf(failure, { bounds, intent, words, cause: this.recorder.lastCause, report })
    this.recorder.failedWith(tagOf(error), report)
    return Effect.fail(error)
  }

  /** An interruption, a defect or an error of a schedule ends the operation: there is no report. */
  private abandon(cause: Cause.Cause<unknown>): Effect.Effect<void> | undefined {
    const outcome = Cause.hasInterruptsOnly(cause) ? "interrupted" : "defect"
    const abandoned = this.recorder.abandoned(this.state, this.command, outcome)
    const hook = abandoned && this.plan.options.onAbandoned?.(abandoned.swap, abandoned.effect)
    return hook && Effect.asVoid(Effect.forkDetach(hook, { startImmediately: true }))
  }

  // Requests.

  private sendSwap(
    { desired, expected, fresh }: Command<"SendSwap", A, E>
  ): Effect.Effect<reducer.Command<A, E>, never, R> {
    const { policy, register } = this.plan
    const departure = this.departure()
    const begunAt = departure.leftAt
    const record = (answer: Outcome<A, C | AttemptCut> | Terminal) => {
      const { leftAt } = departure
      const endedAt = now(this.clock)
      const took = millisOf(endedAt - leftAt)
      // While it was held, the value that it expects became older than a round trip.
      const isAged = millisOf(leftAt - begunAt) > (this.state.roundTrip ?? took)
      this.recorder.swapEnded({ expected, desired, fresh: fresh && !isAged, answer }, leftAt, endedAt)
      return { elapsed: this.recorder.since(endedAt), took, isAged }
    }
    const request = Effect.suspend(() => {
      this.recorder.sending({ expected, desired }, departure)
      return register.swap(expected, desired)
    })
    const sent = Effect.match(this.inTime(departure, request), {
      onFailure: (error) => {
        const { elapsed } = record({ _tag: "Terminal", error: tagOf(error) })
        const meaning = register.classifyError?.(error)
        if (meaning === "uncertain") this.recorder.becomeUncertain({ expected, desired })
        return this.step({ _tag: "Failed", error, meaning, elapsed })
      },
      onSuccess: (answer) => this.step({ _tag: "Swapped", answer, ...record(answer) })
    })
    return policy.interruption === "drain" ? drained(sent, departure) : sent
  }

  private sendRead(): Effect.Effect<reducer.Command<A, E>, never, R> {
    // The reducer reads no register that cannot be read.
    const { read = Effect.never } = this.plan.register
    const departure = this.departure()
    const record = (answer: Observation<A, C | AttemptCut> | Terminal) => {
      const endedAt = now(this.clock)
      this.recorder.readEnded(answer, departure.leftAt, endedAt)
      return { elapsed: this.recorder.since(endedAt), took: millisOf(endedAt - departure.leftAt) }
    }
    return Effect.match(this.inTime(departure, read), {
      onFailure: (error) => {
        const { elapsed } = record({ _tag: "Terminal", error: tagOf(error) })
        return this.step({ _tag: "Failed", error, meaning: undefined, elapsed })
      },
      onSuccess: (answer) => this.step({ _tag: "Read", answer, ...record(answer) })
    })
  }

  /** The departure of an attempt that begins now. */
  private departure(): Departure {
    const { deadline, minAttempt } = this.plan.bounds
    return {
      leftAt: now(this.clock),
      holds: 0,
      latest: this.link.invokedAt + (deadline - minAttempt) * 1_000_000,
      isOverdue: false
    }
  }

  /** Runs a request until its time is over. */
  private inTime<X>(
    departure: Departure,
    request: Effect.Effect<X, E, R>
  ): Effect.Effect<X | Unknown<AttemptCut> | Unsent<AttemptCut>, E, R> {
    return this.unless(
      Effect.provideService(request, CurrentDeparture, departure),
      this.cut(departure),
      (exit): Effect.Effect<X | Unsent<AttemptCut>, E> =>
        exit._tag === "Failure" && departure.holds > 0 && Cause.hasInterruptsOnly(exit.cause)
          ? Effect.succeed(this.heldTooLong())
          : exit,
      () => {
        departure.latest = closed
      }
    )
  }

  /** Runs what the caller plugs in, until the deadline passes. */
  private inDeadline<X, Y, XE, XR>(self: Effect.Effect<X, XE, XR>, late: Y): Effect.Effect<X | Y, XE, XR> {
    return this.unless(self, Effect.as(this.toDeadline(0), late), identity, () => {})
  }

  private toDeadline(more: number): Effect.Effect<void> {
    return Effect.suspend(() => Effect.sleep(Math.max(this.plan.bounds.deadline + more - this.recorder.elapsed(), 0)))
  }

  /**
   * Runs an effect on a fiber of its own, unless another effect ends first: then its fiber is interrupted. Nothing waits for
   * what cannot be interrupted, or takes long to clean up, past the deadline. A third of the price of
   * `Effect.timeoutOrElse` if it ends at once: then no timer is started.
   */
  private unless<X, Y, Z, XE, F, XR>(
    self: Effect.Effect<X, XE, XR>,
    other: Effect.Effect<Y>,
    ended: (exit: Exit.Exit<X, XE>) => Effect.Effect<Z, F>,
    stopping: () => void
  ): Effect.Effect<Y | Z, F, XR> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.contextWith((context: Context.Context<XR>) => {
        const fiber = Effect.runForkWith(context)(self)
        const exit = fiber.pollUnsafe()
        if (exit !== undefined) return ended(exit)
        return Effect.onExitPrimitive(
          restore(Effect.raceFirst(Effect.flatMap(Fiber.await(fiber), ended), other)),
          () => {
            stopping()
            fiber.interruptUnsafe()
            return fiber.pollUnsafe() === undefined
              ? Effect.raceFirst(Fiber.await(fiber), this.toDeadline(grace))
              : undefined
          }
        )
      })
    )
  }

  /** Answers in the place of a request whose time is over. */
  private cut(departure: Departure): Effect.Effect<Unknown<AttemptCut> | Unsent<AttemptCut>> {
    const { attemptTimeout, deadline } = this.plan.bounds
    const waitFor = (millis: number) => Effect.andThen(Effect.sleep(millis), this.cut(departure))
    return Effect.suspend(() => {
      const at = now(this.clock)
      if (departure.holds > 0) {
        // A millisecond more: at the latest time itself a request may still leave.
        const left = millisOf(departure.latest - at) + 1
        // Meanwhile the request may leave, and its timeout begin.
        return left > 0 ? waitFor(Math.min(left, attemptTimeout)) : Effect.succeed(this.heldTooLong())
      }
      const toTimeout = attemptTimeout - millisOf(at - departure.leftAt)
      const toDeadline = deadline - this.recorder.since(at)
      if (toTimeout > 0 && toDeadline > 0) return waitFor(Math.min(toTimeout, toDeadline))
      departure.isOverdue = true
      return Effect.succeed(unknown(
        toTimeout > 0
          ? new AttemptPastDeadline({ millis: deadline })
          : new AttemptTimeout({ millis: attemptTimeout })
      ))
    })
  }

  private heldTooLong(): Unsent<AttemptHeld> {
    return unsent({ cause: new AttemptHeld({ millis: this.plan.bounds.deadline }) })
  }

  // Schedules.

  /** The time of day of the call, and the monotonic time since: schedules never see the clock set back. */
  private timeOfDay(): number {
    const elapsed = this.recorder.elapsed()
    this.calledAt ??= this.clock.currentTimeMillisUnsafe() - elapsed
    return this.calledAt + elapsed
  }

  private stepConflict({ actual, desired, expected }: Command<"StepConflict", A, E>) {
    const { roundTrip = 0, swaps } = this.state
    const input = { expected, desired, actual, swaps, roundTrip: Duration.millis(roundTrip) }
    const next = (step: Stepper<FreshConflict<A>, PE, PR>) => {
      this.conflictStep = step
      return step(this.timeOfDay(), input)
    }
    return this.delay(
      "conflicts",
      this.conflictStep === undefined
        ? Effect.flatMap(Schedule.toStep(this.plan.policy.conflict), next)
        : next(this.conflictStep)
    )
  }

  private stepTransient(
    { answer, restart }: Command<"StepTransient", A, E>
  ): Effect.Effect<reducer.Command<A, E>, PE, PR> {
    const { options: { budget }, policy } = this.plan
    const next = (step: Stepper<Transient, PE, PR>) => {
      this.transientStep = step
      return step(this.timeOfDay(), answer)
    }
    const stepped = this.delay(
      "transients",
      Effect.suspend(() =>
        restart || this.transientStep === undefined
          ? Effect.flatMap(Schedule.toStep(policy.transient), next)
          : next(this.transientStep)
      )
    )
    return budget === undefined
      ? stepped
      : Effect.flatMap(
        // Too late, the schedule's turn ends the operation.
        this.inDeadline(budget.withdraw, true),
        (paid) => paid ? stepped : Effect.sync(() => this.step({ _tag: "NoMoreDelays", limit: "budget" }))
      )
  }

  private delay(
    limit: "conflicts" | "transients",
    pull: Pull.Pull<[unknown, Duration.Duration], PE, unknown, PR>
  ): Effect.Effect<reducer.Command<A, E>, PE, PR> {
    const delayed = Pull.catchDone(Effect.map(pull, ([, wait]) => Duration.toMillis(wait)), () => Effect.undefined)
    // At the deadline the reducer finds no time for another attempt.
    return Effect.map(this.inDeadline(delayed, 0), (millis) =>
      this.step(
        millis === undefined
          ? { _tag: "NoMoreDelays", limit }
          : { _tag: "Delay", millis, elapsed: this.recorder.elapsed() }
      ))
  }
}

/** Lets a request that has left end by its answer or its timeout before an interruption takes effect. */
const drained = <A, E, R>(self: Effect.Effect<A, E, R>, departure: Departure): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkChild(Effect.interruptible(self)), (fiber) =>
      Effect.onInterrupt(
        restore(Fiber.join(fiber)),
        () => departure.holds > 0 ? Fiber.interrupt(fiber) : Effect.asVoid(Fiber.await(fiber))
      ))
  )
