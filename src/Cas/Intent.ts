/** What a caller wants of a register: a pure decision on every observed value. */
import type * as Equivalence from "effect/Equivalence"
import * as Option from "effect/Option"

/**
 * The decision on one observed value: swap it for `to`, keep it, or end the operation with `CasRefused`.
 *
 * @stability stable
 * @category models
 */
export type Decision<A> =
  | { readonly _tag: "Swap"; readonly to: A }
  | { readonly _tag: "Keep" }
  | {
    readonly _tag: "Refuse"
    /** A name for the reason, for programs. */
    readonly reason: string
    /** The reason in words, for the message: a sentence without a full stop. */
    readonly detail?: string | undefined
  }

/**
 * What to do after a swap of unknown effect.
 *
 * **Details**
 *
 * - `reassert` (`ensure`, `handover`, `prefer`): send the same swap again, and go on until the target holds. The target may
 *   be written twice, over a change that somebody else made in between.
 * - `stopIfMoved` (the other intents): send the same swap again; if it meets a third value, end with `CasSuperseded`.
 * - `neverResend`: read, and send nothing. The target seen is `converged`; any other value ends with `CasIndeterminate`.
 *   Only with this policy does an operation take effect at most once.
 *
 * @stability stable
 * @category models
 */
export type OnUnknown = "reassert" | "stopIfMoved" | "neverResend"

/**
 * A goal for a register.
 *
 * @stability stable
 * @category models
 */
export interface Intent<A> {
  /** Its name in errors. */
  readonly name: string
  /** The values that it names, the target first. */
  readonly values: ReadonlyArray<A>
  /** The expected value of the first swap, if the intent prescribes one. */
  readonly expects: Option.Option<A>
  /** Used unless the policy has its own. */
  readonly onUnknown: OnUnknown
  /** The decision on an observed value, given the targets, other than that, that were found to be unavailable. Pure. */
  readonly decide: (
    observed: A,
    equals: Equivalence.Equivalence<A>,
    unavailable: ReadonlyArray<A>
  ) => Decision<A>
  /** Whether an unavailable target leads to a new decision. Otherwise it ends the operation. */
  readonly skipsUnavailable: boolean
}

/**
 * The intents that are data, or one of them by its tag: `IntentSchema` carries them to another process.
 *
 * @stability stable
 * @category models
 */
export type DataIntent<A, Tag extends string = string> =
  & Intent<A>
  & Extract<
    | { readonly _tag: "Ensure"; readonly target: A }
    | { readonly _tag: "Handover"; readonly from: A; readonly to: A }
    | { readonly _tag: "EnsureUnless"; readonly target: A; readonly isProtected: ReadonlyArray<A> }
    | { readonly _tag: "Rotate"; readonly candidates: readonly [A, ...ReadonlyArray<A>] }
    | { readonly _tag: "Prefer"; readonly candidates: readonly [A, ...ReadonlyArray<A>] },
    { readonly _tag: Tag }
  >

const keep: Decision<never> = { _tag: "Keep" }

const common = { expects: Option.none(), onUnknown: "stopIfMoved", skipsUnavailable: false } as const

/**
 * Make `target` the value, whatever the value is now. Idempotent.
 *
 * @stability stable
 * @category constructors
 */
export const ensure = <A>(target: A): DataIntent<A, "Ensure"> => ({
  ...common,
  _tag: "Ensure",
  target,
  name: "ensure",
  values: [target],
  onUnknown: "reassert",
  decide: (observed, equals) => equals(observed, target) ? keep : { _tag: "Swap", to: target }
})

/**
 * Move the value from `from` to `to`, and from no other value. `to` seen in place is success; any third value ends with
 * `CasRefused`, reason `Changed`. If a reply is lost and somebody moves the value back to `from`, the repeated swap takes
 * effect a second time.
 *
 * @stability stable
 * @category constructors
 */
export const handover = <A>(from: A, to: NoInfer<A>): DataIntent<A, "Handover"> => ({
  ...common,
  _tag: "Handover",
  from,
  to,
  name: "handover",
  values: [to, from],
  expects: Option.some(from),
  onUnknown: "reassert",
  decide: (observed, equals) =>
    equals(observed, to)
      ? keep
      : equals(observed, from)
      ? { _tag: "Swap", to }
      : { _tag: "Refuse", reason: "Changed" }
})

/**
 * Make `target` the value unless the value in place is on a list. Such a value is never sent as the expected one: it ends
 * the operation with `CasRefused`, reason `Protected`.
 *
 * @stability stable
 * @category constructors
 */
export function ensureUnless<A>(
  target: A,
  isProtected: ReadonlyArray<NoInfer<A>>
): DataIntent<A, "EnsureUnless">
/**
 * Make `target` the value unless the value in place is protected. With a pure predicate, the intent is not data.
 *
 * @stability stable
 * @category constructors
 */
export function ensureUnless<A>(
  target: A,
  isProtected: ReadonlyArray<NoInfer<A>> | ((observed: NoInfer<A>) => boolean)
): Intent<A>
export function ensureUnless<A>(
  target: A,
  isProtected: ReadonlyArray<A> | ((observed: A) => boolean)
): Intent<A> | DataIntent<A, "EnsureUnless"> {
  const listed = typeof isProtected === "function" ? undefined : isProtected
  const refuses = typeof isProtected === "function"
    ? isProtected
    : (observed: A, equals: Equivalence.Equivalence<A>) => isProtected.some((a) => equals(a, observed))
  const intent: Intent<A> = {
    ...common,
    name: "ensureUnless",
    values: [target, ...listed ?? []],
    decide: (observed, equals) =>
      equals(observed, target)
        ? keep
        : refuses(observed, equals)
        ? { _tag: "Refuse", reason: "Protected" }
        : { _tag: "Swap", to: target }
  }
  return listed === undefined ? intent : { ...intent, _tag: "EnsureUnless", target, isProtected: listed }
}

/**
 * Move the value to the next available candidate: the first one after the value in place, in the order given, and from the
 * end on to the beginning.
 *
 * **Details**
 *
 * Skips a candidate that the register classifies as `unavailable`. Keeps the value in place if it is the only candidate
 * left. If none is left, ends with `CasRefused`, reason `NoCandidate`. Two rotations at once move the value twice.
 *
 * @stability stable
 * @category constructors
 */
export const rotate = <A>(candidates: readonly [A, ...ReadonlyArray<A>]): DataIntent<A, "Rotate"> => ({
  ...common,
  _tag: "Rotate",
  candidates,
  name: "rotate",
  values: candidates,
  skipsUnavailable: true,
  decide: (observed, equals, unavailable) => {
    const current = candidates.findIndex((candidate) => equals(candidate, observed))
    const inOrder = [...candidates.slice(current + 1), ...candidates.slice(0, Math.max(current, 0))]
    const next = inOrder.find((candidate) => !unavailable.some((gone) => equals(gone, candidate)))
    return next !== undefined
      ? { _tag: "Swap", to: next }
      : current === -1
      ? { _tag: "Refuse", reason: "NoCandidate" }
      : keep
  }
})

/**
 * Make the first available candidate the value.
 *
 * **Details**
 *
 * Skips a candidate that the register classifies as `unavailable` (a user who is not in the meeting), and keeps the value in
 * place if it is the first of the others. If none is left, ends with `CasRefused`, reason `NoCandidate`. Idempotent.
 *
 * @stability stable
 * @category constructors
 */
export const prefer = <A>(candidates: readonly [A, ...ReadonlyArray<A>]): DataIntent<A, "Prefer"> => ({
  ...common,
  _tag: "Prefer",
  candidates,
  name: "prefer",
  values: candidates,
  onUnknown: "reassert",
  skipsUnavailable: true,
  decide: (observed, equals, unavailable) => {
    const first = candidates.find((candidate) => !unavailable.some((gone) => equals(gone, candidate)))
    return first === undefined
      ? { _tag: "Refuse", reason: "NoCandidate" }
      : equals(observed, first)
      ? keep
      : { _tag: "Swap", to: first }
  }
})

/**
 * Any pure decision: swap the observed value for another, keep it, or refuse it with a reason.
 *
 * @stability stable
 * @category constructors
 */
export const update = <A>(decide: (observed: A) => Decision<A>): Intent<A> => ({
  ...common,
  name: "update",
  values: [],
  decide
})
