/**
 * Every participant at every number of contenders, each measured once.
 */
import type { Named } from "./clients.ts"
import { type Measured, race } from "./race.ts"

export type At = (named: Named, contenders: number) => Measured

/** Small races vary more from run to run, and cost less. */
const runsOf = (contenders: number): number => Math.max(4, Math.ceil(6_000 / contenders ** 1.1))

export const makeSweep = (): At => {
  const known = new Map<string, Measured>()
  return (named, contenders) => {
    const [name, make] = named
    const key = `${name} ${contenders}`
    const measured = known.get(key) ?? race(make, { contenders, runs: runsOf(contenders), seed: 7 })
    known.set(key, measured)
    return measured
  }
}
