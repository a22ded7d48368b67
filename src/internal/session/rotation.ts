/**
 * The token of one user, which renews itself: one refresh at a time in this process and, by claims on the record, among
 * all processes that share it.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type GenericError, SessionStoreError, TransportError } from "../../LarkError.ts"
import type { Grant } from "../../OAuth.ts"
import * as singleFlight from "../singleFlight.ts"
import { move, type Moved, type Record, type Versioned } from "./record.ts"
import * as Session from "./Session.ts"

export interface Options {
  readonly record: Record
  /** One request. */
  readonly refresh: (refreshToken: Redacted.Redacted) => Effect.Effect<Grant, GenericError>
  readonly claimTime: Duration.Duration
  /** Another one each time, in all processes. */
  readonly newId: Effect.Effect<string>
  /** In which refreshes run. */
  readonly context: Context.Context<Scope.Scope>
}

export interface Rotation {
  readonly get: Effect.Effect<Redacted.Redacted, GenericError>
  readonly reject: (token: Redacted.Redacted) => Effect.Effect<boolean>
  readonly save: (grant: Grant) => Effect.Effect<void, SessionStoreError>
  readonly remove: Effect.Effect<void, SessionStoreError>
}

interface Current {
  readonly token: Redacted.Redacted
  readonly usableUntil: number
  readonly renewFrom: number
}

/** After a failed renewal, while the current token still serves. */
const pause = 30_000

const polling = Schedule.jittered(Schedule.min([Schedule.exponential("50 millis", 1.5), Schedule.spaced("1 second")]))

const publishing = Schedule.spaced("5 seconds")

/** Runs to its end even if this fiber is interrupted; what it waits for can still time out. */
const drained = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptible(Effect.flatMap(Effect.forkChild(Effect.interruptible(self)), Fiber.join))

export const make = (options: Options): Rotation => {
  const { claimTime, context, newId, record } = options
  const clock = Context.get(context, Clock.Clock)
  // Of the time of a claim, what the mark may take, and then the request; the rest is for publishing.
  const markTime = Duration.toMillis(claimTime) / 6
  const requestTime = Duration.times(claimTime, 2 / 3)

  let current: Current | undefined
  let rejected: Redacted.Redacted | undefined
  /** The version of the record that `current` comes from. */
  let version = 0
  let pausedUntil = 0

  const adopt = (found: Versioned, access: NonNullable<Session.Live["access"]>): Redacted.Redacted => {
    if ((found.version ?? 0) >= version && !Equal.equals(access.token, rejected)) {
      version = found.version ?? version
      current = {
        token: access.token,
        usableUntil: Session.usableUntil(access),
        renewFrom: Session.renewFrom(access)
      }
    }
    return access.token
  }

  const looking = Effect.map(Clock.currentTimeMillis, (now): Session.Look => ({ now, rejected, claimTime }))

  const request = (refreshToken: Redacted.Redacted) =>
    Effect.timeoutOrElse(options.refresh(refreshToken), {
      duration: requestTime,
      orElse: () =>
        Effect.fail(
          new TransportError({
            endpoint: "UserSessions",
            executed: "unknown",
            reason: `no answer within ${Duration.toMillis(requestTime)} ms`
          })
        )
    })

  type Outcome =
    | { readonly _tag: "Again" }
    | { readonly _tag: "Token"; readonly token: Redacted.Redacted }
    | { readonly _tag: "Unpublished"; readonly successor: Session.Live; readonly error: SessionStoreError }

  const published = ({ isMade, record }: Moved, successor: Session.Live): Outcome =>
    isMade && successor.access !== undefined
      ? { _tag: "Token", token: adopt(record, successor.access) }
      : { _tag: "Again" }

  /** From the claim to what came of it. */
  const rotate = Effect.fnUntraced(function*(
    by: string,
    claimed: Versioned
  ): Effect.fn.Return<Outcome, GenericError> {
    const startedAt = yield* Clock.currentTimeMillis
    const marked = yield* move(record, Session.mark(by, startedAt), claimed)
    const session = marked.record.content
    if (!marked.isMade || typeof session === "string" || session._tag !== "Live") return { _tag: "Again" }
    if (session.refresh === undefined) return { _tag: "Again" }
    const release = Effect.ignore(move(record, Session.release(by), marked.record))

    const sentAt = yield* Clock.currentTimeMillis
    if (sentAt - startedAt > markTime) {
      yield* release
      const detail = `it took ${sentAt - startedAt} ms for one write, too long to hold a claim`
      return yield* new SessionStoreError({ endpoint: "UserSessions", reason: "unavailable", detail })
    }
    const answer = yield* Effect.result(request(session.refresh.token))
    if (Result.isSuccess(answer)) {
      const { generation, login } = session
      const successor = Session.fromGrant(answer.success, sentAt, { login, generation: generation + 1 })
      return yield* Effect.match(move(record, Session.publish(successor), marked.record), {
        onFailure: (error): Outcome => ({ _tag: "Unpublished", successor, error }),
        onSuccess: (moved) => published(moved, successor)
      })
    }
    const error = answer.failure
    if (error._tag === "ReauthorizationRequired") {
      const ended = yield* move(record, Session.end(by, error), marked.record)
      // Not ended: another has published a successor, or the user has logged in anew.
      return ended.isMade ? yield* Effect.fail(error) : { _tag: "Again" }
    }
    // A claim of unknown outcome stays until it lapses: the request may still be on its way.
    if (error.retry !== "unknown") yield* release
    return yield* Effect.fail(error)
  })

  const fly = ({ serve, settle }: singleFlight.Flight<Redacted.Redacted, GenericError>) =>
    Effect.gen(function*() {
      /** Looks at the record, and claims it if that is what there is to do. */
      const look = Effect.gen(function*() {
        const by = yield* newId
        const looked = yield* looking
        const { isMade, record: found } = yield* move(record, Session.claim(by, looked))
        const verdict = Session.verdict(found.content, isMade ? looked : yield* looking)
        if ("access" in verdict && verdict.access !== undefined) serve(adopt(found, verdict.access))
        return { by, isMade, found, verdict }
      })

      while (true) {
        const { by, found, isMade, verdict } = yield* Effect.repeat(look, {
          until: ({ isMade, verdict }) => isMade || verdict._tag !== "Wait",
          schedule: polling
        })
        if (isMade) {
          const outcome = yield* drained(rotate(by, found))
          if (outcome._tag === "Token") return outcome.token
          if (outcome._tag === "Unpublished") {
            const { error, successor } = outcome
            // Until it is published nobody may use it: those who wait, and those who come meanwhile, are told at once.
            settle(Exit.fail(error))
            const late = published(yield* Effect.retry(move(record, Session.publish(successor)), publishing), successor)
            return late._tag === "Token" ? late.token : yield* Effect.fail(error)
          }
        } else if (verdict._tag === "Use") {
          // Used to its end, because there is nothing to renew it with: to look again at each call would not help.
          if (clock.currentTimeMillisUnsafe() >= Session.renewFrom(verdict.access)) pauseRenewal()
          return verdict.access.token
        } else if (verdict._tag === "Over") {
          return yield* Effect.fail(verdict.error)
        }
      }
    }).pipe(Effect.tapCause(() => Effect.sync(pauseRenewal)))

  const flight = singleFlight.make(context, fly)

  const pauseRenewal = () => {
    pausedUntil = clock.currentTimeMillisUnsafe() + pause
  }

  const get: Rotation["get"] = Effect.suspend(() => {
    const now = clock.currentTimeMillisUnsafe()
    if (current === undefined || now >= current.usableUntil) {
      return Effect.flatMap(Effect.flatMap(flight, Deferred.await), unlessRejected)
    }
    const { renewFrom, token } = current
    return now >= renewFrom && now >= pausedUntil ? Effect.as(flight, token) : Effect.succeed(token)
  })

  /** A token may be rejected between its being found and its being handed on. */
  const unlessRejected = (token: Redacted.Redacted) => Equal.equals(token, rejected) ? get : Effect.succeed(token)

  return {
    get,
    reject: (token) =>
      Effect.sync(() => {
        if (current === undefined || Equal.equals(current.token, token)) {
          rejected = token
          current = undefined
        }
        return true
      }),
    save: (grant) =>
      Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        const session = Session.fromGrant(grant, now, { login: yield* newId, generation: 0 })
        const { record: saved } = yield* move(record, Session.begin(session))
        pausedUntil = 0
        if (session.access !== undefined) adopt(saved, session.access)
      }),
    remove: Effect.suspend(() => {
      let seen: Session.Content | undefined
      // Repeated after a lost reply, it may find the session of a login that came after it.
      return move(record, (content) => Session.remove(seen ??= content)(content))
    }).pipe(
      Effect.map(({ record: removed }) => {
        version = Math.max(version, removed.version ?? 0)
        current = undefined
      })
    )
  }
}
