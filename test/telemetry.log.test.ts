import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { CircuitBreaker, Lark, Meetings } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { CircuitBreaker as Circuit } from "effect/persistence"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import { counters, observe } from "./fixtures/observe.ts"
import { asAlice, get, getRoute, meeting, observeWith, on } from "./fixtures/telemetry.ts"
import { bob, id, meetings } from "./fixtures/World.ts"

describe("log lines", () => {
  it.effect("are at Debug in a normal run, with conflicts, a replay and a lost reply", () =>
    Effect.gen(function*() {
      const simulated = Simulator.layer({
        meetings,
        rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }],
        faults: [
          { endpoint: "set_host", nth: 1, fault: { _tag: "RejectToken", status: 400 } },
          { endpoint: "set_host", nth: 2, fault: { _tag: "DropAfter" } }
        ]
      })
      const program = Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* Meetings.setHost(id, bob)
        yield* TestClock.adjust("100 minutes")
        yield* Meetings.get(id)
        yield* TestClock.adjust("1 minute")
        return (yield* simulator.requests).length
      })
      const { exit, lines } = yield* observe(
        program.pipe(Effect.provide(Lark.layer(Simulator.defaultApp)), Effect.provide(simulated))
      )
      assert(Exit.isSuccess(exit))
      assert.deepStrictEqual(lines.filter(({ level }) => level !== "Debug"), [])
      assert.strictEqual(lines.filter(({ message }) => message === "Lark request").length, exit.value)
    }))

  it.effect("have endpoint, code and log id of each request, and belong to its span", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, n) =>
        [
          Effect.delay(Effect.succeed(meeting), "40 millis"),
          platform.failed(403, 121005),
          new platform.Lost(new Error("ECONNRESET")),
          { status: 502, body: "", headers: { "x-request-id": "r-1" } }
        ][n] ?? meeting
      )
      const { lines } = yield* observe(on(feishu)(asAlice(Effect.replicateEffect(Effect.exit(get), 4))))
      assert.deepStrictEqual(lines.map(({ annotations }) => annotations), [
        {
          "lark.endpoint": "vc.v1.meeting.get",
          "lark.code": 0,
          "lark.took_ms": 40,
          "lark.log_id": "2026112206150001",
          "http.response.status_code": 200
        },
        {
          "lark.endpoint": "vc.v1.meeting.get",
          "lark.code": 121005,
          "lark.took_ms": 0,
          "http.response.status_code": 403
        },
        {
          "lark.endpoint": "vc.v1.meeting.get",
          "lark.code": "transport",
          "lark.took_ms": 0,
          "lark.reason": "ECONNRESET"
        },
        {
          "lark.endpoint": "vc.v1.meeting.get",
          "lark.code": "malformed",
          "lark.took_ms": 0,
          "lark.log_id": "r-1",
          "lark.reason": "the body is empty (application/json; charset=utf-8, 0 characters)",
          "http.response.status_code": 502
        }
      ])
      for (const { level, message, span } of lines) {
        assert.deepStrictEqual([level, message, span], ["Debug", "Lark request", getRoute])
      }
    }))

  const limits: ReadonlyArray<readonly [what: string, answer: platform.Answer]> = [
    ["429 with the code", platform.failed(429, 99991400)],
    ["the code with HTTP 400, as older endpoints return it", platform.failed(400, 99991400)],
    ["429 of a gateway", { status: 429, body: "<html>" }]
  ]

  it.effect.each(limits)("warn of %s, with the wait", ([, answer]) =>
    Effect.gen(function*() {
      const limited = { ...answer, headers: { "x-ogw-ratelimit-reset": "3", "x-tt-logid": "l-1" } }
      const { lines } = yield* observeWith(asAlice(Effect.exit(get)), limited)
      assert.strictEqual(lines.length, 1)
      const [{ annotations, level, message }] = lines
      assert.deepStrictEqual([level, message], ["Warn", "Lark limits the rate of requests"])
      assert.include(annotations, {
        "lark.endpoint": "vc.v1.meeting.get",
        "lark.log_id": "l-1",
        "lark.retry_after_ms": 3_000
      })
    }))

  it.effect("warn of a failed renewal while the token is valid, not of failures that callers get", () =>
    Effect.gen(function*() {
      const feishu = platform.make(
        () => meeting,
        (n) =>
          n === 0 || n > 2 ? platform.failed(400, 10014) : n === 1 ? platform.minted("t-1") : platform.failed(500, 5000)
      )
      const program = Effect.gen(function*() {
        yield* Effect.exit(get)
        yield* TestClock.adjust("5 seconds")
        yield* get
        yield* TestClock.adjust("95 minutes")
        yield* get
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("60 minutes")
        return yield* Effect.exit(get)
      })
      const { exit, lines } = yield* observe(on(feishu)(program))
      assert(Exit.isSuccess(exit) && Exit.isFailure(exit.value))
      const warnings = lines.filter(({ level }) => level !== "Debug")
      assert.deepStrictEqual(warnings.map(({ level, message }) => [level, message]), [
        ["Warn", "Lark token not renewed; the current token is still valid"]
      ])
      assert.include(warnings[0]?.cause, "[5000]")
      assert.include(warnings[0]?.cause, "auth.v3.tenant_access_token.internal")
    }))

  it.effect("warn once of a circuit that opens, whose rejected requests are not counted", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, n) => n < 3 ? new platform.Lost(new Error("ECONNRESET")) : meeting)
      const breaker = CircuitBreaker.layerMemory({ tripPolicy: Circuit.consecutive(3), openDuration: "10 seconds" })
      const program = Effect.replicateEffect(Effect.exit(asAlice(get)), 5).pipe(
        Effect.andThen(TestClock.adjust("10 seconds")),
        Effect.andThen(asAlice(get)),
        Effect.andThen(TestClock.adjust("1 second")),
        Effect.provide(Layer.provide(Lark.layer(platform.app), breaker)),
        Effect.provide(feishu.layer)
      )
      const { lines, metrics, requests } = yield* observe(program)
      assert.deepStrictEqual(
        lines.filter(({ level }) => level !== "Debug").map(({ annotations, level, message }) => [
          level,
          message,
          annotations
        ]),
        [["Warn", "Lark circuit opened; requests are rejected", {
          "lark.endpoint": "vc.v1.meeting.get",
          "lark.retry_after_ms": 10_000
        }]]
      )
      assert.strictEqual(requests.length, 4)
      assert.deepStrictEqual(counters(metrics), {
        "lark_requests_total{vc.v1.meeting.get,transport}": 3,
        "lark_requests_total{vc.v1.meeting.get,0}": 1
      })
    }))

  it.effect("do not warn of a renewal that ends with the service", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => meeting, (n) => n === 0 ? platform.minted("t-1") : Effect.never)
      const program = Effect.gen(function*() {
        yield* get
        yield* TestClock.adjust("95 minutes")
        yield* get
        yield* TestClock.adjust("1 second")
      })
      const { lines, metrics } = yield* observe(on(feishu)(program))
      assert.strictEqual(counters(metrics)["lark_token_mints_total{tenant,interrupted}"], 1)
      assert.deepStrictEqual(lines.filter(({ level }) => level !== "Debug"), [])
    }))
})
