/**
 * Under any schedule of calls, revocations, faults of the store, deaths and clocks of processes no call fails, and without faults
 * and deaths no token is requested twice.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Effect, Exit, type Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as TokenPods from "./fixtures/tokenPods.ts"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const minutes = 60_000

const Who = { pod: upTo(3) }

const Step = Schema.TaggedUnion({
  Call: { ...Who, fibers: upTo(2) },
  CallAll: {},
  Revoke: {},
  Wait: { millis: Schema.Union([upTo(500), upTo(10_000), upTo(10 * minutes), upTo(100 * minutes)]) },
  Start: { ...Who, ahead: Schema.Int.check(Schema.isBetween({ minimum: -5, maximum: 5 })) }
})

const Trouble = Schema.TaggedUnion({
  Kill: Who,
  StoreFault: { fault: Schema.Literals(TokenPods.storeFaults), times: upTo(6) },
  StoreDown: { fault: Schema.Literals(TokenPods.storeFaults), millis: upTo(20_000) }
})

/** Milliseconds of a request. */
const latency = 100

type Step = typeof Step.Type | typeof Trouble.Type

/** So long a process keeps a token that replaced a rejected one. */
const fresh = 31_000

const run = (steps: ReadonlyArray<Step>) =>
  Effect.gen(function*() {
    const world = yield* TokenPods.make({ latency })
    let started = 0
    const startOne = (ahead: number) => world.start(`pod ${started++}`, { ahead: ahead * minutes })
    const pods = yield* Effect.forEach([0, 5, -5, 0], startOne)
    const dead = new Set<string>()
    const running: Array<{
      readonly name: string
      readonly startedAt: number
      readonly fiber: Fiber.Fiber<Exit.Exit<number, unknown>>
    }> = []
    const revocations: Array<number> = []

    const call = Effect.fnUntraced(function*({ call, name }: TokenPods.Pod) {
      const startedAt = yield* Clock.currentTimeMillis
      const ended = Effect.exit(Effect.andThen(call, Clock.currentTimeMillis))
      running.push({ name, startedAt, fiber: yield* Effect.forkChild(ended, { startImmediately: true }) })
    })
    const podOf = (pod: number) => pods[pod] ?? assert.fail()

    for (const step of steps) {
      switch (step._tag) {
        case "Call":
          for (let n = 0; n <= step.fibers; n++) yield* call(podOf(step.pod))
          break
        case "CallAll":
          for (const pod of pods) yield* call(pod)
          break
        case "Revoke":
          revocations.push(yield* Clock.currentTimeMillis)
          yield* world.simulator.rejectTokens
          break
        case "Wait":
          yield* TestClock.adjust(step.millis)
          break
        case "Start":
          pods[step.pod] = yield* startOne(step.ahead)
          break
        case "Kill":
          dead.add(podOf(step.pod).name)
          yield* podOf(step.pod).kill
          pods[step.pod] = yield* startOne(0)
          break
        case "StoreFault":
          world.store.faults.push(...Array.from({ length: step.times }, () => step.fault))
          break
        case "StoreDown":
          world.store.mode = step.fault
          yield* Effect.forkChild(Effect.delay(Effect.sync(() => world.store.mode = undefined), step.millis))
      }
    }
    yield* TestClock.adjust("1 minute")
    const until = yield* Clock.currentTimeMillis

    const wrong: Array<string> = []
    const succeeded = new Map<string, number>()
    for (const { fiber, name, startedAt } of running) {
      if (dead.has(name)) continue
      const exit = fiber.pollUnsafe()
      if (exit === undefined || Exit.isFailure(exit)) {
        wrong.push(`a call of ${name} at ${startedAt} does not end`)
      } else if (Exit.isSuccess(exit.value)) {
        succeeded.set(name, exit.value.value)
        if (exit.value.value - startedAt > 20_000) wrong.push(`a call of ${name} at ${startedAt} took too long`)
      } else {
        // One call is repeated with one other token, and that one is not replaced while it is fresh.
        const last = succeeded.get(name) ?? 0
        const isExcused = String(exit.value.cause).includes("TokenRejected")
          && (startedAt < last + fresh || revocations.filter((at) => at >= last - latency).length >= 2)
        if (!isExcused) wrong.push(`a call of ${name} at ${startedAt} failed: ${exit.value.cause}`)
      }
    }

    // Whatever happened, the processes that are left share the next token.
    world.store.mode = undefined
    world.store.faults.length = 0
    yield* TestClock.adjust(fresh)
    yield* TokenPods.elapse(pods.map((pod) => Effect.exit(pod.call)))
    // The first revocation ends the tokens that a process has requested for itself alone. In the middle of a renewal it ends
    // two, the old one and the new one: a call that meets both fails, and that of a later revocation, too, if it was the only one in between.
    for (let n = 0; n < 2; n++) {
      yield* TokenPods.elapse(pods.map((pod) => Effect.exit(pod.call)))
      yield* TestClock.adjust(fresh)
      yield* world.simulator.rejectTokens
    }
    const before = yield* world.mints
    yield* TokenPods.elapse(pods.map((pod) => Effect.exit(pod.call)))
    yield* TestClock.adjust(fresh)
    yield* TokenPods.elapse(pods.map((pod) => pod.call))
    const sharedBy = (yield* world.mints) - before
    if (sharedBy > 1) wrong.push(`the next token was requested ${sharedBy} times`)
    const tokens = (yield* world.simulator.tokensMinted).length
    return { wrong, mints: before, tokens, revocations: revocations.length, until }
  })

describe("processes that share tokens", () => {
  it.effect.prop(
    "fail no call under any schedule of faults and deaths, and share the next token",
    { steps: Arbitrary.array(Arbitrary.schema(Schema.Union([Step, Trouble])), { maxLength: 30 }) },
    ({ steps }) =>
      Effect.gen(function*() {
        const { wrong } = yield* Effect.scoped(run(steps))
        assert.strictEqual(wrong.join("\n"), "")
      }),
    { arbitrary: { runs: 100 }, timeout: 300_000 }
  )

  it.effect.prop(
    "request each token once, and again at most once before its last half hour, whatever their clocks say",
    { steps: Arbitrary.array(Arbitrary.schema(Step), { maxLength: 30 }) },
    ({ steps }) =>
      Effect.gen(function*() {
        const { mints, revocations, tokens, until, wrong } = yield* Effect.scoped(run(steps))
        assert.strictEqual(wrong.join("\n"), "")
        assert.isAtMost(tokens, 2 + revocations + Math.floor(until / (85 * minutes)) + 1)
        assert.isAtMost(mints, 2 * tokens)
      }),
    { arbitrary: { runs: 100 }, timeout: 300_000 }
  )
})
