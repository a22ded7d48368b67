/**
 * Steady traffic: clients arrive one by one, at random, and each wants one success.
 */
import { seeded } from "../Seeded.ts"
import { makeTimeline, start } from "../Timeline.ts"
import type { MakeClient } from "./clients.ts"
import { makeNetwork, meanRoundTrip } from "./Network.ts"

export interface Traffic {
  readonly calls: number
  readonly meanLatency: number
  readonly p99Latency: number
}

/** `utilisation` is the share of the time in which a queue would be busy. */
export const arrivals = (
  makeClient: MakeClient,
  { clients, seed, utilisation }: { readonly clients: number; readonly seed: number; readonly utilisation: number }
): Traffic => {
  const timeline = makeTimeline()
  // Every participant gets the same arrivals.
  const times = seeded(seed)
  const network = makeNetwork(timeline, seeded(seed + 1))
  const client = makeClient()
  const latencies: Array<number> = []
  let at = 0
  for (let i = 1; i <= clients; i++) {
    at += -Math.log(1 - times.next()) * meanRoundTrip / utilisation
    const arrival = at
    timeline.after(arrival, () => start(client(network, i), () => latencies.push(timeline.now() - arrival)))
  }
  timeline.run()
  latencies.sort((a, b) => a - b)
  return {
    calls: network.calls() / clients,
    meanLatency: latencies.reduce((sum, latency) => sum + latency, 0) / clients,
    p99Latency: latencies[Math.floor(clients * 0.99)] ?? Number.NaN
  }
}
