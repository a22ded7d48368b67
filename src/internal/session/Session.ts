/**
 * The record of a session, and the moves it makes: pure, with the time as an argument.
 *
 * **Details**
 *
 * A refresh token works once, so whoever wants to use it claims it, marks that it is about to be sent, sends it, and
 * publishes what came of it; each but the sending is one swap of the record. A claim lapses after a while, for its owner
 * may be dead. If that owner had marked, the token may be used up; but then its successor has died with the owner, and
 * nothing is lost by trying: a lapsed claim is taken over either way.
 *
 * `login` and `generation` name one refresh token. Whoever holds its successor may publish it as long as the record is
 * about that token, whatever has become of the claim: nobody else can get a successor of it any more.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Cas from "../../Cas.ts"
import { ReauthorizationRequired, SessionStoreError } from "../../LarkError.ts"
import type { Grant } from "../../OAuth.ts"

const Token = Schema.RedactedFromValue(Schema.String)
const Millis = Schema.Finite

const Access = Schema.Struct({ token: Token, obtainedAt: Millis, expiresAt: Millis })

const Refresh = Schema.Struct({ token: Token, expiresAt: Schema.optionalKey(Millis) })

const State = Schema.TaggedUnion({
  Idle: {},
  /** Claimed. `sent` is marked just before the refresh token goes out. */
  Refreshing: { by: Schema.String, at: Millis, sent: Schema.Boolean },
  /** The platform refused the refresh token, which is gone from the record. The access token may serve to its end. */
  Ended: {
    endpoint: Schema.String,
    code: Schema.optionalKey(Schema.Int),
    msg: Schema.optionalKey(Schema.String),
    status: Schema.optionalKey(Schema.Int),
    logId: Schema.optionalKey(Schema.String)
  }
})

const Live = Schema.TaggedStruct("Live", {
  /** One for each time the user has logged in. */
  login: Schema.String,
  /** One for each refresh token of a login. */
  generation: Schema.Int,
  access: Schema.optionalKey(Access),
  refresh: Schema.optionalKey(Refresh),
  scopes: Schema.Array(Schema.String),
  state: State
})

/** What is stored of a user: a session, or that it was removed. */
export const Session = Schema.Union([Live, Schema.TaggedStruct("Removed", {})])

export type Session = typeof Session.Type
export type Live = typeof Live.Type
type Access = typeof Access.Type
type Refresh = typeof Refresh.Type

/** What is found under a key: nothing, a session, or what the key at hand does not open. */
export type Content = Session | "nothing" | "unreadable"

const minute = 60_000

const lifetimeOf = (access: Access) => Math.max(access.expiresAt - access.obtainedAt, 0)

/** Not used in the last minute of its life, or the last tenth, so that it does not expire on its way. */
export const usableUntil = (access: Access): number => access.expiresAt - Math.min(minute, lifetimeOf(access) / 10)

/** Renewed in the last five minutes of its life; of a short life, it is the last quarter. */
export const renewFrom = (access: Access): number => access.expiresAt - Math.min(5 * minute, lifetimeOf(access) / 4)

/** The session that a grant begins, or goes on with. */
export const fromGrant = (grant: Grant, now: number, of: { login: string; generation: number }): Live => {
  const refreshExpiresAt = Option.getOrUndefined(Option.map(grant.refreshExpiresAt, DateTime.toEpochMillis))
  const refresh = Option.getOrUndefined(
    Option.map(
      grant.refreshToken,
      (token): Refresh => refreshExpiresAt === undefined ? { token } : { token, expiresAt: refreshExpiresAt }
    )
  )
  const access = { token: grant.accessToken, obtainedAt: now, expiresAt: DateTime.toEpochMillis(grant.expiresAt) }
  const { generation, login } = of
  const live: Live = { _tag: "Live", login, generation, access, scopes: grant.scopes, state: { _tag: "Idle" } }
  return refresh === undefined ? live : { ...live, refresh }
}

/** How a session is looked at. */
export interface Look {
  readonly now: number
  /** The access token that the platform has rejected. */
  readonly rejected: Redacted.Redacted | undefined
  readonly claimTime: Duration.Duration
}

/**
 * What there is to do about a session: `Use` its access token, `Claim` its refresh token, `Wait` for whoever has claimed
 * it, or send the user to log in (`Over`). While the access token serves, `access` is it.
 */
export type Verdict =
  | { readonly _tag: "Use"; readonly access: Access }
  | { readonly _tag: "Claim"; readonly session: Live; readonly refresh: Refresh; readonly access: Access | undefined }
  | { readonly _tag: "Wait"; readonly access: Access | undefined }
  | { readonly _tag: "Over"; readonly error: ReauthorizationRequired | SessionStoreError }

const endpoint = "UserSessions"

const reauthorize = (reason: "noSession" | "expired" | "noRefreshToken"): Verdict => ({
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

const isServing = (access: Access, { now, rejected }: Look) =>
  now < usableUntil(access) && !Equal.equals(access.token, rejected)

/** A claim from a distant future is the mistake of a clock, and must not last until then. */
const isLapsed = (claimedAt: number, { claimTime, now }: Look) =>
  Math.abs(now - claimedAt) >= Duration.toMillis(claimTime)

export const verdict = (content: Content, look: Look): Verdict => {
  if (content === "unreadable") return unreadable
  if (content === "nothing" || content._tag === "Removed") return reauthorize("noSession")
  const { refresh, state } = content
  const access = content.access !== undefined && isServing(content.access, look) ? content.access : undefined
  const useUntil = (end: Verdict): Verdict => access === undefined ? end : { _tag: "Use", access }

  if (access !== undefined && look.now < renewFrom(access)) return { _tag: "Use", access }
  if (state._tag === "Ended") {
    const { _tag, ...failure } = state
    return useUntil({ _tag: "Over", error: new ReauthorizationRequired({ ...failure, reason: "refused" }) })
  }
  if (refresh === undefined) return useUntil(reauthorize("noRefreshToken"))
  if (look.now >= (refresh.expiresAt ?? Number.POSITIVE_INFINITY)) return useUntil(reauthorize("expired"))
  return state._tag === "Refreshing" && !isLapsed(state.at, look)
    ? { _tag: "Wait", access }
    : { _tag: "Claim", session: content, refresh, access }
}

type Move = (content: Content) => Cas.Decision<Content>

const swap = (to: Session): Cas.Decision<Content> => ({ _tag: "Swap", to })
const refuse = (reason: string): Cas.Decision<Content> => ({ _tag: "Refuse", reason })

/** Claims the refresh token, if that is what there is to do. */
export const claim = (by: string, look: Look): Move => (content) => {
  const found = verdict(content, look)
  return found._tag === "Claim"
    ? swap({ ...found.session, state: { _tag: "Refreshing", by, at: look.now, sent: false } })
    : refuse(found._tag)
}

const ifClaimed = (by: string, move: (session: Live) => Session): Move => (content) =>
  typeof content === "object" && content._tag === "Live" && content.state._tag === "Refreshing"
    && content.state.by === by
    ? swap(move(content))
    : refuse("the claim has lapsed and was taken over")

/** Says that the refresh token goes out now, and claims it anew for the time that takes. */
export const mark = (by: string, now: number): Move =>
  ifClaimed(by, (session) => ({ ...session, state: { _tag: "Refreshing", by, at: now, sent: true } }))

/** Gives the claim back: the refresh token was certainly not used. */
export const release = (by: string): Move => ifClaimed(by, (session) => ({ ...session, state: { _tag: "Idle" } }))

/** Puts the refresh token out of use. */
export const end = (by: string, error: ReauthorizationRequired): Move =>
  ifClaimed(by, ({ refresh: _, ...session }) => {
    const { code, logId, msg, status } = error
    return {
      ...session,
      state: {
        _tag: "Ended",
        endpoint: error.endpoint,
        ...(code === undefined ? {} : { code }),
        ...(msg === undefined ? {} : { msg }),
        ...(status === undefined ? {} : { status }),
        ...(logId === undefined ? {} : { logId })
      }
    }
  })

/** Puts the successor in the place of the refresh token it was granted for. */
export const publish = (successor: Live): Move => (content) =>
  typeof content === "object" && content._tag === "Live" && content.login === successor.login
    && content.generation === successor.generation - 1
    ? swap(successor)
    : refuse("the session has moved on")

/** Begins a session, over whatever is there but itself: it may have begun without a reply, and have been refreshed since. */
export const begin = (session: Live): Move => (content) =>
  typeof content === "object" && content._tag === "Live" && content.login === session.login
    ? { _tag: "Keep" }
    : swap(session)

const loginOf = (content: Content): string =>
  typeof content === "string" ? content : content._tag === "Live" ? content.login : content._tag

/** Ends the session that was seen for good, however often it was refreshed since; not one that began after that. */
export const remove = (seen: Content): Move => (content) =>
  content === "nothing" || loginOf(content) !== loginOf(seen)
    ? { _tag: "Keep" }
    : swap({ _tag: "Removed" })
