/**
 * That the benchmarks of test/bench measure what they say. They themselves are run by hand: `npm run bench:…`.
 */
import { expect, it } from "vitest"
import { roster } from "./bench/contention/clients.ts"
import { comparisons } from "./bench/contention/published.ts"
import { product, race } from "./bench/contention/race.ts"
import { intents, ownEngines, trial } from "./bench/lossy/trial.ts"

it("the simulator agrees with AWS's own on the number of writes", () => {
  for (const { writes: [published, here] } of comparisons(3)) expect(Math.abs(here / published - 1)).toBeLessThan(0.05)
})

it("the standard policy costs far less than re-reading with full jitter", () => {
  for (const contenders of [2, 5, 10, 50]) {
    const setup = { contenders, runs: Math.ceil(300 / contenders), seed: 7 }
    expect(product(race(roster.standard[1], setup))).toBeLessThan(0.8 * product(race(roster.awsFull[1], setup)))
  }
})

it.each(ownEngines)("%s makes no false claim under lossy scripts", async (_name, engine) => {
  for (const intent of intents) {
    for (let seed = 1; seed <= 100; seed++) {
      const { isFalseFailure, isFalseSuccess } = await trial(engine, intent, seed)
      expect({ seed, isFalseFailure, isFalseSuccess }).toEqual({ seed, isFalseFailure: false, isFalseSuccess: false })
    }
  }
})
