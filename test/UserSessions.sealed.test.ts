import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { LarkConfig, OAuth, Seal, SessionStore, UserSessions } from "effect-lark-meetings"
import { inspect } from "node:util"
import * as OAuthServer from "./fixtures/OAuthServer.ts"
import { expired } from "./fixtures/SessionWorld.ts"
import { alice, bob } from "./fixtures/World.ts"

const key = Redacted.make(Buffer.alloc(32, 7).toString("base64"))

/** Sessions with a real seal over a store in memory. Sealing takes real time, so nothing else takes time of the test clock. */
const sealed = Effect.fnUntraced(
  function*(options: { readonly key: Redacted.Redacted }, store: SessionStore.SessionStore["Service"]) {
    const server = OAuthServer.make({ latency: 0 })
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
      yield* sessions.save(alice, yield* login)
      yield* expired
      assert.strictEqual(Redacted.value(yield* sessions.get(alice).get), "access.login1.1")
      assert.strictEqual(values.length, 8)
      for (const value of values) assert.notMatch(value, /login1|access\.|refresh\./)
    }))

  it.effect("opens only under its own user", () =>
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
      yield* sessions.save(alice, yield* login)
      yield* sessions.save(bob, yield* login)
      const [keyOfAlice = "", keyOfBob = ""] = keys
      const stolen = Option.getOrThrow(yield* store.get(keyOfAlice))
      yield* store.swap(keyOfBob, 1, stolen.value)
      const { sessions: fresh } = yield* sealed({ key }, store)
      assert.strictEqual(Redacted.value(yield* fresh.get(alice).get), "access.login1.0")
      const error = yield* Effect.flip(fresh.get(bob).get)
      assert.include<object>(error, { _tag: "SessionStoreError", reason: "unreadable" })
      assert.include(String(error), "LARK_SEAL_KEY")
    }))

  it.effect("is unreadable with another key, and a login replaces it", () =>
    Effect.gen(function*() {
      const store = yield* memory
      const { login, sessions } = yield* sealed({ key }, store)
      yield* sessions.save(alice, yield* login)
      const other = Redacted.make(Buffer.alloc(32, 8).toString("base64"))
      const { login: loginAgain, sessions: fresh } = yield* sealed({ key: other }, store)
      assert.include<object>(yield* Effect.flip(fresh.get(alice).get), { reason: "unreadable" })
      yield* fresh.save(alice, yield* loginAgain)
      assert.strictEqual(Redacted.value(yield* fresh.get(alice).get), "access.login1.0")
      yield* sessions.remove(alice)
      assert.include<object>(yield* Effect.flip(sessions.get(alice).get), { reason: "noSession" })
    }))

  it.effect("does not appear when the service, a session or a token is printed", () =>
    Effect.gen(function*() {
      const { login, sessions } = yield* sealed({ key }, yield* memory)
      yield* sessions.save(alice, yield* login)
      const session = sessions.get(alice)
      const token = yield* session.get
      for (const value of [sessions, session, token]) {
        assert.notMatch(inspect(value, { depth: 20, showHidden: true }), /login1|access\.|refresh\./)
      }
    }))
})
