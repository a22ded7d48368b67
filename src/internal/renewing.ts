/**
 * The core of every token: a value that is fetched when it is first needed and renewed before it expires, with one fetch
 * at a time. A fetch serves all callers: it runs in the context of the layer, as the root of its own trace, continues when
 * a caller is interrupted, and ends with the scope of the layer. Times are in milliseconds on the monotonic clock.
 * Effect's `Cache` and `RcMap` use the wall clock, and make callers wait while they renew.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { GenericError } from "../LarkError.ts"
import { monotonicMillis } from "./monotonicClock.ts"

const second = 1_000

export interface Lifetime {
  /** From here on calls wait for another token. */
  readonly usableUntil: number
  /** From here on a call starts a renewal in the background. */
  readonly renewFrom: number
  /** Until then a rejection does not replace a token that has itself replaced another. */
  readonly freshUntil: number
}

/**
 * Renewed `renewal` before it expires, or in the last quarter of a short life. Unused in its last minute (the last tenth
 * of a short life), so that it does not expire while a request is on its way.
 */
export const lifetime = (issuedAt: number, duration: number, renewal: number): Lifetime => ({
  usableUntil: issuedAt + duration - Math.min(60 * second, duration / 10),
  renewFrom: issuedAt + duration - Math.min(renewal, duration / 4),
  freshUntil: issuedAt + 30 * second
})

export interface Renewing<A, E> {
  readonly get: Effect.Effect<A, E>
  /**
   * Drops the value if it is the current one. Returns false if it stays in use: it replaced a rejected one, and is fresh. A fresh
   * token that is rejected, the same one or another, is no reason to fetch again.
   */
  readonly reject: (value: A) => Effect.Effect<boolean>
  readonly isRejected: (value: A) => boolean
  /** Makes a value the current one, and answers the callers that wait for the fetch in flight. Returns the value. */
  readonly hold: (value: A, lifetime: Lifetime) => A
  readonly drop: () => void
  /** Fails the callers that wait for the fetch in flight, and those that come before it ends. */
  readonly failWaiting: (error: E) => void
}

export interface Options<A, E> {
  /** The context in which fetches run. */
  readonly context: Context.Context<Scope.Scope>
  /** Fetches a value and holds it. Callers that still wait get the result. */
  readonly fetch: (self: Renewing<A, E>) => Effect.Effect<A, E>
  /** Whether a failure delays the next fetch; unless given, every failure does. */
  readonly delays?: ((error: E) => boolean) | undefined
}

interface Failure<E> {
  /** The number of failures in a row. */
  readonly times: number
  readonly nextFetchFrom: number
  /** Until then `get` fails with it; without it `get` waits. */
  readonly answer: E | undefined
}

const pause = 30 * second
const refusalDelay = 5 * second

/** Without an error, the fetch ended with a defect. */
const failureOf = <E extends GenericError>(error: E | undefined, times: number, now: number): Failure<E> => {
  const requested = error !== undefined && "retryAfter" in error ? error.retryAfter : undefined
  const isRefusal = error?.retry === "never" || (error?._tag === "UnknownApiError" && error.kind === "caller")
  const isAnswer = requested !== undefined || isRefusal
  const delay = requested !== undefined
    // A minute is the longest window of the platform's limits.
    ? Math.min(Duration.toMillis(requested), 60 * second)
    : isAnswer
    ? refusalDelay
    : Math.min(second * 2 ** (times - 1), 4 * second)
  return { times, nextFetchFrom: now + delay, answer: isAnswer ? error : undefined }
}

export const make = <A, E extends GenericError>(
  { context, delays, fetch }: Options<A, E>
): Renewing<A, E> => {
  const clock = Context.get(context, Clock.Clock)
  const scope = Context.get(context, Scope.Scope)
  let current: Lifetime & { readonly value: A } | undefined
  let rejected: A | undefined
  /** Whether the next value replaces a rejected one. */
  let isReplacing = false
  /** Until then the current value is not dropped. */
  let keptUntil = 0
  let failure: Failure<E> | undefined
  let pausedUntil = 0
  let answer: Deferred.Deferred<A, E> | undefined

  const run = Effect.suspend(() => {
    const delay = failure === undefined ? 0 : failure.nextFetchFrom - monotonicMillis(clock)
    return delay > 0 ? Effect.delay(fetch(self), delay) : fetch(self)
  }).pipe(
    Effect.tap(() =>
      Effect.sync(() => {
        const now = monotonicMillis(clock)
        if (current !== undefined && now >= current.renewFrom) pausedUntil = now + pause
      })
    ),
    Effect.tapCause((cause) =>
      Effect.suspend(() => {
        const now = monotonicMillis(clock)
        const error = Option.getOrUndefined(Cause.findErrorOption(cause))
        if (error === undefined || delays?.(error) !== false) failure = failureOf(error, (failure?.times ?? 0) + 1, now)
        pausedUntil = Math.max(now + pause, failure?.nextFetchFrom ?? 0)
        // No caller waits for it, so no caller gets the error.
        return current !== undefined && now < current.usableUntil ?
          Effect.logWarning("Lark token not renewed; the current token is still valid", cause)
          : Effect.void
      })
    ),
    Effect.updateContext((_: Context.Context<never>) => Context.omit(Tracer.ParentSpan)(context))
  )

  // Uninterruptible, so that no fetch is started without an observer.
  const fetching = Effect.uninterruptible(Effect.suspend(() => {
    if (answer !== undefined) return Effect.succeed(answer)
    const started = answer = Deferred.makeUnsafe<A, E>()
    return Effect.map(Effect.forkIn(run, scope), (fiber) => {
      // A fiber also ends without having started: when the scope has been closed.
      fiber.addObserver((exit) => {
        const unanswered = answer ?? started
        answer = undefined
        Deferred.doneUnsafe(unanswered, exit)
      })
      return started
    })
  }))

  /** A value may be rejected after it was fetched and before its waiting caller resumes. */
  const unlessRejected = (value: A): Effect.Effect<A, E> =>
    isRejected(value) && current?.value !== value ? get : Effect.succeed(value)

  const fetched = Effect.flatMap(Effect.flatMap(fetching, Deferred.await), unlessRejected)

  const get = Effect.suspend((): Effect.Effect<A, E> => {
    const now = monotonicMillis(clock)
    if (current === undefined || now >= current.usableUntil) {
      return failure?.answer !== undefined && now < failure.nextFetchFrom ? Effect.fail(failure.answer) : fetched
    }
    const { renewFrom, value } = current
    return now >= renewFrom && now >= pausedUntil ? Effect.as(fetching, value) : Effect.succeed(value)
  })

  const isRejected = (value: A) => rejected !== undefined && Equal.equals(rejected, value)

  const self: Renewing<A, E> = {
    get,
    reject: (value) =>
      Effect.sync(() => {
        if (current !== undefined) {
          if (!Equal.equals(current.value, value)) return true
          if (monotonicMillis(clock) < keptUntil) return false
        }
        rejected = value
        isReplacing = true
        current = undefined
        return true
      }),
    isRejected,
    hold: (value, lifetime) => {
      if (current === undefined || !Equal.equals(current.value, value)) {
        keptUntil = isReplacing ? lifetime.freshUntil : 0
        isReplacing = false
      }
      current = { value, ...lifetime }
      failure = undefined
      pausedUntil = 0
      if (answer !== undefined) {
        const waiting = answer
        answer = Deferred.makeUnsafe()
        Deferred.doneUnsafe(waiting, Effect.succeed(value))
      }
      return value
    },
    drop: () => {
      current = undefined
    },
    failWaiting: (error) => {
      if (answer !== undefined) Deferred.doneUnsafe(answer, Effect.fail(error))
    }
  }
  return self
}
