/**
 * The meeting endpoints of the simulator: get, set_host, end.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as MeetingUser from "effect-lark-meetings/MeetingUser"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { outcome, send, tenantToken, userToken } from "./fixtures/simulated.ts"
import { dataOf, end, getMeeting, meetingOf, on, setHost, swap, urlOf, wire } from "./fixtures/simulatedMeeting.ts"
import { hostNow, id, meetings, room } from "./fixtures/World.ts"

describe("set_host", () => {
  it.effect("moves the host if old_host_user is the host", () =>
    on(
      {},
      Effect.gen(function*() {
        const token = yield* tenantToken
        const reply = yield* swap(token, "ou_alice", "ou_bob")
        assert.deepStrictEqual(reply.json, { code: 0, msg: "success", data: { host_user: wire("ou_bob") } })
        assert.strictEqual(yield* hostNow, "ou_bob")
        assert.isString(reply.headers["x-tt-logid"])
      })
    ))

  it.effect("otherwise fails with 121006, which names the host, and changes nothing", () =>
    on(
      {},
      Effect.gen(function*() {
        const token = yield* tenantToken
        const reply = yield* swap(token, "ou_carol", "ou_bob")
        assert.strictEqual(reply.status, 409)
        assert.deepStrictEqual(reply.json, {
          code: 121006,
          msg: "data conflict",
          data: { host_user: wire("ou_alice") }
        })
        assert.strictEqual(yield* hostNow, "ou_alice")
        assert.deepStrictEqual(yield* (yield* Simulator.Simulator).writes, [])
      })
    ))

  it.effect("compares and replies in the id type of the request", () =>
    on(
      {},
      Effect.gen(function*() {
        const token = yield* tenantToken
        const union = { user_id_type: "union_id" }
        const conflict = yield* swap(token, "on_carol", "on_bob", union)
        assert.deepStrictEqual(dataOf(conflict), { host_user: wire("on_alice") })
        assert.deepStrictEqual(outcome(yield* swap(token, "ou_alice", "ou_bob", union)), [400, 122004])
        assert.deepStrictEqual(dataOf(yield* swap(token, "on_alice", "on_bob", union)), {
          host_user: wire("on_bob")
        })
        const byUserId = yield* swap(token, "bob", "carol", { user_id_type: "user_id" })
        assert.deepStrictEqual(dataOf(byUserId), { host_user: wire("carol") })
        const unknown = yield* swap(token, "ou_carol", "ou_bob", { user_id_type: "email" })
        assert.deepStrictEqual(outcome(unknown), [400, 99992402])
      })
    ))

  it.effect("compares the user type", () =>
    on(
      {},
      Effect.gen(function*() {
        const token = yield* tenantToken
        const stale = yield* setHost(token, { host_user: wire("ou_bob"), old_host_user: wire("ou_alice", 2) })
        assert.deepStrictEqual(outcome(stale), [409, 121006])
        const target = yield* setHost(token, { host_user: wire("ou_bob", 2), old_host_user: wire("ou_alice") })
        assert.deepStrictEqual(outcome(target), [400, 122004])
        const toRoom = yield* setHost(token, { host_user: wire("omm_room", 2), old_host_user: wire("ou_alice") })
        assert.deepStrictEqual(outcome(toRoom), [200, 0])
      })
    ))

  it.effect("has a code for each precondition", () =>
    on(
      { meetings: [...meetings, { id: "calling", status: "calling" }, { id: "over", status: "ended" }] },
      Effect.gen(function*() {
        const token = yield* tenantToken
        const good = { host_user: wire("ou_bob"), old_host_user: wire("ou_alice") }
        for (
          const malformed of [
            null,
            [],
            {},
            { host_user: null },
            { host_user: { id: "ou_bob" } },
            { host_user: { id: "", user_type: 1 } },
            { host_user: { id: "ou_bob", type: 1 } },
            { host_user: { id: "ou_bob", user_type: "1" } },
            { ...good, old_host_user: { id: "ou_alice" } }
          ]
        ) {
          assert.deepStrictEqual(outcome(yield* setHost(token, malformed)), [400, 121003])
        }
        const notJson = HttpClientRequest.patch(`${urlOf(id)}/set_host`).pipe(
          HttpClientRequest.bearerToken(token),
          HttpClientRequest.bodyText("{host_user", "application/json")
        )
        assert.deepStrictEqual(outcome(yield* send(notJson)), [400, 121003])
        assert.deepStrictEqual(outcome(yield* setHost(token, good, {}, "0")), [404, 122002])
        assert.deepStrictEqual(outcome(yield* setHost(token, good, {}, "../1/end?a=b#")), [404, 122002])
        assert.deepStrictEqual(outcome(yield* setHost(token, good, {}, "calling")), [400, 122001])
        assert.deepStrictEqual(outcome(yield* setHost(token, good, {}, "over")), [400, 122001])
        assert.deepStrictEqual(outcome(yield* swap(token, "ou_alice", "ou_stranger")), [400, 122004])
        assert.deepStrictEqual(outcome(yield* swap(token, "ou_alice", "ou_erin")), [400, 122009])
        assert.deepStrictEqual(outcome(yield* swap(yield* userToken("ou_stranger"), "ou_alice", "ou_bob")), [
          400,
          122003
        ])
        assert.deepStrictEqual(outcome(yield* swap(yield* userToken("ou_bob"), "ou_alice", "ou_bob")), [403, 121005])
        assert.deepStrictEqual(outcome(yield* swap(yield* userToken("ou_alice"), "ou_alice", "ou_alice")), [
          400,
          122005
        ])
        assert.strictEqual(yield* hostNow, "ou_alice")
      })
    ))

  it.effect("follows the behavior options where the documentation is silent", () =>
    Effect.gen(function*() {
      const ask = (options: Simulator.Options, body: unknown) =>
        on(options, Effect.flatMap(tenantToken, (token) => setHost(token, body)))
      const bare = { host_user: wire("ou_bob") }
      const onTarget = { host_user: wire("ou_alice"), old_host_user: wire("ou_alice") }
      const staleOnTarget = { host_user: wire("ou_alice"), old_host_user: wire("ou_bob") }
      const stale = { host_user: wire("ou_carol"), old_host_user: wire("ou_bob") }
      const owned = [{ ...meetings[0]!, owner: "ou_alice" }]

      assert.deepStrictEqual(outcome(yield* ask({}, bare)), [200, 0])
      assert.deepStrictEqual(outcome(yield* ask({ withoutOldHost: "paramError" }, bare)), [400, 121003])
      assert.deepStrictEqual(outcome(yield* ask({}, onTarget)), [200, 0])
      assert.deepStrictEqual(outcome(yield* ask({}, staleOnTarget)), [409, 121006])
      assert.deepStrictEqual(outcome(yield* ask({ targetIsHost: "cannotOperateSelf" }, onTarget)), [400, 122005])
      assert.deepStrictEqual((yield* ask({ conflictCarriesHost: false }, stale)).json, {
        code: 121006,
        msg: "data conflict"
      })
      assert.deepStrictEqual(outcome(yield* ask({ meetings: owned }, bare)), [200, 0])
      assert.deepStrictEqual(
        outcome(yield* ask({ meetings: owned, tenantTokenMayMoveAnyHost: false }, bare)),
        [403, 121005]
      )
      assert.deepStrictEqual(outcome(yield* ask({ tenantTokenMayMoveAnyHost: false }, bare)), [200, 0])
      const hostless = { id, participants: ["ou_bob", "ou_carol"] }
      assert.deepStrictEqual(dataOf(yield* ask({ meetings: [hostless] }, stale)), {})
      const withoutScope = yield* on(
        { userIdScope: false },
        Effect.flatMap(tenantToken, (token) => swap(token, "alice", "bob", { user_id_type: "user_id" }))
      )
      assert.deepStrictEqual(outcome(withoutScope), [400, 99991672])
      assert.include(withoutScope.text, "contact:user.employee_id:readonly")
    }))

  it.effect("compares old_host_user and answers conflicts as the behavior options say", () =>
    Effect.gen(function*() {
      const ask = (options: Simulator.Options, body: unknown, query: Record<string, string> = {}) =>
        on(options, Effect.flatMap(tenantToken, (token) => setHost(token, body, query)))
      const from = (old: unknown, to = "ou_bob") => ({ host_user: wire(to), old_host_user: old })
      const outcomes = (option: Simulator.BehaviorOptions, ...bodies: ReadonlyArray<unknown>) =>
        Effect.forEach(bodies, (body) => Effect.map(ask(option, body), ({ json }) => json["code"]))

      // Without the type: of the host, and of somebody else.
      const bare = [from({ id: "ou_alice" }), from({ id: "ou_carol" })]
      assert.deepStrictEqual(yield* outcomes({}, ...bare), [121003, 121003])
      assert.deepStrictEqual(yield* outcomes({ oldHostWithoutType: "dataConflict" }, ...bare), [121006, 121006])
      assert.deepStrictEqual(yield* outcomes({ oldHostWithoutType: "comparedById" }, ...bare), [0, 121006])
      assert.deepStrictEqual(yield* outcomes({ oldHostWithoutType: "ignored" }, ...bare), [0, 0])
      const broken = [from({ user_type: 1 }), from("ou_alice"), from({ id: "ou_alice", user_type: "1" })]
      assert.deepStrictEqual(yield* outcomes({ oldHostWithoutType: "ignored" }, ...broken), [121003, 121003, 121003])

      const mistyped = [from(wire("ou_alice", 2)), from(wire("ou_carol", 2))]
      assert.deepStrictEqual(yield* outcomes({}, ...mistyped), [121006, 121006])
      assert.deepStrictEqual(yield* outcomes({ oldHostType: "ignored" }, ...mistyped), [0, 121006])

      const again = from(wire("ou_bob"), "ou_alice")
      assert.deepStrictEqual(yield* outcomes({ staleSwapToHost: "success" }, again), [0])
      assert.deepStrictEqual(yield* outcomes({ staleSwapToHost: "cannotOperateSelf" }, again), [122005])
      assert.deepStrictEqual(yield* outcomes({ targetIsHost: "cannotOperateSelf" }, again), [121006])

      const stale = from(wire("ou_carol"))
      assert.deepStrictEqual(outcome(yield* ask({ conflictStatus: 200 }, stale)), [200, 121006])
      const byUnionId = { host_user: wire("on_bob"), old_host_user: wire("on_carol") }
      const query = { user_id_type: "union_id" }
      assert.deepStrictEqual(dataOf(yield* ask({}, byUnionId, query)), { host_user: wire("on_alice") })
      assert.deepStrictEqual(dataOf(yield* ask({ conflictIdType: "open_id" }, byUnionId, query)), {
        host_user: wire("ou_alice")
      })

      const asBob = (options: Simulator.Options, old: string) =>
        on(options, Effect.flatMap(userToken("ou_bob"), (token) => swap(token, old, "ou_carol")))
      assert.deepStrictEqual(outcome(yield* asBob({}, "ou_bob")), [403, 121005])
      assert.deepStrictEqual(outcome(yield* asBob({ formerHost: "dataConflict" }, "ou_bob")), [409, 121006])
      assert.deepStrictEqual(outcome(yield* asBob({ formerHost: "dataConflict" }, "ou_alice")), [403, 121005])
    }))

  it.effect("applies exactly one of many swaps from one host", () =>
    on(
      { latency: "10 millis" },
      Effect.gen(function*() {
        const tokens = yield* Effect.forkChild(tenantToken)
        yield* TestClock.adjust("10 millis")
        const token = yield* Fiber.join(tokens)
        const all = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 50 }), () => swap(token, "ou_alice", "ou_bob"), {
            concurrency: "unbounded"
          })
        )
        yield* TestClock.adjust("10 millis")
        const statuses = (yield* Fiber.join(all)).map((reply) => reply.status)
        assert.strictEqual(statuses.filter((status) => status === 200).length, 1)
        assert.strictEqual(statuses.filter((status) => status === 409).length, 49)
        assert.strictEqual((yield* (yield* Simulator.Simulator).writes).length, 1)
      })
    ))
})

describe("end", () => {
  it.effect("is only for the current host of a running meeting", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* TestClock.adjust("100 seconds")
        assert.deepStrictEqual(outcome(yield* end(yield* userToken("ou_stranger"))), [400, 122003])
        assert.deepStrictEqual(outcome(yield* end(yield* userToken("ou_bob"))), [403, 121005])
        const alice = yield* userToken("ou_alice")
        assert.deepStrictEqual((yield* end(alice)).json, { code: 0, msg: "success", data: {} })
        assert.deepStrictEqual(outcome(yield* end(alice)), [400, 122001])
        assert.deepStrictEqual(outcome(yield* end(alice, "0")), [404, 122002])
        const meeting = meetingOf(yield* getMeeting(alice))
        assert.strictEqual(meeting.status, 3)
        assert.strictEqual(meeting.end_time, "100")
      })
    ))

  it.effect("fails with 122002 the second time, if so configured", () =>
    on(
      { endOfEnded: "meetingNotExist" },
      Effect.gen(function*() {
        const alice = yield* userToken("ou_alice")
        yield* end(alice)
        assert.deepStrictEqual(outcome(yield* end(alice)), [404, 122002])
      })
    ))

  it.effect("ignores the body", () =>
    Effect.forEach(["", "null", "{}", "<garbage"], (body) =>
      on(
        {},
        Effect.gen(function*() {
          const request = HttpClientRequest.patch(`${urlOf(id)}/end`).pipe(
            HttpClientRequest.bearerToken(yield* userToken("ou_alice")),
            HttpClientRequest.bodyText(body, "application/json")
          )
          assert.deepStrictEqual(outcome(yield* send(request)), [200, 0])
        })
      )))
})

describe("get", () => {
  it.effect("shows the meeting in the id type of the request", () =>
    on(
      {},
      Effect.gen(function*() {
        const token = yield* tenantToken
        const plain = meetingOf(yield* getMeeting(token))
        assert.deepStrictEqual(plain.host_user, wire("ou_alice"))
        assert.strictEqual(plain.status, 2)
        assert.isUndefined(plain.participants)
        assert.isUndefined(plain.ability)

        const full = meetingOf(yield* getMeeting(token, { with_participants: "true", with_meeting_ability: "true" }))
        assert.deepStrictEqual(full.participants?.map((one) => [one.id, one.status, one.is_host]), [
          ["ou_alice", 2, true],
          ["ou_bob", 2, false],
          ["ou_carol", 2, false],
          ["ou_dave", 2, false],
          ["omm_room", 2, false],
          ["ou_erin", 3, false]
        ])
        assert.isDefined(full.ability)

        const byUserId = meetingOf(yield* getMeeting(token, { with_participants: "true", user_id_type: "user_id" }))
        assert.deepStrictEqual(byUserId.host_user, wire("alice"))
        assert.deepStrictEqual(byUserId.participants?.map((one) => one.id), ["alice", "bob", "carol", "dave", "erin"])

        assert.deepStrictEqual(outcome(yield* getMeeting(token, {}, "0")), [404, 121004])
        assert.deepStrictEqual(outcome(yield* getMeeting(token, { query_mode: "2" })), [400, 121003])
      })
    ))

  it.effect("gives a host without a user id an empty one", () =>
    on(
      { meetings: [{ id, host: room }] },
      Effect.gen(function*() {
        const meeting = meetingOf(yield* getMeeting(yield* tenantToken, { user_id_type: "user_id" }))
        assert.deepStrictEqual(meeting.host_user, wire("", 2))
      })
    ))

  it.effect("shows a user only meetings of the user, without abilities", () =>
    on(
      {},
      Effect.gen(function*() {
        const own = yield* getMeeting(yield* userToken("ou_bob"), { with_meeting_ability: "true" })
        assert.isUndefined(meetingOf(own).ability)
        assert.deepStrictEqual(outcome(yield* getMeeting(yield* userToken("ou_stranger"))), [403, 121005])
      })
    ))
})

describe("users", () => {
  it.effect("differ by their type, even with one open id", () =>
    on(
      {
        meetings: [{
          id,
          host: { openId: "ou_alice", userType: 1 },
          participants: [{ openId: "ou_alice", userType: 4 }, "ou_bob"]
        }]
      },
      Effect.gen(function*() {
        const guest = yield* userToken({ openId: "ou_alice", userType: 4 })
        assert.deepStrictEqual(outcome(yield* swap(guest, "ou_alice", "ou_bob")), [403, 121005])
      })
    ))

  it.effect("can be given in three ways, and missing ids are derived", () =>
    on(
      {
        meetings: [{
          id,
          host: MeetingUser.openId("ou_alice"),
          participants: [{ openId: "ou_bob", unionId: "on_x", userId: "y" }, "ou_bob"]
        }]
      },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        assert.deepStrictEqual(yield* simulator.host(id), {
          openId: "ou_alice",
          unionId: "on_alice",
          userId: "alice",
          userType: 1,
          tenant: Simulator.defaultTenant,
          name: "alice"
        })
        yield* simulator.moveHost(id, "ou_bob")
        assert.deepStrictEqual(yield* simulator.host(id), {
          openId: "ou_bob",
          unionId: "on_x",
          userId: "y",
          userType: 1,
          tenant: Simulator.defaultTenant,
          name: "bob"
        })
      })
    ))
})
