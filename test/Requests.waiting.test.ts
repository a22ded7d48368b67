/**
 * How processes wait for the results of requests.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { Cas, Meetings } from "effect-lark-meetings"
import * as Requests from "effect-lark-meetings/Requests"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as pods from "./fixtures/pods.ts"
import { bob, id, meetings } from "./fixtures/World.ts"

/** A pod, and how often it has read a record. */
const reading = Effect.fnUntraced(function*(world: pods.World, options: Requests.Options = {}) {
  const count = { reads: 0 }
  const get = (key: string) => Effect.suspend(() => (count.reads++, world.records.get(key)))
  const pod = yield* world.start({ ...options, store: { ...world.records, get } })
  return { pod, count }
})

/** Requests of which each takes four seconds. */
const slow = Effect.provide(Simulator.layer({ meetings, latency: "2 seconds" }))

const ask = Meetings.request(id, Cas.ensure(bob), { key: "k" })

const timed = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const from = yield* Clock.currentTimeMillis
    yield* self
    return (yield* Clock.currentTimeMillis) - from
  })

describe("the result of a request", () => {
  it.effect("is there at once if this process stores it, for each waiter", () =>
    slow(Effect.gen(function*() {
      const { count, pod } = yield* reading(yield* pods.make)
      yield* pod.run(ask)
      const wait = yield* Effect.forkChild(
        timed(Effect.all([Requests.result("k"), Requests.result("k")], { concurrency: "unbounded" })).pipe(pod.run)
      )
      yield* TestClock.adjust("10 seconds")
      const waited = yield* Fiber.join(wait)
      // A token, a read and a swap.
      assert.strictEqual(waited, 6_000)
      assert.isAtMost(count.reads, 2 * 12)
    })))

  it.effect("is there at once though another waiter has given up", () =>
    slow(Effect.gen(function*() {
      const { pod } = yield* reading(yield* pods.make)
      yield* pod.run(ask)
      const wait = yield* Effect.forkChild(timed(Requests.result("k")).pipe(pod.run))
      const other = yield* Effect.forkChild(pod.run(Requests.result("k")))
      // Between two looks of the first, the later of which is after the end.
      yield* TestClock.adjust(5_900)
      yield* Fiber.interrupt(other)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(wait), 6_000)
    })))

  it.effect("is there at once if this process cancels the request", () =>
    slow(Effect.gen(function*() {
      const { pod } = yield* reading(yield* pods.make, { concurrency: 0 })
      yield* pod.run(ask)
      const wait = yield* Effect.forkChild(timed(Effect.flip(Requests.result("k"))).pipe(pod.run))
      yield* TestClock.adjust(5_123)
      yield* pod.run(Requests.cancel("k"))
      assert.strictEqual(yield* Fiber.join(wait), 5_123)
    })))

  it.effect("is there within a second if another process stores it", () =>
    slow(Effect.gen(function*() {
      const world = yield* pods.make
      const { count, pod } = yield* reading(world, { concurrency: 0 })
      yield* world.start()
      yield* pod.run(ask)
      const wait = yield* Effect.forkChild(timed(Requests.result("k")).pipe(pod.run))
      yield* TestClock.adjust("10 seconds")
      assert.isAtMost(yield* Fiber.join(wait), 7_000)
      assert.isAtMost(count.reads, 14)
    })))

  it.effect("is looked for a hundred times a second, however many wait for theirs", () =>
    slow(Effect.gen(function*() {
      const { count, pod } = yield* reading(yield* pods.make, { concurrency: 0 })
      const keys = Array.from({ length: 500 }, (_, n) => `${n}`)
      yield* pod.run(Effect.forEach(keys, (key) => Meetings.request(id, Cas.ensure(bob), { key })))
      count.reads = 0
      const wait = yield* Effect.forkChild(
        pod.run(Effect.forEach(keys, Requests.result, { concurrency: "unbounded" }))
      )
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(count.reads, 500 + 60 * 90)
      assert.isAtMost(count.reads, 500 + 60 * 105)
      yield* Fiber.interrupt(wait)
      // One that comes later looks as often as one alone.
      count.reads = 0
      const next = yield* Effect.forkChild(pod.run(Requests.result("0")))
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(count.reads, 60)
      yield* Fiber.interrupt(next)
    })))
})
