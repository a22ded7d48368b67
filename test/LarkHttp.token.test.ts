import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, Redacted } from "effect"
import { Cas, Lark, LarkError, Meetings, RateLimits, UserToken } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import { alice, bob, elapse, id } from "./fixtures/World.ts"

const asAlice = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))
const get = Meetings.get(id)
const end = asAlice(Meetings.end(id))
const meeting = platform.ok({ meeting: { id } })

describe.each(platform.clients)("through %s,", (client) => {
  const on = (feishu: ReturnType<typeof platform.make>) => <A, E>(program: Effect.Effect<A, E, Lark.Services>) =>
    program.pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(feishu.through(client)))

  const tokenCodes = [99991663, 99991664, 99991665, 99991668, 99991671, 99991677, 20005, 20006, 20013, 20014]

  describe("a rejected token", () => {
    const cases = tokenCodes.flatMap((code) => [200, 400, 401].map((status) => [code, status] as const))

    it.effect.each(cases)(
      "%d with status %d is renewed, and the call repeated once with the new one",
      ([code, status]) =>
        Effect.gen(function*() {
          const feishu = platform.make((_, nth) => nth === 0 ? platform.failed(status, code) : meeting)
          yield* on(feishu)(get)
          assert.deepStrictEqual(feishu.calls.map((call) => call.headers["authorization"]), [
            "Bearer t-1",
            "Bearer t-2"
          ])
          const [first, second] = feishu.calls.map(({ headers: { authorization: _, ...headers }, ...rest }) => ({
            ...rest,
            headers
          }))
          assert.deepStrictEqual(first, second)
          assert.strictEqual(feishu.mints.length, 2)
        })
    )

    it.effect("is not renewed twice: the second rejection is a TokenRejected", () =>
      Effect.gen(function*() {
        for (const code of tokenCodes) {
          const feishu = platform.make(() => platform.failed(400, code, "no"))
          assert.include<object>(yield* Effect.flip(on(feishu)(get)), { _tag: "TokenRejected", code, status: 400 })
          assert.strictEqual(feishu.calls.length, 2)
        }
      }))

    it.effect("leaves the next call with the new token", () =>
      Effect.gen(function*() {
        const feishu = platform.make((_, nth) => nth === 0 ? platform.failed(400, 99991663) : meeting)
        yield* on(feishu)(Effect.all([get, get, get]))
        assert.deepStrictEqual(
          feishu.calls.map((call) => call.headers["authorization"]),
          ["Bearer t-1", "Bearer t-2", "Bearer t-2", "Bearer t-2"]
        )
      }))

    it.effect("of many calls at once is renewed once", () =>
      Effect.gen(function*() {
        const feishu = platform.make(({ headers }) =>
          Effect.delay(
            Effect.succeed(headers["authorization"] === "Bearer t-1" ? platform.failed(400, 99991663) : meeting),
            "10 millis"
          )
        )
        const many = Effect.all(Array.from({ length: 50 }, () => get), { concurrency: "unbounded" })
        const fiber = yield* Effect.forkChild(on(feishu)(many))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual([feishu.mints.length, feishu.calls.length], [2, 100])
      }))

    it.effect("of a user without another token is not repeated", () =>
      Effect.gen(function*() {
        for (const code of tokenCodes) {
          const feishu = platform.make(() => platform.failed(400, code))
          assert.include<object>(yield* Effect.flip(on(feishu)(end)), { _tag: "TokenRejected", code })
          assert.strictEqual(feishu.calls.length, 1)
        }
      }))

    it.effect("of a user with another token is repeated with it", () =>
      Effect.gen(function*() {
        const feishu = platform.make((_, nth) => nth === 0 ? platform.failed(400, 99991677) : platform.ok({}))
        const rejected: Array<string> = []
        const session: UserToken.UserToken["Service"] = {
          get: Effect.sync(() => Redacted.make(`u-${rejected.length + 1}`)),
          reject: (token) => Effect.sync(() => rejected.push(Redacted.value(token)) > 0),
          user: Option.none()
        }
        yield* on(feishu)(Lark.asUser(session)(Meetings.end(id)))
        assert.deepStrictEqual(rejected, ["u-1"])
        assert.deepStrictEqual(feishu.calls.map((call) => call.headers["authorization"]), ["Bearer u-1", "Bearer u-2"])
      }))

    it.effect("proves that nothing was executed, also when the renewal never ends", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => platform.failed(400, 99991668))
        const session: UserToken.UserToken["Service"] = {
          get: Effect.succeed(Redacted.make("u-1")),
          reject: () => Effect.never,
          user: Option.none()
        }
        const policy = Cas.Policy.make({ deadline: "5 seconds" })
        const moving = Lark.asUser(session)(Meetings.setHost(id, bob, { hint: alice, policy }))
        const error = yield* Effect.flip(elapse(on(feishu)(moving)))
        assert.deepInclude<object>(error, { _tag: "CasExhausted", limit: "deadline" })
        assert.strictEqual(feishu.calls.length, 1)
        assert("report" in error)
        assert.strictEqual(error.report.effect, "none")
      }))

    it.effect("that cannot be renewed fails as the renewal does", () =>
      Effect.gen(function*() {
        const feishu = platform.make(
          () => platform.failed(400, 99991663),
          (nth) => nth === 0 ? platform.minted("t-1") : platform.failed(200, 10015, "app secret invalid")
        )
        const error = yield* Effect.flip(on(feishu)(get))
        assert.include<object>(error, { _tag: "CredentialsRejected", endpoint: "auth.v3.tenant_access_token.internal" })
        assert.strictEqual(feishu.calls.length, 1)
      }))

    it.effect("is the only reason to repeat: no other code of the table is one", () =>
      Effect.gen(function*() {
        for (const { code } of LarkError.table.filter((row) => !tokenCodes.includes(row.code))) {
          const feishu = platform.make(() => platform.failed(400, code))
          yield* Effect.flip(on(feishu)(get))
          assert.strictEqual(feishu.calls.length, 1, String(code))
        }
      }))
  })

  describe("a token that a header cannot hold", () => {
    const tokens = ["", " ", "u-a b", "u-a\n", "u-a\r\nx: y", "u-a\0", "u-ä", "u-\u{1F511}"]

    it.effect.each(tokens.map((token) => [JSON.stringify(token), token] as const))(
      "%s is sent nowhere",
      ([, token]) =>
        Effect.gen(function*() {
          const feishu = platform.make(() => platform.ok({}))
          const session = UserToken.fromAccessToken(Redacted.make(token))
          const error = yield* Effect.flip(on(feishu)(Lark.asUser(session)(Meetings.end(id))))
          assert.include<object>(error, { _tag: "InvalidParameter", endpoint: "vc.v1.meeting.end" })
          assert.match(error.message, /the token is empty, or has whitespace or other characters/)
          assert.deepStrictEqual(feishu.calls, [])
        })
    )

    it.effect("is not tried again by setHost", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => platform.ok({}))
        const session = UserToken.fromAccessToken(Redacted.make(""))
        const error = yield* Effect.flip(on(feishu)(Lark.asUser(session)(Meetings.setHost(id, bob))))
        assert.strictEqual(error._tag, "InvalidParameter")
        assert.deepStrictEqual(feishu.calls, [])
      }))
  })

  describe("a token that does not come", () => {
    const late = Effect.delay(Effect.succeed(platform.minted("t-late")), "8900 millis")

    it.effect("does not delay a call whose second token is there", () =>
      Effect.gen(function*() {
        const feishu = platform.make((_, n) =>
          n === 0 ? Effect.delay(Effect.succeed(platform.failed(400, 99991663)), "9900 millis") : meeting
        )
        let token = "u-1"
        const session = UserToken.UserToken.of({
          get: Effect.sync(() => Redacted.make(token)),
          reject: () => Effect.sync(() => (token = "u-2") === "u-2"),
          user: Option.none()
        })
        const call = yield* Effect.forkChild(on(feishu)(get.pipe(Lark.asUser(session))))
        yield* TestClock.adjust("9900 millis")
        assert.strictEqual((yield* Fiber.join(call)).id, id)
      }))

    it.effect("is waited for by other calls until it comes", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting, (n) => n === 0 ? new platform.Lost("gone") : late)
        yield* on(feishu)(Effect.gen(function*() {
          yield* Effect.flip(get)
          const call = yield* Effect.forkChild(get)
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual((yield* Fiber.join(call)).id, id)
        }))
      }))

    it.effect.each(["3 seconds", "10 seconds", Duration.infinity] as const)(
      "holds a swap whose attempts time out after %s until the deadline, and nothing is sent",
      (attemptTimeout) =>
        Effect.gen(function*() {
          const feishu = platform.make(() => meeting)
          const session = UserToken.UserToken.of({
            get: Effect.delay(Effect.succeed(Redacted.make("u-1")), "20 seconds"),
            reject: () => Effect.succeed(true),
            user: Option.none()
          })
          const abandoned: Array<unknown> = []
          const setHost = (deadline: Duration.Input) =>
            on(feishu)(Meetings.setHost(id, bob, {
              hint: alice,
              policy: Cas.Policy.make({ attemptTimeout, deadline }),
              onAbandoned: (swap) => {
                abandoned.push(swap)
                return Effect.void
              }
            })).pipe(Lark.asUser(session))
          const patient = yield* Effect.forkChild(setHost("30 seconds"))
          const short = yield* Effect.forkChild(Effect.flip(setHost("15 seconds")))
          const interrupted = yield* Effect.forkChild(setHost("30 seconds"))
          yield* TestClock.adjust("5 seconds")
          yield* Fiber.interrupt(interrupted)
          yield* TestClock.adjust("1 minute")

          const { attempts, effect } = yield* Fiber.join(patient)
          assert.strictEqual(effect, "applied")
          assert.deepStrictEqual(attempts.map(({ answer, at }) => [answer._tag, Duration.toMillis(at)]), [
            ["Applied", 20_000]
          ])
          const error = yield* Fiber.join(short)
          assert.deepInclude<object>(error, { _tag: "CasExhausted", limit: "deadline" })
          assert.deepStrictEqual(abandoned, [])
          assert("report" in error)
          assert.strictEqual(error.report.effect, "none")
          assert.deepStrictEqual(error.report.attempts.map(({ answer }) => answer._tag), ["Unsent"])
          assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(interrupted)))
          assert.lengthOf(feishu.calls, 1)
        })
    )

    it.effect("is waited for by a call that has waited for the rate limiter", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting, (n) => n === 0 ? platform.minted("t-short", 20) : late)
        const call = yield* Effect.forkChild(on(feishu)(get))
        yield* TestClock.adjust("49 seconds")
        assert.strictEqual((yield* Fiber.join(call)).id, id)
        assert.strictEqual(feishu.mints.length, 2)
      }).pipe(Effect.provideService(RateLimits.RateLimits, {
        admit: () => Effect.sleep("20 seconds"),
        heed: () => Effect.void
      })))
  })
})
