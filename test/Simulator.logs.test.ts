/**
 * The logs of a simulator: what is kept, and what is forgotten.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { TestClock } from "effect/testing"
import { connect } from "node:net"
import { at, call, get as control, on as onPort } from "./fixtures/control.ts"
import { get, on, open, outcome, requestTenantToken, userToken } from "./fixtures/simulated.ts"
import { exchange, login, refresh, refreshTokenOf, session, userInfo } from "./fixtures/simulatedLogin.ts"

const requests = Simulator.Simulator.use((simulator) => simulator.requests)
const indices = Effect.map(requests, (records) => records.map(({ index }) => index))

const times = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: count }), () => effect)

describe("the log of requests", () => {
  it.effect("has all of them in process", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* times(10_100, get(`${open}/nothing`))
        assert.lengthOf(yield* requests, 10_100)
      })
    ))

  it.effect("has the latest as they came, each with its own replies", () =>
    on(
      { logLength: 3, faults: [{ endpoint: "tenant_access_token", nth: 0, fault: { _tag: "Delay", millis: 1_000 } }] },
      Effect.gen(function*() {
        const delayed = yield* Effect.forkChild(requestTenantToken(), { startImmediately: true })
        yield* times(2, get(`${open}/nothing`))
        assert.deepStrictEqual(yield* indices, [0, 1, 2])
        yield* times(2, get(`${open}/nothing`))
        assert.deepStrictEqual(yield* indices, [2, 3, 4])
        // The one that is executed now was forgotten: no other has its reply.
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(outcome(yield* Fiber.join(delayed)), [200, 0])
        assert.deepStrictEqual((yield* requests).map(({ executed, reply }) => [executed, reply?.status]), [
          [undefined, 404],
          [undefined, 404],
          [undefined, 404]
        ])
      })
    ))

  // curl calls every body a form that has no other type.
  it.live.each([
    ["JSON", `{"app_id":"cli_1","app_secret":"hidden"}`, { app_id: "cli_1", app_secret: "<redacted>" }],
    ["half of a JSON", `{"app_secret":"hidden"`, "<redacted>"],
    ["a form", "app_id=cli_1&app_secret=hidden", { app_id: "cli_1", app_secret: "<redacted>" }]
  ])("has no secret of %s that is called a form", ([, body, logged]) =>
    onPort(
      {},
      Effect.gen(function*() {
        const headers = { "content-type": "application/x-www-form-urlencoded" }
        yield* call("POST", "/open-apis/auth/v3/tenant_access_token/internal", { headers, body })
        const { json, text } = yield* control("/requests")
        assert.deepStrictEqual(at(json, "requests.0.body"), logged)
        assert.notInclude(text, "hidden")
      })
    ))

  it.live("shows bodies that are large or nested deep as texts", () =>
    onPort(
      {},
      Effect.gen(function*() {
        const headers = { authorization: "Bearer u-1", "content-type": "application/json" }
        const path = "/open-apis/vc/v1/meetings/1/set_host"
        yield* call("PATCH", path, { headers, body: `${"[".repeat(5_000)}${"]".repeat(5_000)}` })
        yield* call("PATCH", path, { headers, body: { text: "x".repeat(100_000) } })
        yield* call("PATCH", path, { headers, body: "x".repeat(11_000_000) })
        const { json, status } = yield* control("/requests")
        assert.strictEqual(status, 200)
        assert.match(String(at(json, "requests.0.body")), /^\[{5000}\]{5000}$/)
        assert.strictEqual(String(at(json, "requests.1.body")).length, 16_384)
        assert.isNull(at(json, "requests.2.body"))
      })
    ))
})

describe("on a port", () => {
  it.live("a reply says how many records were forgotten", () =>
    onPort(
      { logLength: 2 },
      Effect.gen(function*() {
        yield* times(5, call("GET", "/nothing"))
        const { json } = yield* control("/requests")
        assert.deepStrictEqual([at(json, "forgotten"), at(json, "requests.0.index"), at(json, "requests.2")], [
          3,
          3,
          undefined
        ])
      })
    ))

  it.live("10,000 records are kept by default", () =>
    onPort(
      {},
      Effect.gen(function*() {
        const { port } = new URL(yield* HttpServer.addressFormattedWith(Effect.succeed))
        // In one go, because so many connections would take long.
        yield* Effect.callback<void>((resume) => {
          const socket = connect(Number(port), "127.0.0.1", () => {
            socket.write("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(10_009))
            socket.end("GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
          })
          socket.resume().on("close", () => resume(Effect.void))
        })
        const { json } = yield* control("/requests?limit=1")
        assert.deepStrictEqual([at(json, "forgotten"), at(json, "requests.0.index")], [10, 10])
      })
    ))
})

it.effect("writes are forgotten, the oldest first", () =>
  on(
    { logLength: 2, meetings: [{ id: "1" }] },
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      for (const user of ["ou_a", "ou_b", "ou_c"]) yield* simulator.moveHost("1", user)
      assert.deepStrictEqual((yield* simulator.writes).map(({ after }) => after.openId), ["ou_b", "ou_c"])
    })
  ))

describe("tokens", () => {
  it.effect("that are valid are never forgotten", () =>
    on(
      { logLength: 5 },
      Effect.gen(function*() {
        const tokens = yield* times(50, userToken("ou_alice"))
        const replies = yield* Effect.forEach(tokens, (token) => get(`${open}/open-apis/authen/v1/user_info`, token))
        assert.deepStrictEqual(replies.map(outcome), Array.from({ length: 50 }, () => [200, 0]))
      })
    ))

  it.effect("that have expired are forgotten when there are too many: then they are unknown", () =>
    on(
      { logLength: 5, meetings: [{ id: "1", host: "ou_alice" }] },
      Effect.gen(function*() {
        const old = yield* times(20, session())
        yield* TestClock.adjust("3 hours")
        const read = (token: unknown) => get(`${open}/open-apis/vc/v1/meetings/1`, String(token))
        const [first = yield* Effect.die("no session")] = old
        assert.deepStrictEqual(outcome(yield* read(first.json["access_token"])), [400, 99991677])
        const fresh = yield* times(4, session())
        assert.deepStrictEqual(outcome(yield* read(first.json["access_token"])), [400, 99991668])
        assert.deepStrictEqual(outcome(yield* read(old.at(-1)?.json["access_token"])), [400, 99991677])
        for (const { json } of fresh) assert.strictEqual((yield* read(json["access_token"])).status, 200)
        assert.isAtMost((yield* (yield* Simulator.Simulator).tokensMinted).length, 6)
      })
    ))

  it.effect("for refreshing are forgotten once they are used, the oldest first, and never twice the same", () =>
    on(
      { logLength: 5 },
      Effect.gen(function*() {
        const chain = [yield* session()]
        for (let n = 0; n < 30; n++) chain.push(yield* refresh(refreshTokenOf(chain[n] ?? assert.fail())))
        const texts = chain.map(refreshTokenOf)
        assert.strictEqual(new Set(texts).size, 31)
        assert.deepStrictEqual(outcome(yield* refresh(texts[0])), [400, 20026])
        assert.deepStrictEqual(outcome(yield* refresh(texts[29])), [400, 20073])
        assert.deepStrictEqual(outcome(yield* refresh(texts[30])), [200, 0])
        assert.isAtMost((yield* (yield* Simulator.Simulator).sessions).length, 7)
      })
    ))

  it.effect("are exchanged for codes, which are forgotten once they are used or have expired", () =>
    on(
      { logLength: 2 },
      Effect.gen(function*() {
        const used = yield* login()
        yield* exchange(used)
        assert.deepStrictEqual(outcome(yield* exchange(used)), [400, 20065])
        const expired = yield* login()
        yield* TestClock.adjust("5 minutes")
        assert.deepStrictEqual(outcome(yield* exchange(expired)), [400, 20004])
        const waiting = yield* times(4, login())
        assert.deepStrictEqual(outcome(yield* exchange(used)), [400, 20003])
        assert.deepStrictEqual(outcome(yield* exchange(expired)), [400, 20003])
        for (const code of waiting) assert.deepStrictEqual(outcome(yield* exchange(code)), [200, 0])
        assert.strictEqual(new Set([used, expired, ...waiting]).size, 6)
      })
    ))

  it.effect("of tenants are issued again after those of users were forgotten", () =>
    on(
      { logLength: 1 },
      Effect.gen(function*() {
        const first = yield* requestTenantToken()
        yield* times(20, userToken("ou_alice"))
        assert.deepStrictEqual(
          (yield* requestTenantToken()).json["tenant_access_token"],
          first.json["tenant_access_token"]
        )
        yield* userInfo(first.json["tenant_access_token"])
      })
    ))
})
