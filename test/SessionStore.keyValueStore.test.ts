import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { SessionStore } from "effect-lark-meetings"
import { KeyValueStore } from "effect/persistence"
import { build, failsWith } from "./fixtures/sessionStores.ts"

describe("the KeyValueStore store", () => {
  const failing = (isFailing: (method: string) => boolean) => {
    const values = new Map<string, string>()
    const fail = (method: string) =>
      isFailing(method)
        ? Effect.fail(new KeyValueStore.KeyValueStoreError({ method, message: "hunter2" }))
        : Effect.void
    const store = KeyValueStore.makeStringOnly({
      get: (key) => Effect.map(fail("get"), () => values.get(key)),
      set: (key, value) => Effect.andThen(Effect.sync(() => values.set(key, value)), fail("set")),
      remove: () => Effect.void,
      clear: Effect.void,
      size: Effect.succeed(0),
      keys: Effect.succeed([])
    })
    return {
      values,
      store: build(Layer.provide(SessionStore.layerKeyValueStore, Layer.succeed(KeyValueStore.KeyValueStore, store)))
    }
  }

  it.effect("returns Unknown from a swap whose write fails, and an error if its read fails", () =>
    Effect.gen(function*() {
      let broken = "set"
      const { store, values } = failing((method) => method === broken)
      const sessions = yield* store
      const outcome = yield* sessions.swap("key", 0, "value")
      assert.strictEqual(outcome._tag, "Unknown")
      assert.notInclude(JSON.stringify(outcome), "hunter2")
      assert.strictEqual(values.size, 1)
      broken = "get"
      failsWith(yield* Effect.flip(sessions.swap("key", 1, "other")), "unavailable", /get failed/)
      failsWith(yield* Effect.flip(sessions.get("key")), "unavailable", /get failed/)
      broken = ""
      assert.deepStrictEqual(yield* sessions.get("key"), Option.some({ version: 1, value: "value" }))
    }))

  it.effect("fails with a typed error if the key holds other data", () =>
    Effect.gen(function*() {
      const { store, values } = failing(() => false)
      const sessions = yield* store
      yield* sessions.swap("key", 0, "value")
      for (
        const text of [
          "",
          "value",
          "x\nvalue",
          "\nvalue",
          "0\nvalue",
          "9007199254740991\nvalue",
          `${"9".repeat(400)}\nvalue`
        ]
      ) {
        for (const key of values.keys()) values.set(key, text)
        failsWith(yield* Effect.flip(sessions.get("key")), "unreadable", /not a record of this library/)
        failsWith(yield* Effect.flip(sessions.swap("key", 1, "value")), "unreadable", /not a record of this library/)
      }
    }))
})
