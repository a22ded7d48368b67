/**
 * The record of a session in the memory of one process. The application keeps the refresh token.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Cas from "../../Cas.ts"
import { SessionStoreError } from "../../LarkError.ts"
import type { Grant } from "../../OAuth.ts"
import { equals, type SessionRecord, type Versioned } from "./record.ts"
import type { Content } from "./Session.ts"

const dateTime = (millis: number | undefined) =>
  Option.map(Option.fromUndefinedOr(millis), (time) => DateTime.makeUnsafe(time))

/** The grant in `content`, if it is not in `before`. */
const grantIn = (content: Content, before: Content): Option.Option<Grant> => {
  if (typeof content === "string" || content._tag === "Removed") return Option.none()
  if (typeof before === "string" || before._tag === "Removed") return Option.none()
  if (content.access === undefined || content.generation === before.generation) return Option.none()
  return Option.some({
    accessToken: content.access.token,
    expiresAt: DateTime.makeUnsafe(content.access.expiresAt),
    refreshToken: Option.map(Option.fromUndefinedOr(content.refresh), ({ token }) => token),
    refreshExpiresAt: dateTime(content.refresh?.expiresAt),
    scopes: content.scopes
  })
}

const notKept = new SessionStoreError({
  endpoint: "UserToken.fromRefreshToken",
  reason: "unavailable",
  detail: "onRotate failed, so the new tokens are not used; it is called again"
})

/** A new pair of tokens is passed to `onRotate` before it is used. */
export const make = <E>(
  refreshToken: Redacted.Redacted,
  onRotate: (grant: Grant) => Effect.Effect<void, E>
): SessionRecord => {
  let current: Versioned & { readonly version: number } = {
    version: 1,
    content: {
      _tag: "Live",
      login: "own",
      generation: 0,
      refresh: { token: refreshToken },
      scopes: [],
      state: { _tag: "Idle" }
    }
  }
  return {
    equals,
    read: Effect.sync(() => Cas.observed(current)),
    swap: (expected, { content }) =>
      Effect.suspend(() => {
        if (expected.version !== current.version) return Effect.succeed<Cas.Outcome<Versioned>>(Cas.conflict(current))
        const next = { version: current.version + 1, content }
        const handOver = Option.match(grantIn(content, current.content), {
          onNone: () => Effect.void,
          onSome: onRotate
        })
        return Effect.matchCause(handOver, {
          onFailure: () => Cas.unsent({ cause: notKept }),
          onSuccess: (): Cas.Outcome<Versioned> => {
            current = next
            return Cas.appliedWith(current)
          }
        })
      })
  }
}
