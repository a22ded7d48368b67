/**
 * The engines that are on npm, run for real.
 */
import retry from "async-retry"
import { ExponentialBackoff, handleWhen, retry as cockatielRetry } from "cockatiel"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import pRetry, { AbortError } from "p-retry"
import { attempt, type Engine, listen, mustSwap, Refused } from "./Engine.ts"
import { target } from "./Script.ts"
import { Canceled, Conflict } from "./Server.ts"

/** Its defaults: 10 retries, from 1 s, doubling. */
const promiseRetry: Engine = (operation) =>
  listen(pRetry(
    () =>
      attempt(operation, operation.signal).catch((error) => {
        throw error instanceof Refused ? new AbortError(error) : error
      }),
    { signal: operation.signal }
  ))

/** Its defaults: 10 retries, from 1 s, doubling, jittered. It takes no signal. */
const asyncRetry: Engine = (operation) =>
  listen(retry((bail) =>
    attempt(operation).catch((error) => {
      if (!(error instanceof Refused)) throw error
      bail(error)
    })
  ))

const policy = cockatielRetry(handleWhen((error) => !(error instanceof Refused)), {
  maxAttempts: 10,
  backoff: new ExponentialBackoff()
})

const cockatiel: Engine = (operation) =>
  listen(policy.execute(({ signal }) => attempt(operation, signal), operation.signal))

class Failed extends Data.TaggedError("Failed")<{ readonly error: unknown }> {}

/** The refreshed value in a `Ref`, the swap under `Effect.retry`. */
const effectRetry: Engine = (operation) => {
  const { server } = operation
  const request = <A>(send: (signal: AbortSignal) => Promise<A>) =>
    Effect.tryPromise({ try: send, catch: (error) => new Failed({ error }) })
  const check = (value: number) =>
    Effect.try({ try: () => mustSwap(operation, value), catch: (error) => new Failed({ error }) })
  const program = Effect.gen(function*() {
    const known = yield* Ref.make<number | undefined>(undefined)
    const swap = Effect.gen(function*() {
      const value = (yield* Ref.get(known)) ?? (yield* request((signal) => server.read(signal)))
      yield* Ref.set(known, value)
      if (!(yield* check(value))) return
      yield* request((signal) => server.swap(value, target, signal)).pipe(
        Effect.tapError(({ error }) => error instanceof Conflict ? Ref.set(known, error.actual) : Effect.void)
      )
    })
    yield* Effect.retry(swap, {
      schedule: Schedule.jittered(Schedule.exponential("50 millis")),
      times: 10,
      while: ({ error }) => !(error instanceof Refused)
    })
  })
  const running = Effect.runPromiseExit(program, { signal: operation.signal })
  return listen(running.then((exit) => {
    if (Exit.isSuccess(exit)) return
    throw Cause.hasInterruptsOnly(exit.cause)
      ? new Canceled()
      : Option.getOrThrow(Cause.findErrorOption(exit.cause)).error
  }))
}

export const installed: ReadonlyArray<readonly [name: string, engine: Engine]> = [
  ["p-retry", promiseRetry],
  ["cockatiel", cockatiel],
  ["async-retry", asyncRetry],
  ["Effect.retry and a Ref", effectRetry]
]
