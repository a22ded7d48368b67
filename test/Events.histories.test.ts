/**
 * Random histories of deliveries, handlers, consumers that come and go, and sets of handled events that fail.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Effect, Fiber, Option, Schema, Stream } from "effect"
import { Events } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { seeded } from "./bench/Seeded.ts"
import { envelope } from "./fixtures/frameServer.ts"

const eventOf = (id: string) => Option.getOrThrow(Events.fromWire(envelope(id)))

/** What the handlers of one consumer did with the events. */
interface Consumer {
  readonly name: number
  /** Times at which a handler succeeded, by event. */
  readonly successes: Map<string, Array<number>>
  readonly running: Set<string>
  readonly capacity: number
  readonly since: number
  until: number
}

interface Delivery {
  readonly id: string
  readonly at: number
  readonly answeredAt: number
  readonly isTaken: boolean
}

/** After how many milliseconds the platform sends an event again. */
const retries = [15_000, 300_000, 3_600_000, 21_600_000]

/** Plays one history, and checks it. */
const play = (seed: number) =>
  Effect.scoped(Effect.gen(function*() {
    const { below, chance } = seeded(seed)
    const isSetBroken = chance(0.3)
    const isCalm = chance(0.4)
    const added = new Set<string>()
    const breakdown = <A>(value: () => A): Effect.Effect<A, string> => {
      if (!isSetBroken) return Effect.delay(Effect.sync(value), below(50))
      switch (below(6)) {
        case 0:
          return Effect.fail("down")
        case 1:
          return Effect.die("down")
        case 2:
          return Effect.never
        case 3:
          throw new Error("down")
        case 4:
          return Effect.delay(Effect.sync(value), below(3_000))
        default:
          return Effect.sync(value)
      }
    }
    const source = yield* Events.make.pipe(
      Effect.provideService(Events.HandledEvents, {
        has: (id) => breakdown(() => added.has(id)),
        add: (id) => breakdown(() => void added.add(id))
      })
    )
    const scope = yield* Effect.scope
    const consumers: Array<Consumer> = []
    const deliveries: Array<Delivery> = []
    /** What background fibers found. */
    const faults: Array<string> = []

    const succeed = (consumer: Consumer, id: string) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const times = consumer.successes.get(id) ?? []
        consumer.successes.set(id, [...times, now])
      })

    const handler = (consumer: Consumer) => ({ id }: Events.Event): Effect.Effect<unknown, string> => {
      if (consumer.running.has(id)) faults.push(`${id} is handled twice at once`)
      consumer.running.add(id)
      if (consumer.running.size > consumer.capacity) faults.push("more is handled than has room")
      const takes = below(4) === 0 ? below(20_000) : below(500)
      const outcome = below(isCalm ? 10 : 6)
      if (outcome === 0) {
        consumer.running.delete(id)
        throw new Error("thrown")
      }
      return Effect.suspend((): Effect.Effect<unknown, string> => {
        switch (outcome) {
          case 1:
            return Effect.fail("failed")
          case 2:
            return below(2) === 0 ? Effect.die("died") : Effect.interrupt
          case 3:
            return below(8) === 0 ? Effect.never : succeed(consumer, id)
          default:
            return succeed(consumer, id)
        }
      }).pipe(Effect.delay(takes), Effect.ensuring(Effect.sync(() => consumer.running.delete(id))))
    }

    const consume = Effect.gen(function*() {
      const isStream = chance(0.25)
      const capacity = isStream || chance(0.7) ? 1_000 : 1 + below(2)
      const consumer: Consumer = {
        name: consumers.length,
        successes: new Map(),
        running: new Set(),
        capacity,
        since: yield* Clock.currentTimeMillis,
        until: Number.POSITIVE_INFINITY
      }
      consumers.push(consumer)
      const run = isStream
        ? Stream.runForEach(source.events.stream({ capacity }), ({ id }) => succeed(consumer, id))
        : source.events.handle(handler(consumer), { capacity })
      const fiber = yield* Effect.forkIn(run, scope, { startImmediately: true })
      if (chance(isCalm ? 1 : 0.5)) return
      yield* Effect.sleep(below(400_000))
      yield* Fiber.interrupt(fiber)
      consumer.until = yield* Clock.currentTimeMillis
      if (consumer.running.size > 0) faults.push("handlers outlive their consumer")
    })

    const platform = (id: string) =>
      Effect.gen(function*() {
        yield* Effect.sleep(below(30_000))
        for (const wait of [...retries, undefined]) {
          const twice = chance(0.2) ? 2 : 1
          const answers = yield* Effect.forEach(
            Array.from({ length: twice }, () => below(1_000)),
            (after) =>
              Effect.gen(function*() {
                yield* Effect.sleep(after)
                const at = yield* Clock.currentTimeMillis
                const isTaken = yield* source.deliver(eventOf(id))
                const answeredAt = yield* Clock.currentTimeMillis
                deliveries.push({ id, at, answeredAt, isTaken })
                return isTaken
              }),
            { concurrency: "unbounded" }
          )
          // An answer may be lost.
          if (wait === undefined || (answers.includes(true) && !chance(0.3))) return
          yield* Effect.sleep(wait)
        }
      })

    for (let left = 1 + below(3); left > 0; left--) {
      yield* Effect.forkScoped(Effect.delay(consume, chance(0.5) ? 0 : below(20_000)), { startImmediately: true })
    }
    const ids = Array.from({ length: 1 + below(8) }, (_, index) => String(index))
    const pushing = yield* Effect.forkScoped(Effect.forEach(ids, platform, { concurrency: "unbounded", discard: true }))
    yield* TestClock.adjust("9 hours")
    yield* Fiber.join(pushing)

    assert.deepStrictEqual(faults, [])
    for (const { answeredAt, at, id, isTaken } of deliveries) {
      assert.isAtMost(answeredAt - at, 2_500, "the answer is late")
      if (!isTaken) continue
      // Each consumer that ran from before the first delivery until this answer has handled the event.
      const first = Math.min(...deliveries.flatMap((one) => one.id === id ? [one.at] : []))
      for (const { name, since, successes, until } of consumers) {
        if (since >= first || until <= answeredAt) continue
        const handled = successes.get(id) ?? []
        assert.isTrue(handled.some((time) => time <= answeredAt), `${id} was taken, but not by consumer ${name}`)
      }
      assert.isTrue(consumers.some(({ successes }) => successes.has(id)), `${id} was taken by nobody`)
    }
    for (const { name, successes } of consumers) {
      for (const [id, times] of successes) {
        if (!isSetBroken) assert.lengthOf(times, 1, `${id} was handled ${times.length} times by consumer ${name}`)
      }
    }
    for (const id of ids) {
      // A handler may hang for ever, and its event is running then.
      const hangs = consumers.some(({ running }) => running.has(id))
      if (!hangs) assert.isFalse(source.isRunning(eventOf(id)), `${id} is stuck`)
    }
  }))

const seed = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 32 - 1 })))

describe("every event", () => {
  it.effect.prop(
    "that is taken was handled by each consumer, and once as far as the set knows",
    { seed },
    ({ seed }) => play(seed),
    { arbitrary: { runs: 300 } }
  )
})
