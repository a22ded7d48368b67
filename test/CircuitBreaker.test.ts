import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer, Schedule } from "effect"
import { Cas, CircuitBreaker, Lark, MeetingId, Meetings } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { CircuitBreaker as Circuit } from "effect/persistence"
import { TestClock } from "effect/testing"
import { wallClock } from "./fixtures/wallClock.ts"
import { alice, bob, elapse, id, meetings, type World } from "./fixtures/World.ts"

const breaker = CircuitBreaker.layerMemory({ tripPolicy: Circuit.consecutive(3), openDuration: "10 seconds" })

const guarded = (options: Simulator.Options = {}) => <A, E>(program: Effect.Effect<A, E, World>) =>
  program.pipe(
    Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), breaker)),
    Effect.provide(Simulator.layer({ meetings, ...options }))
  )

const faults = (endpoint: Simulator.Endpoint, count: number, fault: Simulator.Fault): Simulator.Options => ({
  faults: Array.from({ length: count }, (_, nth) => ({ endpoint, nth, fault }))
})

const sent = (endpoint: Simulator.Endpoint) =>
  Simulator.Simulator.use((simulator) =>
    Effect.map(simulator.requests, (requests) => requests.filter((request) => request.endpoint === endpoint).length)
  )

const tags = (count: number) =>
  Effect.replicateEffect(
    Effect.match(Meetings.get(id), { onFailure: (error) => error._tag, onSuccess: () => "ok" }),
    count
  )

const failing: ReadonlyArray<readonly [string, Simulator.Fault]> = [
  ["loses connections", { _tag: "DropBefore" }],
  ["answers with 5xx", { _tag: "ServerError", status: 503, applied: false, body: "envelope" }],
  ["answers with a gateway's page", { _tag: "ServerError", status: 502, applied: false, body: "html" }]
]

describe("a circuit", () => {
  for (const [what, fault] of failing) {
    it.effect(`opens when the platform ${what}, and closes when it answers again`, () =>
      Effect.gen(function*() {
        yield* tags(3)
        const error = yield* Effect.flip(Meetings.get(id))
        assert.deepInclude<object>(error, { _tag: "TransportError", executed: "no", retryAfter: Duration.seconds(10) })
        assert.match(error.message, /circuit is open.*not executed/s)
        assert.strictEqual(yield* sent("get"), 3)
        yield* TestClock.adjust("9999 millis")
        assert.deepStrictEqual(yield* tags(1), ["TransportError"])
        assert.strictEqual(yield* sent("get"), 3)
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(yield* tags(2), ["ok", "ok"])
      }).pipe(guarded(faults("get", 3, fault))))
  }

  it.effect("stays closed on errors that the platform returns", () =>
    Effect.gen(function*() {
      const refused = yield* Effect.replicateEffect(
        Effect.flip(Meetings.get(MeetingId.make("6911188411932033029"))),
        10
      )
      assert.deepStrictEqual([...new Set(refused.map((error) => error._tag))], ["DataNotExist"])
      assert.strictEqual(yield* sent("get"), 10)
    }).pipe(guarded()))

  it.effect("stays closed on 429", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual([...new Set(yield* tags(5))], ["RateLimited"])
      assert.strictEqual(yield* sent("get"), 5)
    }).pipe(guarded(faults("get", 5, { _tag: "Throttle", reset: 1, status: 429 }))))

  it.effect("of one endpoint does not affect another endpoint", () =>
    Effect.gen(function*() {
      yield* tags(4)
      const report = yield* Meetings.setHost(id, bob, { hint: alice })
      assert.strictEqual(report.outcome, "swapped")
    }).pipe(guarded(faults("get", 10, { _tag: "DropBefore" }))))

  it.effect("that is open is reported as reads that were not executed", () =>
    Effect.gen(function*() {
      yield* tags(3)
      const policy = Cas.Policy.make({ deadline: "12 seconds", transient: Schedule.spaced("4 seconds") })
      const fiber = yield* Effect.forkChild(Effect.flip(Meetings.setHost(id, bob, { policy })))
      yield* TestClock.adjust("12 seconds")
      const error = yield* Fiber.join(fiber)
      const { report } = error
      assert.deepStrictEqual(report.attempts.map(({ _tag, answer }) => `${_tag} ${answer._tag}`), ["Read Unsent"])
      assert.deepInclude<object>(report, { swaps: 0, reads: 1, effect: "none" })
      assert.strictEqual(yield* sent("get"), 3)
      assert.match(error.message, /nothing was changed after 0 swaps and 1 read, 1 of them not executed\./)
    }).pipe(guarded(faults("get", 20, { _tag: "DropBefore" }))))

  it.effect("opens when attempts are cut at their timeout or at the deadline, and again by the next probe", () =>
    Effect.gen(function*() {
      const policy = Cas.Policy.make({
        attemptTimeout: "200 millis",
        deadline: "1 second",
        transient: Schedule.recurs(0)
      })
      const setHost = elapse(Effect.exit(Meetings.setHost(id, bob, { hint: alice, policy })))
      yield* Effect.replicateEffect(setHost, 6)
      assert.strictEqual(yield* sent("set_host"), 3)
      yield* TestClock.adjust("10 seconds")
      yield* Effect.replicateEffect(setHost, 3)
      assert.strictEqual(yield* sent("set_host"), 4)
      yield* TestClock.adjust("10 seconds")
      const late = Cas.Policy.make({ attemptTimeout: "9 seconds", deadline: "3 seconds" })
      yield* elapse(Effect.exit(Meetings.setHost(id, bob, { hint: alice, policy: late })))
      yield* setHost
      assert.strictEqual(yield* sent("set_host"), 5)
    }).pipe(guarded(faults("set_host", 20, { _tag: "Delay", millis: 3_600_000 }))))

  it.effect("stays closed when the caller interrupts, even after a long silence", () =>
    Effect.gen(function*() {
      const policy = Cas.Policy.make({ attemptTimeout: "9 seconds" })
      for (let i = 0; i < 5; i++) {
        const call = Effect.exit(Meetings.setHost(id, bob, { hint: alice, policy }))
        const fiber = yield* Effect.forkChild(call)
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.interrupt(fiber)
        yield* elapse(Effect.timeoutOption(Meetings.swapHost(id, { expected: alice, desired: bob }), "5 seconds"))
      }
      assert.strictEqual(yield* sent("set_host"), 10)
    }).pipe(guarded(faults("set_host", 20, { _tag: "Delay", millis: 3_600_000 }))))

  for (const [direction, hours] of [["back", -5], ["forward", 5]] as const) {
    it.effect(`stays open as long when the wall clock is set ${direction}`, () =>
      Effect.gen(function*() {
        const wall = yield* wallClock
        yield* Effect.gen(function*() {
          yield* tags(3)
          wall.setBy(hours * 3_600_000)
          yield* TestClock.adjust("9999 millis")
          assert.deepStrictEqual(yield* tags(1), ["TransportError"])
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(yield* tags(2), ["ok", "ok"])
        }).pipe(guarded(faults("get", 3, { _tag: "DropBefore" })), Effect.provideService(Clock.Clock, wall.clock))
      }))
  }

  it.effect("that is open delays a setHost, whose effect stays certain", () =>
    Effect.gen(function*() {
      yield* Effect.replicateEffect(
        Effect.flip(
          Meetings.swapHost(id, { expected: bob, desired: bob }).pipe(
            Effect.flatMap((outcome) => Effect.fail(outcome._tag))
          )
        ),
        3
      )
      const fiber = yield* Effect.forkChild(Meetings.setHost(id, bob, { hint: alice }))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* sent("set_host"), 3)
      yield* TestClock.adjust("5 seconds")
      const report = yield* Fiber.join(fiber)
      assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied" })
      assert.deepStrictEqual(report.attempts.map(({ answer }) => answer._tag), ["Unsent", "Applied"])
      assert.isAtLeast(Duration.toMillis(report.waited), 10_000)
    }).pipe(guarded(faults("set_host", 3, { _tag: "DropBefore" }))))
})

describe("a store of circuits that never answers", () => {
  const on =
    (store: Partial<Circuit.CircuitBreakerStore["Service"]>) => <A, E>(program: Effect.Effect<A, E, World>) => {
      const layer = Layer.effect(
        Circuit.CircuitBreakerStore,
        Effect.map(Circuit.CircuitBreakerStore, (memory) => ({ ...memory, ...store }))
      ).pipe(Layer.provide(Circuit.layerStoreMemory()))
      const options = { tripPolicy: Circuit.consecutive(3), openDuration: "10 seconds" } as const
      return program.pipe(
        Effect.provide(
          Layer.provide(Lark.layer(Simulator.defaultApp), Layer.provide(CircuitBreaker.layer(options), layer))
        ),
        Effect.provide(Simulator.layer({ meetings }))
      )
    }

  it.effect("to an admission delays a request by a second", () =>
    Effect.gen(function*() {
      const call = yield* Effect.forkChild(Meetings.get(id))
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(yield* sent("get"), 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(call)).id, id)
    }).pipe(on({ admit: () => Effect.never })))

  it.effect("to an admission leaves an operation certain when its deadline passes or it is interrupted", () =>
    Effect.gen(function*() {
      const policy = Cas.Policy.make({ deadline: "500 millis" })
      const call = yield* Effect.forkChild(Effect.flip(Meetings.setHost(id, bob, { hint: alice, policy })))
      yield* TestClock.adjust("500 millis")
      const { report } = yield* Fiber.join(call)
      assert.deepStrictEqual([report.effect, report.attempts.map(({ answer }) => answer._tag)], ["none", ["Unsent"]])
      const other = yield* Effect.forkChild(Meetings.setHost(id, bob, { hint: alice }))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(other)
      assert.strictEqual(yield* sent("set_host"), 0)
    }).pipe(on({ admit: () => Effect.never })))

  it.effect("to a record delays nothing", () =>
    Effect.gen(function*() {
      const report = yield* Meetings.setHost(id, bob, { hint: alice })
      assert.strictEqual(report.effect, "applied")
      assert.strictEqual(Duration.toMillis(report.elapsed), 0)
    }).pipe(on({ record: () => Effect.never })))
})
