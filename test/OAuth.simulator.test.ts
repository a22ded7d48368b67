import { assert, describe, it } from "@effect/vitest"
import { Context, DateTime, Duration, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { Lark, LarkConfig, Meetings, OAuth, TenantToken } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { redirectUri } from "./fixtures/oauth.ts"
import { alice, id } from "./fixtures/World.ts"

describe("OAuth with the simulator", () => {
  const { appId, appSecret } = Simulator.defaultApp
  const scopes = ["vc:meeting", "offline_access"]

  /** The service on a simulated Feishu. */
  const on = (
    options: Partial<Simulator.Options> & { readonly oauthV3?: boolean | undefined; readonly appId?: string } = {}
  ) =>
    Effect.gen(function*() {
      const { appId: id = appId, oauthV3, ...simulated } = options
      const context = yield* Layer.build(Layer.provideMerge(
        Layer.provideMerge(OAuth.layer, Lark.layer({ appId: id, appSecret, oauthV3 })),
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
      const requestsOf = (endpoint: Simulator.Endpoint) =>
        Effect.map(simulator.requests, (requests) => requests.filter((request) => request.endpoint === endpoint).length)
      const userInfo = (token: Redacted.Redacted) => Effect.provide(OAuth.userInfo(token), context)
      return { ...oauth, requestsOf, client, logIn, simulator, tenantToken, userInfo }
    })

  const refreshTokenOf = (grant: OAuth.Grant) => Option.getOrThrow(grant.refreshToken)

  const failedWith = <E extends { readonly _tag: string }>(operation: Effect.Effect<unknown, E>) =>
    Effect.map(Effect.flip(operation), (error) => "code" in error ? `${error._tag} ${String(error.code)}` : error._tag)

  const versions = [{ oauthV3: false }, { oauthV3: true }]

  it.effect.each(versions)(
    "login, userInfo and refresh return the user's tokens: %o",
    (version) =>
      Effect.gen(function*() {
        const { requestsOf, authorize, exchange, refresh, simulator, userInfo } = yield* on(version)
        const login = yield* authorize({ redirectUri, scopes })
        const callback = yield* simulator.authorize(login.url, "ou_alice")
        const first = yield* exchange(login, callback.href)
        assert.deepStrictEqual(first.scopes, scopes)
        assert.strictEqual(DateTime.toEpochMillis(first.expiresAt), 7_200_000)
        const { user, tenantKey } = yield* userInfo(first.accessToken)
        assert.deepStrictEqual(user, alice)
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
        assert.deepStrictEqual([yield* requestsOf("oauth_token"), yield* requestsOf("user_info")], [3, 2])
      })
  )

  it.effect("a login without offline_access has no refresh token", () =>
    Effect.gen(function*() {
      const { authorize, exchange, simulator } = yield* on()
      const login = yield* authorize({ redirectUri, scopes: ["vc:meeting"] })
      const grant = yield* exchange(login, yield* simulator.authorize(login.url, "ou_alice"))
      assert.deepStrictEqual([grant.refreshToken, grant.refreshExpiresAt], [Option.none(), Option.none()])
    }))

  it.effect("a user who declines gets no tokens", () =>
    Effect.gen(function*() {
      const { requestsOf, authorize, exchange, simulator } = yield* on()
      const login = yield* authorize({ redirectUri })
      const callback = yield* simulator.authorize(login.url, "ou_alice", { deny: true })
      const error = yield* Effect.flip(exchange(login, callback))
      assert.strictEqual(error._tag === "LoginRefused" ? error.reason : error._tag, "accessDenied")
      assert.strictEqual(yield* requestsOf("oauth_token"), 0)
    }))

  it.effect("the authorize page redirects the browser to the callback", () =>
    Effect.gen(function*() {
      const { authorize, client, exchange } = yield* on({ login: { user: "ou_bob" } })
      const login = yield* authorize({ redirectUri, scopes: ["vc:meeting", "a:b"] })
      const { headers, status } = yield* client.get(login.url)
      assert.strictEqual(status, 302)
      assert.deepStrictEqual((yield* exchange(login, headers["location"] ?? "")).scopes, ["vc:meeting", "a:b"])
    }))

  it.effect.each(versions)(
    "a code works once, for five minutes, with the verifier of its login: %o",
    (version) =>
      Effect.gen(function*() {
        const { requestsOf, authorize, exchange, simulator } = yield* on(version)
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
        assert.strictEqual(yield* requestsOf("oauth_token"), 11)

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
    "a refresh token works once, until it expires or is revoked: %o",
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

  it.effect("an invalid app fails with an error about the app", () =>
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
    "a refresh without a reply is sent once, and its error says that it may have been executed: %o",
    (fault) =>
      Effect.gen(function*() {
        for (const version of versions) {
          const { requestsOf, logIn, refresh, simulator } = yield* on(version)
          const token = refreshTokenOf(yield* logIn)
          yield* simulator.addFaults([{ endpoint: "oauth_token", nth: 0, fault }])
          const fiber = yield* Effect.forkChild(Effect.flip(refresh(token)))
          yield* TestClock.adjust("2 minutes")
          assert.strictEqual((yield* Fiber.join(fiber)).retry, "unknown")
          assert.strictEqual(yield* requestsOf("oauth_token"), 2)
        }
      })
  )

  it.effect("a rate limit returns its wait, and does not use up the refresh token", () =>
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

  it.effect("OAuth v3 refreshes sessions of v2, and v2 none of v3", () =>
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

  it.effect("userInfo refuses a tenant token and an unknown token", () =>
    Effect.gen(function*() {
      const { tenantToken, userInfo } = yield* on()
      assert.strictEqual(yield* failedWith(userInfo(yield* tenantToken.get)), "TokenRejected 99991663")
      assert.strictEqual(yield* failedWith(userInfo(Redacted.make("u-unknown"))), "TokenRejected 20005")
    }))

  it.effect("an app calls with the tenant token of OAuth v3", () =>
    Effect.gen(function*() {
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
