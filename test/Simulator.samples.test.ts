/**
 * The requests of the official examples, with their literal ids, to a simulator without options.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import * as lark from "@larksuiteoapi/node-sdk"
import { Effect, Layer, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import { raw } from "./fixtures/raw.ts"
import { silent } from "./fixtures/sdk.ts"
import { credentials } from "./fixtures/simulated.ts"

const meeting_id = "6911188411932033028"
const openId = "ou_3ec3f6a28a0d08c45d895276e8e5e19b"
const sample = { id: openId, user_type: 1 }

const feishu = Simulator.layerServer().pipe(
  Layer.provideMerge(
    NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "100 millis" })
  )
)

const asJson = "Content-Type: application/json"

const bearer = (token: unknown) => `Authorization: Bearer ${token}`

const appToken = Effect.map(
  raw("POST /open-apis/auth/v3/tenant_access_token/internal", { body: JSON.stringify(credentials), headers: [asJson] }),
  ({ body }) => bearer(JSON.parse(body).tenant_access_token)
)

const userToken = (user: string) =>
  Simulator.Simulator.use((simulator) =>
    Effect.map(simulator.userToken(user), (token) => bearer(Redacted.value(token)))
  )

/** Sends the request of an example, and reads the reply. */
const send = (start: string, token: string, body?: unknown) =>
  Effect.map(
    raw(start, { headers: [token, asJson], ...(body === undefined ? {} : { body: JSON.stringify(body) }) }),
    (reply) => JSON.parse(reply.body)
  )

const meetings = `/open-apis/vc/v1/meetings/${meeting_id}`
const reserves = `/open-apis/vc/v1/reserves/${meeting_id}`

describe("of the official examples", () => {
  it.live("set_host is a success, as documented", () =>
    Effect.gen(function*() {
      const reply = yield* send(`PATCH ${meetings}/set_host?user_id_type=open_id`, yield* appToken, {
        host_user: sample,
        old_host_user: sample
      })
      assert.deepStrictEqual(reply, { code: 0, msg: "success", data: { host_user: sample } })
    }).pipe(Effect.provide(feishu)))

  // The PHP and C# examples send `null` as the body, and the official Node SDK an empty object.
  it.live.each([["no", undefined], ["null as its", null], ["an empty object as its", {}]] as const)(
    "end with %s body is a success, as documented",
    ([, body]) =>
      Effect.gen(function*() {
        const reply = yield* send(`PATCH ${meetings}/end`, yield* userToken(openId), body)
        assert.deepStrictEqual(reply, { code: 0, msg: "success", data: {} })
      }).pipe(Effect.provide(feishu))
  )

  it.live("get, list_by_no and invite find the meeting and its people", () =>
    Effect.gen(function*() {
      const token = yield* appToken
      const get = yield* send(`GET ${meetings}?with_participants=true&user_id_type=open_id`, token)
      assert.nestedInclude(get, {
        "data.meeting.id": meeting_id,
        "data.meeting.topic": "my meeting",
        "data.meeting.meeting_no": "123456789",
        "data.meeting.status": 2,
        "data.meeting.host_user.id": openId,
        "data.meeting.participants[0].id": openId
      })
      const window = "start_time=1608883322&end_time=4102444800"
      const list = yield* send(`GET /open-apis/vc/v1/meetings/list_by_no?meeting_no=123456789&${window}`, token)
      assert.nestedPropertyVal(list, "data.meeting_briefs[0].id", meeting_id)
      const invite = yield* send(`PATCH ${meetings}/invite`, yield* userToken("ou_alice"), { invitees: [sample] })
      assert.deepStrictEqual(invite.data, { invite_results: [{ ...sample, status: 1 }] })
    }).pipe(Effect.provide(feishu)))

  it.live("a recording starts, stops and is shared", () =>
    Effect.gen(function*() {
      const token = yield* userToken(openId)
      assert.strictEqual((yield* send(`PATCH ${meetings}/recording/start`, token, { timezone: 8 })).code, 0)
      assert.strictEqual((yield* send(`PATCH ${meetings}/recording/stop`, token)).code, 0)
      yield* send(`PATCH ${meetings}/end`, token)
      assert.strictEqual((yield* send(`GET ${meetings}/recording`, token)).code, 0)
      const shared = yield* send(`PATCH ${meetings}/recording/set_permission`, token, {
        permission_objects: [{ id: openId, type: 1, permission: 1 }],
        action_type: 1
      })
      assert.strictEqual(shared.code, 0)
    }).pipe(Effect.provide(feishu)))

  it.live("a reservation finds it", () =>
    Effect.gen(function*() {
      const token = yield* appToken
      assert.nestedInclude(yield* send(`GET ${reserves}?user_id_type=open_id`, token), {
        "data.reserve.id": meeting_id,
        "data.reserve.reserve_user_id": openId
      })
      const active = yield* send(`GET ${reserves}/get_active_meeting?with_participants=false`, token)
      assert.nestedPropertyVal(active, "data.meeting.id", meeting_id)
      assert.strictEqual((yield* send(`DELETE ${reserves}`, token)).code, 0)
    }).pipe(Effect.provide(feishu)))

  it.live("contacts finds the people", () =>
    Effect.gen(function*() {
      const token = yield* appToken
      const found = yield* send("POST /open-apis/contact/v3/users/batch_get_id?user_id_type=open_id", token, {
        emails: ["zhangsan@z.com", "lisi@a.com"],
        mobiles: ["13011111111", "13022222222"],
        include_resigned: true
      })
      assert.deepStrictEqual(found.data.user_list.map((user: { readonly user_id: string }) => user.user_id), [
        "ou_979112345678741d29069abcdef01234",
        "ou_919112245678741d29069abcdef02345",
        "ou_46a087654321a1dc920ffab8fedc3456",
        "ou_01b081675121a1dc920ffab97cdc4567"
      ])
      const user = yield* send("GET /open-apis/contact/v3/users/ou_7dab8a3d3cdcc9da365777c7ad535d62", token)
      assert.nestedInclude(user, {
        "data.user.union_id": "on_94a1ee5551019f18cd73d9f111898cf2",
        "data.user.user_id": "3e3cf96b",
        "data.user.name": "张三"
      })
      const byUserId = yield* send("GET /open-apis/contact/v3/users/7be5fg9a?user_id_type=user_id", token)
      assert.strictEqual(byUserId.data.user.open_id, openId)
    }).pipe(Effect.provide(feishu)))

  it.live("the Node SDK runs as it is, but for its app", () =>
    Effect.gen(function*() {
      const domain = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const client = new lark.Client({
        appId: credentials.app_id,
        appSecret: credentials.app_secret,
        domain,
        logger: silent
      })
      const setHost = yield* Effect.promise(() =>
        client.vc.v1.meeting.setHost({
          path: { meeting_id },
          params: { user_id_type: "open_id" },
          data: { host_user: sample, old_host_user: sample }
        })
      )
      assert.deepStrictEqual(setHost, { code: 0, msg: "success", data: { host_user: sample } })
    }).pipe(Effect.provide(feishu)))
})

describe("the default world", () => {
  it.live("logs the host in, and every user has a token", () =>
    Effect.gen(function*() {
      for (const user of [openId, "ou_alice", "ou_7dab8a3d3cdcc9da365777c7ad535d62", "ou_stranger"]) {
        const info = yield* send("GET /open-apis/authen/v1/user_info", yield* userToken(user))
        assert.strictEqual(info.data.open_id, user)
      }
      const login = yield* raw(
        `GET /open-apis/authen/v1/authorize?client_id=${credentials.app_id}&redirect_uri=http://127.0.0.1/&response_type=code`
      )
      assert.strictEqual(login.status, 302)
    }).pipe(Effect.provide(feishu)))

  it("has apps of the official form", () => {
    const apps = [Simulator.defaultApp, ...Simulator.defaultWorld.otherApps]
    for (const { appId } of apps) assert.match(appId, /^cli_[0-9a-f]{16}$/)
  })

  it.live("has a store app whose ticket works", () =>
    Effect.gen(function*() {
      const [{ appId, appSecret, ticket }] = Simulator.defaultWorld.otherApps
      const reply = yield* raw("POST /open-apis/auth/v3/app_access_token", {
        body: JSON.stringify({ app_id: appId, app_secret: appSecret, app_ticket: ticket }),
        headers: [asJson]
      })
      assert.strictEqual(JSON.parse(reply.body).code, 0)
    }).pipe(Effect.provide(feishu)))

  it.live("is only that of a simulator without options", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* send(`GET ${meetings}`, yield* appToken)).code, 121004)
    }).pipe(Effect.provide(
      Simulator.layerServer({}).pipe(
        Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
      )
    )))
})
