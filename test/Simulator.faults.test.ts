/**
 * Faults and rivals.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Fiber, Layer, type Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import type { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { outcome, requestTenantToken, tenantToken, userToken } from "./fixtures/simulated.ts"
import { dataOf, end, getMeeting, on, swap, wire } from "./fixtures/simulatedMeeting.ts"
import { hostNow, meetings } from "./fixtures/World.ts"

describe("faults", () => {
  /** One swap from alice to bob under a fault: what the client sees, and who is host afterwards. */
  const underFault = (fault: Simulator.Fault, from = "ou_alice") =>
    on(
      { faults: [{ endpoint: "set_host", nth: 0, fault }] },
      Effect.gen(function*() {
        const token = yield* tenantToken
        const reply = yield* Effect.match(swap(token, from, "ou_bob"), {
          onFailure: (tag) => tag,
          onSuccess: (reply) => reply
        })
        const log = (yield* (yield* Simulator.Simulator).requests)[1]
        assert.deepStrictEqual(log?.fault, fault)
        return { reply, host: yield* hostNow, log }
      })
    )

  const replyUnder = (fault: Simulator.Fault, from?: string) =>
    Effect.map(underFault(fault, from), ({ host, reply }) => {
      if (typeof reply === "string") return assert.fail(reply)
      return { reply, host }
    })

  it.effect("Delay executes the request later", () =>
    on(
      { faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "Delay", millis: 50 } }] },
      Effect.gen(function*() {
        const request = yield* Effect.forkChild(swap(yield* userToken("ou_alice"), "ou_alice", "ou_bob"))
        yield* TestClock.adjust("49 millis")
        assert.strictEqual(yield* hostNow, "ou_alice")
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(outcome(yield* Fiber.join(request)), [200, 0])
        assert.strictEqual(yield* hostNow, "ou_bob")
      })
    ))

  it.effect("DropBefore loses the request", () =>
    Effect.map(underFault({ _tag: "DropBefore" }), ({ host, log, reply }) => {
      assert.strictEqual(reply, "TransportError")
      assert.strictEqual(host, "ou_alice")
      assert.isUndefined(log?.executed)
      assert.isUndefined(log?.reply)
    }))

  it.effect("DropAfter loses the reply", () =>
    Effect.map(underFault({ _tag: "DropAfter" }), ({ host, log, reply }) => {
      assert.strictEqual(reply, "TransportError")
      assert.strictEqual(host, "ou_bob")
      assert.strictEqual(log?.executed?.code, 0)
      assert.isUndefined(log?.reply)
    }))

  it.effect("Late loses the connection and executes afterwards", () =>
    on(
      { faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "Late", millis: 1000 } }] },
      Effect.gen(function*() {
        const request = swap(yield* userToken("ou_alice"), "ou_alice", "ou_bob")
        assert.strictEqual(yield* Effect.flip(request), "TransportError")
        assert.strictEqual(yield* hostNow, "ou_alice")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* hostNow, "ou_bob")
        assert.strictEqual((yield* (yield* Simulator.Simulator).requests)[0]?.executed?.at, 1000)
      })
    ))

  it.effect("ServerError is applied or not", () =>
    Effect.gen(function*() {
      const envelope = yield* replyUnder({ _tag: "ServerError", status: 500, applied: true, body: "envelope" })
      assert.deepStrictEqual(outcome(envelope.reply), [500, 121001])
      assert.strictEqual(envelope.host, "ou_bob")
      const html = yield* replyUnder({ _tag: "ServerError", status: 502, applied: false, body: "html" })
      assert.strictEqual(html.reply.status, 502)
      assert.match(html.reply.text, /^<html>/)
      assert.strictEqual(html.reply.headers["content-type"], "text/html")
      assert.strictEqual(html.host, "ou_alice")
    }))

  it.effect("Throttle has the time to wait", () =>
    Effect.gen(function*() {
      const { host, reply } = yield* replyUnder({ _tag: "Throttle", reset: 7, status: 429 })
      assert.deepStrictEqual(outcome(reply), [429, 99991400])
      assert.strictEqual(reply.headers["x-ogw-ratelimit-reset"], "7")
      assert.isString(reply.headers["x-ogw-ratelimit-limit"])
      assert.strictEqual(host, "ou_alice")
      const old = yield* replyUnder({ _tag: "Throttle", reset: 7, status: 400 })
      assert.deepStrictEqual(outcome(old.reply), [400, 99991400])
    }))

  it.effect("RejectToken revokes the token, or refuses it once", () =>
    Effect.gen(function*() {
      const codes = (
        fault: Simulator.Fault,
        operator: Effect.Effect<Redacted.Redacted | string, string, HttpClient.HttpClient | Simulator.Simulator>
      ) =>
        on(
          { faults: [{ endpoint: "get", nth: 0, fault }] },
          Effect.gen(function*() {
            const token = yield* operator
            return [outcome(yield* getMeeting(token)), outcome(yield* getMeeting(token))]
          })
        )
      const tenant = Effect.map(tenantToken, (token) => token)
      assert.deepStrictEqual(yield* codes({ _tag: "RejectToken", status: 400 }, tenant), [
        [400, 99991663],
        [400, 99991663]
      ])
      assert.deepStrictEqual(yield* codes({ _tag: "RejectToken", status: 200, revoked: false }, tenant), [
        [200, 99991663],
        [200, 0]
      ])
      assert.deepStrictEqual(yield* codes({ _tag: "RejectToken", status: 400 }, userToken("ou_alice")), [
        [400, 99991668],
        [400, 99991668]
      ])
    }))

  it.effect("RejectToken revokes no other token", () =>
    on(
      { faults: [{ endpoint: "get", nth: 0, fault: { _tag: "RejectToken", status: 400 } }] },
      Effect.gen(function*() {
        const alice = yield* userToken("ou_alice")
        assert.deepStrictEqual(outcome(yield* getMeeting(yield* tenantToken)), [400, 99991663])
        assert.deepStrictEqual(outcome(yield* getMeeting(alice)), [200, 0])
        const minted = yield* (yield* Simulator.Simulator).tokensMinted
        assert.deepStrictEqual(minted.map(({ rejections, revoked }) => [revoked, rejections]), [[true, 1]])
      })
    ))

  it.effect("ConflictWithoutHost hides the host of a conflict in five ways", () =>
    Effect.gen(function*() {
      const data = (shape: "noData" | "nullData" | "emptyObject" | "emptyId" | "noUserType") =>
        Effect.map(replyUnder({ _tag: "ConflictWithoutHost", shape }, "ou_carol"), ({ reply }) => {
          assert.deepStrictEqual(outcome(reply), [409, 121006])
          return dataOf(reply)
        })
      assert.strictEqual(yield* data("noData"), undefined)
      assert.strictEqual(yield* data("nullData"), null)
      assert.deepStrictEqual(yield* data("emptyObject"), {})
      assert.deepStrictEqual(yield* data("emptyId"), { host_user: { id: "", user_type: 1 } })
      assert.deepStrictEqual(yield* data("noUserType"), { host_user: { id: "ou_alice" } })
      const success = yield* replyUnder({ _tag: "ConflictWithoutHost", shape: "noData" })
      assert.deepStrictEqual(dataOf(success.reply), { host_user: wire("ou_bob") })
    }))

  it.effect("ConflictAsOk changes the status only", () =>
    Effect.gen(function*() {
      const { reply } = yield* replyUnder({ _tag: "ConflictAsOk" }, "ou_carol")
      assert.deepStrictEqual(outcome(reply), [200, 121006])
      assert.deepStrictEqual(dataOf(reply), { host_user: wire("ou_alice") })
    }))

  it.effect("GarbageBody and EmptyBody have no envelope", () =>
    Effect.gen(function*() {
      const garbage = yield* replyUnder({ _tag: "GarbageBody", body: "<<<", status: 200, applied: true })
      assert.strictEqual(garbage.reply.text, "<<<")
      assert.strictEqual(garbage.host, "ou_bob")
      const empty = yield* replyUnder({ _tag: "EmptyBody", status: 504, applied: false })
      assert.strictEqual(empty.reply.status, 504)
      assert.strictEqual(empty.reply.text, "")
      assert.strictEqual(empty.host, "ou_alice")
    }))

  it.effect("hit the nth request to their endpoint, once, and the first of two rules applies", () =>
    on(
      {
        faults: [
          { endpoint: "get", nth: 1, fault: { _tag: "DropBefore" } },
          { endpoint: "get", nth: 1, fault: { _tag: "EmptyBody", status: 200, applied: false } }
        ]
      },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const alice = yield* userToken("ou_alice")
        const next = Effect.match(getMeeting(alice), { onFailure: (tag) => tag, onSuccess: (reply) => reply.status })
        yield* swap(alice, "ou_bob", "ou_carol")
        assert.deepStrictEqual(yield* Effect.all([next, next, next]), [200, "TransportError", 200])
        yield* simulator.addFaults([{ endpoint: "get", nth: 0, fault: { _tag: "Throttle", reset: 1, status: 429 } }])
        assert.deepStrictEqual(yield* Effect.all([next, next]), [429, 200])
      })
    ))

  it.effect("hit the token endpoint", () =>
    on(
      {
        faults: [{
          endpoint: "tenant_access_token",
          nth: 0,
          fault: { _tag: "ServerError", status: 500, applied: true, body: "envelope" }
        }]
      },
      Effect.gen(function*() {
        assert.deepStrictEqual(outcome(yield* requestTenantToken()), [500, 5000])
        assert.strictEqual((yield* (yield* Simulator.Simulator).tokensMinted).length, 1)
      })
    ))

  it.effect.prop(
    "never break the simulator, for any plan",
    {
      plan: Arbitrary.array(Arbitrary.schema(Simulator.FaultRule), { maxLength: 8 }),
      shifted: Arbitrary.array(Arbitrary.schema(Simulator.Fault), { maxLength: 8 }),
      rivals: Arbitrary.array(Arbitrary.schema(Simulator.Rival), { maxLength: 4 })
    },
    ({ plan, rivals, shifted }) =>
      on(
        {
          faults: [...shifted.map((fault, nth) => ({ endpoint: "set_host" as const, nth, fault })), ...plan],
          // The generated meeting ids name no meeting.
          rivals: rivals.map(({ meetingId: _, ...rival }) => rival)
        },
        Effect.gen(function*() {
          const alice = yield* userToken("ou_alice")
          const requests = Effect.forEach(
            Array.from({ length: 10 }),
            (_, index) => Effect.result(swap(alice, "ou_alice", index % 2 === 0 ? "ou_bob" : "ou_carol"))
          )
          const fiber = yield* Effect.forkChild(requests)
          yield* TestClock.adjust("100 hours")
          yield* Fiber.join(fiber)
          const writes = yield* (yield* Simulator.Simulator).writes
          // Every write starts where the one before it ended.
          let host: string | undefined = "ou_alice"
          for (const write of writes) {
            assert.strictEqual(write.before?.openId, host)
            host = write.after.openId
          }
          assert.strictEqual(yield* hostNow, host)
        })
      ),
    { arbitrary: { runs: 50 } }
  )
})

describe("rivals", () => {
  it.effect("move the host just before or after a swap, and the new host joins", () =>
    on(
      {
        rivals: [
          { _tag: "BeforeSwap", nth: 0, host: "ou_carol" },
          { _tag: "AfterSwap", nth: 1, host: { openId: "ou_eve" } }
        ]
      },
      Effect.gen(function*() {
        const token = yield* tenantToken
        yield* swap("t-unknown", "ou_alice", "ou_bob")
        assert.deepStrictEqual(dataOf(yield* swap(token, "ou_alice", "ou_bob")), { host_user: wire("ou_carol") })
        assert.deepStrictEqual(dataOf(yield* swap(token, "ou_carol", "ou_bob")), { host_user: wire("ou_bob") })
        assert.strictEqual(yield* hostNow, "ou_eve")
        assert.deepStrictEqual(outcome(yield* swap(token, "ou_eve", "ou_bob")), [200, 0])
        const by = (yield* (yield* Simulator.Simulator).writes).map((write) => write.by)
        assert.deepStrictEqual(by, ["rival", "request", "rival", "request"])
      })
    ))

  it.effect("move the host at a time: a swap does not notice that the host changed and changed back", () =>
    on(
      {
        rivals: [
          { _tag: "At", millis: 10, host: "ou_bob" },
          { _tag: "At", millis: 20, host: "ou_alice" }
        ]
      },
      Effect.gen(function*() {
        yield* TestClock.adjust("10 millis")
        assert.strictEqual(yield* hostNow, "ou_bob")
        yield* TestClock.adjust("10 millis")
        assert.deepStrictEqual(outcome(yield* swap(yield* userToken("ou_alice"), "ou_alice", "ou_carol")), [200, 0])
        const at = (yield* (yield* Simulator.Simulator).writes).map((write) => write.at)
        assert.deepStrictEqual(at, [10, 20, 20])
      })
    ))

  it.effect("count from when they are added, in the meeting that they name", () =>
    on(
      { meetings: [...meetings, { id: "2", host: "ou_alice" }] },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const token = yield* tenantToken
        yield* TestClock.adjust("1 second")
        yield* swap(token, "ou_bob", "ou_carol")
        yield* simulator.addRivals([
          { _tag: "BeforeSwap", nth: 0, host: "ou_carol", meetingId: "2" },
          { _tag: "At", millis: 5, host: "ou_bob", meetingId: "2" }
        ])
        yield* swap(token, "ou_bob", "ou_carol")
        assert.strictEqual((yield* simulator.host("2"))?.openId, "ou_carol")
        yield* TestClock.adjust("5 millis")
        assert.strictEqual((yield* simulator.host("2"))?.openId, "ou_bob")
        assert.strictEqual(yield* hostNow, "ou_alice")
      })
    ))

  it.effect("do nothing in a meeting that has ended", () =>
    on(
      { rivals: [{ _tag: "At", millis: 10, host: "ou_bob" }] },
      Effect.gen(function*() {
        yield* end(yield* userToken("ou_alice"))
        yield* TestClock.adjust("10 millis")
        assert.deepStrictEqual(yield* (yield* Simulator.Simulator).writes, [])
      })
    ))

  it.effect("die if their meeting does not exist", () =>
    Effect.gen(function*() {
      const rivals = [{ _tag: "At" as const, millis: 0, host: "ou_bob", meetingId: "0" }]
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(Simulator.layer({ meetings, rivals }))))
      assert.strictEqual(exit._tag, "Failure")
    }))
})
