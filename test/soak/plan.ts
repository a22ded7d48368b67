/**
 * The plan of each operation: a function of the seed and its number. What happens to it depends on timing.
 */
import type { MeetingUser } from "effect-lark-meetings"
import { type Seeded, seeded } from "../bench/Seeded.ts"
import { absent, people, slots } from "./stage.ts"

type Goal =
  | { readonly _tag: "Ensure"; readonly target: string }
  /** From the user who was last seen as host. */
  | { readonly _tag: "Handover"; readonly target: string }
  | { readonly _tag: "EnsureUnless"; readonly target: string; readonly guarded: ReadonlyArray<string> }
  | { readonly _tag: "Rotate"; readonly candidates: readonly [string, ...Array<string>] }
  /** To the person that many positions further on in the list. */
  | { readonly _tag: "Update"; readonly steps: number }

const policies = ["standard", "eager", "thrifty", "once", "neverResend", "stopIfMoved", "impatient", "drain"] as const

export interface SetHost {
  readonly _tag: "SetHost"
  readonly goal: Goal
  readonly idType: MeetingUser.IdType
  readonly policy: typeof policies[number]
  readonly latest: boolean
  readonly hint: "none" | "last" | "guess"
  readonly guess: string
  /** The operator: the app, or the user who was last seen as host, known to the client or not. */
  readonly as: "app" | "knownUser" | "unknownUser"
  readonly hasBudget: boolean
}

export type Action =
  | SetHost
  | { readonly _tag: "SwapHost"; readonly target: string }
  | { readonly _tag: "Get" }
  /** As the user who was last seen as host. */
  | { readonly _tag: "End" }

export interface Operation {
  readonly slot: number
  readonly action: Action
  /** It is interrupted after this many milliseconds. */
  readonly interruptAfter: number | undefined
}

const weighted = <A>(
  random: Seeded,
  first: A,
  ...others: ReadonlyArray<readonly [probability: number, value: A]>
): A => {
  let left = random.next()
  for (const [probability, value] of others) {
    if (left < probability) return value
    left -= probability
  }
  return first
}

const someone = (random: Seeded): string =>
  random.chance(0.02) ? absent : people[random.below(people.length)] ?? people[0]

const goalOf = (random: Seeded): Goal => {
  const target = someone(random)
  return weighted<() => Goal>(
    random,
    () => ({ _tag: "Ensure", target }),
    [0.2, () => ({ _tag: "Handover", target })],
    [0.1, () => ({ _tag: "EnsureUnless", target, guarded: [someone(random), someone(random)] })],
    [0.15, () => ({ _tag: "Rotate", candidates: [target, someone(random), someone(random)] })],
    [0.15, () => ({ _tag: "Update", steps: 1 + random.below(people.length - 1) })]
  )()
}

const setHostOf = (random: Seeded): SetHost => ({
  _tag: "SetHost",
  goal: goalOf(random),
  idType: weighted(random, "open_id", [0.2, "union_id"], [0.1, "user_id"]),
  policy: random.chance(0.4) ? "standard" : policies[random.below(policies.length)] ?? "standard",
  latest: random.chance(0.05),
  hint: weighted(random, "none", [0.2, "last"], [0.2, "guess"]),
  guess: someone(random),
  as: weighted(random, "app", [0.12, "knownUser"], [0.03, "unknownUser"]),
  hasBudget: random.chance(0.9)
})

export const operationOf = (seed: number, number: number): Operation => {
  const random = seeded(seed + number * 2 ** 32)
  return {
    slot: random.below(slots),
    action: weighted<() => Action>(
      random,
      () => setHostOf(random),
      [0.08, () => ({ _tag: "Get" })],
      [0.05, () => ({ _tag: "SwapHost", target: someone(random) })],
      [0.003, () => ({ _tag: "End" })]
    )(),
    interruptAfter: random.chance(0.1) ? random.below(300) : undefined
  }
}
