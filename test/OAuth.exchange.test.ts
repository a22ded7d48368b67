import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, DateTime, Effect, Fiber, Option, Redacted, Schema } from "effect"
import type { LarkConfig, OAuth } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import { app, bodyOf, callbackOf, granted, mark, redirectUri, start, v2, v3 } from "./fixtures/oauth.ts"
import { shown } from "./fixtures/shown.ts"

describe("exchange", () => {
  it.effect("sends the code and the verifier to the token endpoint", () =>
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
          headers: {
            accept: "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json"
          }
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

  const endpoints: ReadonlyArray<readonly [options: Partial<LarkConfig.Options>, url: string]> = [
    [{ brand: "lark" }, "https://open.larksuite.com/open-apis/authen/v2/oauth/token"],
    [{ brand: "lark", oauthV3: true }, "https://accounts.larksuite.com/oauth/v3/token"],
    [{ oauthV3: true }, v3],
    [{ oauthV3: false }, v2],
    [{ baseUrl: "http://127.0.0.1:8787" }, "http://127.0.0.1:8787/open-apis/authen/v2/oauth/token"],
    [{ baseUrl: "http://127.0.0.1:8787", oauthV3: true }, "http://127.0.0.1:8787/oauth/v3/token"],
    [{ accountsUrl: "https://login.example", oauthV3: true }, "https://login.example/oauth/v3/token"]
  ]

  it.effect.each(endpoints)(
    "uses the token endpoint of the configuration: %o",
    ([options, url]) =>
      Effect.gen(function*() {
        const { authorize, calls, exchange, refresh } = yield* start(undefined, options)
        const login = yield* authorize({ redirectUri })
        yield* exchange(login, callbackOf(login))
        yield* refresh(Redacted.make("r-1"))
        assert.deepStrictEqual(calls.map((call) => call.url), [url, url])
      })
  )

  it.effect("returns the tokens, with times counted from before the request", () =>
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

  /** The result of an exchange that gets this answer. */
  const exchangeWith = (answer: platform.Answer, options?: Partial<LarkConfig.Options>) =>
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
      ["the code as a string", { code: "0" }, [7200, 604_800]],
      ["the times as strings", { expires_in: "60", refresh_token_expires_in: "120" }, [60, 120]],
      ["no refresh token, without offline_access", {
        refresh_token: undefined,
        refresh_token_expires_in: undefined
      }, [7200]],
      ["an empty refresh token", { refresh_token: "" }, [7200]],
      ["a refresh token of another type", { refresh_token: 7 }, [7200]],
      ["no time for the refresh token", { refresh_token_expires_in: undefined }, [7200, undefined]],
      ["a negative time for the refresh token", { refresh_token_expires_in: -1 }, [7200, undefined]],
      ["a time for the refresh token beyond the range of dates", { refresh_token_expires_in: 1e300 }, [
        7200,
        undefined
      ]],
      ["a time of zero for the refresh token", { refresh_token_expires_in: 0 }, [7200, undefined]],
      // The tokens that were sent are used up, so the reply must not be lost.
      ["no expiry, as five minutes", { expires_in: undefined }, [300, 604_800]],
      ["an expiry of null, as five minutes", { expires_in: null }, [300, 604_800]],
      ["an expiry of zero, as five minutes", { expires_in: 0 }, [300, 604_800]],
      ["a negative expiry, as five minutes", { expires_in: -7200 }, [300, 604_800]],
      ["an expiry beyond the range of dates, as five minutes", { expires_in: 1e300 }, [300, 604_800]],
      ["an expiry in words, as five minutes", { expires_in: "soon" }, [300, 604_800]],
      ["an expiry of true, as five minutes", { expires_in: true }, [300, 604_800]],
      ["an expiry in a list, as five minutes", { expires_in: [7200] }, [300, 604_800]],
      ["a token of 4 KB", { access_token: "e".repeat(4096) }, [7200, 604_800]]
    ]

  it.effect.each(successes)("accepts %s", ([, rest, expected]) =>
    Effect.gen(function*() {
      const result = yield* exchangeWith(granted(rest))
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
      const result = yield* exchangeWith(granted({ scope }))
      assert.deepStrictEqual(result._tag === "Success" ? result.success.scopes : result.failure, expected)
    }))

  const malformed: ReadonlyArray<readonly [what: string, answer: platform.Answer, says: RegExp]> = [
    ["no access token", granted({ access_token: undefined }), /no access_token/],
    ["an empty access token", granted({ access_token: "" }), /no access_token/],
    ["a list of access tokens", granted({ access_token: ["a"] }), /no access_token/],
    ["a failure without a code", { status: 400, body: { error: "invalid_grant" } }, /the body has no code/],
    ["a success with a status of failure", { ...granted(), status: 500 }, /but the HTTP status does not/],
    ["an HTML page", { status: 502, body: "<html>", headers: { "content-type": "text/html" } }, /not JSON/],
    ["an empty body", { body: "" }, /empty/],
    ["a list", { body: [] }, /not a JSON object/]
  ]

  it.effect.each(malformed)("fails with MalformedResponse for %s", ([, answer, says]) =>
    Effect.gen(function*() {
      const result = yield* exchangeWith(answer)
      if (result._tag === "Success") return assert.fail("it was accepted")
      assert.strictEqual(result.failure._tag, "MalformedResponse")
      assert.match(result.failure.message, says)
    }))

  const codeless: ReadonlyArray<readonly [what: string, answer: platform.Answer, tag: string]> = [
    ["a success without a code", granted({ code: undefined }), "Success"],
    ["a success with one", granted(), "Success"],
    ["an error without a code, with HTTP 400", { status: 400, body: { error: "invalid_grant" } }, "MalformedResponse"],
    ["an error without a code, with HTTP 200", { body: { error: "invalid_grant" } }, "MalformedResponse"],
    ["a code of null", granted({ code: null }), "MalformedResponse"],
    ["a token with HTTP 500", { ...granted({ code: undefined }), status: 500 }, "MalformedResponse"],
    ["an error with a code", platform.failed(400, 20004), "ReauthorizationRequired"],
    ["an error with a code and HTTP 200", platform.failed(200, 20004), "ReauthorizationRequired"]
  ]

  it.effect.each(codeless)("reads with OAuth v2 and v3 %s", ([, answer, tag]) =>
    Effect.gen(function*() {
      for (const oauthV3 of [false, true]) {
        const result = yield* exchangeWith(answer, { oauthV3 })
        assert.strictEqual(result._tag === "Success" ? "Success" : result.failure._tag, tag)
        const isFailed = answer.status !== undefined && answer.status >= 400
        if (result._tag === "Failure" && tag === "MalformedResponse" && isFailed) {
          assert.match(result.failure.message, /the body has no code/)
        }
      }
    }))

  it.effect("succeeds once if it is called concurrently with one code", () =>
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

describe("a callback", () => {
  /** The result of a callback that is built from the state of a login. */
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
    ["an absolute URL as a string", (state) => `https://app.example/callback?state=${state}&code=c-1`, "code c-1"],
    ["a path", (state) => `/callback?code=c-1&state=${state}`, "code c-1"],
    ["a query", (state) => `?code=c-1&state=${state}`, "code c-1"],
    ["of a server behind a proxy", (state) => `http://10.0.0.1:8080/x?code=c-1&state=${state}`, "code c-1"],
    ["with an encoded code", (state) => `?code=a%26b%3D%2B+c&state=${state}`, "code a&b=+ c"],
    ["with other parameters", (state) => `?a=1&code=c-1&a=2&state=${state}&iss=x#code=2`, "code c-1"],
    ["with an empty error", (state) => `?error=&code=c-1&state=${state}`, "code c-1"],
    ["denied", (state) => `?error=access_denied&state=${state}`, "accessDenied access_denied"],
    ["denied, with a code", (state) => `?error=access_denied&code=c-1&state=${state}`, "accessDenied access_denied"],
    ["failed", (state) => `?error=invalid_scope&state=${state}`, "failed invalid_scope"],
    ["failed, with an error that is not a word", (state) => `?error=${mark}%20a&code=c-1&state=${state}`, "failed"],
    ["failed, with a long error", (state) => `?error=${"x".repeat(65)}&state=${state}`, "failed"],
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
    ["with the name of the state in capitals", (state) => `?code=c-1&STATE=${state}`, "stateMismatch"],
    [
      "with the last character of the state missing",
      (state) => `?code=c-1&state=${state.slice(0, -1)}`,
      "stateMismatch"
    ],
    ["with the first character of the state missing", (state) => `?code=c-1&state=${state.slice(1)}`, "stateMismatch"],
    ["with a character after the state", (state) => `?code=c-1&state=${state}A`, "stateMismatch"],
    ["with a character before the state", (state) => `?code=c-1&state=A${state}`, "stateMismatch"],
    ["with a space after the state", (state) => `?code=c-1&state=${state}+`, "stateMismatch"],
    ["with the state in the fragment", (state) => `?code=c-1#state=${state}`, "stateMismatch"],
    ["that is empty", () => "", "stateMismatch"],
    ["that is not a URL", () => `http://[?code=${mark}`, "stateMismatch"]
  ]

  it.effect.each(forms)("%s is read", ([, callback, result]) =>
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

  it.effect("with any one character of the state changed is refused", () =>
    Effect.gen(function*() {
      for (let at = 0; at < 43; at++) {
        const result = yield* read((state) =>
          `?code=c-1&state=${state.slice(0, at)}${state[at] === "A" ? "B" : "A"}${state.slice(at + 1)}`
        )
        assert.strictEqual(result, "stateMismatch", String(at))
      }
    }))
})
