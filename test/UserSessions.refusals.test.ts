import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type * as OAuthServer from "./fixtures/OAuthServer.ts"
import * as SessionWorld from "./fixtures/SessionWorld.ts"
import { elapse, errorOf, expired, loggedIn, needsLogin, tokenOf } from "./fixtures/SessionWorld.ts"
import { alice } from "./fixtures/World.ts"

/** A session whose refresh met a fault in one process, and another process. */
const refreshFailed = Effect.fnUntraced(function*(fault: OAuthServer.Fault) {
  const world = yield* loggedIn()
  const other = yield* world.start("two")
  yield* expired
  world.faults.push(fault)
  return { world, other, error: yield* errorOf(world.process) }
})

describe("a refusal", () => {
  it.effect("of the refresh token ends the session in all processes, and the token is not sent again", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      world.revoke("login1")
      yield* TestClock.adjust("116 minutes")
      // The renewal fails in the background; the access token is used until it expires.
      for (let n = 0; n < 17; n++) {
        assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.0")
        assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.0")
        yield* TestClock.adjust("10 seconds")
      }
      assert.strictEqual(yield* elapse(tokenOf(yield* world.start("three"))), "access.login1.0")
      yield* TestClock.adjust("20 seconds")
      for (const process of [world.process, other, yield* world.start("four")]) {
        const error = yield* errorOf(process)
        needsLogin(error, "refused", 20064)
        assert.include(String(error), "failed with 20064")
        assert.include<object>(error, { status: 400, logId: "log-1", endpoint: "authen.v2.oauth.token" })
      }
      assert.strictEqual(world.uses.length, 1)
      assert.isFalse(world.swaps().at(-1)?.value.includes("refresh."))
      yield* elapse(other.save(alice, yield* world.login))
      assert.strictEqual(yield* tokenOf(other), "access.login2.0")
    }))

  it.effect.each(["refused", "throttled", "notAllowed", "wrongSecret"] satisfies ReadonlyArray<OAuthServer.Fault>)(
    "(%s) that leaves the refresh token unused releases the claim",
    (fault) =>
      Effect.gen(function*() {
        const { error, other, world } = yield* refreshFailed(fault)
        assert.include(["TransportError", "RateLimited", "AppUnavailable", "CredentialsRejected"], error._tag)
        const before = yield* Clock.currentTimeMillis
        assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
        assert.isBelow((yield* Clock.currentTimeMillis) - before, 1_000)
        assert.strictEqual(world.uses.length, 2)
      })
  )

  it.effect("is followed by the next renewal after 30 seconds, while the access token is valid", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* TestClock.adjust("116 minutes")
      world.faults.push("notAllowed", "throttled", "wrongSecret")
      while (world.uses.length < 4) {
        assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
        yield* TestClock.adjust("1 second")
      }
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.1")
      const times = world.uses.map(({ at }) => at)
      for (const [n, at] of times.slice(1).entries()) assert.isAtLeast(at - (times[n] ?? 0), 30_000)
      for (const [n, at] of times.slice(1).entries()) assert.isAtMost(at - (times[n] ?? 0), 32_000)
    }))
})

describe("a failed refresh", () => {
  it.effect("is repeated one, two, then four seconds later", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      world.faults.push("refused", "throttled", "refused", "throttled", "refused")
      for (let n = 0; n < 5; n++) yield* errorOf(world.process)
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
      const times = world.uses.map(({ at }) => at)
      const waits = times.slice(1).map((at, n) => Math.floor((at - (times[n] ?? 0)) / 1_000))
      assert.deepStrictEqual(waits, [1, 2, 4, 4, 4])
    }))

  it.effect.each(
    [
      ["throttledFor40s", "RateLimited", 40_000],
      ["notAllowed", "AppUnavailable", 5_000],
      ["wrongSecret", "CredentialsRejected", 5_000]
    ] satisfies ReadonlyArray<readonly [OAuthServer.Fault, string, number]>
  )("(%s) fails callers with %s for %s ms, without another request", ([fault, tag, millis]) =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      world.faults.push(fault)
      assert.strictEqual((yield* errorOf(world.process))._tag, tag)
      yield* TestClock.adjust(millis - 200)
      for (let n = 0; n < 100; n++) {
        const caller = yield* Effect.forkChild(Effect.flip(world.process.get(alice).get), { startImmediately: true })
        assert.isDefined(caller.pollUnsafe(), "the caller waits")
        assert.strictEqual((yield* Fiber.join(caller))._tag, tag)
      }
      assert.strictEqual(world.uses.length, 1)
      yield* TestClock.adjust(200)
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
    }))

  it.effect("of the store, or the lack of a session, delays no later call", () =>
    Effect.gen(function*() {
      const world = yield* SessionWorld.make()
      const [process, other] = [yield* world.start("one"), yield* world.start("two")]
      needsLogin(yield* errorOf(other), "noSession")
      yield* elapse(process.save(alice, yield* world.login))
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.0")
      yield* expired
      world.storeFaults.push(...Array.from({ length: 5 }, () => "unavailable" as const))
      assert.strictEqual((yield* errorOf(other))._tag, "SessionStoreError")
      const before = yield* Clock.currentTimeMillis
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
      assert.isBelow((yield* Clock.currentTimeMillis) - before, 500)
    }))

  it.effect("is forgotten with the next login", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      world.faults.push("throttledFor40s")
      yield* errorOf(world.process)
      yield* elapse(world.process.save(alice, yield* world.login))
      assert.strictEqual(yield* tokenOf(world.process), "access.login2.0")
    }))
})

const doubtful = ["dropBefore", "dropAfter", "errorBefore", "errorAfter", "garbageAfter"] as const

describe("a reply that is lost", () => {
  it.effect.each(doubtful)(
    "(%s) is followed by one more request when the claim has lapsed",
    (fault) =>
      Effect.gen(function*() {
        const { error, other, world } = yield* refreshFailed(fault)
        assert.strictEqual("retry" in error && error.retry, "unknown")
        const sentAt = world.uses[0]?.at ?? 0
        const result = yield* elapse(Effect.result(other.get(alice).get))
        assert.strictEqual(world.uses.length, 2)
        assert.isAtLeast((world.uses[1]?.at ?? 0) - sentAt, 29_000)
        assert.isAtMost((world.uses[1]?.at ?? 0) - sentAt, 32_000)
        if (fault.endsWith("Before")) {
          assert.strictEqual(result._tag, "Success")
        } else {
          needsLogin(result._tag === "Failure" && result.failure, "refused", 20073)
          needsLogin(yield* errorOf(world.process), "refused", 20073)
          needsLogin(yield* errorOf(other), "refused", 20073)
        }
        assert.strictEqual(world.uses.length, 2)
      })
  )

  it.effect("five times in a row loses no session that the platform has not refreshed", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      world.faults.push("dropBefore", "errorBefore", "dropBefore", "errorBefore", "errorBefore")
      for (let n = 0; n < 5; n++) assert.strictEqual("retry" in (yield* errorOf(world.process)), true)
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
      const times = world.uses.map(({ at }) => at)
      for (const [n, at] of times.slice(1).entries()) assert.isAtLeast(at - (times[n] ?? 0), 29_000)
    }))

  it.effect("delays no caller while the access token is valid", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* TestClock.adjust("116 minutes")
      world.faults.push("errorBefore", "dropBefore")
      for (let n = 0; n < 100; n++) {
        const asked = yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
        assert.isDefined(asked.pollUnsafe())
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.1")
      assert.strictEqual(world.uses.length, 3)
    }))

  it.effect("is one that takes two thirds of the claim", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 6_100, claimTime: "9 seconds" })
      yield* expired
      const error = yield* errorOf(world.process)
      assert.include<object>(error, { _tag: "TransportError", executed: "unknown", reason: "no answer within 6000 ms" })
    }))
})

describe("a store that fails", () => {
  it.effect("for a moment is retried", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      world.storeFaults.push("unavailable", "unavailable")
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
    }))

  it.effect("before the refresh token was sent fails the call, and the next one succeeds", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      world.storeFaults.push(...Array.from({ length: 5 }, () => "unavailable" as const))
      const error = yield* errorOf(world.process)
      assert.include<object>(error, { _tag: "SessionStoreError", reason: "unavailable", detail: "the store is down" })
      assert.isFalse("report" in error)
      assert.strictEqual(world.uses.length, 0)
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
    }))

  it.effect("to store the successor is retried until it does, and callers get the error meanwhile", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      let isDown = false
      world.hooks.before = ({ kind, value }) =>
        Effect.sync(() => {
          isDown ||= value.includes("access.login1.1")
          if (isDown && kind === "swap") world.storeFaults.push("unavailable")
        })
      const waiting = yield* Effect.forkChild(Effect.flip(tokenOf(world.process)), { startImmediately: true })
      assert.include<object>(yield* elapse(Fiber.join(waiting)), { _tag: "SessionStoreError", reason: "unavailable" })
      // A later caller fails at once.
      const later = yield* Effect.forkChild(Effect.flip(tokenOf(world.process)), { startImmediately: true })
      assert.isDefined(later.pollUnsafe())
      yield* TestClock.adjust("10 minutes")
      assert.isDefined(
        (yield* Effect.forkChild(Effect.exit(tokenOf(world.process)), { startImmediately: true })).pollUnsafe()
      )
      world.hooks.before = undefined
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.1")
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("to store the successor until the user has logged in again does not hide the new session", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      yield* expired
      world.hooks.before = ({ by, value }) =>
        Effect.sync(() => {
          if (by === "one" && value.includes("access.login1.1")) world.storeFaults.push("unavailable")
        })
      assert.include<object>(yield* errorOf(world.process), { _tag: "SessionStoreError" })
      yield* elapse(other.save(alice, yield* world.login))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login2.0")
    }))

  it.effect.each(["unknownBefore", "unknownAfter"] as const)(
    "to report the outcome of a write (%s) is read again",
    (fault) =>
      Effect.gen(function*() {
        for (const at of [0, 1, 2, 3]) {
          const world = yield* loggedIn()
          yield* expired
          let swaps = 0
          world.hooks.before = ({ kind }) =>
            Effect.sync(() => {
              if (kind === "swap" && swaps++ === at) world.storeFaults.push(fault)
            })
          assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
          assert.strictEqual(world.uses.length, 1)
          assert.strictEqual(yield* elapse(tokenOf(yield* world.start("two"))), "access.login1.1")
        }
      })
  )

  it.effect.each(["before", "after"] as const)(
    "by a defect %s it acts loses no session, whichever operation it is",
    (when) =>
      Effect.gen(function*() {
        for (const at of [0, 1, 2, 3]) {
          const world = yield* loggedIn()
          yield* expired
          let operations = 0
          world.hooks[when] = () => operations++ === at ? Effect.die(new Error("broken driver")) : Effect.void
          assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
          assert.strictEqual(world.uses.length, 1)
          assert.strictEqual(yield* elapse(tokenOf(yield* world.start("two"))), "access.login1.1")
        }
      })
  )
})

describe("a removal", () => {
  /** Removes the session of a first login, while another process saves a second one during the first swap. */
  const overtaken = Effect.fnUntraced(function*(fault: SessionWorld.StoreFault | undefined, isRefreshed = false) {
    const world = yield* loggedIn()
    const other = yield* world.start("two")
    const grant = yield* world.login
    yield* elapse(tokenOf(other))
    let swaps = 0
    world.hooks.before = ({ by, kind }) =>
      Effect.gen(function*() {
        if (by !== "one" || kind !== "swap" || swaps++ > 0) return
        if (fault === undefined) {
          yield* isRefreshed
            ? Effect.asVoid(rejected(other))
            : Effect.orDie(other.save(alice, grant))
        } else world.storeFaults.push(fault)
      })
    world.hooks.after = ({ by, kind }) =>
      Effect.suspend(() =>
        by !== "one" || kind !== "swap" || swaps > 1 || fault === undefined
          ? Effect.void
          : Effect.orDie(other.save(alice, grant))
      )
    yield* elapse(world.process.remove(alice))
    world.hooks.before = world.hooks.after = undefined
    return world
  })

  const rejected = Effect.fnUntraced(function*(process: SessionWorld.Process) {
    const session = process.get(alice)
    yield* session.reject(yield* Effect.orDie(session.get))
    return yield* Effect.orDie(session.get)
  })

  it.effect.each(["unknownBefore", "unknownAfter", "unavailable", undefined] as const)(
    "leaves a login that happens meanwhile, even if it is repeated (%s)",
    (fault) =>
      Effect.gen(function*() {
        const world = yield* overtaken(fault)
        for (const process of [world.process, yield* world.start("three")]) {
          assert.strictEqual(yield* elapse(tokenOf(process)), "access.login2.0")
        }
      })
  )

  it.effect("deletes the session that another process refreshes meanwhile", () =>
    Effect.gen(function*() {
      const world = yield* overtaken(undefined, true)
      assert.strictEqual(world.uses.length, 1)
      for (const process of [world.process, yield* world.start("three")]) {
        needsLogin(yield* errorOf(process), "noSession")
      }
    }))

  it.effect.each(["unknownBefore", "unknownAfter", "unavailable"] as const)(
    "is applied once, even if it is repeated (%s)",
    (fault) =>
      Effect.gen(function*() {
        const world = yield* loggedIn()
        world.hooks.before = ({ kind }) =>
          Effect.sync(() => {
            world.hooks.before = kind === "swap" ? undefined : world.hooks.before
            if (kind === "swap") world.storeFaults.push(fault)
          })
        yield* elapse(world.process.remove(alice))
        needsLogin(yield* errorOf(yield* world.start("two")), "noSession")
        const before = world.operations.length
        yield* elapse(world.process.remove(alice))
        assert.deepStrictEqual(world.operations.slice(before).map(({ kind }) => kind), ["get"])
      })
  )
})
