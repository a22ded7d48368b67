import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { Lark, UserToken } from "effect-lark-meetings"
import { alice } from "./fixtures/World.ts"

describe("UserToken.fromAccessToken", () => {
  it.effect("uses the given token", () =>
    Effect.gen(function*() {
      const session = yield* UserToken.UserToken
      assert.strictEqual(Redacted.value(yield* session.get), "u-token")
      assert.isFalse(yield* session.reject(yield* session.get))
      assert.deepStrictEqual(session.user, Option.some(alice))
    }).pipe(Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-token"), { user: alice }))))
})
