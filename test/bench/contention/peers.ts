/**
 * The loops of other libraries, as clients of the simulated network.
 */
import * as Option from "effect/Option"
import { type Process, sleep } from "../Timeline.ts"
import type { Backoff } from "./Backoff.ts"
import type { Network } from "./Network.ts"

/** Wants the register to hold `target`; returns whether it succeeded. */
export type Client = (network: Network, target: number) => Process<boolean>

const throttleWait = (network: Network, attempt: number) => network.random.uniform(0, 200 * 2 ** Math.min(attempt, 5))

function* read(network: Network): Process<number> {
  for (let attempt = 1;; attempt++) {
    const answer = yield* network.read()
    if (answer._tag === "Observed") return Option.getOrThrow(answer.value)
    yield* sleep(network.timeline, throttleWait(network, attempt))
  }
}

/** Sleep, read, swap: AWS's clients, client-go's `RetryOnConflict`, every callback given to a retry library. */
export const readAgain = (backoff: Backoff, attempts = Number.POSITIVE_INFINITY): Client =>
  function*(network, target) {
    const delay = backoff(network.random)
    let expected = yield* read(network)
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const answer = yield* network.swap(expected, target)
      if (answer._tag === "Applied") return true
      if (attempt === attempts) break
      yield* sleep(network.timeline, answer._tag === "Conflict" ? delay(attempt) : throttleWait(network, attempt))
      expected = yield* read(network)
    }
    return false
  }

/** Takes the value from the conflict, sleeps, swaps: without a backoff etcd's STM, with one `Effect.retry` and a `Ref`. */
export const refreshThenSleep = (backoff: Backoff, attempts = Number.POSITIVE_INFINITY): Client =>
  function*(network, target) {
    const delay = backoff(network.random)
    let expected = yield* read(network)
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const answer = yield* network.swap(expected, target)
      if (answer._tag === "Applied") return true
      if (answer._tag === "Conflict") expected = Option.getOrThrow(answer.actual)
      if (attempt === attempts) break
      yield* sleep(network.timeline, answer._tag === "Conflict" ? delay(attempt) : throttleWait(network, attempt))
    }
    return false
  }
