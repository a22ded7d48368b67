/**
 * One operation, on a right hint, without any wait between attempts.
 */
import { handleAll, retry } from "cockatiel"
import { Cas } from "effect-lark-meetings"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import pRetry from "p-retry"
import type { Register } from "./Register.ts"

/** So many operations, one after the other. */
export type Batch = (register: Register, operations: number, conflicts: number) => Promise<void>

class Conflict extends Error {}

const promises =
  (operate: (register: Register, hint: number, desired: number) => Promise<void>): Batch =>
  async (register, operations, conflicts) => {
    for (let i = 0; i < operations; i++) {
      register.begin(conflicts)
      await operate(register, register.value(), -i - 1)
    }
  }

const effects =
  (operate: (register: Register, hint: number, desired: number) => Effect.Effect<unknown, unknown>): Batch =>
  (register, operations, conflicts) =>
    Effect.runPromise(Effect.gen(function*() {
      for (let i = 0; i < operations; i++) {
        register.begin(conflicts)
        yield* operate(register, register.value(), -i - 1)
      }
    }))

/** A user's callback: takes the value from the conflict. */
const attempts = (register: Register, hint: number, desired: number) => {
  let expected = hint
  return async () => {
    const actual = register.swap(expected, desired)
    if (actual === undefined) return
    expected = actual
    throw new Conflict()
  }
}

const byHand = promises(async (register, hint, desired) => {
  let expected: number | undefined = hint
  while (expected !== undefined) expected = await Promise.resolve(register.swap(expected, desired))
})

const promiseRetry = promises((register, hint, desired) =>
  pRetry(attempts(register, hint, desired), { retries: 100, minTimeout: 0 })
)

const policy = retry(handleAll, { maxAttempts: 100 })
const cockatiel = promises((register, hint, desired) => policy.execute(attempts(register, hint, desired)))

class Changed extends Data.TaggedError("Changed")<{ readonly actual: number }> {}

const effectRetry = effects((register, hint, desired) =>
  Effect.flatMap(Ref.make(hint), (known) =>
    Ref.get(known).pipe(
      Effect.flatMap((expected) => {
        const actual = register.swap(expected, desired)
        return actual === undefined ? Effect.void : Effect.fail(new Changed({ actual }))
      }),
      Effect.tapError(({ actual }) => Ref.set(known, actual)),
      Effect.retry(Schedule.recurs(100))
    ))
)

type Run = (
  register: Cas.Register<number>,
  intent: Cas.Intent<number>,
  options: Cas.Options<number>
) => Effect.Effect<unknown, unknown>

const ours = (run: Run, policy: Cas.Policy<number> = Cas.Policy.eager): Batch =>
  effects((register, hint, desired) => {
    const cas: Cas.Register<number> = {
      equals: (a, b) => a === b,
      swap: (expected, desired) =>
        Effect.sync(() => {
          const actual = register.swap(expected, desired)
          return actual === undefined ? Cas.applied : Cas.conflict(actual)
        })
    }
    return run(cas, Cas.ensure(desired), { hint, policy })
  })

const queue = Cas.makeQueue<string, number>()
const alone: Run = (register, intent, options) => Cas.run(register, intent, options)
const queued: Run = (register, intent, options) => queue.run("key", register, intent, options)

export const engines = {
  "by hand": byHand,
  "cockatiel": cockatiel,
  "Effect.retry and a Ref": effectRetry,
  "p-retry": promiseRetry,
  "ours": ours(alone),
  "ours, no attempt timeout": ours(alone, Cas.Policy.make({ ...Cas.Policy.eager, attemptTimeout: Duration.infinity })),
  "ours, in a queue": ours(queued)
} satisfies Record<string, Batch>
