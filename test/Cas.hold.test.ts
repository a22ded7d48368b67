/**
 * What the engine makes of attempts that wait before their request leaves.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Duration, Effect, Exit, Fiber, Option, Schedule } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"

/** Every swap is held for so many milliseconds; its answer takes ten more. `sent` has the times of departure. */
const heldFor = (millis: number, answers: ReadonlyArray<Cas.Outcome<string>> = []) => {
  const sent: Array<number> = []
  const left = [...answers]
  const request = Effect.clockWith((clock) =>
    Effect.suspend(() => {
      sent.push(clock.currentTimeMillisUnsafe())
      return Effect.delay(Effect.succeed(left.shift() ?? Cas.applied), 10)
    })
  )
  const register: Cas.Register<string> = {
    equals: (a, b) => a === b,
    swap: () => Effect.andThen(Cas.hold(Effect.sleep(millis)), request)
  }
  return { register, request, sent }
}

const swapping = (swap: Effect.Effect<Cas.Outcome<string>>): Cas.Register<string> => ({
  equals: (a, b) => a === b,
  swap: () => swap
})

type Settings = Parameters<typeof Cas.Policy.make<string>>[0]

const start = (
  register: Cas.Register<string>,
  settings: Settings = {},
  options: Omit<Cas.Options<string>, "policy"> = {},
  intent: Cas.Intent<string> = Cas.handover("alice", "bob")
) => Effect.forkChild(Cas.run(register, intent, { hint: "alice", policy: Cas.Policy.make(settings), ...options }))

/** Runs an operation to its end. */
const run = (...args: Parameters<typeof start>) =>
  Effect.gen(function*() {
    const fiber = yield* start(...args)
    yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  })

const answersOf = ({ attempts }: Cas.Report<string> | Cas.FailureReport<string>) =>
  attempts.map(({ answer, at, took }) => [answer._tag, Duration.toMillis(at), Duration.toMillis(took)])

const exhausted = (error: Cas.CasError<string>) => {
  assert(error._tag === "CasExhausted")
  return error
}

describe("outside an operation", () => {
  it.effect("hold changes nothing", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Cas.hold(Effect.succeed(1)), 1)
      assert.strictEqual(yield* Effect.flip(Cas.hold(Effect.fail("no token"))), "no token")
    }))
})

describe("an attempt that is held", () => {
  it.effect("may wait longer than its timeout, which begins when the request leaves", () =>
    Effect.gen(function*() {
      const { register, sent } = heldFor(5_000)
      const report = yield* run(register, { attemptTimeout: "1 second" })
      assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied", swaps: 1 })
      assert.deepStrictEqual(answersOf(report), [["Applied", 5_000, 10]])
      assert.deepStrictEqual(sent, [5_000])
    }))

  it.effect("is cut by its timeout once the request has left", () =>
    Effect.gen(function*() {
      const swap = Effect.andThen(Cas.hold(Effect.sleep(5_500)), Effect.never)
      const error = exhausted(
        yield* Effect.flip(run(swapping(swap), { attemptTimeout: "1 second", transient: Schedule.recurs(0) }))
      )
      assert.deepInclude<object>(error, { limit: "transients" })
      assert.strictEqual(error.report.effect, "unknown")
      assert.deepStrictEqual(answersOf(error.report), [["Unknown", 5_500, 1_000]])
    }))

  it.effect.each(
    [
      ["for too long", Effect.sleep("30 seconds")],
      ["for ever", Effect.never],
      ["where nothing can be interrupted", Effect.uninterruptible(Effect.sleep("30 seconds"))]
    ] as const
  )("%s is unsent at the deadline, less the least time of an attempt", ([, waiting]) =>
    Effect.gen(function*() {
      const { request, sent } = heldFor(0)
      const error = exhausted(
        yield* Effect.flip(run(swapping(Effect.andThen(Cas.hold(waiting), request)), {
          deadline: "10 seconds",
          minAttempt: "1 second",
          transient: Schedule.recurs(0)
        }))
      )
      assert.strictEqual(error.limit, "deadline")
      assert.deepInclude<object>(error.report, { effect: "none", swaps: 0 })
      assert.strictEqual(error.report.attempts[0]?.answer._tag, "Unsent")
      assert.deepStrictEqual(sent, [])
    }))

  it.effect("does not leave after the deadline, even if nothing of the swap can be interrupted", () =>
    Effect.gen(function*() {
      const { register, sent } = heldFor(30_000)
      const swap = Effect.uninterruptible(register.swap("alice", "bob"))
      const error = exhausted(yield* Effect.flip(run(swapping(swap), { deadline: "10 seconds" })))
      assert.strictEqual(error.report.effect, "none")
      assert.deepStrictEqual(sent, [])
    }))

  it.effect("may leave at the last moment that leaves the least time of an attempt, and not later", () =>
    Effect.gen(function*() {
      const settings = { deadline: "10 seconds", minAttempt: "1 second" } as const
      assert.strictEqual((yield* run(heldFor(9_000).register, settings)).effect, "applied")
      const { register, sent } = heldFor(9_001)
      assert.strictEqual((yield* Effect.flip(run(register, settings)))._tag, "CasExhausted")
      assert.deepStrictEqual(sent, [])
    }))

  it.effect("without deadline and timeout waits as long as it takes", () =>
    Effect.gen(function*() {
      const settings = { deadline: Duration.infinity, attemptTimeout: Duration.infinity }
      const { register, sent } = heldFor(50_000)
      assert.strictEqual((yield* run(register, settings)).outcome, "swapped")
      assert.deepStrictEqual(sent, [50_000])
    }))

  it.effect.each(["abort", "drain"] as const)(
    "is cut by an interruption, and nothing is abandoned (%s)",
    (mode) =>
      Effect.gen(function*() {
        const { register, sent } = heldFor(5_000)
        const abandoned: Array<unknown> = []
        // Noted where the engine calls it: the effect that it returns runs detached.
        const onAbandoned = (swap: unknown) => {
          abandoned.push(swap)
          return Effect.void
        }
        const fiber = yield* start(register, { interruption: mode }, { onAbandoned })
        yield* TestClock.adjust("1 second")
        yield* Effect.forkChild(Fiber.interrupt(fiber))
        yield* TestClock.adjust(1)
        const exit = fiber.pollUnsafe()
        yield* TestClock.adjust("1 minute")
        assert.isTrue(exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
        assert.deepStrictEqual(sent, [])
        assert.deepStrictEqual(abandoned, [])
      })
  )

  it.effect.each([["abort", "unknown"], ["drain", "applied"]] as const)(
    "and has left is abandoned by an interruption, whether it is drained or not (%s)",
    ([interruption, effect]) =>
      Effect.gen(function*() {
        const abandoned: Array<unknown> = []
        const fiber = yield* start(heldFor(1_000).register, { interruption }, {
          onAbandoned: (attempt, effect) => Effect.sync(() => void abandoned.push([attempt, effect]))
        })
        yield* TestClock.adjust(1_005)
        yield* Effect.forkChild(Fiber.interrupt(fiber))
        yield* TestClock.adjust("1 second")
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        assert.deepStrictEqual(abandoned, [[{ expected: "alice", desired: "bob" }, effect]])
      })
  )

  it.effect("leaves an earlier swap unknown", () =>
    Effect.gen(function*() {
      let swaps = 0
      const abandoned: Array<unknown> = []
      const swap = Effect.suspend((): Effect.Effect<Cas.Outcome<string>> => {
        swaps++
        return swaps === 1 ? Effect.succeed(Cas.unknown()) : Effect.as(Cas.hold(Effect.never), Cas.applied)
      })
      const fiber = yield* start(swapping(swap), { transient: Schedule.spaced(0) }, {
        onAbandoned: (attempt) => Effect.sync(() => void abandoned.push(attempt))
      })
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(swaps, 2)
      assert.deepStrictEqual(abandoned, [{ expected: "alice", desired: "bob" }])
    }))

  it.effect("fails as what it waits for does", () =>
    Effect.gen(function*() {
      const register: Cas.Register<string, { readonly _tag: "NoToken" }> = {
        equals: (a, b) => a === b,
        swap: () => Cas.hold(Effect.fail({ _tag: "NoToken" }))
      }
      const error = yield* Effect.flip(Cas.run(register, Cas.handover("alice", "bob")))
      assert(error._tag === "NoToken")
      assert.deepStrictEqual(error.report.attempts.map(({ answer }) => answer._tag), ["Terminal"])
    }))
})

describe("a swap that does not leave", () => {
  class NoToken extends Data.TaggedError("NoToken") {}

  it.effect("is no swap of the report, but one for the bound on swaps", () =>
    Effect.gen(function*() {
      const swap = Effect.catch(
        Effect.as(Cas.hold(Effect.fail(new NoToken())), Cas.applied),
        (cause) => Effect.succeed(Cas.unsent({ cause }))
      )
      const error = exhausted(yield* Effect.flip(run(swapping(swap), { transient: Schedule.forever, maxSwaps: 3 })))
      assert.strictEqual(error.limit, "swaps")
      assert.deepInclude<object>(error.report, { effect: "none", swaps: 0, reads: 0 })
      assert.deepStrictEqual(error.report.attempts.map(({ answer, sent }) => [answer._tag, sent]), [
        ["Unsent", false],
        ["Unsent", false],
        ["Unsent", false]
      ])
      assert.include(error.message, "nothing was changed after 0 swaps and 0 reads.")
    }))

  it.effect("is counted apart from one that left and was refused", () =>
    Effect.gen(function*() {
      const { register, sent } = heldFor(10, [Cas.unsent(), Cas.conflict("carol"), Cas.applied])
      const report = yield* run(register, { transient: Schedule.spaced(0) }, {}, Cas.ensure("bob"))
      assert.deepStrictEqual([report.swaps, sent.length], [3, 3])
      // Refused for its token, and cut while it was held for another.
      const swap = Effect.andThen(Cas.hold(Effect.void), Effect.as(Cas.hold(Effect.never), Cas.applied))
      const error = exhausted(yield* Effect.flip(run(swapping(swap), { deadline: "1 second" })))
      assert.deepInclude<object>(error.report, { effect: "none", swaps: 1 })
      assert.include(error.message, "nothing was changed after 1 swap and 0 reads, 1 of them not executed.")
    }))

  it.effect("is counted apart from one that left although its hold had failed", () =>
    Effect.gen(function*() {
      const swap = Effect.andThen(Effect.ignore(Cas.hold(Effect.fail(new NoToken()))), Effect.succeed(Cas.applied))
      assert.strictEqual((yield* run(swapping(swap))).swaps, 1)
    }))

  const boom = new Error("boom")

  /** What is abandoned when an operation ends by a defect. */
  const abandonedBy = (swap: Effect.Effect<Cas.Outcome<string>>) =>
    Effect.gen(function*() {
      const abandoned: Array<string> = []
      const exit = yield* Effect.exit(run(swapping(swap), {}, {
        onAbandoned: (_, effect) => Effect.sync(() => void abandoned.push(effect))
      }))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      return abandoned
    })

  it.effect("since its hold died is not abandoned", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* abandonedBy(Effect.as(Cas.hold(Effect.die(boom)), Cas.applied)), [])
      const again = Effect.andThen(Cas.hold(Effect.void), Effect.as(Cas.hold(Effect.die(boom)), Cas.applied))
      assert.deepStrictEqual(yield* abandonedBy(again), [])
    }))

  it.effect("is not one that left and died, or left although its hold had died", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* abandonedBy(Effect.andThen(Cas.hold(Effect.void), Effect.die(boom))), ["unknown"])
      const handled = Effect.andThen(Effect.exit(Cas.hold(Effect.die(boom))), Effect.die(new Error("another")))
      assert.deepStrictEqual(yield* abandonedBy(handled), ["unknown"])
    }))
})

describe("a request that is refused and held again", () => {
  /** Refused after a second; then held for so long. */
  const refusedThenHeld = (millis: number) => {
    const { request, sent } = heldFor(0)
    const swap = Cas.hold(Effect.sleep(100)).pipe(
      Effect.andThen(Effect.sleep("1 second")),
      Effect.andThen(Cas.hold(Effect.sleep(millis))),
      Effect.andThen(request)
    )
    return { register: swapping(swap), sent }
  }

  it.effect("gets its whole timeout anew", () =>
    Effect.gen(function*() {
      const { register, sent } = refusedThenHeld(5_000)
      const report = yield* run(register, { attemptTimeout: "1100 millis" })
      assert.deepStrictEqual(answersOf(report), [["Applied", 6_100, 10]])
      assert.deepStrictEqual(sent, [6_100])
    }))

  it.effect("is unsent when the second wait does not end in time", () =>
    Effect.gen(function*() {
      const { register, sent } = refusedThenHeld(60_000)
      const error = exhausted(yield* Effect.flip(run(register, { deadline: "10 seconds" })))
      assert.deepInclude<object>(error.report, { effect: "none" })
      assert.deepStrictEqual(sent, [])
    }))

  it.effect.each([0, 60_000])(
    "is unsent when the second wait, of %s ms, begins too late",
    (millis) =>
      Effect.gen(function*() {
        const { register, sent } = refusedThenHeld(millis)
        const settings = {
          deadline: "1150 millis",
          minAttempt: "100 millis",
          attemptTimeout: Duration.infinity
        } as const
        const error = exhausted(yield* Effect.flip(run(register, settings)))
        assert.deepInclude<object>(error.report, { effect: "none" })
        assert.deepStrictEqual(error.report.elapsed, Duration.millis(1_100))
        assert.deepStrictEqual(sent, [])
      })
  )
})

describe("a conflict on a swap that was held", () => {
  it.effect("for longer than a round trip is stale: the schedule is not stepped", () =>
    Effect.gen(function*() {
      const { register, sent } = heldFor(5_000, [Cas.conflict("carol"), Cas.conflict("dave")])
      const settings = { conflict: Schedule.spaced("1 hour"), deadline: "1 day" } as const
      const report = yield* run(register, settings, {}, Cas.ensure("bob"))
      assert.deepInclude<object>(report, { conflicts: { fresh: 0, stale: 2 } })
      assert.deepStrictEqual(sent, [5_000, 10_010, 15_020])
    }))

  it.effect.each([0, 10])("for %s ms, no longer than a round trip, is fresh", (millis) =>
    Effect.gen(function*() {
      const { register } = heldFor(millis, [Cas.conflict("carol"), Cas.conflict("dave")])
      const settings = { conflict: Schedule.spaced("1 second"), deadline: "1 day" } as const
      const report = yield* run(register, settings, {}, Cas.ensure("bob"))
      assert.deepInclude<object>(report, { conflicts: { fresh: 1, stale: 1 }, waited: Duration.seconds(1) })
    }))

  it.effect("is fresh in a first attempt too, when the wait was shorter than the request took", () =>
    Effect.gen(function*() {
      const queue = Cas.makeQueue<string, string>()
      const { register } = heldFor(5, [Cas.appliedWith("carol"), Cas.conflict("dave")])
      const policy = Cas.Policy.make({ conflict: Schedule.spaced("1 second") })
      const first = queue.run("key", register, Cas.ensure("carol"), { hint: "alice" })
      const second = queue.run("key", register, Cas.ensure("bob"), { policy })
      const fiber = yield* Effect.forkChild(Effect.all([first, second], { concurrency: 2 }))
      yield* TestClock.adjust("1 minute")
      const [, report] = yield* Fiber.join(fiber)
      assert.deepInclude<object>(report, { conflicts: { fresh: 1, stale: 0 } })
    }))
})

describe("what runs inside a hold", () => {
  it.effect("is not part of the attempt: what it starts may be held on its own", () =>
    Effect.gen(function*() {
      const background = Effect.forkDetach(Cas.hold(Effect.never), { startImmediately: true })
      const swap = Effect.andThen(Cas.hold(background), Effect.never)
      const error = exhausted(
        yield* Effect.flip(run(swapping(swap), { attemptTimeout: "1 second", transient: Schedule.recurs(0) }))
      )
      assert.strictEqual(error.report.effect, "unknown")
    }))

  it.effect("may be two waits side by side: the request leaves after both", () =>
    Effect.gen(function*() {
      const both = Effect.all([Cas.hold(Effect.sleep(1_000)), Cas.hold(Effect.sleep(3_000))], { concurrency: 2 })
      const { request, sent } = heldFor(0)
      const report = yield* run(swapping(Effect.andThen(both, request)), { attemptTimeout: "1 second" })
      assert.strictEqual(report.effect, "applied")
      assert.deepStrictEqual(sent, [3_000])
    }))

  it.effect("has not left after the first of two waits", () =>
    Effect.gen(function*() {
      const both = Effect.all([Cas.hold(Effect.sleep(1_000)), Cas.hold(Effect.sleep(3_000))], { concurrency: 2 })
      const swap = Effect.as(both, Cas.applied)
      const error = exhausted(yield* Effect.flip(run(swapping(swap), { deadline: "2 seconds" })))
      assert.deepInclude<object>(error.report, { effect: "none", swaps: 0 })
    }))
})

describe("a read that is held", () => {
  it.effect("is unsent at the deadline", () =>
    Effect.gen(function*() {
      const register: Cas.Register<string> = {
        equals: (a, b) => a === b,
        read: Effect.as(Cas.hold(Effect.never), Cas.observed("alice")),
        swap: () => Effect.succeed(Cas.applied)
      }
      const error = exhausted(
        yield* Effect.flip(run(register, { deadline: "10 seconds" }, { hint: undefined }, Cas.ensure("bob")))
      )
      assert.strictEqual(error.limit, "deadline")
      assert.deepStrictEqual(
        Option.map(Option.fromUndefinedOr(error.report.attempts[0]), ({ _tag, answer }) => [
          _tag,
          answer._tag
        ]),
        Option.some(["Read", "Unsent"])
      )
    }))
})
