import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Clock,
  Context,
  DateTime,
  type Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Redacted,
  Result
} from "effect"
import {
  Cas,
  Lark,
  LarkConfig,
  MeetingId,
  Meetings,
  MeetingUser,
  OAuth,
  Seal,
  SessionStore,
  UserSessions,
  UserToken
} from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import * as platform from "./fixtures/http/platform.ts"
import * as OAuthServer from "./fixtures/OAuthServer.ts"
import * as SessionWorld from "./fixtures/SessionWorld.ts"

type World = Effect.Success<ReturnType<typeof SessionWorld.make>>

const alice = MeetingUser.openId("ou_alice")
const bob = MeetingUser.openId("ou_bob")

/** Lets time pass until it is done. */
const elapse = <A, E, R>(self: Effect.Effect<A, E, R>, step: Duration.Input = "50 millis") =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(self, { startImmediately: true })
    for (let n = 0; n < 10_000 && fiber.pollUnsafe() === undefined; n++) yield* TestClock.adjust(step)
    return yield* Fiber.join(fiber)
  })

const tokenOf = (process: SessionWorld.Process, user: MeetingUser.MeetingUser = alice) =>
  Effect.map(process.get(user).get, Redacted.value)

const errorOf = (process: SessionWorld.Process, user: MeetingUser.MeetingUser = alice) =>
  elapse(Effect.flip(process.get(user).get))

/** A world in which Alice has logged in, through a first process. */
const loggedIn = Effect.fnUntraced(function*(settings?: SessionWorld.Settings) {
  const world = yield* SessionWorld.make(settings)
  const process = yield* world.start("one")
  yield* elapse(process.save(alice, yield* world.login))
  return { ...world, process }
})

/** When the process gets there, after one millisecond of each step. */
const until = (isThere: () => boolean) =>
  Effect.gen(function*() {
    for (let n = 0; n < 100_000 && !isThere(); n++) yield* TestClock.adjust("1 millis")
    if (!isThere()) assert.fail("it never got there")
  })

const usesOf = (world: Pick<World, "uses">) => world.uses.map(({ by, refreshToken }) => `${by} ${refreshToken}`)

const needsLogin = (error: unknown, reason: string, code?: number) => {
  assert.include<object>(Object(error), { _tag: "ReauthorizationRequired" })
  const { code: given, reason: why } = Object(error)
  assert.deepStrictEqual([why, given], [reason, code])
}

/** From here on the token has to be renewed to be used. */
const expired = TestClock.adjust("119 minutes")

describe("a session", () => {
  it.effect("serves its access token until the last minute, and is read from the store once", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("other")
      const before = world.operations.length
      for (let n = 0; n < 114; n++) {
        assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.0")
        assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.0")
        yield* TestClock.adjust("59 seconds")
      }
      assert.strictEqual(world.uses.length, 0)
      assert.deepStrictEqual(
        world.operations.slice(before).map(({ by, kind }) => `${by} ${kind}`).slice(0, 1),
        ["other get"]
      )
      assert.strictEqual(world.operations.length - before, 1)
    }))

  it.effect("is renewed in the last five minutes, in the background: nobody waits", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 4_000 })
      yield* TestClock.adjust(115 * 60_000 - 5_000)
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
      assert.strictEqual(world.operations.length, 2)
      yield* TestClock.adjust("5 seconds")
      for (let n = 0; n < 100; n++) assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.1")
      assert.deepStrictEqual(usesOf(world), ["one refresh.login1.0"])
    }).pipe(Effect.scoped))

  it.effect("with a short life is renewed in its last quarter, and not used in its last tenth", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ lifetime: 20, storeLatency: 0, latency: 2 })
      yield* TestClock.adjust(14_999)
      yield* tokenOf(world.process)
      yield* TestClock.adjust(0)
      assert.strictEqual(world.uses.length, 0)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.1")
      yield* TestClock.adjust(18_000)
      const waiting = yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual(yield* elapse(Fiber.join(waiting)), "access.login1.2")
    }))

  it.effect("is refreshed once, however many wait in however many processes", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const others = yield* Effect.forEach(["two", "three", "four"], (name) => world.start(name))
      yield* expired
      const tokens = yield* elapse(Effect.forEach(
        Array.from({ length: 200 }, (_, n) => [world.process, ...others][n % 4] ?? assert.fail()),
        (process) => tokenOf(process),
        { concurrency: "unbounded" }
      ))
      assert.deepStrictEqual([...new Set(tokens)], ["access.login1.1"])
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("is refreshed by one of two processes, while the other goes on with the token that serves", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 8_000 })
      const [late, new_] = [yield* world.start("two"), yield* world.start("new")]
      yield* elapse(tokenOf(late))
      yield* TestClock.adjust("116 minutes")
      yield* tokenOf(world.process)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* tokenOf(late), "access.login1.0")
      const first = yield* Effect.forkChild(tokenOf(new_), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(first.pollUnsafe(), Exit.succeed("access.login1.0"))
      yield* TestClock.adjust("10 seconds")
      for (const process of [world.process, late, new_]) {
        assert.strictEqual(yield* tokenOf(process), "access.login1.1")
      }
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("is stored before its token is used", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      let isStored = false
      world.hooks.before = ({ value }) =>
        Effect.sync(() => {
          isStored ||= value.includes("access.login1.1")
        })
      const waiting = yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
      yield* until(() => world.uses.length > 0)
      while (waiting.pollUnsafe() === undefined) yield* TestClock.adjust("1 millis")
      assert.isTrue(isStored)
      assert.strictEqual(world.swaps().filter(({ value }) => value.includes("access.login1.1")).length, 1)
    }))

  it.effect("of each user, of each kind of id and of each app is another one", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      for (const user of [bob, MeetingUser.unionId("ou_alice"), MeetingUser.openId("ou_alice", { userType: 2 })]) {
        needsLogin(yield* errorOf(world.process, user), "noSession")
      }
      const otherApp = yield* world.start("two", "cli_b")
      needsLogin(yield* errorOf(otherApp), "noSession")
      yield* elapse(world.process.save(bob, yield* world.login))
      yield* elapse(otherApp.save(alice, yield* world.login))
      assert.strictEqual(yield* tokenOf(world.process, alice), "access.login1.0")
      assert.strictEqual(yield* tokenOf(world.process, bob), "access.login2.0")
      assert.strictEqual(yield* tokenOf(otherApp), "access.login3.0")
      assert.deepStrictEqual(world.process.get(bob).user, Option.some(bob))
    }))

  it.effect("begins anew with another login, and ends when it is removed", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* elapse(tokenOf(world.process))
      yield* elapse(world.process.save(alice, yield* world.login))
      assert.strictEqual(yield* tokenOf(world.process), "access.login2.0")
      yield* elapse(world.process.remove(alice))
      needsLogin(yield* errorOf(world.process), "noSession")
      needsLogin(yield* errorOf(yield* world.start("two")), "noSession")
      yield* elapse(world.process.remove(alice))
      yield* elapse(world.process.remove(bob))
      assert.strictEqual(world.operations.at(-1)?.kind, "get")
      yield* elapse(world.process.save(alice, yield* world.login))
      assert.strictEqual(yield* tokenOf(world.process), "access.login3.0")
    }))

  it.effect("that was read before a login or a removal, and arrives after it, does not hide that", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const readLate = Effect.fnUntraced(function*(
        name: string,
        meanwhile: (process: SessionWorld.Process) => Effect.Effect<void, unknown>
      ) {
        const process = yield* world.start(name)
        let isFirst = true
        world.hooks.after = ({ by }) =>
          Effect.suspend(() => {
            if (by !== name || !isFirst) return Effect.void
            isFirst = false
            return Effect.sleep("1 second")
          })
        const reading = yield* Effect.forkChild(tokenOf(process), { startImmediately: true })
        yield* until(() => !isFirst)
        yield* elapse(meanwhile(process), "1 millis")
        yield* TestClock.adjust("2 seconds")
        return { process, read: yield* Effect.result(Fiber.join(reading)) }
      })
      const grant = yield* world.login
      const saved = yield* readLate("two", (process) => process.save(alice, grant))
      // The caller that waits for the read gets the token that is saved meanwhile.
      assert.deepStrictEqual(saved.read, Result.succeed("access.login2.0"))
      assert.strictEqual(yield* tokenOf(saved.process), "access.login2.0")
      const removed = yield* readLate("three", (process) => process.remove(alice))
      assert.deepStrictEqual(removed.read, Result.succeed("access.login2.0"))
      needsLogin(yield* errorOf(removed.process), "noSession")
    }))

  it.effect("that is removed while it is renewed in the background is not served again", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 4_000 })
      yield* TestClock.adjust("116 minutes")
      yield* tokenOf(world.process)
      yield* TestClock.adjust("1 second")
      yield* elapse(world.process.remove(alice))
      needsLogin(yield* errorOf(world.process), "noSession")
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("that was saved or removed by another process is noticed at the next look", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      yield* elapse(tokenOf(other))
      yield* elapse(world.process.save(alice, yield* world.login))
      assert.strictEqual(yield* tokenOf(other), "access.login1.0")
      yield* other.get(alice).reject(Redacted.make("access.login1.0"))
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login2.0")
      yield* elapse(world.process.remove(alice))
      yield* expired
      needsLogin(yield* errorOf(other), "noSession")
      assert.strictEqual(world.uses.length, 0)
    }))

  it.effect("without a refresh token serves to its end, and then wants a login", () =>
    Effect.gen(function*() {
      const world = yield* SessionWorld.make()
      const process = yield* world.start("one")
      yield* elapse(process.save(alice, { ...(yield* world.login), refreshToken: Option.none() }))
      yield* TestClock.adjust("118 minutes")
      const before = world.operations.length
      for (let n = 0; n < 50; n++) {
        assert.strictEqual(yield* elapse(tokenOf(process)), "access.login1.0")
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(yield* elapse(tokenOf(yield* world.start("two"))), "access.login1.0")
      // It looks for a token from elsewhere, not at each call.
      assert.isAtMost(world.operations.length - before, 5)
      yield* TestClock.adjust("10 seconds")
      needsLogin(yield* errorOf(process), "noRefreshToken")
      assert.strictEqual(world.uses.length, 0)
    }))

  it.effect("whose refresh token has expired is not refreshed", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ refreshLifetime: 7_170 })
      yield* TestClock.adjust("119 minutes")
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
      yield* TestClock.adjust("4 hours")
      needsLogin(yield* errorOf(world.process), "expired")
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("goes on for as long as it is used", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      for (let n = 1; n <= 20; n++) {
        yield* TestClock.adjust("2 hours")
        assert.strictEqual(yield* elapse(tokenOf(n % 2 === 0 ? world.process : other)), `access.login1.${n}`)
      }
      assert.strictEqual(world.uses.length, 20)
    }))
})

describe("a token that the platform rejects", () => {
  it.effect("is refreshed, once for all who met it", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      const [one, two] = [world.process.get(alice), other.get(alice)]
      const [first, second] = [yield* elapse(one.get), yield* elapse(two.get)]
      for (const session of [one, one, two]) assert.isTrue(yield* session.reject(first))
      const tokens = yield* elapse(
        Effect.all(Array.from({ length: 20 }, (_, n) => tokenOf(n % 2 === 0 ? world.process : other)), {
          concurrency: "unbounded"
        })
      )
      assert.deepStrictEqual([...new Set(tokens)], ["access.login1.1"])
      yield* one.reject(second)
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.1")
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("is looked for in the store first: another process may have rotated it", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      const token = yield* elapse(other.get(alice).get)
      yield* world.process.get(alice).reject(token)
      yield* elapse(tokenOf(world.process))
      yield* other.get(alice).reject(token)
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
      assert.deepStrictEqual(usesOf(world), ["one refresh.login1.0"])
    }))

  it.effect("is not served again, not even while another process refreshes it", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 6_000 })
      const other = yield* world.start("two")
      const token = yield* elapse(other.get(alice).get)
      yield* world.process.get(alice).reject(token)
      yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* other.get(alice).reject(token)
      const waiting = yield* Effect.forkChild(tokenOf(other), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual(yield* elapse(Fiber.join(waiting)), "access.login1.1")
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("and has no refresh token wants a login", () =>
    Effect.gen(function*() {
      const world = yield* SessionWorld.make()
      const process = yield* world.start("one")
      yield* elapse(process.save(alice, { ...(yield* world.login), refreshToken: Option.none() }))
      assert.isTrue(yield* process.get(alice).reject(yield* process.get(alice).get))
      needsLogin(yield* errorOf(process), "noRefreshToken")
    }))

  it.effect("from elsewhere, or from long ago, changes nothing", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* elapse(tokenOf(world.process))
      yield* world.process.get(alice).reject(Redacted.make("from elsewhere"))
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.0")
      assert.strictEqual(world.uses.length, 0)
    }))
})

describe("a refusal", () => {
  it.effect("of the refresh token ends the session for everybody, and the token is not sent again", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const other = yield* world.start("two")
      world.revoke("login1")
      yield* TestClock.adjust("116 minutes")
      // Renewal fails in the background: the access token serves to its end.
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
    "that leaves the token unused (%s) gives the claim back: the session survives",
    (fault) =>
      Effect.gen(function*() {
        const world = yield* loggedIn()
        const other = yield* world.start("two")
        yield* expired
        world.faults.push(fault)
        const error = yield* errorOf(world.process)
        assert.include(["TransportError", "RateLimited", "AppUnavailable", "CredentialsRejected"], error._tag)
        const before = yield* Clock.currentTimeMillis
        assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
        assert.isBelow((yield* Clock.currentTimeMillis) - before, 1_000)
        assert.strictEqual(world.uses.length, 2)
      })
  )

  it.effect("is not asked for again within half a minute, while the token serves", () =>
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

const doubtful = ["dropBefore", "dropAfter", "errorBefore", "errorAfter", "garbageAfter"] as const

describe("a reply that is lost", () => {
  it.effect.each(doubtful)(
    "(%s) is followed by one more request, when the claim has lapsed",
    (fault) =>
      Effect.gen(function*() {
        const world = yield* loggedIn()
        const other = yield* world.start("two")
        yield* expired
        world.faults.push(fault)
        const error = yield* errorOf(world.process)
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

  it.effect("again and again loses no session that the platform has not rotated", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      world.faults.push("dropBefore", "errorBefore", "dropBefore", "errorBefore", "errorBefore")
      for (let n = 0; n < 5; n++) assert.strictEqual("retry" in (yield* errorOf(world.process)), true)
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
      const times = world.uses.map(({ at }) => at)
      for (const [n, at] of times.slice(1).entries()) assert.isAtLeast(at - (times[n] ?? 0), 29_000)
    }))

  it.effect("is not waited for while the token serves", () =>
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

  it.effect("counts as lost when it takes two thirds of the claim", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ latency: 6_100, claimTime: "9 seconds" })
      yield* expired
      const error = yield* errorOf(world.process)
      assert.include<object>(error, { _tag: "TransportError", executed: "unknown", reason: "no answer within 6000 ms" })
    }))
})

describe("a process that dies", () => {
  /** Kills the first process when it has come that far with a refresh. */
  const killed = Effect.fnUntraced(function*(when: (world: World) => boolean) {
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

  const hasStored = (world: World, text: string) => world.swaps().some(({ value }) => value.includes(text))

  it.effect("before it has claimed is not missed", () =>
    Effect.gen(function*() {
      const { result, took, uses } = yield* killed(({ operations }) => operations.at(-1)?.kind === "get")
      assert.strictEqual(result._tag, "Success")
      assert.isBelow(took, 1_000)
      assert.strictEqual(uses.length, 1)
    }))

  it.effect("with a claim, before it has sent, costs the wait for the claim to lapse", () =>
    Effect.gen(function*() {
      const { result, took, uses } = yield* killed((world) => hasStored(world, `"sent":false`))
      assert.strictEqual(result._tag, "Success")
      assert.isAtLeast(took, 29_000)
      assert.isAtMost(took, 32_000)
      assert.strictEqual(uses.length, 1)
    }))

  it.effect("after it has marked, before it has sent, costs no more", () =>
    Effect.gen(function*() {
      const { result, took, uses } = yield* killed((world) => hasStored(world, `"sent":true`))
      assert.strictEqual(result._tag, "Success")
      assert.isAtLeast(took, 29_000)
      assert.strictEqual(uses.length, 1)
    }))

  it.effect("after it has sent loses the session, unavoidably, and that is said", () =>
    Effect.gen(function*() {
      const { other, result, uses } = yield* killed((world) => world.uses.length > 0)
      needsLogin(result._tag === "Failure" && result.failure, "refused", 20073)
      needsLogin(yield* errorOf(other), "refused", 20073)
      assert.deepStrictEqual(usesOf({ uses }), ["one refresh.login1.0", "two refresh.login1.0"])
    }))

  it.effect("after it has published is not missed", () =>
    Effect.gen(function*() {
      const { result, took, uses } = yield* killed((world) => hasStored(world, "access.login1.1"))
      assert.strictEqual(result._tag, "Success")
      assert.isBelow(took, 1_000)
      assert.strictEqual(uses.length, 1)
    }))

  it.effect("leaves nothing behind that a clock gone wrong would keep for ever", () =>
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

describe("a process that sleeps", () => {
  /** Puts the first process to sleep before a swap, until the world has gone on. */
  const asleep = Effect.fnUntraced(function*(
    before: (value: string) => boolean,
    meanwhile: (world: World, other: SessionWorld.Process) => Effect.Effect<void, unknown>
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

  it.effect("before it marks, does not send when it wakes", () =>
    Effect.gen(function*() {
      const { process, result, uses } = yield* asleep(
        (value) => value.includes(`"sent":true`),
        (_, other) => Effect.asVoid(elapse(tokenOf(other)))
      )
      assert.strictEqual(result._tag === "Failure" && result.failure._tag, "SessionStoreError")
      assert.strictEqual(yield* elapse(tokenOf(process)), "access.login1.1")
      assert.deepStrictEqual(usesOf({ uses }), ["two refresh.login1.0"])
    }))

  it.effect("after it has claimed, sends nothing when it wakes and the claim is gone", () =>
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

  it.effect("before it marks, leaves the claim of who took over alone when it wakes", () =>
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

  it.effect("while it marks, for longer than its claim is worth, does not send when it wakes", () =>
    Effect.gen(function*() {
      const { result, uses } = yield* asleep(
        (value) => value.includes(`"sent":true`),
        () => TestClock.adjust("8 seconds")
      )
      assert.strictEqual(result._tag === "Failure" && result.failure._tag, "SessionStoreError")
      assert.strictEqual(uses.length, 0)
    }))

  it.effect("before it publishes, publishes when it wakes, though its claim was taken over in vain", () =>
    Effect.gen(function*() {
      const { other, process, uses } = yield* asleep(
        (value) => value.includes("access.login1.1"),
        (_, other) =>
          Effect.gen(function*() {
            // The other's request, with the token that is used up.
            needsLogin(yield* errorOf(other), "refused", 20073)
          })
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* tokenOf(process), "access.login1.1")
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.1")
      assert.strictEqual(uses.length, 2)
    }))

  it.effect("before it publishes, does not publish over another login", () =>
    Effect.gen(function*() {
      const { other, process } = yield* asleep(
        (value) => value.includes("access.login1.1"),
        (world, other) => Effect.flatMap(world.login, (grant) => elapse(other.save(alice, grant)))
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* elapse(tokenOf(process)), "access.login2.0")
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login2.0")
    }))

  it.effect("before it publishes, does not publish over a removal", () =>
    Effect.gen(function*() {
      const { other, process } = yield* asleep(
        (value) => value.includes("access.login1.1"),
        (_, other) => elapse(other.remove(alice))
      )
      yield* TestClock.adjust("10 seconds")
      needsLogin(yield* errorOf(process), "noSession")
      needsLogin(yield* errorOf(other), "noSession")
    }))

  it.effect("before it notes a refusal, finds when it wakes what was published meanwhile", () =>
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

  it.effect("after it has published unknowingly, does not publish again over what came later", () =>
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
      yield* other.get(alice).reject(token)
      assert.strictEqual(yield* elapse(tokenOf(other)), "access.login1.2")
      yield* TestClock.adjust("1 minute")
      yield* world.process.thaw
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.2")
      assert.strictEqual(yield* elapse(tokenOf(yield* world.start("three"))), "access.login1.2")
    }))

  it.effect("and ends in an orderly way in the middle of a refresh stores what it gets", () =>
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

describe("a process that ends", () => {
  it.effect("while it waits for another's claim, ends at once", () =>
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

describe("a store that fails", () => {
  it.effect("for a moment is asked again", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      world.storeFaults.push("unavailable", "unavailable")
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
    }))

  it.effect("before anything was sent costs nothing but the call", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      yield* expired
      world.storeFaults.push(...Array.from({ length: 5 }, () => "unavailable" as const))
      const error = yield* errorOf(world.process)
      assert.include<object>(error, { _tag: "SessionStoreError", reason: "unavailable", detail: "it is down" })
      assert.isFalse("report" in error)
      assert.strictEqual(world.uses.length, 0)
      assert.strictEqual(yield* elapse(tokenOf(world.process)), "access.login1.1")
    }))

  it.effect("to take the successor is asked until it does; nobody uses the token before", () =>
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
      // Who asks now is told at once.
      const told = yield* Effect.forkChild(Effect.flip(tokenOf(world.process)), { startImmediately: true })
      assert.isDefined(told.pollUnsafe())
      yield* TestClock.adjust("10 minutes")
      assert.isDefined(
        (yield* Effect.forkChild(Effect.exit(tokenOf(world.process)), { startImmediately: true })).pollUnsafe()
      )
      world.hooks.before = undefined
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* tokenOf(world.process), "access.login1.1")
      assert.strictEqual(world.uses.length, 1)
    }))

  it.effect("to take the successor until the user has logged in anew does not hide the new session", () =>
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
    "to say what it did (%s) is found out about",
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
})

describe("a removal", () => {
  /** Removes the session of a first login, while another process saves a second one as soon as the first swap is over. */
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
    "leaves the login that came after it had begun, though it has to be repeated (%s)",
    (fault) =>
      Effect.gen(function*() {
        const world = yield* overtaken(fault)
        for (const process of [world.process, yield* world.start("three")]) {
          assert.strictEqual(yield* elapse(tokenOf(process)), "access.login2.0")
        }
      })
  )

  it.effect("ends the session that another process refreshes meanwhile", () =>
    Effect.gen(function*() {
      const world = yield* overtaken(undefined, true)
      assert.strictEqual(world.uses.length, 1)
      for (const process of [world.process, yield* world.start("three")]) {
        needsLogin(yield* errorOf(process), "noSession")
      }
    }))

  it.effect.each(["unknownBefore", "unknownAfter", "unavailable"] as const)(
    "is made, though it has to be repeated (%s), and only once",
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

const key = Redacted.make(Buffer.alloc(32, 7).toString("base64"))

/** With a real seal over a store in memory. */
const sealed = Effect.fnUntraced(
  function*(options: { readonly key: Redacted.Redacted }, store: SessionStore.SessionStore["Service"]) {
    const server = OAuthServer.make()
    const context = yield* Layer.build(
      Layer.fresh(UserSessions.layer()).pipe(
        Layer.provide(Layer.mergeAll(
          Layer.succeed(SessionStore.SessionStore, store),
          Seal.layer(options),
          Layer.succeed(OAuth.OAuth, server.client("one")),
          LarkConfig.layer({ appId: "cli_a", appSecret: Redacted.make("secret") })
        ))
      )
    )
    return { ...server, sessions: Context.get(context, UserSessions.UserSessions) }
  }
)

const memory = Effect.map(Layer.build(Layer.fresh(SessionStore.layerMemory)), Context.get(SessionStore.SessionStore))

/** Little by little: what is sealed takes real time, in which the test clock must not run away. */
const slowly = <A, E, R>(self: Effect.Effect<A, E, R>) => elapse(self, "1 millis")

describe("what is stored", () => {
  it.effect("is sealed", () =>
    Effect.gen(function*() {
      const values: Array<string> = []
      const backend = yield* memory
      const store = SessionStore.SessionStore.of({
        ...backend,
        swap: (key, expected, value) => {
          values.push(key, value)
          return backend.swap(key, expected, value)
        }
      })
      const { login, sessions } = yield* sealed({ key }, store)
      yield* slowly(sessions.save(alice, yield* login))
      yield* expired
      assert.strictEqual(Redacted.value(yield* slowly(sessions.get(alice).get)), "access.login1.1")
      assert.strictEqual(values.length, 8)
      for (const value of values) assert.notMatch(value, /login1|access\.|refresh\./)
    }))

  it.effect("opens under the user it belongs to, and no other", () =>
    Effect.gen(function*() {
      const store = yield* memory
      const keys: Array<string> = []
      const spied = SessionStore.SessionStore.of({
        ...store,
        swap: (key, expected, value) => {
          keys.push(key)
          return store.swap(key, expected, value)
        }
      })
      const { login, sessions } = yield* sealed({ key }, spied)
      yield* slowly(sessions.save(alice, yield* login))
      yield* slowly(sessions.save(bob, yield* login))
      const [keyOfAlice = "", keyOfBob = ""] = keys
      const stolen = Option.getOrThrow(yield* store.get(keyOfAlice))
      yield* store.swap(keyOfBob, 1, stolen.value)
      const { sessions: fresh } = yield* sealed({ key }, store)
      assert.strictEqual(Redacted.value(yield* slowly(fresh.get(alice).get)), "access.login1.0")
      const error = yield* slowly(Effect.flip(fresh.get(bob).get))
      assert.include<object>(error, { _tag: "SessionStoreError", reason: "unreadable" })
      assert.include(String(error), "LARK_SEAL_KEY")
    }))

  it.effect("with a key that is lost cannot be read, but a login begins anew", () =>
    Effect.gen(function*() {
      const store = yield* memory
      const { login, sessions } = yield* sealed({ key }, store)
      yield* slowly(sessions.save(alice, yield* login))
      const other = Redacted.make(Buffer.alloc(32, 8).toString("base64"))
      const { login: loginAgain, sessions: fresh } = yield* sealed({ key: other }, store)
      assert.include<object>(yield* slowly(Effect.flip(fresh.get(alice).get)), { reason: "unreadable" })
      yield* slowly(fresh.save(alice, yield* loginAgain))
      assert.strictEqual(Redacted.value(yield* slowly(fresh.get(alice).get)), "access.login1.0")
      yield* slowly(sessions.remove(alice))
      assert.include<object>(yield* slowly(Effect.flip(sessions.get(alice).get)), { reason: "noSession" })
    }))

  it.effect("and what is shown of the service holds no token", () =>
    Effect.gen(function*() {
      const { login, sessions } = yield* sealed({ key }, yield* memory)
      yield* slowly(sessions.save(alice, yield* login))
      const session = sessions.get(alice)
      const token = yield* slowly(session.get)
      for (const value of [sessions, session, token]) {
        assert.notMatch(inspect(value, { depth: 20, showHidden: true }), /login1|access\.|refresh\./)
      }
    }))
})

describe("the service", () => {
  it.effect.each([0, 999, -1, Number.NaN, "Infinity", "soon"])(
    "refuses a claim time of %s",
    (claimTime) =>
      Effect.gen(function*() {
        const { error } = yield* Effect.exit(
          // What a program without types may pass.
          Layer.build(
            UserSessions.layer({ claimTime: claimTime as Duration.Input }).pipe(
              Layer.provide(Layer.mergeAll(
                SessionStore.layerMemory,
                Seal.layer({ key }),
                Layer.succeed(OAuth.OAuth, OAuthServer.make().client("one")),
                LarkConfig.layer({ appId: "cli_a", appSecret: Redacted.make("secret") })
              ))
            )
          )
        ).pipe(Effect.map((exit) => ({ error: Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined })))
        assert.include<object>(Object(error), { _tag: "InvalidLarkConfig", setting: "claimTime" })
      })
  )

  it.effect("forgets whom nobody has asked for in an hour, and reads the store again", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn({ lifetime: 86_400 })
      const reads = () => world.operations.filter(({ kind }) => kind === "get").length
      const before = reads()
      for (let n = 0; n < 10; n++) {
        yield* TestClock.adjust("59 minutes")
        yield* tokenOf(world.process)
      }
      assert.strictEqual(reads(), before)
      yield* TestClock.adjust("61 minutes")
      // They go when others come.
      yield* world.process.get(bob).reject(Redacted.make("none"))
      yield* elapse(tokenOf(world.process))
      assert.strictEqual(reads(), before + 1)
    }))

  it.effect("holds ten thousand users, those asked for last", () =>
    Effect.gen(function*() {
      const world = yield* loggedIn()
      const reads = () => world.operations.filter(({ kind }) => kind === "get").length
      const before = reads()
      const visit = (from: number, to: number) =>
        Effect.forEach(
          Array.from({ length: to - from }, (_, n) => MeetingUser.openId(`ou_${from + n}`)),
          (user) => world.process.get(user).reject(Redacted.make("none")),
          { discard: true }
        )
      yield* visit(0, 9_999)
      yield* tokenOf(world.process)
      yield* visit(9_999, 10_000)
      yield* tokenOf(world.process)
      assert.strictEqual(reads(), before)
      yield* visit(0, 10_000)
      yield* elapse(tokenOf(world.process))
      assert.strictEqual(reads(), before + 1)
    }))

  it.effect("refreshes for all, not in the region of who asked first", () =>
    Effect.gen(function*() {
      const Region = Context.Reference<string>("test/Region", { defaultValue: () => "nobody's" })
      const world = yield* SessionWorld.make()
      const process = yield* world.start("one")
      const regions = new Set<string>()
      world.hooks.before = () => Effect.map(Region, (region) => void regions.add(region))
      yield* elapse(process.save(alice, yield* world.login))
      regions.clear()
      yield* TestClock.adjust("2 hours")
      yield* elapse(tokenOf(process)).pipe(Effect.provideService(Region, "mine"))
      yield* TestClock.adjust("116 minutes")
      yield* tokenOf(process).pipe(Effect.provideService(Region, "mine"))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(world.uses.length, 2)
      assert.deepStrictEqual([...regions], ["nobody's"])
    }))
})

describe("calls as a user", () => {
  const id = MeetingId.make("6911188411932033028")

  it.effect("go on when the token is rejected: it is refreshed, once, and the call repeated", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const login = yield* OAuth.authorize({ redirectUri: "https://app.example/", scopes: ["offline_access"] })
      const callback = yield* simulator.authorize(login.url, "ou_alice")
      yield* slowly(Effect.flatMap(OAuth.exchange(login, callback), (grant) => UserSessions.save(alice, grant)))
      const session = yield* UserSessions.get(alice)
      yield* slowly(Meetings.get(id).pipe(Lark.asUser(session)))
      yield* simulator.addFaults([{ endpoint: "get", nth: 0, fault: { _tag: "RejectToken", status: 400 } }])
      const calls = Effect.all(Array.from({ length: 3 }, () => Meetings.get(id)), { concurrency: "unbounded" })
      const meetings = yield* slowly(calls.pipe(Lark.asUser(session)))
      assert.deepStrictEqual(meetings.map((meeting) => meeting.id), [id, id, id])
      const records = yield* simulator.sessions
      assert.deepStrictEqual(
        records.map(({ generation, reusedAt, usedAt }) => [generation, usedAt !== undefined, reusedAt.length]),
        [[0, true, 0], [1, false, 0]]
      )
      yield* slowly(Meetings.end(id).pipe(Lark.asUser(session)))
    }).pipe(
      Effect.provide(
        UserSessions.layer().pipe(
          Layer.provideMerge(OAuth.layer),
          Layer.provide(Layer.mergeAll(SessionStore.layerMemory, Seal.layer({ key }))),
          Layer.provideMerge(Lark.layer(Simulator.defaultApp))
        )
      ),
      Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }] }))
    ))

  it.effect.each([["a short deadline", "20 seconds"], ["a long one", "1 minute"]] as const)(
    "know that nothing was sent while a dead process holds the refresh token, within %s",
    ([, deadline]) =>
      Effect.gen(function*() {
        const world = yield* loggedIn()
        const other = yield* world.start("two")
        yield* expired
        yield* Effect.forkChild(tokenOf(world.process), { startImmediately: true })
        yield* until(() => world.swaps().some(({ value }) => value.includes(`"sent":false`)))
        yield* world.process.freeze

        const feishu = platform.make(() => platform.ok({}))
        const moving = Meetings.setHost(id, bob, { policy: Cas.Policy.make({ deadline }) }).pipe(
          Effect.result,
          Lark.asUser(other.get(alice)),
          Effect.provide(Lark.layer(platform.app)),
          Effect.provide(feishu.layer)
        )
        const ended = Result.merge(yield* elapse(moving))
        const { attempts, effect, outcome } = "report" in ended ? ended.report : ended
        assert.deepStrictEqual([outcome, effect], deadline === "1 minute" ? ["swapped", "applied"] : ["failed", "none"])
        const answers = attempts.map(({ answer }) => answer._tag)
        assert.deepStrictEqual(answers, deadline === "1 minute" ? ["Applied"] : ["Unsent"])
        assert.strictEqual(feishu.calls.length, deadline === "1 minute" ? 1 : 0)
      })
  )
})

describe("UserToken.fromRefreshToken", () => {
  const own = Effect.fnUntraced(function*(
    onRotate: (grant: OAuth.Grant) => Effect.Effect<void, unknown>,
    settings?: OAuthServer.Settings
  ) {
    const server = OAuthServer.make(settings)
    const { refreshToken } = yield* server.login
    const session = yield* UserToken.fromRefreshToken(Option.getOrThrow(refreshToken), { onRotate, user: alice }).pipe(
      Effect.provideService(OAuth.OAuth, server.client("one"))
    )
    return { ...server, session, token: Effect.map(session.get, Redacted.value) }
  })

  it.effect("fetches a token when it is first asked, and renews it", () =>
    Effect.gen(function*() {
      const kept: Array<OAuth.Grant> = []
      const { session, token, uses } = yield* own((grant) => Effect.sync(() => void kept.push(grant)))
      assert.deepStrictEqual(session.user, Option.some(alice))
      assert.strictEqual(uses.length, 0)
      const tokens = yield* elapse(Effect.all(Array.from({ length: 10 }, () => token), { concurrency: "unbounded" }))
      assert.deepStrictEqual([...new Set(tokens)], ["access.login1.1"])
      yield* TestClock.adjust("116 minutes")
      assert.strictEqual(yield* token, "access.login1.1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* token, "access.login1.2")
      yield* session.reject(Redacted.make("access.login1.2"))
      assert.strictEqual(yield* elapse(token), "access.login1.3")
      assert.deepStrictEqual(
        kept.map(({ refreshToken }) => Redacted.value(Option.getOrThrow(refreshToken))),
        ["refresh.login1.1", "refresh.login1.2", "refresh.login1.3"]
      )
      assert.strictEqual(uses.length, 3)
    }))

  it.effect("hands over exactly what was granted, before it is used", () =>
    Effect.gen(function*() {
      const kept: Array<OAuth.Grant> = []
      const { token } = yield* own(
        (grant) => Effect.delay(Effect.sync(() => void kept.push(grant)), "3 seconds"),
        { refreshLifetime: 604_800 }
      )
      const waiting = yield* Effect.forkChild(token, { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      assert.isEmpty(kept)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(waiting), "access.login1.1")
      assert.deepStrictEqual(
        kept.map(({ expiresAt, refreshExpiresAt, scopes }) => [
          DateTime.toEpochMillis(expiresAt),
          DateTime.toEpochMillis(Option.getOrThrow(refreshExpiresAt)),
          scopes
        ]),
        [[7_200_000, 604_800_000, ["offline_access", "vc:meeting"]]]
      )
    }))

  it.effect.each(
    [
      ["fails", Effect.fail("the disk is full")],
      ["dies", Effect.die(new Error("the disk is full"))]
    ] satisfies ReadonlyArray<readonly [string, Effect.Effect<never, string>]>
  )("does not use what could not be kept (onRotate %s), and tries again", ([, failure]) =>
    Effect.gen(function*() {
      let isFull = true
      const { token, uses } = yield* own(() => Effect.suspend(() => isFull ? failure : Effect.void))
      const error = yield* elapse(Effect.flip(token))
      assert.include<object>(error, { _tag: "SessionStoreError", endpoint: "UserToken.fromRefreshToken" })
      isFull = false
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* token, "access.login1.1")
      assert.strictEqual(uses.length, 1)
    }))

  it.effect("wants a login when the platform refuses", () =>
    Effect.gen(function*() {
      const { revoke, token, uses } = yield* own(() => Effect.void)
      revoke("login1")
      for (let n = 0; n < 3; n++) needsLogin(yield* elapse(Effect.flip(token)), "refused", 20064)
      assert.strictEqual(uses.length, 1)
    }))
})

describe("UserToken.layerStatic", () => {
  it.effect("is the token that is given", () =>
    Effect.gen(function*() {
      const session = yield* UserToken.UserToken
      assert.strictEqual(Redacted.value(yield* session.get), "u-token")
      assert.isFalse(yield* session.reject(yield* session.get))
      assert.deepStrictEqual(session.user, Option.some(alice))
    }).pipe(Effect.provide(UserToken.layerStatic(Redacted.make("u-token"), { user: alice }))))
})
