import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import {
  Cause,
  Context,
  Data,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Ref,
  References,
  Schedule,
  Stream
} from "effect"
import { Cas, Lark, Meetings } from "effect-lark-meetings"
import * as Cluster from "effect-lark-meetings/Cluster"
import * as Simulator from "effect-lark-meetings/Simulator"
import { Sharding, TestRunner } from "effect/cluster"
import { TestClock } from "effect/testing"
import { makeCluster } from "./fixtures/runners.ts"
import { bob, hostNow, id, meetings } from "./fixtures/World.ts"

class Broken extends Data.TaggedError("Broken")<{}> {}

const single = Effect.provide(Layer.provide(Cluster.layerOnce, TestRunner.layer))

/** Runs a program in a cluster of one runner, and moves the clock meanwhile. */
const alone = <A, E>(program: Effect.Effect<A, E, Cluster.Once>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(single(program)))
    yield* TestClock.adjust("10 minutes")
    return yield* yield* Fiber.join(fiber)
  })

describe("once, in a cluster of one", () => {
  it.effect("returns the result, the error or the defect of the effect", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* alone(Cluster.once("a", Effect.succeed(1))), Option.some(1))
      assert.instanceOf(yield* Effect.flip(alone(Cluster.once("a", Effect.fail(new Broken())))), Broken)
      const defect = yield* Effect.exit(alone(Cluster.once("a", Effect.die("defect"))))
      assert.strictEqual(Exit.isFailure(defect) && Cause.squash(defect.cause), "defect")
      const interrupted = yield* Effect.exit(alone(Cluster.once("a", Effect.interrupt)))
      assert.isTrue(Exit.hasInterrupts(interrupted))
    }))

  it.effect("runs the effect with the services and log annotations of the caller, and its own scope", () =>
    Effect.gen(function*() {
      const Name = Context.Service<string>("Name")
      const released = yield* Ref.make(false)
      const effect = Effect.gen(function*() {
        yield* Effect.addFinalizer(() => Ref.set(released, true))
        return [yield* Name, (yield* References.CurrentLogAnnotations)["lark"]]
      })
      const program = Effect.scoped(Cluster.once("a", effect)).pipe(
        Effect.annotateLogs("lark", "annotated"),
        Effect.provideService(Name, "alice")
      )
      assert.deepStrictEqual(yield* alone(program), Option.some(["alice", "annotated"]))
      assert.isTrue(yield* Ref.get(released))
    }))

  it.effect("is interrupted with its caller, and the name is free then", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const program = Effect.gen(function*() {
        const started = yield* Deferred.make<void>()
        const first = yield* Effect.forkChild(Cluster.once(
          "a",
          Deferred.succeed(started, undefined).pipe(
            Effect.andThen(Effect.never),
            Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted")))
          )
        ))
        yield* Deferred.await(started)
        const second = yield* Effect.forkChild(Cluster.once("a", Effect.sync(() => log.push("second"))))
        const other = yield* Cluster.once("b", Effect.sync(() => log.push("other")))
        assert.isTrue(Option.isSome(other))
        yield* Effect.sleep("1 minute")
        yield* Fiber.interrupt(first)
        return yield* Fiber.join(second)
      })
      assert.deepStrictEqual(yield* alone(program), Option.some(3))
      assert.deepStrictEqual(log, ["other", "interrupted", "second"])
    }))

  it.effect("can be retried", () =>
    Effect.gen(function*() {
      const runs = yield* Ref.make(0)
      const effect = Effect.flatMap(Ref.updateAndGet(runs, (n) => n + 1), (n) =>
        n < 3 ? Effect.fail(new Broken()) : Effect.succeed(n))
      assert.deepStrictEqual(yield* alone(Effect.retry(Cluster.once("a", effect), { times: 5 })), Option.some(3))
    }))

  it("has the errors and services of its effect", () => {
    const Name = Context.Service<string>("Name")
    const effect = Effect.flatMap(Name, () => Effect.fail(new Broken()))
    expectTypeOf(Cluster.once("a", effect)).toEqualTypeOf<
      Effect.Effect<Option.Option<never>, Broken, string | Cluster.Once>
    >()
  })
})

describe("a pod that stands by", () => {
  /** Two pods, the second of which owns nothing, as its runner is the first one's. */
  const standingBy = Effect.gen(function*() {
    const runner = yield* Layer.build(TestRunner.layer)
    const idle = Context.add(runner, Sharding.Sharding, {
      ...Context.get(runner, Sharding.Sharding),
      registerSingleton: () => Effect.void
    })
    const join = (cluster: Context.Context<Sharding.Sharding>) =>
      Layer.build(Layer.fresh(Layer.provide(Cluster.layerOnce, Layer.succeedContext(cluster))))
    return [yield* join(runner), yield* join(idle)] as const
  })

  it.effect("returns nothing within a minute after the effect has ended, and not before", () =>
    Effect.gen(function*() {
      const [owner, idle] = yield* standingBy
      const run = (pod: Context.Context<Cluster.Once>) =>
        Effect.forkChild(Effect.provideContext(Cluster.once("a", Effect.sleep("10 minutes")), pod))
      const waiting = yield* run(idle)
      const running = yield* run(owner)
      yield* TestClock.adjust("595 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("5 seconds")
      assert.isTrue(Option.isSome(yield* Fiber.join(running)))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(waiting.pollUnsafe(), Exit.succeed(Option.none()))
    }))

  it.effect("stands by after an error, and after an end that is two minutes old", () =>
    Effect.gen(function*() {
      const [owner, idle] = yield* standingBy
      const on = Effect.provideContext<Cluster.Once>
      assert.instanceOf(yield* Effect.flip(on(owner)(Cluster.once("a", Effect.fail(new Broken())))), Broken)
      yield* on(owner)(Cluster.once("b", Effect.void))
      yield* TestClock.adjust("2 minutes")
      const waiting = yield* Effect.forkChild(
        on(idle)(Effect.all([Cluster.once("a", Effect.void), Cluster.once("b", Effect.void)], { concurrency: 2 }))
      )
      yield* TestClock.adjust("10 minutes")
      assert.isUndefined(waiting.pollUnsafe())
      yield* on(owner)(Effect.all([Cluster.once("a", Effect.void), Cluster.once("b", Effect.void)]))
      yield* TestClock.adjust("1 minute")
      assert.isDefined(waiting.pollUnsafe())
    }))
})

/** Real runners take some seconds for their shards. */
const until = <E, R>(condition: Effect.Effect<boolean, E, R>) =>
  condition.pipe(
    Effect.delay("50 millis"),
    Effect.repeat({ schedule: Schedule.forever, until: (holds) => holds }),
    Effect.timeout("15 seconds")
  )

describe("once, in a cluster of two", () => {
  const joined = Effect.gen(function*() {
    const cluster = yield* makeCluster
    const join = cluster.join(Cluster.layerOnce)
    return [yield* join, yield* join]
  })

  it.live("runs one of the effects, and the other when the runner of the first ends", () =>
    Effect.gen(function*() {
      const pods = yield* joined
      const running = new Set<number>()
      let isTwice = false
      const owners: Array<number> = []
      const names = Array.from({ length: 10 }, (_, n) => `meeting ${n}`)
      const fibers = yield* Effect.forEach(pods, ({ context }, pod) =>
        Effect.forkChild(Effect.provideContext(
          Effect.forEach(
            names,
            (name, index) =>
              Cluster.once(
                name,
                Effect.acquireUseRelease(
                  Effect.sync(() => {
                    isTwice ||= running.has(index)
                    running.add(index)
                    owners[index] = pod
                  }),
                  () => Effect.never,
                  () => Effect.sync(() => running.delete(index))
                )
              ),
            { concurrency: "unbounded" }
          ),
          context
        )))
      yield* until(Effect.sync(() => running.size === names.length && new Set(owners).size === 2))
      yield* pods[0]!.leave
      yield* until(Effect.sync(() => running.size === names.length && owners.every((owner) => owner === 1)))
      assert.isFalse(isTwice)
      yield* Fiber.interruptAll(fibers)
    }), 30_000)

  it.live("moves the host once, and the other one moves it when the first has left", () =>
    Effect.gen(function*() {
      const pods = yield* joined
      const moves: Array<number> = []
      let keeper: number | undefined
      const keep = (pod: number) =>
        Effect.acquireUseRelease(
          Effect.sync(() => keeper = pod),
          () =>
            Meetings.keepHost(id, Cas.prefer([bob]), { poll: Schedule.spaced("50 millis") }).pipe(
              Stream.runForEach(() => Effect.sync(() => moves.push(pod)))
            ),
          () => Effect.sync(() => keeper = undefined)
        )
      const world = Layer.provideMerge(Lark.layer(Simulator.defaultApp), Simulator.layer({ meetings }))
      yield* Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const fibers = yield* Effect.forEach(pods, ({ context }, pod) =>
          Effect.forkChild(Effect.provideContext(Cluster.once("host", keep(pod)), context)))
        yield* until(Effect.map(hostNow, (host) =>
          host === "ou_bob"))
        // The name may have moved when the second runner joined.
        yield* Effect.sleep("3 seconds")
        yield* until(Effect.sync(() => keeper !== undefined))
        assert.lengthOf(moves, 1)
        const sent = (yield* simulator.requests).filter(({ endpoint }) => endpoint === "set_host")
        assert.lengthOf(sent, 1)
        const first = keeper ?? assert.fail("no pod keeps the host")
        yield* pods[first]!.leave
        yield* simulator.moveHost(id, "ou_carol")
        yield* until(Effect.map(hostNow, (host) => host === "ou_bob"))
        assert.deepStrictEqual([keeper, moves.at(-1), moves.length], [1 - first, 1 - first, 2])
        yield* Fiber.interruptAll(fibers)
      }).pipe(Effect.provide(world))
    }), 60_000)
})
