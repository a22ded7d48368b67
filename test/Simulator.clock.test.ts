/**
 * The clock of a simulator on a port: it runs with real time, and is advanced.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Layer, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { FetchHttpClient, HttpClientResponse, type HttpServer } from "effect/http"
import { TestClock } from "effect/testing"
import { createServer } from "node:http"
import { at, call, controlled, get, id, on, post, refusal } from "./fixtures/control.ts"
import { listen } from "./fixtures/http/listen.ts"

const advance = (by: unknown) => post("/clock", { advance: by })

const minute = 60_000

/** A request that sleeps once after the other, and answers with the time after each. */
const naps = Simulator.endpoint({
  name: "naps",
  method: "POST",
  path: "/open-apis/example/v1/naps",
  token: "none",
  handle: ({ json }) =>
    Effect.gen(function*() {
      const start = yield* Clock.currentTimeMillis
      const monotonic = yield* Clock.monotonicTimeNanos
      const { together, turns } = yield* Effect.orDie(
        Schema.decodeUnknownEffect(Schema.Struct({ turns: Schema.Array(Schema.Int), together: Schema.Boolean }))(json)
      )
      const woke: Array<readonly [index: number, passed: number, monotonic: number]> = []
      yield* Effect.forEach(turns, (millis, index) =>
        Effect.gen(function*() {
          yield* Effect.sleep(millis)
          // What it does then takes some turns of the scheduler.
          for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
          const passed = (yield* Clock.currentTimeMillis) - start
          woke.push([index, passed, Number(((yield* Clock.monotonicTimeNanos) - monotonic) / 1_000_000n)])
        }), { concurrency: together ? "unbounded" : 1 })
      return Simulator.success({ woke })
    })
})

const withNaps = <A, E>(program: Effect.Effect<A, E, Simulator.Simulator | HttpServer.HttpServer>) =>
  on({ endpoints: [naps] }, program)

const nap = (together: boolean, turns: ReadonlyArray<number>) =>
  Effect.map(
    call("POST", "/open-apis/example/v1/naps", { body: { together, turns } }),
    ({ json }) => at(json, "data.woke")
  )

/** Waits until so many requests have arrived. */
const arrived = (count: number) =>
  Simulator.Simulator.use(({ requests }) =>
    Effect.repeat(Effect.yieldNow.pipe(Effect.andThen(requests)), { until: ({ length }) => length >= count })
  )

describe("the clock", () => {
  it.effect("is advanced by a text or by milliseconds, and says how far", () =>
    on(
      {},
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* get("/clock")).json, { now: 0, ahead: 0 })
        assert.deepStrictEqual((yield* advance("1 hour")).json, { now: 60 * minute, ahead: 60 * minute })
        assert.deepStrictEqual((yield* advance(500)).json, { now: 60 * minute + 500, ahead: 60 * minute + 500 })
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual((yield* get("/clock")).json, { now: 61 * minute + 500, ahead: 60 * minute + 500 })
        const reset = yield* post("/reset")
        assert.strictEqual(at(reset.json, "now"), minute)
        assert.deepStrictEqual((yield* get("/clock")).json, { now: minute, ahead: 0 })
      })
    ))

  it.effect.each(["1 fortnight", "-1 hour", -1, 1.5, null])(
    "is not advanced by %j",
    (by) =>
      on(
        {},
        Effect.gen(function*() {
          const reply = yield* advance(by)
          assert.deepStrictEqual([...refusal(reply), at(reply.json, "error.path")], [400, "BadInput", "advance"])
        })
      )
  )

  it.effect("never leaves the range of dates", () =>
    on(
      {},
      Effect.gen(function*() {
        for (let n = 0; n < 20; n++) yield* advance("999999 weeks")
        const reply = yield* advance("999999 weeks")
        assert.deepStrictEqual(refusal(reply), [400, "BadInput"])
        assert.isAtMost(Number(at((yield* get("/clock")).json, "now")), 8.64e15)
      })
    ))

  it.effect("expires tokens", () =>
    on(
      {},
      Effect.gen(function*() {
        const { json } = yield* post("/user-token", { user: "ou_alice", expiresIn: "1 hour" })
        const headers = { authorization: `Bearer ${String(at(json, "token"))}` }
        const code = Effect.map(
          call("GET", `/open-apis/vc/v1/meetings/${id}`, { headers }),
          (reply) => at(reply.json, "code")
        )
        yield* advance(at(json, "expiresAt") === 60 * minute ? 60 * minute - 1 : assert.fail())
        assert.strictEqual(yield* code, 0)
        yield* advance(1)
        assert.strictEqual(yield* code, 99991677)
      })
    ))

  it.effect("is that of the service in the same program, too", () =>
    on(
      {},
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* advance("2 hours")
        yield* simulator.moveHost(id, "ou_bob")
        assert.strictEqual((yield* simulator.writes)[0]?.at, 120 * minute)
      })
    ))
})

describe("whoever sleeps wakes", () => {
  it.effect("in its own time, when the clock is advanced past it, and sleeps again in that time", () =>
    withNaps(
      Effect.gen(function*() {
        const request = yield* Effect.forkChild(nap(false, [10 * minute, 20 * minute, 1, 29 * minute]))
        yield* arrived(1)
        yield* advance("1 hour")
        assert.deepStrictEqual(yield* Fiber.join(request), [
          [0, 10 * minute, 10 * minute],
          [1, 30 * minute, 30 * minute],
          [2, 30 * minute + 1, 30 * minute + 1],
          [3, 59 * minute + 1, 59 * minute + 1]
        ])
      })
    ))

  it.effect("as real time passes, before and after the clock was advanced", () =>
    withNaps(
      Effect.gen(function*() {
        const request = yield* Effect.forkChild(nap(true, [10 * minute, 40 * minute, 50 * minute]))
        yield* arrived(1)
        yield* TestClock.adjust("10 minutes")
        yield* advance("20 minutes")
        yield* TestClock.adjust("9 minutes")
        assert.isUndefined(request.pollUnsafe())
        yield* TestClock.adjust("1 minute")
        yield* TestClock.adjust("10 minutes")
        assert.deepStrictEqual(yield* Fiber.join(request), [
          [0, 10 * minute, 10 * minute],
          [1, 40 * minute, 40 * minute],
          [2, 50 * minute, 50 * minute]
        ])
      })
    ))

  it.effect.prop(
    "in the order of the times, and of falling asleep, however the clock is advanced",
    {
      sleeps: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 50 }))),
      steps: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 })))
    },
    ({ sleeps, steps }) =>
      on(
        { endpoints: [naps] },
        Effect.gen(function*() {
          const turns = sleeps.slice(0, 12)
          const request = yield* Effect.forkChild(nap(true, turns))
          yield* arrived(1)
          for (const [index, step] of steps.slice(0, 6).entries()) {
            yield* index % 2 === 0 ? advance(step) : TestClock.adjust(step)
          }
          yield* advance(100)
          const woke = yield* Fiber.join(request)
          assert.isArray(woke)
          const sorted = [...turns.entries()].toSorted(([, a], [, b]) => a - b)
          assert.deepStrictEqual(woke, sorted.map(([index, millis]) => [index, millis, millis]))
        })
      ),
    { arbitrary: { runs: 25 } }
  )
})

/** A webhook in the same program, and when each event was made. */
const receiver = (status: number) => {
  const received: Array<number> = []
  const webhook: Simulator.WebhookOptions = {
    url: "http://localhost/events",
    deliver: (request) =>
      Effect.sync(() => {
        const text = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "{}"
        received.push(Number(at(JSON.parse(text), "header.create_time")))
        return HttpClientResponse.fromWeb(request, new Response("", { status }))
      })
  }
  return { received, webhook }
}

const everyMinute: ReadonlyArray<Simulator.ScheduledChange> = [
  { _tag: "Join", millis: minute, everyMillis: 2 * minute, user: "ou_dave" },
  { _tag: "Leave", millis: 2 * minute, everyMillis: 2 * minute, user: "ou_dave" }
]

describe("a schedule", () => {
  it.effect("of every minute passes 24 hours in a second, each change at its own time", () => {
    const { received, webhook } = receiver(200)
    return on(
      { webhook, schedule: everyMinute },
      Effect.gen(function*() {
        const started = performance.now()
        yield* advance("24 hours")
        const took = performance.now() - started
        assert.deepStrictEqual(received, Array.from({ length: 1_440 }, (_, index) => (index + 1) * minute))
        // Alone it takes a fifth of that; other tests run beside it.
        assert.isBelow(took, 5_000)
      })
    )
  })

  it.effect("is that of the new run after a reset", () => {
    const { received, webhook } = receiver(200)
    return on(
      { webhook, schedule: everyMinute },
      Effect.gen(function*() {
        yield* advance("90 seconds")
        yield* post("/reset")
        yield* advance("60 seconds")
        assert.deepStrictEqual(received, [minute, minute])
      })
    )
  })
})

describe("pushes, while the clock is advanced,", () => {
  it.effect("come again in the documented times if they are not taken", () => {
    const { webhook } = receiver(500)
    return on(
      { webhook },
      Effect.gen(function*() {
        yield* post(`/meetings/${id}/join`, { user: "ou_dave" })
        yield* advance("8 hours")
        const { json } = yield* get("/events")
        const [first, second, third, fourth] = [15_000, 5 * minute, 60 * minute, 360 * minute]
        const times = [0, first, first + second, first + second + third, first + second + third + fourth]
        assert.deepStrictEqual(at(json, "events.0.attempts"), times.map((at) => ({ at, status: 500 })))
      })
    )
  })

  it.live("wait for a webhook that takes real time", () =>
    Effect.gen(function*() {
      const paths: Array<string> = []
      const url = yield* listen(createServer((request, response) => {
        paths.push(request.url ?? "")
        request.resume().on("end", () => setTimeout(() => response.end("{}"), 2))
      }))
      const simulator = controlled({
        webhook: { url: `${url}/events`, encryptKey: "key" },
        schedule: [{ _tag: "Join", millis: minute, everyMillis: minute, user: "ou_dave" }]
      })
      const { json } = yield* Effect.provide(
        Effect.andThen(advance("1 hour"), get("/events")),
        Layer.provide(simulator, FetchHttpClient.layer)
      )
      assert.lengthOf(paths, 60)
      const events = Array.from({ length: 60 }, (_, index) => at(json, `events.${index}`))
      assert.deepStrictEqual(
        events.map((event) => [at(event, "attempts.0.status"), at(event, "attempts.1")]),
        Array.from({ length: 60 }, () => [200, undefined])
      )
    }))

  it.effect("wait five seconds for a webhook that never answers; who asked may leave earlier", () =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<void>()
      const webhook: Simulator.WebhookOptions = {
        url: "http://localhost/events",
        deliver: () => Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)
      }
      yield* on(
        { webhook, schedule: [everyMinute[0] ?? assert.fail()] },
        Effect.gen(function*() {
          const first = yield* Effect.forkChild(advance("10 minutes"))
          yield* Deferred.await(asked)
          yield* Fiber.interrupt(first)
          while (at((yield* get("/clock")).json, "ahead") !== minute) yield* Effect.yieldNow

          const second = yield* Effect.forkChild(advance("9 minutes"))
          while (second.pollUnsafe() === undefined) {
            yield* TestClock.adjust("1 second")
            yield* get("/health")
          }
          const { json } = yield* Fiber.join(second)
          assert.strictEqual(at(json, "ahead"), 10 * minute)
          assert.isAtMost(yield* Clock.currentTimeMillis, 6_000)
        })
      )
    }))
})
