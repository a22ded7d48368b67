/** The base of the error classes of this library. */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type { Kind, Retry } from "../Cas.ts"

/**
 * An error that says who can do something about it, and what it proves of the request.
 *
 * @stability stable
 * @category models
 */
export interface Classified<out Tag extends string = string, out K extends Kind = Kind, out R extends Retry = Retry>
  extends Cause.YieldableError
{
  readonly _tag: Tag
  readonly kind: K
  readonly retry: R
}

/** A value that all errors of a class have, or one that follows from the fields of each. */
type Of<Fields, A> = A | ((fields: Fields) => A)

/** Makes a class of errors with these fields. `retry` is `never` unless given. */
export const Classified =
  <Fields extends object>() =>
  <const Tag extends string, K extends Kind, R extends Retry = "never">(
    tag: Tag,
    // Without `retry`, R is its default.
    { kind, message, retry = "never" as R }: {
      readonly kind: Of<Fields, K>
      readonly retry?: Of<Fields, R>
      readonly message: (fields: Fields) => string
    }
  ): new(fields: Fields) => Classified<Tag, K, R> & Readonly<Fields> => {
    const Base = Data.TaggedError(tag)
    const computed = (of: Of<Fields, string>) => ({
      get(this: Fields) {
        return typeof of === "function" ? of(this) : of
      },
      configurable: true
    })
    Object.defineProperties(Base.prototype, {
      kind: computed(kind),
      retry: computed(retry),
      message: computed(message)
    })
    // Its constructor assigns the fields; its prototype has `kind`, `retry` and the message.
    return Base as never
  }
