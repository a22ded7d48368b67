/**
 * An endpoint that rejects every token uses up no refresh token with each call.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import type * as SessionWorld from "./fixtures/SessionWorld.ts"
import { elapse, expired, loggedIn, tokenOf } from "./fixtures/SessionWorld.ts"
import { wallClock } from "./fixtures/wallClock.ts"
import { alice } from "./fixtures/World.ts"

/** A call to an endpoint that rejects every token: it is sent with a token and, if there may be another one, once more. */
const rejectedCall = Effect.fnUntraced(function*(process: SessionWorld.Process) {
  const session = process.get(alice)
  const first = yield* elapse(session.get)
  const sent = [first]
  if (yield* session.reject(first)) {
    const second = yield* elapse(session.get)
    sent.push(second)
    yield* session.reject(second)
  }
  return sent.map(Redacted.value)
})

describe("a fresh token that is rejected", () => {
  it.effect("is not refreshed again, however many calls meet it, until it is 30 seconds old", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      assert.deepStrictEqual(yield* rejectedCall(world.process), ["access.login1.0", "access.login1.1"])
      const refreshedAt = world.uses[0]?.at ?? assert.fail()
      for (let n = 0; n < 30; n++) assert.deepStrictEqual(yield* rejectedCall(world.process), ["access.login1.1"])
      assert.strictEqual(world.uses.length, 1)
      // It was sent half a round trip before the platform issued it.
      yield* TestClock.setTime(refreshedAt - 50 + 29_999)
      assert.deepStrictEqual(yield* rejectedCall(world.process), ["access.login1.1"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* rejectedCall(world.process), ["access.login1.1", "access.login1.2"])
      assert.strictEqual(world.uses.length, 2)
    }))

  it.effect("is not refreshed by other processes, nor by those that start later", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const processes = [world.process, yield* world.start("two"), yield* world.start("three")]
      for (const process of processes) yield* elapse(tokenOf(process))
      for (const process of processes) yield* rejectedCall(process)
      for (let n = 0; n < 10; n++) yield* rejectedCall(yield* world.start(`late ${n}`))
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("is not refreshed again if it was refreshed because it had expired", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
      for (let n = 0; n < 30; n++) yield* rejectedCall(world.process)
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("is replaced by a login that another process has saved since", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      yield* expired
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
      yield* elapse(world.process.save(alice, yield* world.login))
      assert.deepStrictEqual(yield* rejectedCall(other), ["access.login1.1", "access.login2.0"])
    }))

  it.effect.each([-8, 8])("is as fresh with a wall clock that is set by %s hours", (hours) =>
    Effect.gen(function*() {
      const { clock, setBy } = yield* wallClock
      yield* Effect.gen(function*() {
        const world = yield* loggedIn()
        yield* rejectedCall(world.process)
        setBy(hours * 3_600_000)
        for (let n = 0; n < 30; n++) yield* rejectedCall(world.process)
        assert.strictEqual(world.uses.length, 1)
        yield* TestClock.adjust("30 seconds")
        yield* rejectedCall(world.process)
        assert.strictEqual(world.uses.length, 2)
      }).pipe(Effect.provideService(Clock.Clock, clock))
    }))

  it.effect.each([-8, 8])(
    "is used for its whole life if the wall clock is set by %s hours during the refresh",
    (hours) =>
      Effect.gen(function*() {
        const { clock, setBy } = yield* wallClock
        yield* Effect.gen(function*() {
          const world = yield* loggedIn()
          yield* expired
          world.hooks.before = ({ value }) =>
            Effect.sync(() => {
              if (!value.includes("access.login1.1")) return
              world.hooks.before = undefined
              setBy(hours * 3_600_000)
            })
          assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
          yield* TestClock.adjust("114 minutes")
          assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
          yield* TestClock.adjust("6 minutes")
          assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.2")
        }).pipe(Effect.provideService(Clock.Clock, clock))
      })
  )
})
