/**
 * What goes wrong, as data: the same for every engine, as far as they make the same requests.
 */
import type { Seeded } from "../Seeded.ts"

/**
 * - `LostRequest`, `LostReply`: not executed, or executed, and an error (a reset, a 5xx) instead of the answer.
 * - `Late`: the error now, executed later.
 * - `Throttled`: not executed, and the answer says so.
 */
export type Fault =
  | { readonly _tag: "LostRequest" | "LostReply" | "Throttled" }
  | { readonly _tag: "Late"; readonly by: number }

/** What happens to the nth request: its delay, writes of others just before and after it, what is lost. */
export interface Step {
  readonly travel: number
  readonly before: number | undefined
  readonly after: number | undefined
  readonly fault: Fault | undefined
}

export interface Script {
  readonly initial: number
  readonly steps: ReadonlyArray<Step>
  /** Writes of others at times of their own. */
  readonly rivals: ReadonlyArray<{ readonly at: number; readonly value: number }>
  readonly cancelAt: number | undefined
}

/** The value that the operation wants; the others are 1, 2 and 3. */
export const target = 0

export const makeScript = (random: Seeded): Script => {
  const somebody = () => random.chance(0.1) ? target : 1 + random.below(3)
  const perhaps = <A>(probability: number, make: () => A): A | undefined =>
    random.chance(probability) ? make() : undefined
  const fault = (): Fault | undefined => {
    const r = random.next()
    if (r < 0.06) return { _tag: "LostRequest" }
    if (r < 0.14) return { _tag: "LostReply" }
    if (r < 0.18) return { _tag: "Late", by: random.uniform(20, 2_000) }
    return r < 0.22 ? { _tag: "Throttled" } : undefined
  }
  return {
    initial: 1 + random.below(3),
    steps: Array.from({ length: 10 }, () => ({
      travel: random.uniform(5, 40),
      before: perhaps(0.2, somebody),
      after: perhaps(0.15, somebody),
      fault: fault()
    })),
    rivals: Array.from({ length: random.below(3) }, () => ({ at: random.uniform(0, 3_000), value: somebody() })),
    cancelAt: perhaps(0.15, () => random.uniform(0, 300))
  }
}
