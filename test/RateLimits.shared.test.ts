import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Fiber, Layer, Schema } from "effect"
import { Lark, MeetingId, Meetings, RateLimits } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { counters, observe } from "./fixtures/observe.ts"
import { needs } from "./fixtures/servers.ts"
import * as servers from "./fixtures/servers.ts"
import { admission, densest, type Fault, joining, pod, sharedStore } from "./fixtures/sharedLimits.ts"
import { wallClock } from "./fixtures/wallClock.ts"

const millisNow = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1_000_000)

interface Admitted {
  readonly pod: number
  readonly at: number
  readonly waited: number
}

/** Each pod runs as many loops of admissions; the times of all, in order, until the duration is over. */
const busy = (
  pods: ReadonlyArray<RateLimits.RateLimits>,
  options: { readonly loops: number; readonly during: Duration.Input; readonly every?: Duration.Input }
) =>
  Effect.gen(function*() {
    const times: Array<Admitted> = []
    const loop = (limits: RateLimits.RateLimits, pod: number, fairnessKey: string) =>
      Effect.gen(function*() {
        if (options.every !== undefined) yield* Effect.sleep(options.every)
        const asked = yield* millisNow
        yield* limits.admit(admission({ fairnessKey }))
        const at = yield* millisNow
        times.push({ pod, at, waited: at - asked })
      }).pipe(Effect.forever)
    const fiber = yield* Effect.forkChild(Effect.all(
      pods.flatMap((limits, pod) => Array.from({ length: options.loops }, (_, n) => loop(limits, pod, `${n}`))),
      { concurrency: "unbounded", discard: true }
    ))
    yield* TestClock.adjust(options.during)
    yield* Fiber.interrupt(fiber)
    return times
  })

const timesOf = (admitted: ReadonlyArray<Admitted>) => admitted.map(({ at }) => at)

/** How far apart the counts of the pods are, as a part of their mean. */
const spread = (admitted: ReadonlyArray<Admitted>, pods: number) => {
  const counts = Array.from({ length: pods }, (_, n) => admitted.filter(({ pod }) => pod === n).length)
  return (Math.max(...counts) - Math.min(...counts)) / (admitted.length / pods)
}

/** How many requests the platform refuses, which counts those that it accepts in sliding windows of tier 4. */
const refused = (times: ReadonlyArray<number>) => {
  const accepted: Array<number> = []
  for (const at of times) {
    const isWithin = ({ requests, window }: RateLimits.Limit) => {
      const earlier = accepted.at(-requests)
      return earlier === undefined || at - earlier >= Duration.toMillis(window)
    }
    if (RateLimits.tier4.every(isWithin)) accepted.push(at)
  }
  return times.length - accepted.length
}

const podsOn = (store: Layer.Layer<RateLimiter.RateLimiterStore>, count: number) =>
  Effect.all(Array.from({ length: count }, () => pod(store, count)))

describe("processes that share a store", () => {
  const ids = Array.from({ length: 100 }, (_, n) => MeetingId.make(String(6911188411932033000n + BigInt(n))))

  it.effect(
    "send 2,500 requests without a 429, at 85 % of the limit, and take turns",
    () =>
      Effect.gen(function*() {
        const { layer } = yield* sharedStore
        const simulated = yield* Layer.build(Simulator.layer({
          rateLimits: true,
          latency: "20 millis",
          meetings: ids.map((id) => ({ id, host: "ou_alice" }))
        }))
        const done: Array<Admitted> = []
        const worker = Effect.fnUntraced(function*(index: number) {
          const limits = yield* pod(layer, 5)
          const lark = Lark.layer(Simulator.defaultApp).pipe(
            Layer.provide(Layer.succeed(RateLimits.RateLimits, limits)),
            Layer.provide(Layer.succeedContext(simulated))
          )
          yield* Effect.forEach(
            Array.from({ length: 500 }, (_, n) => ids[n % ids.length]!),
            (id) =>
              Meetings.get(id).pipe(
                Effect.andThen(millisNow),
                Effect.map((at) => done.push({ pod: index, at, waited: 0 }))
              ),
            { concurrency: 20, discard: true }
          ).pipe(Effect.provide(Layer.fresh(lark)))
        })
        const start = yield* millisNow
        const workers = yield* Effect.forkChild(
          Effect.all(Array.from({ length: 5 }, (_, index) => worker(index)), { concurrency: "unbounded" })
        )
        yield* TestClock.adjust("4 minutes")
        assert.isDefined(workers.pollUnsafe())
        assert.lengthOf(done, 2_500)
        const requests = yield* Context.get(simulated, Simulator.Simulator).requests
        assert.lengthOf(requests.filter(({ executed }) => executed?.code === 99991400), 0)
        const minutes = (done.at(-1)!.at - start) / 60_000
        assert.isAtLeast(2_500 / (1_000 * minutes), 0.85)
        assert.isAtMost(spread(done.slice(0, 1_250), 5), 0.05)
      }),
    60_000
  )

  it.effect("all wait after a 429 that one of them got", () =>
    Effect.gen(function*() {
      const { layer } = yield* sharedStore
      const pods = yield* podsOn(layer, 3)
      yield* busy(pods, { loops: 5, during: "10 seconds" })
      const from = yield* millisNow
      yield* pods[0]!.heed(admission(), { status: 429, retryAfter: Duration.seconds(20) })
      const times = yield* busy(pods, { loops: 5, during: "40 seconds" })
      assert.isAtLeast(times[0]!.at, from + 20_000)
      for (const index of pods.keys()) assert.isAbove(times.filter(({ pod }) => pod === index).length, 50)
    }))

  it.effect("wait for a pause that begins while they wait for their slot", () =>
    Effect.gen(function*() {
      const { layer } = yield* sharedStore
      const pods = yield* podsOn(layer, 3)
      const from = yield* millisNow
      const fiber = yield* Effect.forkChild(busy(pods, { loops: 5, during: "40 seconds" }))
      yield* TestClock.adjust("10 seconds")
      yield* pods[0]!.heed(admission(), { status: 429, retryAfter: Duration.seconds(20) })
      yield* TestClock.adjust("30 seconds")
      const times = timesOf(yield* Fiber.join(fiber)).map((at) => at - from)
      assert.isEmpty(times.filter((at) => at > 10_000 && at < 30_000))
      assert.isAbove(times.filter((at) => at >= 30_000).length, 50)
    }))

  it.effect("all keep to a lower limit that one of them was told, and so does one that joins", () =>
    Effect.gen(function*() {
      const { layer } = yield* sharedStore
      const pods = yield* podsOn(layer, 3)
      yield* busy(pods, { loops: 5, during: "5 seconds" })
      for (const rateLimit of ["100", "300"]) {
        yield* pods[1]!.heed(admission(), { status: 429, retryAfter: Duration.seconds(30), rateLimit })
      }
      const times = timesOf(yield* busy([pods[0]!, pods[2]!], { loops: 5, during: "5 minutes" }))
      assert.isAtMost(densest(times, 60_000), 100)
      assert.isAtLeast(times.length, 4 * 80)
      yield* TestClock.adjust("2 minutes")
      const later = timesOf(yield* busy([yield* pod(layer, 4)], { loops: 5, during: "3 minutes" }))
      assert.isAtMost(densest(later, 60_000), 100)
    }))

  it.effect("lower a limit once if two of them are told at once, and forget it after an hour", () =>
    Effect.gen(function*() {
      const { layer, state } = yield* sharedStore
      const pods = yield* podsOn(layer, 2)
      state.fault = 50
      const told = yield* Effect.forkChild(Effect.all(
        pods.map((limits) => limits.heed(admission(), { status: 429, rateLimit: "10" })),
        { concurrency: "unbounded" }
      ))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(told)
      state.fault = undefined
      const lowered = timesOf(yield* busy([yield* pod(layer, 2)], { loops: 5, during: "20 seconds" }))
      assert.isAtMost(densest(lowered, 1_000), 10)
      assert.isAtLeast(lowered.length, 130)
      yield* TestClock.adjust("62 minutes")
      const forgotten = timesOf(yield* busy([yield* pod(layer, 2)], { loops: 5, during: "1 second" }))
      assert.isAbove(forgotten.length, 30)
    }))

  it.effect.prop(
    "stay within the limit, and use it, however far their clocks are apart, and if any of them stops",
    {
      skews: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: -300_000, maximum: 300_000 }))).check(
        Schema.isMinLength(2),
        Schema.isMaxLength(5)
      ),
      seconds: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 30 }))
    },
    ({ seconds, skews }) =>
      Effect.gen(function*() {
        const { layer } = yield* sharedStore
        const pods = yield* Effect.all(skews.map((skew) =>
          Effect.gen(function*() {
            const wall = yield* wallClock
            wall.setBy(skew)
            const limits = yield* pod(layer, skews.length)
            const skewed: RateLimits.RateLimits = {
              admit: (request) => Effect.provideService(limits.admit(request), Clock.Clock, wall.clock),
              heed: (request, answer) => Effect.provideService(limits.heed(request, answer), Clock.Clock, wall.clock)
            }
            return skewed
          })
        ))
        // The first one alone, all of them, and all but the first one.
        const times = [
          yield* busy(pods.slice(0, 1), { loops: 3, during: Duration.seconds(seconds) }),
          yield* busy(pods, { loops: 3, during: Duration.seconds(seconds) }),
          yield* busy(pods.slice(1), { loops: 3, during: Duration.seconds(60) })
        ]
        const all = timesOf(times.flat())
        assert.isAtMost(densest(all, 1_000), 50)
        assert.isAtMost(densest(all, 60_000), 1_000)
        assert.isAtLeast(times[2]!.length, 840)
        assert.isAtMost(Math.max(...times[2]!.map(({ waited }) => waited)), 5_000)
      }),
    { arbitrary: { runs: 10 } }
  )
})

/** What the store does, from when on, in seconds. */
type Plan = ReadonlyArray<readonly [seconds: number, fault: Fault | undefined]>

const following = (state: { fault: Fault | undefined }, plan: Plan) =>
  Effect.gen(function*() {
    let passed = 0
    for (const [seconds, fault] of plan) {
      yield* Effect.sleep(Duration.seconds(seconds - passed))
      passed = seconds
      state.fault = fault
    }
  })

const plans: ReadonlyArray<readonly [name: string, plan: Plan]> = [
  ["never answers", [[0, "hangs"]]],
  ["fails", [[0, "fails"]]],
  ["answers slowly", [[0, 400]]],
  ["hangs after a while", [[20, "hangs"]]],
  ["fails after a while, and comes back", [[20, "fails"], [60, undefined]]],
  ["hangs, fails and comes back", [[10, "hangs"], [40, "fails"], [70, undefined]]],
  ["comes and goes", [[5, "hangs"], [15, undefined], [25, "fails"], [30, undefined], [40, "hangs"], [70, undefined]]]
]

describe("a store that", () => {
  it.effect.each(plans)("%s holds up no admission for a second", ([, plan]) =>
    Effect.gen(function*() {
      const { layer, state } = yield* sharedStore
      const pods = yield* podsOn(layer, 5)
      yield* Effect.forkChild(following(state, plan))
      const admitted = yield* busy(pods, { loops: 1, every: "1 second", during: "100 seconds" })
      assert.isAtMost(Math.max(...admitted.map(({ waited }) => waited)), 1_000)
      assert.isAbove(admitted.length, 5 * 60)
      // Only those that meet the fault first wait for it.
      if (plan.every(([, fault]) => typeof fault !== "number")) {
        assert.isAtMost(admitted.filter(({ waited }) => waited > 350).length, 5 * plan.length)
      }
    }))

  it.effect.each(plans)(
    "%s costs few 429s, and the limit is used",
    ([, plan]) =>
      Effect.gen(function*() {
        const { layer, state } = yield* sharedStore
        const pods = yield* podsOn(layer, 5)
        yield* Effect.forkChild(following(state, plan))
        const admitted = yield* busy(pods, { loops: 4, during: "3 minutes" })
        // When the store comes back, some processes use it while others do not know yet.
        assert.isAtMost(refused(timesOf(admitted)), 0.01 * admitted.length)
        // A store that takes 400 ms for an answer is left and used in turns.
        assert.isAtLeast(admitted.length, 3 * (plan[0]?.[1] === 400 ? 650 : 800))
        assert.isAtMost(spread(admitted, 5), 0.1)
      })
  )

  it.effect("does not answer is asked once a second, and used again when it answers", () =>
    Effect.gen(function*() {
      const { layer, state } = yield* sharedStore
      const limits = yield* pod(layer, 2)
      state.fault = "hangs"
      yield* busy([limits], { loops: 3, during: "5 seconds" })
      const calls = state.calls
      yield* busy([limits], { loops: 3, during: "10 seconds" })
      assert.isAtMost(state.calls - calls, 11)
      assert.isAtLeast(state.calls - calls, 8)
      yield* TestClock.adjust("10 seconds")
      state.fault = undefined
      yield* busy([limits], { loops: 3, during: "2 seconds" })
      const before = state.calls
      const used = yield* busy([limits], { loops: 3, during: "1 second" })
      assert.isAtLeast(state.calls - before, 2 * used.length)
    }))

  it.effect("fails is forgotten for one endpoint only", () =>
    Effect.gen(function*() {
      const { layer, state } = yield* sharedStore
      const limits = yield* pod(layer, 2)
      yield* limits.admit(admission({ endpoint: "other" }))
      state.fault = "fails"
      yield* limits.admit(admission())
      state.fault = undefined
      const before = state.calls
      yield* limits.admit(admission({ endpoint: "other" }))
      assert.isAtLeast(state.calls - before, 3)
    }))

  it.effect("fails leaves a pause and a lower limit in force in this process", () =>
    Effect.gen(function*() {
      const { layer, state } = yield* sharedStore
      const limits = yield* pod(layer, 2)
      state.fault = "fails"
      yield* limits.heed(admission(), { status: 429, retryAfter: Duration.seconds(30), rateLimit: "120" })
      const from = yield* millisNow
      const times = timesOf(yield* busy([limits], { loops: 3, during: "150 seconds" }))
      assert.strictEqual(times[0], from + 30_000)
      assert.isAtMost(densest(times, 60_000), 60)
      assert.isAtLeast(times.length, 90)
    }))

  it.effect.each(["hangs", "fails"] as const)(
    "%s and comes back during a pause leaves it in force, for all",
    (fault) =>
      Effect.gen(function*() {
        const { layer, state } = yield* sharedStore
        const pods = [yield* pod(layer, 2), yield* pod(layer, 2)] as const
        yield* busy(pods, { loops: 1, during: "2 seconds" })
        state.fault = fault
        yield* busy(pods, { loops: 1, during: "2 seconds" })
        const from = yield* millisNow
        yield* pods[0].heed(admission(), { status: 429, retryAfter: Duration.seconds(30) })
        state.fault = undefined
        // One that needs the store to hear of it.
        yield* busy([pods[1]], { loops: 1, during: "3 seconds" })
        const later = yield* busy(pods, { loops: 2, during: "60 seconds" })
        assert.isAtLeast(later.find(({ pod }) => pod === 0)?.at ?? 0, from + 30_000)
        const others = later.find(({ at, pod }) => pod === 1 && at > from + 5_000)
        assert.isAtLeast(others?.at ?? 0, from + 30_000)
      })
  )

  it.effect("fails leaves each process the share that an effect tells", () =>
    Effect.gen(function*() {
      const { layer, state } = yield* sharedStore
      let count = 10
      const limits = yield* joining(
        RateLimits.layer({ pods: Effect.sync(() => count) }).pipe(
          Layer.provide(RateLimiter.layer),
          Layer.provide(layer)
        )
      )
      state.fault = "fails"
      const tenth = yield* busy([limits], { loops: 3, during: "1 minute" })
      count = 2
      const half = yield* busy([limits], { loops: 3, during: "1 minute" })
      assert.isAtMost(tenth.length, 100)
      assert.isAtLeast(tenth.length, 80)
      assert.isAtMost(half.length, 500)
      assert.isAtLeast(half.length, 400)
    }))

  it.effect("fails is logged once, with the admissions in a metric", () =>
    Effect.gen(function*() {
      const { layer, state } = yield* sharedStore
      const limits = yield* pod(layer, 1)
      const program = Effect.gen(function*() {
        yield* limits.admit(admission())
        state.fault = "fails"
        for (const endpoint of ["a", "b", "a"]) {
          yield* limits.admit(admission({ endpoint }))
          yield* TestClock.adjust("5 seconds")
        }
        state.fault = undefined
        for (const endpoint of ["a", "b", "a", "b"]) {
          yield* limits.admit(admission({ endpoint }))
          yield* TestClock.adjust("5 seconds")
        }
      })
      const { lines, metrics } = yield* observe(program)
      assert.deepStrictEqual(lines.map(({ level, message }) => [level, message]), [
        ["Warn", "The store of the rate limiter failed; this process keeps to its share: connection lost"],
        ["Info", "The store of the rate limiter answers again"]
      ])
      assert.deepStrictEqual(counters(metrics), {
        "lark_admissions_total{store}": 3,
        "lark_admissions_total{share}": 5
      })
    }))
})

describe("Redis", needs("Redis"), () => {
  it.live("shares the limit among processes whose clocks are five minutes apart", () =>
    Effect.gen(function*() {
      const { layer, prefix } = yield* servers.redis
      const limits = [{ requests: 300, window: Duration.seconds(3) }]
      const one = admission({ limits })
      const pods = yield* Effect.all([-300_000, 0, 300_000].map((skew) =>
        Effect.gen(function*() {
          const wall = yield* wallClock
          wall.setBy(skew)
          const own = yield* joining(RateLimits.layerRedis({ pods: 3, prefix }).pipe(Layer.provide(layer)))
          return Effect.provideService(own.admit(one), Clock.Clock, wall.clock)
        })
      ))
      const during = (milliseconds: number, admits: ReadonlyArray<Effect.Effect<void>>) =>
        Effect.gen(function*() {
          const times: Array<number> = []
          yield* Effect.all(
            admits.map((admit) => Effect.forever(Effect.andThen(admit, Effect.map(millisNow, (at) => times.push(at))))),
            { concurrency: "unbounded" }
          ).pipe(Effect.timeoutOption(milliseconds))
          return times
        })
      const together = yield* during(3_000, pods)
      // Those that are left go on at the pace of all.
      const left = yield* during(3_000, pods.slice(0, 2))
      assert.isAtMost(densest([...together, ...left], 3_000), 300)
      assert.isAtLeast(together.length, 200)
      assert.isAtLeast(left.length, 180)
    }), 30_000)

  it.live("spreads a lower limit and a pause", () =>
    Effect.gen(function*() {
      const { layer, prefix } = yield* servers.redis
      const limits = [{ requests: 1_000, window: Duration.seconds(2) }]
      const own = () => joining(RateLimits.layerRedis({ pods: 2, prefix }).pipe(Layer.provide(layer)))
      const first = yield* own()
      const second = yield* own()
      yield* first.admit(admission({ limits }))
      yield* Effect.all(
        [first, second].map((each) =>
          each.heed(admission({ limits }), { status: 429, retryAfter: Duration.seconds(1), rateLimit: "20" })
        ),
        { concurrency: "unbounded" }
      )
      const from = yield* millisNow
      yield* second.admit(admission({ limits }))
      assert.isAtLeast((yield* millisNow) - from, 950)
      const third = yield* own()
      const count = { value: 0 }
      yield* Effect.forever(Effect.andThen(third.admit(admission({ limits })), Effect.sync(() => count.value++))).pipe(
        Effect.timeoutOption("2 seconds")
      )
      assert.isAtMost(count.value, 20)
      assert.isAtLeast(count.value, 12)
    }), 30_000)
})
