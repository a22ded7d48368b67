import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Redacted } from "effect"
import { LarkError, MeetingUser } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { documented } from "../scripts/errors-page.ts"
import * as platform from "./fixtures/http/platform.ts"
import { app, bodyOf, callbackOf, granted, redirectUri, start } from "./fixtures/oauth.ts"
import { alice } from "./fixtures/World.ts"

describe("refresh", () => {
  it.effect("sends the refresh token, with narrower scopes if there are any", () =>
    Effect.gen(function*() {
      const { calls, refresh } = yield* start((_, nth) =>
        granted({ access_token: `a-${nth}`, refresh_token: `r-${nth}` })
      )
      const first = yield* refresh(Redacted.make("r-old"))
      yield* refresh(Option.getOrThrow(first.refreshToken), { scopes: ["vc:meeting", "a", "vc:meeting"] })
      yield* refresh(Redacted.make("r-old"), { scopes: [] })
      const client = { client_id: "cli_test", client_secret: Redacted.value(app.appSecret) }
      assert.deepStrictEqual(calls.map(bodyOf), [
        { grant_type: "refresh_token", refresh_token: "r-old", ...client },
        { grant_type: "refresh_token", refresh_token: "r-0", scope: "vc:meeting a", ...client },
        { grant_type: "refresh_token", refresh_token: "r-old", ...client }
      ])
      assert.strictEqual(Redacted.value(first.accessToken), "a-0")
    }))

  type Failing = readonly [what: string, answer: platform.Reaction, tag: string, retry: LarkError.Retry]

  const failures: ReadonlyArray<Failing> = [
    [
      "a lost reply",
      new platform.Lost(Object.assign(new Error("x"), { code: "ECONNRESET" })),
      "TransportError",
      "unknown"
    ],
    [
      "no connection",
      new platform.Lost(Object.assign(new Error("x"), { code: "ECONNREFUSED", syscall: "connect" })),
      "TransportError",
      "wait"
    ],
    ["silence", Effect.never, "TransportError", "unknown"],
    [
      "an answer that comes too late",
      Effect.delay(Effect.succeed(granted()), "10001 millis"),
      "TransportError",
      "unknown"
    ],
    ["20050", platform.failed(500, 20050), "PlatformError", "unknown"],
    ["20072", platform.failed(503, 20072), "PlatformError", "unknown"],
    ["a gateway's page", { status: 502, body: "<html>" }, "MalformedResponse", "unknown"],
    ["a gateway's timeout", { status: 504, body: "" }, "MalformedResponse", "unknown"],
    ["a limit", platform.failed(429, 99991400), "RateLimited", "wait"],
    ["a rejected token", platform.failed(400, 99991668), "TokenRejected", "token"],
    ["a success without a token", { body: { code: 0 } }, "MalformedResponse", "unknown"]
  ]

  const both = [false, true]

  it.effect.each(failures)(
    "sends one request and never repeats it, as exchange and userInfo do: %s",
    ([, answer, tag, retry]) =>
      Effect.gen(function*() {
        for (const oauthV3 of both) {
          const { authorize, calls, exchange, refresh, userInfo } = yield* start(() => answer, { oauthV3 })
          const login = yield* authorize({ redirectUri })
          const operations = [
            Effect.asVoid(exchange(login, callbackOf(login))),
            Effect.asVoid(refresh(Redacted.make("r"))),
            Effect.asVoid(userInfo(Redacted.make("a")))
          ]
          for (const [index, operation] of operations.entries()) {
            const fiber = yield* Effect.forkChild(Effect.flip(operation))
            yield* TestClock.adjust("1 hour")
            const error = yield* Fiber.join(fiber)
            assert.strictEqual(error._tag, tag)
            assert.strictEqual(error.retry, retry)
            assert.strictEqual(calls.length, index + 1)
          }
        }
      })
  )

  it.effect("times out after 9 seconds, not before", () =>
    Effect.gen(function*() {
      const { refresh } = yield* start(() => Effect.delay(Effect.succeed(granted()), "8999 millis"))
      const fiber = yield* Effect.forkChild(refresh(Redacted.make("r-1")))
      yield* TestClock.adjust("9 seconds")
      yield* Fiber.join(fiber)
    }))
})

describe("an error code", () => {
  const statuses = new Map(
    [...documented("generic"), ...documented("session")].flatMap(([, codes]) =>
      codes.map(({ code, status }) => [code, status] as const)
    )
  )
  const rows = LarkError.table.filter(({ code }) => statuses.has(code))

  it("has a row in the table", () => assert.isAbove(rows.length, 60))

  it.effect.each(rows)("$code fails with $tag", (row) =>
    Effect.gen(function*() {
      const status = statuses.get(row.code) ?? 400
      const answer = {
        status,
        body: { code: row.code, error: "invalid_grant", error_description: "what it means", log_id: "l" },
        headers: { "x-tt-logid": "log-1" }
      }
      for (const oauthV3 of [false, true]) {
        const { authorize, calls, exchange, refresh, userInfo } = yield* start(() => answer, { oauthV3 })
        const login = yield* authorize({ redirectUri })
        const token = oauthV3 ? "oauth.v3.token" : "authen.v2.oauth.token"
        const operations = [
          [exchange(login, callbackOf(login)), token],
          [refresh(Redacted.make("r-1")), token],
          [userInfo(Redacted.make("a-1")), "authen.v1.user_info.get"]
        ] as const
        for (const [operation, endpoint] of operations) {
          const error = yield* Effect.flip<unknown, unknown, never>(operation)
          const { _tag, code, logId, msg, retry, status: given } = { ...row, ...Object(error) }
          assert.strictEqual(_tag, row.tag)
          assert.deepInclude({ code, given, logId, msg }, {
            code: row.code,
            given: status,
            logId: "log-1",
            msg: "what it means"
          })
          assert.strictEqual(Object(error).endpoint, endpoint)
          assert.strictEqual(retry, row.retry)
        }
        assert.strictEqual(calls.length, 3)
      }
    }))
})

describe("userInfo", () => {
  const data = {
    name: "Alice",
    en_name: "Alice",
    avatar_url: "https://x",
    open_id: "ou_alice",
    union_id: "on_alice",
    user_id: "alice",
    tenant_key: "tenant-1"
  }
  const token = Redacted.make("eyJ.access.1")

  it.effect("returns the user a token belongs to", () =>
    Effect.gen(function*() {
      const { calls, userInfo } = yield* start(() => platform.ok(data))
      assert.deepStrictEqual(yield* userInfo(token), {
        user: alice,
        unionId: Option.some(MeetingUser.unionId("on_alice")),
        userId: Option.some(MeetingUser.userId("alice")),
        tenantKey: Option.some("tenant-1"),
        name: Option.some("Alice")
      })
      assert.deepStrictEqual(calls, [{
        method: "GET",
        url: "https://open.feishu.cn/open-apis/authen/v1/user_info",
        path: "/open-apis/authen/v1/user_info",
        query: {},
        headers: {
          accept: "application/json",
          "accept-encoding": "identity",
          authorization: "Bearer eyJ.access.1"
        },
        body: undefined
      }])
    }))

  it.effect.each([{}, { union_id: "", user_id: null, tenant_key: 7, name: undefined }])(
    "leaves out what the reply does not have: %o",
    (rest) =>
      Effect.gen(function*() {
        const { userInfo } = yield* start(() => platform.ok({ open_id: "ou_alice", ...rest }))
        assert.deepStrictEqual(yield* userInfo(token), {
          user: alice,
          unionId: Option.none(),
          userId: Option.none(),
          tenantKey: Option.none(),
          name: Option.none()
        })
      })
  )

  const withoutUser = [undefined, null, [], "ou_alice", {}, { open_id: "" }, { open_id: 7 }, { open_id: "a b" }, {
    user_id: "alice"
  }]

  it.effect.each(withoutUser)(
    "fails with MalformedResponse if data has no valid open_id: %o",
    (data) =>
      Effect.gen(function*() {
        const { calls, userInfo } = yield* start(() => platform.ok(data))
        const error = yield* Effect.flip(userInfo(token))
        assert.strictEqual(error._tag, "MalformedResponse")
        assert.match(error.message, /authen\.v1\.user_info\.get.*not as documented/)
        assert.strictEqual(calls.length, 1)
      })
  )

  it.effect.each(["", "a b", "a\n", "a\r\nx: y", "\u{1F511}", "\0"])(
    "sends no request with the token %o",
    (text) =>
      Effect.gen(function*() {
        const { calls, userInfo } = yield* start(() => platform.ok(data))
        const error = yield* Effect.flip(userInfo(Redacted.make(text)))
        assert.strictEqual(error._tag, "InvalidParameter")
        assert.deepStrictEqual(calls, [])
      })
  )

  it.effect("times out after 10 seconds", () =>
    Effect.gen(function*() {
      const { userInfo } = yield* start(() => Effect.never)
      const fiber = yield* Effect.forkChild(Effect.flip(userInfo(token)))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TransportError")
    }))
})
