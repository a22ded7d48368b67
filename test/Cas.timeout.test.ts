import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Schedule } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"

const policy = Cas.Policy.make({
  attemptTimeout: "1 second",
  transient: Schedule.upTo(Schedule.spaced(0), { times: 1 })
})

const registerOf = (swap: Effect.Effect<Cas.Outcome<string>>): Cas.Register<string> => ({
  equals: (a, b) => a === b,
  swap: () => swap
})

const operation = (swap: Effect.Effect<Cas.Outcome<string>>) =>
  Cas.run(registerOf(swap), Cas.handover("alice", "bob"), { policy })

/** A request that is never answered, and takes half a second to stop; what happened to it, and when. */
const silent = () => {
  const log: Array<string> = []
  const note = (what: string) =>
    Effect.clockWith((clock) => Effect.sync(() => void log.push(`${what} ${clock.currentTimeMillisUnsafe()}`)))
  const stop = Effect.andThen(Effect.sleep(500), note("stopped"))
  return { log, note, request: Effect.andThen(note("sent"), Effect.onInterrupt(Effect.never, () => stop)) }
}

describe("a request that is given up", () => {
  it.effect("has stopped before the next is sent", () =>
    Effect.gen(function*() {
      const { log, note, request } = silent()
      const fiber = yield* Effect.forkChild(Effect.andThen(Effect.exit(operation(request)), note("ended")))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(log, ["sent 0", "stopped 1500", "sent 1500", "stopped 3000", "ended 3000"])
    }))

  it.effect("has stopped before an interruption of the operation is over", () =>
    Effect.gen(function*() {
      const { log, note, request } = silent()
      const fiber = yield* Effect.forkChild(operation(request))
      yield* TestClock.adjust(100)
      const interruption = yield* Effect.forkChild(Effect.andThen(Fiber.interrupt(fiber), note("interrupted")))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(log, ["sent 0", "stopped 600", "interrupted 600"])
    }))

  it.effect("is given up in a region that cannot be interrupted too", () =>
    Effect.gen(function*() {
      const { log, note, request } = silent()
      const whole = Effect.andThen(Effect.exit(operation(request)), note("ended"))
      const fiber = yield* Effect.forkChild(Effect.uninterruptible(whole))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.strictEqual(log.at(-1), "ended 3000")
    }))

  it.effect("is stopped by an interruption that comes while it is being sent", () =>
    Effect.gen(function*() {
      const { log, request } = silent()
      const fiber: Fiber.Fiber<Exit.Exit<unknown, unknown>> = yield* Effect.forkChild(
        Effect.exit(operation(Effect.suspend(() => {
          fiber.interruptUnsafe()
          return request
        })))
      )
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      assert.deepStrictEqual(log, ["sent 0", "stopped 500"])
    }))
})

describe("a request that is answered at once", () => {
  it.effect("starts no timer", () =>
    Effect.gen(function*() {
      let sleeps = 0
      const counted = Effect.clockWith((clock) =>
        Effect.provideService(operation(Effect.sync(() => Cas.applied)), Clock.Clock, {
          ...clock,
          sleep: (duration) =>
            Effect.suspend(() => {
              sleeps++
              return clock.sleep(duration)
            })
        })
      )
      const report = yield* counted
      assert.strictEqual(report.outcome, "swapped")
      assert.strictEqual(sleeps, 0)
    }))
})
