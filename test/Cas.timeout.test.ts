/**
 * The deadline of an operation, and the timeout of an attempt.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Schedule } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { failure, make as scripted, millis, report, run, throttled, withPlain } from "./fixtures/ScriptedRegister.ts"

const { applied, conflict, conflictWithoutState, ensure, observed, Policy } = Cas

describe("the deadline", () => {
  const within = (deadline: Duration.Input, conflictDelay: Duration.Input) =>
    withPlain({ deadline, minAttempt: "100 millis", conflict: Schedule.spaced(conflictDelay) })

  it.effect("lets a wait pass that leaves the least time for an attempt", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([observed("alice"), conflict("carol"), applied], { canRead: true })
      yield* run(Cas.run(register, ensure("bob"), { policy: within("1 second", "900 millis") }))
      assert.deepStrictEqual(calls, ["0 read", "0 alice->bob", "900 carol->bob"])
    }))

  it.effect("ends the operation at once when a wait does not fit, and names the wait", () =>
    Effect.gen(function*() {
      const { register } = scripted([observed("alice"), conflict("carol")], { canRead: true })
      const error = yield* failure(Cas.run(register, ensure("bob"), { policy: within("1 second", "901 millis") }))
      assert.instanceOf(error, Cas.Exhausted)
      assert.strictEqual(error.limit, "deadline")
      assert.include(error.message, "901 ms")
      assert.deepStrictEqual([error.report.elapsed, error.report.waited], [Duration.zero, Duration.zero])
    }))

  it.effect("lets a swap and a read start that have just the least time left", () =>
    Effect.gen(function*() {
      const swap = scripted([{ after: 900, say: observed("alice") }, applied], { canRead: true })
      yield* run(Cas.run(swap.register, ensure("bob"), { policy: within("1 second", 0) }))
      assert.deepStrictEqual(swap.calls, ["0 read", "900 alice->bob"])
      const read = scripted([{ after: 900, say: conflictWithoutState }, observed("bob")], { canRead: true })
      yield* run(Cas.run(read.register, ensure("bob"), { hint: "alice", policy: within("1 second", 0) }))
      assert.deepStrictEqual(read.calls, ["0 alice->bob", "900 read"])
    }))

  it.effect("starts no attempt when it has passed, even if the least time of an attempt is 0", () =>
    Effect.gen(function*() {
      const register: Cas.Register<string> = { equals: Object.is, read: Effect.never, swap: () => Effect.never }
      const policy = Policy.make({ deadline: "1 second", minAttempt: 0, transient: Schedule.recurs(5) })
      const { attempts, elapsed } = yield* report(Cas.run(register, ensure("bob"), { policy }), "CasExhausted")
      assert.deepStrictEqual([attempts.length, elapsed], [1, Duration.seconds(1)])
    }))

  it.effect("is passed by 50 ms at most for a request that cannot be interrupted", () =>
    Effect.gen(function*() {
      const register: Cas.Register<string> = {
        equals: Object.is,
        swap: () => Effect.uninterruptible(Effect.delay(Effect.succeed(applied), "1 minute"))
      }
      const policy = Policy.make({ deadline: "1 second" })
      const operation = Cas.run(register, ensure("bob"), { hint: "alice", policy })
      const { effect, elapsed } = yield* report(operation, "CasExhausted")
      assert.deepStrictEqual([effect, elapsed], ["unknown", Duration.millis(1_050)])
    }))

  it.effect("counts a wait that the server asked for", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([throttled("2 hours")])
      const { elapsed } = yield* report(Cas.run(register, ensure("bob"), { hint: "alice" }), "CasExhausted")
      assert.deepStrictEqual(elapsed, Duration.zero)
      assert.lengthOf(calls, 1)
    }))

  it.effect("is measured from the call, not from the first failure", () =>
    Effect.gen(function*() {
      const script = [{ after: 600, say: observed("alice") }, conflict("carol")]
      const { register } = scripted(script, { canRead: true })
      const error = yield* failure(Cas.run(register, ensure("bob"), { policy: within("1 second", "400 millis") }))
      assert.instanceOf(error, Cas.Exhausted)
      assert.deepStrictEqual([error.limit, error.report.elapsed], ["deadline", Duration.millis(600)])
    }))

  it.effect("is measured on the monotonic clock: setting the wall clock back does not move it", () =>
    Effect.gen(function*() {
      const { register } = scripted([{ after: 600, say: observed("alice") }, conflict("carol")], { canRead: true })
      const fiber = yield* Effect.forkChild(
        Effect.flip(Cas.run(register, ensure("bob"), { policy: within("1 second", "1 millis") }))
      )
      yield* TestClock.adjust(300)
      yield* TestClock.setTime(0)
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.instanceOf(error, Cas.Exhausted)
      assert.deepStrictEqual([error.limit, error.report.elapsed], ["deadline", Duration.millis(900)])
    }))

  it.effect("lets no swap start that has less than the least time left", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([{ after: 901, say: observed("alice") }], { canRead: true })
      const error = yield* failure(Cas.run(register, ensure("bob"), { policy: within("1 second", 0) }))
      assert.instanceOf(error, Cas.Exhausted)
      assert.deepStrictEqual([error.limit, error.report.effect], ["deadline", "none"])
      assert.include(error.message, "Gave up on the value: the deadline of 1 s does not allow another attempt")
      assert.lengthOf(calls, 1)
    }))

  it.effect("lets no read start that has less than the least time left", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([{ after: 950, say: conflictWithoutState }], { canRead: true })
      const error = yield* failure(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: within("1 second", 0) })
      )
      assert.instanceOf(error, Cas.Exhausted)
      assert.deepStrictEqual([error.limit, error.report.reads], ["deadline", 0])
      assert.lengthOf(calls, 1)
    }))

  it.effect("cuts an attempt in flight, whose effect is unknown then", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([{ after: 5_000, say: applied }])
      const error = yield* Effect.flip(run(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: within("1 second", 0) })
      ))
      assert(error._tag === "CasExhausted")
      const { attempts, effect, elapsed } = error.report
      assert.deepStrictEqual([error.limit, effect, elapsed], ["deadline", "unknown", Duration.seconds(1)])
      assert.deepStrictEqual(attempts.map(({ answer }) => answer._tag), ["Unknown"])
      assert.lengthOf(calls, 1)
    }))

  it.effect("cuts an attempt that has no timeout of its own", () =>
    Effect.gen(function*() {
      const { register } = scripted(["silence"])
      const policy = withPlain({ deadline: "1 second", attemptTimeout: Duration.infinity, minAttempt: 0 })
      const error = yield* Effect.flip(run(Cas.run(register, ensure("bob"), { hint: "alice", policy })))
      assert(error._tag === "CasExhausted")
      assert.deepStrictEqual([error.limit, error.report.elapsed], ["deadline", Duration.seconds(1)])
    }))

  it.effect("ends the operation before the transient schedule does", () =>
    Effect.gen(function*() {
      const { register } = scripted([{ after: 950, say: Cas.unknown("gone") }])
      const policy = withPlain({ deadline: "1 second", minAttempt: 100, transient: Schedule.recurs(0) })
      const error = yield* Effect.flip(run(Cas.run(register, ensure("bob"), { hint: "alice", policy })))
      assert.deepInclude<object>(error, { _tag: "CasExhausted", limit: "deadline" })
    }))
})

describe("the attempt timeout", () => {
  it.effect("makes an unanswered swap one of unknown effect", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted(["silence", conflict("bob")])
      const { attempts, effect, outcome } = yield* run(
        Cas.run(register, ensure("bob"), { hint: "alice", policy: withPlain({ attemptTimeout: "1 second" }) })
      )
      assert.deepStrictEqual([outcome, effect], ["converged", "unknown"])
      assert.deepStrictEqual(calls, ["0 alice->bob", "1050 alice->bob"])
      assert.deepStrictEqual(attempts.map(({ answer }) => answer._tag), ["Unknown", "Conflict"])
      assert.deepStrictEqual(millis(attempts.map(({ took }) => took)), [1_000, 0])
    }))

  it.effect("makes an unanswered read be repeated", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted(["silence", observed("bob")], { canRead: true })
      const { effect } = yield* run(
        Cas.run(register, ensure("bob"), { policy: withPlain({ attemptTimeout: "1 second" }) })
      )
      assert.strictEqual(effect, "none")
      assert.deepStrictEqual(calls, ["0 read", "1050 read"])
    }))

  it.effect("stops the request that it gives up", () =>
    Effect.gen(function*() {
      let stopped = 0
      const register: Cas.Register<string> = {
        equals: (a, b) => a === b,
        swap: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => stopped++))
      }
      const policy = withPlain({ attemptTimeout: "1 second", maxSwaps: 2 })
      yield* report(Cas.run(register, ensure("bob"), { hint: "alice", policy }), "CasExhausted")
      assert.strictEqual(stopped, 2)
    }))
})

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

  it.effect("is given up inside an uninterruptible effect too", () =>
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
