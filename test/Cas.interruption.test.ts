/**
 * Interruptions and defects.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Schedule } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { type Gone, lost, make as scripted, plain, throttled, withPlain } from "./fixtures/ScriptedRegister.ts"

const { applied, conflict, ensure, handover, observed, Policy } = Cas

describe("interruption", () => {
  const swap = { expected: "alice", desired: "bob" }

  /** Interrupts after 50 ms; the exit, when it came, and what was reported abandoned. */
  const interrupted = (
    register: Cas.Register<string, Gone>,
    policy: Cas.Policy<string>,
    options: { readonly hint?: string } = { hint: "alice" }
  ) =>
    Effect.gen(function*() {
      const abandoned: Array<unknown> = []
      const effects: Array<string> = []
      const fiber = yield* Cas.run(register, ensure("bob"), {
        ...options,
        policy,
        onAbandoned: (attempt, effect) =>
          Effect.sync(() => {
            abandoned.push(attempt)
            effects.push(effect)
          })
      }).pipe(Effect.forkChild)
      yield* TestClock.adjust(50)
      const clock = yield* TestClock.testClockWith(Effect.succeed)
      const done = yield* Effect.forkChild(
        Effect.map(Fiber.interrupt(fiber), () => clock.currentTimeMillisUnsafe())
      )
      yield* TestClock.adjust("1 hour")
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      return { at: yield* Fiber.join(done), abandoned, effects }
    })

  it.effect("of a sleep takes effect at once, without another call, and abandons nothing", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([throttled("10 seconds")])
      assert.deepStrictEqual(yield* interrupted(register, plain), { at: 50, abandoned: [], effects: [] })
      assert.lengthOf(calls, 1)
    }))

  it.effect("of a read abandons nothing", () =>
    Effect.gen(function*() {
      const { register } = scripted(["silence"], { canRead: true })
      assert.deepStrictEqual(yield* interrupted(register, plain, {}), { at: 50, abandoned: [], effects: [] })
    }))

  it.effect("of a swap in flight calls onAbandoned with it once, and is not success", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([{ after: 100, say: applied }])
      assert.deepStrictEqual(yield* interrupted(register, plain), { at: 50, abandoned: [swap], effects: ["unknown"] })
      assert.lengthOf(calls, 1)
    }))

  it.effect("of a swap in flight calls onAbandoned without an attempt timeout too", () =>
    Effect.gen(function*() {
      const { register } = scripted([{ after: 100, say: applied }])
      const policy = withPlain({ attemptTimeout: "Infinity" })
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 50, abandoned: [swap], effects: ["unknown"] })
    }))

  it.effect("that drains lets the swap in flight end, and no other begin", () =>
    Effect.gen(function*() {
      const { calls, register } = scripted([{ after: 100, say: conflict("carol") }])
      const policy = withPlain({ interruption: "drain" })
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 100, abandoned: [], effects: [] })
      assert.lengthOf(calls, 1)
    }))

  it.effect("that drains lets the swap in flight end without an attempt timeout too", () =>
    Effect.gen(function*() {
      const { register } = scripted([{ after: 100, say: applied }])
      const policy = withPlain({ interruption: "drain", attemptTimeout: "Infinity" })
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 100, abandoned: [swap], effects: ["applied"] })
    }))

  it.effect("that drains waits no longer than the attempt timeout", () =>
    Effect.gen(function*() {
      const { register } = scripted(["silence"])
      const policy = withPlain({ interruption: "drain", attemptTimeout: "1 second" })
      assert.strictEqual((yield* interrupted(register, policy)).at, 1_000)
    }))

  it.effect("that drains does not hold a sleep", () =>
    Effect.gen(function*() {
      const { register } = scripted([throttled("10 seconds")])
      const policy = withPlain({ interruption: "drain" })
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 50, abandoned: [], effects: [] })
    }))

  it.effect("of a sleep after a lost reply calls onAbandoned with the unknown swap", () =>
    Effect.gen(function*() {
      const { register } = scripted([lost])
      const policy = withPlain({ transient: Schedule.spaced("10 seconds") })
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 50, abandoned: [swap], effects: ["unknown"] })
    }))

  it.effect("of a sleep calls onAbandoned with the unknown swap even after a conflict with a third value", () =>
    Effect.gen(function*() {
      const { register } = scripted([
        throttled(0),
        { after: 10, say: lost },
        conflict("carol"),
        throttled("10 seconds")
      ])
      const policy = withPlain({ transient: Schedule.spaced(1) })
      // The lost swap may have put its value there before carol came.
      assert.deepStrictEqual(yield* interrupted(register, policy), { at: 50, abandoned: [swap], effects: ["unknown"] })
    }))

  it.effect.each(["1 minute", Duration.infinity] as const)(
    "that drains does not interrupt what is interruptible in the register (attempt timeout %s)",
    (attemptTimeout) =>
      Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const proceed = yield* Deferred.make<void>()
        let isWritten = false
        const register: Cas.Register<string> = {
          equals: (a, b) => a === b,
          swap: () =>
            Deferred.succeed(asked, undefined).pipe(
              Effect.andThen(Deferred.await(proceed)),
              Effect.andThen(Effect.sync(() => {
                isWritten = true
                return applied
              })),
              Effect.interruptible
            )
        }
        const policy = withPlain({ interruption: "drain", attemptTimeout })
        const fiber = yield* Effect.forkChild(Cas.run(register, handover("alice", "bob"), { policy }))
        yield* Deferred.await(asked)
        yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
        yield* Deferred.succeed(proceed, undefined)
        yield* Fiber.await(fiber)
        assert.isTrue(isWritten)
      })
  )

  it.effect.each([0, 5])(
    "that drains sends nothing more: not the swap in flight again, with a token that takes %s ms",
    (millis) =>
      Effect.gen(function*() {
        const sent: Array<string> = []
        const request = (token: string) => Effect.delay(Effect.sync(() => sent.push(token)), 60)
        const register: Cas.Register<string, Gone> = {
          equals: (a, b) => a === b,
          swap: () =>
            Cas.hold(Effect.void).pipe(
              Effect.andThen(request("old")),
              Effect.andThen(Cas.hold(Effect.sleep(millis))),
              Effect.andThen(request("new")),
              Effect.as(applied)
            )
        }
        const policy = withPlain({ interruption: "drain" })
        assert.deepStrictEqual(yield* interrupted(register, policy), { at: 60, abandoned: [], effects: [] })
        assert.deepStrictEqual(sent, ["old"])
      })
  )

  it.effect("after the operation has ended, well or not, abandons nothing, though its caller gets no report", () =>
    Effect.gen(function*() {
      for (const transient of [Schedule.spaced(0), Schedule.recurs(0)]) {
        const { calls, register } = scripted([lost, conflict("bob")])
        const operation = Cas.run(register, ensure("bob"), {
          hint: "alice",
          policy: withPlain({ transient }),
          onAbandoned: () => Effect.sync(() => void calls.push("abandoned"))
        })
        const fiber = yield* Effect.forkChild(Effect.andThen(Effect.exit(operation), Effect.never))
        yield* TestClock.adjust(50)
        const sent = calls.length
        yield* Fiber.interrupt(fiber)
        assert.lengthOf(calls, sent)
        assert.notInclude(calls, "abandoned")
      }
    }))

  it.effect("that drains calls onAbandoned with a swap that stays unknown", () =>
    Effect.gen(function*() {
      const { register } = scripted(["silence"])
      const policy = withPlain({ interruption: "drain", attemptTimeout: "1 second" })
      assert.deepStrictEqual(yield* interrupted(register, policy), {
        at: 1_000,
        abandoned: [swap],
        effects: ["unknown"]
      })
    }))

  it.effect("inside the register is not success either", () =>
    Effect.gen(function*() {
      const register: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Effect.interrupt }
      const exit = yield* Effect.exit(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    }))
})

describe("a defect", () => {
  const boom = new Error("boom")

  it.effect("in the register, the intent or the schedule passes through", () =>
    Effect.gen(function*() {
      const equals = (a: string, b: string) => a === b
      const dying: Cas.Register<string> = { equals, swap: () => Effect.die(boom) }
      const throwing: Cas.Register<string> = {
        equals,
        swap: () => {
          throw boom
        }
      }
      const undecided: Cas.Intent<string> = {
        ...ensure("bob"),
        decide: () => {
          throw boom
        }
      }
      const { register } = scripted([observed("alice"), conflict("carol")], { canRead: true })
      const exits = [
        yield* Effect.exit(Cas.run(dying, ensure("bob"), { hint: "alice" })),
        yield* Effect.exit(Cas.run(throwing, ensure("bob"), { hint: "alice" })),
        yield* Effect.exit(Cas.run(dying, undecided, { hint: "alice" })),
        yield* Effect.exit(Cas.run(register, ensure("bob"), {
          policy: Policy.make({ conflict: Schedule.modifyDelay(Schedule.forever, () => Effect.die(boom)) })
        }))
      ]
      for (const exit of exits) {
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause) && Cause.squash(exit.cause) === boom)
      }
    }))
})
