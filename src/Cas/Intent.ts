/**
 * What a caller wants of a register: a pure decision that is made anew on every observation.
 *
 * @since 0.1.0
 */
import type * as Equivalence from "effect/Equivalence"
import * as Option from "effect/Option"

/**
 * Swap the observed value for `to`, leave it as it is, or end with a refusal.
 *
 * @since 0.1.0
 * @category models
 */
export type Decision<A> =
  | { readonly _tag: "Swap"; readonly to: A }
  | { readonly _tag: "Keep" }
  | { readonly _tag: "Refuse"; readonly reason: string }

/**
 * What to do after an attempt whose effect nobody knows.
 *
 * **Details**
 *
 * - `reassert`: repeat the same pair and keep going until the target holds. The target may be written twice, over a
 *   decision that somebody made in between.
 * - `stopIfMoved`: repeat the same pair; when it conflicts with a third value, end with `CasSuperseded`.
 * - `neverResend`: only read. The target seen is `converged`; anything else ends with `CasIndeterminate`. The one
 *   policy under which an operation takes effect at most once.
 *
 * @since 0.1.0
 * @category models
 */
export type OnUnknown = "reassert" | "stopIfMoved" | "neverResend"

/**
 * A goal for a register.
 *
 * @since 0.1.0
 * @category models
 */
export interface Intent<A> {
  /** How timelines and spans name it. */
  readonly name: string
  /** The values it names, the target first. */
  readonly values: ReadonlyArray<A>
  /** The expected value to begin with, when the intent itself prescribes one. */
  readonly expects: Option.Option<A>
  /** Used unless the policy says otherwise. */
  readonly onUnknown: OnUnknown
  /** Pure; called on every observation, with the targets that have turned out to be unavailable. */
  readonly decide: (
    observed: A,
    equals: Equivalence.Equivalence<A>,
    unavailable: ReadonlyArray<A>
  ) => Decision<A>
  /** Whether an unavailable target is a reason to decide anew; otherwise it ends the operation. */
  readonly skipsUnavailable: boolean
}

const keep: Decision<never> = { _tag: "Keep" }

/**
 * Make `target` the value, whatever the value is now.
 *
 * **Details**
 *
 * Convergent and idempotent: success means that the swap was acknowledged or that `target` was seen in place.
 * An attempt of unknown effect is reasserted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ensure = <A>(target: A): Intent<A> => ({
  name: "ensure",
  values: [target],
  expects: Option.none(),
  onUnknown: "reassert",
  skipsUnavailable: false,
  decide: (observed, equals) => equals(observed, target) ? keep : { _tag: "Swap", to: target }
})

/**
 * Move the value from `from` to `to`, and only from there.
 *
 * **Details**
 *
 * Never sends an expected value other than `from`. `to` seen in place is success (`converged`); any other value ends
 * with `CasRefused`, reason `"Changed"`.
 *
 * **Gotchas**
 *
 * A register compares values, not versions: when a reply is lost after the swap took effect and somebody moves the
 * value back to `from`, the repeated request takes effect a second time.
 *
 * @since 0.1.0
 * @category constructors
 */
export const handover = <A>(from: A, to: NoInfer<A>): Intent<A> => ({
  name: "handover",
  values: [to, from],
  expects: Option.some(from),
  onUnknown: "reassert",
  skipsUnavailable: false,
  decide: (observed, equals) =>
    equals(observed, to)
      ? keep
      : equals(observed, from)
      ? { _tag: "Swap", to }
      : { _tag: "Refuse", reason: "Changed" }
})

/**
 * Make `target` the value unless the current value is protected.
 *
 * **Details**
 *
 * `isProtected` is a list of values or a pure predicate; it is asked on every observation, and a protected value is
 * never sent as the expected one. A protected value in place ends with `CasRefused`, reason `"Protected"`. An attempt
 * of unknown effect is repeated, and ends with `CasSuperseded` when the value has moved on in the meantime.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ensureUnless = <A>(
  target: A,
  isProtected: ReadonlyArray<NoInfer<A>> | ((observed: NoInfer<A>) => boolean)
): Intent<A> => ({
  name: "ensureUnless",
  values: typeof isProtected === "function" ? [target] : [target, ...isProtected],
  expects: Option.none(),
  onUnknown: "stopIfMoved",
  skipsUnavailable: false,
  decide: (observed, equals) =>
    equals(observed, target)
      ? keep
      : (typeof isProtected === "function" ? isProtected(observed) : isProtected.some((a) => equals(a, observed)))
      ? { _tag: "Refuse", reason: "Protected" }
      : { _tag: "Swap", to: target }
})

/**
 * Moves the value to the next of the candidates: the first one after the current value, in the order given and around,
 * that is available.
 *
 * **Details**
 *
 * A candidate that the register says is unavailable (a user who is not in the meeting) is skipped. The only candidate
 * left, being in place, is kept; none left ends with `CasRefused`, reason `"NoCandidate"`. Two rotations at once move the
 * value twice, as one after the other would. An attempt of unknown effect is repeated, and ends with `CasSuperseded` when
 * the value has moved on in the meantime.
 *
 * @since 0.1.0
 * @category constructors
 */
export const rotate = <A>(candidates: readonly [A, ...Array<A>]): Intent<A> => ({
  name: "rotate",
  values: candidates,
  expects: Option.none(),
  onUnknown: "stopIfMoved",
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
 * Any pure decision: of each observed value, swap it for another, keep it, or refuse with a reason.
 *
 * **Details**
 *
 * The general form of all intents. An attempt of unknown effect is repeated, and ends with `CasSuperseded` when the value
 * has moved on in the meantime.
 *
 * @since 0.1.0
 * @category constructors
 */
export const update = <A>(decide: (observed: A) => Decision<A>): Intent<A> => ({
  name: "update",
  values: [],
  expects: Option.none(),
  onUnknown: "stopIfMoved",
  skipsUnavailable: false,
  decide
})
