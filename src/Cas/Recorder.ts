/**
 * The record of one operation: its attempts, what is known of their effect, and the report.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { AttemptCut } from "./causes.ts"
import type { Departure } from "./hold.ts"
import { millisOf, now } from "./monotonic.ts"
import type { Observation, Outcome } from "./Outcome.ts"
import * as reducer from "./reducer.ts"
import type { Attempt, Evidence, FailureReport, Report, SwapAttempt, Terminal, Timing } from "./Report.ts"
import * as telemetry from "./telemetry.ts"

/** What a swap expects and writes. */
export interface Swap<A> {
  readonly expected: A
  readonly desired: A
}

/** How an operation is tied to those before and after it on the same register. Times are those of `now`. */
export interface Link<A> {
  readonly invokedAt: number
  /** The value to begin with. */
  readonly known: reducer.Known<A> | undefined
  /** A request that left at `leftAt` showed this value. */
  readonly observed: (value: A, leftAt: number) => void
  /** The effect of the last swap is unknown. */
  readonly uncertain: () => void
  /** The operation has ended. Before `onAbandoned` runs. */
  readonly ended: () => void
}

const duration = (millis: number) => millis === 0 ? Duration.zero : Duration.millis(millis)

export class Recorder<A, Cause> {
  /** The cause of the last transient answer. */
  lastCause: Cause | AttemptCut | undefined = undefined
  private readonly link: Link<A>
  private readonly clock: Clock.Clock
  private readonly context: Context.Context<never>
  private readonly trace: telemetry.Trace | undefined
  private readonly attempts: Array<Attempt<A>> = []
  private slept = 0
  /** The last swap whose effect is unknown. */
  private uncertain: Swap<A> | undefined = undefined
  private inFlight: { readonly swap: Swap<A>; readonly departure: Departure } | undefined = undefined

  constructor(fiber: Fiber.Fiber<unknown, unknown>, link: Link<A>) {
    const clock = fiber.getRef(Clock.Clock)
    this.link = link
    this.clock = clock
    this.context = fiber.context
    // Spans have the time of day, attempts the time since the call.
    this.trace = telemetry.traceOf(
      fiber.context,
      () => clock.currentTimeNanosUnsafe() - BigInt(now(clock) - link.invokedAt)
    )
  }

  /** Milliseconds since the call. */
  elapsed(): number {
    return this.since(now(this.clock))
  }

  /** Milliseconds from the call to a time of `now`. */
  since(time: number): number {
    return millisOf(time - this.link.invokedAt)
  }

  /** The operation slept before its next attempt. */
  sleptFor(millis: number): void {
    this.slept = this.slept + millis
  }

  /** A swap is about to be sent. */
  sending(swap: Swap<A>, departure: Departure): void {
    this.inFlight = { swap, departure }
  }

  swapEnded(
    attempt: Pick<SwapAttempt<A>, "expected" | "desired" | "fresh"> & {
      readonly answer: Outcome<A, Cause | AttemptCut> | Terminal
    },
    leftAt: number,
    endedAt: number
  ): void {
    const { answer, desired, expected, fresh } = attempt
    this.inFlight = undefined
    if (answer._tag === "Unknown") this.becomeUncertain({ expected, desired })
    this.add({ _tag: "Swap", expected, desired, fresh, answer, ...this.timing(leftAt, endedAt) }, leftAt)
  }

  readEnded(answer: Observation<A, Cause | AttemptCut> | Terminal, leftAt: number, endedAt: number): void {
    this.add({ _tag: "Read", answer, ...this.timing(leftAt, endedAt) }, leftAt)
  }

  /** The swap may have been executed. */
  becomeUncertain(swap: Swap<A>): void {
    this.uncertain = swap
    this.link.uncertain()
  }

  succeeded(
    state: reducer.State<A, unknown>,
    { after, before, effect, outcome }: Extract<reducer.Command<A, never>, { readonly _tag: "Succeed" }>
  ): Report<A> {
    const report: Report<A> = { ...this.evidence(state, effect, before), outcome, after }
    telemetry.ended(this.context, this.trace, outcome, report)
    return report
  }

  failed(state: reducer.State<A, unknown>): FailureReport<A> {
    return {
      ...this.evidence(state, reducer.effectOf(state), Option.none()),
      outcome: "failed",
      observed: Option.map(Option.fromUndefinedOr(state.known), (known) => known.value)
    }
  }

  /** Counts an operation that failed, under the tag of its error. */
  failedWith(tag: string, report: FailureReport<A>): void {
    telemetry.ended(this.context, this.trace, tag, report)
  }

  /**
   * The operation ends without a result, by an interruption or a defect. Returns the swap that was or may have been
   * executed. One that is still held has not been sent.
   */
  abandoned(
    state: reducer.State<A, unknown>,
    command: reducer.Command<A, unknown> | undefined,
    outcome: "interrupted" | "defect"
  ): { readonly swap: Swap<A>; readonly effect: "applied" | "unknown" } | undefined {
    const { inFlight, uncertain = state.doubted } = this
    const isApplied = command?._tag === "Succeed" && command.effect === "applied"
    const swap = isApplied
      ? state.sent
      : inFlight === undefined || inFlight.departure.holds > 0
      ? uncertain
      : inFlight.swap
    const effect = isApplied ? "applied" : swap === undefined ? "none" : "unknown"
    telemetry.ended(this.context, this.trace, outcome, this.evidence(state, effect, Option.none()))
    if (effect === "unknown") this.link.uncertain()
    if (swap === undefined || effect === "none") return undefined
    return { swap: { expected: swap.expected, desired: swap.desired }, effect }
  }

  private add(attempt: Attempt<A, Cause | AttemptCut>, leftAt: number): void {
    const { answer } = attempt
    if (answer._tag === "Unsent" || answer._tag === "Unknown") this.lastCause = answer.cause
    const shown = shownBy(attempt)
    if (Option.isSome(shown)) this.link.observed(shown.value, leftAt)
    this.attempts.push(attempt)
    this.slept = 0
  }

  private timing(leftAt: number, endedAt: number): Timing {
    return {
      waited: duration(this.slept),
      at: duration(this.since(leftAt)),
      took: duration(millisOf(endedAt - leftAt))
    }
  }

  private evidence(
    { fresh, reads, stale, swaps, waited }: reducer.State<A, unknown>,
    effect: Evidence<A>["effect"],
    before: Option.Option<A>
  ): Evidence<A> {
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
}

/** The value that an attempt shows to be in place. */
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
