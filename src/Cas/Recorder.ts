/** The record of one operation: its attempts, what is known of their effect, and the report. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { AttemptCut } from "./errors.ts"
import { tagOf } from "./failure.ts"
import type { Departure } from "./hold.ts"
import { millisOf, now } from "./monotonic.ts"
import { unknown, unsent } from "./Outcome.ts"
import * as reducer from "./reducer.ts"
import type { Attempt, Evidence, FailureReport, Report } from "./Report.ts"
import * as telemetry from "./telemetry.ts"

/** How an operation is tied to those before and after it on the same register. Times are those of `now`. */
export interface Link<A> {
  readonly invokedAt: number
  /** Waits for the operation's turn. Returns why there is none. */
  readonly turn?: Effect.Effect<reducer.Failure<A, never> | undefined>
  /** The value to begin with. */
  readonly known: () => reducer.Known<A> | undefined
  /** A request that left at `leftAt` showed this value. */
  readonly observed?: (value: A, leftAt: number) => void
  /** The effect of the last swap is unknown. */
  readonly uncertain?: () => void
  /** The operation has ended. Before `onAbandoned` runs. */
  readonly ended?: () => void
}

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
type Ended<A, Cause> = Without<Attempt<A, Cause>, "sent" | "waited" | "at" | "took">
export type Begun<A> = Without<Ended<A, unknown>, "answer">

const duration = (millis: number) => millis === 0 ? Duration.zero : Duration.millis(millis)

export class Recorder<A, C> {
  /** The cause of the last transient answer. */
  lastCause: C | AttemptCut | undefined = undefined
  private readonly link: Link<A>
  private readonly clock: Clock.Clock
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private readonly attempts: Array<Attempt<A>> = []
  private readonly conflicts = { fresh: 0, stale: 0 }
  private swaps = 0
  private reads = 0
  private waited = 0
  /** The sleep before the next attempt. */
  private slept = 0
  /** The last swap whose effect is unknown. */
  private uncertain: reducer.Swap<A> | undefined = undefined
  private inFlight: { readonly attempt: Begun<A>; readonly departure: Departure } | undefined = undefined

  constructor(fiber: Fiber.Fiber<unknown, unknown>, link: Link<A>) {
    this.fiber = fiber
    this.clock = fiber.getRef(Clock.Clock)
    this.link = link
  }

  /** Milliseconds since the call. */
  elapsed(): number {
    return this.since(now(this.clock))
  }

  /** Milliseconds from the call to a time of `now`. */
  since(time: number): number {
    return millisOf(time - this.link.invokedAt)
  }

  sleptFor(millis: number): void {
    this.slept += millis
    this.waited += millis
  }

  sending(attempt: Begun<A>, departure: Departure): void {
    this.inFlight = { attempt, departure }
    departure.holds = 0
    departure.hasLeft = undefined
  }

  /** An attempt has ended. Returns whether the value that it expects became older than a round trip in a hold. */
  ended(attempt: Ended<A, C | AttemptCut>, departure: Departure, roundTrip?: number) {
    const { answer } = attempt
    const { begunAt, hasLeft, leftAt } = departure
    const endedAt = now(this.clock)
    const took = millisOf(endedAt - leftAt)
    const isAged = millisOf(leftAt - begunAt) > (roundTrip ?? took)
    // An answer shows that the request left, whatever the register has marked.
    const sent = hasLeft !== false || (answer._tag !== "Unsent" && answer._tag !== "Terminal")
    const [waited, at] = [duration(this.slept), duration(this.since(leftAt))]
    this.inFlight = undefined
    this.slept = 0
    if (attempt._tag === "Swap") {
      const fresh = attempt.fresh && !isAged
      this.attempts.push({ ...attempt, fresh, sent, waited, at, took: duration(took) })
      if (sent) this.swaps++
      if (answer._tag === "Conflict") this.conflicts[fresh ? "fresh" : "stale"]++
      if (answer._tag === "Unknown") this.becomeUncertain(attempt)
    } else {
      this.attempts.push({ ...attempt, sent, waited, at, took: duration(took) })
      if (sent) this.reads++
    }
    if (answer._tag === "Unsent" || answer._tag === "Unknown") this.lastCause = answer.cause
    const shown = shownBy(attempt)
    if (Option.isSome(shown)) this.link.observed?.(shown.value, leftAt)
    return { took, isAged }
  }

  becomeUncertain(swap: reducer.Swap<A>): void {
    this.uncertain = swap
    this.link.uncertain?.()
  }

  succeeded(
    { after, before, effect, outcome }: Extract<reducer.Command<A, unknown>, { readonly _tag: "Succeed" }>
  ): Report<A> {
    return { ...this.evidence(outcome, effect, before), outcome, after }
  }

  failed(state: reducer.State<A, unknown>, failure: reducer.Failure<A, unknown>): FailureReport<A> {
    const tag = failure._tag === "Terminal" ? tagOf(failure.error) : `Cas${failure._tag}`
    return {
      ...this.evidence(tag, reducer.effectOf(state), Option.none()),
      outcome: "failed",
      observed: Option.map(Option.fromUndefinedOr(state.known), (known) => known.value)
    }
  }

  /** The operation ends without a result. Returns the swap that was or may have been executed. */
  abandoned(
    state: reducer.State<A, unknown>,
    command: reducer.Command<A, unknown> | undefined,
    cause: Cause.Cause<unknown>
  ): { readonly swap: reducer.Swap<A>; readonly effect: "applied" | "unknown" } | undefined {
    if (this.inFlight !== undefined) {
      const { attempt, departure } = this.inFlight
      const { defect, holds } = departure
      const isHeld = holds > 0 || (defect !== undefined && defect === Cause.squash(cause))
      this.ended({ ...attempt, answer: isHeld ? unsent() : unknown() }, departure)
    }
    const isApplied = command?._tag === "Succeed" && command.effect === "applied"
    const swap = isApplied ? state.sent : this.uncertain ?? reducer.doubtOf(state)
    const effect = isApplied ? "applied" : swap === undefined ? "none" : "unknown"
    const outcome = Cause.hasInterruptsOnly(cause)
      ? "interrupted"
      : Cause.hasFails(cause)
      ? tagOf(Cause.squash(cause))
      : "defect"
    this.evidence(outcome, effect, Option.none())
    if (swap === undefined || effect === "none") return undefined
    return { swap: { expected: swap.expected, desired: swap.desired }, effect }
  }

  /** What all reports have. Counts the operation, and adds it to its span: it has ended with this outcome. */
  private evidence(outcome: string, effect: Evidence<A>["effect"], before: Option.Option<A>): Evidence<A> {
    const { attempts, conflicts, reads, swaps } = this
    const waited = duration(this.waited)
    const evidence = { effect, before, attempts, swaps, reads, conflicts, waited, elapsed: duration(this.elapsed()) }
    telemetry.ended(this.fiber, this.clock, outcome, evidence)
    return evidence
  }
}

/** The value that an attempt shows to be in place. */
const shownBy = <A>(attempt: Ended<A, unknown>): Option.Option<A> => {
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
