import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Option, Redacted, Schema } from "effect"
import {
  Cas,
  Lark,
  LarkError,
  LarkHttp,
  MeetingId,
  Meetings,
  MeetingUser,
  RateLimits,
  UserToken
} from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"

const id = MeetingId.make("6911188411932033028")
const alice = MeetingUser.openId("ou_alice")
const bob = MeetingUser.openId("ou_bob")
const asAlice = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))

const get = Meetings.get(id)
const swapHost = Meetings.swapHost(id, { expected: alice, desired: bob })
const end = asAlice(Meetings.end(id))

const meeting = platform.ok({ meeting: { id } })

describe.each(platform.clients)("through %s,", (client) => {
  const on = (feishu: ReturnType<typeof platform.make>) => <A, E>(program: Effect.Effect<A, E, Lark.Services>) =>
    program.pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(feishu.through(client)))

  /** Runs against a platform that gives every call the same answer. */
  const answered = <A, E>(program: Effect.Effect<A, E, Lark.Services>, answer: platform.Reaction) =>
    on(platform.make(() => answer))(program)

  const failure = <A, E>(program: Effect.Effect<A, E, Lark.Services>, answer: platform.Reaction) =>
    Effect.flip(answered(program, answer))

  describe("on the wire", () => {
    it.effect("get asks for the meeting by open_id", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting)
        yield* on(feishu)(get)
        assert.deepStrictEqual(feishu.calls, [{
          method: "GET",
          url: `https://open.feishu.cn/open-apis/vc/v1/meetings/${id}?user_id_type=open_id`,
          path: `/open-apis/vc/v1/meetings/${id}`,
          query: { user_id_type: "open_id" },
          headers: { accept: "application/json", authorization: "Bearer t-1" },
          body: undefined
        }])
      }))

    it.effect("get asks for what its options ask for, and for nothing else", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting)
        yield* on(feishu)(Effect.all([
          Meetings.get(id, { withParticipants: true }),
          Meetings.get(id, { withAbility: true, idType: "union_id" }),
          Meetings.get(id, { withParticipants: false, idType: "user_id" })
        ]))
        assert.deepStrictEqual(feishu.calls.map((call) => call.query), [
          { user_id_type: "open_id", with_participants: "true" },
          { user_id_type: "union_id", with_meeting_ability: "true" },
          { user_id_type: "user_id", with_participants: "false" }
        ])
      }))

    it.effect("set_host sends both users, under the id kind that they have", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => platform.ok({}))
        const room = { userType: MeetingUser.UserType.Room }
        yield* on(feishu)(Effect.all([
          swapHost,
          Meetings.swapHost(id, { expected: MeetingUser.unionId("on_1"), desired: MeetingUser.unionId("on_2", room) }),
          Meetings.swapHost(id, { expected: MeetingUser.userId("1"), desired: MeetingUser.userId("2") }),
          Meetings.setHost(id, MeetingUser.userId("2"), { hint: MeetingUser.userId("1") })
        ]))
        assert.deepStrictEqual(feishu.calls[0], {
          method: "PATCH",
          url: `https://open.feishu.cn/open-apis/vc/v1/meetings/${id}/set_host?user_id_type=open_id`,
          path: `/open-apis/vc/v1/meetings/${id}/set_host`,
          query: { user_id_type: "open_id" },
          headers: {
            accept: "application/json",
            authorization: "Bearer t-1",
            "content-type": "application/json",
            "content-length": "91"
          },
          body: `{"host_user":{"id":"ou_bob","user_type":1},"old_host_user":{"id":"ou_alice","user_type":1}}`
        })
        assert.deepStrictEqual(feishu.calls.slice(1).map((call) => [call.query["user_id_type"], call.body]), [
          ["union_id", `{"host_user":{"id":"on_2","user_type":2},"old_host_user":{"id":"on_1","user_type":1}}`],
          ["user_id", `{"host_user":{"id":"2","user_type":1},"old_host_user":{"id":"1","user_type":1}}`],
          ["user_id", `{"host_user":{"id":"2","user_type":1},"old_host_user":{"id":"1","user_type":1}}`]
        ])
      }))

    it.effect("end has the user's token, and neither query, body nor content type", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => platform.ok({}))
        yield* on(feishu)(end)
        assert.deepStrictEqual(feishu.calls, [{
          method: "PATCH",
          url: `https://open.feishu.cn/open-apis/vc/v1/meetings/${id}/end`,
          path: `/open-apis/vc/v1/meetings/${id}/end`,
          query: {},
          headers: { accept: "application/json", authorization: "Bearer u-alice" },
          body: undefined
        }])
        assert.deepStrictEqual(feishu.mints, [])
      }))

    it.effect("the token request carries the app id and secret in its body, and no token", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting)
        yield* on(feishu)(get)
        assert.deepStrictEqual(feishu.mints, [{
          method: "POST",
          url: "https://open.feishu.cn/open-apis/auth/v3/tenant_access_token/internal",
          path: "/open-apis/auth/v3/tenant_access_token/internal",
          query: {},
          headers: { "content-type": "application/json", "content-length": "54" },
          body: `{"app_id":"cli_test","app_secret":"secret-of-the-app"}`
        }])
      }))

    it.effect("operations for both kinds of token run as the user inside asUser, as the app outside", () =>
      Effect.gen(function*() {
        const feishu = platform.make(({ method }) => method === "GET" ? meeting : platform.ok({}))
        yield* on(feishu)(Effect.all([asAlice(Effect.all([get, swapHost])), get, swapHost]))
        assert.deepStrictEqual(feishu.calls.map((call) => call.headers["authorization"]), [
          "Bearer u-alice",
          "Bearer u-alice",
          "Bearer t-1",
          "Bearer t-1"
        ])
      }))

    it.effect("no trace id leaves, even from a traced caller", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting)
        yield* Effect.withSpan(on(feishu)(Effect.all([get, end, swapHost])), "caller")
        for (const { headers } of [...feishu.calls, ...feishu.mints]) {
          assert.deepStrictEqual(Object.keys(headers).filter((name) => /trace|b3|baggage/i.test(name)), [])
        }
      }))

    it.effect("a path parameter cannot change the path", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => platform.ok({}))
        const endpoint = LarkHttp.endpoint({
          name: "reserve.get",
          method: "GET",
          path: "/vc/v1/reserves/:reserve_id/x/:b",
          token: "either",
          errors: [],
          data: Schema.Unknown
        })
        const call = (reserve_id: string, b: string) =>
          on(feishu)(LarkHttp.LarkHttp.use((lark) => lark.call(endpoint, { params: { reserve_id, b } })))
        yield* call("../../x?y=1#", "a/b c")
        yield* call("%2e%2e", "%2F;:b@&=+$,")
        yield* call(":b", "..\\..")
        assert.deepStrictEqual(feishu.calls.map((call) => call.url.slice("https://open.feishu.cn/open-apis".length)), [
          "/vc/v1/reserves/..%2F..%2Fx%3Fy%3D1%23/x/a%2Fb%20c",
          "/vc/v1/reserves/%252e%252e/x/%252F%3B%3Ab%40%26%3D%2B%24%2C",
          "/vc/v1/reserves/%3Ab/x/..%5C.."
        ])
        for (
          const [value, reason] of [["", /empty/], [".", /dots/], ["..", /dots/], ["\ud800", /surrogate/]] as const
        ) {
          const error = yield* Effect.flip(call("a", value))
          assert.include<object>(error, {
            _tag: "InvalidParameter",
            endpoint: "reserve.get",
            parameter: "b",
            kind: "caller"
          })
          assert.match(error.message, reason)
        }
        assert.strictEqual(feishu.calls.length, 3)
      }))
  })

  /** Every kind of error that any endpoint may fail with, besides its own codes. */
  const genericTags = [
    "AppUnavailable",
    "AuthenticationFailed",
    "CredentialsRejected",
    "FieldValidationFailed",
    "InvalidRequest",
    "InvalidParameter",
    "IpDenied",
    "MalformedResponse",
    "MissingScope",
    "PlatformError",
    "QuotaExhausted",
    "RateLimited",
    "ReauthorizationRequired",
    "RouteNotFound",
    "TokenMissing",
    "TokenNotPermitted",
    "TokenRejected",
    "TransportError",
    "UnknownApiError",
    "UserIdRejected",
    "UserTypeNotSupported"
  ]

  const endTags = [
    ...genericTags,
    "InternalError",
    "NotSupported",
    "ParamError",
    "NoPermission",
    "MeetingStatusUnexpected",
    "MeetingNotExist",
    "OperatorNotInMeeting"
  ]

  const Code = Schema.Union([
    Schema.Int,
    Schema.Literals([0, 121001, 121005, 121006, 122005, 99991400, 99991663, 99991668, 99991672, 99992402, 5000]),
    Schema.Literals(["0", "121005", "99991663", "", "x", "1e400"]),
    Schema.Json
  ])

  const Envelope = Schema.Struct({
    code: Schema.optionalKey(Code),
    msg: Schema.optionalKey(Schema.Json),
    data: Schema.optionalKey(Schema.Json),
    error: Schema.optionalKey(Schema.Union([
      Schema.Json,
      Schema.Struct({
        log_id: Schema.optionalKey(Schema.Json),
        troubleshooter: Schema.optionalKey(Schema.Json),
        permission_violations: Schema.optionalKey(Schema.Json),
        field_violations: Schema.optionalKey(Schema.Array(Schema.Json))
      })
    ]))
  })

  const Printable = Schema.String.check(Schema.isPattern(/^[!-~]{0,12}$/))

  const Answer = Schema.Struct({
    status: Schema.Union([
      Schema.Literals([200, 204, 400, 401, 403, 404, 409, 429, 500, 502, 503]),
      Schema.Int.check(Schema.isBetween({ minimum: 200, maximum: 599 }))
    ]),
    body: Schema.Union([Envelope, Schema.Json, Schema.String]),
    headers: Schema.Struct({
      "x-tt-logid": Schema.optionalKey(Printable),
      "x-ogw-ratelimit-reset": Schema.optionalKey(
        Schema.Union([Printable, Schema.Literals(["1", "-1", "1e999", "0.5"])])
      ),
      "retry-after": Schema.optionalKey(Printable),
      "content-type": Schema.optionalKey(Printable)
    })
  })

  describe("whatever is answered", () => {
    it.effect.prop(
      "end succeeds, or fails with a documented or generic error, and never with a defect",
      [Answer],
      ([answer]) =>
        Effect.gen(function*() {
          const exit = yield* Effect.exit(answered(end, answer))
          if (Exit.isSuccess(exit)) {
            assert.isAtLeast(answer.status, 200)
            assert.isBelow(answer.status, 300)
            return
          }
          assert.isTrue(exit.cause.reasons.every(Cause.isFailReason), Cause.pretty(exit.cause))
          const error = Option.getOrThrow(Cause.findErrorOption(exit.cause))
          assert.include(endTags, error._tag)
          if (!("endpoint" in error)) return assert.fail("no endpoint")
          assert.strictEqual(error.endpoint, "vc.v1.meeting.end")
          assert.include<object>(error, { status: answer.status })
          assert.include(error.message, `HTTP ${answer.status}`)
        }),
      { arbitrary: { runs: 200 } }
    )

    it.effect.prop("get and swapHost never end with a defect", [Answer], ([answer]) =>
      Effect.gen(function*() {
        for (
          const exit of [yield* Effect.exit(answered(get, answer)), yield* Effect.exit(answered(swapHost, answer))]
        ) {
          assert.isFalse(Exit.hasDies<unknown, unknown>(exit), String(exit))
        }
      }), { arbitrary: { runs: 60 } })

    it.effect("a tower of nested data is no defect either", () =>
      Effect.gen(function*() {
        const tower = `${`{"a":`.repeat(50_000)}1${"}".repeat(50_000)}`
        for (const [code, status] of [[121005, 403], [99991400, 429], [0, 200]] as const) {
          const body = `{"code":${code},"msg":"","data":${tower},"error":${tower}}`
          const exit = yield* Effect.exit(answered(end, { status, body }))
          if (Exit.isFailure(exit)) assert.isFalse(Cause.hasDies(exit.cause))
        }
        const conflict = { status: 409, body: `{"code":121006,"msg":"","data":{"host_user":${tower}}}` }
        assert.deepStrictEqual(yield* answered(swapHost, conflict), { _tag: "Conflict", actual: Option.none() })
      }))
  })

  describe("a success", () => {
    it.effect("may have no data, data: null, or a code in a string, with any status that says success", () =>
      Effect.gen(function*() {
        for (const body of [{ code: 0 }, { code: 0, msg: "ok", data: null }, { code: "0", msg: "ok", data: {} }]) {
          for (const status of [200, 201, 202]) yield* answered(end, { status, body })
        }
        const applied = yield* answered(swapHost, { body: { code: 0, data: null } })
        assert.deepStrictEqual(applied, { _tag: "Applied", current: Option.none() })
      }))

    it.effect("without the documented data is a MalformedResponse with the log id", () =>
      Effect.gen(function*() {
        for (const data of [undefined, null, {}, [], "x", { meeting: null }, { meeting: {} }, { meeting: { id: 1 } }]) {
          const answer = { body: { code: 0, data }, headers: { "x-tt-logid": "log-1" } }
          assert.include<object>(yield* failure(get, answer), {
            _tag: "MalformedResponse",
            status: 200,
            logId: "log-1",
            endpoint: "vc.v1.meeting.get",
            retry: "unknown"
          })
        }
      }))

    it.effect("that comes with a status of failure is a MalformedResponse", () =>
      Effect.gen(function*() {
        for (const status of [304, 400, 404, 500, 502]) {
          const error = yield* failure(end, { status, body: { code: 0, msg: "success", data: {} } })
          assert.include<object>(error, { _tag: "MalformedResponse", status })
        }
      }))
  })

  describe("a body that is no envelope", () => {
    const html = "<html><body><h1>502 Bad Gateway</h1></body></html>"
    const bodies: ReadonlyArray<readonly [what: string, status: number, body: unknown, says: RegExp]> = [
      ["a gateway's page", 502, html, /not JSON/],
      ["a page with status 200", 200, html, /not JSON/],
      ["the plain text of a wrong path", 404, "404 page not found", /not JSON/],
      ["nothing", 200, "", /empty/],
      ["blanks", 200, " \r\n\t", /empty/],
      ["no content", 204, "", /empty/],
      ["half an envelope", 200, `{"code":0,"ms`, /not JSON/],
      ["a list", 200, [{ code: 0 }], /not a JSON object/],
      ["a number", 200, 0, /not a JSON object/],
      ["null", 200, "null", /not a JSON object/],
      ["an object without a code", 200, { msg: "success", data: {} }, /no code/],
      ["a code that is none", 200, { code: "zero" }, /no code/],
      ["an empty code", 200, { code: "" }, /no code/],
      ["a blank code", 200, { code: " " }, /no code/],
      ["a code of null", 200, { code: null }, /no code/],
      ["a fractional code", 200, { code: 0.5 }, /no code/],
      ["a code in a list", 200, { code: [0] }, /no code/]
    ]

    it.effect.each(bodies)(
      "%s with status %d is a MalformedResponse",
      ([, status, body, says]) =>
        Effect.gen(function*() {
          const answer = { status, body, headers: { "x-tt-logid": "log-1" } }
          for (const error of [yield* failure(get, answer), yield* failure(end, answer)]) {
            assert.include<object>(error, { _tag: "MalformedResponse", status, logId: "log-1" })
            assert.match(error.message, says)
            assert.notMatch(error.message, /Gateway|page not found/)
          }
        })
    )

    it.effect("may be ten megabytes of nothing", () =>
      Effect.gen(function*() {
        const error = yield* failure(end, { status: 502, body: "x".repeat(10_000_000) })
        assert.isBelow(error.message.length, 500)
        yield* answered(end, { body: { code: 0, data: "x".repeat(10_000_000) } })
      }))
  })

  describe("the details of a failure", () => {
    const details = (error: unknown, headers: NonNullable<platform.Answer["headers"]> = {}) =>
      failure(end, { status: 400, body: { code: 99991672, msg: "denied", error }, headers })

    it.effect("the log id is that of the header, else that of the body, in either spelling", () =>
      Effect.gen(function*() {
        assert.include<object>(yield* details({ log_id: "b" }, { "x-tt-logid": "h" }), { logId: "h" })
        assert.include<object>(yield* details({ log_id: "b" }), { logId: "b" })
        assert.include<object>(yield* details({ logid: "b" }), { logId: "b" })
        assert.include<object>(yield* details({}, { "x-request-id": "r" }), { logId: "r" })
        assert.include<object>(yield* details({}, { "x-request-id": "r", "x-tt-logid": "h" }), { logId: "h" })
        assert.include<object>(yield* details({ log_id: "b" }, { "x-tt-logid": ["h", "i"] }), { logId: "h, i" })
        assert.notInclude((yield* details({ log_id: 7 })).message, "log id")
      }))

    it.effect("the missing scopes are named, in both shapes that the platform uses", () =>
      Effect.gen(function*() {
        const observed = [
          { type: "action_scope_required", subject: "vc:meeting" },
          { type: "field_scope_required", subject: "contact:user.employee_id:readonly" }
        ]
        const scopes = ["vc:meeting", "contact:user.employee_id:readonly"]
        const documented = scopes.map((scope) => ({ scope, url: "https://open.feishu.cn" }))
        for (const permission_violations of [observed, documented]) {
          const error = yield* details({ permission_violations, troubleshooter: "see https://open.feishu.cn" })
          assert.deepInclude<object>(error, { scopes, troubleshooter: "see https://open.feishu.cn" })
        }
      }))

    it.effect("the fields that are wrong are named", () =>
      Effect.gen(function*() {
        const field_violations = [{ field: "user_id_type", value: "x", description: "one of" }]
        const error = yield* failure(end, {
          status: 400,
          body: { code: 99992402, msg: "", error: { field_violations } }
        })
        assert.deepInclude<object>(error, { _tag: "FieldValidationFailed", violations: ["user_id_type"] })
      }))

    it.effect("nonsense in their place is left out", () =>
      Effect.gen(function*() {
        const nonsense = [null, 1, "x", [], {}, [null, 1, "x", [], {}, { subject: 1 }, { scope: {}, field: [] }]]
        for (const permission_violations of nonsense) {
          const error = yield* details({
            permission_violations,
            field_violations: permission_violations,
            troubleshooter: 1
          })
          assert.notProperty(error, "scopes")
          assert.notProperty(error, "violations")
        }
        for (const error of [null, 1, "x", []]) assert.include<object>(yield* details(error), { _tag: "MissingScope" })
      }))
  })

  describe("a throttle", () => {
    const wait = (headers: NonNullable<platform.Answer["headers"]>, status = 429) =>
      Effect.map(
        failure(end, { ...platform.failed(status, 99991400), headers }),
        (error) => "retryAfter" in error ? error.retryAfter : undefined
      )

    it.effect("is known by its code, with status 429, 400 or 200", () =>
      Effect.gen(function*() {
        for (const status of [429, 400, 200]) {
          assert.deepStrictEqual(yield* wait({ "x-ogw-ratelimit-reset": "3" }, status), Duration.seconds(3))
        }
      }))

    it.effect("tells its wait in x-ogw-ratelimit-reset, or else in Retry-After", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* wait({ "retry-after": "7" }), Duration.seconds(7))
        assert.deepStrictEqual(yield* wait({ "x-ogw-ratelimit-reset": "2", "retry-after": "7" }), Duration.seconds(2))
        assert.deepStrictEqual(yield* wait({ "x-ogw-ratelimit-reset": "0" }), Duration.zero)
        assert.deepStrictEqual(yield* wait({ "x-ogw-ratelimit-reset": "0.25" }), Duration.millis(250))
        yield* TestClock.setTime(Date.UTC(2026, 0, 1))
        assert.deepStrictEqual(yield* wait({ "retry-after": "Thu, 01 Jan 2026 00:00:09 GMT" }), Duration.seconds(9))
        assert.deepStrictEqual(yield* wait({ "retry-after": "Wed, 31 Dec 2025 23:59:59 GMT" }), Duration.zero)
      }))

    it.effect("whose header is nonsense tells none", () =>
      Effect.gen(function*() {
        for (const reset of ["soon", "-1", "NaN", "Infinity", "1e999", "", " ", ["1", "2"], ["1", "1"]]) {
          assert.strictEqual(yield* wait({ "x-ogw-ratelimit-reset": reset }), undefined, String(reset))
          const both = { "x-ogw-ratelimit-reset": reset, "retry-after": "7" }
          assert.deepStrictEqual(yield* wait(both), Duration.seconds(7), String(reset))
        }
        for (const after of ["soon", "-1", "", ["7", "8"], ["7", "7"]]) {
          assert.strictEqual(yield* wait({ "retry-after": after }), undefined, String(after))
        }
      }))

    it.effect("by a gateway that knows no envelope tells its wait as well", () =>
      Effect.gen(function*() {
        const error = yield* failure(end, { status: 429, body: "slow down", headers: { "retry-after": "7" } })
        assert.include<object>(error, { _tag: "MalformedResponse", retry: "wait" })
        assert.deepInclude<object>(error, { retryAfter: Duration.seconds(7) })
      }))
  })

  const tokenCodes = [99991663, 99991664, 99991665, 99991668, 99991671, 99991677, 20005, 20006, 20013, 20014]

  describe("a rejected token", () => {
    const cases = tokenCodes.flatMap((code) => [200, 400, 401].map((status) => [code, status] as const))

    it.effect.each(cases)(
      "%d with status %d is renewed, and the call repeated once with the new one",
      ([code, status]) =>
        Effect.gen(function*() {
          const feishu = platform.make((_, nth) => nth === 0 ? platform.failed(status, code) : meeting)
          yield* on(feishu)(get)
          assert.deepStrictEqual(feishu.calls.map((call) => call.headers["authorization"]), [
            "Bearer t-1",
            "Bearer t-2"
          ])
          const [first, second] = feishu.calls.map(({ headers: { authorization: _, ...headers }, ...rest }) => ({
            ...rest,
            headers
          }))
          assert.deepStrictEqual(first, second)
          assert.strictEqual(feishu.mints.length, 2)
        })
    )

    it.effect("is not renewed twice: the second rejection is a TokenRejected", () =>
      Effect.gen(function*() {
        for (const code of tokenCodes) {
          const feishu = platform.make(() => platform.failed(400, code, "no"))
          assert.include<object>(yield* Effect.flip(on(feishu)(get)), { _tag: "TokenRejected", code, status: 400 })
          assert.strictEqual(feishu.calls.length, 2)
        }
      }))

    it.effect("leaves the next call with the new token", () =>
      Effect.gen(function*() {
        const feishu = platform.make((_, nth) => nth === 0 ? platform.failed(400, 99991663) : meeting)
        yield* on(feishu)(Effect.all([get, get, get]))
        assert.deepStrictEqual(
          feishu.calls.map((call) => call.headers["authorization"]),
          ["Bearer t-1", "Bearer t-2", "Bearer t-2", "Bearer t-2"]
        )
      }))

    it.effect("of many calls at once is renewed once", () =>
      Effect.gen(function*() {
        const feishu = platform.make(({ headers }) =>
          Effect.delay(
            Effect.succeed(headers["authorization"] === "Bearer t-1" ? platform.failed(400, 99991663) : meeting),
            "10 millis"
          )
        )
        const many = Effect.all(Array.from({ length: 50 }, () => get), { concurrency: "unbounded" })
        const fiber = yield* Effect.forkChild(on(feishu)(many))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual([feishu.mints.length, feishu.calls.length], [2, 100])
      }))

    it.effect("of a user who has only that one is not repeated", () =>
      Effect.gen(function*() {
        for (const code of tokenCodes) {
          const feishu = platform.make(() => platform.failed(400, code))
          assert.include<object>(yield* Effect.flip(on(feishu)(end)), { _tag: "TokenRejected", code })
          assert.strictEqual(feishu.calls.length, 1)
        }
      }))

    it.effect("of a user who can have another one is repeated with it", () =>
      Effect.gen(function*() {
        const feishu = platform.make((_, nth) => nth === 0 ? platform.failed(400, 99991677) : platform.ok({}))
        const rejected: Array<string> = []
        const session: UserToken.UserToken["Service"] = {
          get: Effect.sync(() => Redacted.make(`u-${rejected.length + 1}`)),
          reject: (token) => Effect.sync(() => rejected.push(Redacted.value(token)) > 0),
          user: Option.none()
        }
        yield* on(feishu)(Lark.asUser(session)(Meetings.end(id)))
        assert.deepStrictEqual(rejected, ["u-1"])
        assert.deepStrictEqual(feishu.calls.map((call) => call.headers["authorization"]), ["Bearer u-1", "Bearer u-2"])
      }))

    it.effect("that cannot be renewed fails as the renewal does", () =>
      Effect.gen(function*() {
        const feishu = platform.make(
          () => platform.failed(400, 99991663),
          (nth) => nth === 0 ? platform.minted("t-1") : platform.failed(200, 10015, "app secret invalid")
        )
        const error = yield* Effect.flip(on(feishu)(get))
        assert.include<object>(error, { _tag: "CredentialsRejected", endpoint: "auth.v3.tenant_access_token.internal" })
        assert.strictEqual(feishu.calls.length, 1)
      }))

    it.effect("alone is a reason to repeat: no other code of the table is", () =>
      Effect.gen(function*() {
        for (const { code } of LarkError.table.filter((row) => !tokenCodes.includes(row.code))) {
          const feishu = platform.make(() => platform.failed(400, code))
          yield* Effect.flip(on(feishu)(get))
          assert.strictEqual(feishu.calls.length, 1, String(code))
        }
      }))
  })

  describe("a token that a header cannot hold", () => {
    const tokens = ["", " ", "u-a b", "u-a\n", "u-a\r\nx: y", "u-a\0", "u-ä", "u-\u{1F511}"]

    it.effect.each(tokens.map((token) => [JSON.stringify(token), token] as const))(
      "%s is sent nowhere",
      ([, token]) =>
        Effect.gen(function*() {
          const feishu = platform.make(() => platform.ok({}))
          const session = UserToken.fromAccessToken(Redacted.make(token))
          const error = yield* Effect.flip(on(feishu)(Lark.asUser(session)(Meetings.end(id))))
          assert.include<object>(error, { _tag: "TransportError", executed: "no", endpoint: "vc.v1.meeting.end" })
          assert.match(error.message, /the token is empty, or has whitespace or other characters/)
          assert.deepStrictEqual(feishu.calls, [])
        })
    )
  })

  /** An error as Node and undici make them. */
  const thrown = (
    code: string | undefined,
    message: string,
    inner: ErrorOptions & { readonly errors?: Array<Error> } = {}
  ) =>
    Object.assign(
      inner.errors === undefined
        ? new Error(message, { cause: inner.cause })
        : new AggregateError(inner.errors, message),
      code === undefined ? {} : { code }
    )

  describe("a token that does not come", () => {
    const late = Effect.delay(Effect.succeed(platform.minted("t-late")), "8900 millis")

    it.effect("is not missed by a call whose second token is at hand, however late", () =>
      Effect.gen(function*() {
        const feishu = platform.make((_, n) =>
          n === 0 ? Effect.delay(Effect.succeed(platform.failed(400, 99991663)), "9900 millis") : meeting
        )
        let token = "u-1"
        const session = UserToken.UserToken.of({
          get: Effect.sync(() => Redacted.make(token)),
          reject: () => Effect.sync(() => (token = "u-2") === "u-2"),
          user: Option.none()
        })
        const call = yield* Effect.forkChild(on(feishu)(get.pipe(Lark.asUser(session))))
        yield* TestClock.adjust("9900 millis")
        assert.strictEqual((yield* Fiber.join(call)).id, id)
      }))

    it.effect("is waited for by other calls until it comes", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting, (n) => n === 0 ? new platform.Lost("gone") : late)
        yield* on(feishu)(Effect.gen(function*() {
          yield* Effect.flip(get)
          const call = yield* Effect.forkChild(get)
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual((yield* Fiber.join(call)).id, id)
        }))
      }))

    it.effect.each(["3 seconds", "10 seconds", Duration.infinity] as const)(
      "holds a swap whose attempts time out after %s until the deadline, and nothing is sent",
      (attemptTimeout) =>
        Effect.gen(function*() {
          const feishu = platform.make(() => meeting)
          const session = UserToken.UserToken.of({
            get: Effect.delay(Effect.succeed(Redacted.make("u-1")), "20 seconds"),
            reject: () => Effect.succeed(true),
            user: Option.none()
          })
          const setHost = (deadline: Duration.Input) =>
            on(feishu)(Meetings.setHost(id, bob, {
              hint: alice,
              policy: Cas.Policy.make({ attemptTimeout, deadline }),
              onAbandoned: () => Effect.die("nothing was sent")
            })).pipe(Lark.asUser(session))
          const patient = yield* Effect.forkChild(setHost("30 seconds"))
          const short = yield* Effect.forkChild(Effect.flip(setHost("15 seconds")))
          const interrupted = yield* Effect.forkChild(setHost("30 seconds"))
          yield* TestClock.adjust("5 seconds")
          yield* Fiber.interrupt(interrupted)
          yield* TestClock.adjust("1 minute")

          const { attempts, effect } = yield* Fiber.join(patient)
          assert.strictEqual(effect, "applied")
          assert.deepStrictEqual(attempts.map(({ answer, at }) => [answer._tag, Duration.toMillis(at)]), [
            ["Applied", 20_000]
          ])
          const error = yield* Fiber.join(short)
          assert.deepInclude<object>(error, { _tag: "CasExhausted", limit: "deadline" })
          assert("report" in error)
          assert.strictEqual(error.report.effect, "none")
          assert.deepStrictEqual(error.report.attempts.map(({ answer }) => answer._tag), ["Unsent"])
          assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(interrupted)))
          assert.lengthOf(feishu.calls, 1)
        })
    )

    it.effect("is waited for as long by a call that has waited for its turn", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting, (n) => n === 0 ? platform.minted("t-short", 20) : late)
        const call = yield* Effect.forkChild(on(feishu)(get))
        yield* TestClock.adjust("49 seconds")
        assert.strictEqual((yield* Fiber.join(call)).id, id)
        assert.strictEqual(feishu.mints.length, 2)
      }).pipe(Effect.provideService(RateLimits.RateLimits, {
        admit: () => Effect.sleep("20 seconds"),
        throttleIn: () => undefined,
        throttled: () => Effect.void
      })))
  })

  describe("a request that got no reply", () => {
    const refused = thrown("ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1")
    const neverConnected: ReadonlyArray<readonly [what: string, cause: unknown]> = [
      ["undici, connection refused", refused],
      [
        "undici or node:http, refused on both address families",
        thrown("ECONNREFUSED", "", { errors: [refused, refused] })
      ],
      ["refused at every address, as only the parts say", thrown(undefined, "", { errors: [refused, refused] })],
      ["fetch, connection refused", thrown(undefined, "fetch failed", { cause: refused })],
      [
        "fetch, refused on both address families",
        thrown(undefined, "fetch failed", {
          cause: thrown("ECONNREFUSED", "", { errors: [refused, refused] })
        })
      ],
      ["name not found", thrown("ENOTFOUND", "getaddrinfo ENOTFOUND open.feishu.example")],
      [
        "fetch, name server silent",
        thrown(undefined, "fetch failed", {
          cause: thrown("EAI_AGAIN", "getaddrinfo EAI_AGAIN open.feishu.cn")
        })
      ],
      ["no route", thrown("EHOSTUNREACH", "connect EHOSTUNREACH 10.0.0.1:443")],
      ["no network", thrown("ENETUNREACH", "connect ENETUNREACH 2001:db8::1:443 - Local (:::0)")],
      [
        "undici, connect timeout",
        thrown("UND_ERR_CONNECT_TIMEOUT", "Connect Timeout Error (attempted address: x:443)")
      ],
      ["certificate of another name", thrown("ERR_TLS_CERT_ALTNAME_INVALID", "Hostname/IP does not match certificate")],
      ["certificate expired", thrown("CERT_HAS_EXPIRED", "certificate has expired")],
      ["certificate of nobody", thrown("DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate")]
    ]

    it.effect.each(neverConnected)(
      "because there was no connection (%s) was not executed",
      ([, cause]) =>
        Effect.gen(function*() {
          const error = yield* failure(end, new platform.Lost(cause))
          assert.include<object>(error, { _tag: "TransportError", executed: "no", retry: "wait" })
          assert.strictEqual((yield* answered(swapHost, new platform.Lost(cause)))._tag, "Unsent")
        })
    )

    const broken: ReadonlyArray<readonly [what: string, cause: unknown]> = [
      ["reset", thrown("ECONNRESET", "read ECONNRESET")],
      ["hung up", thrown("ECONNRESET", "socket hang up")],
      ["undici, closed", thrown("UND_ERR_SOCKET", "other side closed")],
      ["fetch, closed", thrown(undefined, "fetch failed", { cause: thrown("UND_ERR_SOCKET", "other side closed") })],
      ["broken pipe", thrown("EPIPE", "write EPIPE")],
      ["silent", thrown("ETIMEDOUT", "read ETIMEDOUT")],
      ["route lost on the way", thrown("EHOSTUNREACH", "read EHOSTUNREACH")],
      ["network lost on the way", thrown("ENETUNREACH", "write ENETUNREACH")],
      ["network switched off on the way", thrown("ENETDOWN", "read ENETDOWN")],
      ["refused by a firewall on the way", thrown("ECONNREFUSED", "read ECONNREFUSED")],
      ["something else", "what is this"],
      ["nothing said", undefined]
    ]

    it.effect.each(broken)(
      "because the connection broke (%s) may have been executed",
      ([, cause]) =>
        Effect.gen(function*() {
          const error = yield* failure(end, new platform.Lost(cause))
          assert.include<object>(error, { _tag: "TransportError", executed: "unknown", retry: "unknown" })
          assert.strictEqual((yield* answered(swapHost, new platform.Lost(cause)))._tag, "Unknown")
        })
    )

    it.effect("within ten seconds may have been executed, and is not waited for any longer", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.flip(answered(end, Effect.never)))
        yield* TestClock.adjust("9999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(fiber)
        assert.include<object>(error, { _tag: "TransportError", executed: "unknown", endpoint: "vc.v1.meeting.end" })
        assert.include(error.message, "10000 ms")
      }))

    it.effect("causes that go round in a circle are no defect", () =>
      Effect.gen(function*() {
        const circle: { code: string; cause?: unknown } = { code: "ROUND" }
        circle.cause = circle
        assert.include<object>(yield* failure(end, new platform.Lost(circle)), { _tag: "TransportError" })
      }))
  })
})
