import { assert, describe, it } from "@effect/vitest"
import {
  Arbitrary,
  Cause,
  Context,
  DateTime,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Option,
  Redacted,
  References,
  Schema,
  Tracer
} from "effect"
import { Lark, LarkConfig, LarkError, MeetingId, Meetings, MeetingUser, OAuth, TenantToken } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { Digest, SecureRandom } from "effect/crypto"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import * as platform from "./fixtures/http/platform.ts"

/** Part of every secret in here, and of nothing else. */
const mark = "Zq7Xw"

const app = { appId: "cli_test", appSecret: Redacted.make(`${mark}-app"secret\\with/all+signs`) }

const redirectUri = "https://app.example/callback?from=feishu"

const v2 = "https://open.feishu.cn/open-apis/authen/v2/oauth/token"
const v3 = "https://accounts.feishu.cn/oauth/v3/token"

const granted = (rest: Readonly<Record<string, unknown>> = {}): platform.Answer => ({
  body: {
    code: 0,
    access_token: "eyJ.access.1",
    expires_in: 7200,
    refresh_token: "eyJ.refresh.1",
    refresh_token_expires_in: 604800,
    token_type: "Bearer",
    scope: "vc:meeting offline_access",
    ...rest
  }
})

type Answers = Parameters<typeof platform.make>[0]

/** The service, and the platform that it talks to. */
const start = (answer: Answers = () => granted(), options: Partial<LarkConfig.Options> = {}) =>
  Effect.gen(function*() {
    const feishu = platform.make(answer)
    const layer = OAuth.layer.pipe(
      Layer.provide(LarkConfig.layer({ ...app, ...options })),
      Layer.provide(feishu.layer)
    )
    const service = yield* Effect.provide(OAuth.OAuth, yield* Layer.build(layer))
    return { ...service, calls: feishu.calls, mints: feishu.mints }
  })

/** The browser comes back with a code. */
const callbackOf = (login: OAuth.Login, code = "c-1") =>
  `${login.redirectUri}&code=${code}&state=${encodeURIComponent(Redacted.value(login.state))}`

const bodyOf = (call: platform.Arrived | undefined): unknown => JSON.parse(call?.body ?? "null")

/** Everything that a value shows of itself. */
const shown = (value: unknown): ReadonlyArray<string> => [
  String(value),
  JSON.stringify(value) ?? "",
  inspect(value, { depth: 20, showHidden: true, maxArrayLength: null, maxStringLength: null }),
  ...(value instanceof Error ? [value.message, value.stack ?? ""] : [])
]

describe("authorize", () => {
  const parametersOf = (login: OAuth.Login) => [...new URL(login.url).searchParams]

  it.effect("makes the URL to send the user to, and sends no request", () =>
    Effect.gen(function*() {
      const { authorize, calls, mints } = yield* start()
      const login = yield* authorize({ redirectUri, scopes: ["vc:meeting", "offline_access"], prompt: "consent" })
      const url = new URL(login.url)
      assert.strictEqual(`${url.origin}${url.pathname}`, "https://accounts.feishu.cn/open-apis/authen/v1/authorize")
      const verifier = new TextEncoder().encode(Redacted.value(login.verifier))
      const digest = yield* Effect.promise(() => crypto.subtle.digest("SHA-256", verifier))
      assert.deepStrictEqual([...url.searchParams], [
        ["client_id", "cli_test"],
        ["response_type", "code"],
        ["redirect_uri", redirectUri],
        ["scope", "vc:meeting offline_access"],
        ["state", Redacted.value(login.state)],
        ["code_challenge", Buffer.from(digest).toString("base64url")],
        ["code_challenge_method", "S256"],
        ["prompt", "consent"]
      ])
      assert.include(login.url, "vc%3Ameeting%20offline_access")
      assert.strictEqual(login.redirectUri, redirectUri)
      assert.deepStrictEqual([...calls, ...mints], [])
    }))

  const places: ReadonlyArray<readonly [options: Partial<LarkConfig.Options>, origin: string]> = [
    [{ brand: "lark" }, "https://accounts.larksuite.com"],
    [{ baseUrl: "http://127.0.0.1:8787" }, "http://127.0.0.1:8787"],
    [{ baseUrl: "http://127.0.0.1:8787", accountsUrl: "https://login.example/sso" }, "https://login.example/sso"],
    [{ oauthV3: true }, "https://accounts.feishu.cn"]
  ]

  it.effect.each(places)("sends the user to where the app is: %o", ([options, origin]) =>
    Effect.gen(function*() {
      const { authorize } = yield* start(undefined, options)
      const login = yield* authorize({ redirectUri })
      assert.isTrue(login.url.startsWith(`${origin}/open-apis/authen/v1/authorize?`), login.url)
      assert.deepStrictEqual(parametersOf(login).map(([name]) => name), [
        "client_id",
        "response_type",
        "redirect_uri",
        "state",
        "code_challenge",
        "code_challenge_method"
      ])
    }))

  it.effect("has the verifier and the challenge of RFC 7636, appendix B", () =>
    Effect.gen(function*() {
      // dprint-ignore
      const octets = [
        116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191,
        240, 91, 88, 5, 88, 83, 132, 141, 121
      ]
      const { authorize } = yield* OAuth.make.pipe(
        Effect.provide(LarkConfig.layer(app)),
        Effect.provide(platform.make(() => granted()).layer),
        Effect.provide(Digest.layerWebCrypto),
        Effect.provideService(SecureRandom.SecureRandom, SecureRandom.make(() => Uint8Array.from(octets)))
      )
      const login = yield* authorize({ redirectUri })
      assert.strictEqual(Redacted.value(login.verifier), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
      assert.strictEqual(
        new URL(login.url).searchParams.get("code_challenge"),
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
      )
    }))

  it.effect("draws state and verifier anew for every login, 256 bits of each", () =>
    Effect.gen(function*() {
      const { authorize } = yield* start()
      const logins = yield* Effect.forEach(Array.from({ length: 100 }), () => authorize({ redirectUri }))
      const drawn = logins.flatMap(({ state, verifier }) => [state, verifier]).map(Redacted.value)
      assert.strictEqual(new Set(drawn).size, 200)
      for (const text of drawn) {
        assert.match(text, /^[A-Za-z0-9._~-]{43,128}$/)
        assert.strictEqual(Buffer.from(text, "base64url").length, 32)
      }
      for (const { url, verifier } of logins) assert.notInclude(url, Redacted.value(verifier))
    }))

  it.effect("names each scope once, and 50 of them at most", () =>
    Effect.gen(function*() {
      const { authorize } = yield* start()
      const scopeOf = (scopes: ReadonlyArray<string>) =>
        Effect.map(authorize({ redirectUri, scopes }), ({ url }) => new URL(url).searchParams.get("scope"))
      assert.strictEqual(yield* scopeOf(["b", "a", "b", "a:c"]), "b a a:c")
      assert.isNull(yield* scopeOf([]))
      const many = Array.from({ length: 50 }, (_, n) => `scope:${n}`)
      assert.strictEqual(yield* scopeOf(many), many.join(" "))
      assert.strictEqual(yield* scopeOf([...many, "scope:1"]), many.join(" "))
      const error = yield* Effect.flip(authorize({ redirectUri, scopes: [...many, "one:more"] }))
      assert.strictEqual(error._tag, "InvalidLogin")
      assert.strictEqual(
        error.message,
        "scopes lists 51 scopes, and one authorize request takes 50; request the others in another login."
      )
    }))

  const badScopes = ["", " ", "\t", "a b", "a\nb", " a", "a ", "a\u00a0b", "\u{1F511}", "a\"b", "a\\b", "a\0", "\ud800"]

  it.effect.each(badScopes)("refuses the scope %o", (scope) =>
    Effect.gen(function*() {
      const { authorize } = yield* start()
      const error = yield* Effect.flip(authorize({ redirectUri, scopes: ["vc:meeting", scope] }))
      assert.strictEqual(error._tag, "InvalidLogin")
      assert.strictEqual(error.setting, "scopes")
      assert.match(error.message, /visible ASCII, without whitespace/)
    }))

  const badUris: ReadonlyArray<readonly [uri: string, says: RegExp]> = [
    ["", /http or https URL/],
    ["app.example/callback", /http or https URL/],
    ["/callback", /http or https URL/],
    ["//app.example/callback", /http or https URL/],
    ["https://", /http or https URL/],
    ["ftp://app.example/", /http or https URL/],
    ["javascript:alert(1)", /http or https URL/],
    ["myapp://callback", /http or https URL/],
    [" https://app.example/", /http or https URL/],
    ["https://app.example/\n", /http or https URL/],
    ["https://app.example/a b", /http or https URL/],
    ["https://app.example/\u{1F511}", /percent-encoding for characters outside of ASCII/],
    ["https://app.example/\ud800", /percent-encoding for characters outside of ASCII/],
    ["https://app.example/#", /no fragment/],
    ["https://app.example/#a", /no fragment/],
    [`https://app.example/#${mark}`, /no fragment/]
  ]

  it.effect.each(badUris)("refuses the redirect URI %o", ([uri, says]) =>
    Effect.gen(function*() {
      const { authorize } = yield* start()
      const error = yield* Effect.flip(authorize({ redirectUri: uri, scopes: ["a"] }))
      assert.strictEqual(error._tag, "InvalidLogin")
      assert.strictEqual(error.setting, "redirectUri")
      assert.isTrue(error.message.startsWith("redirectUri "))
      assert.match(error.message, says)
      assert.notInclude(shown(error).join(), mark)
    }))

  const goodUris = [
    "http://localhost:8787/",
    "https://[::1]/a",
    "https://app.example/cb?x=%23&y=a+b",
    "HTTPS://A.example"
  ]

  it.effect.each(goodUris)("keeps the redirect URI %o as it is", (uri) =>
    Effect.gen(function*() {
      const { authorize } = yield* start()
      const login = yield* authorize({ redirectUri: uri })
      assert.strictEqual(login.redirectUri, uri)
      assert.strictEqual(new URL(login.url).searchParams.get("redirect_uri"), uri)
    }))

  const signs = Schema.Literals([
    "a",
    "Z",
    "0",
    ":",
    "/",
    "?",
    "#",
    "&",
    "=",
    "+",
    "%",
    "%26",
    "%0a",
    " ",
    "\"",
    "\n",
    "é"
  ])
  /** Texts that would like to be more than one parameter. */
  const Text = Arbitrary.map(Arbitrary.array(Arbitrary.schema(signs), { maxLength: 12 }), (texts) => texts.join(""))

  it.effect.prop(
    "says exactly what it was given, whatever that is, or refuses it",
    { rest: Text, scopes: Arbitrary.array(Text, { maxLength: 4 }), host: Text },
    ({ host, rest, scopes }) =>
      Effect.gen(function*() {
        const { authorize } = yield* start()
        for (const uri of [`https://app.example/${rest}`, `https://${host}/`, rest]) {
          const result = yield* Effect.result(authorize({ redirectUri: uri, scopes }))
          if (result._tag === "Failure") {
            const isGood = URL.canParse(uri) && /^https?:[!"$-~]*$/i.test(uri) &&
              scopes.every((s) => /^[!#-[\]-~]+$/.test(s))
            assert.isFalse(isGood, `${uri} ${scopes.join()}`)
            continue
          }
          const login = result.success
          assert.match(login.url, /^https:\/\/accounts\.feishu\.cn\/open-apis\/authen\/v1\/authorize\?[\w.~*%&=-]+$/)
          const [id, type, redirect, ...others] = parametersOf(login)
          assert.deepStrictEqual([id, type, redirect], [
            ["client_id", "cli_test"],
            ["response_type", "code"],
            ["redirect_uri", uri]
          ])
          if (scopes.length > 0) assert.deepStrictEqual(others.shift(), ["scope", [...new Set(scopes)].join(" ")])
          assert.deepStrictEqual(others.map(([name]) => name), ["state", "code_challenge", "code_challenge_method"])
        }
      })
  )
})

describe("a login that has begun", () => {
  const Stored = Schema.fromJsonString(OAuth.Login)

  it.effect("can be kept as text until the user comes back", () =>
    Effect.gen(function*() {
      const { authorize, exchange } = yield* start()
      const login = yield* authorize({ redirectUri })
      const stored = yield* Schema.encodeEffect(Stored)(login)
      const restored = yield* Schema.decodeEffect(Stored)(stored)
      assert.deepStrictEqual(restored, login)
      yield* exchange(restored, callbackOf(login))
    }))

  it.effect("shows neither state nor verifier", () =>
    Effect.gen(function*() {
      const { authorize } = yield* start()
      const { url, ...login } = yield* authorize({ redirectUri })
      for (const text of shown(login)) {
        assert.notInclude(text, Redacted.value(login.state))
        assert.notInclude(text, Redacted.value(login.verifier))
      }
      for (const text of shown({ url })) assert.notInclude(text, Redacted.value(login.verifier))
    }))

  it.effect("is not restored with a state or verifier that could be guessed, which the error does not show", () =>
    Effect.gen(function*() {
      const { authorize } = yield* start()
      const stored = Schema.encodeSync(OAuth.Login)(yield* authorize({ redirectUri }))
      for (const name of ["state", "verifier"]) {
        for (const text of ["", mark, `${mark}${"x".repeat(37)}`, `${mark}${"x".repeat(38)} `, "x".repeat(129)]) {
          const error = yield* Effect.flip(Schema.decodeEffect(OAuth.Login)({ ...stored, [name]: text }))
          for (const seen of shown(error)) assert.notInclude(seen, mark)
        }
      }
    }))
})

describe("exchange", () => {
  it.effect("trades the code at the token endpoint, with the verifier", () =>
    Effect.gen(function*() {
      const { authorize, calls, exchange } = yield* start()
      const login = yield* authorize({ redirectUri })
      yield* exchange(login, callbackOf(login, "c-1"))
      assert.deepStrictEqual(
        calls.map(({ body: _, headers: { "content-length": __, ...headers }, ...call }) => ({
          ...call,
          headers
        })),
        [{
          method: "POST",
          url: v2,
          path: "/open-apis/authen/v2/oauth/token",
          query: {},
          headers: { "content-type": "application/json" }
        }]
      )
      assert.deepStrictEqual(bodyOf(calls[0]), {
        grant_type: "authorization_code",
        code: "c-1",
        redirect_uri: redirectUri,
        code_verifier: Redacted.value(login.verifier),
        client_id: "cli_test",
        client_secret: Redacted.value(app.appSecret)
      })
    }))

  const places: ReadonlyArray<readonly [options: Partial<LarkConfig.Options>, url: string]> = [
    [{ brand: "lark" }, "https://open.larksuite.com/open-apis/authen/v2/oauth/token"],
    [{ brand: "lark", oauthV3: true }, "https://accounts.larksuite.com/oauth/v3/token"],
    [{ oauthV3: true }, v3],
    [{ oauthV3: false }, v2],
    [{ baseUrl: "http://127.0.0.1:8787" }, "http://127.0.0.1:8787/open-apis/authen/v2/oauth/token"],
    [{ baseUrl: "http://127.0.0.1:8787", oauthV3: true }, "http://127.0.0.1:8787/oauth/v3/token"],
    [{ accountsUrl: "https://login.example", oauthV3: true }, "https://login.example/oauth/v3/token"]
  ]

  it.effect.each(places)("asks where the configuration says: %o", ([options, url]) =>
    Effect.gen(function*() {
      const { authorize, calls, exchange, refresh } = yield* start(undefined, options)
      const login = yield* authorize({ redirectUri })
      yield* exchange(login, callbackOf(login))
      yield* refresh(Redacted.make("r-1"))
      assert.deepStrictEqual(calls.map((call) => call.url), [url, url])
    }))

  it.effect("gives the tokens, with times counted from before the request", () =>
    Effect.gen(function*() {
      const { authorize, exchange } = yield* start(() => Effect.delay(Effect.succeed(granted()), "5 seconds"))
      yield* TestClock.setTime(1_000_000)
      const login = yield* authorize({ redirectUri })
      const fiber = yield* Effect.forkChild(exchange(login, callbackOf(login)))
      yield* TestClock.adjust("5 seconds")
      const grant = yield* Fiber.join(fiber)
      assert.strictEqual(Redacted.value(grant.accessToken), "eyJ.access.1")
      assert.strictEqual(DateTime.toEpochMillis(grant.expiresAt), 1_000_000 + 7_200_000)
      assert.strictEqual(Option.getOrUndefined(Option.map(grant.refreshToken, Redacted.value)), "eyJ.refresh.1")
      assert.strictEqual(
        Option.getOrUndefined(Option.map(grant.refreshExpiresAt, DateTime.toEpochMillis)),
        1_000_000 + 604_800_000
      )
      assert.deepStrictEqual(grant.scopes, ["vc:meeting", "offline_access"])
      for (const text of shown(grant)) assert.notInclude(text, "eyJ")
    }))

  /** With a request that is answered like this, and no time passing. */
  const answered = (answer: platform.Answer, options?: Partial<LarkConfig.Options>) =>
    Effect.gen(function*() {
      const { authorize, calls, exchange } = yield* start(() => answer, options)
      const login = yield* authorize({ redirectUri })
      const result = yield* Effect.result(exchange(login, callbackOf(login)))
      assert.strictEqual(calls.length, 1)
      return result
    })

  const seconds = (time: Option.Option<DateTime.Utc>) =>
    Option.getOrUndefined(Option.map(time, (at) => DateTime.toEpochMillis(at) / 1000))

  const successes: ReadonlyArray<readonly [what: string, rest: Readonly<Record<string, unknown>>, expected: unknown]> =
    [
      ["the code as a text", { code: "0" }, [7200, 604_800]],
      ["the times as texts", { expires_in: "60", refresh_token_expires_in: "120" }, [60, 120]],
      ["no refresh token, without offline_access", {
        refresh_token: undefined,
        refresh_token_expires_in: undefined
      }, [7200]],
      ["an empty refresh token", { refresh_token: "" }, [7200]],
      ["a refresh token of another type", { refresh_token: 7 }, [7200]],
      ["no time for the refresh token", { refresh_token_expires_in: undefined }, [7200, undefined]],
      ["a senseless time for the refresh token", { refresh_token_expires_in: -1 }, [7200, undefined]],
      ["a time for the refresh token beyond all dates", { refresh_token_expires_in: 1e300 }, [7200, undefined]],
      ["a token of 4 KB", { access_token: "e".repeat(4096) }, [7200, 604_800]]
    ]

  it.effect.each(successes)("takes %s", ([, rest, expected]) =>
    Effect.gen(function*() {
      const result = yield* answered(granted(rest))
      if (result._tag === "Failure") return assert.fail(result.failure.message)
      const { expiresAt, refreshExpiresAt, refreshToken } = result.success
      assert.deepStrictEqual(
        [
          seconds(Option.some(expiresAt)),
          ...Option.isSome(refreshToken) ? [seconds(refreshExpiresAt)] : []
        ],
        expected
      )
      if (Option.isNone(refreshToken)) assert.isTrue(Option.isNone(refreshExpiresAt))
    }))

  const scopes: ReadonlyArray<readonly [scope: unknown, expected: ReadonlyArray<string>]> = [
    ["a", ["a"]],
    [" a  b\tc ", ["a", "b", "c"]],
    ["", []],
    [undefined, []],
    [null, []],
    [["a"], []]
  ]

  it.effect.each(scopes)("reads the scopes of %o", ([scope, expected]) =>
    Effect.gen(function*() {
      const result = yield* answered(granted({ scope }))
      assert.deepStrictEqual(result._tag === "Success" ? result.success.scopes : result.failure, expected)
    }))

  const malformed: ReadonlyArray<readonly [what: string, answer: platform.Answer, says: RegExp]> = [
    ["no access token", granted({ access_token: undefined }), /no access_token/],
    ["an empty access token", granted({ access_token: "" }), /no access_token/],
    ["a list of access tokens", granted({ access_token: ["a"] }), /no access_token/],
    ["no expiry", granted({ expires_in: undefined }), /expires_in is no time/],
    ["an expiry of null", granted({ expires_in: null }), /expires_in is no time/],
    ["an expiry of zero", granted({ expires_in: 0 }), /expires_in is no time/],
    ["a negative expiry", granted({ expires_in: -7200 }), /expires_in is no time/],
    ["an expiry beyond all dates", granted({ expires_in: 1e300 }), /expires_in is no time/],
    ["an expiry in words", granted({ expires_in: "soon" }), /expires_in is no time/],
    ["no code", granted({ code: undefined }), /the body has no code/],
    ["a failure without a code", { status: 400, body: { error: "invalid_grant" } }, /the body has no code/],
    ["a success with a status of failure", { ...granted(), status: 500 }, /the status does not/],
    ["an HTML page", { status: 502, body: "<html>", headers: { "content-type": "text/html" } }, /not JSON/],
    ["an empty body", { body: "" }, /empty/],
    ["a list", { body: [] }, /not a JSON object/]
  ]

  it.effect.each(malformed)("fails with MalformedResponse for %s", ([, answer, says]) =>
    Effect.gen(function*() {
      const result = yield* answered(answer)
      if (result._tag === "Success") return assert.fail("it was taken")
      assert.strictEqual(result.failure._tag, "MalformedResponse")
      assert.match(result.failure.message, says)
    }))

  const codeless: ReadonlyArray<readonly [what: string, answer: platform.Answer, tag: string]> = [
    ["a success without a code", granted({ code: undefined }), "Success"],
    ["a success with one", granted(), "Success"],
    ["an error without a code, with HTTP 400", { status: 400, body: { error: "invalid_grant" } }, "MalformedResponse"],
    ["an error without a code, with HTTP 200", { body: { error: "invalid_grant" } }, "MalformedResponse"],
    ["a code that is none", granted({ code: null }), "MalformedResponse"],
    ["a token with HTTP 500", { ...granted({ code: undefined }), status: 500 }, "MalformedResponse"],
    ["an error with a code", platform.failed(400, 20004), "ReauthorizationRequired"],
    ["an error with a code and HTTP 200", platform.failed(200, 20004), "ReauthorizationRequired"]
  ]

  it.effect.each(codeless)("of OAuth v3 reads %s", ([, answer, tag]) =>
    Effect.gen(function*() {
      const result = yield* answered(answer, { oauthV3: true })
      assert.strictEqual(result._tag === "Success" ? "Success" : result.failure._tag, tag)
      const isFailed = answer.status !== undefined && answer.status >= 400
      if (result._tag === "Failure" && tag === "MalformedResponse" && isFailed) {
        assert.match(result.failure.message, /the body has no code/)
      }
    }))

  it.effect("of one code at once succeeds once", () =>
    Effect.gen(function*() {
      let used = false
      const { authorize, calls, exchange } = yield* start(() => {
        const answer = used ? platform.failed(400, 20065, "code has been used") : granted()
        used = true
        return Effect.delay(Effect.succeed(answer), "1 second")
      })
      const login = yield* authorize({ redirectUri })
      const fibers = yield* Effect.forEach(
        Array.from({ length: 5 }),
        () => Effect.forkChild(Effect.result(exchange(login, callbackOf(login))))
      )
      yield* TestClock.adjust("1 second")
      const results = yield* Effect.forEach(fibers, Fiber.join)
      const outcomes = results.map((result) => result._tag === "Success" ? "granted" : result.failure._tag)
      assert.deepStrictEqual(outcomes.toSorted(), [
        ...Array.from({ length: 4 }, () => "ReauthorizationRequired"),
        "granted"
      ])
      assert.strictEqual(calls.length, 5)
    }))
})

describe("the callback", () => {
  /** What a callback comes to, made of the login that it may belong to. */
  const read = (callback: (state: string, login: OAuth.Login) => URL | string) =>
    Effect.gen(function*() {
      const { authorize, calls, exchange } = yield* start()
      const login = yield* authorize({ redirectUri })
      const exit = yield* Effect.result(exchange(login, callback(Redacted.value(login.state), login)))
      if (exit._tag === "Success") {
        const body = bodyOf(calls[0])
        return typeof body === "object" && body !== null && "code" in body ? `code ${body.code}` : "no code sent"
      }
      assert.deepStrictEqual(calls, [])
      const error = exit.failure
      if (error._tag !== "LoginRefused") return assert.fail(error.message)
      assert.include(error.message, "The login failed")
      assert.isTrue(error.message.endsWith(error.advice))
      assert.strictEqual(error.retry, "never")
      assert.strictEqual(error.kind, error.reason === "failed" ? "setup" : "caller")
      for (const text of shown(error)) {
        assert.notInclude(text, Redacted.value(login.state))
        assert.notInclude(text, mark)
      }
      return error.error === undefined ? error.reason : `${error.reason} ${error.error}`
    })

  const forms: ReadonlyArray<readonly [what: string, callback: (state: string) => URL | string, result: string]> = [
    ["a URL", (state) => new URL(`https://app.example/callback?code=c-1&state=${state}`), "code c-1"],
    ["an absolute text", (state) => `https://app.example/callback?state=${state}&code=c-1`, "code c-1"],
    ["a path", (state) => `/callback?code=c-1&state=${state}`, "code c-1"],
    ["a query", (state) => `?code=c-1&state=${state}`, "code c-1"],
    ["of a server behind a proxy", (state) => `http://10.0.0.1:8080/x?code=c-1&state=${state}`, "code c-1"],
    ["with an encoded code", (state) => `?code=a%26b%3D%2B+c&state=${state}`, "code a&b=+ c"],
    ["with other parameters", (state) => `?a=1&code=c-1&a=2&state=${state}&iss=x#code=2`, "code c-1"],
    ["with an empty error", (state) => `?error=&code=c-1&state=${state}`, "code c-1"],
    ["denied", (state) => `?error=access_denied&state=${state}`, "accessDenied access_denied"],
    ["denied, with a code", (state) => `?error=access_denied&code=c-1&state=${state}`, "accessDenied access_denied"],
    ["failed", (state) => `?error=invalid_scope&state=${state}`, "failed invalid_scope"],
    ["failed, in more than a word", (state) => `?error=${mark}%20a&code=c-1&state=${state}`, "failed"],
    ["failed, at length", (state) => `?error=${"x".repeat(65)}&state=${state}`, "failed"],
    ["without a code", (state) => `?state=${state}`, "noCode"],
    ["with an empty code", (state) => `?code=&state=${state}`, "noCode"],
    ["with two codes", (state) => `?code=${mark}&code=b&state=${state}`, "noCode"],
    ["with the code in the fragment", (state) => `?state=${state}#code=c-1`, "noCode"],
    ["denied, without the state", () => "?error=access_denied", "stateMismatch"],
    ["without the state", () => "?code=c-1", "stateMismatch"],
    ["with an empty state", () => "?code=c-1&state=", "stateMismatch"],
    ["with the state twice", (state) => `?code=c-1&state=${state}&state=${state}`, "stateMismatch"],
    ["with another state first", (state) => `?code=c-1&state=x&state=${state}`, "stateMismatch"],
    ["with another state last", (state) => `?code=c-1&state=${state}&state=x`, "stateMismatch"],
    ["with the state in other letters", (state) => `?code=c-1&STATE=${state}`, "stateMismatch"],
    ["with the last sign of the state missing", (state) => `?code=c-1&state=${state.slice(0, -1)}`, "stateMismatch"],
    ["with the first sign of the state missing", (state) => `?code=c-1&state=${state.slice(1)}`, "stateMismatch"],
    ["with a sign after the state", (state) => `?code=c-1&state=${state}A`, "stateMismatch"],
    ["with a sign before the state", (state) => `?code=c-1&state=A${state}`, "stateMismatch"],
    ["with a blank after the state", (state) => `?code=c-1&state=${state}+`, "stateMismatch"],
    ["with the state in the fragment", (state) => `?code=c-1#state=${state}`, "stateMismatch"],
    ["that is empty", () => "", "stateMismatch"],
    ["that is no URL", () => `http://[?code=${mark}`, "stateMismatch"]
  ]

  it.effect.each(forms)("%s", ([, callback, result]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* read(callback), result)
    }))

  it.effect("of another login is refused", () =>
    Effect.gen(function*() {
      const { authorize, calls, exchange } = yield* start()
      const mine = yield* authorize({ redirectUri })
      const other = yield* authorize({ redirectUri })
      const error = yield* Effect.flip(exchange(mine, callbackOf(other)))
      assert.strictEqual(error._tag === "LoginRefused" ? error.reason : error._tag, "stateMismatch")
      assert.deepStrictEqual(calls, [])
    }))

  const Change = Schema.Struct({
    at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 43 })),
    removed: Schema.Literals([0, 1]),
    added: Schema.Union([Schema.Literals(["", "A", "a", "0", "-", "_", "=", "\0"]), Schema.String])
  })

  it.effect.prop(
    "with any change of the state is refused",
    { change: Arbitrary.schema(Change) },
    ({ change }) =>
      Effect.gen(function*() {
        let isSame = false
        const result = yield* read((state) => {
          const changed = `${state.slice(0, change.at)}${change.added}${state.slice(change.at + change.removed)}`
          isSame = changed === state
          return `?code=c-1&${new URLSearchParams({ state: changed })}`
        })
        assert.strictEqual(result, isSame ? "code c-1" : "stateMismatch")
      })
  )

  it.effect("with any one sign of the state changed is refused", () =>
    Effect.gen(function*() {
      for (let at = 0; at < 43; at++) {
        const result = yield* read((state) =>
          `?code=c-1&state=${state.slice(0, at)}${state[at] === "A" ? "B" : "A"}${state.slice(at + 1)}`
        )
        assert.strictEqual(result, "stateMismatch", String(at))
      }
    }))
})

describe("refresh", () => {
  it.effect("trades the refresh token, for the scopes of before or fewer", () =>
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
      new platform.Lost(Object.assign(new Error("x"), { code: "ECONNREFUSED" })),
      "TransportError",
      "wait"
    ],
    ["silence", Effect.never, "TransportError", "unknown"],
    [
      "an answer that comes too late",
      Effect.delay(Effect.succeed(granted()), "9001 millis"),
      "TransportError",
      "unknown"
    ],
    ["20050", platform.failed(500, 20050), "PlatformError", "unknown"],
    ["20072", platform.failed(503, 20072), "PlatformError", "unknown"],
    ["a gateway's page", { status: 502, body: "<html>" }, "MalformedResponse", "unknown"],
    ["a gateway's timeout", { status: 504, body: "" }, "MalformedResponse", "unknown"],
    ["a limit", platform.failed(429, 99991400), "RateLimited", "wait"],
    ["a rejected token, which is none of these", platform.failed(400, 99991668), "TokenRejected", "token"],
    ["a success without a token", { body: { code: 0 } }, "MalformedResponse", "unknown"]
  ]

  const both = [false, true]

  it.effect.each(failures)(
    "sends one request and no more, as exchange and userInfo do: %s",
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

  it.effect("is given up after 9 seconds, not before", () =>
    Effect.gen(function*() {
      const { refresh } = yield* start(() => Effect.delay(Effect.succeed(granted()), "8999 millis"))
      const fiber = yield* Effect.forkChild(refresh(Redacted.make("r-1")))
      yield* TestClock.adjust("9 seconds")
      yield* Fiber.join(fiber)
    }))
})

describe("every code of the platform", () => {
  const rows = LarkError.table.filter(({ code }) => code < 121_001 || code > 124_002)

  it("is in the table", () => assert.isAbove(rows.length, 60))

  it.effect.each(rows)("$code is $tag", (row) =>
    Effect.gen(function*() {
      const status = row.status ?? 400
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
  const alice = {
    name: "Alice",
    en_name: "Alice",
    avatar_url: "https://x",
    open_id: "ou_alice",
    union_id: "on_alice",
    user_id: "alice",
    tenant_key: "tenant-1"
  }
  const token = Redacted.make("eyJ.access.1")

  it.effect("tells who a token belongs to", () =>
    Effect.gen(function*() {
      const { calls, userInfo } = yield* start(() => platform.ok(alice))
      assert.deepStrictEqual(yield* userInfo(token), {
        user: MeetingUser.openId("ou_alice"),
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
        headers: { accept: "application/json", authorization: "Bearer eyJ.access.1" },
        body: undefined
      }])
    }))

  it.effect.each([{}, { union_id: "", user_id: null, tenant_key: 7, name: undefined }])(
    "tells the rest only where the platform did: %o",
    (rest) =>
      Effect.gen(function*() {
        const { userInfo } = yield* start(() => platform.ok({ open_id: "ou_alice", ...rest }))
        assert.deepStrictEqual(yield* userInfo(token), {
          user: MeetingUser.openId("ou_alice"),
          unionId: Option.none(),
          userId: Option.none(),
          tenantKey: Option.none(),
          name: Option.none()
        })
      })
  )

  const nobody = [undefined, null, [], "ou_alice", {}, { open_id: "" }, { open_id: 7 }, { open_id: "a b" }, {
    user_id: "alice"
  }]

  it.effect.each(nobody)(
    "fails with MalformedResponse when the data names nobody: %o",
    (data) =>
      Effect.gen(function*() {
        const { calls, userInfo } = yield* start(() => platform.ok(data))
        const error = yield* Effect.flip(userInfo(token))
        assert.strictEqual(error._tag, "MalformedResponse")
        assert.match(error.message, /no valid open_id/)
        assert.strictEqual(calls.length, 1)
      })
  )

  it.effect.each(["", "a b", "a\n", "a\r\nx: y", "\u{1F511}", "\0"])(
    "sends no request with the token %o",
    (text) =>
      Effect.gen(function*() {
        const { calls, userInfo } = yield* start(() => platform.ok(alice))
        const error = yield* Effect.flip(userInfo(Redacted.make(text)))
        assert.strictEqual(error._tag === "TransportError" ? error.executed : error._tag, "no")
        assert.deepStrictEqual(calls, [])
      })
  )

  it.effect("is given up after 9 seconds", () =>
    Effect.gen(function*() {
      const { userInfo } = yield* start(() => Effect.never)
      const fiber = yield* Effect.forkChild(Effect.flip(userInfo(token)))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "TransportError")
    }))
})

describe("the tenant token by OAuth v3", () => {
  const provision = (answer: Answers, options: Partial<LarkConfig.Options> = {}) =>
    Effect.gen(function*() {
      const feishu = platform.make(answer)
      const layer = TenantToken.layer.pipe(
        Layer.provide(LarkConfig.layer({ ...app, oauthV3: true, ...options })),
        Layer.provide(feishu.layer)
      )
      const service = yield* Effect.provide(TenantToken.TenantToken, yield* Layer.build(layer))
      return { ...service, calls: feishu.calls, mints: feishu.mints }
    })

  const token = (text: string, rest: Readonly<Record<string, unknown>> = {}): platform.Answer => ({
    body: { access_token: text, expires_in: 7200, token_type: "Bearer", ...rest }
  })

  it.effect("is asked for with the client's credentials in the body", () =>
    Effect.gen(function*() {
      const long = "e".repeat(4096)
      const { calls, get, mints } = yield* provision(() => token(long))
      assert.strictEqual(Redacted.value(yield* get), long)
      yield* get
      assert.deepStrictEqual(calls.map((call) => [call.method, call.url, call.headers["authorization"]]), [
        ["POST", v3, undefined]
      ])
      assert.deepStrictEqual(bodyOf(calls[0]), {
        grant_type: "client_credentials",
        client_id: "cli_test",
        client_secret: Redacted.value(app.appSecret)
      })
      assert.deepStrictEqual(mints, [])
    }))

  it.effect("is renewed and rejected like the other", () =>
    Effect.gen(function*() {
      const { calls, get, reject } = yield* provision((_, nth) => token(`t-${nth}`, { code: 0 }))
      const first = yield* get
      yield* TestClock.adjust("91 minutes")
      yield* get
      yield* TestClock.adjust("1 second")
      assert.strictEqual(Redacted.value(yield* get), "t-1")
      assert.isTrue(yield* reject(first))
      assert.strictEqual(calls.length, 2)
    }))

  const failures: ReadonlyArray<readonly [what: string, answer: platform.Answer, tag: string]> = [
    ["invalid_client", platform.failed(400, 20002), "CredentialsRejected"],
    ["an unknown app", platform.failed(400, 20048), "CredentialsRejected"],
    ["both kinds of authentication", platform.failed(400, 20070), "InvalidRequest"],
    ["20050, as on Lark", platform.failed(500, 20050), "PlatformError"],
    ["no token", { body: { expires_in: 7200 } }, "MalformedResponse"],
    ["no expiry", token("t", { expires_in: undefined }), "MalformedResponse"],
    ["HTTP 500 with a token", { ...token("t"), status: 500 }, "MalformedResponse"]
  ]

  it.effect.each(failures)("fails with a typed error: %s", ([, answer, tag]) =>
    Effect.gen(function*() {
      const { get } = yield* provision(() => answer)
      const error = yield* Effect.flip(get)
      assert.strictEqual(error._tag, tag)
      assert.strictEqual("endpoint" in error ? error.endpoint : undefined, "oauth.v3.token")
    }))

  it.effect("is off unless it is asked for", () =>
    Effect.gen(function*() {
      for (const options of [{ oauthV3: false }, { oauthV3: undefined }]) {
        const { calls, get, mints } = yield* provision(() => token("t"), options)
        yield* get
        assert.deepStrictEqual([calls.length, mints.length], [0, 1])
      }
    }))
})

describe("with the simulator", () => {
  const { appId, appSecret } = Simulator.defaultApp
  const scopes = ["vc:meeting", "offline_access"]

  /** The whole service, on a simulated Feishu. */
  const on = (
    options: Partial<Simulator.Options> & { readonly oauthV3?: boolean | undefined; readonly appId?: string } = {}
  ) =>
    Effect.gen(function*() {
      const { appId: id = appId, oauthV3, ...simulated } = options
      const context = yield* Layer.build(Layer.provideMerge(
        Layer.merge(Layer.fresh(OAuth.layer), Layer.fresh(TenantToken.layer)).pipe(
          Layer.provide(LarkConfig.layer({ appId: id, appSecret, oauthV3 }))
        ),
        Simulator.layer(simulated)
      ))
      const simulator = Context.get(context, Simulator.Simulator)
      const oauth = Context.get(context, OAuth.OAuth)
      const tenantToken = Context.get(context, TenantToken.TenantToken)
      const client = Context.get(context, HttpClient.HttpClient)
      const logIn = Effect.gen(function*() {
        const login = yield* oauth.authorize({ redirectUri, scopes })
        return yield* oauth.exchange(login, yield* simulator.authorize(login.url, "ou_alice"))
      })
      const arrived = (endpoint: Simulator.Endpoint) =>
        Effect.map(simulator.requests, (requests) => requests.filter((request) => request.endpoint === endpoint).length)
      return { ...oauth, arrived, client, logIn, simulator, tenantToken }
    })

  const refreshTokenOf = (grant: OAuth.Grant) => Option.getOrThrow(grant.refreshToken)

  const failedWith = <E extends { readonly _tag: string }>(operation: Effect.Effect<unknown, E>) =>
    Effect.map(Effect.flip(operation), (error) => "code" in error ? `${error._tag} ${String(error.code)}` : error._tag)

  const versions = [{ oauthV3: false }, { oauthV3: true }]

  it.effect.each(versions)("a user logs in, is known, and is refreshed: %o", (version) =>
    Effect.gen(function*() {
      const { arrived, authorize, exchange, refresh, simulator, userInfo } = yield* on(version)
      const login = yield* authorize({ redirectUri, scopes })
      const callback = yield* simulator.authorize(login.url, "ou_alice")
      const first = yield* exchange(login, callback.href)
      assert.deepStrictEqual(first.scopes, scopes)
      assert.strictEqual(DateTime.toEpochMillis(first.expiresAt), 7_200_000)
      const { user, tenantKey } = yield* userInfo(first.accessToken)
      assert.deepStrictEqual(user, MeetingUser.openId("ou_alice"))
      assert.deepStrictEqual(tenantKey, Option.some(Simulator.defaultTenant))

      yield* TestClock.adjust("1 hour")
      const second = yield* refresh(refreshTokenOf(first))
      assert.strictEqual(DateTime.toEpochMillis(second.expiresAt), 3_600_000 + 7_200_000)
      assert.strictEqual(
        Option.getOrUndefined(Option.map(second.refreshExpiresAt, DateTime.toEpochMillis)),
        3_600_000 + 604_800_000
      )
      assert.deepStrictEqual((yield* userInfo(second.accessToken)).user, user)
      const third = yield* refresh(refreshTokenOf(second), { scopes: ["vc:meeting"] })
      assert.deepStrictEqual(third.scopes, ["vc:meeting"])
      assert.deepStrictEqual((yield* simulator.sessions).map((session) => session.generation), [0, 1, 2])
      assert.deepStrictEqual([yield* arrived("oauth_token"), yield* arrived("user_info")], [3, 2])
    }))

  it.effect("a login without offline_access has no refresh token", () =>
    Effect.gen(function*() {
      const { authorize, exchange, simulator } = yield* on()
      const login = yield* authorize({ redirectUri, scopes: ["vc:meeting"] })
      const grant = yield* exchange(login, yield* simulator.authorize(login.url, "ou_alice"))
      assert.deepStrictEqual([grant.refreshToken, grant.refreshExpiresAt], [Option.none(), Option.none()])
    }))

  it.effect("a user who declines is not logged in", () =>
    Effect.gen(function*() {
      const { arrived, authorize, exchange, simulator } = yield* on()
      const login = yield* authorize({ redirectUri })
      const callback = yield* simulator.authorize(login.url, "ou_alice", { deny: true })
      const error = yield* Effect.flip(exchange(login, callback))
      assert.strictEqual(error._tag === "LoginRefused" ? error.reason : error._tag, "accessDenied")
      assert.strictEqual(yield* arrived("oauth_token"), 0)
    }))

  it.effect("a browser is sent there and back", () =>
    Effect.gen(function*() {
      const { authorize, client, exchange } = yield* on({ login: { user: "ou_bob" } })
      const login = yield* authorize({ redirectUri, scopes: ["vc:meeting", "a:b"] })
      const { headers, status } = yield* client.get(login.url)
      assert.strictEqual(status, 302)
      assert.deepStrictEqual((yield* exchange(login, headers["location"] ?? "")).scopes, ["vc:meeting", "a:b"])
    }))

  it.effect.each(versions)(
    "a code works once, for five minutes, for who began the login: %o",
    (version) =>
      Effect.gen(function*() {
        const { arrived, authorize, exchange, simulator } = yield* on(version)
        const begin = Effect.gen(function*() {
          const login = yield* authorize({ redirectUri, scopes })
          return { login, callback: yield* simulator.authorize(login.url, "ou_alice") }
        })
        const { callback, login } = yield* begin
        const all = yield* Effect.all(Array.from({ length: 10 }, () => Effect.result(exchange(login, callback))), {
          concurrency: "unbounded"
        })
        assert.strictEqual(all.filter((result) => result._tag === "Success").length, 1)
        assert.strictEqual(yield* failedWith(exchange(login, callback)), "ReauthorizationRequired 20065")
        assert.strictEqual(yield* arrived("oauth_token"), 11)

        const late = yield* begin
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual(yield* failedWith(exchange(late.login, late.callback)), "ReauthorizationRequired 20004")

        const mine = yield* begin
        const stolen = { ...mine.login, verifier: late.login.verifier }
        assert.strictEqual(yield* failedWith(exchange(stolen, mine.callback)), "ReauthorizationRequired 20049")
        const elsewhere = { ...mine.login, redirectUri: "https://elsewhere.example/" }
        assert.strictEqual(yield* failedWith(exchange(elsewhere, mine.callback)), "InvalidRequest 20071")
        const invented = mine.callback.href.replace(/code=[^&]*/, "code=invented")
        assert.strictEqual(yield* failedWith(exchange(mine.login, invented)), "ReauthorizationRequired 20003")
        yield* exchange(mine.login, mine.callback)
      })
  )

  it.effect.each(versions)(
    "a refresh token works once, for its time, and until it is revoked: %o",
    (version) =>
      Effect.gen(function*() {
        const { logIn, refresh, simulator } = yield* on(version)
        const first = yield* logIn
        yield* refresh(refreshTokenOf(first))
        assert.strictEqual(yield* failedWith(refresh(refreshTokenOf(first))), "ReauthorizationRequired 20073")

        const second = yield* logIn
        assert.strictEqual(
          yield* failedWith(refresh(refreshTokenOf(second), { scopes: ["never:granted"] })),
          "InvalidRequest 20068"
        )
        yield* TestClock.adjust("7 days")
        assert.strictEqual(yield* failedWith(refresh(refreshTokenOf(second))), "ReauthorizationRequired 20037")

        const third = yield* logIn
        yield* simulator.revokeSessions("ou_alice")
        assert.strictEqual(yield* failedWith(refresh(refreshTokenOf(third))), "ReauthorizationRequired 20064")
        assert.strictEqual(yield* failedWith(refresh(Redacted.make("invented"))), "ReauthorizationRequired 20026")
      })
  )

  it.effect("what is wrong with the app is said of the app", () =>
    Effect.gen(function*() {
      const unknown = yield* on({ appId: "cli_other" })
      assert.strictEqual(yield* failedWith(unknown.refresh(Redacted.make("r"))), "CredentialsRejected 20048")
      const wrongSecret = yield* on({ app: { appId, appSecret: "another" } })
      assert.strictEqual(yield* failedWith(wrongSecret.refresh(Redacted.make("r"))), "CredentialsRejected 20002")
      const stopped = yield* on({ app: { appId, appSecret, stopped: true } })
      assert.strictEqual(yield* failedWith(stopped.refresh(Redacted.make("r"))), "AppUnavailable 20069")
      const switchedOff = yield* on({ app: { appId, appSecret, mayRefresh: false } })
      const grant = yield* switchedOff.logIn
      assert.strictEqual(yield* failedWith(switchedOff.refresh(refreshTokenOf(grant))), "AppUnavailable 20074")
    }))

  const { Fault } = Simulator
  const faults: ReadonlyArray<Simulator.Fault> = [
    Fault.make({ _tag: "Delay", millis: 60_000 }),
    Fault.make({ _tag: "DropBefore" }),
    Fault.make({ _tag: "DropAfter" }),
    Fault.make({ _tag: "Late", millis: 1_000 }),
    Fault.make({ _tag: "ServerError", status: 500, applied: true, body: "envelope" }),
    Fault.make({ _tag: "ServerError", status: 503, applied: false, body: "envelope" }),
    Fault.make({ _tag: "ServerError", status: 502, applied: true, body: "html" }),
    Fault.make({ _tag: "GarbageBody", body: "{", status: 200, applied: true }),
    Fault.make({ _tag: "EmptyBody", status: 200, applied: true })
  ]

  it.effect.each(faults)(
    "a refresh that fails is sent once, and says that it may have been executed: %o",
    (fault) =>
      Effect.gen(function*() {
        for (const version of versions) {
          const { arrived, logIn, refresh, simulator } = yield* on(version)
          const token = refreshTokenOf(yield* logIn)
          yield* simulator.addFaults([{ endpoint: "oauth_token", nth: 0, fault }])
          const fiber = yield* Effect.forkChild(Effect.flip(refresh(token)))
          yield* TestClock.adjust("2 minutes")
          assert.strictEqual((yield* Fiber.join(fiber)).retry, "unknown")
          assert.strictEqual(yield* arrived("oauth_token"), 2)
        }
      })
  )

  it.effect("a limit says when to come back, and leaves the refresh token alone", () =>
    Effect.gen(function*() {
      const { logIn, refresh, simulator } = yield* on()
      const token = refreshTokenOf(yield* logIn)
      yield* simulator.addFaults([
        { endpoint: "oauth_token", nth: 0, fault: { _tag: "Throttle", reset: 3, status: 429 } }
      ])
      const error = yield* Effect.flip(refresh(token))
      assert.deepStrictEqual(error._tag === "RateLimited" ? error.retryAfter : error._tag, Duration.seconds(3))
      yield* refresh(token)
    }))

  it.effect("sessions of v2 go on with v3, not the other way round", () =>
    Effect.gen(function*() {
      const feishu = yield* Layer.build(Simulator.layer())
      const simulator = Context.get(feishu, Simulator.Simulator)
      const by = (oauthV3: boolean) =>
        Effect.map(
          Layer.build(
            Layer.fresh(OAuth.layer).pipe(
              Layer.provide(LarkConfig.layer({ appId, appSecret, oauthV3 })),
              Layer.provide(Layer.succeedContext(feishu))
            )
          ),
          (context) => Context.get(context, OAuth.OAuth)
        )
      const [v2, v3] = [yield* by(false), yield* by(true)]
      const login = yield* v2.authorize({ redirectUri, scopes })
      const first = yield* v2.exchange(login, yield* simulator.authorize(login.url, "ou_alice"))
      const second = yield* v3.refresh(refreshTokenOf(first))
      assert.strictEqual(yield* failedWith(v2.refresh(refreshTokenOf(second))), "ReauthorizationRequired 20026")
    }))

  it.effect("a token of a rejected kind is not the user's", () =>
    Effect.gen(function*() {
      const { tenantToken, userInfo } = yield* on()
      assert.strictEqual(yield* failedWith(userInfo(yield* tenantToken.get)), "TokenRejected 99991663")
      assert.strictEqual(yield* failedWith(userInfo(Redacted.make("u-unknown"))), "TokenRejected 20005")
    }))

  it.effect("an app calls with the tenant token of OAuth v3", () =>
    Effect.gen(function*() {
      const id = MeetingId.make("6911188411932033028")
      const meetings = [{ id, host: "ou_alice" }]
      const lark = Lark.layer({ appId, appSecret, oauthV3: true })
      const program = Effect.gen(function*() {
        const { hostUser } = yield* Meetings.get(id)
        const minted = yield* Simulator.Simulator.use((simulator) => simulator.tokensMinted)
        return [Option.map(hostUser, (user) => user.id), minted.map(({ value }) => Redacted.value(value).slice(0, 3))]
      })
      const result = yield* program.pipe(Effect.provide(lark), Effect.provide(Simulator.layer({ meetings })))
      assert.deepStrictEqual(result, [Option.some("ou_alice"), ["eyJ"]])
    }))
})

describe("no secret is shown", () => {
  /** Runs a program, and gives all that anybody could have seen of it. */
  const watched = <A, E>(program: Effect.Effect<A, E>) =>
    Effect.gen(function*() {
      const texts: Array<string> = []
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const logger = Logger.make<unknown, void>((options) => {
        texts.push(...shown(options.message), Cause.pretty(options.cause), Logger.formatJson.log(options))
      })
      const exit = yield* Effect.exit(program).pipe(
        Effect.tap((exit) => Exit.isFailure(exit) ? Effect.logError("failed", exit.cause) : Effect.log(exit)),
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "All"),
        Effect.provideService(References.MinimumTraceLevel, "All"),
        Effect.provideService(Tracer.Tracer, tracer)
      )
      texts.push(...shown(exit), ...(Exit.isSuccess(exit) ? shown(exit.value) : []))
      if (Exit.isFailure(exit)) {
        texts.push(Cause.pretty(exit.cause))
        for (const reason of exit.cause.reasons) if (Cause.isFailReason(reason)) texts.push(...shown(reason.error))
      }
      for (const { attributes, name, status } of spans) {
        texts.push(name, ...shown([...attributes]))
        if (status._tag === "Ended" && Exit.isFailure(status.exit)) texts.push(Cause.pretty(status.exit.cause))
      }
      return { exit, spans, texts }
    })

  const code = `${mark}-code"\\`
  const refreshToken = Redacted.make(`${mark}-refresh"\\`)
  const accessToken = Redacted.make(`${mark}-access"\\`)

  const operations = Effect.fnUntraced(function*(answer: Answers, oauthV3: boolean) {
    const { authorize, calls, exchange, refresh, userInfo } = yield* start(answer, { oauthV3 })
    const login = yield* authorize({ redirectUri })
    const callback = callbackOf(login, encodeURIComponent(code))
    return { calls, login, all: [exchange(login, callback), refresh(refreshToken), userInfo(accessToken)] }
  })

  const echoes: Readonly<Record<string, (secret: string) => platform.Answer | platform.Lost>> = {
    "in tokens": (secret) => granted({ access_token: secret, refresh_token: secret }),
    "in half a grant": (secret) => granted({ access_token: secret, refresh_token: secret, expires_in: undefined }),
    "in an expiry": (secret) => granted({ expires_in: secret }),
    "in a code": (secret) => granted({ code: secret }),
    "in error_description": (secret) => ({ status: 400, body: { code: 20026, error_description: `for ${secret}` } }),
    "in error": (secret) => ({ status: 400, body: { code: 20002, error: secret } }),
    "in msg": (secret) => platform.failed(400, 20050, `${secret} ${secret}`),
    "in an unknown code's msg": (secret) => platform.failed(400, 424242, secret),
    "in data": (secret) => platform.failed(400, 20001, "", { data: { request: secret } }),
    "in data of a success": (secret) => ({ body: { code: 0, data: { token: secret } } }),
    "in an HTML page": (secret) => ({ status: 502, body: `<html>${secret}</html>` }),
    "in the log id": (secret) => ({ ...platform.failed(400, 20004), headers: { "x-tt-logid": secret } })
  }

  it.effect.each(Object.entries(echoes))(
    "when the platform says back what it was sent, %s",
    ([how, echo]) =>
      Effect.gen(function*() {
        for (const oauthV3 of [false, true]) {
          const secretsIn = (call: platform.Arrived): ReadonlyArray<string> =>
            call.body === undefined
              ? [call.headers["authorization"] ?? ""]
              : Object.values(Object(bodyOf(call))).map(String)
          const { all, login } = yield* operations((call) => echo(secretsIn(call).join(" ")), oauthV3)
          for (const operation of all) {
            const { texts } = yield* watched<unknown, unknown>(operation)
            for (const secret of [mark, Redacted.value(login.verifier), Redacted.value(login.state)]) {
              const leak = texts.find((text) => text.includes(secret))
              assert.isUndefined(leak?.slice(Math.max(0, leak.indexOf(secret) - 200)), how)
            }
          }
        }
      })
  )

  it.effect("in a URL, or in a span, of a request", () =>
    Effect.gen(function*() {
      const { all, calls, login } = yield* operations(() => granted({ data: { open_id: "ou_alice" } }), false)
      const { exit, spans, texts } = yield* watched<unknown, unknown>(Effect.all(all))
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(spans.map((span) => span.name), [
        "OAuth.exchange",
        "POST /open-apis/authen/v2/oauth/token",
        "OAuth.refresh",
        "POST /open-apis/authen/v2/oauth/token",
        "OAuth.userInfo",
        "GET /open-apis/authen/v1/user_info"
      ])
      for (const secret of [mark, Redacted.value(login.verifier)]) {
        assert.isUndefined(texts.find((text) => text.includes(secret)))
        assert.isUndefined(calls.find((call) => call.url.includes(secret)))
      }
      assert.notInclude(login.url, mark)
    }))
})
