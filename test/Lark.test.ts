import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import {
  Lark,
  LarkConfig,
  LarkHttp,
  MeetingId,
  Meetings,
  MeetingUser,
  Simulator,
  TenantToken,
  UserToken
} from "effect-lark-meetings"
import * as platform from "./fixtures/http/platform.ts"

const id = MeetingId.make("6911188411932033028")

const meeting = platform.ok({ meeting: { id } })

describe("the front door", () => {
  it.effect("provides every service", () =>
    Effect.gen(function*() {
      const services = [Meetings.Meetings, LarkHttp.LarkHttp, TenantToken.TenantToken, LarkConfig.LarkConfig] as const
      for (const service of yield* Effect.all(services)) assert.isObject(service)
    }).pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(platform.make(() => meeting).layer)))

  it.effect("sends nothing before the first call", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => meeting)
      yield* Effect.scoped(Layer.build(Layer.provide(Lark.layer(platform.app), feishu.layer)))
      assert.deepStrictEqual([...feishu.calls, ...feishu.mints], [])
    }))

  it.effect("shares one token among all who use it", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => meeting)
      yield* Effect.all([Meetings.get(id), Effect.all([Meetings.get(id)]), Meetings.get(id)]).pipe(
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(feishu.layer)
      )
      assert.deepStrictEqual([feishu.mints.length, feishu.calls.length], [1, 3])
    }))

  it.effect("calls the host that it is configured with, for tokens as for meetings", () =>
    Effect.gen(function*() {
      const hosts = (options: Partial<LarkConfig.Options>) =>
        Effect.gen(function*() {
          const feishu = platform.make(() => meeting)
          yield* Meetings.get(id).pipe(
            Effect.provide(Lark.layer({ ...platform.app, ...options })),
            Effect.provide(feishu.layer)
          )
          return [...feishu.mints, ...feishu.calls].map((call) => new URL(call.url).origin)
        })
      assert.deepStrictEqual(yield* hosts({}), ["https://open.feishu.cn", "https://open.feishu.cn"])
      assert.deepStrictEqual(yield* hosts({ brand: "lark" }), [
        "https://open.larksuite.com",
        "https://open.larksuite.com"
      ])
      assert.deepStrictEqual(yield* hosts({ baseUrl: "http://127.0.0.1:8787/" }), [
        "http://127.0.0.1:8787",
        "http://127.0.0.1:8787"
      ])
    }))

  it.effect("reads the variables", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => meeting)
      const variables = ConfigProvider.fromEnvRecord({
        LARK_APP_ID: "cli_env",
        LARK_APP_SECRET: "secret-env",
        LARK_BRAND: "lark"
      })
      yield* Meetings.get(id).pipe(
        Effect.provide(Layer.provide(Lark.layerConfig(), ConfigProvider.layer(variables))),
        Effect.provide(feishu.layer)
      )
      assert.deepStrictEqual(feishu.mints.map((mint) => mint.body), [`{"app_id":"cli_env","app_secret":"secret-env"}`])
    }))

  it.effect("that is not configured fails at once, and sends nothing", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => meeting)
      const layer = Layer.provide(
        Lark.layerConfig(),
        ConfigProvider.layer(ConfigProvider.fromEnvRecord({ LARK_APP_ID: "cli" }))
      )
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Layer.provide(layer, feishu.layer))))
      assert.include<object>(error, { _tag: "InvalidLarkConfig", setting: "LARK_APP_SECRET" })
      assert.deepStrictEqual(feishu.mints, [])
    }))
})

describe("asUser", () => {
  it.effect("is for its region, and an inner region wins", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => platform.ok({}))
      const as = (token: string) => Lark.asUser(UserToken.fromAccessToken(Redacted.make(token)))
      yield* Effect.all([Meetings.end(id), as("u-inner")(Meetings.end(id)), Meetings.end(id)]).pipe(
        as("u-outer"),
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(feishu.layer)
      )
      const tokens = feishu.calls.map((call) => call.headers["authorization"])
      assert.deepStrictEqual(tokens, ["Bearer u-outer", "Bearer u-inner", "Bearer u-outer"])
    }))

  it.effect("reaches fibers that are started in the region", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => platform.ok({}))
      const session = UserToken.fromAccessToken(Redacted.make("u-1"), { user: MeetingUser.openId("ou_alice") })
      yield* Effect.all([Meetings.end(id), Meetings.end(id)], { concurrency: "unbounded" }).pipe(
        Lark.asUser(session),
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(feishu.layer)
      )
      assert.strictEqual(feishu.calls.length, 2)
      assert.strictEqual(feishu.mints.length, 0)
    }))

  it.effect("the app's own token is neither asked for nor touched by what happens to the user's", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      yield* Meetings.get(id)
      const expired = UserToken.fromAccessToken(yield* simulator.userToken("ou_alice", { expiresIn: 0 }))
      const error = yield* Effect.flip(Lark.asUser(expired)(Meetings.end(id)))
      assert.include<object>(error, { _tag: "TokenRejected", code: 99991677 })
      yield* Meetings.get(id)
      assert.strictEqual((yield* simulator.tokensMinted).length, 1)
    }).pipe(
      Effect.provide(Lark.layer(Simulator.defaultApp)),
      Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }] }))
    ))
})
