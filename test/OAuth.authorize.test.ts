import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Redacted, Schema } from "effect"
import { type LarkConfig, OAuth } from "effect-lark-meetings"
import { callbackOf, mark, redirectUri, start } from "./fixtures/oauth.ts"
import { shown } from "./fixtures/shown.ts"

describe("authorize", () => {
  const parametersOf = (login: OAuth.Login) => [...new URL(login.url).searchParams]

  it.effect("creates the URL to send the user to, and sends no request", () =>
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

  const origins: ReadonlyArray<readonly [options: Partial<LarkConfig.Options>, origin: string]> = [
    [{ brand: "lark" }, "https://accounts.larksuite.com"],
    [{ baseUrl: "http://127.0.0.1:8787" }, "http://127.0.0.1:8787"],
    [{ baseUrl: "http://127.0.0.1:8787", accountsUrl: "https://login.example/sso" }, "https://login.example/sso"],
    [{ oauthV3: true }, "https://accounts.feishu.cn"]
  ]

  it.effect.each(origins)(
    "uses the login pages of the configuration: %o",
    ([options, origin]) =>
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
      })
  )

  it.effect("draws a new state and verifier for every login, 256 bits each", () =>
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

  it.effect("lists each scope once, and at most 50", () =>
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

  it.effect.each(goodUris)("keeps the redirect URI %o unchanged", (uri) =>
    Effect.gen(function*() {
      const { authorize } = yield* start()
      const login = yield* authorize({ redirectUri: uri })
      assert.strictEqual(login.redirectUri, uri)
      assert.strictEqual(new URL(login.url).searchParams.get("redirect_uri"), uri)
    }))

  const pieces = Schema.Literals([
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
  /** Texts that could add a parameter if they were not encoded. */
  const Text = Arbitrary.map(Arbitrary.array(Arbitrary.schema(pieces), { maxLength: 12 }), (texts) => texts.join(""))

  it.effect.prop(
    "encodes any redirect URI and scopes exactly, or refuses them",
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

describe("a login in progress", () => {
  const Stored = Schema.fromJsonString(OAuth.Login)

  it.effect("survives encoding and decoding", () =>
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

  it.effect("is not decoded with a guessable state or verifier, which the error does not show", () =>
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
