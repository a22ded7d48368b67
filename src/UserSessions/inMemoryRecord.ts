/** The record of a session in the memory of one process. The application keeps the refresh token. */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Cas from "../Cas.ts"
import { equals } from "../internal/sealedRecord.ts"
import { SessionStoreError } from "../LarkError.ts"
import type { Grant } from "../OAuth.ts"
import type { SessionRecord, Versioned } from "./record.ts"
import type { Options } from "./rotation.ts"

const notKept = new SessionStoreError({
  endpoint: "UserSessions.fromRefreshToken",
  reason: "unavailable",
  detail: "onRotate failed, so the new tokens are not used; it is called again"
})

/** Each grant of `refresh` is passed to `onRotate` before it is stored. */
export const make = <E>(
  refreshToken: Redacted.Redacted,
  refresh: Options["refresh"],
  onRotate: (grant: Grant) => Effect.Effect<void, E>
): Pick<Options, "record" | "refresh"> => {
  let granted: Grant | undefined
  let current: Versioned & { readonly version: number } = {
    version: 1,
    content: { _tag: "Live", login: "own", generation: 0, refresh: refreshToken, scopes: [], state: { _tag: "Idle" } }
  }
  const record: SessionRecord = {
    equals,
    read: Effect.sync(() => Cas.observed(current)),
    swap: (expected, { content }) =>
      Effect.suspend(() => {
        if (expected.version !== current.version) return Effect.succeed<Cas.Outcome<Versioned>>(Cas.conflict(current))
        const next = { version: current.version + 1, content }
        const kept = Effect.suspend(() => granted === undefined ? Effect.void : onRotate(granted))
        return Effect.matchCause(kept, {
          onFailure: () => Cas.unsent({ cause: notKept }),
          onSuccess: (): Cas.Outcome<Versioned> => {
            granted = undefined
            current = next
            return Cas.appliedWith(current)
          }
        })
      })
  }
  return {
    record,
    refresh: (token) =>
      Effect.tap(refresh(token), (grant) =>
        Effect.sync(() => {
          granted = grant
        }))
  }
}
