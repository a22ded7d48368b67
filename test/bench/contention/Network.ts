/**
 * The register and the way to it, as in AWS's simulator: each message takes |N(10, 2)| ms, the server no time.
 * Source: github.com/aws-samples/aws-arch-backoff-simulator, src/backoff_simulator.py.
 */
import { Cas } from "effect-lark-meetings"
import * as Duration from "effect/Duration"
import type { Seeded } from "../Seeded.ts"
import type { Process, Timeline } from "../Timeline.ts"
import { slidingWindows, type Window } from "./Window.ts"

export const meanRoundTrip = 20

/** Values are whole numbers, one for each host. */
export interface Network {
  readonly timeline: Timeline
  readonly random: Seeded
  readonly read: () => Process<Cas.Observation<number>>
  readonly swap: (expected: number, desired: number) => Process<Cas.Outcome<number>>
  readonly calls: () => number
  readonly throttled: () => number
}

export const makeNetwork = (
  timeline: Timeline,
  random: Seeded,
  limits: ReadonlyArray<Window> = []
): Network => {
  // Reads and swaps are two APIs, each with its own quota.
  const admitsRead = slidingWindows(limits)
  const admitsSwap = slidingWindows(limits)
  let value = 0
  let calls = 0
  let throttled = 0

  const oneWay = () => Math.abs(random.normal(meanRoundTrip / 2, 2))

  function* exchange<A>(wait: (now: number) => number, execute: () => A): Process<A | Cas.Unsent> {
    calls++
    let answer: A | Cas.Unsent = Cas.unsent()
    yield (resume) =>
      timeline.after(oneWay(), () => {
        const reset = wait(timeline.now())
        if (reset > 0) throttled++
        // The header is in whole seconds.
        answer = reset > 0 ? Cas.unsent({ after: Duration.seconds(Math.ceil(reset / 1000)) }) : execute()
        timeline.after(oneWay(), resume)
      })
    return answer
  }

  return {
    timeline,
    random,
    read: () => exchange<Cas.Observation<number>>(admitsRead, () => Cas.observed(value)),
    swap: (expected, desired) =>
      exchange<Cas.Outcome<number>>(admitsSwap, () => {
        if (value !== expected) return Cas.conflict(value)
        value = desired
        return Cas.applied
      }),
    calls: () => calls,
    throttled: () => throttled
  }
}
