/**
 * The control interface of a simulator on a port: each route, its replies as its OpenAPI description has them, and refusals.
 */
import { assert, describe, it } from "@effect/vitest"
import { Validator } from "@seriousme/openapi-schema-validator"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Effect, Fiber, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { at, call, type ControlReply, get, id, on, post, refusal } from "./fixtures/control.ts"

const meeting = `/meetings/${id}`
const openApi = "/openapi.json"
const alice = { user: "ou_alice" }
const dave = { user: "ou_dave" }

interface Case {
  readonly route: string
  /** What is done before. */
  readonly given?: ReadonlyArray<readonly [path: string, body?: unknown]>
  readonly body?: unknown
  readonly query?: string
  readonly status?: number
  /** Values in the reply, by their path. */
  readonly shows: Readonly<Record<string, unknown>>
}

const routes: ReadonlyArray<Case> = [
  { route: "GET /health", shows: { status: "ok" } },
  { route: "POST /reset", given: [[`${meeting}/end`]], shows: { status: "ok" } },
  { route: "POST /user-token", body: alice, shows: { token: "u-simulated00000001" } },
  { route: "POST /reject-tokens", shows: {} },
  { route: "GET /clock", shows: { ahead: 0 } },
  { route: "POST /clock", body: { advance: "1 minute" }, shows: { ahead: 60_000 } },
  {
    route: "GET /meetings",
    shows: { "meetings.0.id": id, "meetings.0.host.openId": "ou_alice", "meetings.1": undefined }
  },
  {
    route: "POST /meetings",
    body: { id: "1", host: "ou_dave", status: "calling" },
    status: 201,
    shows: { "id": "1", "host.userId": "dave", "status": "calling" }
  },
  { route: "GET /meetings/{id}", shows: { "id": id, "endedAt": null, "participants.2.user.openId": "ou_carol" } },
  {
    route: "POST /meetings/{id}/start",
    given: [["/reset", { meetings: [{ id, status: "calling" }] }]],
    shows: { status: "in_progress" }
  },
  { route: "POST /meetings/{id}/end", shows: { "status": "ended", "participants.0.status": "left" } },
  { route: "POST /meetings/{id}/join", body: dave, shows: { "participants.3.user.openId": "ou_dave" } },
  { route: "POST /meetings/{id}/leave", body: { user: "ou_bob" }, shows: { "participants.1.status": "left" } },
  { route: "POST /meetings/{id}/kickout", body: { user: "ou_bob" }, shows: { "participants.1.status": "left" } },
  { route: "POST /meetings/{id}/host", body: dave, shows: { "host.openId": "ou_dave" } },
  { route: "POST /meetings/{id}/lock", body: { locked: true }, shows: { locked: true } },
  { route: "POST /meetings/{id}/record", body: { running: true }, shows: { "recording.stoppedAt": null } },
  { route: "POST /meetings/{id}/share", body: { ...alice, running: true }, shows: { "sharedBy.openId": "ou_alice" } },
  {
    route: "POST /faults",
    body: {
      faults: [{ endpoint: "get", nth: 0, fault: { _tag: "DropAfter" } }],
      eventFaults: [{ nth: 0, fault: { _tag: "Lost" } }],
      connectionFaults: [{ nth: 0, fault: { _tag: "Code", code: 403 } }]
    },
    shows: { added: 3 }
  },
  { route: "POST /rivals", body: { rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }] }, shows: { added: 1 } },
  { route: "GET /requests", query: "endpoint=get&limit=5&after=0", shows: { "requests.0": undefined } },
  {
    route: "GET /writes",
    given: [[`${meeting}/host`, dave]],
    shows: { "writes.0.by": "control", "writes.1": undefined }
  },
  {
    route: "GET /events",
    given: [
      ["/reset", { meetings: [{ id }], webhook: { url: "http://127.0.0.1:1/" } }],
      [`${meeting}/join`, dave]
    ],
    shows: { "events.0.type": "vc.meeting.join_meeting_v1", "events.0.attempts.0.status": null }
  },
  { route: "POST /events", body: { type: "vc.room.created_v1", event: { room: {} } }, shows: {} }
]

const perform = ({ body, query = "", route }: Case) => {
  const [method = "", path = ""] = route.split(" ")
  return call(method, `/_simulator${path.replace("{id}", id)}${query === "" ? "" : `?${query}`}`, { body })
}

interface Described {
  readonly components: { readonly schemas: object }
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, unknown>> }>>>
  >
}

// The validator below has proved its shape.
const described = Effect.map(get(openApi), ({ json }) => json as Described)

/** What is wrong with a reply by the description of its operation. */
const deviations = (description: Described, route: string, reply: ControlReply): unknown => {
  const [method = "", path = ""] = route.split(" ")
  const response = description.paths[`/_simulator${path}`]?.[method.toLowerCase()]?.responses[String(reply.status)]
  if (response === undefined) return `${route} describes no ${reply.status}`
  const ajv = new Ajv2020({ strict: false })
  const schema = at(response, "content.application/json.schema")
  const validate = ajv.compile({ ...Object(schema), components: description.components })
  return validate(reply.json) ? undefined : validate.errors
}

describe("a route of the control interface", () => {
  it.live.each(routes)("answers as described: $route", (one) =>
    on(
      {},
      Effect.gen(function*() {
        for (const [path, body] of one.given ?? []) assert.include([200, 201], (yield* post(path, body)).status)
        const reply = yield* perform(one)
        assert.strictEqual(reply.status, one.status ?? 200, reply.text)
        for (const [path, value] of Object.entries(one.shows)) assert.deepStrictEqual(at(reply.json, path), value, path)
        assert.strictEqual(reply.headers["content-type"], "application/json; charset=utf-8")
        assert.isUndefined(deviations(yield* described, one.route, reply))
      })
    ))

  it.live("is described, and each that is described is one", () =>
    on(
      {},
      Effect.gen(function*() {
        const { paths } = yield* described
        const names = Object.entries(paths).flatMap(([path, operations]) =>
          Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.slice("/_simulator".length)}`)
        )
        assert.sameMembers(names, ["GET /stream", ...routes.map(({ route }) => route)])
      })
    ))

  it.live("is not in the log of requests, and the platform is beside it", () =>
    on(
      {},
      Effect.gen(function*() {
        const token = at((yield* post("/user-token", alice)).json, "token")
        const headers = { authorization: `Bearer ${String(token)}` }
        assert.strictEqual((yield* call("GET", `/open-apis/vc/v1${meeting}`, { headers })).status, 200)
        const { json } = yield* get("/requests")
        assert.strictEqual(at(json, "requests.0.endpoint"), "get")
        assert.strictEqual(at(json, "requests.0.reply.code"), 0)
        assert.isUndefined(at(json, "requests.1"))
        assert.deepStrictEqual(at((yield* get("/requests?after=0")).json, "requests"), [])
      })
    ))

  it.live("does not exist unless it is asked for", () =>
    on(
      { control: false },
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* get("/health")).text, "404 page not found")
      })
    ))

  it.live("has a description that is valid OpenAPI 3.1", () =>
    on(
      {},
      Effect.gen(function*() {
        const { json } = yield* get(openApi)
        const { errors, valid } = yield* Effect.promise(() => new Validator().validate(Object(json)))
        assert.isTrue(valid, JSON.stringify(errors))
      })
    ))
})

const unknown = { user: "ou_nobody", running: true }

/** A request, what is done before, and the status, tag, path and message of the refusal. */
const refused: ReadonlyArray<
  readonly [
    route: string,
    body: unknown,
    refusal: readonly [status: number, tag: string, path: string, message: RegExp],
    given?: ReadonlyArray<readonly [path: string, body?: unknown]>
  ]
> = [
  ["POST /meetings/7/end", undefined, [
    404,
    "MeetingNotFound",
    "meetingId",
    /no meeting 7; it has 6911188411932033028/
  ]],
  ["GET /meetings/7", undefined, [404, "MeetingNotFound", "meetingId", /it has 6911/]],
  ["GET /meetings/%ff", undefined, [404, "MeetingNotFound", "meetingId", /no meeting %ff/]],
  [`POST ${meeting}/end`, undefined, [409, "ChangeRefused", "", /has ended/], [[`${meeting}/end`]]],
  [`POST ${meeting}/host`, alice, [409, "ChangeRefused", "", /has ended/], [[`${meeting}/end`]]],
  [`POST ${meeting}/start`, undefined, [409, "ChangeRefused", "", /in progress already/]],
  [`POST ${meeting}/join`, dave, [409, "ChangeRefused", "", /locked \(122008\)/], [[`${meeting}/lock`, {
    locked: true
  }]]],
  [`POST ${meeting}/kickout`, alice, [409, "ChangeRefused", "", /ou_alice is the host/]],
  [`POST ${meeting}/share`, unknown, [409, "ChangeRefused", "", /ou_nobody is not in the meeting/]],
  [`POST ${meeting}/record`, { running: false }, [409, "ChangeRefused", "", /is not recorded/]],
  ["POST /meetings", { id }, [409, "MeetingExists", "id", /has a meeting 6911188411932033028 already/]],
  ["POST /meetings", { id: "2", reserveId: "7" }, [404, "ReserveNotFound", "reserveId", /no reservation 7/]],
  [
    "POST /rivals",
    { rivals: [{ _tag: "At", millis: 0, host: "ou_bob", meetingId: "7" }] },
    [404, "MeetingNotFound", "rivals[0].meetingId", /it has 6911/]
  ],
  [
    "POST /faults",
    { faults: [{ endpoint: "gett", nth: 0, fault: { _tag: "DropAfter" } }] },
    [400, "BadInput", "faults[0].endpoint", /no endpoint gett; it has .*\bget\b/]
  ],
  ["POST /faults", { fault: [] }, [400, "BadInput", "fault", /Known keys: faults, eventFaults, connectionFaults/]],
  ["POST /reset", { meetings: [{ id: "1", hots: "" }] }, [400, "BadInput", "meetings[0].hots", /Unknown key/]],
  ["POST /reset", { schedule: [{ _tag: "End", millis: 0 }] }, [400, "BadInput", "schedule[0].meetingId", /Needs a/]],
  ["POST /user-token", {}, [400, "BadInput", "user", /Missing/]],
  ["POST /user-token", undefined, [400, "BadInput", "", /Expected JSON/]],
  [`POST ${meeting}/end`, { now: true }, [400, "BadInput", "now", /Unknown key/]],
  [`POST ${meeting}/end?force=1`, undefined, [400, "BadInput", "force", /Unknown key/]],
  ["GET /requests?limit=-1", undefined, [400, "BadInput", "limit", /whole number/]],
  ["GET /health", "{}", [400, "BadInput", "", /takes no body/]],
  ["GET /heath", undefined, [404, "RouteNotFound", "", /openapi\.json describes/]],
  ["GET ", undefined, [404, "RouteNotFound", "", /openapi\.json describes/]],
  ["GET /health/", undefined, [404, "RouteNotFound", "", /./]],
  ["POST /stream", undefined, [405, "MethodNotAllowed", "", /takes GET, not POST/]],
  ["DELETE /requests", undefined, [405, "MethodNotAllowed", "", /takes GET, not DELETE/]],
  ["POST /reset", `{"a":"${"x".repeat(1_100_000)}"}`, [413, "BodyTooLarge", "", /1 MiB/]]
]

it.live("HEAD is GET without a body, for programs that wait until a server is up", () =>
  on(
    {},
    Effect.gen(function*() {
      const { headers, status, text } = yield* call("HEAD", "/_simulator/health")
      assert.deepStrictEqual([status, text], [200, ""])
      assert.strictEqual(headers["content-type"], "application/json; charset=utf-8")
      assert.strictEqual((yield* call("HEAD", "/_simulator/reset")).status, 405)
    })
  ))

describe("the control interface refuses", () => {
  it.live.each(refused)(
    "%s with %j: %j",
    ([route, body, [status, tag, path, message], given = []]) =>
      on(
        {},
        Effect.gen(function*() {
          for (const [earlier, sent] of given) assert.strictEqual((yield* post(earlier, sent)).status, 200)
          const [method = "", target = ""] = route.split(" ")
          const before = (yield* get("/meetings")).text
          const reply = yield* call(method, `/_simulator${target}`, { body })
          assert.deepStrictEqual([...refusal(reply), at(reply.json, "error.path")], [status, tag, path])
          assert.match(String(at(reply.json, "error.message")), message)
          assert.strictEqual((yield* get("/meetings")).text, before)
          const { components } = yield* described
          const validate = new Ajv2020({ strict: false }).compile({ $ref: "#/components/schemas/Refusal", components })
          assert.isTrue(validate(reply.json), JSON.stringify(validate.errors))
        })
      )
  )

  const bodies: ReadonlyArray<readonly [string, string]> = [
    ["a prototype", `{"meetings":[{"id":"1","__proto__":{"locked":true}}]}`],
    ["a constructor", `{"constructor":{"prototype":{"a":1}}}`],
    ["deep arrays", `${"[".repeat(400_000)}${"]".repeat(400_000)}`],
    ["deep objects", `${"{\"a\":".repeat(100_000)}1${"}".repeat(100_000)}`],
    ["numbers without bound", `{"meetings":[{"id":"1","startedAt":1e999}]}`],
    ["a number with many digits", `{"latency":${"9".repeat(400)}}`],
    ["half a surrogate", `{"\\ud800":"\\udfff"}`],
    ["no JSON", "\u0000\u0001"],
    ["two values", "{}{}"],
    ["a text", `"reset"`],
    ["null", "null"]
  ]

  it.live.each(bodies)("a hostile body with %s", ([, body]) =>
    on(
      {},
      Effect.gen(function*() {
        for (const { route } of routes.filter(({ route }) => route.startsWith("POST"))) {
          const reply = yield* perform({ route, body, shows: {} })
          assert.strictEqual(reply.status, 400, `${route} ${reply.text}`)
          assert.isString(at(reply.json, "error.message"))
        }
      })
    ))

  it.live.prop(
    "any other body, or takes it, but never breaks",
    { body: Schema.Json, index: Schema.Int },
    ({ body, index }) =>
      on(
        {},
        Effect.gen(function*() {
          const posts = routes.filter(({ route }) => route.startsWith("POST"))
          const one = posts[Math.abs(index) % posts.length]
          assert.isDefined(one)
          const reply = yield* perform({ route: one.route, body: JSON.stringify(body), shows: {} })
          assert.isBelow(reply.status, 500, reply.text)
          assert.strictEqual((yield* get("/health")).status, 200)
        })
      ),
    { arbitrary: { runs: 30 } }
  )
})

const token = Effect.map(
  post("/user-token", alice),
  ({ json }) => ({ authorization: `Bearer ${String(at(json, "token"))}` })
)

const read = (headers: Readonly<Record<string, string>>) => call("GET", `/open-apis/vc/v1${meeting}`, { headers })

describe("a reset", () => {
  it.live("forgets changes, tokens, logs, faults and rivals", () =>
    on(
      {},
      Effect.gen(function*() {
        const headers = yield* token
        yield* post("/faults", { faults: [{ endpoint: "get", nth: 1, fault: { _tag: "DropBefore" } }] })
        yield* read(headers)
        yield* post(`${meeting}/host`, dave)
        yield* post("/meetings", { id: "2" })
        yield* post("/reset")

        assert.deepStrictEqual((yield* get("/writes")).json, { writes: [], forgotten: 0 })
        assert.deepStrictEqual((yield* get("/requests")).json, { requests: [], forgotten: 0 })
        const { json } = yield* get("/meetings")
        assert.deepStrictEqual([at(json, "meetings.0.host.openId"), at(json, "meetings.1")], ["ou_alice", undefined])
        assert.strictEqual(at((yield* read(headers)).json, "code"), 99991668)
        // The service in the same program controls the new run, too.
        const simulator = yield* Simulator.Simulator
        assert.lengthOf(yield* simulator.requests, 1)
      })
    ))

  it.live("with a config starts from that, and the next one from the options again", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* post("/reset", { meetings: [{ id: "2", host: "ou_dave" }], conflictCarriesHost: false })
        assert.strictEqual(at((yield* get("/meetings")).json, "meetings.0.id"), "2")
        yield* post("/reset")
        assert.strictEqual(at((yield* get("/meetings")).json, "meetings.0.id"), id)
      })
    ))

  it.live("abandons requests that are still being executed: their connections are lost", () =>
    on(
      { latency: "1 hour" },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const pending = yield* Effect.forkChild(Effect.flip(read(yield* token)))
        while ((yield* simulator.requests).length === 0) yield* Effect.yieldNow
        yield* post("/reset")
        assert.strictEqual(yield* Fiber.join(pending), "ECONNRESET")
      })
    ))
})
