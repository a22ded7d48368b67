/**
 * The record of a session and its transitions: claim the refresh token, mark that it is sent, publish its successor.
 *
 * Times in the record are milliseconds on the wall clock, since other processes read them. A claim has none: it lapses when a
 * process has seen it unchanged for the claim time, on its own monotonic clock.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Cas from "../Cas.ts"
import { type Lifetime, lifetime } from "../internal/renewing.ts"
import type { Found } from "../internal/sealedRecord.ts"
import { ReauthorizationRequired, schemaOf, SessionStoreError } from "../LarkError.ts"
import type { Grant } from "../OAuth.ts"

const Token = Schema.RedactedFromValue(Schema.String)

const Access = Schema.Struct({ token: Token, obtainedAt: Schema.Finite, expiresAt: Schema.Finite })

const State = Schema.TaggedUnion({
  Idle: {},
  /** Claimed. `sent` is set just before the refresh token is sent. */
  Refreshing: { by: Schema.String, sent: Schema.Boolean },
  /** The platform refused the refresh token, which was removed from the record. The access token is used until it expires. */
  Ended: { error: schemaOf(ReauthorizationRequired) }
})

const Live = Schema.TaggedStruct("Live", {
  /** An id for each login of the user. */
  login: Schema.String,
  /** Counts the refreshes of a login. */
  generation: Schema.Int,
  access: Schema.optionalKey(Access),
  refresh: Schema.optionalKey(Token),
  scopes: Schema.Array(Schema.String),
  state: State
})

/** What is stored for a user: a session, or that it was removed. */
export const Session = Schema.Union([Live, Schema.TaggedStruct("Removed", {})])

export type Session = typeof Session.Type
export type Live = typeof Live.Type
export type Claim = Extract<Live["state"], { readonly _tag: "Refreshing" }>
export type Access = typeof Access.Type

/** What a read finds. */
export type Content = Found<Session>

/** On the monotonic clock of this process, by the age that the token has on the wall clock. */
export const lifetimeOf = (access: Access, now: number, monotonicNow: number): Lifetime => {
  // A token from the future is the error of a clock.
  const age = Math.max(now - access.obtainedAt, 0)
  return lifetime(monotonicNow - age, Math.max(access.expiresAt - access.obtainedAt, 0), 5 * 60_000)
}

/** The session that a grant starts or continues. Without a refresh token it leaves the old one in use (RFC 6749, section 6). */
export const fromGrant = (
  { accessToken, expiresAt, refreshToken, scopes }: Grant,
  now: number,
  { generation, login, refresh: old }: Pick<Live, "login" | "generation" | "refresh">
): Live & { readonly access: Access } => {
  const refresh = Option.getOrElse(refreshToken, () => old)
  const access = { token: accessToken, obtainedAt: now, expiresAt: DateTime.toEpochMillis(expiresAt) }
  const live = { _tag: "Live" as const, login, generation, access, scopes, state: { _tag: "Idle" as const } }
  return refresh === undefined ? live : { ...live, refresh }
}

/** What this process knows besides the record. Times are milliseconds on its monotonic clock. */
export interface Look {
  readonly now: () => number
  readonly lifetimeOf: (access: Access) => Lifetime
  readonly isRejected: (token: Redacted.Redacted) => boolean
  /** How long this process has seen this claim. */
  readonly claimAge: (claim: Claim) => number
  readonly claimTime: Duration.Duration
}

/**
 * What to do with a session: `Use` its access token, `Claim` its refresh token, `Wait` for the process that has claimed it, or
 * fail (`Over`). `access` is the access token if it can be used.
 */
export type Verdict =
  | { readonly _tag: "Use"; readonly access: Access }
  | { readonly _tag: "Claim"; readonly session: Live; readonly access: Access | undefined }
  | { readonly _tag: "Wait"; readonly access: Access | undefined }
  | { readonly _tag: "Over"; readonly error: ReauthorizationRequired | SessionStoreError }

const endpoint = "UserSessions"

const reauthorize = (reason: "noSession" | "noRefreshToken"): Verdict => ({
  _tag: "Over",
  error: new ReauthorizationRequired({ endpoint, reason })
})

const unreadable: Verdict = {
  _tag: "Over",
  error: new SessionStoreError({
    endpoint,
    reason: "unreadable",
    detail: "a session was sealed with another key, or was changed, or is of another version of this library"
  })
}

/**
 * A token of a login is replaced when it is rejected. One of a refresh is not while it is fresh: an endpoint that rejects every
 * token must not use up a refresh token with each call, in however many processes.
 */
const isUsable = (access: Access, generation: number, { isRejected, lifetimeOf, now }: Look) => {
  const time = now()
  const { freshUntil, usableUntil } = lifetimeOf(access)
  return time < usableUntil && (!isRejected(access.token) || (generation > 0 && time < freshUntil))
}

export const verdict = (content: Content, look: Look): Verdict => {
  if (content._tag === "Unreadable") return unreadable
  if (content._tag !== "Live") return reauthorize("noSession")
  const { generation, refresh, state } = content
  const access = content.access !== undefined && isUsable(content.access, generation, look)
    ? content.access
    : undefined
  const useUntil = (end: Verdict): Verdict => access === undefined ? end : { _tag: "Use", access }

  if (access !== undefined && look.now() < look.lifetimeOf(access).renewFrom) return { _tag: "Use", access }
  if (state._tag === "Ended") return useUntil({ _tag: "Over", error: state.error })
  if (refresh === undefined) return useUntil(reauthorize("noRefreshToken"))
  return state._tag === "Refreshing" && look.claimAge(state) < Duration.toMillis(look.claimTime)
    ? { _tag: "Wait", access }
    : { _tag: "Claim", session: content, access }
}

type Transition = (content: Content) => Cas.Decision<Content>

const swap = (to: Session): Cas.Decision<Content> => ({ _tag: "Swap", to })
const refuse = (reason: string): Cas.Decision<Content> => ({ _tag: "Refuse", reason })

/** Claims the refresh token, if it has to be used. */
export const claim = (by: string, look: Look): Transition => (content) => {
  const found = verdict(content, look)
  return found._tag === "Claim"
    ? swap({ ...found.session, state: { _tag: "Refreshing", by, sent: false } })
    : refuse(found._tag)
}

const ifClaimed = (by: string, change: (session: Live) => Session): Transition => (content) =>
  content._tag === "Live" && content.state._tag === "Refreshing" && content.state.by === by
    ? swap(change(content))
    : refuse("the claim has lapsed and was taken over")

/** Records that the refresh token is sent now, and restarts the time of the claim. */
export const mark = (by: string): Transition =>
  ifClaimed(by, (session) => ({ ...session, state: { _tag: "Refreshing", by, sent: true } }))

/** Releases the claim: the refresh token was certainly not used. */
export const release = (by: string): Transition => ifClaimed(by, (session) => ({ ...session, state: { _tag: "Idle" } }))

/** Removes the refresh token, which the platform refused. */
export const end = (by: string, error: ReauthorizationRequired): Transition =>
  ifClaimed(by, ({ refresh: _, ...session }) => ({ ...session, state: { _tag: "Ended", error } }))

/**
 * Stores the successor, if the record still holds the refresh token that it was granted for: even if the claim was taken over,
 * since no other process can get another successor.
 */
export const publish = (successor: Live): Transition => (content) =>
  content._tag === "Live" && content.login === successor.login && content.generation === successor.generation - 1
    ? swap(successor)
    : refuse("the session has moved on")

/** Starts a session in place of any other. It stays as it is if it was stored already, and may have been refreshed since. */
export const begin = (session: Live): Transition => (content) =>
  content._tag === "Live" && content.login === session.login ? { _tag: "Keep" } : swap(session)

const loginOf = (content: Content): string => content._tag === "Live" ? content.login : content._tag

/** Removes the session that was seen, even if it was refreshed since, but not one that started after it. */
export const remove = (seen: Content): Transition => (content) =>
  content._tag === "Nothing" || loginOf(content) !== loginOf(seen)
    ? { _tag: "Keep" }
    : swap({ _tag: "Removed" })
