/**
 * How long a call waits for its tokens, and to be sent again.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { timeoutOrElse } from "../internal/timeout.ts"
import { TransportError } from "../LarkError.ts"

/**
 * What has passed counts in so many steps, so that those who wait have few deadlines, and share their timers. Of an attempt
 * of the engine each is half of the twentieth by which its patience is shorter, so nobody who waits is cut with it.
 */
const steps = 38

export interface Patience {
  /** Waits for a token until the call would be late, and says so. The waiting alone ends. */
  readonly forToken: <A, E>(token: Effect.Effect<A, E>) => Effect.Effect<A, E | TransportError>
  /** The same for the turn of a call that is sent again. */
  readonly forTurn: (turn: Effect.Effect<void>) => Effect.Effect<void, TransportError>
  /** Begins anew: the call has waited for its turn. */
  readonly renew: Effect.Effect<void>
}

const unlimited = Effect.succeed<Patience>({ forToken: identity, forTurn: identity, renew: Effect.void })

/** Of a call that begins now. Without a limit it waits for its token as long as it takes to get one. */
export const make = (endpoint: string, patience: Duration.Duration | undefined): Effect.Effect<Patience> =>
  patience === undefined || !Duration.isFinite(patience) ? unlimited : Clock.clockWith((clock) => {
    const most = Duration.toMillis(patience)
    const step = most / steps
    let since = clock.monotonicTimeNanosUnsafe()
    const left = () => {
      const passed = Number(clock.monotonicTimeNanosUnsafe() - since) / 1_000_000
      return Math.max(most - Math.floor(passed / step) * step, 0)
    }
    const waiting = (what: string, advice: string) => <A, E>(self: Effect.Effect<A, E>) =>
      Effect.suspend(() =>
        timeoutOrElse(self, {
          duration: Duration.millis(left()),
          orElse: () => {
            const reason = `its ${what} did not come within ${most} ms; ${advice}`
            return Effect.fail(new TransportError({ endpoint, executed: "no", reason }))
          }
        })
      )
    return Effect.succeed({
      forToken: waiting("token", "it is still being fetched, so try again"),
      forTurn: waiting("turn to be sent again", "try again"),
      renew: Effect.sync(() => {
        since = clock.monotonicTimeNanosUnsafe()
      })
    })
  })
