import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type * as SessionWorld from "./fixtures/SessionWorld.ts"
import { elapse, errorOf, expired, loggedIn, needsLogin, tokenOf, until, usesOf } from "./fixtures/SessionWorld.ts"
import { alice } from "./fixtures/World.ts"

describe("a process that dies", () => {
  /** Kills the first process when its refresh has come that far. */
  const killed = Effect.fnUntraced(function*(when: (world: SessionWorld.World) => boolean) {
    const world = yield* loggedIn()
    const other = yield* world.start("two")
    yield* expired
    yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
    yield* until(() => when(world))
    yield* world.process.freeze
    const at = yield* Clock.currentTimeMillis
    const result = yield* elapse(Effect.result(other.get(alice).get))
    return { ...world, other, result, took: (yield* Clock.currentTimeMillis) - at }
  })

  const hasStored = (world: SessionWorld.World, text: string) => world.swaps().some(({ value }) => value.includes(text))

  it.effect("before its claim delays nobody", () =>
    Effect.gen(function*() {
      const { result, took, uses } = yield* killed(({ operations }) => operations.at(-1)?.kind === "get")
      assert.strictEqual(result._tag, "Success")
      assert.isBelow(took, 1_000)
      assert.strictEqual(uses.length, 1)
    }))

  it.effect("between claim and mark delays the refresh until the claim lapses", () =>
    Effect.gen(function*() {
      const { result, took, uses } = yield* killed((world) => hasStored(world, `"sent":false`))
      assert.strictEqual(result._tag, "Success")
      assert.isAtLeast(took, 29_000)
      assert.isAtMost(took, 32_000)
      assert.strictEqual(uses.length, 1)
    }))

  it.effect("between mark and request delays the refresh until the claim lapses, and the token is sent once", () =>
    Effect.gen(function*() {
      const { result, took, uses } = yield* killed((world) => hasStored(world, `"sent":true`))
      assert.strictEqual(result._tag, "Success")
      assert.isAtLeast(took, 29_000)
      assert.strictEqual(uses.length, 1)
    }))

  it.effect("between request and publishing loses the session: the platform refuses the used token", () =>
    Effect.gen(function*() {
      const { other, result, uses } = yield* killed((world) => world.uses.length > 0)
      needsLogin(result._tag === "Failure" && result.failure, "refused", 20073)
      needsLogin(yield* errorOf(other), "refused", 20073)
      assert.deepStrictEqual(usesOf({ uses }), ["one refresh.login1.0", "two refresh.login1.0"])
    }))

  it.effect("after publishing delays nobody", () =>
    Effect.gen(function*() {
      const { result, took, uses } = yield* killed((world) => hasStored(world, "access.login1.1"))
      assert.strictEqual(result._tag, "Success")
      assert.isBelow(took, 1_000)
      assert.strictEqual(uses.length, 1)
    }))

  it.effect("with a clock that was ahead leaves a claim that lapses all the same", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      yield* TestClock.adjust("30 days")
      yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
      yield* until(() => hasStored(world, `"sent":false`))
      yield* world.process.freeze
      yield* TestClock.setTime(3 * 3_600_000)
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
    }))
})

describe("a process that is suspended", () => {
  /** Suspends the first process before a swap, and resumes it after `meanwhile`. */
  const asleep = Effect.fnUntraced(function*(
    before: (value: string) => boolean,
    meanwhile: (world: SessionWorld.World, other: SessionWorld.Process) => Effect.Effect<void, unknown>
  ) {
    const world = yield* loggedIn()
    const other = yield* world.start("two")
    yield* expired
    let isAsleep = false
    world.hooks.before = ({ by, kind, value }) =>
      Effect.suspend(() => {
        if (by !== "one" || kind !== "swap" || isAsleep || !before(value)) return Effect.void
        isAsleep = true
        return world.process.freeze
      })
    const waiting = yield* Effect.forkChild(Effect.result(tokenOf(world.process)), { startImmediately: true })
    yield* until(() => isAsleep)
    yield* meanwhile(world, other)
    yield* world.process.thaw
    const result = yield* elapse(Fiber.join(waiting))
    return { ...world, other, result }
  })

  it.effect("before its mark does not send the token that another process refreshed meanwhile", () =>
    Effect.gen(function*() {
      const { process, result, uses } = yield* asleep(
        (value) => value.includes(`"sent":true`),
        (_, other) => Effect.asVoid(elapse(tokenOf(other)))
      )
      assert.strictEqual(result._tag === "Failure" && result.failure._tag, "SessionStoreError")
      assert.strictEqual(yield* elapse(tokenOf(process)), "access.login1.1")
      assert.deepStrictEqual(usesOf({ uses }), ["two refresh.login1.0"])
    }))

  it.effect("after its claim sends nothing when the claim was taken over", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ claimTime: "6 seconds" })
      const other = yield* world.start("two")
      yield* expired
      const waiting = yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
      yield* until(() => world.operations.at(-1)?.value.includes(`"sent":false`) === true)
      yield* world.process.freeze
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
      yield* world.process.thaw
      assert.strictEqual(yield* elapse(Fiber.join(waiting)), "access.login1.1")
      assert.deepStrictEqual(usesOf(world), ["two refresh.login1.0"])
    }))

  it.effect("before its mark leaves the claim of the process that took over alone", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ claimTime: "6 seconds", latency: 3_600 })
      const [other, third] = [yield* world.start("two"), yield* world.start("three")]
      yield* expired
      let isAsleep = false
      world.hooks.before = ({ by, value }) =>
        Effect.suspend(() => {
          if (by !== "one" || isAsleep || !value.includes(`"sent":true`)) return Effect.void
          isAsleep = true
          return world.process.freeze
        })
      yield* Effect.forkChild(Effect.exit(tokenOf(world.process)), { startImmediately: true })
      yield* until(() => isAsleep)
      yield* Effect.forkChild(tokenOf(other), { startImmediately: true })
      yield* until(() => world.uses.length === 1)
      yield* world.process.thaw
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* elapse(tokenOf(third)), "access.login1.1")
      assert.deepStrictEqual(usesOf(world), ["two refresh.login1.0"])
    }))

  it.effect("during its mark for longer than a sixth of the claim does not send the token", () =>
    Effect.gen(function*() {
      const { result, uses } = yield* asleep(
        (value) => value.includes(`"sent":true`),
        () => TestClock.adjust("8 seconds")
      )
      assert.strictEqual(result._tag === "Failure" && result.failure._tag, "SessionStoreError")
      assert.strictEqual(uses.length, 0)
    }))

  it.effect("before publishing publishes when it resumes, although another process took the claim over", () =>
    Effect.gen(function*() {
      const { other, process, uses } = yield* asleep(
        (value) => value.includes("access.login1.1"),
        (_, other) =>
          Effect.gen(function*() {
            // The other process sends the used token.
            needsLogin(yield* errorOf(other), "refused", 20073)
          })
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* tokenOf(process), "access.login1.1")
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
      assert.strictEqual(uses.length, 2)
    }))

  it.effect("before publishing does not overwrite a later login", () =>
    Effect.gen(function*() {
      const { other, process } = yield* asleep(
        (value) => value.includes("access.login1.1"),
        (world, other) => Effect.flatMap(world.login, (grant) => elapse(other.save(alice, grant)))
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* elapse(tokenOf(process)), "access.login2.0")
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login2.0")
    }))

  it.effect("before publishing does not overwrite a removal", () =>
    Effect.gen(function*() {
      const { other, process } = yield* asleep(
        (value) => value.includes("access.login1.1"),
        (_, other) => elapse(other.remove(alice))
      )
      yield* TestClock.adjust("10 seconds")
      needsLogin(yield* errorOf(process), "noSession")
      needsLogin(yield* errorOf(other), "noSession")
    }))

  it.effect("before it records a refusal uses what was published meanwhile", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      yield* expired
      const asleep = new Set<string>()
      const sleep = (process: SessionWorld.Process) =>
        Effect.suspend(() => {
          if (asleep.has(process.name)) return Effect.void
          asleep.add(process.name)
          return process.freeze
        })
      world.hooks.before = ({ by, value }) =>
        by === "one" && value.includes("access.login1.1")
          ? sleep(world.process)
          : by === "two" && value.includes(`"Ended"`)
          ? sleep(other)
          : Effect.void
      yield* Effect.forkChild(Effect.exit(tokenOf(world.process)), { startImmediately: true })
      yield* until(() => asleep.has("one"))
      const waiting = yield* Effect.forkChild(tokenOf(other), { startImmediately: true })
      yield* until(() => asleep.has("two"))
      assert.strictEqual(world.uses.length, 2)
      yield* world.process.thaw
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.1")
      yield* other.thaw
      assert.strictEqual(yield* elapse(Fiber.join(waiting)), "access.login1.1")
      assert.strictEqual(world.uses.length, 2)
    }))

  it.effect("after a lost reply to publishing does not overwrite a later refresh", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      yield* expired
      const isPublished = () => world.operations.at(-1)?.value.includes("access.login1.1") === true
      world.hooks.before = ({ by, value }) =>
        Effect.sync(() => {
          if (by === "one" && value.includes("access.login1.1")) world.storeFaults.push("unknownAfter")
        })
      yield* Effect.forkChild(Effect.exit(tokenOf(world.process)), { startImmediately: true })
      yield* until(isPublished)
      yield* world.process.freeze
      const token = yield* elapse(other.get(alice).get)
      yield* TestClock.adjust("30 seconds")
      yield* other.get(alice).reject(token)
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.2")
      yield* TestClock.adjust("1 minute")
      yield* world.process.thaw
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.2")
      assert.strictEqual(yield* elapse(tokenOf(yield* world.start("three"))), "access.login1.2")
    }))

  it.effect("with a refresh in flight stores the reply before its scope closes", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 5_000 })
      const other = yield* world.start("two")
      yield* expired
      const waiting = yield* Effect.forkChild(Effect.exit(tokenOf(world.process)), { startImmediately: true })
      yield* until(() => world.uses.length > 0)
      yield* elapse(world.process.close)
      assert.deepStrictEqual(yield* elapse(Fiber.join(waiting)), Exit.succeed("access.login1.1"))
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
      assert.strictEqual(world.uses.length, 1)
    }))
})

describe("a process that shuts down", () => {
  it.effect("while it waits for the claim of another process stops at once", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 8_000 })
      const other = yield* world.start("two")
      yield* expired
      yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
      yield* until(() => world.uses.length > 0)
      const waiting = yield* Effect.forkChild(Effect.exit(tokenOf(other)), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      const at = yield* Clock.currentTimeMillis
      yield* elapse(other.close)
      assert.isBelow((yield* Clock.currentTimeMillis) - at, 100)
      assert.isTrue(Exit.isFailure(yield* elapse(Fiber.join(waiting))))
      const late = yield* elapse(Effect.exit(tokenOf(other)))
      assert.isTrue(Exit.isFailure(late) && Cause.hasInterruptsOnly(late.cause))
    }))
})
