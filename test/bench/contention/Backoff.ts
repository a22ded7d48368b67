/**
 * The delays of other libraries. Each client makes its own; `attempt` counts its conflicts from 1.
 */
import type { Seeded } from "../Seeded.ts"

export type Backoff = (random: Seeded) => (attempt: number) => number

export const none: Backoff = () => () => 0

/** AWS Architecture Blog, "Exponential Backoff And Jitter", with the constants of its simulator. */
const base = 5
const cap = 2_000
const growing = (attempt: number) => Math.min(cap, base * 2 ** attempt)

export const exponential: Backoff = () => growing

export const equalJitter: Backoff = (random) => (attempt) => {
  const half = growing(attempt) / 2
  return half + random.uniform(0, half)
}

export const fullJitter: Backoff = (random) => (attempt) => random.uniform(0, growing(attempt))

export const decorrelatedJitter: Backoff = (random) => {
  let previous = base
  return () => previous = Math.min(cap, random.uniform(base, previous * 3))
}

/** k8s.io/apimachinery/pkg/util/wait, `Backoff.Step`: jitter lengthens, by up to a tenth. */
const kubernetes = (factor: number): Backoff => (random) => (attempt) =>
  Math.min(cap, 10 * factor ** (attempt - 1)) * random.uniform(1, 1.1)

/** k8s.io/client-go/util/retry. */
export const kubernetesRetry = kubernetes(1)
export const kubernetesBackoff = kubernetes(5)

/** Full jitter from 50 ms, the shape of the AWS SDKs. */
export const sdkJitter: Backoff = (random) => (attempt) => random.uniform(0, 50 * 2 ** (attempt - 1))

/** Effect's `Schedule.exponential(first)`, jittered by 0.8 to 1.2. */
export const effectExponential = (first: number, most = Number.POSITIVE_INFINITY): Backoff => (random) => (attempt) =>
  Math.min(most, first * 2 ** (attempt - 1)) * random.uniform(0.8, 1.2)

/** The default of p-retry 9: no jitter. */
export const promiseRetry: Backoff = () => (attempt) => 1_000 * 2 ** (attempt - 1)

/** The default of Spring's `@Retryable`. */
export const oneSecond: Backoff = () => () => 1_000
