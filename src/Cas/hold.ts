/** Whether the request of an attempt has left. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { now } from "./monotonic.ts"

/** The departure of one attempt's request. Times are those of `now`. */
export interface Departure {
  readonly begunAt: number
  /** When the request left; until then, when the attempt began. */
  leftAt: number
  /** How many `hold`s the attempt is in. Above zero, its request has not left, or was refused and can be sent again. */
  holds: number
  /** Whether any request left; `undefined` if the register has not held one so far. */
  hasLeft: boolean | undefined
  /** The defect of a `hold`. If the attempt ends with it, nothing left after that `hold`. */
  defect: unknown
  /** A request that is held after this time does not leave. */
  latest: number
  /** Whether the request got no answer in time, after it left. */
  isOverdue: boolean
}

/** A `latest` that lets nothing leave any more. */
export const closed = Number.NEGATIVE_INFINITY

/** The departure of the attempt that the fiber works for. */
export const CurrentDeparture: Context.Reference<Departure | undefined> = Context.Reference<Departure | undefined>(
  "effect-lark-meetings/Cas/CurrentDeparture",
  { defaultValue: () => undefined }
)

/**
 * Marks what comes before a request leaves: waiting for a token, or for a turn at a rate limiter.
 *
 * **Details**
 *
 * A register uses it inside its `swap` and `read`. While an attempt is held
 *
 * - its `attemptTimeout` does not run: the timeout begins when the request leaves. The deadline runs on;
 * - an interruption, or the deadline (less `minAttempt`), ends it as `Unsent`: nothing was sent.
 *
 * A request that was refused and is sent again, with a new token for example, may be held again. Outside an operation
 * `hold` changes nothing.
 *
 * **Gotchas**
 *
 * Nothing inside may change the register, and nothing that may change it may be under way meanwhile.
 *
 * **Example** (A register behind a token)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * const token = Effect.delay(Effect.succeed("t-1"), "30 millis")
 * const register: Cas.Register<string> = {
 *   equals: (a, b) => a === b,
 *   swap: () => Effect.as(Cas.hold(token), Cas.applied)
 * }
 * const policy = Cas.Policy.make({ attemptTimeout: "10 millis" })
 * const report = await Effect.runPromise(Cas.run(register, Cas.handover("alice", "bob"), { policy }))
 * console.log(report.outcome) // => swapped
 * ```
 *
 * @stability stable
 * @category combinators
 */
export const hold = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const departure = fiber.getRef(CurrentDeparture)
    if (departure === undefined) return self
    const clock = fiber.getRef(Clock.Clock)
    departure.holds = departure.holds + 1
    departure.hasLeft ??= false
    if (now(clock) > departure.latest) return Effect.interrupt
    // A fiber that starts in here may outlive the attempt, and send requests of its own.
    return Effect.onExitPrimitive(Effect.provideService(self, CurrentDeparture, undefined), (exit) => {
      const at = now(clock)
      const isSuccess = exit._tag === "Success"
      if (isSuccess && at > departure.latest) return Effect.interrupt
      if (departure.latest === closed) return undefined
      departure.holds = departure.holds - 1
      departure.leftAt = at
      if (isSuccess) departure.hasLeft ||= departure.holds === 0
      else if (Cause.hasDies(exit.cause)) departure.defect = Cause.squash(exit.cause)
      return undefined
    })
  })

/**
 * Whether the engine interrupts the attempt that the fiber works for because its request, which had left, got no answer in
 * time. Any other interruption comes from the caller. Outside an operation it is `false`.
 *
 * @stability stable
 * @category combinators
 */
export const isOverdue: Effect.Effect<boolean> = Effect.map(
  Effect.service(CurrentDeparture),
  (departure) => departure?.isOverdue === true
)
