import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Metric, Option, Result, Schedule, Schema } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { make as scripted } from "./fixtures/ScriptedRegister.ts"

/** A value behind a round trip, with a log of the calls that reached it. */
const makeServer = <A>(initial: A, options?: { readonly roundTrip?: Duration.Input; readonly canRead?: boolean }) => {
  const half = Duration.divideUnsafe(Duration.fromInputUnsafe(options?.roundTrip ?? "20 millis"), 2)
  const state = { value: initial }
  const calls: Array<string> = []
  const losses: Array<number> = []
  const answer = <X>(name: string, evaluate: () => X): Effect.Effect<X | Cas.Unknown> =>
    Effect.sleep(half).pipe(
      Effect.andThen(Effect.sync(() => {
        const index = calls.push(name) - 1
        const result = evaluate()
        return losses.includes(index) ? Cas.unknown("reply lost") : result
      })),
      Effect.tap(Effect.sleep(half))
    )
  const register: Cas.Register<A> = {
    equals: (a, b) => a === b,
    ...(options?.canRead === false ? {} : { read: answer("read", () => Cas.observed(state.value)) }),
    swap: (expected, desired) =>
      answer(`${String(expected)}->${String(desired)}`, (): Cas.Outcome<A> => {
        if (state.value !== expected) return Cas.conflict(state.value)
        state.value = desired
        return Cas.applied
      })
  }
  return { state, calls, losses, register }
}

const increment = Cas.update((n: number) => ({ _tag: "Swap", to: n + 1 }))

const inOrder = <A, E, R>(operations: ReadonlyArray<Effect.Effect<A, E, R>>) =>
  Effect.forEach(operations, (operation) => Effect.forkChild(operation, { startImmediately: true }))

describe("Cas.makeQueue", () => {
  it.effect("27: N operations on one key cost N swaps and one read", () =>
    Effect.gen(function*() {
      const server = makeServer(0)
      const queue = Cas.makeQueue<string, number>()
      const fibers = yield* inOrder(Array.from({ length: 100 }, () => queue.run("key", server.register, increment)))
      yield* TestClock.adjust("10 seconds")
      const reports = yield* Fiber.joinAll(fibers)
      assert.strictEqual(server.state.value, 100)
      assert.strictEqual(server.calls.length, 101)
      assert.deepStrictEqual(reports.map((report) => report.swaps), Array.from({ length: 100 }, () => 1))
      assert.deepStrictEqual(
        reports.map((report) => report.after),
        Array.from({ length: 100 }, (_, index) => index + 1)
      )
    }))

  it.effect("24: operations on one key run in the order of their calls", () =>
    Effect.gen(function*() {
      const server = makeServer("start")
      const queue = Cas.makeQueue<string, string>()
      const names = Array.from({ length: 10 }, (_, index) => `value ${index}`)
      const fibers = yield* inOrder(names.map((name) => queue.run("key", server.register, Cas.ensure(name))))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.joinAll(fibers)
      const expected = names.map((name, index) => `${index === 0 ? "start" : names[index - 1]}->${name}`)
      assert.deepStrictEqual(server.calls, ["read", ...expected])
    }))

  it.effect("24: keys are independent", () =>
    Effect.gen(function*() {
      const stuck: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Effect.never }
      const server = makeServer("a")
      const queue = Cas.makeQueue<string, string>()
      const fiber = yield* Effect.forkChild(queue.run("stuck", stuck, Cas.handover("a", "b")), {
        startImmediately: true
      })
      const free = yield* Effect.forkChild(queue.run("free", server.register, Cas.handover("a", "b")))
      yield* TestClock.adjust("20 millis")
      assert.strictEqual((yield* Fiber.join(free)).outcome, "swapped")
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("24: an interrupted head makes way, an interrupted waiter leaves, and an idle key takes no memory", () =>
    Effect.gen(function*() {
      const server = makeServer(0)
      const queue = Cas.makeQueue<string, number>()
      const [head, waiter, last] = yield* inOrder([
        queue.run("key", server.register, increment),
        queue.run("key", server.register, increment),
        queue.run("key", server.register, increment)
      ])
      yield* TestClock.adjust("25 millis")
      assert.strictEqual(yield* queue.size, 1)
      yield* Fiber.interrupt(waiter!)
      yield* Fiber.interrupt(head!)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(last!)).outcome, "swapped")
      assert.strictEqual(yield* queue.size, 0)
    }))

  it.effect("22: an interrupted swap passes on nothing: the next operation reads", () =>
    Effect.gen(function*() {
      const server = makeServer(0)
      const queue = Cas.makeQueue<string, number>()
      const [head, next] = yield* inOrder([
        queue.run("key", server.register, increment),
        queue.run("key", server.register, increment)
      ])
      yield* TestClock.adjust("25 millis")
      yield* Fiber.interrupt(head!)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(next!)
      assert.deepStrictEqual(server.calls.filter((call) => call === "read").length, 2)
    }))

  it.effect("the baton is dropped after an attempt of unknown effect", () =>
    Effect.gen(function*() {
      const server = makeServer("start")
      server.losses.push(1)
      const queue = Cas.makeQueue<string, string>()
      const fibers = yield* inOrder([
        queue.run("key", server.register, Cas.ensure("a")),
        queue.run("key", server.register, Cas.ensure("b"))
      ])
      yield* TestClock.adjust("10 seconds")
      const reports = yield* Fiber.joinAll(fibers)
      assert.strictEqual(reports[0]!.effect, "unknown")
      assert.deepStrictEqual([reports[1]!.reads, reports[1]!.swaps], [1, 1])
    }))

  it.effect("the baton is dropped after a defect in a swap", () =>
    Effect.gen(function*() {
      const server = makeServer(0)
      const queue = Cas.makeQueue<string, number>()
      const abandoned: Array<unknown> = []
      const broken: Cas.Register<number> = {
        ...server.register,
        swap: (expected, desired) => Effect.andThen(server.register.swap(expected, desired), Effect.die("broken"))
      }
      const [first, second] = yield* inOrder([
        queue.run("key", broken, increment, { onAbandoned: (attempt) => Effect.sync(() => abandoned.push(attempt)) }),
        queue.run("key", server.register, Cas.ensure(1))
      ])
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.hasDies(yield* Fiber.await(first!)))
      assert.strictEqual((yield* Fiber.join(second!)).reads, 1)
      assert.deepStrictEqual(abandoned, [{ expected: 0, desired: 1 }])
    }))

  it.effect("an onAbandoned that takes long holds up neither the interruption nor anybody's turn", () =>
    Effect.gen(function*() {
      const server = makeServer("a")
      const queue = Cas.makeQueue<string, string>()
      const gate = yield* Deferred.make<void>()
      const [first, second] = yield* inOrder([
        queue.run("key", server.register, Cas.handover("a", "b"), { onAbandoned: () => Deferred.await(gate) }),
        queue.run("key", server.register, Cas.ensure("c"))
      ])
      yield* TestClock.adjust(5)
      const interruption = yield* Effect.forkChild(Fiber.interrupt(first!), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      const isOver = interruption.pollUnsafe() !== undefined && second!.pollUnsafe() !== undefined
      yield* Deferred.succeed(gate, undefined)
      assert.isTrue(isOver)
      assert.strictEqual((yield* Fiber.join(second!)).outcome, "swapped")
      assert.strictEqual(yield* queue.size, 0)
    }))

  it.effect("an onAbandoned that throws holds up nobody's turn", () =>
    Effect.gen(function*() {
      const server = makeServer("a")
      const queue = Cas.makeQueue<string, string>()
      const onAbandoned = () => {
        throw new Error("no effect at all")
      }
      const [first, second] = yield* inOrder([
        queue.run("key", server.register, Cas.handover("a", "b"), { onAbandoned }),
        queue.run("key", server.register, Cas.ensure("c"))
      ])
      yield* TestClock.adjust(5)
      const exit = yield* Effect.exit(Fiber.interrupt(first!))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual((yield* Fiber.join(second!)).outcome, "swapped")
      assert.strictEqual(yield* queue.size, 0)
    }))

  it.effect("the baton is dropped after an error that may hide an executed swap", () =>
    Effect.gen(function*() {
      const server = makeServer(0)
      const queue = Cas.makeQueue<string, number>()
      const doubtful: Cas.Register<number, string> = {
        ...server.register,
        swap: () => Effect.fail("somebody else answered"),
        classifyError: () => "uncertain"
      }
      const [first, second] = yield* inOrder([
        queue.run("key", doubtful, increment),
        queue.run("key", server.register, increment)
      ])
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isFailure(yield* Fiber.await(first!)))
      assert.strictEqual((yield* Fiber.join(second!)).reads, 1)
    }))

  it.effect("25: identical operations that wait together share one flight", () =>
    Effect.gen(function*() {
      const server = makeServer("start")
      const queue = Cas.makeQueue<string, string>()
      const fibers = yield* inOrder(
        Array.from({ length: 100 }, () => queue.run("key", server.register, Cas.ensure("target")))
      )
      yield* TestClock.adjust("10 seconds")
      const reports = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(server.calls, ["read", "start->target"])
      assert.deepStrictEqual(reports.map((report) => report.outcome), [
        "swapped",
        ...Array.from({ length: 99 }, () => "already")
      ])
    }))

  it.effect("25: the answer to a request that left before the call is no proof", () =>
    Effect.gen(function*() {
      const server = makeServer("start")
      const queue = Cas.makeQueue<string, string>()
      const first = yield* Effect.forkChild(
        queue.run("key", server.register, Cas.ensure("target"), { hint: "start" }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("15 millis")
      // The swap took effect at 10 ms. Somebody moves the value on before the second operation is called.
      server.state.value = "elsewhere"
      const second = yield* Effect.forkChild(queue.run("key", server.register, Cas.ensure("target")), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(first)).outcome, "swapped")
      assert.strictEqual((yield* Fiber.join(second)).outcome, "swapped")
      assert.strictEqual(server.state.value, "target")
    }))

  it.effect("25: the answer to a request that left at the moment of the call is no proof either", () =>
    Effect.gen(function*() {
      const server = makeServer("start")
      const queue = Cas.makeQueue<string, string>()
      const ensure = queue.run("key", server.register, Cas.ensure("target"), { hint: "start" })
      const fibers = yield* inOrder([ensure, ensure])
      yield* TestClock.adjust("1 second")
      const reports = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(reports.map(({ outcome }) => outcome), ["swapped", "already"])
      assert.deepStrictEqual(server.calls, ["start->target", "read"])
    }))

  it.effect("an operation ends on what the one before it saw, also when its intent says what to expect", () =>
    Effect.gen(function*() {
      const server = makeServer("a")
      const queue = Cas.makeQueue<string, string>()
      const [, second] = yield* inOrder([
        queue.run("key", server.register, Cas.ensure("c")),
        queue.run("key", server.register, Cas.handover("a", "b"))
      ])
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(Fiber.join(second!))
      if (error._tag !== "CasRefused") return assert.fail(error._tag)
      assert.deepStrictEqual([error.actual, error.report.swaps, error.report.reads], ["c", 0, 0])
    }))

  it.effect("an answer that shows no value leaves what was seen before it", () =>
    Effect.gen(function*() {
      const first = scripted([{ after: 10, say: Cas.observed("a") }, Cas.unsent()], { canRead: true })
      const second = scripted([Cas.applied], { canRead: true })
      const queue = Cas.makeQueue<string, string>()
      const [failed, swapped] = yield* inOrder([
        queue.run("key", first.register, Cas.ensure("b"), { policy: Cas.Policy.once }),
        queue.run("key", second.register, Cas.ensure("c"))
      ])
      yield* TestClock.adjust("1 second")
      const error = yield* Effect.flip(Fiber.join(failed!))
      assert.strictEqual(error._tag, "CasExhausted")
      yield* Fiber.join(swapped!)
      assert.deepStrictEqual(second.calls, ["0 a->c"])
    }))

  it.effect("a conflict on what the operation before saw is a fresh one", () =>
    Effect.gen(function*() {
      const server = makeServer("start")
      const queue = Cas.makeQueue<string, string>()
      const fibers = yield* inOrder([
        queue.run("key", server.register, Cas.ensure("a")),
        queue.run("key", server.register, Cas.ensure("b"))
      ])
      // The first reads and swaps for 40 ms; the swap of the second arrives at 50.
      yield* TestClock.adjust("45 millis")
      server.state.value = "elsewhere"
      yield* TestClock.adjust("1 second")
      const [, second] = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(second?.conflicts, { fresh: 1, stale: 0 })
      assert.deepStrictEqual(server.calls, ["read", "start->a", "a->b", "elsewhere->b"])
    }))

  it.effect("26: latest does not end an operation whose turn has come", () =>
    Effect.gen(function*() {
      const server = makeServer("start")
      const queue = Cas.makeQueue<string, string>()
      const ensure = (value: string) => queue.run("key", server.register, Cas.ensure(value), { latest: true })
      const earlier = yield* inOrder([ensure("a"), ensure("b")])
      // The first reads and swaps for 40 ms: the swap of the second is in flight.
      yield* TestClock.adjust("45 millis")
      const latest = yield* inOrder([ensure("c")])
      yield* TestClock.adjust("1 second")
      const reports = yield* Fiber.joinAll([...earlier, ...latest])
      assert.deepStrictEqual(reports.map(({ outcome }) => outcome), ["swapped", "swapped", "swapped"])
      assert.deepStrictEqual(server.calls, ["read", "start->a", "a->b", "b->c"])
    }))

  it.effect("26: latest ends the operations that wait, without an effect, and the last target is the final value", () =>
    Effect.gen(function*() {
      const server = makeServer(0)
      const queue = Cas.makeQueue<string, number>()
      const fibers = yield* inOrder(
        Array.from({ length: 50 }, (_, n) => queue.run("key", server.register, Cas.ensure(n + 1), { latest: true }))
      )
      yield* TestClock.adjust("10 seconds")
      const results = yield* Effect.forEach(fibers, (fiber) => Effect.result(Fiber.join(fiber)))
      assert.strictEqual(server.state.value, 50)
      assert.deepStrictEqual(server.calls, ["read", "0->1", "1->50"])
      const failures = results.filter(Result.isFailure).map(({ failure }) => failure)
      assert.strictEqual(failures.length, 48)
      for (const failure of failures) {
        assert.strictEqual(failure._tag, "CasSuperseded")
        if (failure._tag === "CasSuperseded") assert.strictEqual(failure.report.effect, "none")
      }
    }))

  it.effect("waiting counts towards the deadline", () =>
    Effect.gen(function*() {
      const stuck: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Effect.never }
      const patient = Cas.Policy.make({
        attemptTimeout: "1 minute",
        deadline: "1 minute",
        transient: Cas.Policy.once.transient
      })
      const queue = Cas.makeQueue<string, string>()
      const policy = Cas.Policy.make({ deadline: "2 seconds" })
      const [head, waiter] = yield* inOrder([
        queue.run("key", stuck, Cas.handover("a", "b"), { policy: patient }),
        queue.run("key", stuck, Cas.handover("a", "c"), { policy })
      ])
      yield* TestClock.adjust("2 seconds")
      const exit = yield* Fiber.await(waiter!)
      assert.isTrue(Exit.isFailure(exit))
      const error = yield* Effect.flip(Fiber.join(waiter!))
      assert.strictEqual(error._tag === "CasExhausted" ? error.limit : error._tag, "deadline")
      yield* Fiber.interrupt(head!)
      assert.strictEqual(yield* queue.size, 0)
    }))

  it.effect("the time spent waiting is gone when the turn has come", () =>
    Effect.gen(function*() {
      const slow = scripted([{ after: 1_500, say: Cas.applied }])
      const throttled = scripted([Cas.unsent({ after: Duration.millis(450) })])
      const queue = Cas.makeQueue<string, string>()
      const policy = Cas.Policy.make({ deadline: "2 seconds", minAttempt: "100 millis", transient: Schedule.forever })
      const [, waiter] = yield* inOrder([
        queue.run("key", slow.register, Cas.handover("a", "b")),
        queue.run("key", throttled.register, Cas.handover("b", "c"), { policy })
      ])
      yield* TestClock.adjust("1 minute")
      const error = yield* Effect.flip(Fiber.join(waiter!))
      if (error._tag !== "CasExhausted") return assert.fail(error._tag)
      assert.deepStrictEqual([error.limit, error.report.elapsed], ["deadline", Duration.millis(1_500)])
    }))

  it.effect("the deadline cuts a swap in flight, and the wait for the turn counts", () =>
    Effect.gen(function*() {
      const first = scripted([{ after: 500, say: Cas.applied }])
      const slow = scripted([{ after: 5_000, say: Cas.applied }])
      const queue = Cas.makeQueue<string, string>()
      const policy = Cas.Policy.make({ deadline: "1 second" })
      const [, waiter] = yield* inOrder([
        queue.run("key", first.register, Cas.handover("a", "b")),
        queue.run("key", slow.register, Cas.handover("b", "c"), { policy })
      ])
      yield* TestClock.adjust("1 minute")
      const error = yield* Effect.flip(Fiber.join(waiter!))
      assert(error._tag === "CasExhausted")
      const { effect, elapsed } = error.report
      assert.deepStrictEqual([error.limit, effect, elapsed], ["deadline", "unknown", Duration.seconds(1)])
    }))

  it.effect("an operation that ends while it waits reports that it did nothing, and for how long", () =>
    Effect.gen(function*() {
      const stuck: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Effect.never }
      const queue = Cas.makeQueue<string, string>()
      const patient = Cas.Policy.make({ attemptTimeout: "1 minute", deadline: "1 minute" })
      // Times are counted from the call, not from the beginning of time.
      yield* TestClock.adjust("1 minute")
      const [head, late, earlier] = yield* inOrder([
        queue.run("key", stuck, Cas.handover("a", "b"), { policy: patient }),
        queue.run("key", stuck, Cas.handover("a", "c"), { policy: Cas.Policy.make({ deadline: "2 seconds" }) }),
        queue.run("key", stuck, Cas.handover("a", "d"), { policy: patient })
      ])
      yield* TestClock.adjust("3 seconds")
      const [latest] = yield* inOrder([
        queue.run("key", stuck, Cas.handover("a", "e"), { policy: patient, latest: true })
      ])
      const nothing = (elapsed: Duration.Input) => ({
        outcome: "failed",
        effect: "none",
        before: Option.none(),
        observed: Option.none(),
        attempts: [],
        swaps: 0,
        reads: 0,
        conflicts: { fresh: 0, stale: 0 },
        waited: Duration.zero,
        elapsed: Duration.fromInputUnsafe(elapsed)
      })
      const exhausted = yield* Effect.flip(Fiber.join(late!))
      if (exhausted._tag !== "CasExhausted") return assert.fail(exhausted._tag)
      assert.include(exhausted.message, "Gave up on the value: the deadline of 2 s passed in the queue")
      assert.deepStrictEqual<unknown>(exhausted.report, nothing("2 seconds"))
      const superseded = yield* Effect.flip(Fiber.join(earlier!))
      if (superseded._tag !== "CasSuperseded") return assert.fail(superseded._tag)
      assert.deepStrictEqual<unknown>(superseded.report, nothing("3 seconds"))
      assert.deepStrictEqual(superseded.actual, Option.none())
      yield* Fiber.interruptAll([head!, latest!])
    }))

  it.effect("counts the operations in it, and measures their wait for their turn", () =>
    Effect.gen(function*() {
      const server = makeServer(0)
      const queue = Cas.makeQueue<string, number>()
      const state = (id: string) =>
        Effect.map(Metric.snapshot, (snapshots) => snapshots.find((snapshot) => snapshot.id === id)?.state)
      yield* inOrder([
        queue.run("key", server.register, increment),
        queue.run("other key", makeServer(0).register, increment),
        queue.run("key", server.register, increment)
      ])
      assert.deepInclude(yield* state("cas_queue_length"), { value: 3 })
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* state("cas_queue_length"), { value: 0 })
      assert.deepInclude(yield* state("cas_queue_wait"), { count: 3, max: 40, sum: 40 })
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("a defect of one operation does not stop the next", () =>
    Effect.gen(function*() {
      const server = makeServer("a")
      const queue = Cas.makeQueue<string, string>()
      const broken: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Effect.die("broken") }
      const [first, second] = yield* inOrder([
        queue.run("key", broken, Cas.handover("a", "b")),
        queue.run("key", server.register, Cas.handover("a", "b"))
      ])
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.hasDies(yield* Fiber.await(first!)))
      assert.strictEqual((yield* Fiber.join(second!)).outcome, "swapped")
    }))

  it.effect.prop(
    "24, 27: whatever is interrupted and whenever, the others run in order and the values chain",
    [
      Schema.Array(Schema.Struct({
        at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 })),
        interruptAfter: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 })))
      })).check(Schema.isMaxLength(12))
    ],
    ([operations]) =>
      Effect.gen(function*() {
        const server = makeServer(0)
        const queue = Cas.makeQueue<string, number>()
        const started: Array<number> = []
        const gate = yield* Deferred.make<void>()
        const fibers = yield* Effect.forEach(operations, ({ at, interruptAfter }, index) => {
          const tracked: Cas.Register<number> = {
            ...server.register,
            swap: (expected, desired) =>
              Effect.suspend(() => {
                started.push(index)
                return server.register.swap(expected, desired)
              })
          }
          const operation = queue.run("key", tracked, increment)
          const bounded = interruptAfter === undefined
            ? Effect.asSome(operation)
            : Effect.timeoutOption(operation, Duration.millis(interruptAfter))
          return Effect.forkChild(Effect.delay(bounded, at), { startImmediately: true })
        })
        yield* TestClock.adjust("1 minute")
        yield* Deferred.succeed(gate, undefined)
        const reports = (yield* Fiber.joinAll(fibers)).flatMap(Option.toArray)
        const order = operations.map(({ at }, index) => ({ at, index })).toSorted((a, b) =>
          a.at - b.at || a.index - b.index
        )
        const firstSwaps = [...new Set(started)]
        assert.deepStrictEqual(
          firstSwaps,
          order.map(({ index }) => index).filter((index) => firstSwaps.includes(index))
        )
        const afters = reports.map((report) => report.after)
        assert.strictEqual(new Set(afters).size, afters.length)
        assert.isAtLeast(server.state.value, reports.length)
        assert.strictEqual(yield* queue.size, 0)
      }),
    { arbitrary: { runs: 150 } }
  )
})

describe("rotate and update", () => {
  it.effect("rotate takes the candidates in the order given, from the one in place on", () =>
    Effect.gen(function*() {
      const next = (observed: string) =>
        Effect.gen(function*() {
          const { calls, register } = scripted([Cas.observed(observed), Cas.applied], { canRead: true })
          yield* Cas.run(register, Cas.rotate(["a", "b", "c"]))
          return calls[1]
        })
      assert.deepStrictEqual(yield* Effect.forEach(["a", "b", "c", "stranger"], next), [
        "0 a->b",
        "0 b->c",
        "0 c->a",
        "0 stranger->a"
      ])
    }))

  it.effect("rotate moves to the next candidate, around, and skips who is unavailable", () =>
    Effect.gen(function*() {
      const server = makeServer("b")
      const gone = new Set(["c"])
      const register: Cas.Register<string, string> = {
        ...server.register,
        swap: (expected, desired) =>
          gone.has(desired) ? Effect.fail(`no ${desired}`) : server.register.swap(expected, desired),
        classifyError: (error) => error.startsWith("no ") ? "unavailable" : undefined
      }
      const rotate = Effect.forkChild(Effect.result(Cas.run(register, Cas.rotate(["a", "b", "c"]))))
      const step = Effect.tap(rotate, () => TestClock.adjust("1 second")).pipe(Effect.flatMap(Fiber.join))
      const first = yield* step
      assert.isTrue(Result.isSuccess(first))
      assert.strictEqual(server.state.value, "a")
      gone.add("a").add("b")
      const second = yield* step
      assert.isTrue(Result.isSuccess(second))
      if (Result.isSuccess(second)) assert.strictEqual(second.success.outcome, "converged")
      server.state.value = "stranger"
      const third = yield* step
      assert.isTrue(Result.isFailure(third))
      if (Result.isFailure(third) && typeof third.failure === "object") {
        assert.strictEqual(
          third.failure._tag === "CasRefused" ? third.failure.reason : third.failure._tag,
          "NoCandidate"
        )
      }
    }))

  it.effect("after a lost reply, a value that equals the unknown target is not moved on", () =>
    Effect.gen(function*() {
      for (const onUnknown of ["reassert", "stopIfMoved", "neverResend"] as const) {
        const server = makeServer(0)
        server.losses.push(1)
        const fiber = yield* Effect.forkChild(
          Cas.run(server.register, increment, { policy: Cas.Policy.make({ onUnknown }) })
        )
        yield* TestClock.adjust("1 minute")
        const report = yield* Fiber.join(fiber)
        assert.deepStrictEqual([report.outcome, report.effect, server.state.value], ["converged", "unknown", 1])
      }
    }))
})
