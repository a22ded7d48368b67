import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { LarkConfig, TenantToken } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import { type Answers, app, bodyOf, v3 } from "./fixtures/oauth.ts"

describe("the tenant token of OAuth v3", () => {
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

  it.effect("is requested with the client credentials in the body", () =>
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

  it.effect("is renewed and rejected as the token of auth v3", () =>
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

  it.effect("is not used by default", () =>
    Effect.gen(function*() {
      for (const options of [{ oauthV3: false }, { oauthV3: undefined }]) {
        const { calls, get, mints } = yield* provision(() => token("t"), options)
        yield* get
        assert.deepStrictEqual([calls.length, mints.length], [0, 1])
      }
    }))
})
