/**
 * Runs one operation through the public interface of the library, and extracts the claims of its result.
 */
import { Cause, Context, Duration, Effect, Exit, Fiber, Option, Redacted } from "effect"
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

/** The operation of the current fiber. */
interface CurrentOperation {
  readonly number: number
  /** The number of write requests that were sent. */
  sent: number
}

const CurrentOperation = Context.Reference<CurrentOperation | undefined>("soak/CurrentOperation", {
  defaultValue: () => undefined
})

/** Adds the number of the operation to the query of its requests. */
export const signed = (dispatcher: UndiciHttpClient.Dispatcher): UndiciHttpClient.Dispatcher => ({
  dispatch: (options, handler) => {
    // The fiber that sends the request calls the dispatcher.
    const current = Fiber.getCurrent()?.getRef(CurrentOperation)
    if (current === undefined) return dispatcher.dispatch(options, handler)
    if (options.method === "PATCH") current.sent = current.sent + 1
    const path = `${options.path}${options.path.includes("?") ? "&" : "?"}${operationParameter}=${current.number}`
    return dispatcher.dispatch({ ...options, path }, handler)
  }
})

/** The state when an operation begins. */
export interface Surroundings {
  readonly meeting: MeetingId.MeetingId
  readonly lastHost: string
  /** Empty if the last host has none: then operations run as the app. */
  readonly userToken: string
}

export interface Ended extends Account {
  /** An outcome, or the tag of an error. */
  readonly label: string
  /** The host that it saw last. */
  readonly host: string | undefined
  /** How long its attempts took together, in milliseconds. */
  readonly requested?: number | undefined
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
        const index = people.findIndex((name) => name === nameOf(host.id))
        const next = people[(index + goal.steps) % people.length]
        return next === undefined ? { _tag: "Refuse", reason: "Stranger" } : { _tag: "Swap", to: user(next) }
      })
  }
}

const pairOf = ({ desired, expected }: { readonly expected: User; readonly desired: User }): Pair => ({
  before: nameOf(expected.id),
  after: nameOf(desired.id)
})

/** Errors that do not show whether the request was executed. */
const isUncertain = (tag: string) => tag === "MalformedResponse" || tag === "UnknownApiError"

const claimsOf = (
  report: Report
): Pick<Ended, "effect" | "applied" | "uncertain" | "details" | "requested"> => {
  const swaps = report.attempts.filter((attempt) => attempt._tag === "Swap")
  return {
    effect: report.effect,
    applied: swaps.filter(({ answer }) => answer._tag === "Applied").map(pairOf),
    uncertain: swaps.filter(({ answer }) =>
      answer._tag === "Unknown" || (answer._tag === "Terminal" && isUncertain(answer.error))
    ).map(pairOf),
    details: () => Cas.timeline(report, ({ id }) => nameOf(id)).join("; "),
    requested: report.attempts.reduce((sum, { took }) => sum + Duration.toMillis(took), 0)
  }
}

/** The claims without a report: every request that was sent may have been executed. */
const unreported = (label: string, sent: number): Ended => ({
  label,
  host: undefined,
  effect: sent === 0 ? "none" : "unknown",
  applied: [],
  uncertain: sent,
  details: () => `${label}, ${sent} sent`
})

export const done = (label: string, options: Partial<Ended> = {}): Ended => ({
  label,
  host: options.saw,
  effect: "none",
  applied: [],
  uncertain: [],
  details: () => label,
  ...options
})

const ending: Pair = { before: "in progress", after: "ended" }

/** The claims of a failed write outside of the engine. */
const failed = (error: LarkError.LarkError, pair: Pair): Ended =>
  error.retry === "unknown" || isUncertain(error._tag)
    ? done(error._tag, { effect: "unknown", uncertain: [pair], details: () => error.message })
    : done(error._tag, { details: () => error.message })

/** Runs an operation as the user who was last seen as host. */
const asHost = ({ lastHost, userToken }: Surroundings, isKnown: boolean) =>
  Lark.asUser(
    UserToken.fromAccessToken(Redacted.make(userToken), isKnown ? { user: userOf("open_id", lastHost) } : undefined)
  )

/** What a `setHost` claims by its report. */
export const claimed = <E extends { readonly _tag: string; readonly report?: Cas.FailureReport<User> }, R>(
  operation: Effect.Effect<Cas.Report<User>, E, R>
): Effect.Effect<Ended, never, R> =>
  Effect.match(operation, {
    onSuccess: (report) => done(report.outcome, { saw: nameOf(report.after.id), ...claimsOf(report) }),
    onFailure: ({ _tag, report }) =>
      done(
        _tag,
        report && {
          host: Option.getOrUndefined(Option.map(report.observed, ({ id }) => nameOf(id))),
          ...claimsOf(report)
        }
      )
  })

const setHost = (action: SetHost, around: Surroundings, onAbandoned: Effect.Effect<void>) => {
  const operation = Meetings.setHost(around.meeting, intentOf(action, around.lastHost), {
    // `update` names no user, so it needs a hint for the kind of id.
    hint: action.hint === "none" && action.goal._tag !== "Update"
      ? undefined
      : userOf(action.idType, action.hint === "guess" ? action.guess : around.lastHost),
    policy: policies[action.policy],
    latest: action.latest,
    ...(action.hasBudget ? {} : { budget: undefined }),
    onAbandoned: () => onAbandoned
  })
  const isApp = action.as === "app" || around.userToken === ""
  return claimed(isApp ? operation : asHost(around, action.as === "knownUser")(operation))
}

const swapHost = (target: string, { lastHost, meeting }: Surroundings) => {
  const pair = { before: lastHost, after: target }
  const swap = { expected: userOf("open_id", lastHost), desired: userOf("open_id", target) }
  return Effect.match(Meetings.swapHost(meeting, swap), {
    onSuccess: ({ _tag }) =>
      _tag === "Applied"
        ? done(`swapHost ${_tag}`, { effect: "applied", applied: [pair], saw: target })
        : done(`swapHost ${_tag}`, _tag === "Unknown" ? { effect: "unknown", uncertain: [pair] } : {}),
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

/** A defect is a bug in the library or in this program, and ends the run. */
export const perform = Effect.fnUntraced(function*(number: number, operation: Operation, around: Surroundings) {
  const { action, interruptAfter } = operation
  const current: CurrentOperation = { number, sent: 0 }
  let wasAbandoned = false
  const onAbandoned = Effect.sync(() => {
    wasAbandoned = true
  })
  const fiber = yield* act(action, around, onAbandoned).pipe(
    Effect.provideService(CurrentOperation, current),
    Effect.forkChild({ startImmediately: true })
  )
  if (interruptAfter !== undefined) {
    yield* Effect.raceFirst(Fiber.await(fiber), Effect.sleep(interruptAfter))
    yield* Fiber.interrupt(fiber)
  }
  const exit = yield* Fiber.await(fiber)
  if (Exit.isSuccess(exit)) return exit.value
  if (!Cause.hasInterruptsOnly(exit.cause)) return yield* exit
  // `onAbandoned` runs for swaps of unknown effect. A drained swap may have been applied without a report.
  if (wasAbandoned) return unreported("interrupted, swap abandoned", current.sent)
  return action._tag === "SetHost" && action.policy !== "drain"
    ? done("interrupted, no swap")
    : unreported("interrupted", current.sent)
})
