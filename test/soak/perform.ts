/**
 * Runs one operation through the public face of the library, and says what its result claims.
 */
import { Cause, Context, Effect, Exit, Fiber, Option, Redacted } from "effect"
import {
  Cas,
  Lark,
  type LarkError,
  type MeetingId,
  Meetings,
  type MeetingUser,
  type UndiciHttpClient,
  UserToken
} from "effect-lark-meetings"
import type { Account, Pair } from "./Ledger.ts"
import type { Action, Operation, SetHost } from "./plan.ts"
import { nameOf, operationParameter, people, userOf } from "./stage.ts"

/** The operation that the current fiber works for. */
interface Call {
  readonly number: number
  /** Requests that write. */
  sent: number
}

const Call = Context.Reference<Call | undefined>("soak/Call", { defaultValue: () => undefined })

/** Writes the number of the operation on each of its requests. */
export const signed = (dispatcher: UndiciHttpClient.Dispatcher): UndiciHttpClient.Dispatcher => ({
  dispatch: (options, handler) => {
    // It is the sending fiber that calls a dispatcher.
    const call = Fiber.getCurrent()?.getRef(Call)
    if (call === undefined) return dispatcher.dispatch(options, handler)
    if (options.method === "PATCH") call.sent = call.sent + 1
    const path = `${options.path}${options.path.includes("?") ? "&" : "?"}${operationParameter}=${call.number}`
    return dispatcher.dispatch({ ...options, path }, handler)
  }
})

/** What there is to know before an operation begins. */
export interface Surroundings {
  readonly meeting: MeetingId.MeetingId
  readonly lastHost: string
  readonly userToken: string
}

export interface Ended extends Account {
  /** An outcome, or the tag of an error. */
  readonly label: string
  /** The host as it was seen last. */
  readonly host: string | undefined
}

type User = MeetingUser.MeetingUser
type Report = Cas.Report<User> | Cas.FailureReport<User>

const policies = {
  ...Cas.Policy,
  neverResend: Cas.Policy.make({ onUnknown: "neverResend" }),
  stopIfMoved: Cas.Policy.make({ onUnknown: "stopIfMoved" }),
  impatient: Cas.Policy.make({ attemptTimeout: "250 millis", deadline: "3 seconds" }),
  drain: Cas.Policy.make({ interruption: "drain" })
}

const intentOf = ({ goal, idType }: SetHost, lastHost: string): Cas.Intent<User> => {
  const user = (name: string) => userOf(idType, name)
  switch (goal._tag) {
    case "Ensure":
      return Cas.ensure(user(goal.target))
    case "Handover":
      return Cas.handover(user(lastHost), user(goal.target))
    case "EnsureUnless":
      return Cas.ensureUnless(user(goal.target), goal.guarded.map(user))
    case "Rotate": {
      const [first, ...others] = goal.candidates
      return Cas.rotate([user(first), ...others.map(user)])
    }
    case "Update":
      return Cas.update((host) => {
        const place = people.findIndex((name) => name === nameOf(host.id))
        const next = people[(place + goal.places) % people.length]
        return next === undefined ? { _tag: "Refuse", reason: "Stranger" } : { _tag: "Swap", to: user(next) }
      })
  }
}

const pairOf = ({ desired, expected }: { readonly expected: User; readonly desired: User }): Pair => ({
  before: nameOf(expected.id),
  after: nameOf(desired.id)
})

/** Errors that say nothing about whether the request was executed. */
const isDoubtful = (tag: string) => tag === "MalformedResponse" || tag === "UnknownApiError"

const claimsOf = (report: Report): Pick<Account, "effect" | "applied" | "doubtful" | "details"> => {
  const swaps = report.attempts.filter((attempt) => attempt._tag === "Swap")
  return {
    effect: report.effect,
    applied: swaps.filter(({ answer }) => answer._tag === "Applied").map(pairOf),
    doubtful: swaps.filter(({ answer }) =>
      answer._tag === "Unknown" || (answer._tag === "Terminal" && isDoubtful(answer.error))
    ).map(pairOf),
    details: () => Cas.timeline(report, ({ id }) => nameOf(id)).join("; ")
  }
}

/** Of an operation that left no report: whatever it sent may have been executed. */
const unreported = (label: string, sent: number): Ended => ({
  label,
  host: undefined,
  effect: sent === 0 ? "none" : "unknown",
  applied: [],
  doubtful: sent,
  details: () => `${label}, ${sent} sent`
})

const done = (label: string, options: Partial<Ended> = {}): Ended => ({
  label,
  host: options.saw,
  effect: "none",
  applied: [],
  doubtful: [],
  details: () => label,
  ...options
})

const ending: Pair = { before: "in progress", after: "ended" }

/** What a failed write outside of the engine claims. */
const failed = (error: LarkError.LarkError, pair: Pair): Ended =>
  error.retry === "unknown" || isDoubtful(error._tag)
    ? done(error._tag, { effect: "unknown", doubtful: [pair], details: () => error.message })
    : done(error._tag, { details: () => error.message })

/** As the user who was last seen as host. */
const asHost = ({ lastHost, userToken }: Surroundings, isKnown: boolean) =>
  Lark.asUser(
    UserToken.fromAccessToken(Redacted.make(userToken), isKnown ? { user: userOf("open_id", lastHost) } : undefined)
  )

const setHost = (action: SetHost, around: Surroundings, onAbandoned: Effect.Effect<void>) => {
  const operation = Meetings.setHost(around.meeting, intentOf(action, around.lastHost), {
    // An update names nobody, and needs a hint to tell the kind of id.
    hint: action.hint === "none" && action.goal._tag !== "Update"
      ? undefined
      : userOf(action.idType, action.hint === "guess" ? action.guess : around.lastHost),
    policy: policies[action.policy],
    latest: action.latest,
    ...(action.hasBudget ? {} : { budget: undefined }),
    onAbandoned: () => onAbandoned
  })
  return Effect.match(action.as === "app" ? operation : asHost(around, action.as === "knownUser")(operation), {
    onSuccess: (report) => done(report.outcome, { saw: nameOf(report.after.id), ...claimsOf(report) }),
    onFailure: (error) =>
      done(error._tag, {
        host: Option.getOrUndefined(Option.map(error.report.observed, ({ id }) => nameOf(id))),
        ...claimsOf(error.report)
      })
  })
}

const swapHost = (target: string, { lastHost, meeting }: Surroundings) => {
  const pair = { before: lastHost, after: target }
  const swap = { expected: userOf("open_id", lastHost), desired: userOf("open_id", target) }
  return Effect.match(Meetings.swapHost(meeting, swap), {
    onSuccess: ({ _tag }) =>
      _tag === "Applied"
        ? done(`swapHost ${_tag}`, { effect: "applied", applied: [pair], saw: target })
        : done(`swapHost ${_tag}`, _tag === "Unknown" ? { effect: "unknown", doubtful: [pair] } : {}),
    onFailure: (error) => failed(error, pair)
  })
}

const get = ({ meeting }: Surroundings) =>
  Effect.match(Meetings.get(meeting), {
    onSuccess: ({ hostUser }) => done("got", { saw: Option.getOrUndefined(hostUser)?.id.slice(3) }),
    onFailure: ({ _tag, message }) => done(_tag, { details: () => message })
  })

const end = (around: Surroundings) =>
  Effect.match(asHost(around, true)(Meetings.end(around.meeting)), {
    onSuccess: () => done("ended", { effect: "applied", applied: [ending] }),
    onFailure: (error) => failed(error, ending)
  })

const act = (action: Action, around: Surroundings, onAbandoned: Effect.Effect<void>) => {
  switch (action._tag) {
    case "SetHost":
      return setHost(action, around, onAbandoned)
    case "SwapHost":
      return swapHost(action.target, around)
    case "Get":
      return get(around)
    case "End":
      return end(around)
  }
}

/** Of a defect there is no account: it is a mistake of the library, or of this, and ends the run. */
export const perform = Effect.fnUntraced(function*(number: number, operation: Operation, around: Surroundings) {
  const { action, interruptAfter } = operation
  const call: Call = { number, sent: 0 }
  let isTold = false
  const onAbandoned = Effect.sync(() => {
    isTold = true
  })
  const fiber = yield* act(action, around, onAbandoned).pipe(
    Effect.provideService(Call, call),
    Effect.forkChild({ startImmediately: true })
  )
  if (interruptAfter !== undefined) {
    yield* Effect.raceFirst(Fiber.await(fiber), Effect.sleep(interruptAfter))
    yield* Fiber.interrupt(fiber)
  }
  const exit = yield* Fiber.await(fiber)
  if (Exit.isSuccess(exit)) return exit.value
  if (!Cause.hasInterruptsOnly(exit.cause)) return yield* exit
  // Only a swap of unknown effect is told of. A drained one may have been acknowledged, and its result been dropped.
  if (isTold) return unreported("interrupted, told of a swap", call.sent)
  return action._tag === "SetHost" && action.policy !== "drain"
    ? done("interrupted, told of none")
    : unreported("interrupted", call.sent)
})
