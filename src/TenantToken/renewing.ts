/**
 * A token that renews itself: one mint at a time, before expiry, without making anyone wait.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { renewalFailed } from "../Envelope/telemetry.ts"

/** A token as the platform issued it, valid for so many seconds. */
export interface Minted {
  readonly token: Redacted.Redacted
  readonly expiresIn: number
}

interface Current {
  readonly token: Redacted.Redacted
  readonly usableUntil: number
  readonly renewFrom: number
}

const second = 1_000
/** A token is not used in the last minute of its life, or the last tenth, so that it does not expire on its way. */
const margin = (lifetime: number) => Math.min(60 * second, lifetime / 10)
/** The platform issues a new token only in the last 30 minutes; of a short life, it is the last quarter. */
const renewal = (lifetime: number) => Math.min(30 * 60 * second, lifetime / 4)
/** After a failed renewal, while the current token still serves. */
const pause = 30 * second

/**
 * **Details**
 *
 * `get` answers with the current token, or joins the mint that is under way. Failures reach those who waited and are
 * not kept. `reject` drops the token if it is still the current one.
 */
export const make = <E>(
  mint: Effect.Effect<Minted, E>
): Effect.Effect<
  {
    readonly get: Effect.Effect<Redacted.Redacted, E>
    readonly reject: (token: Redacted.Redacted) => Effect.Effect<void>
  },
  never,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const clock = yield* Clock.Clock
    let current: Current | undefined
    let minting: Deferred.Deferred<Redacted.Redacted, E> | undefined
    let pausedUntil = 0

    const flight = Effect.gen(function*() {
      const askedAt = clock.currentTimeMillisUnsafe()
      const { expiresIn, token } = yield* mint
      const lifetime = expiresIn * second
      current = {
        token,
        usableUntil: askedAt + lifetime - margin(lifetime),
        renewFrom: askedAt + lifetime - renewal(lifetime)
      }
      return token
    }).pipe(
      Effect.tapCause(() => Effect.sync(() => pausedUntil = clock.currentTimeMillisUnsafe() + pause)),
      // Nobody waits for it, so that nobody else would tell.
      Effect.tapCause((cause) =>
        current !== undefined && clock.currentTimeMillisUnsafe() < current.usableUntil
          ? renewalFailed(cause)
          : Effect.void
      )
    )

    /** Nothing may come between looking for a flight and starting one. */
    const join = Effect.suspend(() => {
      if (minting !== undefined) return Effect.succeed(minting)
      const started = minting = Deferred.makeUnsafe<Redacted.Redacted, E>()
      return Effect.map(Effect.forkIn(flight, scope), (fiber) => {
        // Also of a flight that never started, because the scope has ended.
        fiber.addObserver((exit) => {
          minting = undefined
          Deferred.doneUnsafe(started, exit)
        })
        return started
      })
    }).pipe(Effect.uninterruptible)

    return {
      get: Effect.suspend(() => {
        const now = clock.currentTimeMillisUnsafe()
        if (current === undefined || now >= current.usableUntil) return Effect.flatMap(join, Deferred.await)
        const { renewFrom, token } = current
        return now >= renewFrom && now >= pausedUntil && minting === undefined
          ? Effect.as(join, token)
          : Effect.succeed(token)
      }),
      reject: (token) =>
        Effect.sync(() => {
          if (current !== undefined && Redacted.value(current.token) === Redacted.value(token)) current = undefined
        })
    }
  })
