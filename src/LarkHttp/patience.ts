/**
 * How long a call waits for its tokens.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { timeoutOrElse } from "../Envelope/timeout.ts"
import { TransportError } from "../LarkError.ts"

/** What has passed counts in such steps, so that those who wait have few deadlines, and share their timers. */
const step = 250

export interface Patience {
  /** Waits for a token until the call would be late, and says so. The waiting alone ends. */
  readonly wait: <A, E>(token: Effect.Effect<A, E>) => Effect.Effect<A, E | TransportError>
  /** Begins anew: the call has waited for its turn. */
  readonly renew: Effect.Effect<void>
}

const unlimited = Effect.succeed<Patience>({ wait: identity, renew: Effect.void })

/** Of a call that begins now. Without a limit it waits for its token as long as it takes to get one. */
export const make = (endpoint: string, patience: Duration.Duration | undefined): Effect.Effect<Patience> =>
  patience === undefined ? unlimited : Clock.clockWith((clock) => {
    const most = Duration.toMillis(patience)
    let since = clock.monotonicTimeNanosUnsafe()
    const left = () => {
      const passed = Number(clock.monotonicTimeNanosUnsafe() - since) / 1_000_000
      return Math.max(most - Math.floor(passed / step) * step, 0)
    }
    const orElse = () =>
      Effect.fail(
        new TransportError({
          endpoint,
          executed: "no",
          reason: `its token did not come within ${most} ms; it is still being fetched, so try again`
        })
      )
    return Effect.succeed({
      wait: (token) => Effect.suspend(() => timeoutOrElse(token, { duration: Duration.millis(left()), orElse })),
      renew: Effect.sync(() => {
        since = clock.monotonicTimeNanosUnsafe()
      })
    })
  })
