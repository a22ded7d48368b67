/**
 * A session as a register of the engine: sealed in a store that can compare.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Cas from "../../Cas.ts"
import { SessionStoreError } from "../../LarkError.ts"
import type { Seal } from "../../Seal.ts"
import type { SessionStore, Stored } from "../../SessionStore.ts"
import { type Content, Session } from "./Session.ts"

/** What is stored has a version; what is only wanted has none yet. */
export interface Versioned {
  readonly version?: number | undefined
  readonly content: Content
}

export type Record = Cas.Register<Versioned, SessionStoreError>

export const equals = (a: Versioned, b: Versioned): boolean =>
  a.version !== undefined && b.version !== undefined ? a.version === b.version : Equal.equals(a.content, b.content)

const Json = Schema.fromJsonString(Session)
const encode = Schema.encodeEffect(Json)
const decode = Schema.decodeEffect(Json)

const nothing: Versioned = { version: 0, content: "nothing" }

/** The session of the key. An error of the store that leaves nothing behind is for the engine to try again. */
export const fromStore = (
  store: SessionStore["Service"],
  seal: Seal["Service"],
  key: string
): Record => {
  const purpose = `user session ${key}`

  const open = ({ value, version }: Stored): Effect.Effect<Versioned> =>
    seal.open(purpose, value).pipe(
      Effect.flatMap((text) => decode(Redacted.value(text))),
      Effect.match({
        onFailure: (): Versioned => ({ version, content: "unreadable" }),
        onSuccess: (content) => ({ version, content })
      })
    )

  const unlessTerminal = <A>(self: Effect.Effect<A, SessionStoreError>) =>
    Effect.catch(
      self,
      (cause) => cause.reason === "unavailable" ? Effect.succeed(Cas.unsent({ cause })) : Effect.fail(cause)
    )

  return {
    equals,
    read: store.get(key).pipe(
      Effect.flatMap(Option.match({ onNone: () => Effect.succeed(nothing), onSome: open })),
      Effect.map(Cas.observed),
      unlessTerminal
    ),
    swap: (expected, { content }) =>
      Effect.gen(function*() {
        if (expected.version === undefined || typeof content === "string") {
          return yield* Effect.die(new Error("a swap of a session that was not stored"))
        }
        // A schema that encodes itself: it has no reason to fail.
        const text = yield* Effect.orDie(encode(content))
        const outcome = yield* store.swap(key, expected.version, yield* seal.seal(purpose, Redacted.make(text)))
        if (outcome._tag === "Applied") return Cas.appliedWith({ version: expected.version + 1, content })
        if (outcome._tag !== "Conflict") return outcome
        return Cas.conflict(
          yield* Option.match(outcome.actual, { onNone: () => Effect.succeed(nothing), onSome: open })
        )
      }).pipe(unlessTerminal)
  }
}

const policy = Cas.Policy.make({ onUnknown: "reassert" })

/** A move that was made, or refused, and what the record holds now. */
export interface Moved {
  readonly isMade: boolean
  readonly record: Versioned
}

/** Makes a move, or finds that it is not to be made. Safe to repeat whatever was lost: moves decide on what they find. */
export const move = (
  record: Record,
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

/** The engine adds its report to an error of the store: a copy leaves it off. */
const storeError = (
  error: { readonly _tag: string; readonly limit?: unknown; readonly cause?: unknown }
): SessionStoreError => {
  const { detail, endpoint, reason } = error instanceof SessionStoreError
    ? error
    : error.cause instanceof SessionStoreError
    ? error.cause
    : {
      endpoint: "UserSessions",
      reason: "unavailable" as const,
      detail: `no answer that settles it (${error._tag} ${error.limit ?? ""})`
    }
  return new SessionStoreError({ endpoint, reason, detail })
}
