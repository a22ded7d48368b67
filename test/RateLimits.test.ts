/**
 * No window of the platform's holds more requests than it allows, and meetings take turns.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, Layer, Schema, Scope, Semaphore } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser, RateLimits } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { queryObjects } from "node:v8"
import * as platform from "./fixtures/http/platform.ts"

const call = (options: Partial<RateLimits.Call> = {}): RateLimits.Call => ({
  app: "cli_a",
  endpoint: "vc.v1.meeting.get",
  limits: RateLimits.tier4,
  tenant: "",
  turn: "1",
  ...options
})

/** The most requests in any window of that length, both ends included: the strictest way to count. */
const densest = (times: ReadonlyArray<number>, window: number): number =>
  times.reduce((most, from, index) => {
    const after = times.findIndex((time) => time > from + window)
    return Math.max(most, (after === -1 ? times.length : after) - index)
  }, 0)

/** The limits in force; without a layer, none. */
const inForce = Effect.map(RateLimits.RateLimits, (limits) => limits ?? assert.fail("no limits are in force"))

const now = Effect.clockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))

/** When each of the calls was let through, in milliseconds from the start. */
const admitted = (calls: ReadonlyArray<RateLimits.Call>, wait: Duration.Input) =>
  Effect.gen(function*() {
    const limits = yield* inForce
    const times: Array<{ readonly call: RateLimits.Call; readonly at: number }> = []
    const fiber = yield* Effect.forkChild(Effect.forEach(
      calls,
      (call) => limits.admit(call).pipe(Effect.andThen(now), Effect.map((at) => times.push({ call, at }))),
      { concurrency: "unbounded", discard: true }
    ))
    yield* TestClock.adjust(wait)
    yield* Fiber.interrupt(fiber)
    return times
  })

const memory = Effect.provide(RateLimits.layerMemory)

describe("a burst", () => {
  it.effect("of 2,000 keeps to both limits of tier 4, and uses most of them", () =>
    Effect.gen(function*() {
      const times = (yield* admitted(Array.from({ length: 2_000 }, () => call()), "3 minutes")).map(({ at }) => at)
      assert.lengthOf(times, 2_000)
      assert.isAtMost(densest(times, 1_000), 50)
      assert.isAtMost(densest(times, 60_000), 1_000)
      assert.isAtLeast(times.filter((at) => at < 60_000).length, 900)
    }).pipe(memory))

  it.effect.prop(
    "of any size keeps to any limit, wherever its window begins",
    {
      requests: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 })),
      seconds: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 })),
      burst: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 150 }))
    },
    ({ burst, requests, seconds }) =>
      Effect.gen(function*() {
        const limits = [{ requests, window: Duration.seconds(seconds) }]
        const all = Duration.seconds(seconds * (2 + burst / requests) * 2)
        const times = (yield* admitted(Array.from({ length: burst }, () => call({ limits })), all)).map(({ at }) => at)
        assert.lengthOf(times, burst)
        assert.isAtMost(densest(times, seconds * 1_000), requests)
      }).pipe(memory)
  )
})

describe("limits", () => {
  it.effect("are counted by endpoint, app and tenant", () =>
    Effect.gen(function*() {
      const others = [call(), call({ endpoint: "e" }), call({ app: "cli_b" }), call({ tenant: "t" })]
      const times = yield* admitted(others.flatMap((each) => Array.from({ length: 5 }, () => each)), 0)
      assert.lengthOf(times, 20)
    }).pipe(memory))

  it.effect("let meetings take turns", () =>
    Effect.gen(function*() {
      const calls = [...Array.from({ length: 500 }, () => call({ turn: "busy" })), call({ turn: "quiet" })]
      const times = yield* admitted(calls, "1 minute")
      assert.isBelow(times.findIndex(({ call }) => call.turn === "quiet"), 10)
    }).pipe(memory))

  it.effect(
    "let 99 meetings through before the rest of a burst of 10,000, half of it for one other",
    () =>
      Effect.gen(function*() {
        const busy = Array.from({ length: 5_000 }, () => call({ turn: "busy" }))
        const others = Array.from({ length: 5_000 }, (_, n) => call({ turn: `${n % 99}` }))
        const times = yield* admitted([...busy, ...others], "7 minutes")
        const turns = times.map(({ call }) => call.turn)
        assert.isAtMost(turns.findLastIndex((turn) => turn !== "busy"), 5_100)
        // Half of the way, each has had half of its turns.
        const half = turns.slice(0, 2_600)
        for (let n = 0; n < 99; n++) {
          assert.isAtLeast(half.filter((turn) => turn === `${n}`).length, 25)
        }
      }).pipe(memory)
  )

  it.effect("let the burst of one meeting have its turns among others that never cease", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      const others = Array.from({ length: 10 }, (_, n) => limits.admit(call({ turn: `${n}` })).pipe(Effect.delay(40)))
      yield* Effect.forkChild(
        Effect.all(others.map((each) => Effect.forever(each)), { concurrency: "unbounded", discard: true })
      )
      yield* TestClock.adjust("1 second")
      const times = yield* admitted(Array.from({ length: 50 }, () => call({ turn: "burst" })), "1 minute")
      assert.lengthOf(times, 50)
    }).pipe(memory))

  it.effect("give one meeting a place at a time, however often it comes anew", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      const busy = Effect.forever(limits.admit(call({ turn: "busy" })))
      yield* Effect.forkChild(Effect.replicateEffect(busy, 10, { concurrency: "unbounded", discard: true }))
      yield* TestClock.adjust("1 second")
      // Every second turn is theirs, and a turn comes every 23 milliseconds.
      const times = yield* admitted(Array.from({ length: 20 }, () => call({ turn: "quiet" })), "1 second")
      assert.lengthOf(times, 20)
    }).pipe(memory))

  it.effect("lose no place when many requests are interrupted", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      const many = yield* Effect.forkChild(
        Effect.replicateEffect(limits.admit(call()), 500, { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(many)
      const start = yield* now
      const [next] = yield* admitted([call()], "1 second")
      assert.isAtMost((next?.at ?? Number.NaN) - start, 50)
    }).pipe(memory))

  it.effect("give the turn of an interrupted request to the next", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      const waiting = yield* Effect.forkChild(Effect.replicateEffect(limits.admit(call()), 100))
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(waiting)
      const next = yield* Effect.forkChild(limits.admit(call({ turn: "2" })))
      yield* TestClock.adjust("1 second")
      assert.isDefined(next.pollUnsafe())
    }).pipe(memory))
})

describe("meetings that nobody waits for any more", () => {
  // A meeting that is waited for has a semaphore of its own.
  const semaphores = () => Number(queryObjects(Semaphore.makeUnsafe(1).constructor, { format: "count" }))
  const meetings = Array.from({ length: 1_000 }, (_, n) => call({ turn: `meeting ${n}` }))

  const endings = [
    ["have been let through", meetings, "2 minutes", 1_000],
    ["were interrupted while they waited", meetings, 1, 5],
    ["were interrupted behind others of their meeting", [...meetings, ...meetings], 1, 5]
  ] as const

  it.effect.each(endings)("take no memory after they %s", ([, calls, wait, letThrough]) =>
    Effect.gen(function*() {
      const before = semaphores()
      assert.lengthOf(yield* admitted(calls, wait), letThrough)
      // A turn that was given back has woken the next, who may be gone.
      yield* TestClock.adjust(1)
      assert.isAtMost(semaphores() - before, 10)
    }).pipe(memory))
})

describe("a 429", () => {
  it.effect("holds all requests of its endpoint back until the reset", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      yield* limits.admit(call())
      yield* limits.throttled(call(), { retryAfter: Duration.seconds(7), ceiling: undefined })
      const [first] = yield* admitted([call({ turn: "2" })], "1 minute")
      assert.isAtLeast(first?.at ?? 0, 7_000)
      const start = yield* now
      const [other] = yield* admitted([call({ endpoint: "e" })], 0)
      assert.strictEqual(other?.at, start)
    }).pipe(memory))

  it.effect("that names a lower limit is kept to from then on", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      yield* limits.throttled(call(), { retryAfter: undefined, ceiling: 10 })
      yield* limits.throttled(call(), { retryAfter: undefined, ceiling: 20 })
      const times = (yield* admitted(Array.from({ length: 100 }, () => call()), "1 minute")).map(({ at }) => at)
      assert.isAtMost(densest(times, 1_000), 10)
      assert.lengthOf(times, 100)
    }).pipe(memory))

  it.effect("that names no time to wait holds them back for the shortest window", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      yield* limits.admit(call())
      yield* limits.throttled(call(), { retryAfter: undefined, ceiling: undefined })
      const [first] = yield* admitted([call({ turn: "2" })], "1 minute")
      assert.strictEqual(first?.at, 1_000)
    }).pipe(memory))

  it.effect("that names a lower limit means the shortest window that its reset leaves open", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      const burst = Array.from({ length: 1_000 }, () => call())
      yield* limits.throttled(call(), { retryAfter: Duration.seconds(1), ceiling: 10 })
      const first = (yield* admitted(burst, "1 minute")).map(({ at }) => at)
      assert.isAtMost(densest(first, 1_000), 10)
      assert.isAtLeast(first.length, 400)
      yield* limits.throttled(call(), { retryAfter: Duration.seconds(37), ceiling: 100 })
      const second = (yield* admitted(burst, "3 minutes")).map(({ at }) => at)
      assert.isAtMost(densest(second, 1_000), 10)
      assert.isAtMost(densest(second, 60_000), 100)
      assert.isAtLeast(second.length, 200)
    }).pipe(memory))

  it.effect("that resets later than any window ends means the longest", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      yield* limits.throttled(call(), { retryAfter: Duration.minutes(5), ceiling: 100 })
      const times = (yield* admitted(Array.from({ length: 500 }, () => call()), "7 minutes")).map(({ at }) => at)
      assert.isAtMost(densest(times, 60_000), 100)
      assert.isAtLeast(densest(times, 60_000), 80)
    }).pipe(memory))

  it.effect("that names a higher one, or nonsense, changes nothing", () =>
    Effect.gen(function*() {
      const limits = yield* inForce
      for (const ceiling of [1_000, 0, -1, Number.NaN]) {
        yield* limits.throttled(call(), { retryAfter: undefined, ceiling })
      }
      const times = (yield* admitted(Array.from({ length: 200 }, () => call()), "1 minute")).map(({ at }) => at)
      assert.isAtLeast(densest(times, 1_000), 40)
    }).pipe(memory))
})

describe("a throttled call", () => {
  const id = MeetingId.make("6911188411932033028")
  const page = "<html><body><h1>429 Too Many Requests</h1></body></html>"
  const answers: ReadonlyArray<readonly [string, Simulator.Fault, number]> = [
    ["429 and the platform's code", { _tag: "Throttle", reset: 7, status: 429 }, 7_000],
    ["400 and the platform's code", { _tag: "Throttle", reset: 7, status: 400 }, 7_000],
    ["429 and a gateway's page", { _tag: "GarbageBody", status: 429, body: page, applied: false }, 1_000],
    ["429 and a gateway's envelope", { _tag: "GarbageBody", status: 429, body: `{"code":429}`, applied: false }, 1_000],
    ["429 and no body", { _tag: "EmptyBody", status: 429, applied: false }, 1_000]
  ]

  for (const [what, fault, wait] of answers) {
    it.effect(`holds the next one back, if it was answered with ${what}`, () =>
      Effect.gen(function*() {
        yield* Effect.flip(Meetings.get(id))
        const next = yield* Effect.forkChild(Meetings.get(id))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(next)
        const requests = yield* Simulator.Simulator.use((simulator) => simulator.requests)
        assert.deepStrictEqual(
          requests.filter(({ endpoint }) => endpoint === "get").map(({ at }) => at),
          [0, wait]
        )
      }).pipe(
        Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
        Effect.provide(Simulator.layer({
          meetings: [{ id, host: "ou_alice" }],
          faults: [{ endpoint: "get", nth: 0, fault }]
        }))
      ))
  }

  it.effect("lowers the limit to what its answer names", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, nth) =>
        nth === 0
          ? {
            ...platform.failed(429, 99991400),
            headers: { "x-ogw-ratelimit-limit": "10", "x-ogw-ratelimit-reset": "1" }
          }
          : platform.ok({ meeting: { id } })
      )
      yield* Effect.gen(function*() {
        yield* Effect.flip(Meetings.get(id))
        const reads = yield* Effect.forkChild(Effect.replicateEffect(Meetings.get(id), 50, { concurrency: 50 }))
        yield* TestClock.adjust("2 seconds")
        assert.isAtMost(feishu.calls.length, 1 + 10)
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(reads)
      }).pipe(
        Effect.provide(Layer.provide(Lark.layer(platform.app), RateLimits.layerMemory)),
        Effect.provide(feishu.layer)
      )
    }))

  it.effect("waits as long as a gateway's page asks", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, nth) =>
        nth === 0 ? { status: 429, body: page, headers: { "retry-after": "7" } } : platform.ok({ meeting: { id } })
      )
      yield* Effect.gen(function*() {
        yield* Effect.flip(Meetings.get(id))
        const next = yield* Effect.forkChild(Meetings.get(id))
        yield* TestClock.adjust("6999 millis")
        assert.lengthOf(feishu.calls, 1)
        yield* TestClock.adjust(1)
        yield* Fiber.join(next)
      }).pipe(
        Effect.provide(Layer.provide(Lark.layer(platform.app), RateLimits.layerMemory)),
        Effect.provide(feishu.layer)
      )
    }))

  it.effect("holds the next setHost back, which then is not in doubt", () =>
    Effect.gen(function*() {
      const [alice, bob] = [MeetingUser.openId("ou_alice"), MeetingUser.openId("ou_bob")]
      const moving = yield* Effect.forkChild(Meetings.setHost(id, bob, { hint: alice }))
      yield* TestClock.adjust("1 minute")
      const report = yield* Fiber.join(moving)
      assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied", swaps: 2 })
      assert.isAtLeast(Duration.toMillis(report.elapsed), 1_000)
    }).pipe(
      Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
      Effect.provide(Simulator.layer({
        meetings: [{ id, host: "ou_alice", participants: ["ou_bob"] }],
        faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "EmptyBody", status: 429, applied: false } }]
      }))
    ))
})

describe("a layer that has closed", () => {
  const closing = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(RateLimits.layerMemory, scope)
    const limits = Context.get(context, RateLimits.RateLimits) ?? assert.fail("no limits are in force")
    return { limits, close: Scope.close(scope, Exit.void) }
  })

  it.effect("keeps to the limits all the same", () =>
    Effect.gen(function*() {
      const { close, limits } = yield* closing
      yield* limits.admit(call())
      yield* close
      const times = yield* Effect.provideService(
        admitted(Array.from({ length: 200 }, () => call()), "1 minute"),
        RateLimits.RateLimits,
        limits
      )
      assert.lengthOf(times, 200)
      assert.isAtMost(densest(times.map(({ at }) => at), 1_000), 50)
    }))

  it.effect("interrupts nobody who waits", () =>
    Effect.gen(function*() {
      const { close, limits } = yield* closing
      const waiting = yield* Effect.forkChild(
        Effect.replicateEffect(limits.admit(call()), 200, { concurrency: "unbounded", discard: true })
      )
      yield* TestClock.adjust("1 second")
      assert.isUndefined(waiting.pollUnsafe())
      yield* close
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(waiting)))
    }))

  it.effect("can be left by an interruption", () =>
    Effect.gen(function*() {
      const { close, limits } = yield* closing
      yield* close
      const waiting = yield* Effect.forkChild(Effect.replicateEffect(limits.admit(call()), 200, { discard: true }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(waiting)
      const next = yield* Effect.forkChild(limits.admit(call()))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(next)))
    }))
})

describe("an endpoint without known limits", () => {
  it.effect("is not held back", () =>
    Effect.gen(function*() {
      assert.lengthOf(yield* admitted(Array.from({ length: 500 }, () => call({ limits: [] })), 0), 500)
    }).pipe(memory))
})

describe("a setHost under limits", () => {
  const id = MeetingId.make("6911188411932033028")
  const other = MeetingId.make("6911188411932033029")
  const alice = MeetingUser.openId("ou_alice")
  const bob = MeetingUser.openId("ou_bob")

  const limited = <A, E>(program: Effect.Effect<A, E, Lark.Services | Simulator.Simulator>) =>
    program.pipe(
      Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
      Effect.provide(
        Simulator.layer({ meetings: [id, other].map((id) => ({ id, host: "ou_alice", participants: ["ou_bob"] })) })
      )
    )

  const crowd = (meetingId: MeetingId.MeetingId) =>
    Effect.forkChild(Effect.replicateEffect(
      Effect.ignore(Meetings.swapHost(meetingId, { expected: bob, desired: bob })),
      2_000,
      { concurrency: "unbounded" }
    ))

  it.effect(
    "waits for its turn, however much longer than an attempt may take, without a doubt",
    () =>
      Effect.gen(function*() {
        yield* crowd(id)
        yield* TestClock.adjust(1)
        const policy = Cas.Policy.make({ deadline: "1 hour", attemptTimeout: "1 second" })
        const fiber = yield* Effect.forkChild(Meetings.setHost(id, bob, { hint: alice, policy }))
        yield* TestClock.adjust("3 minutes")
        const report = yield* Fiber.join(fiber)
        assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied", swaps: 1 })
        assert.isAbove(Duration.toMillis(report.elapsed), 60_000)
      }).pipe(limited)
  )

  it.effect("that does not get its turn before the deadline was not sent", () =>
    Effect.gen(function*() {
      yield* crowd(id)
      yield* TestClock.adjust(1)
      const fiber = yield* Effect.forkChild(Effect.flip(Meetings.setHost(id, bob, { hint: alice })))
      yield* TestClock.adjust("30 seconds")
      const error = yield* Fiber.join(fiber)
      assert.deepInclude<object>(error, { _tag: "CasExhausted", limit: "deadline" })
      assert.strictEqual("report" in error && error.report.effect, "none")
      assert.strictEqual((yield* Simulator.Simulator.use(({ host }) => host(id)))?.openId, "ou_alice")
    }).pipe(limited))

  describe("that is repeated, for a token that was rejected,", () => {
    /** The requests for both meetings meet a rejected token; then a 429 lets nobody through for 25 seconds. */
    const heldBack = <A, E>(program: Effect.Effect<A, E, Lark.Services | Simulator.Simulator>) =>
      Effect.gen(function*() {
        const held = yield* Effect.forkChild(program)
        yield* Effect.forkChild(Effect.delay(Meetings.swapHost(other, { expected: bob, desired: bob }), 1))
        yield* TestClock.adjust("1 minute")
        return yield* Fiber.join(held)
      }).pipe(
        Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
        Effect.provide(Simulator.layer({
          latency: "100 millis",
          meetings: [id, other].map((id) => ({ id, host: "ou_alice", participants: ["ou_bob"] })),
          faults: [
            { endpoint: "set_host", nth: 0, fault: { _tag: "RejectToken", status: 400 } },
            { endpoint: "set_host", nth: 1, fault: { _tag: "Throttle", reset: 25, status: 429 } }
          ]
        }))
      )

    it.effect("is not in doubt when it is not let through again in time", () =>
      Effect.gen(function*() {
        const policy = { ...Cas.Policy.once, deadline: "20 seconds" } as const
        const error = yield* Effect.flip(Meetings.setHost(id, bob, { hint: alice, policy }))
        assert.deepInclude<object>(error, { _tag: "CasExhausted", limit: "deadline" })
        assert("report" in error)
        assert.deepInclude<object>(error.report, { effect: "none", swaps: 1 })
      }).pipe(heldBack))

    it.effect("waits for its turn within one attempt, for longer than its timeout", () =>
      Effect.gen(function*() {
        const policy = Cas.Policy.make({ onUnknown: "neverResend" })
        const { attempts, ...report } = yield* Meetings.setHost(id, bob, { hint: alice, policy })
        assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied" })
        assert.deepStrictEqual(attempts.map(({ answer }) => answer._tag), ["Applied"])
        assert.isAbove(Duration.toMillis(attempts[0]?.at ?? 0), 20_000)
      }).pipe(heldBack))

    it.effect("waits as long as it takes when it is a call of its own", () =>
      Effect.gen(function*() {
        const [took, outcome] = yield* Effect.timed(Meetings.swapHost(id, { expected: alice, desired: bob }))
        assert.strictEqual(outcome._tag, "Applied")
        assert.isAbove(Duration.toMillis(took), 25_000)
      }).pipe(heldBack))
  })

  it.effect("on a quiet meeting does not wait behind a busy one", () =>
    Effect.gen(function*() {
      yield* crowd(id)
      yield* TestClock.adjust(1)
      const fiber = yield* Effect.forkChild(Meetings.setHost(other, bob, { hint: alice }))
      yield* TestClock.adjust("1 second")
      assert.isDefined(fiber.pollUnsafe())
    }).pipe(limited))
})

describe("a burst of 10,000 operations", () => {
  const meetings = Array.from({ length: 100 }, (_, n) => MeetingId.make(String(6911188411932033000n + BigInt(n))))
  const bob = MeetingUser.openId("ou_bob")
  const alice = MeetingUser.openId("ou_alice")

  const flood = Effect.gen(function*() {
    const operations = Array.from({ length: 10_000 }, (_, n) => {
      const id = meetings[n % meetings.length]!
      return n % 2 === 0
        ? Effect.ignore(Meetings.get(id))
        : Effect.ignore(Meetings.swapHost(id, { expected: alice, desired: bob }))
    })
    const fiber = yield* Effect.forkChild(Effect.all(operations, { concurrency: "unbounded", discard: true }))
    yield* TestClock.adjust("10 minutes")
    assert.isDefined(fiber.pollUnsafe())
    const requests = yield* Simulator.Simulator.use((simulator) => simulator.requests)
    return requests.filter((request) => request.executed?.code === 99991400).length
  })

  const strict = Simulator.layer({
    rateLimits: true,
    latency: "40 millis",
    meetings: meetings.map((id) => ({ id, host: "ou_alice", participants: ["ou_bob"] }))
  })

  it.effect("meets no 429", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* flood, 0)
    }).pipe(
      Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
      Effect.provide(strict)
    ), 300_000)

  it.effect(
    "meets none either while its first token is awaited, or is rejected in the middle",
    () =>
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* simulator.addFaults([
          { endpoint: "tenant_access_token", nth: 0, fault: { _tag: "Delay", millis: 5_000 } },
          { endpoint: "get", nth: 30, fault: { _tag: "RejectToken", status: 400 } },
          { endpoint: "set_host", nth: 30, fault: { _tag: "RejectToken", status: 400 } }
        ])
        const id = meetings[0]!
        const reads = yield* Effect.forkChild(
          Effect.replicateEffect(Effect.ignore(Meetings.get(id)), 300, { concurrency: "unbounded" })
        )
        const moves = yield* Effect.forkChild(Effect.all(
          meetings.map((id) => Effect.ignore(Meetings.setHost(id, bob, { hint: alice }))),
          { concurrency: "unbounded" }
        ))
        yield* TestClock.adjust("2 minutes")
        assert.isDefined(reads.pollUnsafe())
        assert.isDefined(moves.pollUnsafe())
        const requests = yield* simulator.requests
        assert.isAbove(requests.filter((request) => request.endpoint === "get").length, 300)
        assert.lengthOf(requests.filter((request) => request.executed?.code === 99991400), 0)
      }).pipe(
        Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
        Effect.provide(strict)
      ),
    60_000
  )

  it.effect(
    "meets none when many of its requests are repeated, for a token that was rejected",
    () =>
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const reads = yield* Effect.forkChild(
          Effect.replicateEffect(Effect.ignore(Meetings.get(meetings[0]!)), 200, { concurrency: "unbounded" })
        )
        yield* TestClock.adjust("3 seconds")
        yield* simulator.rejectTokens
        yield* TestClock.adjust("2 minutes")
        assert.isDefined(reads.pollUnsafe())
        const codes = (yield* simulator.requests).map((request) => request.executed?.code)
        assert.isAbove(codes.filter((code) => code === 99991663).length, 20)
        assert.lengthOf(codes.filter((code) => code === 99991400), 0)
      }).pipe(
        Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
        Effect.provide(Simulator.layer({
          rateLimits: true,
          latency: "1800 millis",
          meetings: meetings.map((id) => ({ id, host: "ou_alice", participants: ["ou_bob"] }))
        }))
      ),
    60_000
  )

  const codes = Effect.map(
    Simulator.Simulator.use((simulator) => simulator.requests),
    (requests) => requests.map((request) => request.executed?.code)
  )

  const limitedTo =
    (options: Simulator.Options) => <A, E>(program: Effect.Effect<A, E, Lark.Services | Simulator.Simulator>) =>
      program.pipe(
        Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
        Effect.provide(Simulator.layer({
          rateLimits: true,
          latency: "40 millis",
          meetings: meetings.map((id) => ({ id, host: "ou_alice", participants: ["ou_bob"] })),
          ...options
        }))
      )

  const reading = (count: number) =>
    Effect.replicateEffect(Effect.ignore(Meetings.get(meetings[0]!)), count, { concurrency: "unbounded" }).pipe(
      Effect.delay(1),
      Effect.forkChild
    )

  it.effect(
    "meets none when the first token fails, and every setHost waits for the next",
    () =>
      Effect.gen(function*() {
        const moves = yield* Effect.all(meetings.map((id) => Meetings.setHost(id, bob, { hint: alice })), {
          concurrency: "unbounded"
        }).pipe(Effect.delay(1), Effect.forkChild)
        yield* TestClock.adjust("2 minutes")
        const reports = yield* Fiber.join(moves)
        assert.deepStrictEqual([...new Set(reports.map(({ effect, outcome }) => `${outcome} ${effect}`))], [
          "swapped applied"
        ])
        assert.lengthOf((yield* codes).filter((code) => code === 99991400), 0)
      }).pipe(limitedTo({
        faults: [{
          endpoint: "tenant_access_token",
          nth: 0,
          fault: { _tag: "ServerError", status: 503, applied: false, body: "envelope" }
        }]
      })),
    60_000
  )

  it.effect("takes one place for each request of a setHost", () =>
    Effect.gen(function*() {
      const moves = yield* Effect.all(meetings.map((id) => Meetings.setHost(id, bob, { hint: alice })), {
        concurrency: "unbounded"
      }).pipe(Effect.delay(1), Effect.forkChild)
      yield* TestClock.adjust("3 seconds")
      assert.isDefined(moves.pollUnsafe())
    }).pipe(limitedTo({})))

  it.effect(
    "meets none when a second token is rejected while many wait for their second turn",
    () =>
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const reads = yield* reading(220)
        yield* TestClock.adjust("2 seconds")
        yield* simulator.rejectTokens
        yield* TestClock.adjust("8500 millis")
        yield* simulator.rejectTokens
        yield* TestClock.adjust("4 minutes")
        assert.isDefined(reads.pollUnsafe())
        assert.lengthOf((yield* simulator.tokensMinted).filter(({ kind }) => kind === "tenant"), 3)
        assert.lengthOf((yield* codes).filter((code) => code === 99991400), 0)
      }).pipe(limitedTo({
        faults: [1, 2].map((nth) => ({ endpoint: "tenant_access_token", nth, fault: { _tag: "Delay", millis: 8_000 } }))
      })),
    60_000
  )

  it.effect("meets none when a rejected token comes again, after a while", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const reads = yield* reading(300)
      yield* TestClock.adjust("2 minutes")
      assert.isDefined(reads.pollUnsafe())
      assert.lengthOf(yield* simulator.tokensMinted, 1)
      const answers = (yield* simulator.requests).map(({ reply }) => reply?.code)
      assert.lengthOf(answers.filter((code) => code === 99991663), 1)
      assert.lengthOf((yield* codes).filter((code) => code === 99991400), 0)
    }).pipe(limitedTo({
      faults: [
        { endpoint: "get", nth: 30, fault: { _tag: "RejectToken", status: 400, revoked: false } },
        { endpoint: "tenant_access_token", nth: 1, fault: { _tag: "Delay", millis: 5_000 } }
      ]
    })), 60_000)

  it.effect("takes no longer for a token that is renewed in the middle", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const reads = yield* reading(500)
      yield* TestClock.adjust("1 second")
      yield* simulator.rejectTokens
      yield* TestClock.adjust("32 seconds")
      assert.isDefined(reads.pollUnsafe())
      assert.lengthOf((yield* codes).filter((code) => code === 99991400), 0)
    }).pipe(limitedTo({})), 60_000)

  it.effect("would meet thousands without the limits", () =>
    Effect.gen(function*() {
      assert.isAbove(yield* flood, 5_000)
    }).pipe(Effect.provide(Lark.layer(Simulator.defaultApp)), Effect.provide(strict)), 300_000)
})

describe("a store that fails", () => {
  it.effect("lets requests through", () => {
    const failure = Effect.fail(
      new RateLimiter.RateLimiterError({
        reason: new RateLimiter.RateLimitStoreError({ message: "down", cause: new Error("down") })
      })
    )
    const broken = Layer.succeed(RateLimiter.RateLimiterStore, {
      fixedWindow: () => failure,
      tokenBucket: () => failure,
      adaptiveConsume: () => failure,
      adaptiveFeedback: () => failure
    })
    return Effect.gen(function*() {
      const limits = yield* inForce
      const times = yield* admitted(Array.from({ length: 100 }, () => call()), 0)
      assert.lengthOf(times, 100)
      yield* limits.throttled(call(), { retryAfter: Duration.seconds(1), ceiling: 5 })
    }).pipe(Effect.provide(RateLimits.layer.pipe(Layer.provide(RateLimiter.layer), Layer.provide(broken))))
  })
})
