/**
 * What a client sees on the wire: the names of headers as they are documented, and paths exactly as they are.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { request } from "node:http"
import { raw } from "./fixtures/raw.ts"
import { id, server } from "./fixtures/sdk.ts"
import { credentials } from "./fixtures/simulated.ts"

const asJson = "Content-Type: application/json; charset=utf-8"
const tokenPath = "/open-apis/auth/v3/tenant_access_token/internal"
const throttled: Simulator.FaultRule = {
  endpoint: "get",
  nth: 0,
  fault: { _tag: "Throttle", reset: 7, status: 429 }
}

describe("the names of headers", () => {
  it.live("are spelled as they are documented", () =>
    Effect.gen(function*() {
      const token = yield* raw(`POST ${tokenPath}`, { body: JSON.stringify(credentials), headers: [asJson] })
      assert.include(token.headers.map(([name]) => name), "X-Tt-Logid")
      assert.deepInclude(token.headers, ["Content-Type", "application/json; charset=utf-8"])
      assert.deepInclude(token.headers, ["Content-Length", String(token.body.length)])

      const refused = yield* raw(`GET /open-apis/vc/v1/meetings/${id}`)
      assert.strictEqual(refused.status, 429)
      assert.deepInclude(refused.headers, ["x-ogw-ratelimit-limit", "50"])
      assert.deepInclude(refused.headers, ["x-ogw-ratelimit-reset", "7"])

      const login = yield* raw(
        `GET /open-apis/authen/v1/authorize?client_id=${credentials.app_id}&redirect_uri=http://127.0.0.1/&response_type=code`
      )
      assert.strictEqual(login.status, 302)
      assert.include(login.headers.map(([name]) => name), "Location")

      const unknown = yield* raw("GET /")
      assert.include(unknown.headers.map(([name]) => name), "X-Tt-Logid")
      const names = [token, refused, login, unknown].flatMap(({ headers }) => headers.map(([name]) => name))
      assert.deepStrictEqual(
        names.filter((name) => /^[a-z]/.test(name) && !name.startsWith("x-ogw-")),
        []
      )
    }).pipe(Effect.provide(server({ faults: [throttled], login: { user: "ou_alice" } }))))
})

describe("a request that asks for HTTP/2", () => {
  // As java.net.http does. It would send the next request on the connection.
  it.live("is answered by HTTP/1.1, and that the connection ends", () =>
    Effect.gen(function*() {
      const { body, headers, status } = yield* raw(`POST ${tokenPath}`, {
        body: JSON.stringify(credentials),
        connection: "Upgrade, HTTP2-Settings",
        headers: ["Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA", asJson]
      })
      assert.strictEqual(status, 200)
      assert.include(body, "tenant_access_token")
      assert.deepInclude(headers, ["connection", "close"])
    }).pipe(Effect.provide(server())))
})

/** What a bearer token is sent in. */
const bearer = (openId: string) =>
  Simulator.Simulator.use((simulator) =>
    Effect.map(simulator.userToken(openId), (token) => `Authorization: Bearer ${Redacted.value(token)}`)
  )

const endpoints = Simulator.Simulator.use((simulator) =>
  Effect.map(simulator.requests, (requests) => requests.map(({ endpoint }) => endpoint))
)

const get = `GET /open-apis/vc/v1/meetings/${id}`

describe("a path", () => {
  it.live("is taken exactly as it is documented", () =>
    Effect.gen(function*() {
      const headers = [yield* bearer("ou_alice")]
      const others = [
        `GET /open-apis/vc/v1/Meetings/${id}`,
        `GET /open-apis/VC/v1/meetings/${id}`,
        `${get}/`,
        `GET /open-apis/vc/v1//meetings/${id}`,
        `GET //open-apis/vc/v1/meetings/${id}`,
        "GET /open-apis/vc/v1/meetings/",
        `${get};version=1`,
        `HEAD /open-apis/vc/v1/meetings/${id}`,
        `PATCH /open-apis/vc/v1/meetings/${id}/SET_HOST`,
        `PATCH /open-apis/vc/v1/meetings/${id}/end/`,
        "PATCH /open-apis/vc/v1/meetings//end",
        `POST ${tokenPath}/`,
        "POST /OAuth/v3/token"
      ]
      for (const start of others) {
        const { body, status } = yield* raw(start, { headers })
        assert.deepStrictEqual([start, status], [start, 404])
        assert.strictEqual(body, start.startsWith("HEAD") ? "" : "404 page not found", start)
      }
      assert.deepStrictEqual(new Set(yield* endpoints), new Set(["unknown"]))
      assert.strictEqual((yield* raw(get, { headers })).status, 200)
      assert.strictEqual((yield* raw(get.replace("meetings", "%6deetings"), { headers })).status, 200)
    }).pipe(Effect.provide(server())))

  it.live("and a query are their own, whatever the Host header is", () =>
    Effect.gen(function*() {
      const [, authorization = ""] = (yield* bearer("ou_alice")).split(": ")
      const origin = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const path = `/open-apis/vc/v1/meetings/${id}`
      const hosts = ["open.feishu.cn:443", "[::1]:80", "a?user_id_type=none", "a#", "a/b", "a\\b", "a:99999999", "é"]
      for (const host of hosts) {
        const status = yield* Effect.callback<number | undefined>((resume) => {
          request(`${origin}${path}?user_id_type=union_id`, { headers: { host, authorization } }, (response) =>
            resume(Effect.succeed(response.resume().statusCode))).end()
        })
        assert.deepStrictEqual([host, status], [host, 200])
      }
      const requests = yield* Simulator.Simulator.use(({ requests }) =>
        requests
      )
      for (const record of requests) {
        assert.deepStrictEqual([record.path, record.query], [path, { user_id_type: "union_id" }])
      }
      assert.deepStrictEqual(requests.slice(0, 3).map(({ host }) => host), ["open.feishu.cn:443", "[::1]", "a"])
    }).pipe(Effect.provide(server())))

  it.live("of list_by_no is never that of a meeting", () =>
    Effect.gen(function*() {
      const headers = [yield* bearer("ou_alice")]
      const path = "/open-apis/vc/v1/meetings/list_by_no"
      const replies = [
        [`GET ${path}`, 400, "list_by_no"],
        [`GET ${path}?meeting_no=123456789`, 400, "list_by_no"],
        [`GET ${path}?with_participants=true`, 400, "list_by_no"],
        [`GET ${path.replace("_by", "%5Fby")}`, 400, "list_by_no"],
        [`GET ${path}?meeting_no=123456789&start_time=1&end_time=2`, 200, "list_by_no"],
        [`POST ${path}`, 404, "unknown"],
        [`PATCH ${path}`, 404, "unknown"],
        [`PUT ${path}`, 404, "unknown"],
        [`DELETE ${path}`, 404, "unknown"],
        [`HEAD ${path}`, 404, "unknown"],
        [`GET ${path}/`, 404, "unknown"],
        [`PATCH ${path}/end`, 404, "end"]
      ] as const
      for (const [start, status] of replies) {
        assert.deepStrictEqual([start, (yield* raw(start, { headers })).status], [start, status])
      }
      assert.deepStrictEqual(yield* endpoints, replies.map(([, , endpoint]) => endpoint))
    }).pipe(Effect.provide(server())))
})

describe("of duplicate keys", () => {
  const hostIn = ({ body }: { readonly body: string }): unknown => JSON.parse(body).data.meeting.host_user.id

  it.live("in a query the first counts", () =>
    Effect.gen(function*() {
      const headers = [yield* bearer("ou_alice")]
      const idTypes = (...types: ReadonlyArray<string>) =>
        `${get}?${types.map((type) => `user_id_type=${type}`).join("&")}`
      assert.strictEqual(hostIn(yield* raw(idTypes("union_id", "open_id"), { headers })), "on_alice")
      assert.strictEqual(hostIn(yield* raw(idTypes("open_id", "nonsense"), { headers })), "ou_alice")
      assert.strictEqual((yield* raw(idTypes("nonsense", "open_id"), { headers })).status, 400)
      const { requests } = yield* Simulator.Simulator
      assert.deepStrictEqual((yield* requests).map(({ query }) => query["user_id_type"]), [
        "union_id",
        "open_id",
        "nonsense"
      ])
    }).pipe(Effect.provide(server())))

  it.live("in a form the first counts", () =>
    Effect.gen(function*() {
      const fields = { grant_type: "client_credentials", client_id: credentials.app_id }
      const form = (secrets: string) => `${new URLSearchParams(fields)}&${secrets}`
      const secret = `client_secret=${credentials.app_secret}`
      const exchange = (body: string) =>
        raw("POST /oauth/v3/token", { body, headers: ["Content-Type: application/x-www-form-urlencoded"] })
      assert.strictEqual((yield* exchange(form(`${secret}&client_secret=wrong`))).status, 200)
      assert.strictEqual((yield* exchange(form(`client_secret=wrong&${secret}`))).status, 400)
    }).pipe(Effect.provide(server())))

  it.live("in JSON the last counts, as in Go", () =>
    Effect.gen(function*() {
      const headers = [yield* bearer("ou_alice"), asJson]
      const body = `{"old_host_user":{"id":"ou_alice","user_type":1},
        "host_user":{"id":"ou_bob","user_type":1},"host_user":{"id":"ou_carol","user_type":1}}`
      assert.strictEqual((yield* raw(`PATCH /open-apis/vc/v1/meetings/${id}/set_host`, { body, headers })).status, 200)
      assert.strictEqual((yield* (yield* Simulator.Simulator).host(id))?.openId, "ou_carol")
    }).pipe(Effect.provide(server())))
})

describe("a boolean in a query", () => {
  const participants = ({ body }: { readonly body: string }): unknown => JSON.parse(body).data.meeting.participants

  it.live("is read as in Go", () =>
    Effect.gen(function*() {
      const headers = [yield* bearer("ou_alice")]
      const ask = (value: string) => raw(`${get}?with_participants=${value}`, { headers })
      for (const value of ["1", "t", "T", "TRUE", "true", "True"]) {
        assert.isArray(participants(yield* ask(value)), value)
      }
      for (const value of ["0", "f", "F", "FALSE", "false", "False"]) {
        assert.isUndefined(participants(yield* ask(value)), value)
      }
      for (const value of ["yes", "on", "tRUE", "2", "", "true%20"]) {
        const { body, status } = yield* ask(value)
        assert.deepStrictEqual([status, JSON.parse(body).code], [400, 121003], value)
      }
      const ability = yield* raw(`${get}?with_meeting_ability=nonsense`, { headers })
      assert.strictEqual(ability.status, 400)
    }).pipe(Effect.provide(server())))

  it.live("is read so for the meeting of a reservation, too", () =>
    Effect.gen(function*() {
      const headers = [yield* bearer("ou_alice")]
      const ask = (value: string) =>
        raw(`GET /open-apis/vc/v1/reserves/71/get_active_meeting?with_participants=${value}`, { headers })
      assert.isArray(participants(yield* ask("True")))
      assert.strictEqual((yield* ask("yes")).status, 400)
    }).pipe(Effect.provide(server({
      reserves: [{ id: "71", owner: "ou_alice" }],
      meetings: [{ id, host: "ou_alice", reserveId: "71" }]
    }))))
})

describe("a boolean in a body", () => {
  it.live("is one of JSON, and no text or number", () =>
    Effect.gen(function*() {
      const headers = [yield* bearer("ou_alice"), asJson]
      const reserve = (settings: object) =>
        raw("POST /open-apis/vc/v1/reserves/apply", {
          body: JSON.stringify({ end_time: String(Math.floor(Date.now() / 1_000) + 60), meeting_settings: settings }),
          headers
        })
      for (const field of ["auto_record", "meeting_connect"]) {
        for (const value of [true, false, null]) {
          assert.strictEqual((yield* reserve({ [field]: value })).status, 200, field)
        }
        for (const value of ["true", "1", 1, {}]) {
          const { body, status } = yield* reserve({ [field]: value })
          assert.deepStrictEqual([status, JSON.parse(body).code], [400, 121003], field)
        }
      }

      const token = yield* raw(`POST ${tokenPath}`, { body: JSON.stringify(credentials), headers: [asJson] })
      const asApp = [`Authorization: Bearer ${JSON.parse(token.body).tenant_access_token}`, asJson]
      const find = (include_resigned: unknown) =>
        raw("POST /open-apis/contact/v3/users/batch_get_id", {
          body: JSON.stringify({ emails: ["alice@example.com"], include_resigned }),
          headers: asApp
        })
      assert.strictEqual((yield* find(true)).status, 200)
      const { body, status } = yield* find("true")
      assert.deepStrictEqual([status, JSON.parse(body).code], [400, 40001])
    }).pipe(Effect.provide(server())))
})
