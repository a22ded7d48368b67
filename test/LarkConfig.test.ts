import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect, Layer, Redacted } from "effect"
import { LarkConfig } from "effect-lark-meetings"
import { shown } from "./fixtures/shown.ts"

const secret = "S3cr3t-in-no-output"

const good = { LARK_APP_ID: "cli_a", LARK_APP_SECRET: secret }

const build = (layer: Layer.Layer<LarkConfig.LarkConfig, LarkConfig.InvalidLarkConfig>) =>
  Effect.scoped(Effect.provide(LarkConfig.LarkConfig, layer))

const fromVariables = (variables: Record<string, string>) =>
  build(Layer.provide(LarkConfig.layerConfig(), ConfigProvider.layer(ConfigProvider.fromEnvRecord(variables))))

const fromOptions = (options: Partial<Record<keyof LarkConfig.Options, unknown>>) =>
  // A caller without types may pass anything.
  build(LarkConfig.layer({ appId: "cli_a", appSecret: Redacted.make(secret), ...options } as LarkConfig.Options))

type Wrong = readonly [what: string, setting: string, value: unknown, says: RegExp]

const refused = (error: LarkConfig.InvalidLarkConfig, setting: string, says: RegExp) => {
  assert.strictEqual(error._tag, "InvalidLarkConfig")
  assert.strictEqual(error.setting, setting)
  assert.deepStrictEqual([error.kind, error.retry], ["setup", "never"])
  assert.isTrue(error.message.startsWith(`${setting} `), error.message)
  assert.match(error.message, says)
  for (const text of shown(error)) assert.notInclude(text, secret)
}

describe("environment variables", () => {
  it.effect("need only the app id and the secret; the brand defaults to feishu", () =>
    Effect.gen(function*() {
      const config = yield* fromVariables(good)
      assert.strictEqual(config.appId, "cli_a")
      assert.strictEqual(Redacted.value(config.appSecret), secret)
      assert.strictEqual(config.baseUrl, "https://open.feishu.cn/open-apis")
      for (const text of shown(config)) assert.notInclude(text, secret)
    }))

  it.effect("select the host by the brand", () =>
    Effect.gen(function*() {
      const host = (LARK_BRAND: string) =>
        Effect.map(fromVariables({ ...good, LARK_BRAND }), (config) => config.baseUrl)
      assert.strictEqual(yield* host("feishu"), "https://open.feishu.cn/open-apis")
      assert.strictEqual(yield* host("lark"), "https://open.larksuite.com/open-apis")
      assert.strictEqual(yield* host(""), "https://open.feishu.cn/open-apis")
    }))

  const wrong: ReadonlyArray<Wrong> = [
    ["missing", "LARK_APP_ID", undefined, /missing or empty.*developer console/],
    ["empty", "LARK_APP_ID", "", /missing or empty/],
    ["whitespace", "LARK_APP_ID", " \t", /missing or empty/],
    ["followed by a line feed", "LARK_APP_ID", "cli_a\n", /begins or ends with whitespace/],
    ["missing", "LARK_APP_SECRET", undefined, /missing/],
    ["empty", "LARK_APP_SECRET", "", /missing/],
    ["whitespace", "LARK_APP_SECRET", "  ", /missing or empty/],
    ["followed by a line feed", "LARK_APP_SECRET", `${secret}\n`, /begins or ends with whitespace/],
    ["preceded by a space", "LARK_APP_SECRET", ` ${secret}`, /begins or ends with whitespace/],
    ["whitespace", "LARK_BRAND", " ", /"feishu" or "lark"/],
    ["capitalised", "LARK_BRAND", "Lark", /"feishu" or "lark"/],
    ["another brand", "LARK_BRAND", "dingtalk", /"feishu" or "lark"/],
    ["a property of every object", "LARK_BRAND", "constructor", /"feishu" or "lark"/],
    ["the secret by mistake", "LARK_BRAND", secret, /"feishu" or "lark"/],
    ["whitespace", "LARK_BASE_URL", " ", /http or https URL/],
    ["without a scheme", "LARK_BASE_URL", "open.feishu.cn", /http or https URL/],
    ["with another scheme", "LARK_BASE_URL", "ftp://open.feishu.cn", /http or https URL/],
    ["a script", "LARK_BASE_URL", "javascript:alert(1)", /http or https URL/],
    ["a file", "LARK_BASE_URL", "file:///etc/passwd", /http or https URL/],
    ["without a host", "LARK_BASE_URL", "https://", /http or https URL/],
    ["the secret by mistake", "LARK_BASE_URL", secret, /http or https URL/],
    ["with a user", "LARK_BASE_URL", `https://user:${secret}@open.feishu.cn`, /no user, password/],
    ["with a query", "LARK_BASE_URL", `https://open.feishu.cn/?secret=${secret}`, /no user, password, query/],
    ["with a fragment", "LARK_BASE_URL", `https://open.feishu.cn/#${secret}`, /no user, password, query or fragment/],
    ["whitespace", "LARK_ACCOUNTS_URL", " ", /http or https URL/],
    ["without a scheme", "LARK_ACCOUNTS_URL", "accounts.feishu.cn", /http or https URL/],
    ["a script", "LARK_ACCOUNTS_URL", "javascript:alert(1)", /http or https URL/],
    ["the secret by mistake", "LARK_ACCOUNTS_URL", secret, /http or https URL/],
    ["with a user", "LARK_ACCOUNTS_URL", `https://user:${secret}@accounts.feishu.cn`, /no user, password/],
    ["with a query", "LARK_ACCOUNTS_URL", `https://accounts.feishu.cn/?secret=${secret}`, /no user, password, query/],
    ["with a fragment", "LARK_ACCOUNTS_URL", `https://accounts.feishu.cn/#${secret}`, /query or fragment/],
    ["whitespace", "LARK_OAUTH_V3", " ", /true or false/],
    ["capitalised", "LARK_OAUTH_V3", "True", /true or false/],
    ["a number", "LARK_OAUTH_V3", "1", /true or false/],
    ["a word", "LARK_OAUTH_V3", "yes", /true or false/],
    ["the secret by mistake", "LARK_OAUTH_V3", secret, /true or false/]
  ]

  it.effect.each(wrong)(
    "%s %s fails with an error that names the variable",
    ([, setting, value, says]) =>
      Effect.gen(function*() {
        const entries = Object.entries({ ...good, [setting]: value }).filter((entry) => entry[1] !== undefined)
        const error = yield* Effect.flip(fromVariables(Object.fromEntries(entries.map(([k, v]) => [k, String(v)]))))
        refused(error, setting, says)
      })
  )

  it.effect("an error names the missing variable, not the first one", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(fromVariables({ LARK_APP_ID: "cli_a", LARK_BRAND: "lark" }))
      assert.strictEqual(error.setting, "LARK_APP_SECRET")
    }))
})

describe("the base URL", () => {
  const forms: ReadonlyArray<readonly [given: string, used: string]> = [
    ["http://127.0.0.1:8787", "http://127.0.0.1:8787/open-apis"],
    ["http://127.0.0.1:8787/", "http://127.0.0.1:8787/open-apis"],
    ["https://open.feishu.cn/open-apis", "https://open.feishu.cn/open-apis"],
    ["https://open.feishu.cn/open-apis/", "https://open.feishu.cn/open-apis"],
    ["https://open.feishu.cn//", "https://open.feishu.cn/open-apis"],
    ["HTTPS://Open.Feishu.CN", "https://open.feishu.cn/open-apis"],
    ["https://proxy.example/feishu", "https://proxy.example/feishu/open-apis"],
    ["https://proxy.example/feishu/open-apis//", "https://proxy.example/feishu/open-apis"],
    ["https://proxy.example/a/../b", "https://proxy.example/b/open-apis"],
    ["http://[::1]:8787", "http://[::1]:8787/open-apis"]
  ]

  it.effect.each(forms)("%s resolves to %s", ([given, used]) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* fromVariables({ ...good, LARK_BASE_URL: given })).baseUrl, used)
      assert.strictEqual((yield* fromOptions({ baseUrl: given })).baseUrl, used)
    }))

  it.effect("overrides the brand", () =>
    Effect.gen(function*() {
      const config = yield* fromVariables({ ...good, LARK_BRAND: "lark", LARK_BASE_URL: "http://localhost:1" })
      assert.strictEqual(config.baseUrl, "http://localhost:1/open-apis")
    }))
})

describe("the accounts URL", () => {
  const forms: ReadonlyArray<readonly [variables: Record<string, string>, used: string]> = [
    [{}, "https://accounts.feishu.cn"],
    [{ LARK_BRAND: "feishu" }, "https://accounts.feishu.cn"],
    [{ LARK_BRAND: "lark" }, "https://accounts.larksuite.com"],
    [{ LARK_ACCOUNTS_URL: "" }, "https://accounts.feishu.cn"],
    [{ LARK_BASE_URL: "http://127.0.0.1:8787/" }, "http://127.0.0.1:8787"],
    [{ LARK_BRAND: "lark", LARK_BASE_URL: "https://proxy.example/feishu/open-apis" }, "https://proxy.example/feishu"],
    [{ LARK_ACCOUNTS_URL: "https://login.example/" }, "https://login.example"],
    [{ LARK_ACCOUNTS_URL: "https://login.example/sso//" }, "https://login.example/sso"],
    [{ LARK_BRAND: "lark", LARK_ACCOUNTS_URL: "https://login.example" }, "https://login.example"],
    [{ LARK_BASE_URL: "http://127.0.0.1:1", LARK_ACCOUNTS_URL: "http://127.0.0.1:2" }, "http://127.0.0.1:2"]
  ]

  it.effect.each(forms)("with %o is %s", ([variables, used]) =>
    Effect.gen(function*() {
      assert.strictEqual((yield* fromVariables({ ...good, ...variables })).accountsUrl, used)
      const options = {
        brand: variables["LARK_BRAND"],
        baseUrl: variables["LARK_BASE_URL"],
        accountsUrl: variables["LARK_ACCOUNTS_URL"] || undefined
      }
      assert.strictEqual((yield* fromOptions(options)).accountsUrl, used)
    }))

  it.effect("leaves the base URL unchanged", () =>
    Effect.gen(function*() {
      const config = yield* fromVariables({ ...good, LARK_ACCOUNTS_URL: "https://login.example" })
      assert.strictEqual(config.baseUrl, "https://open.feishu.cn/open-apis")
    }))
})

describe("OAuth v3", () => {
  const forms: ReadonlyArray<readonly [variable: string | undefined, option: unknown, used: boolean]> = [
    [undefined, undefined, false],
    ["", undefined, false],
    ["false", false, false],
    ["true", true, true]
  ]

  it.effect.each(forms)(
    "with the variable %o or the option %o is %o",
    ([variable, option, used]) =>
      Effect.gen(function*() {
        const variables = variable === undefined ? good : { ...good, LARK_OAUTH_V3: variable }
        assert.strictEqual((yield* fromVariables(variables)).oauthV3, used)
        assert.strictEqual((yield* fromOptions({ oauthV3: option })).oauthV3, used)
      })
  )
})

describe("options", () => {
  const wrong: ReadonlyArray<Wrong> = [
    ["missing", "appId", undefined, /missing or empty/],
    ["empty", "appId", "", /missing or empty/],
    ["a number", "appId", 7, /missing or empty/],
    ["missing", "appSecret", undefined, /missing or empty/],
    ["not redacted", "appSecret", secret, /must be Redacted/],
    ["empty", "appSecret", Redacted.make(""), /missing or empty/],
    ["redacted but not a string", "appSecret", Redacted.make(7), /missing or empty/],
    ["another brand in", "brand", "dingtalk", /"feishu" or "lark"/],
    ["null", "brand", null, /"feishu" or "lark"/],
    ["empty", "baseUrl", "", /http or https URL/],
    ["empty", "accountsUrl", "", /http or https URL/],
    ["null", "oauthV3", null, /true or false/],
    ["a number", "oauthV3", 1, /true or false/]
  ]

  it.effect.each(wrong)(
    "%s %s fails with an error that names the option",
    ([, setting, value, says]) =>
      Effect.gen(function*() {
        refused(yield* Effect.flip(fromOptions({ [setting]: value })), setting, says)
      })
  )
})

describe("custom configs", () => {
  const wrapped = (variables: Record<string, string>) =>
    build(Layer.provide(
      LarkConfig.layerConfig({
        appId: Config.String("MY_APP"),
        appSecret: Config.Redacted("MY_SECRET"),
        brand: Config.Literals(["feishu", "lark"], "MY_BRAND").pipe(Config.withDefault("lark"))
      }),
      ConfigProvider.layer(ConfigProvider.fromEnvRecord(variables))
    ))

  it.effect("are read", () =>
    Effect.gen(function*() {
      const config = yield* wrapped({ MY_APP: "cli_b", MY_SECRET: secret })
      assert.strictEqual(config.appId, "cli_b")
      assert.strictEqual(config.baseUrl, "https://open.larksuite.com/open-apis")
    }))

  it.effect("an error names the missing config and hides the values", () =>
    Effect.gen(function*() {
      assert.include((yield* Effect.flip(wrapped({ MY_SECRET: secret }))).message, "MY_APP")
      const error = yield* Effect.flip(wrapped({ MY_APP: "cli_b", MY_SECRET: secret, MY_BRAND: secret }))
      refused(error, "configuration", /MY_BRAND/)
    }))
})
