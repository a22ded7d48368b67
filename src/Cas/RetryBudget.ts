/** A bound on the share of retries in all traffic, over many operations. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { millisOf, now } from "./monotonic.ts"

/**
 * Bounds transient retries to a share of the operations, however many fail: retries keep an overloaded server overloaded.
 * Conflicts are not charged: they prove that the server is healthy. Modelled on Finagle's `RetryBudget`.
 *
 * @stability stable
 * @category models
 */
export interface RetryBudget {
  /** Pays for one operation that begins. */
  readonly deposit: Effect.Effect<void>
  /** Draws one retry. False if the budget is used up. */
  readonly withdraw: Effect.Effect<boolean>
}

/**
 * Makes a budget: one retry for every `1 / ratio` operations (5) of the last `window` (10 seconds), plus `reserve` retries a
 * second (10). Share one among all operations that call the same server.
 *
 * @stability stable
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
  /** Operations that no retry has used up, by slice of the window. The reserve is drawn from last. */
  const balances: Array<{ readonly slice: number; amount: number }> = []
  const drawn: Array<number> = []

  const sliceAt = (at: number) => Math.floor(at / (window / slices))
  const atNow = <X>(use: (at: number) => X) =>
    Clock.clockWith((clock) =>
      Effect.sync(() => {
        const at = millisOf(now(clock))
        const oldest = sliceAt(at) - slices
        while (balances[0] !== undefined && balances[0].slice <= oldest) balances.shift()
        while (drawn[0] !== undefined && drawn[0] <= at - window) drawn.shift()
        return use(at)
      })
    )

  return {
    deposit: atNow((at) => {
      const last = balances.at(-1)
      if (last !== undefined && last.slice === sliceAt(at)) last.amount = last.amount + 1
      else balances.push({ slice: sliceAt(at), amount: 1 })
    }),
    withdraw: atNow((at) => {
      // In operations, so that the sums are exact.
      let price = 1 / ratio
      const available = balances.reduce((sum, balance) => sum + balance.amount, 0)
      if (available < price) return drawn.length < reserve && drawn.push(at) > 0
      for (const balance of balances) {
        const paid = Math.min(price, balance.amount)
        balance.amount = balance.amount - paid
        price = price - paid
      }
      return true
    })
  }
}
