/**
 * The engine as a pure function: no Effect, no clock, no randomness. Times are numbers of milliseconds since the call
 * that arrive with the events.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import type * as Equivalence from "effect/Equivalence"
import * as Option from "effect/Option"
import type { Decision, Intent, OnUnknown } from "./Intent.ts"
import type { Observation, Outcome, Unknown, Unsent } from "./Outcome.ts"
import type { Report } from "./Report.ts"

export interface Rules<A> {
  readonly intent: Intent<A>
  readonly equals: Equivalence.Equivalence<A>
  readonly canRead: boolean
  readonly onUnknown: OnUnknown
  readonly maxSwaps: number
  readonly deadline: number
  readonly minAttempt: number
}

/** A witness was shown by a request sent after the call began; an aged value is older than a round trip. */
export interface Known<A> {
  readonly value: A
  readonly isWitness: boolean
  readonly isAged: boolean
}

export interface State<A, out E = never> {
  readonly known: Known<A> | undefined
  readonly sent: { readonly expected: A; readonly desired: A; readonly fresh: boolean } | undefined
  readonly after: "decide" | "read"
  readonly atLeast: number
  /** The target of the last attempt whose effect is unknown. */
  readonly doubted: Option.Option<A>
  /** The error that ends the operation, unless a read shows that the doubted attempt has reached the goal. */
  readonly terminal: { readonly error: E } | undefined
  readonly unavailable: ReadonlyArray<A>
  readonly restartTransient: boolean
  readonly paradoxes: number
  readonly swaps: number
  readonly reads: number
  readonly fresh: number
  readonly stale: number
  readonly waited: number
  readonly roundTrip: number | undefined
}

export type Event<A, E> =
  | { readonly _tag: "Started"; readonly known: Known<A> | undefined; readonly elapsed: number }
  | {
    readonly _tag: "Swapped"
    readonly answer: Outcome<A>
    readonly elapsed: number
    readonly took: number
    /** Whether the request waited to be sent, and what it expects aged with it. */
    readonly isAged?: boolean
  }
  | { readonly _tag: "Read"; readonly answer: Observation<A>; readonly elapsed: number; readonly took: number }
  | {
    readonly _tag: "Failed"
    readonly error: E
    readonly proof: "unavailable" | "doubtful" | undefined
    readonly elapsed: number
  }
  | { readonly _tag: "Delay"; readonly millis: number; readonly elapsed: number }
  | { readonly _tag: "NoMoreDelays"; readonly limit: "conflicts" | "transients" | "budget" }
  | { readonly _tag: "Woke"; readonly slept: number; readonly elapsed: number }

/**
 * What can run out.
 *
 * @since 0.1.0
 * @category models
 */
export type Limit = "conflicts" | "transients" | "budget" | "swaps" | "deadline"

export type Failure<A, E> =
  | {
    readonly _tag: "Exhausted"
    readonly limit: Limit
    /** The wait that did not fit. */
    readonly wait: number
  }
  | { readonly _tag: "Refused"; readonly reason: string; readonly actual: A }
  | { readonly _tag: "Superseded"; readonly actual: A }
  | { readonly _tag: "Indeterminate" }
  | { readonly _tag: "ConflictWithoutState" }
  | { readonly _tag: "InconsistentRegister"; readonly actual: A }
  | { readonly _tag: "Terminal"; readonly error: E }

export type Command<A, E> =
  | { readonly _tag: "SendRead" }
  | { readonly _tag: "SendSwap"; readonly expected: A; readonly desired: A; readonly fresh: boolean }
  | { readonly _tag: "StepConflict"; readonly expected: A; readonly desired: A; readonly actual: Option.Option<A> }
  | { readonly _tag: "StepTransient"; readonly answer: Unsent | Unknown; readonly restart: boolean }
  | { readonly _tag: "Sleep"; readonly millis: number }
  | {
    readonly _tag: "Succeed"
    readonly outcome: Report<A>["outcome"]
    readonly effect: Report<A>["effect"]
    readonly before: Option.Option<A>
    readonly after: A
  }
  | { readonly _tag: "Fail"; readonly failure: Failure<A, E> }

export type Transition<A, E> = readonly [State<A, E>, Command<A, E>]

const maxParadoxes = 2

const initial: State<never> = {
  known: undefined,
  sent: undefined,
  after: "decide",
  atLeast: 0,
  doubted: Option.none(),
  terminal: undefined,
  unavailable: [],
  restartTransient: true,
  paradoxes: 0,
  swaps: 0,
  reads: 0,
  fresh: 0,
  stale: 0,
  waited: 0,
  roundTrip: undefined
}

/** Whether a swap of this operation has taken effect, when it was not acknowledged. */
export const effectOf = (state: State<unknown, unknown>): "none" | "unknown" =>
  Option.isSome(state.doubted) ? "unknown" : "none"

const fail = <A, E>(state: State<A, E>, failure: Failure<A, E>): Transition<A, E> => [state, { _tag: "Fail", failure }]

const exhausted = (limit: Limit, wait = 0): Failure<never, never> => ({
  _tag: "Exhausted",
  limit,
  wait
})

const seen = <A, E>(state: State<A, E>, value: A): State<A, E> => ({
  ...state,
  known: { value, isWitness: true, isAged: false }
})

/** Smoothed as TCP does (RFC 6298): an eighth of the difference. Lost replies say nothing of the round trip. */
const answered = <A, E>(state: State<A, E>, answer: Outcome<A> | Observation<A>, took: number): State<A, E> =>
  answer._tag === "Unsent" || answer._tag === "Unknown"
    ? state
    : {
      ...state,
      restartTransient: true,
      roundTrip: state.roundTrip === undefined ? took : state.roundTrip + (took - state.roundTrip) / 8
    }

/** What the intent makes of a value; a swap of a value for itself is none. */
const verdict = <A, E>(rules: Rules<A>, state: State<A, E>, value: A): Decision<A> => {
  const decision = rules.intent.decide(value, rules.equals, state.unavailable)
  return decision._tag === "Swap" && rules.equals(decision.to, value) ? { _tag: "Keep" } : decision
}

const found = <A, E>(state: State<A, E>, value: A): Transition<A, E> => [state, {
  _tag: "Succeed",
  outcome: state.swaps === 0 ? "already" : "converged",
  effect: effectOf(state),
  before: Option.none(),
  after: value
}]

const fits = <A>(rules: Rules<A>, elapsed: number, wait: number): boolean =>
  elapsed + wait + rules.minAttempt <= rules.deadline

const sendRead = <A, E>(rules: Rules<A>, state: State<A, E>, elapsed: number): Transition<A, E> =>
  fits(rules, elapsed, 0)
    ? [{ ...state, sent: undefined, reads: state.reads + 1 }, { _tag: "SendRead" }]
    : fail(state, exhausted("deadline"))

const sendSwap = <A, E>(
  rules: Rules<A>,
  state: State<A, E>,
  known: Known<A>,
  desired: A,
  elapsed: number
): Transition<A, E> => {
  if (state.swaps >= rules.maxSwaps) return fail(state, exhausted("swaps"))
  if (!fits(rules, elapsed, 0)) return fail(state, exhausted("deadline"))
  const sent = { expected: known.value, desired, fresh: !known.isAged }
  return [{ ...state, sent, swaps: state.swaps + 1 }, { _tag: "SendSwap", ...sent }]
}

const decide = <A, E>(rules: Rules<A>, state: State<A, E>, elapsed: number): Transition<A, E> => {
  const known = state.known
  if (known === undefined) {
    return rules.canRead ? sendRead(rules, state, elapsed) : fail(state, { _tag: "ConflictWithoutState" })
  }
  const decision = verdict(rules, state, known.value)
  if (decision._tag === "Swap") return sendSwap(rules, state, known, decision.to, elapsed)
  if (known.isWitness) {
    return decision._tag === "Keep"
      ? found(state, known.value)
      : fail(state, { _tag: "Refused", reason: decision.reason, actual: known.value })
  }
  // An end needs a witness: a hint may be old. A read confirms it, or a swap that changes nothing; a refused value is
  // not even sent in such a swap.
  if (rules.canRead) return sendRead(rules, state, elapsed)
  return decision._tag === "Keep"
    ? sendSwap(rules, state, known, known.value, elapsed)
    : fail(state, { _tag: "ConflictWithoutState" })
}

/** The value that a witness shows, when the effect of an earlier attempt is unknown. */
const settleUnknown = <A, E>(rules: Rules<A>, state: State<A, E>, value: A): Transition<A, E> | undefined => {
  if (Option.isNone(state.doubted)) return undefined
  // The attempt that nobody answered may have put the value there: to swap on from it could act twice.
  if (rules.equals(state.doubted.value, value)) return found(state, value)
  if (rules.onUnknown === "reassert") return undefined
  if (verdict(rules, state, value)._tag === "Keep") return found(state, value)
  return fail(
    state,
    rules.onUnknown === "neverResend" ? { _tag: "Indeterminate" } : { _tag: "Superseded", actual: value }
  )
}

const aged = <A, E>(state: State<A, E>): State<A, E> => ({
  ...state,
  known: state.known === undefined ? undefined : { ...state.known, isAged: true }
})

const stepTransient = <A, E>(
  rules: Rules<A>,
  state: State<A, E>,
  answer: Unsent | Unknown,
  after: State<A, E>["after"],
  elapsed: number
): Transition<A, E> =>
  fits(rules, elapsed, 0)
    ? [
      {
        // However short the wait: the request itself may have taken as long as its timeout.
        ...aged(state),
        after,
        restartTransient: false,
        atLeast: answer._tag === "Unsent"
          ? Option.match(answer.after, { onNone: () => 0, onSome: Duration.toMillis })
          : 0
      },
      { _tag: "StepTransient", answer, restart: state.restartTransient }
    ]
    // The schedule is not stepped, nor the budget charged, for an attempt that cannot be made.
    : fail(state, exhausted("deadline"))

const onConflict = <A, E>(
  rules: Rules<A>,
  state: State<A, E>,
  sent: NonNullable<State<A, E>["sent"]>,
  actual: Option.Option<A>,
  elapsed: number
): Transition<A, E> => {
  const counted = sent.fresh ? { ...state, fresh: state.fresh + 1 } : { ...state, stale: state.stale + 1 }
  const step: Command<A, E> = { _tag: "StepConflict", expected: sent.expected, desired: sent.desired, actual }
  if (Option.isNone(actual)) {
    const blind = { ...counted, known: undefined }
    if (!rules.canRead) return fail(blind, { _tag: "ConflictWithoutState" })
    return sent.fresh ? [{ ...blind, after: "read", atLeast: 0 }, step] : sendRead(rules, blind, elapsed)
  }
  const value = actual.value
  const informed = seen(counted, value)
  const settled = settleUnknown(rules, informed, value)
  if (settled !== undefined) return settled
  if (rules.equals(value, sent.expected)) {
    const puzzled = { ...informed, paradoxes: state.paradoxes + 1 }
    return puzzled.paradoxes > maxParadoxes
      ? fail(puzzled, { _tag: "InconsistentRegister", actual: value })
      : decide(rules, puzzled, elapsed)
  }
  const calm = { ...informed, paradoxes: 0 }
  return sent.fresh && verdict(rules, calm, value)._tag === "Swap"
    ? [{ ...calm, after: "decide", atLeast: 0 }, step]
    : decide(rules, calm, elapsed)
}

const onSwapped = <A, E>(
  rules: Rules<A>,
  state: State<A, E>,
  answer: Outcome<A>,
  elapsed: number
): Transition<A, E> => {
  const sent = state.sent
  if (sent === undefined) throw new Error("an answer to a swap that was not sent")
  switch (answer._tag) {
    case "Applied": {
      const value = Option.getOrElse(answer.current, () => sent.desired)
      const informed = seen(state, value)
      if (rules.equals(sent.expected, sent.desired)) return found(informed, sent.desired)
      return [informed, {
        _tag: "Succeed",
        outcome: "swapped",
        effect: "applied",
        before: Option.some(sent.expected),
        after: value
      }]
    }
    case "Conflict":
      return onConflict(rules, state, sent, answer.actual, elapsed)
    case "Unsent":
      return stepTransient(rules, state, answer, "decide", elapsed)
    case "Unknown": {
      const doubtful = { ...state, doubted: Option.some(sent.desired) }
      if (rules.onUnknown !== "neverResend") return stepTransient(rules, doubtful, answer, "decide", elapsed)
      return rules.canRead
        ? stepTransient(rules, doubtful, answer, "read", elapsed)
        : fail(doubtful, { _tag: "Indeterminate" })
    }
  }
}

const onRead = <A, E>(
  rules: Rules<A>,
  state: State<A, E>,
  answer: Observation<A>,
  elapsed: number
): Transition<A, E> => {
  if (state.terminal !== undefined) return onLastRead(rules, state, state.terminal, answer)
  if (answer._tag !== "Observed") return stepTransient(rules, state, answer, "read", elapsed)
  if (Option.isNone(answer.value)) return fail(state, { _tag: "ConflictWithoutState" })
  const informed = seen(state, answer.value.value)
  return settleUnknown(rules, informed, answer.value.value) ?? decide(rules, informed, elapsed)
}

/**
 * A refusal after an attempt that nobody answered may be that attempt's own doing: who gives the host role away may not
 * do so again. One read tells whether the goal has been reached.
 */
const onTerminal = <A, E>(rules: Rules<A>, state: State<A, E>, error: E, elapsed: number): Transition<A, E> =>
  Option.isSome(state.doubted) && rules.canRead && fits(rules, elapsed, 0)
    ? sendRead(rules, { ...state, terminal: { error } }, elapsed)
    : fail(state, { _tag: "Terminal", error })

const onLastRead = <A, E>(
  rules: Rules<A>,
  state: State<A, E>,
  { error }: { readonly error: E },
  answer: Observation<A>
): Transition<A, E> => {
  const terminal: Failure<A, E> = { _tag: "Terminal", error }
  if (answer._tag !== "Observed" || Option.isNone(answer.value)) return fail(state, terminal)
  const value = answer.value.value
  const informed = seen(state, value)
  const isGoal = Option.exists(state.doubted, (target) => rules.equals(target, value))
    || verdict(rules, informed, value)._tag === "Keep"
  return isGoal ? found(informed, value) : fail(informed, terminal)
}

const resume = <A, E>(rules: Rules<A>, state: State<A, E>, elapsed: number): Transition<A, E> =>
  state.after === "read" ? sendRead(rules, state, elapsed) : decide(rules, state, elapsed)

/** The next state and the one thing to do next, which answers with the next event. */
export const step = <A, E>(rules: Rules<A>, state: State<A, E>, event: Event<A, E>): Transition<A, E> => {
  switch (event._tag) {
    case "Started": {
      // What the intent itself expects is better than a hint, and a witness is better than both.
      const expected = event.known?.isWitness === true ? Option.none() : rules.intent.expects
      const known = Option.match(expected, {
        onNone: () => event.known,
        onSome: (value) => ({ value, isWitness: false, isAged: true })
      })
      return decide(rules, { ...state, known }, event.elapsed)
    }
    case "Swapped": {
      const { answer, elapsed, isAged = false, took } = event
      const sent = isAged && state.sent !== undefined ? { ...state.sent, fresh: false } : state.sent
      return onSwapped(rules, answered({ ...state, sent }, answer, took), answer, elapsed)
    }
    case "Read":
      return onRead(rules, answered(state, event.answer, event.took), event.answer, event.elapsed)
    case "Failed":
      if (state.sent === undefined) {
        return fail(state, {
          _tag: "Terminal",
          error: state.terminal === undefined ? event.error : state.terminal.error
        })
      }
      if (event.proof === "unavailable" && rules.intent.skipsUnavailable) {
        return decide(rules, { ...state, unavailable: [...state.unavailable, state.sent.desired] }, event.elapsed)
      }
      return onTerminal(
        rules,
        event.proof === "doubtful" ? { ...state, doubted: Option.some(state.sent.desired) } : state,
        event.error,
        event.elapsed
      )
    case "Delay": {
      const wait = Math.ceil(Math.max(event.millis, 0) + Math.max(state.atLeast, 0))
      // No sleep that no swap could follow.
      const isLast = state.after === "decide" && state.swaps >= rules.maxSwaps
      if (wait === 0 || isLast) return resume(rules, state, event.elapsed)
      return fits(rules, event.elapsed, wait)
        ? [state, { _tag: "Sleep", millis: wait }]
        : fail(state, exhausted("deadline", wait))
    }
    case "NoMoreDelays":
      return fail(
        state,
        event.limit !== "conflicts" && rules.onUnknown === "neverResend" && Option.isSome(state.doubted)
          ? { _tag: "Indeterminate" }
          : exhausted(event.limit)
      )
    case "Woke": {
      return resume(rules, aged({ ...state, waited: state.waited + event.slept }), event.elapsed)
    }
  }
}

/** The state before anything has happened. */
export const start = <A>(): State<A> => initial
