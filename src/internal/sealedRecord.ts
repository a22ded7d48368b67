/** A record of a session store as a register of the compare-and-swap engine, sealed. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Cas from "../Cas.ts"
import { SessionStoreError } from "../LarkError.ts"
import type { Seal } from "../Seal.ts"
import type { SessionStore, Stored } from "../SessionStore.ts"

/** What a read finds: a content, nothing, or data that the seal cannot open. */
export type Found<Content> = Content | { readonly _tag: "Nothing" } | { readonly _tag: "Unreadable" }

export const isReadable = <Content extends { readonly _tag: string }>(found: Found<Content>): found is Content =>
  found._tag !== "Nothing" && found._tag !== "Unreadable"

/** A stored value has a version; one to be stored has none yet. */
export interface Versioned<Content> {
  readonly version?: number | undefined
  readonly content: Found<Content>
}

export interface SealedRecord<Content> extends Cas.Register<Versioned<Content>, SessionStoreError> {
  readonly read: Effect.Effect<Cas.Observation<Versioned<Content>>, SessionStoreError>
}

export const equals = <Content>(a: Versioned<Content>, b: Versioned<Content>): boolean =>
  a.version !== undefined && b.version !== undefined ? a.version === b.version : Equal.equals(a.content, b.content)

/** A store of the application may break off by a defect, which is reported as a failure of the store. */
const orElse = <A, B, E>(operation: () => Effect.Effect<A, E>, broken: Effect.Effect<B, E>): Effect.Effect<A | B, E> =>
  Effect.catchCause(
    Effect.suspend(operation),
    (cause): Effect.Effect<B, E> => Cause.hasFails(cause) ? Effect.failCause(cause) : broken
  )

const broken = new SessionStoreError({
  endpoint: "SessionStore",
  reason: "unavailable",
  detail: "an operation of the store ended with a defect"
})

/** The record of a key. The purpose binds the sealed text to it. What failed because the store was unavailable is unsent. */
export const make = <Content extends { readonly _tag: string }>(options: {
  readonly store: SessionStore["Service"]
  readonly seal: Seal["Service"]
  readonly key: string
  readonly purpose: string
  readonly schema: Schema.Codec<Content, unknown>
}): SealedRecord<Content> => {
  const { key, purpose, seal, store } = options
  const json = Schema.fromJsonString(options.schema)
  const encode = Schema.encodeEffect(json)
  const decode = Schema.decodeEffect(json)
  const nothing: Versioned<Content> = { version: 0, content: { _tag: "Nothing" } }

  const open = ({ value, version }: Stored): Effect.Effect<Versioned<Content>> =>
    seal.open(purpose, value).pipe(
      Effect.flatMap((text) => decode(Redacted.value(text))),
      Effect.match({
        onFailure: (): Versioned<Content> => ({ version, content: { _tag: "Unreadable" } }),
        onSuccess: (content): Versioned<Content> => ({ version, content })
      })
    )

  const unlessTerminal = <A>(self: Effect.Effect<A, SessionStoreError>) =>
    Effect.catchIf(self, ({ reason }) => reason === "unavailable", (cause) => Effect.succeed(Cas.unsent({ cause })))

  return {
    equals,
    read: orElse(() => store.get(key), Effect.fail(broken)).pipe(
      Effect.flatMap(Option.match({ onNone: () => Effect.succeed(nothing), onSome: open })),
      Effect.map(Cas.observed),
      unlessTerminal
    ),
    swap: (expected, { content }) =>
      Effect.gen(function*() {
        if (expected.version === undefined || !isReadable(content)) {
          return yield* Effect.die(new Error("A record can be swapped only for one that was read"))
        }
        // Encoding a decoded value cannot fail.
        const text = yield* Effect.orDie(encode(content))
        const { version } = expected
        const sealed = yield* seal.seal(purpose, Redacted.make(text))
        const outcome = yield* orElse(() => store.swap(key, version, sealed), Effect.succeed(Cas.unknown(broken)))
        if (outcome._tag === "Applied") return Cas.appliedWith<Versioned<Content>>({ version: version + 1, content })
        if (outcome._tag !== "Conflict") return outcome
        return Cas.conflict(
          yield* Option.match(outcome.actual, { onNone: () => Effect.succeed(nothing), onSome: open })
        )
      }).pipe(unlessTerminal)
  }
}
