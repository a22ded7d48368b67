/**
 * The goals of the engine, its figures, and those of the peers.
 */
import { Cas, RateLimits } from "effect-lark-meetings"
import { short } from "../table.ts"
import { arrivals } from "./arrivals.ts"
import {
  bounded,
  type MakeClient,
  ours,
  queued,
  roster,
  unbounded,
  underStaleRule,
  userReadAgain,
  userRefreshThenSleep,
  userSchedule
} from "./clients.ts"
import { product, race } from "./race.ts"
import type { At } from "./sweep.ts"
import { documented } from "./Window.ts"

export interface Goal {
  readonly what: string
  readonly measured: number
  readonly atMost: number
  readonly peers: string
}

const standard = unbounded(Cas.Policy.standard)

const give = "Kubernetes DefaultRetry, 5 attempts"

export const goals = (at: At): ReadonlyArray<Goal> => {
  const calls = (contenders: number) => at(roster.standard, contenders).calls
  const time = (contenders: number) => at(roster.standard, contenders).time
  const ratio = (contenders: number, peer: keyof typeof roster) =>
    product(at(roster.standard, contenders)) / product(at(roster[peer], contenders))
  const of = (contenders: number, measure: "calls" | "time") =>
    `Kubernetes ${short(at(roster.kubernetesRetry, contenders)[measure])}, `
    + `AWS ${short(at(roster.awsFull, contenders)[measure])}`
  const callsAndTime = (
    what: string,
    make: MakeClient,
    atMost: readonly [calls: number, time: number],
    peers: number
  ) => {
    const measured = race(make, { contenders: 100, runs: 40, seed: 11 })
    return [
      { what: `${what}: calls`, measured: measured.calls, atMost: atMost[0], peers: of(peers, "calls") },
      { what: `${what}: time`, measured: measured.time, atMost: atMost[1], peers: of(peers, "time") }
    ]
  }
  const givingUp = (
    contenders: number,
    atMost: number,
    what = `N = ${contenders}`,
    make = ours(Cas.Policy.standard)
  ): Goal => {
    const share = (make: MakeClient) =>
      100 * race(make, { contenders, runs: Math.ceil(4_000 / contenders), seed: 13 }).gaveUp
    const peer = bounded.find(([name]) => name === give)?.[1]
    return {
      what: `gives up with the default bounds, ${what}, %`,
      measured: share(make),
      atMost,
      peers: peer === undefined ? "" : `${give} ${short(share(peer))}`
    }
  }
  const user = (contenders: number): Goal => {
    const setup = { contenders, runs: Math.ceil(2_000 / contenders), seed: 17 }
    const readAgain = race(userReadAgain, setup).time
    return {
      what: `a user's exponential 50 ms, jittered, N = ${contenders}: time v the same with re-reads`,
      measured: race(underStaleRule(userSchedule), setup).time / readAgain,
      atMost: 1,
      peers: `without the stale rule ${short(race(userRefreshThenSleep, setup).time / readAgain)}`
    }
  }
  const identical = { contenders: 100, runs: 40, seed: 19, target: 1 }
  const traffic = { clients: 40_000, seed: 23, utilisation: 0.5 }
  const steady = arrivals(ours(standard), traffic)
  const steadyNone = arrivals(roster.refreshNone[1], traffic)
  const steadyAws = arrivals(roster.awsFull[1], traffic)
  const flood = { contenders: 300, runs: 3, seed: 29, limits: documented }

  return [
    { what: "uncontended, right hint: calls", measured: at(roster.hinted, 1).calls, atMost: 1, peers: of(1, "calls") },
    {
      // A mean of thousands of samples, not a constant.
      what: "uncontended, right hint: time, to 1%",
      measured: at(roster.hinted, 1).time,
      atMost: 1.005,
      peers: of(1, "time")
    },
    ...callsAndTime("one process, N = 100", queued(1, standard), [1.02, 1.03], 100),
    ...callsAndTime("5 processes of 20", queued(5, standard), [2, 1.3], 100),
    { what: "separate, N = 2: calls", measured: calls(2), atMost: 2.5, peers: of(2, "calls") },
    { what: "the same with a right hint", measured: at(roster.hinted, 2).calls, atMost: 1.5, peers: of(2, "calls") },
    { what: "separate, N = 5: calls", measured: calls(5), atMost: 4, peers: of(5, "calls") },
    { what: "the same with a right hint", measured: at(roster.hinted, 5).calls, atMost: 3, peers: of(5, "calls") },
    { what: "separate, N = 10: calls", measured: calls(10), atMost: 6.2, peers: of(10, "calls") },
    { what: "separate, N = 10: time", measured: time(10), atMost: 1.95, peers: of(10, "time") },
    { what: "separate, N = 100: calls", measured: calls(100), atMost: 16.5, peers: of(100, "calls") },
    { what: "separate, N = 100: time", measured: time(100), atMost: 1.55, peers: of(100, "time") },
    ...[2, 3, 5, 10, 20, 50, 100].map((contenders): Goal => ({
      what: `product v AWS, N = ${contenders}`,
      measured: ratio(contenders, "awsFull"),
      atMost: 0.65,
      peers: "1"
    })),
    {
      what: "product v Kubernetes, N = 100",
      measured: ratio(100, "kubernetesRetry"),
      atMost: 0.55,
      peers: "1"
    },
    {
      what: "product v oracle, N = 100",
      measured: ratio(100, "oracle"),
      atMost: 2.2,
      peers: `AWS ${short(product(at(roster.awsFull, 100)) / product(at(roster.oracle, 100)))}`
    },
    givingUp(10, 0),
    givingUp(20, 0),
    givingUp(50, 0.5),
    givingUp(100, 0.5),
    givingUp(100, 0.5, "10 processes of 10", queued(10, Cas.Policy.standard)),
    user(5),
    user(10),
    user(20),
    {
      what: "identical targets, N = 100, separate: calls in all",
      measured: 100 * race(ours(standard), identical).calls,
      atMost: 200,
      peers: `AWS ${short(100 * race(roster.awsFull[1], identical).calls)}`
    },
    {
      what: "identical targets, N = 100, one process: calls in all",
      measured: 100 * race(queued(1, standard), identical).calls,
      atMost: 2,
      peers: ""
    },
    {
      what: "open arrivals, half busy: calls v etcd STM",
      measured: steady.calls / steadyNone.calls,
      atMost: 1.02,
      peers: `AWS ${short(steadyAws.calls / steadyNone.calls)}`
    },
    {
      what: "open arrivals, half busy: mean latency v etcd STM",
      measured: steady.meanLatency / steadyNone.meanLatency,
      atMost: 1.25,
      peers: `AWS ${short(steadyAws.meanLatency / steadyNone.meanLatency)}`
    },
    {
      what: "throttled answers per client, the shipped rate limits and queue, N = 300",
      measured: race(queued(1, standard, RateLimits.tier4), flood).throttled,
      atMost: 0,
      peers: `Kubernetes ${short(race(roster.kubernetesRetry[1], flood).throttled)}, `
        + `AWS ${short(race(roster.awsFull[1], flood).throttled)}`
    }
  ]
}
