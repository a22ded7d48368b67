/** What all implementations of `Cas.Turns` have in common. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, type Layer, Option, Schema } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as Server from "./Server.ts"
import * as steps from "./steps.ts"

const increment = Cas.update((n: number) => ({ _tag: "Swap", to: n + 1 }))

/** How much an implementation needs, in milliseconds: to start, and for a word from one client to another. */
export const conformsTo = (
  name: string,
  layer: Layer.Layer<never>,
  allowance: { readonly start: number; readonly hop: number; readonly runs: number }
) =>
  describe(`Turns ${name}`, () => {
    /** Queues of so many clients. */
    const clients = <A>(count: number, value: Schema.Codec<A>) =>
      Effect.gen(function*() {
        const turns = yield* Cas.Turns
        assert(turns !== undefined)
        return Array.from({ length: count }, () => Cas.makeQueue(turns.guard(value)))
      })

    const runs = <A, E>(program: Effect.Effect<A, E>) =>
      Effect.gen(function*() {
        yield* TestClock.adjust(allowance.start)
        const fiber = yield* Effect.forkChild(program)
        while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("5 millis")
        return yield* Fiber.join(fiber)
      }).pipe(Effect.provide(layer))

    const test = <A, E>(what: string, program: Effect.Effect<A, E>) => it.effect(what, () => runs(program))

    const start = <A, E>(operation: Effect.Effect<A, E>) => Effect.forkChild(operation, { startImmediately: true })

    /** Starts an operation when the ask of the one before it has arrived. */
    const runIn =
      ({ register }: Server.Server<string>) => (queue: Cas.Queue<string, string>, target: string, latest = false) =>
        Effect.andThen(
          Effect.sleep(allowance.hop),
          start(Effect.exit(queue.run("key", register, Cas.ensure(target), { latest })))
        )

    test(
      "cost one request an operation, however many clients there are",
      Effect.gen(function*() {
        const server = Server.make(0)
        const queues = yield* clients(5, Schema.Int)
        const operations = queues.flatMap((queue) =>
          Array.from({ length: 20 }, () => queue.run("key", server.register, increment))
        )
        const reports = yield* Effect.all(operations, { concurrency: "unbounded" })
        assert.strictEqual(server.current(), 100)
        assert.strictEqual(server.calls.length, 101)
        assert.isTrue(reports.every(({ swaps }) => swaps === 1))
      })
    )

    test(
      "go from client to client in the order of the asks",
      Effect.gen(function*() {
        const server = Server.make("start")
        const queues = yield* clients(3, Schema.String)
        const fibers = yield* Effect.forEach(
          queues,
          (queue, n) =>
            Effect.sleep(1).pipe(Effect.andThen(start(queue.run("key", server.register, Cas.ensure(`v${n}`)))))
        )
        yield* Fiber.joinAll(fibers)
        assert.deepStrictEqual(server.calls, ["read", "start->v0", "v0->v1", "v1->v2"])
      })
    )

    test(
      "leave a client that has many operations after a tenth of a second",
      Effect.gen(function*() {
        const server = Server.make(0)
        const [busy, other] = yield* clients(2, Schema.Int)
        assert(busy !== undefined && other !== undefined)
        const fibers = yield* Effect.forEach(
          Array.from({ length: 50 }),
          () => start(busy.run("key", server.register, increment))
        )
        yield* Effect.sleep("10 millis")
        const report = yield* other.run("key", server.register, increment)
        assert.isAtLeast(report.after, 5)
        assert.isAtMost(report.after, 8)
        yield* Fiber.joinAll(fibers)
        assert.strictEqual(server.current(), 51)
      })
    )

    test(
      "let equal operations of all clients share a request",
      Effect.gen(function*() {
        const server = Server.make("start")
        const queues = yield* clients(5, Schema.String)
        const operations = queues.flatMap((queue) =>
          Array.from({ length: 10 }, () => queue.run("key", server.register, Cas.ensure("same")))
        )
        const reports = yield* Effect.all(operations, { concurrency: "unbounded" })
        assert.strictEqual(reports.filter(({ outcome }) => outcome === "swapped").length, 1)
        // In each client the first one may have to ask what the others wait for.
        assert.isAtMost(server.calls.length, 1 + queues.length)
      })
    )

    test(
      "let latest end what waits in other clients, and not what is called after it",
      Effect.gen(function*() {
        const server = Server.make("start")
        const [holder, waiter, newest] = yield* clients(3, Schema.String)
        assert(holder !== undefined && waiter !== undefined && newest !== undefined)
        const run = runIn(server)
        const fibers = [
          yield* run(holder, "a"),
          yield* run(waiter, "b"),
          yield* run(waiter, "c"),
          yield* run(newest, "d", true),
          yield* run(waiter, "e")
        ]
        const exits = yield* Fiber.joinAll(fibers)
        assert.deepStrictEqual(
          exits.map((exit) =>
            Exit.isSuccess(exit) ? exit.value.after : Option.getOrUndefined(Exit.findErrorOption(exit))?._tag
          ),
          ["a", "CasSuperseded", "CasSuperseded", "d", "e"]
        )
        assert.deepStrictEqual(server.calls.slice(-3), ["start->a", "a->d", "d->e"])
      })
    )

    test(
      "let latest end what waits behind the turn of its own client",
      Effect.gen(function*() {
        const server = Server.make("start", { roundTrip: "200 millis" })
        const [one, other] = yield* clients(2, Schema.String)
        assert(one !== undefined && other !== undefined)
        const run = runIn(server)
        const fibers = [
          yield* run(one, "a"),
          yield* run(other, "b"),
          yield* run(other, "c"),
          yield* run(one, "d", true)
        ]
        const exits = yield* Fiber.joinAll(fibers)
        // What has the turn when the latest one asks goes on; what waits then was called before it.
        assert.deepStrictEqual(
          exits.map((exit) => Exit.isSuccess(exit) ? exit.value.after : "superseded"),
          ["a", "b", "superseded", "d"]
        )
        assert.strictEqual(server.current(), "d")
      })
    )

    test(
      "are waited for until the deadline, also by the first in line",
      Effect.gen(function*() {
        const server = Server.make("start", { roundTrip: "10 seconds" })
        const [holder, waiter] = yield* clients(2, Schema.String)
        assert(holder !== undefined && waiter !== undefined)
        const first = yield* start(holder.run("key", server.register, Cas.ensure("a"), {
          policy: Cas.Policy.make({ attemptTimeout: "20 seconds" })
        }))
        yield* Effect.sleep("1 second")
        const began = yield* Clock.currentTimeMillis
        const error = yield* Effect.flip(
          waiter.run("key", server.register, Cas.ensure("b"), { policy: Cas.Policy.make({ deadline: "3 seconds" }) })
        )
        assert.strictEqual((yield* Clock.currentTimeMillis) - began, 3_000)
        assert.deepInclude<object>(error, { _tag: "CasExhausted", limit: "deadline" })
        assert.strictEqual(error.report.effect, "none")
        yield* Fiber.join(first)
        assert.deepStrictEqual(server.calls, ["read", "start->a"])
      })
    )

    test(
      "go to the next when a client that waits, or that has the turn, is interrupted",
      Effect.gen(function*() {
        const server = Server.make("start", { roundTrip: "1 second" })
        const queues = yield* clients(4, Schema.String)
        const [first, second, third, last] = yield* Effect.forEach(queues, (queue, n) =>
          Effect.andThen(
            Effect.sleep(allowance.hop),
            start(queue.run("key", server.register, Cas.ensure(`v${n}`), { hint: "start" }))
          ))
        assert(first !== undefined && second !== undefined && third !== undefined && last !== undefined)
        yield* Fiber.interrupt(second)
        yield* Fiber.interrupt(first)
        const began = yield* Clock.currentTimeMillis
        assert.strictEqual((yield* Fiber.join(third)).after, "v2")
        assert.isAtMost((yield* Clock.currentTimeMillis) - began, 2_000 + allowance.hop)
        assert.strictEqual((yield* Fiber.join(last)).after, "v3")
        assert.deepStrictEqual(
          yield* Effect.forEach(queues, ({ size }) => size),
          [0, 0, 0, 0]
        )
      })
    )

    test(
      "pass nothing on after a swap of unknown effect",
      Effect.gen(function*() {
        const server = Server.make("start", { fates: (nth) => nth === 1 ? "lost" : undefined })
        const [one, other] = yield* clients(2, Schema.String)
        assert(one !== undefined && other !== undefined)
        const first = yield* start(Effect.exit(
          one.run("key", server.register, Cas.ensure("a"), { policy: Cas.Policy.make({ onUnknown: "neverResend" }) })
        ))
        yield* Effect.sleep(allowance.hop)
        const report = yield* other.run("key", server.register, Cas.ensure("b"))
        yield* Fiber.join(first)
        assert.strictEqual(report.reads, 1)
      })
    )

    test(
      "outlive an operation that dies",
      Effect.gen(function*() {
        const server = Server.make("start", { fates: (nth) => nth === 0 ? "broken" : undefined })
        const [one, other] = yield* clients(2, Schema.String)
        assert(one !== undefined && other !== undefined)
        const first = yield* start(Effect.exit(one.run("key", server.register, Cas.ensure("a"))))
        yield* Effect.sleep(allowance.hop)
        assert.strictEqual((yield* other.run("key", server.register, Cas.ensure("b"))).outcome, "swapped")
        assert.isTrue(Exit.hasDies(yield* Fiber.join(first)))
      })
    )

    test(
      "of one key do not hold up another",
      Effect.gen(function*() {
        const slow = Server.make("start", { roundTrip: "5 seconds" })
        const fast = Server.make("start")
        const [one, other] = yield* clients(2, Schema.String)
        assert(one !== undefined && other !== undefined)
        const first = yield* start(one.run("slow", slow.register, Cas.ensure("a")))
        const [took] = yield* Effect.timed(other.run("fast", fast.register, Cas.ensure("b")))
        assert.isBelow(Duration.toMillis(took), 100)
        yield* Fiber.interrupt(first)
      })
    )

    it.effect.prop(
      "prove only what was so during the call, and never stand still",
      {
        steps: steps.Steps,
        losses: Schema.Array(steps.between(0, 20)).check(Schema.isMaxLength(3))
      },
      ({ losses, steps: planned }) =>
        runs(Effect.gen(function*() {
          let isCalm = false
          const fates = (nth: number) => !isCalm && losses.includes(nth) ? "lost" : undefined
          const server = Server.make<string>("a", { fates, roundTrip: "60 millis" })
          const queues = yield* clients(3, Schema.String)
          yield* steps.take(planned, server, queues)
          isCalm = true
          for (const queue of queues) {
            const [took] = yield* Effect.timed(queue.run("key", server.register, Cas.ensure("a")))
            assert.isBelow(Duration.toMillis(took), 1_000)
          }
        })),
      { arbitrary: { runs: allowance.runs }, timeout: 300_000 }
    )
  })
