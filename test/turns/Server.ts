/** A register behind round trips that remembers what it held and when. */
import { Clock, Duration, Effect } from "effect"
import { Cas } from "effect-lark-meetings"

/** What becomes of the nth request. */
export type Fate = "lost" | "broken" | "slow"

export interface Server<A> extends ReturnType<typeof make<A>> {}

export const make = <A>(
  initial: A,
  options: { readonly roundTrip?: Duration.Input; readonly fates?: (nth: number) => Fate | undefined } = {}
) => {
  const half = Duration.divideUnsafe(Duration.fromInputUnsafe(options.roundTrip ?? "20 millis"), 2)
  const history = [{ at: Number.NEGATIVE_INFINITY, value: initial }]
  const calls: Array<string> = []
  const current = () => history.at(-1)?.value ?? initial

  const answer = <X>(name: string, evaluate: (now: number) => X): Effect.Effect<X | Cas.Unknown> =>
    Effect.gen(function*() {
      const nth = calls.push(name) - 1
      const fate = options.fates?.(nth)
      if (fate === "broken") return yield* Effect.die("broken")
      yield* Effect.sleep(fate === "slow" ? "1 minute" : half)
      const result = evaluate(yield* Clock.currentTimeMillis)
      yield* Effect.sleep(half)
      return fate === "lost" ? Cas.unknown("reply lost") : result
    })

  const register: Cas.Register<A> = {
    equals: (a, b) => a === b,
    read: answer("read", () => Cas.observed(current())),
    swap: (expected, desired) =>
      answer(`${String(expected)}->${String(desired)}`, (at): Cas.Outcome<A> => {
        if (current() !== expected) return Cas.conflict(current())
        history.push({ at, value: desired })
        return Cas.applied
      })
  }

  /** Whether it held the value at some time from `since` to `until`. */
  const held = (value: A, since: number, until: number) =>
    history.some((entry, n) =>
      entry.value === value && entry.at <= until && (history[n + 1]?.at ?? Number.POSITIVE_INFINITY) >= since
    )

  /** Another application changes it. */
  const write = (value: A) => Effect.map(Clock.currentTimeMillis, (at) => void history.push({ at, value }))

  return { register, calls, history, held, current, write }
}
