/**
 * The loop of one operation: runs the reducer, sends its requests, steps its schedules and sleeps. A class allocates one
 * object instead of a closure for each part. A generator function inside another one would cost V8 2 microseconds a call.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import { AttemptCut, type CasError, InvalidPolicy } from "./errors.ts"
import { errorOf, tagOf } from "./failure.ts"
import { closed, CurrentDeparture, type Departure } from "./hold.ts"
import type { Intent } from "./Intent.ts"
import { makeTimeOfDay, millisOf, now } from "./monotonic.ts"
import { type Observation, type Outcome, type Unknown, unknown, type Unsent, unsent } from "./Outcome.ts"
import { type Bounds, boundsOf, type FreshConflict, Policy, type Transient } from "./Policy.ts"
import { type Begun, type Link, Recorder } from "./Recorder.ts"
import * as reducer from "./reducer.ts"
import type { Register, Reported } from "./Register.ts"
import type { Report, Terminal } from "./Report.ts"
import type { RetryBudget } from "./RetryBudget.ts"

/**
 * How to run an operation.
 *
 * @stability stable
 * @category models
 */
export interface Options<A, out E = never, out R = never> {
  /** The value that is probably in place. A right hint saves a read; a wrong one costs one conflict. */
  readonly hint?: A | undefined
  /** `Policy.standard` unless given. */
  readonly policy?: Policy<A, E, R> | undefined
  /** Pays for transient retries. Without one the policy alone bounds them. */
  readonly budget?: RetryBudget | undefined
  /** Lets another process run the operation again. Without one, swaps are not recorded. */
  readonly journal?: Journal<A> | undefined
  /**
   * Runs, once, when an interruption, a defect or an error of a schedule ends the operation after a swap that was executed
   * (`applied`; only `interruption: "drain"` waits to see it) or may have been (`unknown`): then no report can show it. Not
   * for a swap that `hold` kept from leaving, nor for an interruption that comes after the operation has ended: its caller
   * gets no report then, although there is one. It runs on a fiber of its own, for which neither the interruption nor the
   * queue waits.
   */
  readonly onAbandoned?:
    | ((
      attempt: { readonly expected: A; readonly desired: A },
      effect: "applied" | "unknown"
    ) => Effect.Effect<void>)
    | undefined
}

/**
 * A record of the swaps of an operation, so that another process can run it again after this one died.
 *
 * **Example** (An operation that is run again)
 *
 * ```ts
 * import { Effect, Ref } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * const host = Ref.makeUnsafe("bob")
 * const register: Cas.Register<string> = {
 *   equals: (a, b) => a === b,
 *   read: Effect.map(Ref.get(host), Cas.observed),
 *   swap: () => Effect.die("not needed")
 * }
 * // The process that recorded this swap died, nobody knows whether before or after it was sent.
 * const journal = { last: { expected: "alice", desired: "bob" }, record: () => Effect.void }
 * const again = Cas.run(register, Cas.ensure("bob"), { journal, policy: Cas.Policy.make({ onUnknown: "neverResend" }) })
 * const report = await Effect.runPromise(again)
 * console.log(report.outcome, report.effect, report.swaps) // => converged unknown 0
 * ```
 *
 * @stability unstable
 * @category models
 */
export interface Journal<A> {
  /**
   * The last swap that earlier runs of the operation recorded, if they recorded any. Its effect is unknown, and the operation
   * begins as after a lost reply to it: see `OnUnknown`.
   */
  readonly last?: reducer.Swap<A> | undefined
  /**
   * Runs before each swap, which is not sent before it has succeeded. It counts towards the deadline. If the record cannot be
   * written, interrupt the operation.
   */
  readonly record: (swap: reducer.Swap<A>) => Effect.Effect<void>
}

export interface Plan<A, E, R, C, PE, PR> {
  readonly register: Register<A, E, R, C>
  readonly intent: Intent<A>
  readonly options: Options<A, PE, PR>
  readonly policy: Policy<A, PE, PR>
  readonly bounds: Bounds
}

type Command<Tag, A, E> = Extract<reducer.Command<A, E>, { readonly _tag: Tag }>

type Stepper<I, E, R> = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, I, E, R>>>

/** What the engine answers in the place of a request that it cuts. */
type Cut = Unknown<AttemptCut> | Unsent<AttemptCut>

/** How long after the deadline something may still take to stop, in milliseconds. */
const grace = 50

export class Operation<A, E, R, C, PE, PR> {
  private readonly plan: Plan<A, E, R, C, PE, PR>
  private readonly link: Link<A>
  private readonly clock: Clock.Clock
  private readonly rules: reducer.Rules<A>
  private readonly recorder: Recorder<A, C>
  private state: reducer.State<A, E> = reducer.initial
  private command: reducer.Command<A, E> | undefined = undefined
  private hasEnded = false
  // Most operations step no schedule: its state is made when it is needed.
  private conflictStep: Stepper<FreshConflict<A>, PE, PR> | undefined = undefined
  private transientStep: Stepper<Transient, PE, PR> | undefined = undefined
  private timeOfDay: (() => number) | undefined = undefined

  constructor(fiber: Fiber.Fiber<unknown, unknown>, plan: Plan<A, E, R, C, PE, PR>, link: Link<A>) {
    const { bounds, intent, options: { journal }, policy, register } = plan
    this.plan = plan
    this.link = link
    this.clock = fiber.getRef(Clock.Clock)
    this.recorder = new Recorder(fiber, link)
    const last = journal?.last
    this.rules = {
      ...bounds,
      // Sent again, the last swap shows whether it took effect.
      intent: last === undefined ? intent : { ...intent, expects: Option.some(last.expected) },
      equals: register.equals,
      canRead: register.read !== undefined,
      onUnknown: policy.onUnknown ?? intent.onUnknown
    }
    if (last !== undefined) {
      this.state = { ...reducer.initial, uncertain: Option.some(last.desired) }
      this.recorder.becomeUncertain(last)
    }
  }

  /** `restore` brings back the interruption that the caller has turned off. */
  run(
    restore: <X, XE, XR>(self: Effect.Effect<X, XE, XR>) => Effect.Effect<X, XE, XR> = identity
  ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C> | PE, R | PR> {
    const { link, plan: { options: { budget } } } = this
    const begun = Effect.suspend(() => this.proceed(this.step({ _tag: "Started", known: link.known() })))
    const paid = budget === undefined ? begun : Effect.andThen(this.inDeadline(budget.deposit, undefined), begun)
    const inTurn = link.turn === undefined
      ? paid
      : Effect.flatMap(link.turn, (failure) => failure === undefined ? paid : this.fail(failure))
    return Effect.onExitPrimitive(restore(inTurn), (exit) => {
      const hook = exit._tag === "Success" || this.hasEnded ? undefined : this.abandon(exit.cause)
      link.ended?.()
      return hook
    })
  }

  /** Takes an event, and returns the next command. In one step with what the recorder notes of the event. */
  private step(event: reducer.Event<A, E>): reducer.Command<A, E> {
    const elapsed = this.recorder.elapsed()
    const [state, command]: reducer.Transition<A, E> = reducer.step(this.rules, this.state, event, elapsed)
    this.state = state
    this.command = command
    return command
  }

  private proceed(
    command: reducer.Command<A, E>
  ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C> | PE, R | PR> {
    switch (command._tag) {
      case "Succeed":
        this.hasEnded = true
        return Effect.succeed(this.recorder.succeeded(command))
      case "Fail":
        return this.fail(command.failure)
      default:
        return Effect.flatMap(this.execute(command), (next) => this.proceed(next))
    }
  }

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
          return this.step({ _tag: "Woke" })
        })
    }
  }

  private fail(failure: reducer.Failure<A, E>): Effect.Effect<never, Reported<E, A> | CasError<A, C>> {
    const { plan: { register: { words } }, recorder, rules } = this
    this.hasEnded = true
    const report = recorder.failed(this.state, failure)
    return Effect.fail(errorOf(failure, { rules, words, cause: recorder.lastCause, report }))
  }

  /** An interruption, a defect or an error of a schedule ends the operation: there is no report. */
  private abandon(cause: Cause.Cause<unknown>): Effect.Effect<void> | undefined {
    const abandoned = this.recorder.abandoned(this.state, this.command, cause)
    const { onAbandoned } = this.plan.options
    const hook = abandoned && onAbandoned
      && Effect.suspend(() => onAbandoned(abandoned.swap, abandoned.effect))
    return hook && Effect.asVoid(Effect.forkDetach(hook, { startImmediately: true }))
  }

  private sendSwap(
    { desired, expected, fresh }: Command<"SendSwap", A, E>
  ): Effect.Effect<reducer.Command<A, E>, never, R> {
    const { options: { journal }, policy, register } = this.plan
    const begun = { _tag: "Swap", expected, desired, fresh } as const
    const departure = this.departure()
    const ended = (answer: Outcome<A, C | AttemptCut> | Terminal) =>
      this.recorder.ended({ _tag: "Swap", expected, desired, fresh, answer }, departure, this.state.roundTrip)
    const record = journal && Effect.map(journal.record({ expected, desired }), () => {
      departure.leftAt = now(this.clock)
    })
    const sent = Effect.match(this.inTime(begun, departure, () => register.swap(expected, desired), record), {
      onFailure: (error) => {
        ended({ _tag: "Terminal", error: tagOf(error) })
        const meaning = register.classifyError?.(error)
        if (meaning === "uncertain") this.recorder.becomeUncertain(begun)
        return this.step({ _tag: "Failed", error, meaning })
      },
      onSuccess: (answer) => this.step({ _tag: "Swapped", answer, ...ended(answer) })
    })
    return policy.interruption === "drain" ? drained(sent, departure) : sent
  }

  private sendRead(): Effect.Effect<reducer.Command<A, E>, never, R> {
    // The reducer reads no register that cannot be read.
    const { read = Effect.never } = this.plan.register
    const departure = this.departure()
    const ended = (answer: Observation<A, C | AttemptCut> | Terminal) =>
      this.recorder.ended({ _tag: "Read", answer }, departure)
    return Effect.match(this.inTime({ _tag: "Read" }, departure, () => read), {
      onFailure: (error) => {
        ended({ _tag: "Terminal", error: tagOf(error) })
        return this.step({ _tag: "Failed", error, meaning: undefined })
      },
      onSuccess: (answer) => this.step({ _tag: "Read", answer, ...ended(answer) })
    })
  }

  private departure(): Departure {
    const { deadline, minAttempt } = this.plan.bounds
    const begunAt = now(this.clock)
    return {
      begunAt,
      leftAt: begunAt,
      // Held until it is being sent.
      holds: 1,
      hasLeft: false,
      defect: undefined,
      latest: this.link.invokedAt + (deadline - minAttempt) * 1_000_000,
      isOverdue: false
    }
  }

  /** Runs a request until its time is over. Until `before` has ended, it is held. */
  private inTime<X>(
    begun: Begun<A>,
    departure: Departure,
    request: () => Effect.Effect<X, E, R>,
    before?: Effect.Effect<void>
  ): Effect.Effect<X | Cut, E, R> {
    const send = () => {
      if (departure.latest === closed) return Effect.interrupt
      this.recorder.sending(begun, departure)
      return request()
    }
    const sent = before ? Effect.flatMap(before, send) : Effect.suspend(send)
    return this.unless(
      sent,
      departure,
      () => this.cut(departure),
      (exit): Effect.Effect<X | Cut, E> =>
        exit._tag === "Failure" && departure.holds > 0 && Cause.hasInterruptsOnly(exit.cause)
          ? Effect.succeed(this.heldTooLong())
          : exit
    )
  }

  /** Runs what the caller plugs in, until the deadline passes. */
  private inDeadline<X, Y, XE, XR>(self: Effect.Effect<X, XE, XR>, late: Y): Effect.Effect<X | Y, XE, XR> {
    return this.unless(self, undefined, () => Effect.as(this.toDeadline(0), late), identity)
  }

  private toDeadline(more: number): Effect.Effect<void> {
    return Effect.suspend(() => Effect.sleep(Math.max(this.plan.bounds.deadline + more - this.recorder.elapsed(), 0)))
  }

  /**
   * Runs an effect on a fiber of its own, unless another effect ends first: then its fiber is interrupted. Nothing waits for
   * what cannot be interrupted, or takes long to clean up, past the deadline. Starts no timer for what ends at once. To be run
   * once.
   */
  private unless<X, Y, Z, XE, F, XR>(
    self: Effect.Effect<X, XE, XR>,
    departure: Departure | undefined,
    other: () => Effect.Effect<Y>,
    ended: (exit: Exit.Exit<X, XE>) => Effect.Effect<Z, F>
  ): Effect.Effect<Y | Z, F, XR> {
    let fiber: Fiber.Fiber<X, XE> | undefined
    const run = Effect.contextWith((caller: Context.Context<XR>): Effect.Effect<Y | Z, F> => {
      const context = departure === undefined ? caller : Context.add(caller, CurrentDeparture, departure)
      fiber = Effect.runForkWith(context)(self)
      const exit = fiber.pollUnsafe()
      return exit === undefined ? Effect.raceFirst(Effect.flatMap(Fiber.await(fiber), ended), other()) : ended(exit)
    })
    return Effect.onExitPrimitive(run, () => {
      if (fiber === undefined || fiber.pollUnsafe() !== undefined) return undefined
      if (departure !== undefined) departure.latest = closed
      fiber.interruptUnsafe()
      return fiber.pollUnsafe() === undefined
        ? Effect.raceFirst(Fiber.await(fiber), this.toDeadline(grace))
        : undefined
    })
  }

  private cut(departure: Departure): Effect.Effect<Cut> {
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
      const [reason, millis] = toTimeout > 0 ? ["deadline", deadline] as const : ["timeout", attemptTimeout] as const
      return Effect.succeed(unknown(new AttemptCut({ reason, millis })))
    })
  }

  private heldTooLong(): Unsent<AttemptCut> {
    return unsent({ cause: new AttemptCut({ reason: "held", millis: this.plan.bounds.deadline }) })
  }

  private stepConflict({ actual, desired, expected }: Command<"StepConflict", A, E>) {
    const { roundTrip = 0, swaps } = this.state
    const step = this.conflictStep === undefined
      ? Effect.map(Schedule.toStep(this.plan.policy.conflict), (step) => this.conflictStep = step)
      : Effect.succeed(this.conflictStep)
    return this.delay("conflicts", step, { expected, desired, actual, swaps, roundTrip: Duration.millis(roundTrip) })
  }

  private stepTransient({ answer, restart }: Command<"StepTransient", A, E>) {
    const { options: { budget }, policy } = this.plan
    const step = restart || this.transientStep === undefined
      ? Effect.map(Schedule.toStep(policy.transient), (step) => this.transientStep = step)
      : Effect.succeed(this.transientStep)
    const stepped = this.delay("transients", step, answer)
    return budget === undefined
      ? stepped
      : Effect.flatMap(
        // At the deadline the step of the schedule ends the operation.
        this.inDeadline(budget.withdraw, true),
        (paid) => paid ? stepped : Effect.sync(() => this.step({ _tag: "NoMoreDelays", limit: "budget" }))
      )
  }

  private delay<I>(
    limit: "conflicts" | "transients",
    stepper: Effect.Effect<Stepper<I, PE, PR>, never, PR>,
    input: I
  ): Effect.Effect<reducer.Command<A, E>, PE, PR> {
    const timeOfDay = this.timeOfDay ??= makeTimeOfDay(this.clock)
    const pull = Effect.flatMap(stepper, (step) => step(timeOfDay(), input))
    const delayed = Pull.catchDone(Effect.map(pull, ([, wait]) => Duration.toMillis(wait)), () => Effect.undefined)
    // At the deadline the reducer finds no time for another attempt.
    return Effect.map(
      this.inDeadline(delayed, 0),
      (millis) => this.step(millis === undefined ? { _tag: "NoMoreDelays", limit } : { _tag: "Delay", millis })
    )
  }
}

/** Lets a request that has left end by its answer or its timeout before an interruption takes effect. Then nothing leaves. */
const drained = <A, E, R>(self: Effect.Effect<A, E, R>, departure: Departure): Effect.Effect<A, E, R> => {
  let fiber: Fiber.Fiber<A, E> | undefined
  const joined = Effect.contextWith((context: Context.Context<R>) => {
    fiber = Effect.runForkWith(context)(self)
    return Fiber.join(fiber)
  })
  return Effect.onInterrupt(joined, () => {
    departure.latest = closed
    if (fiber === undefined) return Effect.void
    return departure.holds > 0 ? Fiber.interrupt(fiber) : Effect.asVoid(Fiber.await(fiber))
  })
}

/**
 * Brings the register to where the intent wants it. Fails with the errors of the engine (`CasError`), the terminal errors of
 * the register, each with a `report`, and the errors of the policy's schedules.
 *
 * @stability stable
 * @category running
 */
export const run: {
  <A, E, R, C>(
    register: Register<A, E, R, C>,
    intent: Intent<NoInfer<A>>,
    options?: Options<NoInfer<A>>
  ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C>, R>
  <A, E, R, C, PE, PR>(
    register: Register<A, E, R, C>,
    intent: Intent<NoInfer<A>>,
    options: Options<NoInfer<A>, PE, PR>
  ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C> | PE, R | PR>
} = <A, E, R, C, PE, PR>(
  register: Register<A, E, R, C>,
  intent: Intent<A>,
  options: Options<A, PE, PR> = {}
): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C> | PE, R | PR> =>
  Effect.withFiber((fiber) => {
    const policy: Policy<A, PE, PR> = options.policy ?? Policy.standard
    const bounds = boundsOf(policy)
    if (bounds instanceof InvalidPolicy) return Effect.fail(bounds)
    const invokedAt = now(fiber.getRef(Clock.Clock))
    const plan = { register, intent, options, policy, bounds }
    return new Operation(fiber, plan, { invokedAt, known: () => fromHint(options.hint) }).run()
  })

/** A hint is of unknown age, and proves nothing. */
export const fromHint = <A>(hint: A | undefined): reducer.Known<A> | undefined =>
  hint === undefined ? undefined : { value: hint, isWitness: false, isAged: true }
