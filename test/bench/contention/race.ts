/**
 * N clients start together, each wants one success: the scenario of AWS's simulator.
 */
import { seeded } from "../Seeded.ts"
import { makeTimeline, start } from "../Timeline.ts"
import type { MakeClient } from "./clients.ts"
import { makeNetwork, meanRoundTrip } from "./Network.ts"
import type { Window } from "./Window.ts"

/** Means over all runs. */
export interface Measured {
  /** Reads and swaps per client. */
  readonly calls: number
  /** Until the last client ends, in units of N round trips. */
  readonly time: number
  /** The share of clients that did not succeed. */
  readonly gaveUp: number
  /** Throttled answers per client. */
  readonly throttled: number
}

/** The limit is 1: N swaps, N round trips. */
export const product = (measured: Measured): number => measured.calls * measured.time

export interface Race {
  readonly contenders: number
  readonly runs: number
  readonly seed: number
  /** Client i wants the value i unless given. */
  readonly target?: number | undefined
  /** The server's. */
  readonly limits?: ReadonlyArray<Window> | undefined
}

export const race = (makeClient: MakeClient, { contenders, limits, runs, seed, target }: Race): Measured => {
  let calls = 0
  let time = 0
  let failures = 0
  let throttled = 0
  for (let run = 0; run < runs; run++) {
    const timeline = makeTimeline()
    const network = makeNetwork(timeline, seeded(seed + run * 1_000_003), limits)
    const client = makeClient()
    for (let i = 1; i <= contenders; i++) {
      start(client(network, target ?? i), (succeeded) => {
        if (!succeeded) failures++
      })
    }
    timeline.run()
    calls += network.calls()
    time += timeline.now()
    throttled += network.throttled()
  }
  const clients = contenders * runs
  return {
    calls: calls / clients,
    time: time / (clients * meanRoundTrip),
    gaveUp: failures / clients,
    throttled: throttled / clients
  }
}
