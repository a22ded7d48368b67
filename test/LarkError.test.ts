import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Predicate, Redacted, Result, Schema } from "effect"
import { Lark, LarkError, MeetingId, Meetings, MeetingUser, UserToken } from "effect-lark-meetings"
import { documented } from "../scripts/errors-page.ts"
import * as platform from "./fixtures/http/platform.ts"
import { alice, bob, id } from "./fixtures/World.ts"

type Documented = readonly [status: number, code: number, msg: string, tag: string]

/** The error table of the document of `set_host`. */
const setHost: ReadonlyArray<Documented> = [
  [500, 121001, "internal error", "InternalError"],
  [400, 121002, "not support", "NotSupported"],
  [400, 121003, "param error", "ParamError"],
  [403, 121005, "no permission", "NoPermission"],
  [409, 121006, "data conflict", "DataConflict"],
  [400, 122001, "meeting status unexpected", "MeetingStatusUnexpected"],
  [404, 122002, "meeting not exist", "MeetingNotExist"],
  [400, 122003, "operator user not in meeting", "OperatorNotInMeeting"],
  [400, 122004, "target user not in meeting", "TargetNotInMeeting"],
  [400, 122005, "cannot operate self", "CannotOperateSelf"],
  [400, 122009, "participant status not expected", "ParticipantStatusNotExpected"]
]

/** The error table of the document of `end`. */
const end: ReadonlyArray<Documented> = [
  [500, 121001, "internal error", "InternalError"],
  [400, 121002, "not support", "NotSupported"],
  [400, 121003, "param error", "ParamError"],
  [403, 121005, "no permission", "NoPermission"],
  [400, 122001, "meeting status unexpected", "MeetingStatusUnexpected"],
  [404, 122002, "meeting not exist", "MeetingNotExist"],
  [400, 122003, "operator user not in meeting", "OperatorNotInMeeting"]
]

/** The error table of the document of `get`. */
const get: ReadonlyArray<Documented> = [
  [500, 121001, "internal error", "InternalError"],
  [400, 121002, "not support", "NotSupported"],
  [400, 121003, "param error", "ParamError"],
  [404, 121004, "data not exist", "DataNotExist"],
  [403, 121005, "no permission", "NoPermission"]
]

/** The codes of the other endpoints of the family. */
const others: ReadonlyArray<Documented> = [
  [400, 122006, "participant count reach limit", "ParticipantCountReachLimit"],
  [400, 122007, "callee is busy", "CalleeIsBusy"],
  [400, 122008, "meeting is locked", "MeetingIsLocked"],
  [400, 123002, "record param error", "RecordParamError"],
  [400, 123003, "assign host exceed max limit 10", "AssignHostExceedMaxLimit"],
  [400, 123004, "assign host error", "AssignHostError"],
  [400, 123006, "invalid password", "InvalidPassword"],
  [400, 124002, "record processing", "RecordProcessing"],
  [400, 40001, "param error", "ContactParamError"],
  [400, 40003, "internal error", "ContactInternalError"],
  [400, 41012, "user id invalid error", "UserIdInvalid"],
  [400, 41050, "no user authority error", "NoUserAuthority"]
]

/** The generic codes. */
const generic: Readonly<Record<string, ReadonlyArray<number>>> = {
  RateLimited: [99991400],
  TokenRejected: [99991663, 99991664, 99991665, 99991668, 99991671, 99991677, 20005, 20006, 20013, 20014],
  TokenMissing: [99991661],
  MissingScope: [99991672, 99991679],
  AppUnavailable: [99991662, 99991673],
  CredentialsRejected: [99991543],
  IpDenied: [99991401],
  QuotaExhausted: [99991403],
  UserTypeNotSupported: [99991674],
  UserIdRejected: [99991675, 99992351, 99992360, 99992361, 99992364, 99992381],
  TokenNotPermitted: [99991676],
  AuthenticationFailed: [99991681, 99991692],
  RouteNotFound: [99991201, 99991301],
  FieldValidationFailed: [99992402],
  InvalidRequest: [9499, 10003],
  PlatformError: [1500, 1642, 1663, 1668, 2200, 5000]
}

/** The codes of the token endpoints and of OAuth. */
const token: Readonly<Record<string, ReadonlyArray<number>>> = {
  CredentialsRejected: [10005, 10012, 10013, 10014, 10015, 10016, 20002, 20024, 20048],
  InvalidRequest: [20001, 20036, 20063, 20067, 20068, 20070, 20071],
  AppUnavailable: [20009, 20010, 20069, 20074],
  PlatformError: [20050, 20072],
  ReauthorizationRequired: [20003, 20004, 20008, 20026, 20037, 20049, 20064, 20065, 20066, 20073, 99991669]
}

const genericCodes = [generic, token].flatMap((byTag) =>
  Object.entries(byTag).flatMap(([tag, codes]) => codes.map((code) => [code, tag] as const))
)

/** The codes of every kind but `setup`. */
// dprint-ignore
const kinds: Readonly<Record<Exclude<LarkError.Kind, "setup">, ReadonlyArray<number>>> = {
  caller: [
    121002, 121003, 121004, 121005, 122001, 122002, 122003, 122004, 122005, 122006, 122007, 122008, 122009,
    123002, 123003, 123004, 123006, 40001, 41012,
    // A user's token, what the user has granted, and what the call names.
    20005, 20006, 99991668, 99991677, 99991679, 20010, 99991674, 99991675, 99992351, 99992402,
    9499, 10003, 20001, 20063, 20067, 20068, 20071,
    20003, 20004, 20008, 20026, 20037, 20049, 20064, 20065, 20066, 20073, 99991669
  ],
  conflict: [121006],
  platform: [121001, 124002, 40003, 99991400, 99991403, 1500, 1642, 1663, 1668, 2200, 5000, 20050, 20072]
}

const meetingRows = [...setHost, ...get.filter(([, code]) => code === 121004), ...others]

const session = UserToken.fromAccessToken(Redacted.make("u-alice"))

const swapHost = Meetings.swapHost(id, { expected: alice, desired: bob })

const operations: Record<"get" | "swapHost" | "end", Effect.Effect<unknown, LarkError.LarkError, Meetings.Meetings>> = {
  get: Meetings.get(id),
  swapHost,
  end: Lark.asUser(session)(Meetings.end(id))
}

const names = {
  get: "vc.v1.meeting.get",
  swapHost: "vc.v1.meeting.set_host",
  end: "vc.v1.meeting.end"
} as const

const answeredBy = (answer: platform.Reaction, token?: platform.Reaction) =>
  platform.make(() => answer, token === undefined ? undefined : () => token).layer

const run = <A, E>(operation: Effect.Effect<A, E, Lark.Services>, layer: ReturnType<typeof answeredBy>) =>
  operation.pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(layer))

/** Whether it is an instance of the exported class of that name. */
const isA = (error: unknown, tag: string): boolean =>
  Object.entries(LarkError).some(([name, value]) =>
    name === tag && typeof value === "function" && error instanceof value
  )

const failure = (code: number, status = 400): LarkError.Failure => ({
  code,
  msg: "said the platform",
  status,
  endpoint: "vc.v1.meeting.end",
  logId: "log-1"
})

const someClasses = [
  LarkError.InternalError,
  LarkError.NotSupported,
  LarkError.ParamError,
  LarkError.DataNotExist,
  LarkError.NoPermission,
  LarkError.DataConflict
] as const

const meetingClasses = meetingRows.map(([, , , tag]): LarkError.ErrorClass => Reflect.get(LarkError, tag))

/** The first and last code of a row. */
const span = (row: (typeof LarkError.table)[number]) => [row.code, row.through ?? row.code] as const

describe("a documented code", () => {
  const cases = [
    ...get.map((row) => ["get", ...row] as const),
    ...end.map((row) => ["end", ...row] as const)
  ]
  it.effect.each(cases)(
    "%s answered %d with %d, %s, fails with %s",
    ([operation, status, code, msg, tag]) =>
      Effect.gen(function*() {
        const answer = { ...platform.failed(status, code, msg), headers: { "x-tt-logid": "log-1" } }
        const error = yield* Effect.flip(run(operations[operation], answeredBy(answer)))
        assert.strictEqual(error._tag, tag)
        assert.isTrue(isA(error, tag))
        assert.include<object>(error, { code, status, msg, endpoint: names[operation], logId: "log-1" })
        for (const part of [String(code), msg, names[operation], `HTTP ${status}`, "log-1"]) {
          assert.include(error.message, part)
        }
      })
  )

  it.effect.each(setHost)(
    "set_host answered %d with %d, %s, is a %s",
    ([status, code, msg, tag]) =>
      Effect.gen(function*() {
        const answer = { ...platform.failed(status, code, msg), headers: { "x-tt-logid": "log-1" } }
        const result = yield* Effect.result(run(swapHost, answeredBy(answer)))
        if (tag === "DataConflict") {
          assert.strictEqual(result._tag, "Success")
          assert.strictEqual(result._tag === "Success" && result.success._tag, "Conflict")
          return
        }
        const error = result._tag === "Failure"
          ? result.failure
          : result.success._tag === "Unknown" && Predicate.isObjectKeyword(result.success.cause)
          ? result.success.cause
          : {}
        assert.include<object>(error, { _tag: tag, code, status, msg, endpoint: names.swapHost, logId: "log-1" })
        // Only a failing server may have executed it.
        assert.strictEqual(result._tag, tag === "InternalError" ? "Success" : "Failure")
      })
  )

  it.effect("is classified by its number alone, whatever the status and message", () =>
    Effect.gen(function*() {
      for (const status of [200, 400, 403, 404, 409, 429, 500, 502, 503]) {
        for (const [, code, , tag] of end) {
          const error = yield* Effect.flip(run(operations.end, answeredBy(platform.failed(status, code, "otherwise"))))
          assert.include<object>(error, { _tag: tag, code, status })
        }
      }
    }))

  it.effect("of another endpoint becomes an UnknownApiError", () =>
    Effect.gen(function*() {
      for (const [name, documented] of [["get", get], ["end", end], ["swapHost", setHost]] as const) {
        const foreign = meetingRows.filter(([, code]) => !documented.some(([, own]) => own === code))
        for (const [, code] of foreign) {
          const error = yield* Effect.flip(run(operations[name], answeredBy(platform.failed(400, code))))
          assert.include<object>(error, { _tag: "UnknownApiError", code, endpoint: names[name] })
        }
      }
    }))
})

describe("a generic code", () => {
  it.effect("has one class on every endpoint, token endpoints included", () =>
    Effect.gen(function*() {
      for (const [code, tag] of genericCodes) {
        for (const name of ["get", "end"] as const) {
          const error = yield* Effect.flip(run(operations[name], answeredBy(platform.failed(400, code))))
          assert.include<object>(error, { _tag: tag, code, endpoint: names[name] })
        }
        const error = yield* Effect.flip(run(operations.get, answeredBy(platform.ok({}), platform.failed(200, code))))
        assert.include<object>(error, { _tag: tag, code, endpoint: "auth.v3.tenant_access_token.internal" })
      }
    }))
})

describe("the code table", () => {
  it("has every documented code with its class, status and message", () => {
    const classes = new Map([...documented("meeting"), ...documented("contact")])
    for (const [status, code, msg, tag] of meetingRows) {
      assert.deepInclude<object>(classes.get(tag)?.[0] ?? {}, { code, status, msg })
      assert.strictEqual(LarkError.table.find((row) => row.code === code)?.tag, tag)
    }
    for (const [code, tag] of genericCodes) {
      const rows = LarkError.table.filter((row) => span(row)[0] <= code && code <= span(row)[1])
      assert.deepStrictEqual(rows.map((row) => row.tag), [tag], String(code))
    }
  })

  it("has the kind of every code", () => {
    const of = (kind: LarkError.Kind) => LarkError.table.filter((row) => row.kind === kind).map(({ code }) => code)
    const others = Object.entries(kinds).map(([kind, codes]) => [kind, codes.toSorted((a, b) => a - b)] as const)
    assert.deepStrictEqual(Object.fromEntries(others), {
      caller: of("caller"),
      conflict: of("conflict"),
      platform: of("platform")
    })
    for (const row of LarkError.table) {
      const error = LarkError.fromFailure(failure(row.code), meetingClasses)
      assert.include<object>(error, { kind: row.kind, retry: row.retry, advice: row.advice })
    }
  })

  it("has no other code", () => {
    const known = [...meetingRows.map(([, code]) => code), ...genericCodes.map(([code]) => code)]
    for (const row of LarkError.table) assert.include(known, row.code)
  })

  it("has no code twice, and no ranges that overlap", () => {
    const spans = LarkError.table.map(span).toSorted(([a], [b]) => a - b)
    spans.forEach(([from, through], index) => {
      assert.isAtLeast(through, from)
      const next = spans[index + 1]
      if (next !== undefined) assert.isBelow(through, next[0])
    })
  })

  it("has one class for each meeting code", () => {
    const tags = meetingRows.map(([, , , tag]) => tag)
    assert.strictEqual(new Set(tags).size, tags.length)
    assert.deepStrictEqual(tags.filter((tag) => genericCodes.some(([, generic]) => generic === tag)), [])
  })

  it("has advice in every row", () => {
    for (const row of LarkError.table) assert.match(row.advice, /^[A-Z].*\.$/, String(row.code))
  })

  it("agrees with the docstrings of the classes, which have a meaning for each code", () => {
    const classes = [
      ...documented("meeting"),
      ...documented("contact"),
      ...documented("generic"),
      ...documented("session")
    ]
    assert.isAbove(classes.length, 40)
    for (const [tag, codes] of classes) {
      const rows = LarkError.table.filter((row) => row.tag === tag)
      assert.deepStrictEqual(
        codes.map(({ code, through }) => [code, through]),
        rows.map((row) => [row.code, row.through]),
        tag
      )
      for (const { meaning } of codes) assert.match(meaning, /^[A-Z].*[a-z)]\.$/, tag)
      assert.isTrue(isA(Reflect.construct(Reflect.get(LarkError, tag), [failure(0)]), tag))
    }
    assert.sameMembers(
      [...new Set(LarkError.table.map((row) => row.tag))],
      classes.flatMap(([tag, codes]) => codes.length > 0 ? [tag] : [])
    )
  })

  it("allows a repeat only for codes that prove that nothing was executed", () => {
    const of = (retry: LarkError.Retry) => LarkError.table.filter((row) => row.retry === retry).map((row) => row.code)
    assert.deepStrictEqual(of("token").toSorted(), generic["TokenRejected"]?.toSorted())
    assert.deepStrictEqual(of("wait"), [124002, 99991400])
    assert.sameMembers(of("unknown"), [
      121001,
      40003,
      ...(generic["PlatformError"] ?? []),
      ...(token["PlatformError"] ?? [])
    ])
  })
})

describe("fromFailure", () => {
  const tags = new Set<string>([...LarkError.table.map((row) => row.tag), "UnknownApiError"])

  it.prop("returns exactly one class for every integer", { code: Schema.Int }, ({ code }) => {
    const error = LarkError.fromFailure(failure(code), someClasses)
    assert.isTrue(tags.has(error._tag))
    const classes = [...tags].filter((tag) => isA(error, tag))
    assert.deepStrictEqual(classes, [error._tag])
    const row = LarkError.table.find((row) => span(row)[0] <= code && code <= span(row)[1])
    const documented = row !== undefined &&
      (genericCodes.some(([, tag]) => tag === row.tag) || someClasses.some(({ codes }) => codes[0]?.code === code))
    assert.strictEqual(error._tag, documented ? row.tag : "UnknownApiError")
  })

  it("returns UnknownApiError for the gaps between codes", () => {
    const rows = LarkError.table.map(span)
    for (const code of rows.flatMap(([from, through]) => [from - 1, through + 1])) {
      if (rows.some(([from, through]) => from <= code && code <= through)) continue
      assert.strictEqual(LarkError.fromFailure(failure(code), someClasses)._tag, "UnknownApiError", String(code))
    }
  })

  it("takes no stack frames, and restores the limit for other errors", () => {
    const { stack } = LarkError.fromFailure(failure(121006), someClasses)
    assert.match(stack ?? "", /^DataConflict/)
    assert.notMatch(stack ?? "", /^ +at /m)
    assert.match(new Error("mine").stack ?? "", /^ +at /m)
  })

  it("reads the codes of a list once", () => {
    let reads = 0
    class Counted extends LarkError.ApiError("Counted", { kind: "caller", advice: "Count.", codes: [105001] }) {
      static override get codes() {
        reads++
        return super.codes
      }
    }
    const documented = [Counted]
    for (let i = 0; i < 3; i++) assert.instanceOf(LarkError.fromFailure(failure(105001), documented), Counted)
    assert.strictEqual(reads, 1)
  })

  it("keeps the data of a conflict only", () => {
    const data = { host_user: { id: "ou_alice", user_type: 1 } }
    const withData = (code: number) => LarkError.fromFailure({ ...failure(code), data }, someClasses)
    assert.include<object>(withData(121006), { data })
    for (const code of [121005, 99991400, 424242]) assert.notInclude(JSON.stringify(withData(code)), "ou_alice")
  })
})

describe("a class made with ApiError", () => {
  class InvalidParam extends LarkError.ApiError("InvalidParam", {
    advice: "Check the query.",
    keepsData: true,
    codes: [
      121001,
      { code: 121011, advice: "Shorten the query." },
      { code: 121050, through: 121059, kind: "platform", retry: "wait" }
    ]
  }) {}
  const errorOf = (code: number) =>
    LarkError.fromFailure({ ...failure(code, 500), data: "kept" }, [InvalidParam, LarkError.InternalError])

  it("precedes later classes of the list and generic ones", () => {
    const own = { _tag: "InvalidParam", kind: "caller", retry: "never", advice: "Check the query.", data: "kept" }
    assert.include<object>(errorOf(121001), own)
    assert.instanceOf(errorOf(121001), InvalidParam)
    class Throttled extends LarkError.ApiError("Throttled", { kind: "platform", advice: "Wait.", codes: [99991400] }) {}
    assert.strictEqual(LarkError.fromFailure(failure(99991400), [Throttled])._tag, "Throttled")
    assert.strictEqual(LarkError.fromFailure(failure(99991400), [InvalidParam])._tag, "RateLimited")
  })

  it("applies its defaults to codes without settings of their own", () => {
    assert.include<object>(errorOf(121011), { kind: "caller", retry: "never", advice: "Shorten the query." })
    for (const code of [121050, 121055, 121059]) {
      assert.include<object>(errorOf(code), {
        _tag: "InvalidParam",
        kind: "platform",
        retry: "wait",
        advice: "Check the query."
      })
    }
    for (const code of [121049, 121060]) assert.strictEqual(errorOf(code)._tag, "UnknownApiError")
    // Made by hand, with a code that is not the class's.
    assert.include<object>(new InvalidParam(failure(1)), { kind: "caller", retry: "never", advice: "Check the query." })
  })

  it("lists its codes", () => {
    assert.deepStrictEqual(LarkError.tableOf([InvalidParam]).map(({ code, through, tag }) => [code, through, tag]), [
      [121001, undefined, "InvalidParam"],
      [121011, undefined, "InvalidParam"],
      [121050, 121059, "InvalidParam"]
    ])
  })
})

describe("the message of an error", () => {
  it("has endpoint, status, log id and advice for every code", () => {
    for (const code of [...LarkError.table.map((row) => row.code), 424242]) {
      const error = LarkError.fromFailure(failure(code, 418), someClasses)
      if (!("advice" in error)) continue
      assert.match(
        error.message,
        new RegExp(`^\\[${code}\\] said the platform \\(vc.v1.meeting.end, HTTP 418, log id log-1\\)\\.`)
      )
      assert.isTrue(error.message.endsWith(error.advice))
      assert.isAbove(error.advice.length, 10)
    }
  })

  it("omits a missing log id", () => {
    const error = new LarkError.NoPermission({ code: 121005, msg: "no permission", status: 403, endpoint: "e" })
    assert.match(error.message, /^\[121005\] no permission \(e, HTTP 403\)\. Check the kind of token/)
  })

  it("of a lost reply says whether to read the state before another write", () => {
    const lost = new LarkError.TransportError({ endpoint: "e", reason: "ECONNRESET", executed: "unknown" })
    assert.match(
      lost.message,
      /\(e\): ECONNRESET.*may have been executed; read the state .*, and check the network.*\.$/
    )
    const refused = new LarkError.TransportError({ endpoint: "e", reason: "ECONNREFUSED", executed: "no" })
    assert.match(refused.message, /was not executed; check the network/)
  })

  it("of an ended session says why and how to begin another", () => {
    const ended = new LarkError.ReauthorizationRequired({ endpoint: "e", reason: "noSession" })
    assert.match(ended.message, /^The user has to log in again \(e\): there is no session of this user\. Send the user/)
    const refused = new LarkError.ReauthorizationRequired(failure(20037))
    assert.match(refused.message, /^\[20037\] said the platform/)
    assert.strictEqual(refused.reason, "refused")
  })

  it("of a malformed response says whether to read the state before another write", () => {
    const page = new LarkError.MalformedResponse({ endpoint: "e", status: 502, reason: "HTML", logId: "log-1" })
    assert.match(page.message, /\(e, HTTP 502, log id log-1\): HTML.*may have been executed/)
  })
})

describe("kind and retry", () => {
  it("of an unknown code prove nothing, whatever the status", () => {
    for (const status of [200, 400, 403, 404, 429, 500, 502, 503, 504]) {
      const error = LarkError.fromFailure(failure(424242, status), [])
      const kind = status === 429 || status >= 500 ? "platform" : "caller"
      assert.deepStrictEqual([error.kind, error.retry], [kind, "unknown"], String(status))
    }
  })

  it("of another endpoint's code are not those that it has there", () => {
    const error = LarkError.fromFailure(failure(123003, 400), [LarkError.ParamError])
    assert.strictEqual(error.retry, "unknown")
    assert.notInclude(error.message, "Assign at most ten")
  })

  it.each([200, 204, 302, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504])(
    "of a malformed response with HTTP %d prove nothing, and neither does its message",
    (status) => {
      const error = new LarkError.MalformedResponse({ endpoint: "e", status, reason: "HTML" })
      assert.strictEqual(error.retry, "unknown")
      assert.include(error.message, "may have been executed")
      const ofToken = new LarkError.MalformedResponse({ endpoint: "e", status, reason: "HTML", executed: "no" })
      assert.strictEqual(ofToken.retry, "wait")
      assert.include(ofToken.message, "The call was not executed")
    }
  )

  it("are set on errors without a code", () => {
    const transport = { endpoint: "e", reason: "" } as const
    const errors: ReadonlyArray<readonly [LarkError.Classified, LarkError.Kind, LarkError.Retry]> = [
      [new LarkError.TransportError({ ...transport, executed: "no" }), "platform", "wait"],
      [new LarkError.TransportError({ ...transport, executed: "unknown" }), "platform", "unknown"],
      [new LarkError.MalformedResponse({ ...transport, status: 404 }), "setup", "unknown"],
      [new LarkError.MalformedResponse({ ...transport, status: 429 }), "platform", "unknown"],
      [new LarkError.MalformedResponse({ ...transport, status: 200 }), "platform", "unknown"],
      [new LarkError.UnknownApiError(failure(424242, 400)), "caller", "unknown"],
      [new LarkError.UnknownApiError(failure(424242, 408)), "platform", "unknown"],
      [new LarkError.UnknownApiError(failure(424242, 429)), "platform", "unknown"],
      [new LarkError.UnknownApiError({ ...failure(424242, 429), executed: "no" }), "platform", "wait"],
      [new LarkError.PlatformError({ ...failure(5000, 500), executed: "no" }), "platform", "wait"],
      [new LarkError.ReauthorizationRequired({ endpoint: "e", reason: "noSession" }), "caller", "never"],
      [new LarkError.SessionStoreError({ endpoint: "e", reason: "unavailable", detail: "" }), "platform", "wait"],
      [new LarkError.SessionStoreError({ endpoint: "e", reason: "unreadable", detail: "" }), "setup", "never"],
      [new LarkError.AppTicketMissing({ endpoint: "e", reason: "none", resend: "failed" }), "setup", "never"],
      [new LarkError.AppTicketMissing({ endpoint: "e", reason: "none", resend: "requested" }), "platform", "wait"],
      [new LarkError.InvalidTenant({ endpoint: "e", reason: "empty" }), "caller", "never"],
      [Result.getOrThrow(Result.flip(Effect.runSync(Effect.result(MeetingId.makeEffect("x"))))), "caller", "never"],
      [
        Result.getOrThrow(Result.flip(Effect.runSync(Effect.result(MeetingUser.makeEffect("open_id", ""))))),
        "caller",
        "never"
      ]
    ]
    for (const [error, kind, retry] of errors) {
      assert.deepStrictEqual([error.kind, error.retry], [kind, retry], error._tag)
    }
  })

  it("come with the wait that the platform asks for", () => {
    const retryAfter = Duration.seconds(3)
    const error = LarkError.fromFailure({ ...failure(99991400, 429), retryAfter }, [])
    assert.include<object>(error, { _tag: "RateLimited", retryAfter })
  })
})
