/** A session as a register of the compare-and-swap engine, sealed in a session store. */
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
import { type Content, Session } from "./Session.ts"

/** A stored value has a version; one to be stored has none yet. */
export interface Versioned {
  readonly version?: number | undefined
  readonly content: Content
}

export type SessionRecord = Cas.Register<Versioned, SessionStoreError>

export const equals = (a: Versioned, b: Versioned): boolean =>
  a.version !== undefined && b.version !== undefined ? a.version === b.version : Equal.equals(a.content, b.content)

const Json = Schema.fromJsonString(Session)
const encode = Schema.encodeEffect(Json)
const decode = Schema.decodeEffect(Json)

/** A store of the application may break off by a defect. It is asked again: the successor of a token must not be lost. */
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

const nothing: Versioned = { version: 0, content: { _tag: "Nothing" } }

/** The session of a key. The engine retries what failed because the store was unavailable. */
export const fromStore = (
  store: SessionStore["Service"],
  seal: Seal["Service"],
  key: string
): SessionRecord => {
  const purpose = `user session ${key}`

  const open = ({ value, version }: Stored): Effect.Effect<Versioned> =>
    seal.open(purpose, value).pipe(
      Effect.flatMap((text) => decode(Redacted.value(text))),
      Effect.match({
        onFailure: (): Versioned => ({ version, content: { _tag: "Unreadable" } }),
        onSuccess: (content) => ({ version, content })
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
        if (expected.version === undefined || content._tag === "Nothing" || content._tag === "Unreadable") {
          return yield* Effect.die(new Error("A session can be swapped only for one that was read"))
        }
        // Encoding a decoded value cannot fail.
        const text = yield* Effect.orDie(encode(content))
        const { version } = expected
        const sealed = yield* seal.seal(purpose, Redacted.make(text))
        const outcome = yield* orElse(() => store.swap(key, version, sealed), Effect.succeed(Cas.unknown(broken)))
        if (outcome._tag === "Applied") return Cas.appliedWith({ version: version + 1, content })
        if (outcome._tag !== "Conflict") return outcome
        return Cas.conflict(
          yield* Option.match(outcome.actual, { onNone: () => Effect.succeed(nothing), onSome: open })
        )
      }).pipe(unlessTerminal)
  }
}

const policy = Cas.Policy.make({ onUnknown: "reassert" })

/** Whether a transition was made, and what the record holds now. */
export interface Moved {
  readonly isMade: boolean
  readonly record: Versioned
}

/** Makes a transition unless it is refused. Repeated after a lost reply, it decides on what it finds. */
export const move = (
  record: SessionRecord,
  decide: (content: Content) => Cas.Decision<Content>,
  hint?: Versioned
): Effect.Effect<Moved, SessionStoreError> => {
  const intent = Cas.update<Versioned>(({ content }) => {
    const decision = decide(content)
    return decision._tag === "Swap" ? { _tag: "Swap", to: { content: decision.to } } : decision
  })
  return Cas.run(record, intent, { policy, hint }).pipe(
    Effect.map((report): Moved => ({ isMade: true, record: report.after })),
    Effect.catch((error) =>
      error._tag === "CasRefused"
        ? Effect.succeed<Moved>({ isMade: false, record: error.actual })
        : Effect.fail(storeError(error))
    )
  )
}

/** A copy without the report of the engine. */
const storeError = (error: { readonly _tag: string; readonly limit?: unknown; readonly cause?: unknown }) => {
  const found = error instanceof SessionStoreError ? error : error.cause
  const { detail, endpoint, reason } = found instanceof SessionStoreError ? found : {
    endpoint: "UserSessions",
    reason: "unavailable" as const,
    detail: `the outcome of a write is unknown (${error._tag} ${error.limit ?? ""})`
  }
  return new SessionStoreError({ endpoint, reason, detail })
}
