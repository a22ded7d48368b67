/**
 * Every event is handled once, whatever happens to connections, frames and handlers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Deferred, Effect, Fiber, Schema, Stream } from "effect"
import { Events } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { connect, consume, discoveries, push, settle } from "./fixtures/connected.ts"

const between = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

/** Codes after which another attempt may succeed. */
const temporary = [1, 999, 1000040343, 1000040350]

const connectionFaults = Arbitrary.array(
  Arbitrary.map(
    Arbitrary.all([between(0, 8), Arbitrary.schema(Simulator.ConnectionFault), between(0, 3)]),
    ([nth, fault, code]): Simulator.ConnectionFaultRule => ({
      nth,
      fault: fault._tag === "Code"
        ? { ...fault, code: temporary[code] ?? 1 }
        : fault._tag === "Stall"
        ? { ...fault, pings: fault.pings % 5 }
        : fault
    })
  ),
  { maxLength: 8 }
)

const eventFaults = Arbitrary.array(
  Arbitrary.map(
    Arbitrary.all([between(0, 30), Arbitrary.schema(Simulator.EventFault)]),
    ([nth, fault]): Simulator.EventFaultRule => ({ nth, fault })
  ),
  { maxLength: 20 }
)

/** When an event comes after the one before, how long its handler takes, and how often it fails first. */
const events = Arbitrary.array(Arbitrary.all([between(0, 30_000), between(0, 5_000), between(0, 2)]), {
  minLength: 1,
  maxLength: 12
})

describe("every event", () => {
  it.effect.prop(
    "is handled once, or none of its deliveries came through",
    { connectionFaults, eventFaults, events },
    ({ connectionFaults, eventFaults, events }) =>
      connect(
        { connectionFaults, eventFaults },
        Effect.gen(function*() {
          const handled = new Map<string, number>()
          const failed = new Map<string, number>()
          const handler = ({ id }: Events.Event) => {
            const [, takes = 0, failures = 0] = events[Number(id)] ?? []
            return Effect.delay(
              Effect.suspend(() => {
                const times = failed.get(id) ?? 0
                if (times < failures) {
                  failed.set(id, times + 1)
                  return Effect.fail("not yet")
                }
                handled.set(id, (handled.get(id) ?? 0) + 1)
                return Effect.void
              }),
              takes
            )
          }
          yield* Effect.forkChild(Events.handle(handler), { startImmediately: true })
          yield* settle
          for (const [index, [after]] of events.entries()) {
            yield* TestClock.adjust(after)
            yield* Effect.forkChild(push(String(index)))
          }
          yield* TestClock.adjust("9 hours")

          const pushes = (yield* (yield* Simulator.Simulator).pushes).filter(({ via }) => via === "long_connection")
          assert.lengthOf(pushes, events.length)
          for (const { attempts, uuid = "" } of pushes) {
            const isAcknowledged = attempts.some(({ status }) => status === 200)
            const times = handled.get(uuid) ?? 0
            assert.isAtMost(times, 1, `${uuid} was handled ${times} times`)
            if (isAcknowledged) assert.strictEqual(times, 1, `${uuid} was acknowledged`)
            else assert.lengthOf(attempts, 5, `${uuid} was not repeated`)
          }
        })
      ),
    { arbitrary: { runs: 60 } }
  )

  it.effect("of 10,000 is handled once, through ten reconnections and a consumer that stops and comes back", () =>
    connect(
      { longConnection: { pingInterval: 600 } },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const handled: Array<string> = []
        let consumer = yield* consume
        for (let batch = 0; batch < 10; batch++) {
          // Half of a batch is on its way when the connection breaks off, or when the consumer stops before it does.
          const pushing = yield* Effect.forkChild(
            Effect.forEach(
              Array.from({ length: 1_000 }, (_, index) => String(batch * 1_000 + index)),
              (id) => push(id),
              { concurrency: 50, discard: true }
            )
          )
          const before = consumer.ids.length
          while (consumer.ids.length < before + 500) yield* Effect.yieldNow
          const stops = batch % 2 === 0
          if (stops) {
            yield* Fiber.interrupt(consumer.fiber)
            handled.push(...consumer.ids)
            yield* TestClock.adjust("5 seconds")
          }
          yield* simulator.closeConnections()
          yield* TestClock.adjust("1 minute")
          if (stops) consumer = yield* consume
          yield* Fiber.join(pushing)
          yield* TestClock.adjust("10 minutes")
        }
        yield* TestClock.adjust("2 hours")
        handled.push(...consumer.ids)
        assert.lengthOf(handled, 10_000)
        assert.strictEqual(new Set(handled).size, 10_000)
        assert.lengthOf(yield* discoveries, 11)
        const attempts = (yield* simulator.pushes).map(({ attempts }) => attempts.map(({ status }) => status))
        assert.isTrue(attempts.every((statuses) => statuses.at(-1) === 200))
        assert.isAbove(attempts.filter(({ length }) => length > 1).length, 10)
      })
    ))
})

describe("a consumer that stops", () => {
  const pushAll = (count: number) =>
    Effect.forEach(Array.from({ length: count }, (_, index) => String(index)), (id) => push(id), {
      concurrency: 50,
      discard: true
    })

  const statuses = Effect.flatMap(Simulator.Simulator, (simulator) =>
    Effect.map(simulator.pushes, (pushes) => {
      const all = pushes.map(({ attempts }) => attempts[0]?.status)
      return [200, 500].map((status) => all.filter((one) => one === status).length)
    }))

  it.effect("leaves as many events in memory as its stream has room for, and a chunk", () =>
    connect(
      {},
      Effect.gen(function*() {
        yield* Effect.forkChild(Stream.runForEach(Events.stream({ capacity: 100 }), () => Effect.never))
        yield* settle
        yield* pushAll(2_000)
        const [taken = 0, refused = 0] = yield* statuses
        assert.isAtLeast(taken, 100)
        assert.isAtMost(taken, 200)
        assert.strictEqual(taken + refused, 2_000)
      })
    ))

  it.effect("is given no more events than it may have in hand", () =>
    connect(
      {},
      Effect.gen(function*() {
        const gate = yield* Deferred.make<void>()
        let started = 0
        yield* Effect.forkChild(
          Events.handle(() => Effect.suspend(() => Effect.as(Deferred.await(gate), ++started)), { capacity: 100 })
        )
        yield* settle
        const pushing = yield* Effect.forkChild(pushAll(2_000))
        yield* settle
        yield* Effect.repeat(Effect.andThen(TestClock.adjust("500 millis"), settle), { times: 20 })
        yield* Fiber.join(pushing)
        assert.strictEqual(started, 100)
        assert.deepStrictEqual(yield* statuses, [0, 2_000])
        yield* Deferred.succeed(gate, undefined)
      })
    ))
})
