import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { end, get, swapHost, through } from "./fixtures/http/calls.ts"
import * as platform from "./fixtures/http/platform.ts"

describe.each(platform.clients)("through %s,", (client) => {
  const { answered, failure } = through(client)

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

  describe("any answer", () => {
    it.effect.prop(
      "ends `end` with a success, a documented error or a generic error, never with a defect",
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

    it.effect.prop("ends get and swapHost without a defect", [Answer], ([answer]) =>
      Effect.gen(function*() {
        for (
          const exit of [yield* Effect.exit(answered(get, answer)), yield* Effect.exit(answered(swapHost, answer))]
        ) {
          assert.isFalse(Exit.hasDies<unknown, unknown>(exit), String(exit))
        }
      }), { arbitrary: { runs: 60 } })

    it.effect("may have deeply nested data without a defect", () =>
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

    it.effect("with an HTTP status that is no success is a MalformedResponse", () =>
      Effect.gen(function*() {
        for (const status of [304, 400, 404, 500, 502]) {
          const error = yield* failure(end, { status, body: { code: 0, msg: "success", data: {} } })
          assert.include<object>(error, { _tag: "MalformedResponse", status })
        }
      }))
  })

  describe("a body that is not an envelope", () => {
    const html = "<html><body><h1>502 Bad Gateway</h1></body></html>"
    const bodies: ReadonlyArray<readonly [what: string, status: number, body: unknown, says: RegExp]> = [
      ["a gateway's page", 502, html, /not JSON/],
      ["a page with status 200", 200, html, /not JSON/],
      ["the plain text of a wrong path", 404, "404 page not found", /not JSON/],
      ["nothing", 200, "", /empty/],
      ["whitespace", 200, " \r\n\t", /empty/],
      ["no content", 204, "", /empty/],
      ["half an envelope", 200, `{"code":0,"ms`, /not JSON/],
      ["a list", 200, [{ code: 0 }], /not a JSON object/],
      ["a number", 200, 0, /not a JSON object/],
      ["null", 200, "null", /not a JSON object/],
      ["an object without a code", 200, { msg: "success", data: {} }, /no code/],
      ["a code that is no number", 200, { code: "zero" }, /no code/],
      ["an empty code", 200, { code: "" }, /no code/],
      ["a code of whitespace", 200, { code: " " }, /no code/],
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

    it.effect("may be ten megabytes of spaces", () =>
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

    it.effect("an invalid value in their place is left out", () =>
      Effect.gen(function*() {
        const invalid = [null, 1, "x", [], {}, [null, 1, "x", [], {}, { subject: 1 }, { scope: {}, field: [] }]]
        for (const permission_violations of invalid) {
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

    it.effect("gives its wait in x-ogw-ratelimit-reset, or else in Retry-After", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* wait({ "retry-after": "7" }), Duration.seconds(7))
        assert.deepStrictEqual(yield* wait({ "x-ogw-ratelimit-reset": "2", "retry-after": "7" }), Duration.seconds(2))
        assert.deepStrictEqual(yield* wait({ "x-ogw-ratelimit-reset": "0" }), Duration.zero)
        assert.deepStrictEqual(yield* wait({ "x-ogw-ratelimit-reset": "0.25" }), Duration.millis(250))
        yield* TestClock.setTime(Date.UTC(2026, 0, 1))
        assert.deepStrictEqual(yield* wait({ "retry-after": "Thu, 01 Jan 2026 00:00:09 GMT" }), Duration.seconds(9))
        assert.deepStrictEqual(yield* wait({ "retry-after": "Wed, 31 Dec 2025 23:59:59 GMT" }), Duration.zero)
        // From a server whose clock differs from ours by hours.
        for (const hour of ["07", "22"]) {
          const [date, after] = [`Wed, 31 Dec 2025 ${hour}:00:00 GMT`, `Wed, 31 Dec 2025 ${hour}:00:09 GMT`]
          assert.deepStrictEqual(yield* wait({ date, "retry-after": after }), Duration.seconds(9))
        }
        assert.deepStrictEqual(
          yield* wait({ date: "yesterday", "retry-after": "Thu, 01 Jan 2026 00:00:09 GMT" }),
          Duration.seconds(9)
        )
      }))

    it.effect("asks for a minute at most, whatever it says", () =>
      Effect.gen(function*() {
        // A time since 1970, as other platforms send.
        for (const reset of ["61", "1795600000", "1e300"]) {
          assert.deepStrictEqual(yield* wait({ "x-ogw-ratelimit-reset": reset }), Duration.minutes(1), reset)
        }
        for (const after of ["61", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"]) {
          assert.deepStrictEqual(yield* wait({ "retry-after": after }), Duration.minutes(1), after)
        }
      }))

    it.effect("with an invalid header gives no wait", () =>
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

    it.effect("by a gateway without an envelope gives its wait, too", () =>
      Effect.gen(function*() {
        const error = yield* failure(end, { status: 429, body: "slow down", headers: { "retry-after": "7" } })
        assert.include<object>(error, { _tag: "MalformedResponse", retry: "unknown" })
        assert.deepInclude<object>(error, { retryAfter: Duration.seconds(7) })
      }))
  })
})
