/**
 * A bound on the share of retries in all traffic, over many operations.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/**
 * A budget that operations pay into and transient retries draw from.
 *
 * **Details**
 *
 * When a server is in trouble, retries are what keeps it there. With a budget, retries of transient answers are at most
 * a share of the operations, however many fail. Conflicts are not charged: they prove that the server is healthy.
 * The idea, and the default figures, are Finagle's `RetryBudget`.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryBudget {
  /** One operation has begun. */
  readonly deposit: Effect.Effect<void>
  /** Pays for one retry; false if there is nothing left to pay with. */
  readonly withdraw: Effect.Effect<boolean>
}

/**
 * A new budget: a retry for every `1 / ratio` operations of the last `window`, and `reserve` retries a second on top.
 *
 * **Details**
 *
 * Default: a fifth of the operations of the last 10 seconds, and 10 a second. Share one between all that call the same
 * server: give it to each operation as its `budget`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeRetryBudget = (options?: {
  readonly ratio?: number | undefined
  readonly reserve?: number | undefined
  readonly window?: Duration.Input | undefined
}): RetryBudget => {
  const ratio = options?.ratio ?? 0.2
  const window = Duration.toMillis(options?.window ?? "10 seconds")
  const reserve = (options?.reserve ?? 10) * window / 1_000
  const slices = 10
  /** Operations less those that retries have used up, by slice of the window; the reserve is drawn from last. */
  const balances: Array<{ readonly slice: number; amount: number }> = []
  const drawn: Array<number> = []

  const sliceAt = (now: number) => Math.floor(now / (window / slices))
  const expire = (now: number) => {
    const oldest = sliceAt(now) - slices
    while (balances[0] !== undefined && balances[0].slice <= oldest) balances.shift()
    while (drawn[0] !== undefined && drawn[0] <= now - window) drawn.shift()
  }

  return {
    deposit: Clock.clockWith((clock) =>
      Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        expire(now)
        const last = balances.at(-1)
        if (last !== undefined && last.slice === sliceAt(now)) last.amount = last.amount + 1
        else balances.push({ slice: sliceAt(now), amount: 1 })
      })
    ),
    withdraw: Clock.clockWith((clock) =>
      Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        expire(now)
        // Counted in operations, which add up exactly.
        let price = 1 / ratio
        const available = balances.reduce((sum, balance) => sum + balance.amount, 0)
        if (available < price) {
          if (drawn.length >= reserve) return false
          drawn.push(now)
          return true
        }
        for (const balance of balances) {
          const paid = Math.min(price, balance.amount)
          balance.amount = balance.amount - paid
          price = price - paid
        }
        return true
      })
    )
  }
}
