/**
 * Logins, and the first tokens of OAuth v2 and v3.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { accounts, credentials, get, type Json, on, open, outcome, post, send } from "./fixtures/simulated.ts"
import {
  type Ask,
  basic,
  challenge,
  client,
  exchange,
  form,
  login,
  loginUrl,
  other,
  otherApp,
  raw,
  redirectUri,
  refresh,
  refreshTokenOf,
  request,
  session,
  userInfo,
  v2,
  v3,
  verifier
} from "./fixtures/simulatedLogin.ts"

describe("authorize", () => {
  it.effect("redirects the browser with a code and the state", () =>
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

  it.effect("takes the user, and whether the user declines, from the query", () =>
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
    ["an invalid redirect_uri", {}, loginUrl({ redirect_uri: "callback" }), 20029],
    ["another response_type", {}, loginUrl({ response_type: "token" }), 20001],
    ["another challenge method", {}, loginUrl({ code_challenge: "x", code_challenge_method: "S512" }), 20001],
    ["a scope that the app lacks", { app: { ...Simulator.defaultApp, scopes: ["vc:meeting"] } }, loginUrl(), 20027]
  ]
  for (const [name, options, url, code] of pages) {
    it.effect(`shows a page instead of redirecting: ${name}`, () =>
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
    it.effect(`issues a pair of tokens in ${version}, with which the app acts as the user`, () =>
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

  it.effect("has the code of a success as a number or a string, in v2", () =>
    on(
      { oauthSuccessCode: "string" },
      Effect.gen(function*() {
        const first = yield* session()
        assert.strictEqual(first.json["code"], "0")
        assert.strictEqual((yield* refresh(refreshTokenOf(first))).json["code"], "0")
        assert.strictEqual((yield* session("v3")).json["code"], 0)
      })
    ))

  it.effect("issues a refresh token only if this login requested offline_access", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* session()
        const reply = yield* exchange(yield* login({ scope: "vc:room" }))
        assert.isFalse("refresh_token" in reply.json)
        assert.isFalse("refresh_token_expires_in" in reply.json)
        // The scopes of all logins add up.
        assert.strictEqual(reply.json["scope"], "offline_access vc:meeting vc:room")
        assert.strictEqual((yield* exchange(yield* login({ scope: undefined }, "ou_bob"))).json["scope"], "")
      })
    ))

  it.effect("narrows the scopes of each token on request", () =>
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

  it.effect("is valid for five minutes, once", () =>
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

  it.effect("fails for one of two concurrent exchanges", () =>
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
    [
      "a verifier with invalid characters",
      { code_challenge: "!".repeat(43) },
      { code_verifier: "!".repeat(43) },
      20049,
      20049
    ],
    ["a verifier without a challenge", {}, { code_verifier: verifier }, 0, 20049],
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

  it.effect("is not used up by a wrong verifier", () =>
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

describe("failures of OAuth", () => {
  const stopped = { app: { ...Simulator.defaultApp, stopped: true } }
  const withOther = { otherApps: [otherApp] }
  const table: ReadonlyArray<readonly [string, Simulator.Options, (version: "v2" | "v3") => Ask, number]> = [
    ["a body that is not a JSON object", {}, (version) => raw(version, []), 20063],
    ["a body that is not JSON", {}, (version) => raw(version, "text"), 20063],
    ["a field that is not a string", {}, (version) => exchange(1, {}, version), 20063],
    ["no grant_type", {}, (version) => request[version]({}), 20001],
    ["no client_id", {}, (version) => exchange("x", { client_id: null }, version), 20001],
    ["no client_secret", {}, (version) => exchange("x", { client_secret: "" }, version), 20001],
    ["no code", {}, (version) => exchange("", {}, version), 20001],
    ["no refresh token", {}, (version) => refresh(null, {}, version), 20001],
    ["an unknown app", {}, (version) => exchange("x", { client_id: "cli_unknown" }, version), 20048],
    ["a wrong secret", {}, (version) => exchange("x", { client_secret: "wrong" }, version), 20002],
    ["a stopped app", stopped, (version) => exchange("x", {}, version), 20069],
    ["another grant_type", {}, (version) => request[version]({ grant_type: "password" }), 20036],
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
      "an access token in place of a refresh token",
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
      "refreshing not allowed",
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

  it.effect("issues a tenant token as a JWT, for each of the four kinds of request", () =>
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

  it.effect("issues the same token while it is valid for half an hour", () =>
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

  it.effect("has its own failures", () =>
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
      // v2 takes credentials only in a JSON body.
      const old = `${open}/open-apis/authen/v2/oauth/token`
      assert.deepStrictEqual(
        yield* code({}, post(old, { grant_type: "refresh_token", refresh_token: "ur-x" }, basic())),
        [400, 20001]
      )
      assert.deepStrictEqual(yield* code({}, post(old, { grant_type, ...client }, basic())), [400, 20070])
      assert.deepStrictEqual(yield* code({}, form({ grant_type, ...client }, {}, old)), [400, 20063])
    }))
})

describe("OAuth v3", () => {
  it.effect("takes forms for user tokens", () =>
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
