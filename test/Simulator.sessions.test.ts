/**
 * Refresh tokens, and what is common to the endpoints of OAuth: user_info, faults, the log.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Fiber, Redacted, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { accounts, credentials, get, type Json, on, open, outcome, post, send } from "./fixtures/simulated.ts"
import {
  type Ask,
  basic,
  client,
  exchange,
  form,
  loginUrl,
  redirectUri,
  refresh,
  refreshTokenOf,
  session,
  userInfo,
  v2,
  v3,
  verifier
} from "./fixtures/simulatedLogin.ts"

describe("refresh_token", () => {
  it.effect("rotates: the old one is invalid at once, the old access token stays valid", () =>
    on(
      {},
      Effect.gen(function*() {
        const first = yield* session()
        yield* TestClock.adjust("1 hour")
        const second = yield* refresh(refreshTokenOf(first))
        assert.deepStrictEqual(outcome(second), [200, 0])
        assert.notStrictEqual(refreshTokenOf(second), refreshTokenOf(first))
        assert.strictEqual(second.json["refresh_token_expires_in"], 604_800)
        assert.deepStrictEqual(outcome(yield* userInfo(first.json["access_token"])), [200, 0])
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(first))), [400, 20073])
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(outcome(yield* userInfo(first.json["access_token"])), [200, 20005])
        assert.deepStrictEqual(outcome(yield* userInfo(second.json["access_token"])), [200, 0])
        const third = yield* refresh(refreshTokenOf(second))
        assert.deepStrictEqual(outcome(third), [200, 0])

        const sessions = yield* (yield* Simulator.Simulator).sessions
        assert.deepStrictEqual(
          sessions.map(({ user, value, ...rest }) => [user.openId, Redacted.value(value), rest]),
          [first, second, third].map((reply, generation) => [
            "ou_alice",
            refreshTokenOf(reply),
            {
              session: 0,
              generation,
              appId: "cli_0123456789abcdef",
              issuedAt: [0, 3_600_000, 7_200_000][generation],
              expiresAt: [604_800_000, 608_400_000, 612_000_000][generation],
              usedAt: [3_600_000, 7_200_000, undefined][generation],
              reusedAt: generation === 0 ? [3_600_000] : [],
              revoked: false
            }
          ])
        )
      })
    ))

  it.effect.prop(
    "works once, and only the newest generation works, for any sequence of uses",
    { picks: Arbitrary.array(Arbitrary.schema(Schema.Natural), { maxLength: 20 }) },
    ({ picks }) =>
      on(
        {},
        Effect.gen(function*() {
          const kept = [refreshTokenOf(yield* session())]
          for (const pick of picks) {
            const place = pick % kept.length
            const reply = yield* refresh(kept[place])
            const newest = place === kept.length - 1
            assert.deepStrictEqual(outcome(reply), newest ? [200, 0] : [400, 20073])
            if (newest) kept.push(refreshTokenOf(reply))
          }
          const sessions = yield* (yield* Simulator.Simulator).sessions
          assert.deepStrictEqual(sessions.map(({ value }) => Redacted.value(value)), kept)
          assert.deepStrictEqual(sessions.map(({ generation }) => generation), [...kept.keys()])
          assert.strictEqual(sessions.filter(({ usedAt }) => usedAt === undefined).length, 1)
          const reuses = sessions.flatMap(({ reusedAt }) => reusedAt).length
          assert.strictEqual(reuses + kept.length - 1, picks.length)
        })
      ),
    { arbitrary: { runs: 25 } }
  )

  it.effect("revokes its session when it is used again, if so configured", () =>
    on(
      { reuseEndsSession: true },
      Effect.gen(function*() {
        const first = yield* session()
        const untouched = yield* session()
        const second = yield* refresh(refreshTokenOf(first))
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(first))), [400, 20073])
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(second))), [400, 20064])
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(untouched))), [200, 0])
        assert.deepStrictEqual(outcome(yield* userInfo(second.json["access_token"])), [200, 0])
      })
    ))

  it.effect("works again for a while, if so configured", () =>
    on(
      { refreshGrace: 10 },
      Effect.gen(function*() {
        const first = yield* session()
        const second = yield* refresh(refreshTokenOf(first))
        yield* TestClock.adjust("9999 millis")
        const again = yield* refresh(refreshTokenOf(first))
        assert.deepStrictEqual(outcome(again), [200, 0])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(first))), [400, 20073])
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(second))), [200, 0])
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(again))), [200, 0])
        const [record] = yield* (yield* Simulator.Simulator).sessions
        assert.deepStrictEqual([record?.usedAt, record?.reusedAt], [0, [9999, 10_000]])
      })
    ))

  it.effect("expires, 365 days after the login at the latest", () =>
    on(
      { app: { ...Simulator.defaultApp, refreshExpire: 300 * 86_400 } },
      Effect.gen(function*() {
        const late = yield* session()
        const first = yield* session()
        yield* TestClock.adjust("200 days")
        const second = yield* refresh(refreshTokenOf(first))
        assert.strictEqual(second.json["refresh_token_expires_in"], 165 * 86_400)
        yield* TestClock.adjust("100 days")
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(late))), [400, 20037])
        yield* TestClock.adjust("65 days")
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(second))), [400, 20037])
      })
    ))

  it.effect("is revoked when the user withdraws consent", () =>
    on(
      { meetings: [{ id: "1", host: "ou_alice" }] },
      Effect.gen(function*() {
        const alice = yield* session()
        const bob = yield* session("v2", "ou_bob")
        const app = yield* v3({ grant_type: "client_credentials" })
        yield* (yield* Simulator.Simulator).revokeSessions("ou_alice")
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(alice))), [400, 20064])
        assert.deepStrictEqual(
          outcome(yield* get(`${open}/open-apis/vc/v1/meetings/1`, String(alice.json["access_token"]))),
          [400, 99991668]
        )
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(bob))), [200, 0])
        assert.deepStrictEqual(outcome(yield* userInfo(bob.json["access_token"])), [200, 0])
        assert.strictEqual(
          (yield* v3({ grant_type: "client_credentials" })).json["access_token"],
          app.json["access_token"]
        )
      })
    ))

  it.effect("of v2 works in v3, but not the reverse", () =>
    on(
      {},
      Effect.gen(function*() {
        const first = yield* session("v2")
        const second = yield* refresh(refreshTokenOf(first), {}, "v3")
        assert.deepStrictEqual(outcome(second), [200, 0])
        assert.match(String(refreshTokenOf(second)), /^eyJ/)
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(second), {}, "v2")), [400, 20026])
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(second), {}, "v3")), [200, 0])
      })
    ))

  it.effect("is valid as long as the app configures", () =>
    on(
      { app: { ...Simulator.defaultApp, userExpire: 60, refreshExpire: 120 } },
      Effect.gen(function*() {
        const first = yield* session()
        assert.deepStrictEqual([first.json["expires_in"], first.json["refresh_token_expires_in"]], [60, 120])
        yield* TestClock.adjust("119999 millis")
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(first))), [200, 0])
        const late = yield* session()
        yield* TestClock.adjust("120 seconds")
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(late))), [400, 20037])
      })
    ))
})

describe("faults of OAuth", () => {
  /** A login, a refresh under a fault, and one after it with the same refresh token. */
  const twice = (fault: Simulator.Fault) =>
    on(
      { faults: [{ endpoint: "oauth_token", nth: 1, fault }] },
      Effect.gen(function*() {
        const first = yield* session()
        const faulty = yield* Effect.match(refresh(refreshTokenOf(first)), {
          onFailure: (tag) => tag,
          onSuccess: outcome
        })
        yield* TestClock.adjust("1 minute")
        const sessions = yield* (yield* Simulator.Simulator).sessions
        return [faulty, outcome(yield* refresh(refreshTokenOf(first))), sessions.length] as const
      })
    )

  const lost: ReadonlyArray<readonly [string, Simulator.Fault, unknown, boolean]> = [
    ["a lost request", { _tag: "DropBefore" }, "TransportError", false],
    ["a lost reply", { _tag: "DropAfter" }, "TransportError", true],
    ["a late request", { _tag: "Late", millis: 60_000 }, "TransportError", true],
    ["a throttled request", { _tag: "Throttle", reset: 1, status: 429 }, [429, 99991400], false],
    ["a failing server", { _tag: "ServerError", status: 500, applied: false, body: "envelope" }, [500, 20050], false],
    [
      "a server that fails afterwards",
      { _tag: "ServerError", status: 500, applied: true, body: "envelope" },
      [500, 20050],
      true
    ],
    [
      "an unavailable server",
      { _tag: "ServerError", status: 503, applied: false, body: "envelope" },
      [503, 20072],
      false
    ],
    [
      "the reply of a gateway",
      { _tag: "ServerError", status: 502, applied: true, body: "html" },
      [502, undefined],
      true
    ],
    ["a garbage reply", { _tag: "GarbageBody", body: "<<<", status: 200, applied: true }, [200, undefined], true],
    ["an empty reply", { _tag: "EmptyBody", status: 200, applied: true }, [200, undefined], true],
    ["a fault that does not apply", { _tag: "RejectToken", status: 400 }, [200, 0], true]
  ]
  for (const [name, fault, received, rotated] of lost) {
    it.effect(`${name}: the refresh token has ${rotated ? "" : "not "}rotated`, () =>
      Effect.gen(function*() {
        const [faulty, again, tokens] = yield* twice(fault)
        assert.deepStrictEqual(faulty, received)
        assert.deepStrictEqual(again, rotated ? [400, 20073] : [200, 0])
        assert.strictEqual(tokens, rotated ? 2 : 1)
      }))
  }

  it.effect("delay the reply", () =>
    on(
      { faults: [{ endpoint: "oauth_token", nth: 0, fault: { _tag: "Delay", millis: 5000 } }] },
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(session(), { startImmediately: true })
        yield* TestClock.adjust("4999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(outcome(yield* Fiber.join(fiber)), [200, 0])
      })
    ))

  const system = { _tag: "ServerError", status: 500, applied: false, body: "envelope" } as const
  const requests: ReadonlyArray<readonly [Simulator.Endpoint, Ask, number | undefined]> = [
    ["tenant_access_token", post(`${open}/open-apis/auth/v3/tenant_access_token/internal`, credentials), 5000],
    ["tenant_access_token", post(`${open}/open-apis/auth/v3/tenant_access_token`, {}), 5000],
    ["app_access_token", post(`${open}/open-apis/auth/v3/app_access_token/internal`, credentials), 5000],
    ["app_access_token", post(`${open}/open-apis/auth/v3/app_access_token`, {}), 5000],
    ["app_ticket_resend", post(`${open}/open-apis/auth/v3/app_ticket/resend`, credentials), 5000],
    ["authorize", get(loginUrl()), undefined],
    ["oauth_token", v2({}), 20050],
    ["oauth_token", v3({}), 20050],
    ["user_info", userInfo("u-x"), 20050],
    ["get", get(`${open}/open-apis/vc/v1/meetings/1`), 121001]
  ]
  for (const [endpoint, request, code] of requests) {
    it.effect(`${endpoint} has its own internal error: ${code}`, () =>
      on(
        { faults: [{ endpoint, nth: 0, fault: system }, { endpoint, nth: 1, fault: { _tag: "DropBefore" } }] },
        Effect.gen(function*() {
          assert.deepStrictEqual(outcome(yield* request), [500, code])
          assert.strictEqual(yield* Effect.flip(request), "TransportError")
          const log = yield* (yield* Simulator.Simulator).requests
          assert.deepStrictEqual(log.map((one) => one.endpoint), [endpoint, endpoint])
          yield* request
        })
      ))
  }

  it.effect("reject the token of user_info", () =>
    on(
      { faults: [{ endpoint: "user_info", nth: 0, fault: { _tag: "RejectToken", status: 400 } }] },
      Effect.gen(function*() {
        const { json } = yield* session()
        assert.deepStrictEqual(outcome(yield* userInfo(json["access_token"])), [400, 99991668])
        assert.deepStrictEqual(outcome(yield* userInfo(json["access_token"])), [200, 20005])
        const [minted] = yield* (yield* Simulator.Simulator).tokensMinted
        assert.deepStrictEqual([minted?.kind, minted?.revoked, minted?.rejections], ["user", true, 2])
      })
    ))
})

describe("the log of OAuth", () => {
  it.effect("shows requests for tokens, without secrets", () =>
    on(
      { login: { user: "ou_alice" } },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const page = yield* get(loginUrl({ code_challenge: verifier }))
        const code = new URL(page.headers["location"] ?? "").searchParams.get("code") ?? ""
        const first = yield* exchange(code, { code_verifier: verifier })
        const second = yield* form(
          { grant_type: "refresh_token", refresh_token: String(refreshTokenOf(first)) },
          basic()
        )
        const third = yield* refresh(refreshTokenOf(second), {}, "v3")
        yield* userInfo(third.json["access_token"])
        yield* post(`${open}/open-apis/auth/v3/app_access_token`, { ...credentials, app_ticket: "some-ticket" })
        yield* post(`${open}/open-apis/auth/v3/tenant_access_token`, { app_access_token: "a-token", tenant_key: "t" })
        yield* post(`${open}/open-apis/auth/v3/wrong/path`, [{ inside: credentials }])
        yield* post(`${accounts}/oauth/v3/token`, client.client_secret)
        yield* send(
          HttpClientRequest.post(`${accounts}/oauth/v3/token`).pipe(
            HttpClientRequest.bodyText(`{"client_secret":"${client.client_secret}"`, "application/json")
          )
        )
        yield* send(
          HttpClientRequest.post(`${accounts}/wrong/path`).pipe(
            HttpClientRequest.bodyText(`secret=${client.client_secret}`, "text/plain")
          )
        )

        const requests = yield* simulator.requests
        assert.deepStrictEqual(requests[0]?.query, {
          client_id: client.client_id,
          response_type: "code",
          redirect_uri: redirectUri,
          scope: "offline_access vc:meeting",
          state: "<redacted>",
          code_challenge: "<redacted>"
        })
        assert.strictEqual(requests[0]?.host, "accounts.feishu.cn")
        assert.deepStrictEqual(requests[1]?.body, {
          client_id: client.client_id,
          client_secret: "<redacted>",
          grant_type: "authorization_code",
          code: "<redacted>",
          redirect_uri: redirectUri,
          code_verifier: "<redacted>"
        })
        assert.deepStrictEqual(requests[2]?.body, { grant_type: "refresh_token", refresh_token: "<redacted>" })
        assert.deepStrictEqual(requests.map((request) => request.token).slice(0, 5), [
          "none",
          "none",
          "none",
          "none",
          "user"
        ])
        const log = JSON.stringify([requests, yield* simulator.sessions, yield* simulator.tokensMinted])
        const secrets = [
          client.client_secret,
          "some-state",
          verifier,
          code,
          "some-ticket",
          "a-token",
          basic().authorization.slice("Basic ".length),
          ...[first, second, third].flatMap(({ json }) => [json["access_token"], json["refresh_token"]].map(String))
        ]
        for (const secret of secrets) assert.notInclude(log, secret)
      })
    ))
})

describe("user_info", () => {
  it.effect("shows the user", () =>
    on(
      { meetings: [{ id: "1", host: { openId: "ou_alice", name: "Alice", tenant: "tenant_a" } }] },
      Effect.gen(function*() {
        const reply = yield* userInfo((yield* session()).json["access_token"])
        assert.deepStrictEqual(reply.json, {
          code: 0,
          msg: "success",
          data: {
            name: "Alice",
            en_name: "Alice",
            avatar_url: "",
            open_id: "ou_alice",
            union_id: "on_alice",
            user_id: "alice",
            tenant_key: "tenant_a"
          }
        })
      })
    ))

  it.effect("has no user_id if the app lacks the scope", () =>
    on(
      { userIdScope: false },
      Effect.gen(function*() {
        const reply = yield* userInfo((yield* session()).json["access_token"])
        assert.isFalse("user_id" in (reply.json["data"] as Json))
      })
    ))

  it.effect("refuses other tokens, and invalid user tokens", () =>
    on(
      {},
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const tenant = yield* v3({ grant_type: "client_credentials" })
        const expired = yield* simulator.userToken("ou_alice", { expiresIn: "1 second" })
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(outcome(yield* get(`${open}/open-apis/authen/v1/user_info`)), [400, 99991661])
        assert.deepStrictEqual(outcome(yield* userInfo("malformed")), [400, 99991671])
        assert.deepStrictEqual(outcome(yield* userInfo("t-unknown")), [400, 99991663])
        assert.deepStrictEqual(outcome(yield* userInfo(tenant.json["access_token"])), [400, 99991663])
        assert.deepStrictEqual(outcome(yield* userInfo("u-unknown")), [200, 20005])
        assert.deepStrictEqual(outcome(yield* userInfo(Redacted.value(expired))), [200, 20005])
      })
    ))
})
