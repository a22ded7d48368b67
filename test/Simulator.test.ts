import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Fiber, Layer, Option, Redacted, Schema } from "effect"
import * as MeetingUser from "effect-lark-meetings/MeetingUser"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"

const id = "6911188411932033028"
const base = "https://open.feishu.cn/open-apis"
const room = { openId: "omm_room", userType: 2 }

const meetings: ReadonlyArray<Simulator.MeetingOptions> = [{
  id,
  host: "ou_alice",
  participants: ["ou_bob", "ou_carol", room, { user: "ou_dave", status: "ringing" }]
}]

const wire = (openId: string, user_type = 1) => ({ id: openId, user_type })

interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  readonly json: unknown
}

const decodeJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const send = (request: HttpClientRequest.HttpClientRequest): Effect.Effect<Answered, string, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const response = yield* HttpClient.execute(request)
    const text = yield* response.text
    return { status: response.status, headers: response.headers, text, json: Option.getOrUndefined(decodeJson(text)) }
  }).pipe(Effect.mapError((error) => error.reason._tag))

const bearer = (token: Redacted.Redacted | string) => HttpClientRequest.bearerToken(token)

const credentials = {
  app_id: Simulator.defaultApp.appId,
  app_secret: Redacted.value(Simulator.defaultApp.appSecret)
}

const requestToken = (body: unknown = credentials) =>
  send(
    HttpClientRequest.post(`${base}/auth/v3/tenant_access_token/internal`).pipe(HttpClientRequest.bodyJsonUnsafe(body))
  )

const TokenReply = Schema.Struct({ tenant_access_token: Schema.String, expire: Schema.Int })

const tenantToken = Effect.map(requestToken(), (reply) => Schema.decodeUnknownSync(TokenReply)(reply.json))

const setHost = (
  token: Redacted.Redacted | string,
  body: unknown,
  query: Record<string, string> = {},
  meetingId = id
) =>
  send(
    HttpClientRequest.patch(`${base}/vc/v1/meetings/${encodeURIComponent(meetingId)}/set_host`).pipe(
      HttpClientRequest.setUrlParams(query),
      bearer(token),
      HttpClientRequest.bodyJsonUnsafe(body)
    )
  )

const swap = (token: Redacted.Redacted | string, from: string, to: string, query: Record<string, string> = {}) =>
  setHost(token, { host_user: wire(to), old_host_user: wire(from) }, query)

const end = (token: Redacted.Redacted | string, meetingId = id) =>
  send(HttpClientRequest.patch(`${base}/vc/v1/meetings/${meetingId}/end`).pipe(bearer(token)))

const get = (token: Redacted.Redacted | string, query: Record<string, string> = {}, meetingId = id) =>
  send(HttpClientRequest.get(`${base}/vc/v1/meetings/${meetingId}`, { urlParams: query }).pipe(bearer(token)))

const codeOf = (reply: Answered): unknown =>
  typeof reply.json === "object" && reply.json !== null && "code" in reply.json ? reply.json.code : undefined

const outcome = (reply: Answered) => [reply.status, codeOf(reply)]

const dataOf = (reply: Answered): unknown =>
  typeof reply.json === "object" && reply.json !== null && "data" in reply.json ? reply.json.data : undefined

const MeetingReply = Schema.Struct({
  data: Schema.Struct({
    meeting: Schema.Struct({
      status: Schema.Int,
      host_user: Schema.optionalKey(Schema.Struct({ id: Schema.String, user_type: Schema.Int })),
      participants: Schema.optionalKey(
        Schema.Array(Schema.Struct({ id: Schema.String, status: Schema.Int, is_host: Schema.Boolean }))
      ),
      ability: Schema.optionalKey(Schema.Unknown),
      start_time: Schema.String,
      end_time: Schema.String
    })
  })
})

const meetingOf = (reply: Answered) => Schema.decodeUnknownSync(MeetingReply)(reply.json).data.meeting

/** Runs against a fresh simulator. */
const on = <A, E>(
  options: Simulator.Options,
  program: Effect.Effect<A, E, HttpClient.HttpClient | Simulator.Simulator>
) => Effect.provide(program, Simulator.layer({ meetings, ...options }))

const hostNow = Effect.flatMap(
  Simulator.Simulator,
  (simulator) => Effect.map(simulator.host(id), (user) => user?.openId)
)

const asUser = (user: Simulator.UserInput) =>
  Effect.flatMap(Simulator.Simulator, (simulator) => simulator.userToken(user))

describe("tenant tokens", () => {
  it.effect("are flat, and the same again while half an hour is left", () =>
    on(
      {},
      Effect.gen(function*() {
        const first = yield* tenantToken
        assert.match(first.tenant_access_token, /^t-/)
        assert.strictEqual(first.expire, 7200)
        yield* TestClock.adjust("90 minutes")
        assert.deepStrictEqual(yield* tenantToken, { tenant_access_token: first.tenant_access_token, expire: 1800 })
        yield* TestClock.adjust("1 second")
        const second = yield* tenantToken
        assert.notStrictEqual(second.tenant_access_token, first.tenant_access_token)
        assert.strictEqual(second.expire, 7200)
        assert.deepStrictEqual(outcome(yield* get(first.tenant_access_token)), [200, 0])
        yield* TestClock.adjust("1799 seconds")
        assert.deepStrictEqual(outcome(yield* get(first.tenant_access_token)), [400, 99991663])
        assert.deepStrictEqual(outcome(yield* get(second.tenant_access_token)), [200, 0])

        const minted = yield* (yield* Simulator.Simulator).tokensMinted
        assert.deepStrictEqual(minted.map((token) => [token.issuedAt, token.expiresAt, token.revoked]), [
          [0, 7_200_000, false],
          [5_401_000, 12_601_000, false]
        ])
        assert.strictEqual(Redacted.value(minted[0]!.value), first.tenant_access_token)
        assert.notInclude(JSON.stringify(minted), first.tenant_access_token)
      })
    ))

  it.effect("a token that lives less than half an hour is never handed out again", () =>
    on(
      { app: { appId: "a", appSecret: "s", expire: 100 } },
      Effect.gen(function*() {
        yield* requestToken({ app_id: "a", app_secret: "s" })
        yield* requestToken({ app_id: "a", app_secret: "s" })
        assert.strictEqual((yield* (yield* Simulator.Simulator).tokensMinted).length, 2)
      })
    ))

  it.effect("failures come with HTTP 200", () =>
    Effect.gen(function*() {
      const codes = (options: Simulator.Options, body: unknown) => on(options, Effect.map(requestToken(body), outcome))
      const wrongSecret = { ...credentials, app_secret: "wrong" }
      assert.deepStrictEqual(yield* codes({}, null), [200, 10003])
      assert.deepStrictEqual(yield* codes({}, { app_id: "a" }), [200, 10003])
      assert.deepStrictEqual(yield* codes({}, { ...credentials, app_id: "other" }), [200, 99991543])
      assert.deepStrictEqual(yield* codes({}, wrongSecret), [200, 10015])
      assert.deepStrictEqual(yield* codes({ wrongSecret: 10014 }, wrongSecret), [200, 10014])
      assert.deepStrictEqual(yield* codes({ app: { ...Simulator.defaultApp, stopped: true } }, credentials), [
        200,
        10014
      ])
    }))

  it.effect("rejectTokens ends all of them, and the next request mints a new one", () =>
    on(
      {},
      Effect.gen(function*() {
        const before = yield* tenantToken
        yield* (yield* Simulator.Simulator).rejectTokens
        assert.deepStrictEqual(outcome(yield* get(before.tenant_access_token)), [400, 99991663])
        const after = yield* tenantToken
        assert.deepStrictEqual(outcome(yield* get(after.tenant_access_token)), [200, 0])
      })
    ))
})

describe("token checks", () => {
  it.effect("each defect has its code", () =>
    on(
      {},
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const short = yield* simulator.userToken("ou_alice", { expiresIn: "1 second" })
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(outcome(yield* send(HttpClientRequest.get(`${base}/vc/v1/meetings/${id}`))), [
          400,
          99991661
        ])
        assert.deepStrictEqual(outcome(yield* get("nonsense")), [400, 99991671])
        assert.deepStrictEqual(outcome(yield* get("t-unknown")), [400, 99991663])
        assert.deepStrictEqual(outcome(yield* get("u-unknown")), [400, 99991668])
        assert.deepStrictEqual(outcome(yield* get("eyJunknown")), [400, 99991668])
        assert.deepStrictEqual(outcome(yield* get(short)), [400, 99991677])
        assert.deepStrictEqual(outcome(yield* end((yield* tenantToken).tenant_access_token)), [400, 99991663])
      })
    ))
})

describe("set_host", () => {
  it.effect("moves the host if the old host is right", () =>
    on(
      {},
      Effect.gen(function*() {
        const { tenant_access_token } = yield* tenantToken
        const reply = yield* swap(tenant_access_token, "ou_alice", "ou_bob")
        assert.deepStrictEqual(reply.json, { code: 0, msg: "success", data: { host_user: wire("ou_bob") } })
        assert.strictEqual(yield* hostNow, "ou_bob")
        assert.isString(reply.headers["x-tt-logid"])
      })
    ))

  it.effect("otherwise changes nothing and names the host", () =>
    on(
      {},
      Effect.gen(function*() {
        const { tenant_access_token } = yield* tenantToken
        const reply = yield* swap(tenant_access_token, "ou_carol", "ou_bob")
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

  it.effect("compares and answers in the id type of the request", () =>
    on(
      {},
      Effect.gen(function*() {
        const { tenant_access_token } = yield* tenantToken
        const union = { user_id_type: "union_id" }
        const conflict = yield* swap(tenant_access_token, "on_carol", "on_bob", union)
        assert.deepStrictEqual(dataOf(conflict), { host_user: wire("on_alice") })
        assert.deepStrictEqual(outcome(yield* swap(tenant_access_token, "ou_alice", "ou_bob", union)), [400, 122004])
        assert.deepStrictEqual(dataOf(yield* swap(tenant_access_token, "on_alice", "on_bob", union)), {
          host_user: wire("on_bob")
        })
        const byUserId = yield* swap(tenant_access_token, "bob", "carol", { user_id_type: "user_id" })
        assert.deepStrictEqual(dataOf(byUserId), { host_user: wire("carol") })
        const unknown = yield* swap(tenant_access_token, "ou_carol", "ou_bob", { user_id_type: "email" })
        assert.deepStrictEqual(outcome(unknown), [400, 99992402])
      })
    ))

  it.effect("compares the user type too", () =>
    on(
      {},
      Effect.gen(function*() {
        const { tenant_access_token: token } = yield* tenantToken
        const stale = yield* setHost(token, { host_user: wire("ou_bob"), old_host_user: wire("ou_alice", 2) })
        assert.deepStrictEqual(outcome(stale), [409, 121006])
        const target = yield* setHost(token, { host_user: wire("ou_bob", 2), old_host_user: wire("ou_alice") })
        assert.deepStrictEqual(outcome(target), [400, 122004])
        const toRoom = yield* setHost(token, { host_user: wire("omm_room", 2), old_host_user: wire("ou_alice") })
        assert.deepStrictEqual(outcome(toRoom), [200, 0])
      })
    ))

  it.effect("each precondition has its code", () =>
    on(
      { meetings: [...meetings, { id: "calling", status: "calling" }, { id: "over", status: "ended" }] },
      Effect.gen(function*() {
        const { tenant_access_token: token } = yield* tenantToken
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
        const notJson = HttpClientRequest.patch(`${base}/vc/v1/meetings/${id}/set_host`).pipe(
          bearer(token),
          HttpClientRequest.bodyText("{host_user", "application/json")
        )
        assert.deepStrictEqual(outcome(yield* send(notJson)), [400, 121003])
        assert.deepStrictEqual(outcome(yield* setHost(token, good, {}, "0")), [404, 122002])
        assert.deepStrictEqual(outcome(yield* setHost(token, good, {}, "../1/end?a=b#")), [404, 122002])
        assert.deepStrictEqual(outcome(yield* setHost(token, good, {}, "calling")), [400, 122001])
        assert.deepStrictEqual(outcome(yield* setHost(token, good, {}, "over")), [400, 122001])
        assert.deepStrictEqual(outcome(yield* swap(token, "ou_alice", "ou_stranger")), [400, 122004])
        assert.deepStrictEqual(outcome(yield* swap(token, "ou_alice", "ou_dave")), [400, 122009])
        assert.deepStrictEqual(outcome(yield* swap(yield* asUser("ou_stranger"), "ou_alice", "ou_bob")), [400, 122003])
        assert.deepStrictEqual(outcome(yield* swap(yield* asUser("ou_bob"), "ou_alice", "ou_bob")), [403, 121005])
        assert.deepStrictEqual(outcome(yield* swap(yield* asUser("ou_alice"), "ou_alice", "ou_alice")), [400, 122005])
        assert.strictEqual(yield* hostNow, "ou_alice")
      })
    ))

  it.effect("what the documents leave open is an option", () =>
    Effect.gen(function*() {
      const ask = (options: Simulator.Options, body: unknown) =>
        on(options, Effect.flatMap(tenantToken, (token) => setHost(token.tenant_access_token, body)))
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
        Effect.flatMap(tenantToken, (token) =>
          swap(token.tenant_access_token, "alice", "bob", { user_id_type: "user_id" }))
      )
      assert.deepStrictEqual(outcome(withoutScope), [400, 99991672])
      assert.include(withoutScope.text, "contact:user.employee_id:readonly")
    }))

  it.effect("of many swaps from one host exactly one is applied", () =>
    on(
      { latency: "10 millis" },
      Effect.gen(function*() {
        const tokens = yield* Effect.forkChild(tenantToken)
        yield* TestClock.adjust("10 millis")
        const { tenant_access_token: token } = yield* Fiber.join(tokens)
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
  it.effect("is for the current host, in a running meeting", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* TestClock.adjust("100 seconds")
        assert.deepStrictEqual(outcome(yield* end(yield* asUser("ou_stranger"))), [400, 122003])
        assert.deepStrictEqual(outcome(yield* end(yield* asUser("ou_bob"))), [403, 121005])
        const alice = yield* asUser("ou_alice")
        assert.deepStrictEqual((yield* end(alice)).json, { code: 0, msg: "success", data: {} })
        assert.deepStrictEqual(outcome(yield* end(alice)), [400, 122001])
        assert.deepStrictEqual(outcome(yield* end(alice, "0")), [404, 122002])
        const meeting = meetingOf(yield* get(alice))
        assert.strictEqual(meeting.status, 3)
        assert.strictEqual(meeting.end_time, "100")
      })
    ))

  it.effect("a second end may also find no meeting", () =>
    on(
      { endOfEnded: "meetingNotExist" },
      Effect.gen(function*() {
        const alice = yield* asUser("ou_alice")
        yield* end(alice)
        assert.deepStrictEqual(outcome(yield* end(alice)), [404, 122002])
      })
    ))

  it.effect("takes any body", () =>
    Effect.forEach(["", "null", "{}", "<garbage"], (body) =>
      on(
        {},
        Effect.gen(function*() {
          const request = HttpClientRequest.patch(`${base}/vc/v1/meetings/${id}/end`).pipe(
            bearer(yield* asUser("ou_alice")),
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
        const { tenant_access_token: token } = yield* tenantToken
        const plain = meetingOf(yield* get(token))
        assert.deepStrictEqual(plain.host_user, wire("ou_alice"))
        assert.strictEqual(plain.status, 2)
        assert.isUndefined(plain.participants)
        assert.isUndefined(plain.ability)

        const full = meetingOf(yield* get(token, { with_participants: "true", with_meeting_ability: "true" }))
        assert.deepStrictEqual(full.participants?.map((one) => [one.id, one.status, one.is_host]), [
          ["ou_alice", 2, true],
          ["ou_bob", 2, false],
          ["ou_carol", 2, false],
          ["omm_room", 2, false],
          ["ou_dave", 3, false]
        ])
        assert.isDefined(full.ability)

        const byUserId = meetingOf(yield* get(token, { with_participants: "true", user_id_type: "user_id" }))
        assert.deepStrictEqual(byUserId.host_user, wire("alice"))
        assert.deepStrictEqual(byUserId.participants?.map((one) => one.id), ["alice", "bob", "carol", "dave"])

        assert.deepStrictEqual(outcome(yield* get(token, {}, "0")), [404, 121004])
        assert.deepStrictEqual(outcome(yield* get(token, { query_mode: "2" })), [400, 121003])
      })
    ))

  it.effect("a host without a user id has an empty one", () =>
    on(
      { meetings: [{ id, host: room }] },
      Effect.gen(function*() {
        const meeting = meetingOf(yield* get((yield* tenantToken).tenant_access_token, { user_id_type: "user_id" }))
        assert.deepStrictEqual(meeting.host_user, wire("", 2))
      })
    ))

  it.effect("a user sees only his own meetings, and no abilities", () =>
    on(
      {},
      Effect.gen(function*() {
        const own = yield* get(yield* asUser("ou_bob"), { with_meeting_ability: "true" })
        assert.isUndefined(meetingOf(own).ability)
        assert.deepStrictEqual(outcome(yield* get(yield* asUser("ou_stranger"))), [403, 121005])
      })
    ))
})

describe("users", () => {
  it.effect("of two types are two users, even under one id", () =>
    on(
      {
        meetings: [{
          id,
          host: { openId: "ou_alice", userType: 1 },
          participants: [{ openId: "ou_alice", userType: 4 }, "ou_bob"]
        }]
      },
      Effect.gen(function*() {
        const guest = yield* asUser({ openId: "ou_alice", userType: 4 })
        assert.deepStrictEqual(outcome(yield* swap(guest, "ou_alice", "ou_bob")), [403, 121005])
      })
    ))

  it.effect("can be named in three ways, with the ids that were given or derived", () =>
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

describe("other paths", () => {
  it.effect("get the gateway's plain text", () =>
    on(
      {},
      Effect.gen(function*() {
        for (
          const request of [
            HttpClientRequest.get(`${base}/vc/v1/nothing`),
            HttpClientRequest.post(`${base}/vc/v1/meetings/${id}/set_host`),
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

describe("the logs", () => {
  it.effect("tell what arrived and what was applied, without secrets", () =>
    on(
      {},
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const { tenant_access_token: token } = yield* tenantToken
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
          token: "tenant",
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

  it.effect("log ids are unique", () =>
    on(
      {},
      Effect.gen(function*() {
        const replies = yield* Effect.forEach(Array.from({ length: 5 }), () => requestToken())
        assert.strictEqual(new Set(replies.map((reply) => reply.headers["x-tt-logid"])).size, 5)
      })
    ))
})

describe("latency", () => {
  it.effect("half of it passes before the request counts, half after", () =>
    on(
      { latency: "100 millis" },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const request = yield* Effect.forkChild(swap(yield* asUser("ou_alice"), "ou_alice", "ou_bob"))
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

  it.effect("a client that gives up does not undo what it has sent", () =>
    on(
      { latency: "100 millis" },
      Effect.gen(function*() {
        const request = swap(yield* asUser("ou_alice"), "ou_alice", "ou_bob")
        const fiber = yield* Effect.forkChild(Effect.timeoutOption(request, "10 millis"))
        yield* TestClock.adjust("10 millis")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "None")
        assert.strictEqual(yield* hostNow, "ou_alice")
        yield* TestClock.adjust("40 millis")
        assert.strictEqual(yield* hostNow, "ou_bob")
      })
    ))
})

describe("faults", () => {
  /** One swap from alice to bob under a fault: what the client sees, and who is host afterwards. */
  const underFault = (fault: Simulator.Fault, from = "ou_alice") =>
    on(
      { faults: [{ endpoint: "set_host", nth: 0, fault }] },
      Effect.gen(function*() {
        const { tenant_access_token: token } = yield* tenantToken
        const reply = yield* Effect.match(swap(token, from, "ou_bob"), {
          onFailure: (tag) => tag,
          onSuccess: (reply) => reply
        })
        const log = (yield* (yield* Simulator.Simulator).requests)[1]
        assert.deepStrictEqual(log?.fault, fault)
        return { reply, host: yield* hostNow, log }
      })
    )

  const answered = (fault: Simulator.Fault, from?: string) =>
    Effect.map(underFault(fault, from), ({ host, reply }) => {
      if (typeof reply === "string") return assert.fail(reply)
      return { reply, host }
    })

  it.effect("Delay puts off the execution", () =>
    on(
      { faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "Delay", millis: 50 } }] },
      Effect.gen(function*() {
        const request = yield* Effect.forkChild(swap(yield* asUser("ou_alice"), "ou_alice", "ou_bob"))
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
        const request = swap(yield* asUser("ou_alice"), "ou_alice", "ou_bob")
        assert.strictEqual(yield* Effect.flip(request), "TransportError")
        assert.strictEqual(yield* hostNow, "ou_alice")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* hostNow, "ou_bob")
        assert.strictEqual((yield* (yield* Simulator.Simulator).requests)[0]?.executed?.at, 1000)
      })
    ))

  it.effect("ServerError may or may not be applied", () =>
    Effect.gen(function*() {
      const envelope = yield* answered({ _tag: "ServerError", status: 500, applied: true, body: "envelope" })
      assert.deepStrictEqual(outcome(envelope.reply), [500, 121001])
      assert.strictEqual(envelope.host, "ou_bob")
      const html = yield* answered({ _tag: "ServerError", status: 502, applied: false, body: "html" })
      assert.strictEqual(html.reply.status, 502)
      assert.match(html.reply.text, /^<html>/)
      assert.strictEqual(html.reply.headers["content-type"], "text/html")
      assert.strictEqual(html.host, "ou_alice")
    }))

  it.effect("Throttle says how long to wait", () =>
    Effect.gen(function*() {
      const { host, reply } = yield* answered({ _tag: "Throttle", reset: 7, status: 429 })
      assert.deepStrictEqual(outcome(reply), [429, 99991400])
      assert.strictEqual(reply.headers["x-ogw-ratelimit-reset"], "7")
      assert.isString(reply.headers["x-ogw-ratelimit-limit"])
      assert.strictEqual(host, "ou_alice")
      const old = yield* answered({ _tag: "Throttle", reset: 7, status: 400 })
      assert.deepStrictEqual(outcome(old.reply), [400, 99991400])
    }))

  it.effect("RejectToken kills the token, or only refuses it once", () =>
    Effect.gen(function*() {
      const codes = (
        fault: Simulator.Fault,
        operator: Effect.Effect<Redacted.Redacted | string, string, HttpClient.HttpClient | Simulator.Simulator>
      ) =>
        on(
          { faults: [{ endpoint: "get", nth: 0, fault }] },
          Effect.gen(function*() {
            const token = yield* operator
            return [outcome(yield* get(token)), outcome(yield* get(token))]
          })
        )
      const tenant = Effect.map(tenantToken, (token) => token.tenant_access_token)
      assert.deepStrictEqual(yield* codes({ _tag: "RejectToken", status: 400 }, tenant), [
        [400, 99991663],
        [400, 99991663]
      ])
      assert.deepStrictEqual(yield* codes({ _tag: "RejectToken", status: 200, revoked: false }, tenant), [
        [200, 99991663],
        [200, 0]
      ])
      assert.deepStrictEqual(yield* codes({ _tag: "RejectToken", status: 400 }, asUser("ou_alice")), [
        [400, 99991668],
        [400, 99991668]
      ])
    }))

  it.effect("ConflictWithoutHost hides the host of a conflict in five ways", () =>
    Effect.gen(function*() {
      const data = (shape: "noData" | "nullData" | "emptyObject" | "emptyId" | "noUserType") =>
        Effect.map(answered({ _tag: "ConflictWithoutHost", shape }, "ou_carol"), ({ reply }) => {
          assert.deepStrictEqual(outcome(reply), [409, 121006])
          return dataOf(reply)
        })
      assert.strictEqual(yield* data("noData"), undefined)
      assert.strictEqual(yield* data("nullData"), null)
      assert.deepStrictEqual(yield* data("emptyObject"), {})
      assert.deepStrictEqual(yield* data("emptyId"), { host_user: { id: "", user_type: 1 } })
      assert.deepStrictEqual(yield* data("noUserType"), { host_user: { id: "ou_alice" } })
      const success = yield* answered({ _tag: "ConflictWithoutHost", shape: "noData" })
      assert.deepStrictEqual(dataOf(success.reply), { host_user: wire("ou_bob") })
    }))

  it.effect("ConflictAsOk changes the status only", () =>
    Effect.gen(function*() {
      const { reply } = yield* answered({ _tag: "ConflictAsOk" }, "ou_carol")
      assert.deepStrictEqual(outcome(reply), [200, 121006])
      assert.deepStrictEqual(dataOf(reply), { host_user: wire("ou_alice") })
    }))

  it.effect("GarbageBody and EmptyBody are no envelopes", () =>
    Effect.gen(function*() {
      const garbage = yield* answered({ _tag: "GarbageBody", body: "<<<", status: 200, applied: true })
      assert.strictEqual(garbage.reply.text, "<<<")
      assert.strictEqual(garbage.host, "ou_bob")
      const empty = yield* answered({ _tag: "EmptyBody", status: 504, applied: false })
      assert.strictEqual(empty.reply.status, 504)
      assert.strictEqual(empty.reply.text, "")
      assert.strictEqual(empty.host, "ou_alice")
    }))

  it.effect("hit the nth request to their endpoint, once, the first rule winning", () =>
    on(
      {
        faults: [
          { endpoint: "get", nth: 1, fault: { _tag: "DropBefore" } },
          { endpoint: "get", nth: 1, fault: { _tag: "EmptyBody", status: 200, applied: false } }
        ]
      },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const alice = yield* asUser("ou_alice")
        const next = Effect.match(get(alice), { onFailure: (tag) => tag, onSuccess: (reply) => reply.status })
        yield* swap(alice, "ou_bob", "ou_carol")
        assert.deepStrictEqual(yield* Effect.all([next, next, next]), [200, "TransportError", 200])
        yield* simulator.addFaults([{ endpoint: "get", nth: 0, fault: { _tag: "Throttle", reset: 1, status: 429 } }])
        assert.deepStrictEqual(yield* Effect.all([next, next]), [429, 200])
      })
    ))

  it.effect("on the token endpoint too", () =>
    on(
      {
        faults: [{
          endpoint: "tenant_access_token",
          nth: 0,
          fault: { _tag: "ServerError", status: 500, applied: true, body: "envelope" }
        }]
      },
      Effect.gen(function*() {
        assert.deepStrictEqual(outcome(yield* requestToken()), [500, 5000])
        assert.strictEqual((yield* (yield* Simulator.Simulator).tokensMinted).length, 1)
      })
    ))

  it.effect.prop(
    "never break the simulator, whatever the plan",
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
          const alice = yield* asUser("ou_alice")
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
  it.effect("act just before or just after a swap, and join the meeting", () =>
    on(
      {
        rivals: [
          { _tag: "BeforeSwap", nth: 0, host: "ou_carol" },
          { _tag: "AfterSwap", nth: 1, host: { openId: "ou_eve" } }
        ]
      },
      Effect.gen(function*() {
        const { tenant_access_token: token } = yield* tenantToken
        yield* swap("t-unknown", "ou_alice", "ou_bob")
        assert.deepStrictEqual(dataOf(yield* swap(token, "ou_alice", "ou_bob")), { host_user: wire("ou_carol") })
        assert.deepStrictEqual(dataOf(yield* swap(token, "ou_carol", "ou_bob")), { host_user: wire("ou_bob") })
        assert.strictEqual(yield* hostNow, "ou_eve")
        assert.deepStrictEqual(outcome(yield* swap(token, "ou_eve", "ou_bob")), [200, 0])
        const by = (yield* (yield* Simulator.Simulator).writes).map((write) => write.by)
        assert.deepStrictEqual(by, ["rival", "request", "rival", "request"])
      })
    ))

  it.effect("act at a time: a host who leaves and comes back is not noticed", () =>
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
        assert.deepStrictEqual(outcome(yield* swap(yield* asUser("ou_alice"), "ou_alice", "ou_carol")), [200, 0])
        const at = (yield* (yield* Simulator.Simulator).writes).map((write) => write.at)
        assert.deepStrictEqual(at, [10, 20, 20])
      })
    ))

  it.effect("count from when they are added, in the meeting they name", () =>
    on(
      { meetings: [...meetings, { id: "2", host: "ou_alice" }] },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const { tenant_access_token: token } = yield* tenantToken
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

  it.effect("do nothing in a meeting that is over", () =>
    on(
      { rivals: [{ _tag: "At", millis: 10, host: "ou_bob" }] },
      Effect.gen(function*() {
        yield* end(yield* asUser("ou_alice"))
        yield* TestClock.adjust("10 millis")
        assert.deepStrictEqual(yield* (yield* Simulator.Simulator).writes, [])
      })
    ))

  it.effect("a meeting that does not exist is a mistake in the test", () =>
    Effect.gen(function*() {
      const rivals = [{ _tag: "At" as const, millis: 0, host: "ou_bob", meetingId: "0" }]
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(Simulator.layer({ meetings, rivals }))))
      assert.strictEqual(exit._tag, "Failure")
    }))
})
