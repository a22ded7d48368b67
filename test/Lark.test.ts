import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Fiber, Layer, Redacted } from "effect"
import {
  AppTicket,
  AppToken,
  Cas,
  Lark,
  LarkConfig,
  LarkHttp,
  Meetings,
  MeetingUser,
  StoreApp,
  TenantToken,
  UserToken
} from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import * as prompt from "./fixtures/http/prompt.ts"
import * as plainSeal from "./fixtures/plainSeal.ts"
import { alice, bob, carol, id } from "./fixtures/World.ts"

const meeting = platform.ok({ meeting: { id } })

describe("Lark.layer", () => {
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

  it.effect("shares one token among all calls", () =>
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

  it.effect("without configuration fails at once, and sends nothing", () =>
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
  it.effect("holds for its effect, and an inner one wins", () =>
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

  it.effect("holds for fibers that the effect starts", () =>
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

  it.effect("neither fetches nor rejects the app's token", () =>
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

const inStore = Layer.merge(KeyValueStore.layerMemory, plainSeal.layer)

/**
 * A platform where each tenant has a meeting of its own under the same id: who hosts it, what arrived, and how many
 * `set_host` were under way at once.
 */
const twoTenants = (hosts: Record<string, string>) => {
  const seen: Array<string> = []
  let underWay = 0
  let mostUnderWay = 0
  const feishu = prompt.make(({ body, headers, method, path }) => {
    if (path.endsWith("/app_access_token")) return { body: { code: 0, app_access_token: "a-1", expire: 7200 } }
    const sent = JSON.parse(body ?? "{}")
    if (path.endsWith("/tenant_access_token")) return platform.minted(`t-${sent.tenant_key}`)
    const tenant = headers["authorization"]?.replace("Bearer t-", "") ?? "nobody"
    const user = (id: string | undefined) => ({ host_user: { id, user_type: 1 } })
    seen.push(`${tenant} ${method === "GET" ? "get" : `${sent.old_host_user.id} -> ${sent.host_user.id}`}`)
    if (method === "GET") return platform.ok({ meeting: { id, ...user(hosts[tenant]) } })
    mostUnderWay = Math.max(mostUnderWay, ++underWay)
    return Effect.sync(() => {
      underWay--
      if (hosts[tenant] !== sent.old_host_user.id) {
        return platform.failed(409, 121006, "data conflict", { data: user(hosts[tenant]) })
      }
      hosts[tenant] = sent.host_user.id
      return platform.ok(user(hosts[tenant]))
    }).pipe(Effect.delay("1 second"))
  })
  return { seen, hosts, mostUnderWay: () => mostUnderWay, calls: feishu.calls, layer: feishu.layer }
}

const provideStore =
  (layer: ReturnType<typeof twoTenants>["layer"]) => <A, E>(self: Effect.Effect<A, E, StoreApp.Services>) =>
    AppTicket.AppTicket.use((tickets) => tickets.put(Redacted.make("g-1"))).pipe(
      Effect.andThen(self),
      Effect.provide(StoreApp.layer(platform.app)),
      Effect.provide([inStore, layer])
    )

describe("StoreApp.layer", () => {
  it.effect("provides every service", () =>
    Effect.gen(function*() {
      const services = [
        Meetings.Meetings,
        LarkHttp.LarkHttp,
        TenantToken.TenantToken,
        LarkConfig.LarkConfig,
        AppToken.AppToken,
        AppTicket.AppTicket
      ] as const
      for (const service of yield* Effect.all(services)) assert.isObject(service)
    }).pipe(
      Effect.provide(StoreApp.layer(platform.app)),
      Effect.provide([inStore, platform.make(() => meeting).layer])
    ))

  it.effect("reads the variables, and names the one that is missing", () =>
    Effect.gen(function*() {
      const configured = (env: Record<string, string>) => {
        const feishu = twoTenants({})
        const layer = StoreApp.layerConfig().pipe(
          Layer.provide([inStore, feishu.layer, ConfigProvider.layer(ConfigProvider.fromEnvRecord(env))])
        )
        const program = AppTicket.AppTicket.use((tickets) => tickets.put(Redacted.make("g-1"))).pipe(
          Effect.andThen(Lark.asTenant("a")(Meetings.get(id))),
          Effect.provide(layer)
        )
        return { feishu, program }
      }
      const { feishu, program } = configured({
        LARK_APP_ID: "cli_env",
        LARK_APP_SECRET: "secret-env",
        LARK_BRAND: "lark"
      })
      yield* program
      assert.deepStrictEqual(feishu.calls.map(({ body, url }) => [url, body])[0], [
        "https://open.larksuite.com/open-apis/auth/v3/app_access_token",
        `{"app_id":"cli_env","app_secret":"secret-env","app_ticket":"g-1"}`
      ])
      const error = yield* Effect.flip(configured({ LARK_APP_ID: "cli_env" }).program)
      assert.include<object>(error, { _tag: "InvalidLarkConfig", setting: "LARK_APP_SECRET" })
    }))
})

describe("asTenant", () => {
  it.effect("holds for its effect and its fibers, and an inner one wins", () =>
    Effect.gen(function*() {
      const feishu = twoTenants({})
      const get = Effect.ignore(Meetings.get(id))
      yield* Effect.all([get, Lark.asTenant("inner")(get), Effect.flatMap(Effect.forkChild(get), Fiber.join)]).pipe(
        Lark.asTenant("outer"),
        provideStore(feishu.layer)
      )
      assert.deepStrictEqual(feishu.seen, ["outer get", "inner get", "outer get"])
    }))

  it.effect("is refused to a custom app, and nothing is sent", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => meeting)
      const error = yield* Effect.flip(Lark.asTenant("tenant_a")(Meetings.get(id))).pipe(
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(feishu.layer)
      )
      assert.include<object>(error, { _tag: "InvalidTenant", reason: "customApp" })
      assert.deepStrictEqual([...feishu.calls, ...feishu.mints], [])
    }))

  it.effect("does not change the token of a user's calls", () =>
    Effect.gen(function*() {
      const feishu = twoTenants({})
      yield* Effect.ignore(Meetings.get(id)).pipe(
        Lark.asUser(UserToken.fromAccessToken(Redacted.make("t-user"))),
        Lark.asTenant("tenant_a"),
        provideStore(feishu.layer)
      )
      assert.deepStrictEqual(feishu.seen, ["user get"])
    }))
})

describe("two tenants with a meeting of the same id", () => {
  const setHost = (tenant: string, user: typeof bob, options?: Meetings.SetHostOptions<"open_id">) =>
    Lark.asTenant(tenant)(Meetings.setHost(id, user, options))

  it.effect("do not share the last seen host", () =>
    Effect.gen(function*() {
      const feishu = twoTenants({ a: "ou_alice", b: "ou_carol" })
      const program = Effect.gen(function*() {
        yield* setHost("a", bob, { hint: alice })
        // The same tenant knows whom it has just made host; the other one has to ask.
        yield* setHost("a", alice)
        yield* setHost("b", bob)
      })
      const fiber = yield* Effect.forkChild(provideStore(feishu.layer)(program))
      for (let second = 0; second < 4; second++) {
        yield* prompt.settled
        yield* TestClock.adjust("1 second")
      }
      yield* Fiber.join(fiber)
      assert.strictEqual(feishu.seen[0], "a ou_alice -> ou_bob")
      assert.strictEqual(feishu.seen[1], "a ou_bob -> ou_alice")
      assert.notInclude(feishu.seen.slice(2).join(), "ou_alice")
      assert.deepStrictEqual(feishu.hosts, { a: "ou_alice", b: "ou_bob" })
    }))

  it.effect("do not share the queue: operations of one tenant wait for each other, those of two do not", () =>
    Effect.gen(function*() {
      const most = (tenants: ReadonlyArray<string>) =>
        Effect.gen(function*() {
          const feishu = twoTenants({ a: "ou_alice", b: "ou_alice" })
          const both = Effect.forEach(tenants, (tenant) => setHost(tenant, bob, { hint: alice }), {
            concurrency: "unbounded"
          })
          const fiber = yield* Effect.forkChild(provideStore(feishu.layer)(both))
          for (let second = 0; second < 4; second++) {
            yield* prompt.settled
            yield* TestClock.adjust("1 second")
          }
          return { reports: yield* Fiber.join(fiber), seen: feishu.seen, mostUnderWay: feishu.mostUnderWay() }
        })
      const apart = yield* most(["a", "b"])
      assert.strictEqual(apart.mostUnderWay, 2)
      // What one has done is no proof for the other.
      assert.deepStrictEqual(apart.reports.map(({ outcome, swaps }) => [outcome, swaps]), [["swapped", 1], [
        "swapped",
        1
      ]])
      const together = yield* most(["a", "a"])
      assert.strictEqual(together.mostUnderWay, 1)
      assert.deepStrictEqual(together.seen, ["a ou_alice -> ou_bob", "a get"])
    }))

  it.effect("do not pass each other what they saw", () =>
    Effect.gen(function*() {
      const feishu = twoTenants({ a: "ou_alice", b: "ou_carol" })
      const only = Cas.handover(alice, bob)
      const both = Effect.all([
        setHost("a", bob, { hint: alice }),
        Effect.flip(Lark.asTenant("b")(Meetings.setHost(id, only, { hint: alice })))
      ], { concurrency: "unbounded" })
      const fiber = yield* Effect.forkChild(provideStore(feishu.layer)(both))
      for (let second = 0; second < 4; second++) {
        yield* prompt.settled
        yield* TestClock.adjust("1 second")
      }
      const [, refused] = yield* Fiber.join(fiber)
      assert.include<object>(refused, { _tag: "CasRefused" })
      assert.deepStrictEqual("actual" in refused ? refused.actual : undefined, carol)
      assert.deepStrictEqual(feishu.hosts, { a: "ou_bob", b: "ou_carol" })
    }))
})
