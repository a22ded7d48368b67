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
import type { GenericError } from "../LarkError.ts"
import * as singleFlight from "./singleFlight.ts"
import { minted, renewalFailed } from "./telemetry.ts"

/** A token as the platform issued it, valid for so many seconds. */
export interface Minted {
  readonly token: Redacted.Redacted
  readonly expiresIn: number
}

interface Current {
  readonly token: Redacted.Redacted
  readonly usableUntil: number
  readonly renewFrom: number
  /** The platform issued it again although it had been rejected: until then it is not dropped again. */
  readonly insistedUntil: number
}

/** The last mint, if it failed. */
interface Failed {
  readonly error: GenericError
  readonly at: number
  /** How many have failed in a row. */
  readonly times: number
}

const second = 1_000
/** A token is not used in the last minute of its life, or the last tenth, so that it does not expire on its way. */
const margin = (lifetime: number) => Math.min(60 * second, lifetime / 10)
/** The platform issues a new token only in the last 30 minutes; of a short life, it is the last quarter. */
const renewal = (lifetime: number) => Math.min(30 * 60 * second, lifetime / 4)
/** After a failed renewal, while the current token still serves; and after a rejection that brought the same token. */
const pause = 30 * second
/** A refusal is given to all who ask within that time, without asking again. */
const standing = 5 * second
/** The platform's word, which repeating cannot change; a page of a gateway is none, whatever its status. */
const isRefusal = (error: GenericError) => error.retry === "never" && error._tag !== "MalformedResponse"
/** Between a mint that failed for another reason and the next. */
const backoff = (times: number) => Math.min(second * 2 ** (times - 1), 4 * second)

/**
 * **Details**
 *
 * `get` answers with the current token, or joins the mint that is under way. `reject` drops the token if it is still the
 * current one; false if the platform issued the same one again in the last 30 seconds.
 *
 * A failure of `endpoint` holds up the next mint: a refusal of the platform that repeating cannot change (`retry` is
 * `never`) is the answer of `get` for five seconds, without a request; after another, the next mint begins a second later,
 * then two, then four. A failure of what `mint` needs beforehand, which has its own endpoint, is not held up here.
 */
export const make = <E extends GenericError>(
  kind: "tenant" | "app",
  endpoint: string,
  mint: Effect.Effect<Minted, E>
): Effect.Effect<
  {
    readonly get: Effect.Effect<Redacted.Redacted, E>
    readonly reject: (token: Redacted.Redacted) => Effect.Effect<boolean>
  },
  never,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    let current: Current | undefined
    let rejected: Redacted.Redacted | undefined
    let failed: (Failed & { readonly error: E }) | undefined
    let pausedUntil = 0

    const isSame = (a: Redacted.Redacted | undefined, b: Redacted.Redacted) =>
      a !== undefined && Redacted.value(a) === Redacted.value(b)

    const flight = singleFlight.make(yield* Effect.context<Scope.Scope>(), () =>
      Effect.gen(function*() {
        if (failed !== undefined) {
          yield* Effect.sleep(Math.max(0, failed.at + backoff(failed.times) - clock.currentTimeMillisUnsafe()))
        }
        const askedAt = clock.currentTimeMillisUnsafe()
        const { expiresIn, token } = yield* Effect.onExit(mint, (exit) => minted(kind, exit))
        const lifetime = expiresIn * second
        current = {
          token,
          usableUntil: askedAt + lifetime - margin(lifetime),
          renewFrom: askedAt + lifetime - renewal(lifetime),
          insistedUntil: isSame(rejected, token) ? clock.currentTimeMillisUnsafe() + pause : 0
        }
        failed = undefined
        pausedUntil = 0
        return token
      }).pipe(
        Effect.tapError((error) =>
          Effect.sync(() => {
            const at = clock.currentTimeMillisUnsafe()
            if (error.endpoint === endpoint) failed = { error, at, times: (failed?.times ?? 0) + 1 }
          })
        ),
        Effect.tapCause((cause) =>
          Effect.suspend(() => {
            const now = clock.currentTimeMillisUnsafe()
            pausedUntil = now + pause
            // Nobody waits for it, so that nobody else would tell.
            return current !== undefined && now < current.usableUntil ? renewalFailed(cause) : Effect.void
          })
        )
      ))

    const next = Effect.flatMap(flight, Deferred.await)

    return {
      get: Effect.suspend((): Effect.Effect<Redacted.Redacted, E> => {
        const now = clock.currentTimeMillisUnsafe()
        if (current === undefined || now >= current.usableUntil) {
          return failed !== undefined && isRefusal(failed.error) && now < failed.at + standing
            ? Effect.fail(failed.error)
            : next
        }
        const { renewFrom, token } = current
        return now >= renewFrom && now >= pausedUntil ? Effect.as(flight, token) : Effect.succeed(token)
      }),
      reject: (token) =>
        Effect.sync(() => {
          if (current === undefined || !isSame(current.token, token)) return true
          if (clock.currentTimeMillisUnsafe() < current.insistedUntil) return false
          rejected = token
          current = undefined
          return true
        })
    }
  })
