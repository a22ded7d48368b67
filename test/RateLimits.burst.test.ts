import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Lark, MeetingId, Meetings, RateLimits } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { alice, bob, type World } from "./fixtures/World.ts"

describe("a burst of 10,000 operations", () => {
  const ids = Array.from({ length: 100 }, (_, n) => MeetingId.make(String(6911188411932033000n + BigInt(n))))

  const flood = Effect.gen(function*() {
    const operations = Array.from({ length: 10_000 }, (_, n) => {
      const id = ids[n % ids.length]!
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
    meetings: ids.map((id) => ({ id, host: "ou_alice", participants: ["ou_bob"] }))
  })

  it.effect("gets no 429", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* flood, 0)
    }).pipe(
      Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
      Effect.provide(strict)
    ), 300_000)

  it.effect(
    "gets no 429 while its first token is requested, or if a token is rejected in between",
    () =>
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* simulator.addFaults([
          { endpoint: "tenant_access_token", nth: 0, fault: { _tag: "Delay", millis: 5_000 } },
          { endpoint: "get", nth: 30, fault: { _tag: "RejectToken", status: 400 } },
          { endpoint: "set_host", nth: 30, fault: { _tag: "RejectToken", status: 400 } }
        ])
        const id = ids[0]!
        const reads = yield* Effect.forkChild(
          Effect.replicateEffect(Effect.ignore(Meetings.get(id)), 300, { concurrency: "unbounded" })
        )
        const moves = yield* Effect.forkChild(Effect.all(
          ids.map((id) => Effect.ignore(Meetings.setHost(id, bob, { hint: alice }))),
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
    "gets no 429 when many requests are replayed after a rejected token",
    () =>
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const reads = yield* Effect.forkChild(
          Effect.replicateEffect(Effect.ignore(Meetings.get(ids[0]!)), 200, { concurrency: "unbounded" })
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
          meetings: ids.map((id) => ({ id, host: "ou_alice", participants: ["ou_bob"] }))
        }))
      ),
    60_000
  )

  const codes = Effect.map(
    Simulator.Simulator.use((simulator) => simulator.requests),
    (requests) => requests.map((request) => request.executed?.code)
  )

  const limitedTo = (options: Simulator.Options) => <A, E>(program: Effect.Effect<A, E, World>) =>
    program.pipe(
      Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), RateLimits.layerMemory)),
      Effect.provide(Simulator.layer({
        rateLimits: true,
        latency: "40 millis",
        meetings: ids.map((id) => ({ id, host: "ou_alice", participants: ["ou_bob"] })),
        ...options
      }))
    )

  const reading = (count: number) =>
    Effect.replicateEffect(Effect.ignore(Meetings.get(ids[0]!)), count, { concurrency: "unbounded" }).pipe(
      Effect.delay(1),
      Effect.forkChild
    )

  it.effect(
    "gets no 429 when the first token request fails and every setHost waits for the next",
    () =>
      Effect.gen(function*() {
        const moves = yield* Effect.all(ids.map((id) => Meetings.setHost(id, bob, { hint: alice })), {
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

  it.effect("takes one slot for each request of a setHost", () =>
    Effect.gen(function*() {
      const moves = yield* Effect.all(ids.map((id) => Meetings.setHost(id, bob, { hint: alice })), {
        concurrency: "unbounded"
      }).pipe(Effect.delay(1), Effect.forkChild)
      yield* TestClock.adjust("3 seconds")
      assert.isDefined(moves.pollUnsafe())
    }).pipe(limitedTo({})))

  it.effect(
    "gets no 429 when a fresh token is rejected, which is not renewed, while many replays wait for admission",
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
        assert.lengthOf((yield* simulator.tokensMinted).filter(({ kind }) => kind === "tenant"), 2)
        assert.lengthOf((yield* codes).filter((code) => code === 99991400), 0)
      }).pipe(limitedTo({
        faults: [1, 2].map((nth) => ({ endpoint: "tenant_access_token", nth, fault: { _tag: "Delay", millis: 8_000 } }))
      })),
    60_000
  )

  it.effect("gets no 429 when a token request returns the rejected token again", () =>
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

  it.effect("takes no longer if the token is renewed in between", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const reads = yield* reading(500)
      yield* TestClock.adjust("1 second")
      yield* simulator.rejectTokens
      yield* TestClock.adjust("32 seconds")
      assert.isDefined(reads.pollUnsafe())
      assert.lengthOf((yield* codes).filter((code) => code === 99991400), 0)
    }).pipe(limitedTo({})), 60_000)

  it.effect("gets thousands without rate limits", () =>
    Effect.gen(function*() {
      assert.isAbove(yield* flood, 5_000)
    }).pipe(Effect.provide(Lark.layer(Simulator.defaultApp)), Effect.provide(strict)), 300_000)
})
