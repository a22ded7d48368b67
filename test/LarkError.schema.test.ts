import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Result, Schema } from "effect"
import { Cas, LarkConfig, LarkError, MeetingId, MeetingNo, MeetingUser, OAuth, ReserveId } from "effect-lark-meetings"

const encode = Schema.encodeSync(LarkError.LarkError)
const decode = Schema.decodeUnknownSync(LarkError.LarkError)

/** What reaches another process. */
const crossed = (error: LarkError.LarkError): LarkError.LarkError => decode(JSON.parse(JSON.stringify(encode(error))))

/** JSON has no negative zero. */
const plain = (value: unknown): unknown =>
  typeof value === "number"
    ? value + 0
    : Array.isArray(value)
    ? value.map(plain)
    : Duration.isDuration(value)
    ? Duration.format(value)
    : typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, value]) => [name, plain(value)]))
    : value

const fieldsOf = (error: LarkError.LarkError) => plain({ ...error })

const isSame = (error: LarkError.LarkError, other: LarkError.LarkError) => {
  assert.strictEqual(other.constructor, error.constructor)
  assert.strictEqual(other.message, error.message)
  assert.strictEqual(other.kind, error.kind)
  assert.strictEqual(other.retry, error.retry)
  assert.deepStrictEqual(fieldsOf(other), fieldsOf(error))
}

const failure: LarkError.Failure = {
  code: 99991672,
  msg: "no scope",
  status: 400,
  endpoint: "vc.v1.meeting.get",
  logId: "log-1",
  troubleshooter: "https://open.feishu.cn/search",
  retryAfter: Duration.seconds(1.5),
  scopes: ["vc:meeting", "vc:meeting:readonly"],
  violations: ["user_id_type"]
}

const codeless = [
  new LarkError.TransportError({
    endpoint: "e",
    reason: "ECONNREFUSED",
    executed: "no",
    retryAfter: Duration.seconds(3)
  }),
  new LarkError.TransportError({ endpoint: "e", reason: "ECONNRESET", executed: "unknown" }),
  new LarkError.MalformedResponse({ endpoint: "e", status: 502, reason: "HTML", logId: "l" }),
  new LarkError.MalformedResponse({ endpoint: "e", status: 502, reason: "HTML", executed: "no" }),
  new LarkError.ReauthorizationRequired({ endpoint: "e", reason: "noSession" }),
  new LarkError.SessionStoreError({ endpoint: "e", reason: "unreadable", detail: "it was sealed with another key" }),
  new LarkError.AppTicketMissing({ endpoint: "e", reason: "none", resend: "requested" }),
  new LarkError.InvalidTenant({ endpoint: "e", reason: "missing" })
]

const isErrorClass = (value: unknown): value is LarkError.ErrorClass<LarkError.ApiError> =>
  typeof value === "function" && value.prototype instanceof Error && "codes" in value

const classes = Object.values<unknown>(LarkError).filter(isErrorClass)

describe("an error as JSON", () => {
  it.prop("decodes to an equal error", { error: LarkError.LarkError }, ({ error }) => isSame(error, crossed(error)))

  it("decodes to every class, with and without the optional fields", () => {
    assert.isAbove(classes.length, 35)
    for (const Class of [...classes, LarkError.UnknownApiError]) {
      for (const { code, endpoint, msg, status } of [failure]) {
        for (const fields of [failure, { code, endpoint, msg, status }]) {
          const error = LarkError.fromFailure({ ...fields, data: { host_user: { id: "ou_alice" } } }, [])
          isSame(error, crossed(error))
          const own = new Class(fields)
          const schema = LarkError.schemaOf(Class)
          const back = Schema.decodeUnknownSync(schema)(JSON.parse(JSON.stringify(Schema.encodeSync(schema)(own))))
          assert.instanceOf(back, Class)
          assert.deepStrictEqual({ ...back }, { ...own })
          assert.strictEqual(back.message, own.message)
        }
      }
    }
    for (const error of codeless) isSame(error, crossed(error))
  })

  it("has the fields of the class and no other property of the error", () => {
    const error = Object.assign(new LarkError.MissingScope(failure), { report: "of the operation", token: "t-secret" })
    assert.deepStrictEqual<unknown>(encode(error), { _tag: "MissingScope", ...failure, retryAfter: "1500 millis" })
  })

  it("has the fields of an error with a report", () => {
    const register: Cas.Register<number, LarkError.NoPermission> = {
      equals: Object.is,
      swap: () => Effect.fail(new LarkError.NoPermission({ ...failure, code: 121005 }))
    }
    return Effect.runPromise(Effect.gen(function*() {
      const error = yield* Effect.flip(Cas.run(register, Cas.ensure(2), { hint: 1 }))
      if (error._tag !== "NoPermission") return assert.fail(error.message)
      assert.isDefined(error.report)
      const back = crossed(error)
      assert.include<object>(back, { _tag: "NoPermission", logId: "log-1", message: error.message })
      assert.notProperty(back, "report")
    }))
  })

  it("keeps the data of a conflict only", () => {
    const data = { host_user: { id: "ou_alice", user_type: 1 } }
    const conflict = new LarkError.DataConflict({ ...failure, code: 121006, data })
    assert.deepStrictEqual(Object(crossed(conflict)).data, data)
    const json = { ...Object(encode(new LarkError.NoPermission(failure))), data }
    assert.notProperty(decode(json), "data")
  })

  it("decodes without stack frames", () => {
    assert.notMatch(crossed(new LarkError.NoPermission(failure)).stack ?? "", /^ +at /m)
  })

  it("decodes to an error that can be yielded", () => {
    const error = new LarkError.NoPermission(failure)
    const back = Schema.decodeUnknownSync(LarkError.schemaOf(LarkError.NoPermission))(encode(error))
    assert.strictEqual(Effect.runSync(Effect.flip(back)), back)
  })

  it("fails to decode without a known tag and its fields", () => {
    const result = (json: unknown) => Schema.decodeUnknownResult(LarkError.LarkError)(json)
    const { code, endpoint, msg, status } = failure
    for (
      const json of [
        null,
        {},
        { _tag: "NoSuchError", code, endpoint, msg, status },
        { _tag: "NoPermission", code: "121005", endpoint, msg, status },
        { _tag: "NoPermission", code, endpoint, msg },
        { _tag: "TransportError", code, endpoint, msg, status }
      ]
    ) assert.isTrue(Result.isFailure(result(json)), JSON.stringify(json))
  })

  it("works for a class made with ApiError", () => {
    class RoomBusy extends LarkError.ApiError("RoomBusy", {
      kind: "conflict",
      advice: "Choose another room.",
      keepsData: true,
      codes: [105001]
    }) {}
    const schema = Schema.Union([LarkError.schemaOf(RoomBusy), LarkError.schemaOf(LarkError.TransportError)])
    const busy = new RoomBusy({ ...failure, code: 105001, data: [1] })
    const back = Schema.decodeUnknownSync(schema)(Schema.encodeSync(schema)(busy))
    assert.instanceOf(back, RoomBusy)
    assert.include<object>(back, { kind: "conflict", message: busy.message })
    assert.deepStrictEqual(Object(back).data, [1])
  })

  it("names the class that an error must have", () => {
    const encodeTransport = Schema.encodeUnknownResult(LarkError.schemaOf(LarkError.TransportError))
    assert.include(
      String(Result.merge(encodeTransport(new LarkError.NoPermission(failure)))),
      "Expected TransportError"
    )
  })
})

describe("the error of an invalid input as JSON", () => {
  const invalid = Schema.Union([
    LarkError.schemaOf(MeetingId.InvalidMeetingId),
    LarkError.schemaOf(MeetingNo.InvalidMeetingNo),
    LarkError.schemaOf(ReserveId.InvalidReserveId),
    LarkError.schemaOf(MeetingUser.InvalidMeetingUser),
    LarkError.schemaOf(LarkConfig.InvalidLarkConfig),
    LarkError.schemaOf(OAuth.InvalidLogin),
    LarkError.schemaOf(OAuth.LoginRefused)
  ])

  it.prop("decodes to an equal error", { error: invalid }, ({ error }) => {
    const back = Schema.decodeUnknownSync(invalid)(JSON.parse(JSON.stringify(Schema.encodeSync(invalid)(error))))
    assert.strictEqual(back.constructor, error.constructor)
    assert.deepStrictEqual({ ...back }, { ...error })
    assert.deepStrictEqual([back.message, back.kind, back.retry], [error.message, error.kind, error.retry])
  })

  it.effect("decodes to what the constructors fail with", () =>
    Effect.gen(function*() {
      const errors = yield* Effect.all([
        Effect.flip(MeetingId.makeEffect("123456789")),
        Effect.flip(MeetingId.makeEffect("")),
        Effect.flip(MeetingNo.makeEffect("6911188411932033028")),
        Effect.flip(ReserveId.makeEffect("text")),
        Effect.flip(MeetingUser.makeEffect("open_id", "ou_ bob"))
      ])
      for (const error of errors) {
        const back = Schema.decodeUnknownSync(invalid)(Schema.encodeSync(invalid)(error))
        assert.deepStrictEqual({ ...back }, { ...error })
        assert.strictEqual(back.message, error.message)
      }
    }))

  it("fails to decode with the fields of another class", () => {
    const decodeInvalid = Schema.decodeUnknownResult(invalid)
    const json = { _tag: "InvalidMeetingId", reason: "it is empty", looksLike: "something else" }
    assert.isTrue(Result.isSuccess(decodeInvalid(json)))
    assert.isTrue(Result.isFailure(decodeInvalid({ ...json, looksLike: "a room" })))
    assert.isTrue(Result.isFailure(decodeInvalid({ _tag: "InvalidMeetingId", reason: "it is empty" })))
    assert.isTrue(Result.isFailure(decodeInvalid({ ...json, _tag: "InvalidLogin", setting: "state" })))
  })
})
