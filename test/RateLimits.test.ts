import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Exit, Fiber, Layer, Schema, Scope, Semaphore } from "effect"
import { RateLimits } from "effect-lark-meetings"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { queryObjects } from "node:v8"
import { admission, densest } from "./fixtures/sharedLimits.ts"
import { wallClock } from "./fixtures/wallClock.ts"

const inForce = Effect.map(RateLimits.RateLimits, (limits) => limits ?? assert.fail("no limits are in force"))

const now = Effect.clockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))

/** When each request was admitted, in milliseconds from the start. */
const admitted = (admissions: ReadonlyArray<RateLimits.Admission>, wait: Duration.Input) =>
  Effect.gen(function*() {
    const limits = yield* inForce
    const times: Array<{ readonly fairnessKey: string; readonly at: number }> = []
    const fiber = yield* Effect.forkChild(Effect.forEach(
      admissions,
      (admission) =>
        limits.admit(admission).pipe(
          Effect.andThen(now),
          Effect.map((at) => times.push({ fairnessKey: admission.fairnessKey, at }))
        ),
      { concurrency: "unbounded", discard: true }
    ))
    yield* TestClock.adjust(wait)
    yield* Fiber.interrupt(fiber)
    return times
  })

const memory = Effect.provide(RateLimits.layerMemory)

const on = (store: Layer.Layer<RateLimiter.RateLimiterStore>) =>
  Effect.provide(RateLimits.layer({ pods: 1 }).pipe(Layer.provide(RateLimiter.layer), Layer.provide(store)))

/** How much later than others a request may arrive, in milliseconds. */
const jitter = 250

describe("a burst", () => {
  it.effect("of 2,000 requests stays within both limits of tier 4 and uses most of them", () =>
    Effect.gen(function*() {
      const times = (yield* admitted(Array.from({ length: 2_000 }, () => admission()), "3 minutes")).map(({ at }) => at)
      assert.lengthOf(times, 2_000)
      assert.isAtMost(densest(times, 1_000 + jitter), 50)
      assert.isAtMost(densest(times, 60_000 + jitter), 1_000)
      assert.isAtLeast(times.filter((at) => at < 60_000).length, 900)
    }).pipe(memory))

  it.effect.prop(
    "of any size stays within any limit, wherever its window starts and however unevenly its requests arrive",
    {
      requests: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 })),
      seconds: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 })),
      burst: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 150 }))
    },
    ({ burst, requests, seconds }) =>
      Effect.gen(function*() {
        const limits = [{ requests, window: Duration.seconds(seconds) }]
        const all = Duration.seconds(seconds * (2 + burst / requests) * 2)
        const times = (yield* admitted(Array.from({ length: burst }, () => admission({ limits })), all)).map(({ at }) =>
          at
        )
        assert.lengthOf(times, burst)
        assert.isAtMost(densest(times, seconds * 1_000 + jitter), requests)
      }).pipe(memory)
  )
})

describe("the rate limiter", () => {
  it.effect("counts by endpoint, app and tenant", () =>
    Effect.gen(function*() {
      const others = [
        admission(),
        admission({ endpoint: "e" }),
        admission({ app: "cli_b" }),
        admission({ tenant: "t" })
      ]
      const times = yield* admitted(others.flatMap((each) => Array.from({ length: 5 }, () => each)), 0)
      assert.lengthOf(times, 20)
    }).pipe(memory))

  it.effect("admits meetings round-robin", () =>
    Effect.gen(function*() {
      const calls = [
        ...Array.from({ length: 500 }, () => admission({ fairnessKey: "busy" })),
        admission({ fairnessKey: "quiet" })
      ]
      const times = yield* admitted(calls, "1 minute")
      assert.isBelow(times.findIndex(({ fairnessKey }) => fairnessKey === "quiet"), 10)
    }).pipe(memory))

  it.effect(
    "admits 99 meetings before the rest of a burst of 10,000, half of it for one other",
    () =>
      Effect.gen(function*() {
        const busy = Array.from({ length: 5_000 }, () => admission({ fairnessKey: "busy" }))
        const others = Array.from({ length: 5_000 }, (_, n) => admission({ fairnessKey: `${n % 99}` }))
        const times = yield* admitted([...busy, ...others], "7 minutes")
        const keys = times.map(({ fairnessKey }) => fairnessKey)
        assert.isAtMost(keys.findLastIndex((key) => key !== "busy"), 5_100)
        // After half of the admissions each meeting has had half of its own.
        const half = keys.slice(0, 2_600)
        for (let n = 0; n < 99; n++) {
          assert.isAtLeast(half.filter((key) => key === `${n}`).length, 25)
        }
      }).pipe(memory)
  )

  it.effect("admits the burst of one meeting among others that keep arriving", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      const others = Array.from({ length: 10 }, (_, n) =>
        limits.admit(admission({ fairnessKey: `${n}` })).pipe(Effect.delay(40)))
      yield* Effect.forkChild(
        Effect.all(
          others.map((each) =>
            Effect.forever(each)
          ),
          { concurrency: "unbounded", discard: true }
        )
      )
      yield* TestClock.adjust("1 second")
      const times = yield* admitted(Array.from({ length: 50 }, () => admission({ fairnessKey: "burst" })), "1 minute")
      assert.lengthOf(times, 50)
    }).pipe(memory))

  it.effect("admits one request of a meeting at a time, even if it keeps sending", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      const busy = Effect.forever(limits.admit(admission({ fairnessKey: "busy" })))
      yield* Effect.forkChild(Effect.replicateEffect(busy, 10, { concurrency: "unbounded", discard: true }))
      yield* TestClock.adjust("1 second")
      // Every second admission is theirs, one every 28 milliseconds.
      const times = yield* admitted(Array.from({ length: 17 }, () => admission({ fairnessKey: "quiet" })), "1 second")
      assert.lengthOf(times, 17)
    }).pipe(memory))

  it.effect("loses no slot when many requests are interrupted", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      const many = yield* Effect.forkChild(
        Effect.replicateEffect(limits.admit(admission()), 500, { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(many)
      const start = yield* now
      const [next] = yield* admitted([admission()], "1 second")
      assert.isAtMost((next?.at ?? Number.NaN) - start, 50)
    }).pipe(memory))

  it.effect("passes the slot of an interrupted request to the next", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      const waiting = yield* Effect.forkChild(Effect.replicateEffect(limits.admit(admission()), 100))
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(waiting)
      const next = yield* Effect.forkChild(limits.admit(admission({ fairnessKey: "2" })))
      yield* TestClock.adjust("1 second")
      assert.isDefined(next.pollUnsafe())
    }).pipe(memory))
})

describe("meetings without waiting requests", () => {
  // A meeting with waiting requests has its own semaphore.
  const semaphores = () => Number(queryObjects(Semaphore.makeUnsafe(1).constructor, { format: "count" }))
  const meetings = Array.from({ length: 1_000 }, (_, n) => admission({ fairnessKey: `meeting ${n}` }))

  const endings = [
    ["were admitted", meetings, "2 minutes", 1_000],
    ["were interrupted while they waited", meetings, 1, 5],
    ["were interrupted behind others of their meeting", [...meetings, ...meetings], 1, 5]
  ] as const

  it.effect.each(endings)(
    "take no memory after their requests %s",
    ([, admissions, wait, expected]) =>
      Effect.gen(function*() {
        const before = semaphores()
        assert.lengthOf(yield* admitted(admissions, wait), expected)
        // A released slot wakes the next request, which may be interrupted.
        yield* TestClock.adjust(1)
        assert.isAtMost(semaphores() - before, 10)
      }).pipe(memory)
  )
})

describe("a 429", () => {
  it.effect("delays all requests of its endpoint until the reset", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      yield* limits.admit(admission())
      yield* limits.heed(admission(), { status: 429, retryAfter: Duration.seconds(7) })
      const [first] = yield* admitted([admission({ fairnessKey: "2" })], "1 minute")
      assert.isAtLeast(first?.at ?? 0, 7_000)
      const start = yield* now
      const [other] = yield* admitted([admission({ endpoint: "e" })], 0)
      assert.strictEqual(other?.at, start)
    }).pipe(memory))

  it.effect("with a lower limit lowers the limit from then on", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      yield* limits.heed(admission(), { status: 429, rateLimit: "10" })
      yield* limits.heed(admission(), { status: 429, rateLimit: "20" })
      const times = (yield* admitted(Array.from({ length: 100 }, () => admission()), "1 minute")).map(({ at }) => at)
      assert.isAtMost(densest(times, 1_000), 10)
      assert.lengthOf(times, 100)
    }).pipe(memory))

  it.effect("without a reset delays requests by the shortest window", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      yield* limits.admit(admission())
      yield* limits.heed(admission(), { status: 429 })
      const [first] = yield* admitted([admission({ fairnessKey: "2" })], "1 minute")
      assert.strictEqual(first?.at, 1_000)
    }).pipe(memory))

  it.effect("with a lower limit refers to the shortest window that its reset leaves open", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      const burst = Array.from({ length: 1_000 }, () => admission())
      yield* limits.heed(admission(), { status: 429, retryAfter: Duration.seconds(1), rateLimit: "10" })
      const first = (yield* admitted(burst, "1 minute")).map(({ at }) => at)
      assert.isAtMost(densest(first, 1_000), 10)
      assert.isAtLeast(first.length, 400)
      yield* limits.heed(admission(), { status: 429, retryAfter: Duration.seconds(37), rateLimit: "100" })
      const second = (yield* admitted(burst, "3 minutes")).map(({ at }) => at)
      assert.isAtMost(densest(second, 1_000), 10)
      assert.isAtMost(densest(second, 60_000), 100)
      assert.isAtLeast(second.length, 200)
    }).pipe(memory))

  it.effect("with a reset beyond every window refers to the longest", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      yield* limits.heed(admission(), { status: 429, retryAfter: Duration.minutes(5), rateLimit: "100" })
      const times = (yield* admitted(Array.from({ length: 500 }, () => admission()), "7 minutes")).map(({ at }) => at)
      assert.isAtMost(densest(times, 60_000), 100)
      assert.isAtLeast(densest(times, 60_000), 80)
    }).pipe(memory))

  it.effect.each([Duration.minutes(10), Duration.seconds(1_764_100_000), Duration.infinity])(
    "with an absurd reset (%s) delays requests by the longest window",
    (retryAfter) =>
      Effect.gen(function*() {
        const limits = yield* inForce
        yield* limits.admit(admission())
        yield* limits.heed(admission(), { status: 429, retryAfter })
        const start = yield* now
        const times = yield* admitted([admission(), admission({ fairnessKey: "2" })], "61 seconds")
        assert.lengthOf(times, 2)
        assert.strictEqual((times[0]?.at ?? 0) - start, 60_000)
      }).pipe(memory)
  )

  it.effect("with a higher or an invalid limit changes nothing", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      for (const ceiling of [1_000, 0, -1, Number.NaN]) {
        yield* limits.heed(admission(), { status: 429, rateLimit: String(ceiling) })
      }
      const times = (yield* admitted(Array.from({ length: 200 }, () => admission()), "1 minute")).map(({ at }) => at)
      assert.isAtLeast(densest(times, 1_000), 40)
    }).pipe(memory))
})

describe("the wall clock", () => {
  for (const [direction, hours] of [["back", -5], ["forward", 5]] as const) {
    it.effect(`set ${direction} changes no wait`, () =>
      Effect.gen(function*() {
        const wall = yield* wallClock
        yield* Effect.gen(function*() {
          const limits = yield* inForce
          const monotonic = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)
          const admittedAt: Array<number> = []
          const admit = Effect.andThen(limits.admit(admission()), Effect.map(monotonic, (at) => admittedAt.push(at)))
          yield* Effect.replicateEffect(limits.admit(admission()), 5)
          yield* limits.heed(admission(), { status: 429, retryAfter: Duration.seconds(7) })
          wall.setBy(hours * 3_600_000)
          const waiting = yield* Effect.forkChild(Effect.replicateEffect(admit, 100, { discard: true }))
          yield* TestClock.adjust("3 seconds")
          assert.deepStrictEqual(admittedAt, [])
          yield* TestClock.adjust("6 seconds")
          assert.isUndefined(waiting.pollUnsafe())
          assert.isAtMost(densest(admittedAt, 1_000), 50)
          yield* TestClock.adjust("1 second")
          wall.setBy(-hours * 3_600_000)
          yield* TestClock.adjust("2 seconds")
          assert.isDefined(waiting.pollUnsafe())
          assert.isAtLeast(admittedAt[0] ?? 0, 7_000)
          assert.isAtMost(densest(admittedAt, 1_000), 50)
        }).pipe(memory, Effect.provideService(Clock.Clock, wall.clock))
      }))
  }
})

describe("a closed layer", () => {
  const closing = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(RateLimits.layerMemory, scope)
    const limits = Context.get(context, RateLimits.RateLimits) ?? assert.fail("no limits are in force")
    return { limits, close: Scope.close(scope, Exit.void) }
  })

  it.effect("still limits requests", () =>
    Effect.gen(function*() {
      const { close, limits } = yield* closing
      yield* limits.admit(admission())
      yield* close
      const times = yield* Effect.provideService(
        admitted(Array.from({ length: 200 }, () => admission()), "1 minute"),
        RateLimits.RateLimits,
        limits
      )
      assert.lengthOf(times, 200)
      assert.isAtMost(densest(times.map(({ at }) => at), 1_000), 50)
    }))

  it.effect("does not interrupt waiting requests", () =>
    Effect.gen(function*() {
      const { close, limits } = yield* closing
      const waiting = yield* Effect.forkChild(
        Effect.replicateEffect(limits.admit(admission()), 200, { concurrency: "unbounded", discard: true })
      )
      yield* TestClock.adjust("1 second")
      assert.isUndefined(waiting.pollUnsafe())
      yield* close
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(waiting)))
    }))

  it.effect("allows waiting requests to be interrupted", () =>
    Effect.gen(function*() {
      const { close, limits } = yield* closing
      yield* close
      const waiting = yield* Effect.forkChild(Effect.replicateEffect(limits.admit(admission()), 200, { discard: true }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(waiting)
      const next = yield* Effect.forkChild(limits.admit(admission()))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(next)))
    }))
})

describe("an endpoint without known limits", () => {
  it.effect("is not limited", () =>
    Effect.gen(function*() {
      assert.lengthOf(yield* admitted(Array.from({ length: 500 }, () => admission({ limits: [] })), 0), 500)
    }).pipe(memory))
})

describe("a store that asks for hours", () => {
  it.effect("delays by the longest window", () =>
    Effect.gen(function*() {
      const [first] = yield* admitted([admission()], "3 minutes")
      assert.strictEqual(first?.at, 60_000)
    }).pipe(on(Layer.succeed(RateLimiter.RateLimiterStore, {
      fixedWindow: () => Effect.succeed([1_000_000, 3_600_000] as const),
      tokenBucket: () => Effect.die("not needed"),
      adaptiveConsume: () => Effect.succeed({ delay: Duration.hours(1), epoch: 0, phase: "cooldown" as const }),
      adaptiveFeedback: () => Effect.void
    }))))
})
