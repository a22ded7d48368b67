import { Effect, Equal, Ref } from "effect"
import { Cas } from "effect-lark-meetings"

/** A `Ref` of this process. Values are compared as they are: one that went away and came back is not noticed. */
export const fromRef = <A>(ref: Ref.Ref<A>): Cas.Register<A> => ({
  equals: Equal.equals,
  read: Effect.map(Ref.get(ref), Cas.observed),
  swap: (expected, desired) =>
    Ref.modify(
      ref,
      (actual): readonly [Cas.Outcome<A>, A] =>
        Equal.equals(actual, expected) ? [Cas.applied, desired] : [Cas.conflict(actual), actual]
    )
})
