/**
 * Setting the wall clock changes no lifetime, delay or pause of a token.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import { LarkConfig, TenantToken } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import { wallClock } from "./fixtures/wallClock.ts"

const hour = 3_600_000

const provision = (mint: Parameters<typeof platform.make>[1]) =>
  Effect.gen(function*() {
    const { clock, setBy } = yield* wallClock
    const feishu = platform.make(() => ({ status: 404 }), mint)
    const layer = TenantToken.layer.pipe(Layer.provide([LarkConfig.layer(platform.app), feishu.layer]))
    const context = yield* Effect.provideService(Layer.build(layer), Clock.Clock, clock)
    const { get, reject } = yield* Effect.provide(TenantToken.TenantToken, context)
    const text = Effect.map(get, Redacted.value)
    return { mints: feishu.mints, setBy, text, get, reject }
  })

const nth = (n: number) => platform.minted(`t-${n + 1}`)

describe.each([["back", -8 * hour], ["forward", 8 * hour]] as const)("with a wall clock set %s", (_, step) => {
  it.effect("the mint after a failure starts a second later", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) => n === 0 ? new platform.Lost("gone") : nth(n))
      yield* Effect.flip(token.get)
      token.setBy(step)
      const waiting = yield* Effect.forkChild(token.text)
      yield* TestClock.adjust(999)
      assert.strictEqual(token.mints.length, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(waiting), "t-2")
    }))

  it.effect("a refusal is repeated for five seconds", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) => n === 0 ? platform.failed(200, 10015) : nth(n))
      yield* Effect.flip(token.get)
      token.setBy(step)
      yield* TestClock.adjust(4_999)
      yield* Effect.flip(token.get)
      assert.strictEqual(token.mints.length, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* token.text, "t-2")
    }))

  it.effect("a token is renewed in its last half hour, and not used in its last minute", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) => n === 1 ? platform.failed(500, 5000) : nth(n))
      yield* token.get
      token.setBy(step)
      yield* TestClock.adjust(1.5 * hour - 1)
      assert.strictEqual(yield* token.text, "t-1")
      yield* TestClock.adjust(1)
      assert.strictEqual(token.mints.length, 1)
      assert.strictEqual(yield* token.text, "t-1")
      yield* TestClock.adjust(0)
      assert.strictEqual(token.mints.length, 2)
      token.setBy(step)
      yield* TestClock.adjust(29_999)
      assert.strictEqual(yield* token.text, "t-1")
      assert.strictEqual(token.mints.length, 2)
      yield* TestClock.adjust(1)
      yield* token.get
      yield* TestClock.adjust(0)
      assert.strictEqual(token.mints.length, 3)
      assert.strictEqual(yield* token.text, "t-3")
      yield* TestClock.adjust(119 * 60_000)
      assert.strictEqual(yield* token.text, "t-4")
    }))

  it.effect("a token that the platform issued again stays in use for half a minute", () =>
    Effect.gen(function*() {
      const token = yield* provision(() => platform.minted("t-same"))
      const same = yield* token.get
      yield* token.reject(same)
      yield* token.get
      token.setBy(step)
      yield* TestClock.adjust(29_999)
      assert.isFalse(yield* token.reject(same))
      yield* TestClock.adjust(1)
      assert.isTrue(yield* token.reject(same))
    }))
})

describe("a token that replaced a rejected one", () => {
  it.effect("is not replaced while it is fresh, whatever the platform would issue", () =>
    Effect.gen(function*() {
      const token = yield* provision(nth)
      const rejectCurrent = Effect.flatMap(token.get, token.reject)
      assert.isTrue(yield* rejectCurrent)
      for (let n = 0; n < 30; n++) assert.isFalse(yield* rejectCurrent)
      assert.strictEqual(token.mints.length, 2)
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(yield* rejectCurrent)
      assert.strictEqual(yield* token.text, "t-3")
    }))
})

describe("a mint that is throttled", () => {
  it.effect.each([["7", 7], ["60", 60], ["86400", 60]] as const)(
    "for %s seconds is repeated after %s, and callers get the error meanwhile",
    ([reset, seconds]) =>
      Effect.gen(function*() {
        const headers = { "x-ogw-ratelimit-reset": reset }
        const token = yield* provision((n) => n === 0 ? { ...platform.failed(429, 99991400), headers } : nth(n))
        yield* Effect.flip(token.get)
        yield* TestClock.adjust(seconds * 1_000 - 1)
        for (let i = 0; i < 100; i++) {
          const fiber = yield* Effect.forkChild(token.get, { startImmediately: true })
          const exit = fiber.pollUnsafe() ?? assert.fail("the caller waits")
          assert.isTrue(Exit.isFailure(exit))
        }
        assert.strictEqual((yield* Effect.flip(token.get))._tag, "RateLimited")
        assert.strictEqual(token.mints.length, 1)
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* token.text, "t-2")
      })
  )

  it.effect("in the background is repeated after the wait, and the token stays in use", () =>
    Effect.gen(function*() {
      const headers = { "x-ogw-ratelimit-reset": "50" }
      const token = yield* provision((n) => n === 1 ? { ...platform.failed(429, 99991400), headers } : nth(n))
      yield* token.get
      yield* TestClock.adjust("91 minutes")
      for (let second = 0; second < 50; second++) {
        assert.strictEqual(yield* token.text, "t-1")
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(token.mints.length, 2)
      assert.strictEqual(yield* token.text, "t-1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* token.text, "t-3")
    }))
})
