/**
 * A claim on a refresh token lapses by the monotonic clock of the process that waits for it, whatever the wall clocks say.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { elapse, loggedIn, tokenOf, until, usesOf } from "./fixtures/SessionWorld.ts"
import { wallClock } from "./fixtures/wallClock.ts"
import { alice } from "./fixtures/World.ts"

const hours = 3_600_000

/** Alice's access token was rejected in two processes, and the first one refreshes it. `setBy` sets the clock of the second. */
const refreshing = Effect.fnUntraced(function*(latency: number, mark: string, difference: number) {
  const { clock, setBy } = yield* wallClock
  const world = yield* loggedIn({ latency })
  const other = yield* Effect.provideService(world.start("two"), Clock.Clock, clock)
  const token = yield* elapse(other.get(alice).get)
  setBy(difference)
  for (const process of [world.process, other]) yield* process.get(alice).reject(token)
  yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
  yield* until(() => world.swaps().some(({ value }) => value.includes(mark)))
  return { world, other, setBy }
})

const isSentOnce = (world: Parameters<typeof usesOf>[0]) => {
  const uses = world.uses.map(({ refreshToken }) => refreshToken)
  assert.strictEqual(usesOf(world)[0], "one refresh.login1.0")
  assert.deepStrictEqual([...new Set(uses)], uses)
}

describe.each([-8 * hours, -20_000, 20_000, 8 * hours])("a wall clock that is wrong by %d ms", (difference) => {
  it.effect("takes no claim over whose refresh is in flight", () =>
    Effect.gen(function*() {
      const { other, world } = yield* refreshing(18_000, `"sent":true`, difference)
      yield* elapse(tokenOf(other))
      isSentOnce(world)
    }))

  it.effect("and is set during the wait takes no claim over whose refresh is in flight", () =>
    Effect.gen(function*() {
      const { other, setBy, world } = yield* refreshing(18_000, `"sent":true`, 0)
      const waiting = yield* Effect.forkChild(tokenOf(other), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      setBy(difference)
      yield* elapse(Fiber.join(waiting))
      isSentOnce(world)
    }))

  it.effect("takes the claim of a dead process over after the claim time", () =>
    Effect.gen(function*() {
      const { other, world } = yield* refreshing(100, `"sent":false`, difference)
      yield* world.process.freeze
      const before = yield* Clock.currentTimeMillis
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
      const took = (yield* Clock.currentTimeMillis) - before
      assert.isAtLeast(took, 29_900)
      assert.isAtMost(took, 32_000)
      assert.deepStrictEqual(usesOf(world), ["two refresh.login1.0"])
    }))
})

describe.each(["in one process", "at its start"])("a wall clock that is 30 days ahead %s", (when) => {
  it.effect("ends no session that the platform still refreshes", () =>
    Effect.gen(function*() {
      const { clock, setBy } = yield* wallClock
      const world = yield* loggedIn({ refreshLifetime: 604_800 })
      if (when === "at its start") setBy(720 * hours)
      const other = yield* Effect.provideService(world.start("two"), Clock.Clock, clock)
      assert.match(yield* elapse(tokenOf(other)), /^access\.login1/)
      setBy(720 * hours)
      yield* TestClock.adjust("119 minutes")
      assert.match(yield* elapse(tokenOf(other)), /^access\.login1\.[12]$/)
    }))
})
