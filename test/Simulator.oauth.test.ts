/**
 * The login of users, and OAuth v2 and v3.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Fiber, Redacted, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClientRequest, UrlParams } from "effect/http"
import { TestClock } from "effect/testing"
import {
  accounts,
  type Answered,
  credentials,
  get,
  type Json,
  on,
  open,
  outcome,
  post,
  send
} from "./fixtures/simulated.ts"

const client = { client_id: credentials.app_id, client_secret: credentials.app_secret }
const redirectUri = "https://example.com/callback?from=feishu#/login"
// The pair of RFC 7636, appendix B.
const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

const loginUrl = (query: Readonly<Record<string, string | undefined>> = {}) => {
  const url = new URL(`${accounts}/open-apis/authen/v1/authorize`)
  const all = {
    client_id: client.client_id,
    response_type: "code",
    redirect_uri: redirectUri,
    scope: "offline_access vc:meeting",
    state: "some-state",
    ...query
  }
  for (const [name, value] of Object.entries(all)) if (value !== undefined) url.searchParams.set(name, value)
  return url.href
}

/** Somebody logs in, and agrees. */
const login = (query?: Readonly<Record<string, string | undefined>>, user: Simulator.UserInput = "ou_alice") =>
  Effect.gen(function*() {
    const callback = yield* (yield* Simulator.Simulator).authorize(loginUrl(query), user)
    return callback.searchParams.get("code") ?? ""
  })

const v2 = (body: Json) => post(`${open}/open-apis/authen/v2/oauth/token`, { ...client, ...body })
const v3 = (body: Json) => post(`${accounts}/oauth/v3/token`, { ...client, ...body })
const ask = { v2, v3 }

const exchange = (code: unknown, more: Json = {}, version: "v2" | "v3" = "v2") =>
  ask[version]({ grant_type: "authorization_code", code, redirect_uri: redirectUri, ...more })

const refresh = (refresh_token: unknown, more: Json = {}, version: "v2" | "v3" = "v2") =>
  ask[version]({ grant_type: "refresh_token", refresh_token, ...more })

const refreshTokenOf = (reply: Answered) => reply.json["refresh_token"]

/** Somebody logs in and the app gets its first pair. */
const session = (version: "v2" | "v3" = "v2", user?: Simulator.UserInput) =>
  Effect.flatMap(login({}, user), (code) => exchange(code, {}, version))

const userInfo = (token: unknown) => get(`${open}/open-apis/authen/v1/user_info`, String(token))

const otherApp = { appId: "cli_other", appSecret: "other-secret" }
const other = { client_id: otherApp.appId, client_secret: otherApp.appSecret }

type Ask = Effect.Effect<Answered, string, Effect.Services<ReturnType<typeof session>>>

const raw = (version: "v2" | "v3", body: unknown): Ask =>
  post(version === "v2" ? `${open}/open-apis/authen/v2/oauth/token` : `${accounts}/oauth/v3/token`, body)

const basic = (secret = client.client_secret) => ({
  authorization: `Basic ${Buffer.from(`${client.client_id}:${secret}`).toString("base64")}`
})

const form = (
  body: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
  url = `${accounts}/oauth/v3/token`
) =>
  send(
    HttpClientRequest.post(url).pipe(
      HttpClientRequest.bodyUrlParams(UrlParams.fromInput(body)),
      HttpClientRequest.setHeaders(headers)
    )
  )

describe("authorize", () => {
  it.effect("sends the browser back with a code and the state", () =>
    on(
      { login: { user: "ou_alice" } },
      Effect.gen(function*() {
        const page = yield* get(loginUrl())
        assert.strictEqual(page.status, 302)
        const callback = new URL(page.headers["location"] ?? "")
        assert.strictEqual(
          `${callback.origin}${callback.pathname}${callback.hash}`,
          "https://example.com/callback#/login"
        )
        assert.deepStrictEqual([...callback.searchParams.keys()], ["from", "code", "state"])
        assert.strictEqual(callback.searchParams.get("state"), "some-state")
        const code = callback.searchParams.get("code") ?? ""
        assert.match(code, /^[A-Za-z0-9_-]{64}$/)
        assert.deepStrictEqual(outcome(yield* exchange(code)), [200, 0])
      })
    ))

  it.effect("the query may say who logs in, and that he declines", () =>
    on(
      { login: { user: "ou_alice" } },
      Effect.gen(function*() {
        const page = yield* get(loginUrl({ simulated_user: "ou_bob", state: undefined }))
        const callback = new URL(page.headers["location"] ?? "")
        assert.isFalse(callback.searchParams.has("state"))
        const granted = yield* exchange(callback.searchParams.get("code"))
        const info = yield* userInfo(granted.json["access_token"])
        assert.strictEqual((info.json["data"] as Json)["open_id"], "ou_bob")

        const declined = yield* get(loginUrl({ simulated_denial: "true" }))
        const query = Object.fromEntries(new URL(declined.headers["location"] ?? "").searchParams)
        assert.deepStrictEqual(query, { from: "feishu", error: "access_denied", state: "some-state" })
        const simulator = yield* Simulator.Simulator
        const byHand = yield* simulator.authorize(loginUrl(), "ou_alice", { deny: true })
        assert.strictEqual(byHand.searchParams.get("error"), "access_denied")
      })
    ))

  const pages: ReadonlyArray<readonly [string, Simulator.Options, string, number | undefined]> = [
    ["nobody is logged in", { login: undefined }, loginUrl(), undefined],
    ["an unknown app", {}, loginUrl({ client_id: "cli_unknown" }), 20048],
    ["a stopped app", { app: { ...Simulator.defaultApp, stopped: true } }, loginUrl(), 20069],
    ["no redirect_uri", {}, loginUrl({ redirect_uri: undefined }), 20029],
    ["a redirect_uri that is none", {}, loginUrl({ redirect_uri: "callback" }), 20029],
    ["another response_type", {}, loginUrl({ response_type: "token" }), 20001],
    ["another challenge method", {}, loginUrl({ code_challenge: "x", code_challenge_method: "S512" }), 20001],
    ["a scope that the app lacks", { app: { ...Simulator.defaultApp, scopes: ["vc:meeting"] } }, loginUrl(), 20027]
  ]
  for (const [name, options, url, code] of pages) {
    it.effect(`${name}: a page, and no redirect`, () =>
      on(
        { login: { user: "ou_alice" }, ...options },
        Effect.gen(function*() {
          const page = yield* get(url)
          assert.strictEqual(page.status, 400)
          assert.match(page.headers["content-type"] ?? "", /^text\/html/)
          assert.isUndefined(page.headers["location"])
          const log = (yield* (yield* Simulator.Simulator).requests)[0]
          assert.deepStrictEqual([log?.endpoint, log?.reply?.code], ["authorize", code])
          if (code !== undefined) {
            assert.include(page.text, String(code))
            const exit = yield* Effect.exit((yield* Simulator.Simulator).authorize(url, "ou_alice"))
            assert.strictEqual(exit._tag, "Failure")
          }
        })
      ))
  }
})

describe("authorization_code", () => {
  for (const version of ["v2", "v3"] as const) {
    it.effect(`${version} gives a pair, with which one acts as the user`, () =>
      on(
        { meetings: [{ id: "1", host: "ou_alice" }] },
        Effect.gen(function*() {
          const reply = yield* session(version)
          const { access_token, refresh_token, ...rest } = reply.json
          assert.deepStrictEqual(rest, {
            code: 0,
            expires_in: 7200,
            refresh_token_expires_in: 604_800,
            token_type: "Bearer",
            scope: "offline_access vc:meeting"
          })
          assert.match(String(access_token), version === "v2" ? /^u-/ : /^eyJ/)
          assert.match(String(refresh_token), version === "v2" ? /^ur-/ : /^eyJ/)
          if (version === "v3") assert.isTrue(String(access_token).length > 1024 && String(access_token).length < 4096)
          const end = HttpClientRequest.patch(`${open}/open-apis/vc/v1/meetings/1/end`).pipe(
            HttpClientRequest.bearerToken(String(access_token))
          )
          assert.deepStrictEqual(outcome(yield* send(end)), [200, 0])
        })
      ))
  }

  it.effect("the code of a success may be a number or a text, in v2", () =>
    on(
      { oauthSuccessCode: "string" },
      Effect.gen(function*() {
        const first = yield* session()
        assert.strictEqual(first.json["code"], "0")
        assert.strictEqual((yield* refresh(refreshTokenOf(first))).json["code"], "0")
        assert.strictEqual((yield* session("v3")).json["code"], 0)
      })
    ))

  it.effect("no refresh token unless this login asked for offline_access", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* session()
        const reply = yield* exchange(yield* login({ scope: "vc:room" }))
        assert.isFalse("refresh_token" in reply.json)
        assert.isFalse("refresh_token_expires_in" in reply.json)
        // What a user has granted adds up.
        assert.strictEqual(reply.json["scope"], "offline_access vc:meeting vc:room")
        assert.strictEqual((yield* exchange(yield* login({ scope: undefined }, "ou_bob"))).json["scope"], "")
      })
    ))

  it.effect("the scopes may be narrowed, each time anew", () =>
    on(
      {},
      Effect.gen(function*() {
        const code = yield* login({ scope: "offline_access a b" })
        assert.deepStrictEqual(outcome(yield* exchange(code, { scope: "a a" })), [400, 20067])
        assert.deepStrictEqual(outcome(yield* exchange(code, { scope: "a c" })), [400, 20068])
        const first = yield* exchange(code, { scope: "a" })
        assert.strictEqual(first.json["scope"], "a")
        const second = yield* refresh(refreshTokenOf(first), { scope: "b" })
        assert.strictEqual(second.json["scope"], "b")
        assert.deepStrictEqual(outcome(yield* refresh(refreshTokenOf(second), { scope: "c" })), [400, 20068])
        assert.strictEqual((yield* refresh(refreshTokenOf(second))).json["scope"], "offline_access a b")
      })
    ))

  it.effect("lives five minutes and works once", () =>
    on(
      {},
      Effect.gen(function*() {
        const codes = yield* Effect.all([login(), login()])
        yield* TestClock.adjust("299999 millis")
        assert.deepStrictEqual(outcome(yield* exchange(codes[0])), [200, 0])
        assert.deepStrictEqual(outcome(yield* exchange(codes[0])), [400, 20065])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(outcome(yield* exchange(codes[1])), [400, 20004])
        assert.strictEqual((yield* (yield* Simulator.Simulator).sessions).length, 1)
      })
    ))

  it.effect("of two exchanges at once one is too late", () =>
    on(
      {},
      Effect.gen(function*() {
        const code = yield* login({ code_challenge: challenge, code_challenge_method: "S256" })
        const both = yield* Effect.all(
          [exchange(code, { code_verifier: verifier }), exchange(code, { code_verifier: verifier })],
          { concurrency: 2 }
        )
        assert.deepStrictEqual(both.map((reply) => reply.json["code"]).sort(), [0, 20065])
      })
    ))

  const s256 = { code_challenge: challenge, code_challenge_method: "S256" }
  const plain = { code_challenge: verifier }
  const proofs: ReadonlyArray<readonly [string, Readonly<Record<string, string>>, Json, number, number]> = [
    ["S256", s256, { code_verifier: verifier }, 0, 0],
    ["S256, the wrong verifier", s256, { code_verifier: `${verifier.slice(1)}x` }, 20049, 20049],
    ["S256, the challenge for a verifier", s256, { code_verifier: challenge }, 20049, 20049],
    ["S256, no verifier", s256, {}, 20049, 20049],
    ["plain, which is the default", plain, { code_verifier: verifier }, 0, 0],
    ["plain", { ...plain, code_challenge_method: "plain" }, { code_verifier: verifier }, 0, 0],
    ["plain, the wrong verifier", plain, { code_verifier: challenge }, 20049, 20049],
    ["too short a verifier", { code_challenge: "short" }, { code_verifier: "short" }, 20049, 20049],
    ["too long a verifier", { code_challenge: "x".repeat(129) }, { code_verifier: "x".repeat(129) }, 20049, 20049],
    ["a strange verifier", { code_challenge: "!".repeat(43) }, { code_verifier: "!".repeat(43) }, 20049, 20049],
    ["a verifier that nobody announced", {}, { code_verifier: verifier }, 0, 20049],
    ["no PKCE", {}, {}, 0, 0]
  ]
  for (const [name, query, more, inV2, inV3] of proofs) {
    it.effect(`PKCE: ${name}`, () =>
      on(
        {},
        Effect.gen(function*() {
          assert.strictEqual((yield* exchange(yield* login(query), more, "v2")).json["code"], inV2)
          assert.strictEqual((yield* exchange(yield* login(query), more, "v3")).json["code"], inV3)
        })
      ))
  }

  it.effect("a failed proof does not consume the code", () =>
    on(
      {},
      Effect.gen(function*() {
        const code = yield* login(s256)
        assert.deepStrictEqual(outcome(yield* exchange(code)), [400, 20049])
        assert.deepStrictEqual(outcome(yield* exchange(code, { redirect_uri: "https://evil.example" })), [400, 20071])
        assert.deepStrictEqual(outcome(yield* exchange(code, { code_verifier: verifier })), [200, 0])
      })
    ))
})

describe("refresh_token", () => {
  it.effect("rotates: the old one is dead at once, the old access token lives on", () =>
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
              appId: "cli_simulator",
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
    "of every generation one token works, and once, whoever comes with whatever it has kept",
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

  it.effect("may end the session when it is used again", () =>
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

  it.effect("may work again for a while", () =>
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

  it.effect("expires, and 365 days after the login nothing helps", () =>
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

  it.effect("is dead once the user takes back what he agreed to", () =>
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

  it.effect("v3 takes the tokens of v2, v2 not those of v3", () =>
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

  it.effect("lives as long as the app says", () =>
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

describe("faults", () => {
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
    ["the request is lost", { _tag: "DropBefore" }, "TransportError", false],
    ["the reply is lost", { _tag: "DropAfter" }, "TransportError", true],
    ["it arrives late", { _tag: "Late", millis: 60_000 }, "TransportError", true],
    ["it is throttled", { _tag: "Throttle", reset: 1, status: 429 }, [429, 99991400], false],
    ["the server fails", { _tag: "ServerError", status: 500, applied: false, body: "envelope" }, [500, 20050], false],
    [
      "the server fails afterwards",
      { _tag: "ServerError", status: 500, applied: true, body: "envelope" },
      [500, 20050],
      true
    ],
    ["the server is away", { _tag: "ServerError", status: 503, applied: false, body: "envelope" }, [503, 20072], false],
    ["a gateway answers", { _tag: "ServerError", status: 502, applied: true, body: "html" }, [502, undefined], true],
    ["the answer is garbage", { _tag: "GarbageBody", body: "<<<", status: 200, applied: true }, [200, undefined], true],
    ["the answer is empty", { _tag: "EmptyBody", status: 200, applied: true }, [200, undefined], true],
    ["a fault of other endpoints", { _tag: "RejectToken", status: 400 }, [200, 0], true]
  ]
  for (const [name, fault, answered, rotated] of lost) {
    it.effect(`a refresh, when ${name}, has ${rotated ? "" : "not "}rotated`, () =>
      Effect.gen(function*() {
        const [faulty, again, tokens] = yield* twice(fault)
        assert.deepStrictEqual(faulty, answered)
        assert.deepStrictEqual(again, rotated ? [400, 20073] : [200, 0])
        assert.strictEqual(tokens, rotated ? 2 : 1)
      }))
  }

  it.effect("a slow answer is one all the same", () =>
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
  const asks: ReadonlyArray<readonly [Simulator.Endpoint, Ask, number | undefined]> = [
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
  for (const [endpoint, request, code] of asks) {
    it.effect(`${endpoint} can be faulty, and answers in its own words: ${code}`, () =>
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

  it.effect("user_info can reject a token", () =>
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

describe("the log", () => {
  it.effect("shows what was asked, and no secret", () =>
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

describe("failures of OAuth", () => {
  const stopped = { app: { ...Simulator.defaultApp, stopped: true } }
  const withOther = { otherApps: [otherApp] }
  const table: ReadonlyArray<readonly [string, Simulator.Options, (version: "v2" | "v3") => Ask, number]> = [
    ["no JSON object", {}, (version) => raw(version, []), 20063],
    ["no JSON", {}, (version) => raw(version, "text"), 20063],
    ["a field that is no text", {}, (version) => exchange(1, {}, version), 20063],
    ["no grant_type", {}, (version) => ask[version]({}), 20001],
    ["no client_id", {}, (version) => exchange("x", { client_id: null }, version), 20001],
    ["no client_secret", {}, (version) => exchange("x", { client_secret: "" }, version), 20001],
    ["no code", {}, (version) => exchange("", {}, version), 20001],
    ["no refresh token", {}, (version) => refresh(null, {}, version), 20001],
    ["an unknown app", {}, (version) => exchange("x", { client_id: "cli_unknown" }, version), 20048],
    ["a wrong secret", {}, (version) => exchange("x", { client_secret: "wrong" }, version), 20002],
    ["a stopped app", stopped, (version) => exchange("x", {}, version), 20069],
    ["another grant_type", {}, (version) => ask[version]({ grant_type: "password" }), 20036],
    ["an unknown code", {}, (version) => exchange("x", {}, version), 20003],
    [
      "the code of another app",
      withOther,
      (version) => Effect.flatMap(login(), (code) => exchange(code, other, version)),
      20024
    ],
    [
      "another redirect_uri",
      {},
      (version) => Effect.flatMap(login(), (code) => exchange(code, { redirect_uri: "https://example.com" }, version)),
      20071
    ],
    ["an unknown refresh token", {}, (version) => refresh("ur-x", {}, version), 20026],
    [
      "an access token for a refresh token",
      {},
      (version) => Effect.flatMap(session(version), (reply) => refresh(reply.json["access_token"], {}, version)),
      20026
    ],
    [
      "the refresh token of another app",
      withOther,
      (version) => Effect.flatMap(session(version), (reply) => refresh(refreshTokenOf(reply), other, version)),
      20024
    ],
    [
      "the switch is off",
      { app: { ...Simulator.defaultApp, mayRefresh: false } },
      (version) => Effect.flatMap(session(version), (reply) => refresh(refreshTokenOf(reply), {}, version)),
      20074
    ]
  ]
  for (const [name, options, request, code] of table) {
    for (const version of ["v2", "v3"] as const) {
      it.effect(`${version}, ${name}: ${code}`, () =>
        on(
          options,
          Effect.gen(function*() {
            const reply = yield* request(version)
            assert.deepStrictEqual(outcome(reply), [400, code])
            assert.deepStrictEqual(Object.keys(reply.json), ["code", "error", "error_description"])
          })
        ))
    }
  }
})

describe("client_credentials", () => {
  const grant_type = "client_credentials"

  it.effect("is a tenant token that is a JWT, in each of the four ways to ask", () =>
    on(
      { meetings: [{ id: "1", host: "ou_alice" }] },
      Effect.gen(function*() {
        const url = `${accounts}/oauth/v3/token`
        const replies = yield* Effect.all([
          v3({ grant_type }),
          form({ grant_type, ...client }),
          post(url, { grant_type }, basic()),
          form({ grant_type }, basic())
        ])
        for (const reply of replies) {
          assert.strictEqual(reply.status, 200)
          assert.deepStrictEqual(Object.keys(reply.json), ["access_token", "expires_in", "token_type"])
          assert.deepStrictEqual(reply.json, replies[0].json)
        }
        const { access_token, expires_in, token_type } = replies[0].json
        assert.deepStrictEqual([expires_in, token_type], [7200, "Bearer"])
        assert.match(String(access_token), /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
        assert.isTrue(String(access_token).length > 1024 && String(access_token).length < 4096)

        const target = `${open}/open-apis/vc/v1/meetings/1`
        assert.deepStrictEqual(outcome(yield* get(target, String(access_token))), [200, 0])
        const simulator = yield* Simulator.Simulator
        assert.strictEqual((yield* simulator.requests).at(-1)?.token, "tenant")
        const [minted] = yield* simulator.tokensMinted
        assert.deepStrictEqual([minted?.kind, minted?.tenant], ["tenant", Simulator.defaultTenant])
        // It is not the token of auth/v3.
        const old = yield* post(`${open}/open-apis/auth/v3/tenant_access_token/internal`, credentials)
        assert.match(String(old.json["tenant_access_token"]), /^t-/)
        yield* simulator.rejectTokens
        assert.deepStrictEqual(outcome(yield* get(target, String(access_token))), [400, 99991663])
      })
    ))

  it.effect("is the same token while half an hour is left", () =>
    on(
      {},
      Effect.gen(function*() {
        const first = yield* v3({ grant_type })
        yield* TestClock.adjust("90 minutes")
        assert.deepStrictEqual((yield* v3({ grant_type })).json, { ...first.json, expires_in: 1800 })
        yield* TestClock.adjust("1 second")
        assert.notStrictEqual((yield* v3({ grant_type })).json["access_token"], first.json["access_token"])
      })
    ))

  it.effect("has failures of its own", () =>
    Effect.gen(function*() {
      const code = (options: Simulator.Options, request: Ask) => on(options, Effect.map(request, outcome))
      const url = `${accounts}/oauth/v3/token`
      assert.deepStrictEqual(yield* code({}, post(url, { grant_type, ...client }, basic())), [400, 20070])
      assert.deepStrictEqual(yield* code({}, post(url, { grant_type }, basic("wrong"))), [400, 20002])
      assert.deepStrictEqual(yield* code({}, post(url, { grant_type }, { authorization: "Basic !" })), [400, 20001])
      assert.deepStrictEqual(yield* code({ app: { ...Simulator.defaultApp, type: "store" } }, v3({ grant_type })), [
        400,
        20036
      ])
      assert.deepStrictEqual(yield* code({}, v2({ grant_type })), [400, 20036])
      // v2 knows no client but the one in a JSON body.
      const old = `${open}/open-apis/authen/v2/oauth/token`
      assert.deepStrictEqual(
        yield* code({}, post(old, { grant_type: "refresh_token", refresh_token: "ur-x" }, basic())),
        [400, 20001]
      )
      assert.deepStrictEqual(yield* code({}, post(old, { grant_type, ...client }, basic())), [400, 20070])
      assert.deepStrictEqual(yield* code({}, form({ grant_type, ...client }, {}, old)), [400, 20063])
    }))
})

describe("v3", () => {
  it.effect("takes a form for a user as well", () =>
    on(
      {},
      Effect.gen(function*() {
        const code = yield* login({ code_challenge: challenge, code_challenge_method: "S256" })
        const grant = { grant_type: "authorization_code", redirect_uri: redirectUri, code_verifier: verifier }
        const first = yield* form({ ...grant, ...client, code })
        assert.deepStrictEqual(outcome(first), [200, 0])
        const next = { grant_type: "refresh_token", refresh_token: String(refreshTokenOf(first)) }
        assert.deepStrictEqual(outcome(yield* form(next, basic())), [200, 0])
      })
    ))
})

describe("user_info", () => {
  it.effect("tells who the user is", () =>
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

  it.effect("keeps the user_id from an app without the scope for it", () =>
    on(
      { userIdScope: false },
      Effect.gen(function*() {
        const reply = yield* userInfo((yield* session()).json["access_token"])
        assert.isFalse("user_id" in (reply.json["data"] as Json))
      })
    ))

  it.effect("refuses what is no user token, and a user token that is not accepted", () =>
    on(
      {},
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const tenant = yield* v3({ grant_type: "client_credentials" })
        const expired = yield* simulator.userToken("ou_alice", { expiresIn: "1 second" })
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(outcome(yield* get(`${open}/open-apis/authen/v1/user_info`)), [400, 99991661])
        assert.deepStrictEqual(outcome(yield* userInfo("nonsense")), [400, 99991671])
        assert.deepStrictEqual(outcome(yield* userInfo("t-unknown")), [400, 99991663])
        assert.deepStrictEqual(outcome(yield* userInfo(tenant.json["access_token"])), [400, 99991663])
        assert.deepStrictEqual(outcome(yield* userInfo("u-unknown")), [200, 20005])
        assert.deepStrictEqual(outcome(yield* userInfo(Redacted.value(expired))), [200, 20005])
      })
    ))
})
