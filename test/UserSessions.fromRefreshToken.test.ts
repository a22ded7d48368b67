import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { OAuth, UserSessions } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as OAuthServer from "./fixtures/OAuthServer.ts"
import { elapse, needsLogin } from "./fixtures/SessionWorld.ts"
import { alice } from "./fixtures/World.ts"

describe("UserSessions.fromRefreshToken", () => {
  const own = Effect.fnUntraced(function*(
    onRotate: (grant: OAuth.Grant) => Effect.Effect<void, unknown>,
    settings?: OAuthServer.Settings
  ) {
    const server = OAuthServer.make(settings)
    const { refreshToken } = yield* server.login
    const session = yield* UserSessions.fromRefreshToken(Option.getOrThrow(refreshToken), { onRotate, user: alice })
      .pipe(
        Effect.provideService(OAuth.OAuth, server.client("one"))
      )
    return { ...server, session, token: Effect.map(session.get, Redacted.value) }
  })

  it.effect("fetches a token when it is first needed, and renews it", () =>
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
      yield* TestClock.adjust("30 seconds")
      yield* session.reject(Redacted.make("access.login1.2"))
      assert.strictEqual(yield* elapse(token), "access.login1.3")
      assert.deepStrictEqual(
        kept.map(({ refreshToken }) => Redacted.value(Option.getOrThrow(refreshToken))),
        ["refresh.login1.1", "refresh.login1.2", "refresh.login1.3"]
      )
      assert.strictEqual(uses.length, 3)
    }))

  it.effect("passes the grant to onRotate before the token is used", () =>
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
      ["fails", () => Effect.fail("the disk is full")],
      ["dies", () => Effect.die(new Error("the disk is full"))],
      ["throws", () => {
        throw new Error("the disk is full")
      }]
    ] satisfies ReadonlyArray<readonly [string, () => Effect.Effect<never, string>]>
  )(
    "does not use tokens that onRotate did not store (it %s), and calls it again",
    ([, failure]) =>
      Effect.gen(function*() {
        let isFull = true
        const { token, uses } = yield* own(() => isFull ? failure() : Effect.void)
        const error = yield* elapse(Effect.flip(token))
        assert.include<object>(error, { _tag: "SessionStoreError", endpoint: "UserSessions.fromRefreshToken" })
        isFull = false
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* token, "access.login1.1")
        assert.strictEqual(uses.length, 1)
      })
  )

  it.effect("needs a login when the platform refuses", () =>
    Effect.gen(function*() {
      const { revoke, token, uses } = yield* own(() => Effect.void)
      revoke("login1")
      for (let n = 0; n < 3; n++) needsLogin(yield* elapse(Effect.flip(token)), "refused", 20064)
      assert.strictEqual(uses.length, 1)
    }))
})

describe("a refresh whose reply has no refresh token", () => {
  it.effect("keeps the refresh token that it was made with (RFC 6749, section 6)", () =>
    Effect.gen(function*() {
      const sent: Array<string> = []
      const kept: Array<string> = []
      const oauth = Layer.mock(OAuth.OAuth, {
        refresh: (token) =>
          Effect.map(DateTime.now, (now): OAuth.Grant => ({
            accessToken: Redacted.make(`access-${sent.push(Redacted.value(token))}`),
            expiresAt: DateTime.add(now, { hours: 2 }),
            refreshToken: Option.none(),
            refreshExpiresAt: Option.none(),
            scopes: []
          }))
      })
      const session = yield* UserSessions.fromRefreshToken(Redacted.make("refresh-0"), {
        onRotate: ({ refreshToken }) =>
          Effect.sync(() =>
            void kept.push(Option.match(refreshToken, { onNone: () => "none", onSome: Redacted.value }))
          )
      }).pipe(Effect.provide(oauth))
      assert.strictEqual(Redacted.value(yield* session.get), "access-1")
      yield* TestClock.adjust("2 hours")
      assert.strictEqual(Redacted.value(yield* session.get), "access-2")
      assert.deepStrictEqual([sent, kept], [["refresh-0", "refresh-0"], ["none", "none"]])
    }))
})
