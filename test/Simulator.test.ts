/**
 * The log of requests, latency, and paths without an endpoint.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { credentials, open, outcome, requestTenantToken, send, tenantToken, userToken } from "./fixtures/simulated.ts"
import { on, setHost, swap, urlOf, wire } from "./fixtures/simulatedMeeting.ts"
import { hostNow, id } from "./fixtures/World.ts"

describe("a path without an endpoint", () => {
  it.effect("has the gateway's plain text", () =>
    on(
      {},
      Effect.gen(function*() {
        for (
          const request of [
            HttpClientRequest.get(`${open}/open-apis/vc/v1/nothing`),
            HttpClientRequest.post(`${urlOf(id)}/set_host`),
            HttpClientRequest.get("https://open.larksuite.com")
          ]
        ) {
          const reply = yield* send(request)
          assert.strictEqual(reply.status, 404)
          assert.strictEqual(reply.text, "404 page not found")
          assert.isString(reply.headers["x-tt-logid"])
        }
        const endpoints = (yield* (yield* Simulator.Simulator).requests).map((request) => request.endpoint)
        assert.deepStrictEqual(endpoints, ["unknown", "unknown", "unknown"])
      })
    ))
})

describe("the log", () => {
  it.effect("shows the requests and the writes, without secrets", () =>
    on(
      {},
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const token = yield* tenantToken
        yield* TestClock.adjust(5)
        const body = { host_user: wire("ou_bob"), old_host_user: wire("ou_alice") }
        yield* setHost(token, body, { user_id_type: "open_id" })
        yield* simulator.moveHost(id, "ou_eve")

        const requests = yield* simulator.requests
        assert.deepStrictEqual(requests[0]?.body, { app_id: credentials.app_id, app_secret: "<redacted>" })
        assert.deepStrictEqual(requests[1], {
          index: 1,
          at: 5,
          endpoint: "set_host",
          method: "PATCH",
          host: "open.feishu.cn",
          path: `/open-apis/vc/v1/meetings/${id}/set_host`,
          params: { meeting_id: id },
          query: { user_id_type: "open_id" },
          client: undefined,
          token: "tenant",
          operator: Simulator.defaultApp.appId,
          body,
          fault: undefined,
          executed: { status: 200, code: 0, at: 5 },
          reply: { status: 200, code: 0, at: 5 }
        })
        const log = JSON.stringify(requests)
        assert.notInclude(log, token)
        assert.notInclude(log, credentials.app_secret)

        const writes = (yield* simulator.writes).map((write) => [
          write.before?.openId,
          write.after.openId,
          write.by,
          write.request,
          write.at
        ])
        assert.deepStrictEqual(writes, [
          ["ou_alice", "ou_bob", "request", 1, 5],
          ["ou_bob", "ou_eve", "control", undefined, 5]
        ])
        const meeting = yield* simulator.meeting(id)
        assert.isTrue(meeting.participants.some((one) => one.user.openId === "ou_eve" && one.status === "in_meeting"))
      })
    ))

  it.effect("has a unique log id for each request", () =>
    on(
      {},
      Effect.gen(function*() {
        const replies = yield* Effect.forEach(Array.from({ length: 5 }), () => requestTenantToken())
        assert.strictEqual(new Set(replies.map((reply) => reply.headers["x-tt-logid"])).size, 5)
      })
    ))
})

describe("latency", () => {
  it.effect("passes half before the request is executed, half after", () =>
    on(
      { latency: "100 millis" },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const request = yield* Effect.forkChild(swap(yield* userToken("ou_alice"), "ou_alice", "ou_bob"))
        yield* TestClock.adjust("49 millis")
        assert.strictEqual(yield* hostNow, "ou_alice")
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* hostNow, "ou_bob")
        assert.isUndefined((yield* simulator.requests)[0]?.reply)
        yield* TestClock.adjust("50 millis")
        assert.deepStrictEqual(outcome(yield* Fiber.join(request)), [200, 0])
        assert.strictEqual((yield* simulator.requests)[0]?.reply?.at, 100)
      })
    ))

  it.effect("does not interrupt the request of a client that gives up", () =>
    on(
      { latency: "100 millis" },
      Effect.gen(function*() {
        const request = swap(yield* userToken("ou_alice"), "ou_alice", "ou_bob")
        const fiber = yield* Effect.forkChild(Effect.timeoutOption(request, "10 millis"))
        yield* TestClock.adjust("10 millis")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "None")
        assert.strictEqual(yield* hostNow, "ou_alice")
        yield* TestClock.adjust("40 millis")
        assert.strictEqual(yield* hostNow, "ou_bob")
      })
    ))
})
