/** The token of one user, refreshed by one fiber at a time and, by a claim on the record, by one process at a time. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Fiber from "effect/Fiber"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as claims from "../internal/claims.ts"
import { monotonicMillis } from "../internal/monotonicClock.ts"
import * as renewing from "../internal/renewing.ts"
import { type GenericError, SessionStoreError, TransportError } from "../LarkError.ts"
import type { Grant } from "../OAuth.ts"
import { move, type Moved, type SessionRecord, type Versioned } from "./record.ts"
import * as Session from "./Session.ts"

export interface Options {
  readonly record: SessionRecord
  /** One request. */
  readonly refresh: (refreshToken: Redacted.Redacted) => Effect.Effect<Grant, GenericError>
  readonly claimTime: Duration.Duration
  /** A different id each time it runs, in all processes. */
  readonly newId: Effect.Effect<string>
  /** The context in which refreshes run. */
  readonly context: Context.Context<Scope.Scope>
}

const publishing = Schedule.spaced("5 seconds")

export const make = ({ claimTime, context, newId, record, refresh }: Options) => {
  const clock = Context.get(context, Clock.Clock)
  // Shares of the claim: the mark may take a sixth, the request two thirds. The rest is for publishing.
  const markTime = Duration.toMillis(claimTime) / 6
  const requestTime = Duration.times(claimTime, 2 / 3)

  /** The version of the record that the current token is from. */
  let version = 0
  /** The lifetime of the token that was current last: setting the wall clock does not change it. */
  let known: { readonly token: Redacted.Redacted; readonly lifetime: renewing.Lifetime } | undefined

  const request = (refreshToken: Redacted.Redacted) =>
    Effect.timeoutOrElse(refresh(refreshToken), {
      duration: requestTime,
      orElse: () => {
        const reason = `no answer within ${Duration.toMillis(requestTime)} ms`
        return Effect.fail(new TransportError({ endpoint: "UserSessions", executed: "unknown", reason }))
      }
    })

  const claimAge = claims.makeAge<Session.Claim>(clock)

  type Successor = ReturnType<typeof Session.fromGrant>
  type Outcome =
    | { readonly _tag: "Again" }
    | { readonly _tag: "Token"; readonly token: Redacted.Redacted }
    | { readonly _tag: "Unpublished"; readonly successor: Successor; readonly error: SessionStoreError }

  const published = ({ isMade, record }: Moved, { access }: Successor): Outcome =>
    isMade ? { _tag: "Token", token: adopt(record, access) } : { _tag: "Again" }

  /** From the mark to the published successor. */
  const rotate = Effect.fnUntraced(function*(
    by: string,
    claimed: Versioned
  ): Effect.fn.Return<Outcome, GenericError> {
    const startedAt = monotonicMillis(clock)
    const marked = yield* move(record, Session.mark(by), claimed)
    const session = marked.record.content
    if (!marked.isMade || session._tag !== "Live" || session.refresh === undefined) return { _tag: "Again" }
    if (session.state._tag === "Refreshing") claimAge(session.state)
    const release = Effect.ignore(move(record, Session.release(by), marked.record))

    const took = Math.round(monotonicMillis(clock) - startedAt)
    if (took > markTime) {
      yield* release
      const detail = `one write took ${took} ms, too long to hold a claim`
      return yield* new SessionStoreError({ endpoint: "UserSessions", reason: "unavailable", detail })
    }
    const sentAt = clock.currentTimeMillisUnsafe()
    const monotonicSentAt = monotonicMillis(clock)
    const answer = yield* Effect.result(request(session.refresh))
    if (Result.isSuccess(answer)) {
      const successor = Session.fromGrant(answer.success, sentAt, { ...session, generation: session.generation + 1 })
      const { access } = successor
      known = { token: access.token, lifetime: Session.lifetimeOf(access, sentAt, monotonicSentAt) }
      return yield* Effect.match(move(record, Session.publish(successor), marked.record), {
        onFailure: (error): Outcome => ({ _tag: "Unpublished", successor, error }),
        onSuccess: (moved) => published(moved, successor)
      })
    }
    const error = answer.failure
    if (error._tag === "ReauthorizationRequired") {
      const ended = yield* move(record, Session.end(by, error), marked.record)
      // If not: another process has published a successor, or the user has logged in again.
      return ended.isMade ? yield* Effect.fail(error) : { _tag: "Again" }
    }
    // After an unknown outcome the claim stays until it lapses: the request may still arrive.
    if (error.retry !== "unknown") yield* release
    return yield* Effect.fail(error)
  })

  const token = renewing.make<Redacted.Redacted, GenericError>({
    context,
    // The store has its own retries, and the end of a session is read from the store.
    delays: (error) => error._tag !== "SessionStoreError" && error._tag !== "ReauthorizationRequired",
    fetch: ({ failWaiting, isRejected }) =>
      Effect.gen(function*() {
        const now = () => monotonicMillis(clock)
        const judgement: Session.Look = { now, lifetimeOf, isRejected, claimAge, claimTime }
        /** Reads the record, and claims the refresh token if it has to be used. */
        const look = Effect.gen(function*() {
          const by = yield* newId
          const { isMade, record: found } = yield* move(record, Session.claim(by, judgement))
          const verdict = Session.verdict(found.content, judgement)
          if ("access" in verdict && verdict.access !== undefined) adopt(found, verdict.access)
          return { by, isMade, found, verdict }
        })

        while (true) {
          const { by, found, isMade, verdict } = yield* Effect.repeat(look, {
            until: ({ isMade, verdict }) => isMade || verdict._tag !== "Wait",
            schedule: claims.polling
          })
          if (isMade) {
            // To its end, even if the scope closes. In a fiber of its own, so that its timeouts work.
            const rotating = Effect.forkChild(Effect.interruptible(rotate(by, found)))
            const outcome = yield* Effect.uninterruptible(Effect.flatMap(rotating, Fiber.join))
            if (outcome._tag === "Token") return outcome.token
            if (outcome._tag === "Unpublished") {
              const { error, successor } = outcome
              // The token is not used before it is published, and callers do not wait for that.
              failWaiting(error)
              const moved = yield* Effect.retry(move(record, Session.publish(successor)), publishing)
              const late = published(moved, successor)
              return late._tag === "Token" ? late.token : yield* Effect.fail(error)
            }
          } else if (verdict._tag === "Use") {
            return verdict.access.token
          } else if (verdict._tag === "Over") {
            return yield* Effect.fail(verdict.error)
          }
        }
      })
  })

  const lifetimeOf = (access: Session.Access): renewing.Lifetime =>
    known !== undefined && Equal.equals(known.token, access.token)
      ? known.lifetime
      : Session.lifetimeOf(access, clock.currentTimeMillisUnsafe(), monotonicMillis(clock))

  /** Makes a token of the record the current one, unless a later version is known. */
  const adopt = (found: Versioned, access: Session.Access): Redacted.Redacted => {
    if ((found.version ?? 0) < version) return access.token
    version = found.version ?? version
    known = { token: access.token, lifetime: lifetimeOf(access) }
    return token.hold(access.token, known.lifetime)
  }

  return {
    get: token.get,
    reject: token.reject,
    save: (grant: Grant) =>
      Effect.gen(function*() {
        const login = yield* newId
        const session = Session.fromGrant(grant, clock.currentTimeMillisUnsafe(), { login, generation: 0 })
        const { record: saved } = yield* move(record, Session.begin(session))
        adopt(saved, session.access)
      }),
    remove: Effect.suspend(() => {
      let seen: Session.Content | undefined
      // Repeated after a lost reply, it may find the session of a login that came after it.
      return move(record, (content) => Session.remove(seen ??= content)(content))
    }).pipe(
      Effect.map(({ record: removed }) => {
        version = Math.max(version, removed.version ?? 0)
        token.drop()
      })
    )
  }
}
