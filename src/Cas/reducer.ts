/** The engine as a pure function. Times come with the events, in milliseconds since the call. */
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

/** A witness was shown by a request that left after the call began. An aged value may be older than a round trip. */
export interface Known<A> {
  readonly value: A
  readonly isWitness: boolean
  readonly isAged: boolean
}

export interface Swap<A> {
  readonly expected: A
  readonly desired: A
}

interface Sent<A> extends Swap<A> {
  readonly fresh: boolean
}

export interface State<A, out E = never> {
  readonly elapsed: number
  readonly known: Known<A> | undefined
  readonly sent: Sent<A> | undefined
  /** What follows the next sleep. */
  readonly after: "decide" | "read"
  /** The wait that the server asks for, which is added to the schedule's. */
  readonly serverWait: number
  /** The target of the last swap whose effect is unknown: of this run, or of an earlier one that a journal tells of. */
  readonly uncertain: Option.Option<A>
  /** The last swap that met a conflict. */
  readonly refused: Sent<A> | undefined
  /** A swap that met a conflict, and whose target was seen since: a gateway may have sent it twice. */
  readonly doubted: Sent<A> | undefined
  /** The error that ends the operation, unless a read shows that the uncertain swap reached the goal. */
  readonly terminal: { readonly error: E } | undefined
  readonly unavailable: ReadonlyArray<A>
  readonly restartTransient: boolean
  /** Conflicts in a row that show the value that was expected. */
  readonly contradictions: number
  /** Swaps tried, whether their requests left or not. */
  readonly swaps: number
  readonly roundTrip: number | undefined
}

/** `isAged`: the request was held for longer than a round trip, so that its expected value aged. */
export type Event<A, E> =
  | { readonly _tag: "Started"; readonly known: Known<A> | undefined }
  | { readonly _tag: "Swapped"; readonly answer: Outcome<A>; readonly took: number; readonly isAged?: boolean }
  | { readonly _tag: "Read"; readonly answer: Observation<A>; readonly took: number }
  | { readonly _tag: "Failed"; readonly error: E; readonly meaning: "unavailable" | "uncertain" | undefined }
  | { readonly _tag: "Delay"; readonly millis: number }
  | { readonly _tag: "NoMoreDelays"; readonly limit: "conflicts" | "transients" | "budget" }
  | { readonly _tag: "Woke" }

/**
 * What ran out in a `CasExhausted`.
 *
 * @stability stable
 * @category models
 */
export type ExhaustedLimit = "conflicts" | "transients" | "budget" | "swaps" | "deadline"

export type Failure<A, E> =
  /** `wait` is the one for which there was no time; `turn` the one in a queue. */
  | { readonly _tag: "Exhausted"; readonly limit: ExhaustedLimit; readonly wait: number | "turn" }
  | { readonly _tag: "Refused"; readonly reason: string; readonly detail?: string | undefined; readonly actual: A }
  /** Without a value: by a later operation in a queue. */
  | { readonly _tag: "Superseded"; readonly actual: Option.Option<A> }
  | { readonly _tag: "Indeterminate" }
  | { readonly _tag: "ConflictWithoutState" }
  | { readonly _tag: "InconsistentRegister"; readonly actual: A }
  | { readonly _tag: "Terminal"; readonly error: E }

export type Command<A, E> =
  | { readonly _tag: "SendRead" }
  | { readonly _tag: "SendSwap" } & Sent<A>
  | { readonly _tag: "StepConflict"; readonly actual: Option.Option<A> } & Swap<A>
  | { readonly _tag: "StepTransient"; readonly answer: Unsent | Unknown; readonly restart: boolean }
  | { readonly _tag: "Sleep"; readonly millis: number }
  | { readonly _tag: "Succeed" } & Pick<Report<A>, "outcome" | "effect" | "before" | "after">
  | { readonly _tag: "Fail"; readonly failure: Failure<A, E> }

export type Transition<A, E> = readonly [State<A, E>, Command<A, E>]

export const initial: State<never> = {
  elapsed: 0,
  known: undefined,
  sent: undefined,
  after: "decide",
  serverWait: 0,
  uncertain: Option.none(),
  refused: undefined,
  doubted: undefined,
  terminal: undefined,
  unavailable: [],
  restartTransient: true,
  contradictions: 0,
  swaps: 0,
  roundTrip: undefined
}

/** A swap that met a conflict and may have been sent twice: its target was seen since, or nothing was. */
export const doubtOf = <A>({ doubted, known, refused }: State<A, unknown>): Swap<A> | undefined =>
  doubted ?? (known === undefined ? refused : undefined)

/** The effect of an operation of which no swap was acknowledged. */
export const effectOf = (state: State<unknown, unknown>): "none" | "unknown" =>
  Option.isSome(state.uncertain) || doubtOf(state) !== undefined ? "unknown" : "none"

const fail = <A, E>(state: State<A, E>, failure: Failure<A, E>): Transition<A, E> => [state, { _tag: "Fail", failure }]

const exhausted = (limit: ExhaustedLimit, wait = 0): Failure<never, never> => ({ _tag: "Exhausted", limit, wait })

const withValue = <A, E>(state: State<A, E>, value: A): State<A, E> => ({
  ...state,
  known: { value, isWitness: true, isAged: false }
})

/**
 * A conflict or a read shows a value. If it is the target of a swap that met a conflict, that swap may have written it: a
 * gateway may have sent it twice (RFC 9110, 13.1.1).
 */
const seen = <A, E>(rules: Rules<A>, state: State<A, E>, value: A): State<A, E> => {
  const next = withValue(state, value)
  const { refused } = state
  if (refused === undefined || !rules.equals(refused.desired, value)) return next
  return rules.onUnknown === "neverResend"
    ? { ...next, uncertain: Option.some(value), doubted: refused }
    : { ...next, doubted: refused }
}

/** The round trip is smoothed as in TCP (RFC 6298), by an eighth of the difference. A lost reply does not measure it. */
const withRoundTrip = <A, E>(state: State<A, E>, answer: Outcome<A> | Observation<A>, took: number): State<A, E> =>
  answer._tag === "Unsent" || answer._tag === "Unknown"
    ? state
    : {
      ...state,
      restartTransient: true,
      roundTrip: state.roundTrip === undefined ? took : state.roundTrip + (took - state.roundTrip) / 8
    }

/**
 * The intent's decision on a value. A swap of a value for itself is Keep. What was unavailable and is in place now has become
 * available since.
 */
const decisionOn = <A, E>(rules: Rules<A>, state: State<A, E>, value: A): Decision<A> => {
  const unavailable = state.unavailable.filter((gone) => !rules.equals(gone, value))
  const decision = rules.intent.decide(value, rules.equals, unavailable)
  return decision._tag === "Swap" && rules.equals(decision.to, value) ? { _tag: "Keep" } : decision
}

const reached = <A, E>(state: State<A, E>, value: A): Transition<A, E> => [state, {
  _tag: "Succeed",
  outcome: state.swaps === 0 && Option.isNone(state.uncertain) ? "already" : "converged",
  effect: effectOf(state),
  before: Option.none(),
  after: value
}]

/** Whether there is time for an attempt after a wait. At the deadline there is none, however short an attempt may be. */
const fits = <A>(rules: Rules<A>, { elapsed }: State<A, unknown>, wait = 0): boolean => {
  const left = rules.deadline - elapsed - wait
  return left > 0 && left >= rules.minAttempt
}

const sendRead = <A, E>(rules: Rules<A>, state: State<A, E>): Transition<A, E> =>
  fits(rules, state)
    ? [{ ...state, sent: undefined }, { _tag: "SendRead" }]
    : fail(state, exhausted("deadline"))

const sendSwap = <A, E>(rules: Rules<A>, state: State<A, E>, known: Known<A>, desired: A): Transition<A, E> => {
  if (state.swaps >= rules.maxSwaps) return fail(state, exhausted("swaps"))
  if (!fits(rules, state)) return fail(state, exhausted("deadline"))
  const sent = { expected: known.value, desired, fresh: !known.isAged }
  return [{ ...state, sent, swaps: state.swaps + 1 }, { _tag: "SendSwap", ...sent }]
}

const decide = <A, E>(rules: Rules<A>, state: State<A, E>): Transition<A, E> => {
  const known = state.known
  if (known === undefined) {
    return rules.canRead ? sendRead(rules, state) : fail(state, { _tag: "ConflictWithoutState" })
  }
  const decision = decisionOn(rules, state, known.value)
  if (decision._tag === "Swap") return sendSwap(rules, state, known, decision.to)
  if (known.isWitness) {
    return decision._tag === "Keep"
      ? reached(state, known.value)
      : fail(state, { ...decision, _tag: "Refused", actual: known.value })
  }
  // A hint may be old, so the operation does not end on it. A read confirms it, or a swap that changes nothing; a refused
  // value is not sent even in such a swap.
  if (rules.canRead) return sendRead(rules, state)
  return decision._tag === "Keep"
    ? sendSwap(rules, state, known, known.value)
    : fail(state, { _tag: "ConflictWithoutState" })
}

/** Ends the operation, if the effect of an earlier swap is unknown and this value settles what to do. */
const settleUnknown = <A, E>(rules: Rules<A>, state: State<A, E>, value: A): Transition<A, E> | undefined => {
  if (Option.isNone(state.uncertain)) return undefined
  // The uncertain swap may have put the value there: a swap from it could act twice.
  if (rules.equals(state.uncertain.value, value)) return reached(state, value)
  if (rules.onUnknown === "reassert") return undefined
  if (decisionOn(rules, state, value)._tag === "Keep") return reached(state, value)
  return fail(
    state,
    rules.onUnknown === "neverResend" ? { _tag: "Indeterminate" } : { _tag: "Superseded", actual: Option.some(value) }
  )
}

const aged = <A, E>(state: State<A, E>): State<A, E> => ({
  ...state,
  known: state.known === undefined ? undefined : { ...state.known, isAged: true }
})

/** The wait that an answer asked for. */
export const waitOf = (answer: Unsent | Unknown): Duration.Duration | undefined =>
  answer._tag === "Unsent" ? Option.getOrUndefined(answer.after) : answer.after

const stepTransient = <A, E>(
  rules: Rules<A>,
  state: State<A, E>,
  answer: Unsent | Unknown,
  after: State<A, E>["after"]
): Transition<A, E> =>
  fits(rules, state)
    ? [
      // Aged even without a sleep: the request itself may have taken as long as its timeout.
      { ...aged(state), after, restartTransient: false, serverWait: Duration.toMillis(waitOf(answer) ?? 0) },
      { _tag: "StepTransient", answer, restart: state.restartTransient }
    ]
    // No step and no charge for an attempt that cannot be made.
    : fail(state, exhausted("deadline"))

const onConflict = <A, E>(
  rules: Rules<A>,
  state: State<A, E>,
  sent: Sent<A>,
  actual: Option.Option<A>
): Transition<A, E> => {
  // A swap of a value for itself changes nothing, however often it is sent.
  const next = rules.equals(sent.expected, sent.desired) ? state : { ...state, refused: sent }
  const step: Command<A, E> = { _tag: "StepConflict", ...sent, actual }
  if (Option.isNone(actual)) {
    const withoutValue = { ...next, known: undefined }
    if (!rules.canRead) return fail(withoutValue, { _tag: "ConflictWithoutState" })
    return sent.fresh ? [{ ...withoutValue, after: "read", serverWait: 0 }, step] : sendRead(rules, withoutValue)
  }
  const value = actual.value
  const contradictions = rules.equals(value, sent.expected) ? state.contradictions + 1 : 0
  const afterConflict = { ...seen(rules, next, value), contradictions }
  const settled = settleUnknown(rules, afterConflict, value)
  if (settled !== undefined) return settled
  if (contradictions >= 3) return fail(afterConflict, { _tag: "InconsistentRegister", actual: value })
  return sent.fresh && decisionOn(rules, afterConflict, value)._tag === "Swap"
    ? [{ ...afterConflict, after: "decide", serverWait: 0 }, step]
    : decide(rules, afterConflict)
}

const onSwapped = <A, E>(rules: Rules<A>, state: State<A, E>, answer: Outcome<A>): Transition<A, E> => {
  const sent = state.sent
  if (sent === undefined) throw new Error("an answer to a swap that was not sent")
  switch (answer._tag) {
    case "Applied": {
      const value = Option.getOrElse(answer.current, () => sent.desired)
      const next = withValue(state, value)
      if (rules.equals(sent.expected, sent.desired)) return reached(next, sent.desired)
      const before = Option.some(sent.expected)
      return [next, { _tag: "Succeed", outcome: "swapped", effect: "applied", before, after: value }]
    }
    case "Conflict":
      return onConflict(rules, state, sent, answer.actual)
    case "Unsent":
      return stepTransient(rules, state, answer, "decide")
    case "Unknown": {
      const next = { ...state, uncertain: Option.some(sent.desired) }
      if (rules.onUnknown !== "neverResend") return stepTransient(rules, next, answer, "decide")
      return rules.canRead ? stepTransient(rules, next, answer, "read") : fail(next, { _tag: "Indeterminate" })
    }
  }
}

const onRead = <A, E>(rules: Rules<A>, state: State<A, E>, answer: Observation<A>): Transition<A, E> => {
  if (state.terminal !== undefined) return onLastRead(rules, state, state.terminal, answer)
  if (answer._tag !== "Observed") return stepTransient(rules, state, answer, "read")
  // Where there is no value, no target was put.
  if (Option.isNone(answer.value)) return fail({ ...state, refused: undefined }, { _tag: "ConflictWithoutState" })
  const next = seen(rules, state, answer.value.value)
  return settleUnknown(rules, next, answer.value.value) ?? decide(rules, next)
}

/**
 * After a swap of unknown effect, a terminal error may be the consequence of that swap: a user who has given a role away may
 * not do so again. One read shows whether the goal is reached.
 */
const onTerminal = <A, E>(rules: Rules<A>, state: State<A, E>, error: E): Transition<A, E> =>
  Option.isSome(state.uncertain) && rules.canRead && fits(rules, state)
    ? sendRead(rules, { ...state, terminal: { error } })
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
  const next = withValue(state, value)
  const isGoal = Option.exists(state.uncertain, (target) => rules.equals(target, value))
    || decisionOn(rules, next, value)._tag === "Keep"
  return isGoal ? reached(next, value) : fail(next, terminal)
}

const resume = <A, E>(rules: Rules<A>, state: State<A, E>): Transition<A, E> =>
  state.after === "read" ? sendRead(rules, state) : decide(rules, state)

/** The state after an event, and the command whose result is the next event. */
export const step = <A, E>(
  rules: Rules<A>,
  before: State<A, E>,
  event: Event<A, E>,
  elapsed: number
): Transition<A, E> => {
  const state = { ...before, elapsed }
  switch (event._tag) {
    case "Started": {
      // A witness comes before what the intent expects, which comes before a hint.
      const expected = event.known?.isWitness === true ? Option.none() : rules.intent.expects
      const known = Option.isSome(expected) ? { value: expected.value, isWitness: false, isAged: true } : event.known
      const next = { ...state, known }
      // An earlier run sent a swap: this one goes on as if the reply to that swap was lost.
      if (known?.isWitness === true) return settleUnknown(rules, next, known.value) ?? decide(rules, next)
      if (Option.isNone(state.uncertain) || rules.onUnknown !== "neverResend") return decide(rules, next)
      return rules.canRead ? sendRead(rules, next) : fail(next, { _tag: "Indeterminate" })
    }
    case "Swapped": {
      const { answer, isAged = false, took } = event
      const sent = isAged && state.sent !== undefined ? { ...state.sent, fresh: false } : state.sent
      return onSwapped(rules, withRoundTrip({ ...state, sent }, answer, took), answer)
    }
    case "Read":
      return onRead(rules, withRoundTrip(state, event.answer, event.took), event.answer)
    case "Failed": {
      const { error, meaning } = event
      const { sent } = state
      if (sent === undefined) return fail(state, { _tag: "Terminal", error: state.terminal?.error ?? error })
      return meaning === "unavailable" && rules.intent.skipsUnavailable
        ? decide(rules, { ...state, unavailable: [...state.unavailable, sent.desired] })
        : onTerminal(rules, meaning === "uncertain" ? { ...state, uncertain: Option.some(sent.desired) } : state, error)
    }
    case "Delay": {
      const wait = Math.ceil(Math.max(event.millis, 0) + Math.max(state.serverWait, 0))
      // After the last swap that the policy allows, there is nothing to sleep for.
      const isLast = state.after === "decide" && state.swaps >= rules.maxSwaps
      if (wait === 0 || isLast) return resume(rules, state)
      return fits(rules, state, wait)
        ? [state, { _tag: "Sleep", millis: wait }]
        : fail(state, exhausted("deadline", wait))
    }
    case "NoMoreDelays":
      return fail(
        state,
        event.limit !== "conflicts" && rules.onUnknown === "neverResend" && Option.isSome(state.uncertain)
          ? { _tag: "Indeterminate" }
          : exhausted(event.limit)
      )
    case "Woke":
      return resume(rules, aged(state))
  }
}
