/**
 * How long a call waits for its tokens.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { timeoutOrElse } from "../Envelope/timeout.ts"
import { TransportError } from "../LarkError.ts"

/** Shorter than an attempt of the engine, which takes a call that it has to cut for one that may have been executed. */
const patience = 9_500

/** What has passed counts in such steps, so that those who wait have few deadlines, and share their timers. */
const step = 250

export interface Patience {
  /** Waits for a token until it is certain that the call cannot be sent in time, and says so. The waiting alone ends. */
  readonly wait: <A, E>(token: Effect.Effect<A, E>) => Effect.Effect<A, E | TransportError>
  /** Begins anew: a wait that the engine does not count is over. */
  readonly renew: Effect.Effect<void>
}

/** Of a call that begins now. */
export const make = (endpoint: string): Effect.Effect<Patience> =>
  Clock.clockWith((clock) => {
    let since = clock.monotonicTimeNanosUnsafe()
    const left = () => {
      const passed = Number(clock.monotonicTimeNanosUnsafe() - since) / 1_000_000
      return Math.max(patience - Math.floor(passed / step) * step, 0)
    }
    const orElse = () =>
      Effect.fail(
        new TransportError({
          endpoint,
          executed: "no",
          reason: `its token did not come within ${patience} ms; it is still being fetched, so try again`
        })
      )
    return Effect.succeed({
      wait: (token) => Effect.suspend(() => timeoutOrElse(token, { duration: Duration.millis(left()), orElse })),
      renew: Effect.sync(() => {
        since = clock.monotonicTimeNanosUnsafe()
      })
    })
  })
