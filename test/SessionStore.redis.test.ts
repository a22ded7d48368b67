import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { SessionStore } from "effect-lark-meetings"
import { Redis } from "effect/persistence"
import * as FakeRedis from "./fixtures/FakeRedis.ts"
import { build, expectApplied, failsWith } from "./fixtures/sessionStores.ts"

describe("the Redis store", () => {
  const client = (server: FakeRedis.Server, prefix?: string) =>
    build(
      SessionStore.layerRedis(prefix === undefined ? undefined : { prefix }).pipe(
        Layer.provide(Layer.effect(Redis.Redis, FakeRedis.connect(server)))
      )
    )

  it.effect("prefixes keys", () =>
    Effect.gen(function*() {
      const server = FakeRedis.server()
      yield* Effect.flatMap(client(server), (store) => store.swap("key", 0, "value"))
      yield* Effect.flatMap(client(server, "app:"), (store) => store.swap("key", 0, "other"))
      assert.deepStrictEqual([...server.hashes.keys()], ["lark:session:key", "app:key"])
    }))

  it.effect("loads the script again if the server lost it", () =>
    Effect.gen(function*() {
      const server = FakeRedis.server()
      const store = yield* client(server)
      yield* store.swap("key", 0, "value")
      server.scripts.clear()
      expectApplied(yield* store.swap("key", 1, "value"), { version: 2, value: "value" })
    }))

  it.effect("returns Unknown from a swap without a reply, and never shows the server's address", () =>
    Effect.gen(function*() {
      const server = FakeRedis.server()
      const store = yield* client(server)
      yield* store.swap("key", 0, "value")
      for (const when of ["before", "after"] as const) {
        server.fault = () => when
        const outcome = yield* store.swap("key", 1, "other")
        assert.strictEqual(outcome._tag, "Unknown")
        assert.notInclude(JSON.stringify(outcome), "hunter2")
        const error = yield* Effect.flip(store.get("key"))
        failsWith(error, "unavailable", /HMGET failed/)
        assert.notInclude(error.message, "hunter2")
      }
      server.fault = undefined
      assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 2, value: "other" }))
    }))

  it.effect("fails with a typed error if the key holds other data", () =>
    Effect.gen(function*() {
      const server = FakeRedis.server()
      const store = yield* client(server)
      for (const version of ["one", "0", "9007199254740991", "9".repeat(400)]) {
        server.hashes.set("lark:session:key", { version, value: "value" })
        failsWith(yield* Effect.flip(store.get("key")), "unreadable", /not a record of this library/)
      }
    }))
})
