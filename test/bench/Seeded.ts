/**
 * Random numbers that a seed repeats: sfc32 of PractRand (Chris Doty-Humphrey), public domain.
 */
import type * as Random from "effect/Random"

/** It is also Effect's `Random` service, so that a shipped schedule draws from the same stream. */
export interface Seeded extends Random.Random {
  readonly next: () => number
  readonly uniform: (from: number, to: number) => number
  /** A whole number below `end`. */
  readonly below: (end: number) => number
  readonly normal: (mean: number, deviation: number) => number
  readonly chance: (probability: number) => boolean
}

export const seeded = (seed: number): Seeded => {
  let [a, b, c, counter] = [0, seed | 0, (seed / 2 ** 32) | 0, 1]
  const bits = (): number => {
    const t = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t | 0
    return t >>> 0
  }
  for (let i = 0; i < 12; i++) bits()

  const next = () => bits() / 2 ** 32
  const uniform = (from: number, to: number) => from + (to - from) * next()
  return {
    next,
    uniform,
    below: (end) => Math.floor(next() * end),
    // Box-Muller; 1 - next() is never zero.
    normal: (mean, deviation) =>
      mean + deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    chance: (probability) => next() < probability,
    nextDoubleUnsafe: next,
    nextIntUnsafe: () => Math.floor(uniform(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER))
  }
}
