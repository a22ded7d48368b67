/** The session of a user as a register of the compare-and-swap engine, and its transitions. */
import * as Effect from "effect/Effect"
import * as Cas from "../Cas.ts"
import * as sealedRecord from "../internal/sealedRecord.ts"
import { SessionStoreError } from "../LarkError.ts"
import type { Seal } from "../Seal.ts"
import type { SessionStore } from "../SessionStore.ts"
import { type Content, Session } from "./Session.ts"

export type Versioned = sealedRecord.Versioned<Session>

export type SessionRecord = sealedRecord.SealedRecord<Session>

/** The session of a key. The engine retries what failed because the store was unavailable. */
export const fromStore = (store: SessionStore["Service"], seal: Seal["Service"], key: string): SessionRecord =>
  sealedRecord.make({ store, seal, key, purpose: `user session ${key}`, schema: Session })

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
