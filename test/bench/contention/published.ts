/**
 * The results of AWS's own simulator for 100 clients, and of this one: the mean of 100 runs.
 * The published program at commit 66cb169 was run under Python 3, with `xrange` as `range`.
 */
import { roster } from "./clients.ts"
import { race } from "./race.ts"

const published = [
  { of: roster.awsNone, writes: 2426, millis: 2032 },
  { of: roster.awsExponential, writes: 1851, millis: 62960 },
  { of: roster.awsEqual, writes: 810, millis: 6599 },
  { of: roster.awsDecorrelated, writes: 1001, millis: 4672 },
  { of: roster.awsFull, writes: 796, millis: 4834 }
] as const

export interface Comparison {
  readonly name: string
  readonly writes: readonly [published: number, here: number]
  readonly millis: readonly [published: number, here: number]
}

/** Half of the calls are reads, which the published program does not count. */
export const comparisons = (runs: number): ReadonlyArray<Comparison> =>
  published.map(({ millis, of: [name, make], writes }) => {
    const measured = race(make, { contenders: 100, runs, seed: 1 })
    return { name, writes: [writes, measured.calls * 50], millis: [millis, measured.time * 2_000] }
  })
