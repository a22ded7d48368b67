import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Option, Schedule } from "effect"
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

describe("a request that has to be admitted", () => {
  /** Every request waits so many milliseconds for its turn, and then takes ten to be answered. */
  const limited = (wait: number, answers: ReadonlyArray<Cas.Outcome<string>>) => {
    const sent: Array<number> = []
    const left = [...answers]
    const register: Cas.Register<string> = {
      equals: (a, b) => a === b,
      admit: () => Effect.sleep(wait),
      swap: () =>
        Effect.clockWith((clock) =>
          Effect.suspend(() => {
            sent.push(clock.currentTimeMillisUnsafe())
            return Effect.delay(Effect.succeed(left.shift() ?? Cas.applied), 10)
          })
        )
    }
    return { register, sent }
  }

  const run = (
    register: Cas.Register<string>,
    options: Parameters<typeof Cas.Policy.make<string>>[0],
    target: Cas.Intent<string> = Cas.handover("alice", "bob")
  ) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(
        Effect.exit(Cas.run(register, target, { hint: "alice", policy: Cas.Policy.make(options) }))
      )
      yield* TestClock.adjust("1 minute")
      return yield* Fiber.join(fiber)
    })

  it.effect("may wait longer than an attempt may take", () =>
    Effect.gen(function*() {
      const { register, sent } = limited(5_000, [])
      const exit = yield* run(register, { attemptTimeout: "1 second" })
      assert.deepInclude<object>(Exit.isSuccess(exit) ? exit.value : {}, { outcome: "swapped", swaps: 1 })
      assert.deepStrictEqual(sent, [5_000])
    }))

  it.effect("is not sent once the deadline is near, whatever the schedule", () =>
    Effect.gen(function*() {
      for (const wait of [30_000, Number.POSITIVE_INFINITY]) {
        const { register, sent } = limited(wait, [])
        const exit = yield* run(register, { deadline: "10 seconds", transient: Schedule.spaced(0) })
        const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
        assert.deepInclude<object>(error ?? {}, { _tag: "CasExhausted", limit: "deadline" })
        assert.deepInclude<object>(error !== undefined && "report" in error ? error.report : {}, { effect: "none" })
        assert.deepStrictEqual(sent, [])
      }
    }))

  it.effect("that meets a conflict has aged: the schedule is not stepped", () =>
    Effect.gen(function*() {
      const { register, sent } = limited(5_000, [Cas.conflict("carol"), Cas.conflict("dave")])
      const exit = yield* run(register, { conflict: Schedule.spaced("1 hour"), deadline: "1 day" }, Cas.ensure("bob"))
      assert.deepInclude<object>(Exit.isSuccess(exit) ? exit.value : {}, { conflicts: { fresh: 0, stale: 2 } })
      assert.deepStrictEqual(sent, [5_000, 10_010, 15_020])
    }))

  it.effect("that did not have to wait has not", () =>
    Effect.gen(function*() {
      const { register, sent } = limited(0, [Cas.conflict("carol"), Cas.conflict("dave")])
      const exit = yield* run(register, { conflict: Schedule.spaced("1 second"), deadline: "1 day" }, Cas.ensure("bob"))
      assert.deepInclude<object>(Exit.isSuccess(exit) ? exit.value : {}, { conflicts: { fresh: 1, stale: 1 } })
      assert.deepStrictEqual(sent, [0, 10, 1_020])
    }))

  it.effect("can be interrupted while it waits, and leaves nothing in doubt", () =>
    Effect.gen(function*() {
      const { register, sent } = limited(5_000, [])
      const abandoned: Array<unknown> = []
      for (const interruption of ["abort", "drain"] as const) {
        const fiber = yield* Effect.forkChild(Cas.run(register, Cas.ensure("bob"), {
          hint: "alice",
          policy: Cas.Policy.make({ interruption }),
          onAbandoned: (attempt) => Effect.sync(() => void abandoned.push(attempt))
        }))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      }
      assert.deepStrictEqual(sent, [])
      assert.deepStrictEqual(abandoned, [])
    }))
})
