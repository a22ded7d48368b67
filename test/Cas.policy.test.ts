/**
 * The ready policies, invalid ones, and policies in words.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option, Pull, Random, Schedule } from "effect"
import { Cas } from "effect-lark-meetings"
import { failure, lost, make as scripted, plain, run, withPlain } from "./fixtures/ScriptedRegister.ts"

const { applied, conflict, ensure, Policy } = Cas

describe("the ready policies", () => {
  const roundTrip = Duration.millis(100)
  const input: Cas.FreshConflict<string> = {
    expected: "alice",
    desired: "bob",
    actual: Option.some("carol"),
    swaps: 1,
    roundTrip
  }

  /** The first delays in milliseconds, the dice always showing a half; short if the schedule ends. */
  const delays = <O, I>(schedule: Schedule.Schedule<O, I>, input: I, count: number) =>
    Effect.gen(function*() {
      const step = yield* Schedule.toStep(schedule)
      const taken: Array<number> = []
      for (let i = 0; i < count; i++) {
        const more = yield* Pull.matchEffect(step(0, input), {
          onSuccess: ([, delay]) => Effect.succeed(taken.push(Duration.toMillis(delay)) > 0),
          onFailure: Effect.failCause,
          onDone: () => Effect.succeed(false)
        })
        if (!more) break
      }
      return taken
    }).pipe(Effect.provideService(Random.Random, { nextDoubleUnsafe: () => 0.5, nextIntUnsafe: () => 1 }))

  it.effect("standard: five swaps back to back, then bursts of three after sleeps that grow with the round trip", () =>
    Effect.gen(function*() {
      const { conflict } = Policy.standard
      assert.deepStrictEqual(yield* delays(conflict, input, 10), [0, 0, 0, 0, 400, 0, 800, 0, 1200, 0])
      assert.strictEqual((yield* delays(conflict, input, 30)).at(-2), 5_000)
      assert.strictEqual((yield* delays(conflict, { ...input, roundTrip: Duration.zero }, 5)).at(-1), 80)
    }))

  it.effect("thrifty: three swaps back to back, then bursts of two after longer sleeps", () =>
    Effect.gen(function*() {
      const { conflict } = Policy.thrifty
      assert.deepStrictEqual(yield* delays(conflict, input, 6), [0, 0, 800, 1600, 2400, 3200])
      assert.strictEqual((yield* delays(conflict, input, 40)).at(-1), 20_000)
    }))

  it.effect("eager: never sleeps between conflicts", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* delays(Policy.eager.conflict, input, 6), [0, 0, 0, 0, 0, 0])
    }))

  it.effect("standard, eager and thrifty: four transient retries, full jitter, doubling", () =>
    Effect.gen(function*() {
      for (const { transient } of [Policy.standard, Policy.eager, Policy.thrifty]) {
        assert.deepStrictEqual(yield* delays(transient, lost, 6), [100, 200, 400, 800])
      }
    }))

  it.effect("once: one swap, no retry of any kind", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* delays(Policy.once.transient, lost, 2), [])
      const contended = scripted([conflict("carol")])
      const first = yield* failure(Cas.run(contended.register, ensure("bob"), { hint: "alice", policy: Policy.once }))
      assert.instanceOf(first, Cas.Exhausted)
      assert.strictEqual(first.limit, "swaps")
      const slow = scripted([lost])
      const second = yield* failure(Cas.run(slow.register, ensure("bob"), { hint: "alice", policy: Policy.once }))
      assert.instanceOf(second, Cas.Exhausted)
      assert.deepStrictEqual([second.limit, second.report.effect], ["transients", "unknown"])
    }))

  it("stand in for what make is not given", () => {
    const { conflict, transient } = Policy.make({ conflict: undefined, transient: undefined })
    assert.strictEqual(conflict, Policy.standard.conflict)
    assert.strictEqual(transient, Policy.standard.transient)
  })

  it("bound every operation: 32 swaps, 30 seconds, 10 seconds an attempt", () => {
    for (const policy of [Policy.standard, Policy.eager, Policy.thrifty, { ...Policy.once, maxSwaps: 32 }]) {
      const { attemptTimeout, deadline, interruption, maxSwaps, minAttempt, onUnknown } = policy
      assert.deepStrictEqual({ attemptTimeout, deadline, interruption, maxSwaps, minAttempt, onUnknown }, {
        attemptTimeout: "10 seconds",
        deadline: "30 seconds",
        interruption: "abort",
        maxSwaps: 32,
        minAttempt: "100 millis",
        onUnknown: undefined
      })
    }
  })
})

describe("an invalid policy", () => {
  const invalid: ReadonlyArray<readonly [keyof Cas.Policy<string>, Partial<Cas.Policy<string>>]> = [
    ["maxSwaps", { maxSwaps: 0 }],
    ["maxSwaps", { maxSwaps: -1 }],
    ["maxSwaps", { maxSwaps: 1.5 }],
    ["maxSwaps", { maxSwaps: Number.NaN }],
    ["maxSwaps", { maxSwaps: Number.POSITIVE_INFINITY }],
    ["deadline", { deadline: 0 }],
    ["deadline", { deadline: -1 }],
    ["deadline", { deadline: Number.NaN }],
    ["deadline", { deadline: Number.NEGATIVE_INFINITY }],
    ["deadline", { deadline: Duration.negate(Duration.seconds(1)) }],
    // Plain JavaScript, or a string that came from a file.
    ["deadline", { deadline: "soon" as Duration.Input }],
    ["deadline", { deadline: "50 millis", minAttempt: "100 millis" }],
    ["minAttempt", { minAttempt: -1 }],
    ["minAttempt", { minAttempt: Number.NaN }],
    ["minAttempt", { minAttempt: Number.POSITIVE_INFINITY }],
    ["attemptTimeout", { attemptTimeout: 0 }],
    ["attemptTimeout", { attemptTimeout: -1 }],
    ["attemptTimeout", { attemptTimeout: Number.NaN }],
    ["attemptTimeout", { attemptTimeout: "10 parsecs" as Duration.Input }]
  ]

  it.effect.each(invalid)(
    "is CasInvalidPolicy, without a request: %s %o",
    ([setting, bounds]) =>
      Effect.gen(function*() {
        const { calls, register } = scripted([], { canRead: true })
        const error = yield* failure(Cas.run(register, ensure("bob"), { policy: { ...plain, ...bounds } }))
        assert.instanceOf(error, Cas.InvalidPolicy)
        assert.strictEqual(error.setting, setting)
        assert.match(error.message, new RegExp(`^${setting} must be a (whole number|positive dur|finite dur)`))
        assert.strictEqual(error.received, String(bounds[setting]))
        assert.deepStrictEqual(calls, [])
      })
  )

  it.effect("is not one with bounds of a millisecond", () =>
    Effect.gen(function*() {
      const { register } = scripted([applied])
      const policy = withPlain({ deadline: 1, attemptTimeout: 1, minAttempt: 1 })
      assert.strictEqual((yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy }))).swaps, 1)
    }))

  it.effect("is not one without bounds in time", () =>
    Effect.gen(function*() {
      const { register } = scripted([applied])
      const policy = withPlain({ deadline: "Infinity", attemptTimeout: Duration.infinity, minAttempt: 0 })
      const { outcome } = yield* run(Cas.run(register, ensure("bob"), { hint: "alice", policy }))
      assert.strictEqual(outcome, "swapped")
    }))
})

describe("describePolicy", () => {
  const longest = Effect.provideService(Random.Random, { nextDoubleUnsafe: () => 1, nextIntUnsafe: () => 1 })
  const described = (
    policy: Cas.Policy<string>,
    options?: { readonly roundTrip?: Duration.Input; readonly steps?: number }
  ) => longest(Cas.describePolicy(policy, { value: "alice", ...options }))

  it.effect("names ten waits of each schedule, and the bounds", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* described(Policy.standard),
        "conflicts: at once, at once, at once, at once, 800 ms, at once, 1.6 s, at once, 2.4 s, at once, …; "
          + "transient: 200 ms, 400 ms, 800 ms, 1.6 s, then give up; at most 32 swaps, 30 s, 10 s an attempt"
      )
    }))

  it.effect("names as many waits as wanted, at the round trip given", () =>
    Effect.gen(function*() {
      const policy = Policy.make({ ...Policy.thrifty, transient: Schedule.recurs(0), maxSwaps: 7 })
      assert.strictEqual(
        yield* described(policy, { steps: 3, roundTrip: "50 millis" }),
        "conflicts: at once, at once, 800 ms, …; transient: give up; at most 7 swaps, 30 s, 10 s an attempt"
      )
    }))

  it.effect("steps the schedules as an operation would: with time that passes, and a count of the swaps", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const conflict = Schedule.tap(
        Schedule.setInputType<Cas.FreshConflict<string>>()(
          Schedule.upTo(Schedule.spaced("400 millis"), { duration: "1 second" })
        ),
        ({ elapsed, input }) => Effect.sync(() => seen.push([elapsed, input]))
      )
      const text = yield* described(Policy.make({ conflict, transient: Schedule.recurs(0) }), { roundTrip: 70 })
      assert.include(text, "conflicts: 400 ms, 400 ms, 400 ms, then give up; transient: give up;")
      const input = (swaps: number) => ({
        expected: "alice",
        desired: "alice",
        actual: Option.none(),
        swaps,
        roundTrip: Duration.millis(70)
      })
      assert.deepStrictEqual(seen, [[0, input(1)], [400, input(2)], [800, input(3)]])
    }))

  it.effect("fails as a schedule fails", () =>
    Effect.gen(function*() {
      const broke = Schedule.modifyDelay(Schedule.forever, () => Effect.fail("broke"))
      const policy = Policy.make({ transient: broke })
      assert.strictEqual(yield* Effect.flip(Cas.describePolicy(policy, { value: "alice" })), "broke")
    }))

  it.effect("with an invalid bound is CasInvalidPolicy", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(described({ ...Policy.standard, maxSwaps: 0 }))
      assert.strictEqual(error.setting, "maxSwaps")
    }))
})
