/**
 * The participants of a race.
 */
import { Cas, type RateLimits } from "effect-lark-meetings"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { bucketOf } from "../../../src/internal/rateLimits.ts"
import { sleep } from "../Timeline.ts"
import * as Backoff from "./Backoff.ts"
import { meanRoundTrip } from "./Network.ts"
import { operation } from "./ours.ts"
import { type Client, readAgain, refreshThenSleep } from "./peers.ts"
import { makeQueue } from "./Queue.ts"

/** Made anew for each run, so that the clients of a run may share something. */
export type MakeClient = () => Client

export type Named = readonly [name: string, make: MakeClient]

const peer = (client: Client): MakeClient => () => client

export const unbounded = (policy: Cas.Policy<number>): Cas.Policy<number> => ({
  ...policy,
  maxSwaps: Number.MAX_SAFE_INTEGER,
  deadline: Duration.infinity
})

export const ours = (policy: Cas.Policy<number>): MakeClient => () =>
  function*(network, target) {
    return (yield* operation(network, { policy, intent: Cas.ensure(target) })).succeeded
  }

/** The hint is right when the operation begins. */
const oursWithHint = (policy: Cas.Policy<number>): MakeClient => () =>
  function*(network, target) {
    return (yield* operation(network, { policy, intent: Cas.ensure(target), hint: 0 })).succeeded
  }

/** Keeps the shipped pace of each limit, as a token bucket in simulated time: how long to wait, or 0 and one token taken. */
const paced = (limits: ReadonlyArray<RateLimits.Limit>) => {
  const buckets = limits.map(bucketOf).map((bucket) => ({ ...bucket, tokens: bucket.burst, filledAt: 0 }))
  return (now: number): number => {
    for (const bucket of buckets) {
      const gained = Math.floor((now - bucket.filledAt) / bucket.interval)
      bucket.filledAt = bucket.tokens + gained >= bucket.burst ? now : bucket.filledAt + gained * bucket.interval
      bucket.tokens = Math.min(bucket.burst, bucket.tokens + gained)
    }
    const waits = buckets.map(({ filledAt, interval, tokens }) => tokens > 0 ? 0 : filledAt + interval - now)
    const wait = Math.max(0, ...waits)
    if (wait === 0) { for (const bucket of buckets) bucket.tokens-- }
    return wait
  }
}

/** The clients are spread over so many processes, each with a queue, and with the shipped rate limits if there are any. */
export const queued =
  (processes: number, policy: Cas.Policy<number>, limits: ReadonlyArray<RateLimits.Limit> = []): MakeClient => () => {
    const members = Array.from({ length: processes }, () => ({ queue: makeQueue(), wait: paced(limits) }))
    let clients = 0
    return function*(network, target) {
      const member = members[clients++ % processes]
      if (member === undefined) throw new Error("no process")
      const invokedAt = network.timeline.now()
      function* admit() {
        for (let wait = 1; wait > 0;) {
          wait = member?.wait(network.timeline.now()) ?? 0
          if (wait > 0) yield* sleep(network.timeline, wait)
        }
      }
      const ended = yield* member.queue((baton) =>
        operation(network, { policy, intent: Cas.ensure(target), invokedAt, baton, admit })
      )
      return ended.succeeded
    }
  }

/** Knows how many contenders are left, which no real client does: a bound for all of them. */
const oracle: MakeClient = () => {
  let left = 0
  const conflict = Schedule.fromStep(
    Effect.succeed(() =>
      Effect.map(Random.next, (random): [void, Duration.Duration] => [
        undefined,
        Duration.millis(random * meanRoundTrip * left)
      ])
    )
  )
  const policy = unbounded(Cas.Policy.make({ conflict }))
  return function*(network, target) {
    left++
    const ended = yield* operation(network, { policy, intent: Cas.ensure(target) })
    left--
    return ended.succeeded
  }
}

/** AWS's full jitter as an Effect schedule. */
const awsSchedule = Schedule.modifyDelay(
  Schedule.min([Schedule.exponential("10 millis"), Schedule.spaced("2 seconds")]),
  ({ duration }) => Effect.map(Random.next, (random) => Duration.times(duration, random))
)

/** The loops that come to mind first. */
export const userSchedule = Schedule.jittered(Schedule.exponential("50 millis"))

export const underStaleRule = (conflict: Schedule.Schedule<unknown>): MakeClient =>
  ours(unbounded(Cas.Policy.make({ conflict })))

const standard = unbounded(Cas.Policy.standard)

export const roster = {
  awsNone: ["re-read, no wait", peer(readAgain(Backoff.none))],
  awsExponential: ["re-read, exponential", peer(readAgain(Backoff.exponential))],
  awsEqual: ["re-read, equal jitter", peer(readAgain(Backoff.equalJitter))],
  awsFull: ["re-read, full jitter (AWS)", peer(readAgain(Backoff.fullJitter))],
  awsDecorrelated: ["re-read, decorrelated (AWS)", peer(readAgain(Backoff.decorrelatedJitter))],
  kubernetesRetry: ["re-read, Kubernetes DefaultRetry", peer(readAgain(Backoff.kubernetesRetry))],
  kubernetesBackoff: ["re-read, Kubernetes DefaultBackoff", peer(readAgain(Backoff.kubernetesBackoff))],
  refreshNone: ["refresh, no wait (etcd STM)", peer(refreshThenSleep(Backoff.none))],
  refreshFull: ["refresh, then sleep: full jitter", peer(refreshThenSleep(Backoff.fullJitter))],
  refreshEffect: [
    "Effect.retry and a Ref",
    peer(refreshThenSleep(Backoff.effectExponential(10, 2_000)))
  ],
  staleFull: ["ours, AWS's full jitter", underStaleRule(awsSchedule)],
  eager: ["ours, eager", ours(unbounded(Cas.Policy.eager))],
  thrifty: ["ours, thrifty", ours(unbounded(Cas.Policy.thrifty))],
  standard: ["ours, standard", ours(standard)],
  hinted: ["ours, standard, right hint", oursWithHint(standard)],
  oracle: ["oracle", oracle],
  queued: ["ours, one process", queued(1, standard)]
} satisfies Record<string, Named>

/** With the default bounds of each. Elasticsearch: `retry_on_conflict=3`. */
export const bounded: ReadonlyArray<Named> = [
  ["Kubernetes DefaultRetry, 5 attempts", peer(readAgain(Backoff.kubernetesRetry, 5))],
  ["Kubernetes DefaultBackoff, 4 attempts", peer(readAgain(Backoff.kubernetesBackoff, 4))],
  ["AWS SDK shape, 3 attempts", peer(readAgain(Backoff.sdkJitter, 3))],
  ["Elasticsearch shape, 4 attempts", peer(readAgain(Backoff.none, 4))],
  ["Spring shape, 3 attempts", peer(readAgain(Backoff.oneSecond, 3))],
  ["p-retry shape, 11 attempts", peer(readAgain(Backoff.promiseRetry, 11))],
  ["Effect.retry and a Ref, 50 ms, 11 attempts", peer(refreshThenSleep(Backoff.effectExponential(50), 11))],
  ["ours, standard, 32 swaps, 30 s", ours(Cas.Policy.standard)]
]

/** A caller's schedule between the conflict and the next swap, where every other engine puts it. */
export const userReadAgain = peer(readAgain(Backoff.effectExponential(50)))
export const userRefreshThenSleep = peer(refreshThenSleep(Backoff.effectExponential(50)))
