/**
 * Tenant tokens of a custom app, and the check of tokens.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { credentials, get, outcome, requestTenantToken, tenantToken } from "./fixtures/simulated.ts"
import { end, getMeeting, on, urlOf } from "./fixtures/simulatedMeeting.ts"
import { id } from "./fixtures/World.ts"

describe("tenant tokens", () => {
  it.effect("are issued again while they are valid for half an hour", () =>
    on(
      {},
      Effect.gen(function*() {
        const first = yield* requestTenantToken()
        const firstToken = String(first.json["tenant_access_token"])
        assert.match(firstToken, /^t-/)
        assert.deepStrictEqual(first.json, { code: 0, msg: "ok", tenant_access_token: firstToken, expire: 7200 })
        yield* TestClock.adjust("90 minutes")
        assert.deepStrictEqual((yield* requestTenantToken()).json, { ...first.json, expire: 1800 })
        yield* TestClock.adjust("1 second")
        const second = yield* requestTenantToken()
        const secondToken = String(second.json["tenant_access_token"])
        assert.notStrictEqual(secondToken, firstToken)
        assert.strictEqual(second.json["expire"], 7200)
        assert.deepStrictEqual(outcome(yield* getMeeting(firstToken)), [200, 0])
        yield* TestClock.adjust("1799 seconds")
        assert.deepStrictEqual(outcome(yield* getMeeting(firstToken)), [400, 99991663])
        assert.deepStrictEqual(outcome(yield* getMeeting(secondToken)), [200, 0])

        const minted = yield* (yield* Simulator.Simulator).tokensMinted
        assert.deepStrictEqual(minted.map((token) => [token.issuedAt, token.expiresAt, token.revoked]), [
          [0, 7_200_000, false],
          [5_401_000, 12_601_000, false]
        ])
        assert.strictEqual(Redacted.value(minted[0]!.value), firstToken)
        assert.notInclude(JSON.stringify(minted), firstToken)
      })
    ))

  it.effect("are never issued again if they are valid for less than half an hour", () =>
    on(
      { app: { appId: "a", appSecret: "s", expire: 100 } },
      Effect.gen(function*() {
        yield* requestTenantToken({ app_id: "a", app_secret: "s" })
        yield* requestTenantToken({ app_id: "a", app_secret: "s" })
        assert.strictEqual((yield* (yield* Simulator.Simulator).tokensMinted).length, 2)
      })
    ))

  it.effect("fail with HTTP 200", () =>
    Effect.gen(function*() {
      const codes = (options: Simulator.Options, body: unknown) =>
        on(options, Effect.map(requestTenantToken(body), outcome))
      const wrongSecret = { ...credentials, app_secret: "wrong" }
      assert.deepStrictEqual(yield* codes({}, null), [200, 10003])
      assert.deepStrictEqual(yield* codes({}, { app_id: "a" }), [200, 10003])
      assert.deepStrictEqual(yield* codes({}, { ...credentials, app_id: "other" }), [200, 99991543])
      assert.deepStrictEqual(yield* codes({}, wrongSecret), [200, 10015])
      assert.deepStrictEqual(yield* codes({ wrongSecret: 10014 }, wrongSecret), [200, 10014])
      assert.deepStrictEqual(yield* codes({ app: { ...Simulator.defaultApp, stopped: true } }, credentials), [
        200,
        10014
      ])
    }))

  it.effect("are all revoked by rejectTokens", () =>
    on(
      {},
      Effect.gen(function*() {
        const before = yield* tenantToken
        yield* (yield* Simulator.Simulator).rejectTokens
        assert.deepStrictEqual(outcome(yield* getMeeting(before)), [400, 99991663])
        const after = yield* tenantToken
        assert.deepStrictEqual(outcome(yield* getMeeting(after)), [200, 0])
      })
    ))
})

describe("the token check", () => {
  it.effect("has a code for each kind of invalid token", () =>
    on(
      {},
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const short = yield* simulator.userToken("ou_alice", { expiresIn: "1 second" })
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(outcome(yield* get(urlOf(id))), [
          400,
          99991661
        ])
        assert.deepStrictEqual(outcome(yield* getMeeting("malformed")), [400, 99991671])
        assert.deepStrictEqual(outcome(yield* getMeeting("t-unknown")), [400, 99991663])
        assert.deepStrictEqual(outcome(yield* getMeeting("u-unknown")), [400, 99991668])
        assert.deepStrictEqual(outcome(yield* getMeeting("eyJunknown")), [400, 99991668])
        assert.deepStrictEqual(outcome(yield* getMeeting(short)), [400, 99991677])
        assert.deepStrictEqual(outcome(yield* end(yield* tenantToken)), [400, 99991663])
      })
    ))
})
