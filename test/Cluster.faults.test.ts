/** Turns over a network that delays, loses and repeats messages, and with two owners of one lane. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Schema, type Scope } from "effect"
import { Cas } from "effect-lark-meetings"
import * as Cluster from "effect-lark-meetings/Cluster"
import { Sharding, TestRunner } from "effect/cluster"
import { TestClock } from "effect/testing"
import * as Server from "./turns/Server.ts"
import * as steps from "./turns/steps.ts"

/** What becomes of a message: who gets it, when, and when again; `lost`: neither it nor its answer arrives. */
const Fate = Schema.Struct({
  owner: steps.between(0, 1),
  delay: steps.between(0, 30),
  again: Schema.UndefinedOr(Schema.Struct({ owner: steps.between(0, 1), delay: steps.between(0, 300) })),
  lost: Schema.Literals(["", "", "", "message", "answer"])
})
type Fate = typeof Fate.Type

/** Two runners that both own all lanes, and clients whose messages have fates. */
const makeNetwork = Effect.gen(function*() {
  const state = { fates: Array<Fate>(), sent: 0 }
  const owners = yield* Effect.forEach([0, 1], () =>
    Effect.gen(function*() {
      const runner = yield* Layer.build(Layer.fresh(TestRunner.layer))
      yield* Effect.provideContext(Layer.build(Layer.fresh(Cluster.layer)), runner)
      return Context.get(runner, Sharding.Sharding)
    }))
  const [first] = owners
  assert(first !== undefined)
  const faulty: Sharding.Sharding["Service"] = {
    ...first,
    registerEntity: () => Effect.void,
    makeClient: (entity) =>
      Effect.map(Effect.forEach(owners, ({ makeClient }) => makeClient(entity)), (clients) => (id) => {
        const [lane] = clients
        assert(lane !== undefined)
        const call = (owner: number, name: string | symbol, args: ReadonlyArray<unknown>): Effect.Effect<unknown> =>
          // The proxy of an entity: each of its properties is a function.
          Reflect.apply(Reflect.get(clients[owner]?.(id) ?? {}, name) as () => void, undefined, args)
        return new Proxy(lane(id), {
          get: (_, name) => (...args: ReadonlyArray<unknown>) =>
            Effect.suspend(() => {
              const fate = state.fates[state.sent++]
              if (fate === undefined) return call(0, name, args)
              const { again, delay, lost, owner } = fate
              if (lost === "message") return Effect.never
              const sent = Effect.delay(call(owner, name, args), delay)
              const repeated = again === undefined
                ? Effect.void
                : Effect.forkDetach(Effect.delay(call(again.owner, name, args), again.delay))
              return Effect.andThen(
                repeated,
                lost === "answer" ? Effect.andThen(Effect.forkDetach(sent), Effect.never) : sent
              )
            })
        })
      })
  }
  const client = Effect.gen(function*() {
    const turns = Context.get(yield* Layer.build(Layer.fresh(Cluster.layer)), Cas.Turns)
    assert(turns !== undefined)
    return Cas.makeQueue(turns.guard(Schema.String))
  }).pipe(Effect.provideService(Sharding.Sharding, faulty))
  return { client, state }
})

const running = <A, E>(program: Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.scoped(program))
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("5 millis")
    return yield* Fiber.join(fiber)
  })

describe("Turns over a network with faults", () => {
  it.effect.prop(
    "prove only what was so during the call, and fail no operation",
    {
      steps: steps.Steps,
      fates: Schema.Array(Fate).check(Schema.isMaxLength(60))
    },
    ({ fates, steps: planned }) =>
      running(Effect.gen(function*() {
        const { client, state } = yield* makeNetwork
        yield* Effect.sleep("10 seconds")
        const queues = [yield* client, yield* client, yield* client]
        const server = Server.make<string>("a")
        state.fates = [...fates]
        for (const took of yield* steps.take(planned, server, queues)) assert.isAtMost(took, 15_000)
      })),
    { arbitrary: { runs: 60 }, timeout: 300_000 }
  )
})
