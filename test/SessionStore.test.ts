import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema, type Scope } from "effect"
import { Cas, SessionStore } from "effect-lark-meetings"
import { KeyValueStore, Redis } from "effect/persistence"
import * as FakeRedis from "./fixtures/FakeRedis.ts"
import * as servers from "./fixtures/servers.ts"
import { needs } from "./fixtures/servers.ts"
import { build, expectApplied, type Files, type Store, temporaryDirectory } from "./fixtures/sessionStores.ts"
import * as SqliteClient from "./fixtures/SqliteClient.ts"

/** A new store. Each `connect` is another client of it: another process, if the backend allows several. */
type Backend = Effect.Effect<Effect.Effect<Store, never, Scope.Scope>, never, Scope.Scope | Files>

const oneClient = (store: Effect.Effect<Store, never, Scope.Scope>): Backend => Effect.map(store, Effect.succeed)

const backends: Readonly<Record<string, Backend>> = {
  memory: oneClient(build(SessionStore.layerMemory)),
  "a KeyValueStore": oneClient(
    build(Layer.provide(SessionStore.layerKeyValueStore, KeyValueStore.layerMemory))
  ),
  "a KeyValueStore in files": Effect.gen(function*() {
    const services = yield* Effect.context<Files>()
    const directory = yield* temporaryDirectory
    const store = yield* build(
      Layer.provide(SessionStore.layerKeyValueStore, KeyValueStore.layerFileSystem(directory)).pipe(
        Layer.provide(Layer.succeedContext(services))
      )
    ).pipe(Effect.orDie)
    return Effect.succeed(store)
  }),
  "a file system": Effect.gen(function*() {
    const services = yield* Effect.context<Files>()
    const directory = yield* temporaryDirectory
    return build(SessionStore.layerFileSystem({ directory })).pipe(Effect.provideContext(services), Effect.orDie)
  }),
  SQLite: Effect.gen(function*() {
    const directory = yield* temporaryDirectory
    return build(Layer.provide(SessionStore.layerSql(), SqliteClient.layer(`${directory}/sessions.sqlite`))).pipe(
      Effect.orDie
    )
  }),
  "a simulated Redis": Effect.sync(() => {
    const server = FakeRedis.server()
    return build(
      Layer.provide(SessionStore.layerRedis(), Layer.effect(Redis.Redis, FakeRedis.connect(server)))
    )
  })
}

const oddKeys = [
  "",
  ".",
  "..",
  "../../etc/passwd",
  "/absolute",
  "C:\\con",
  "a/b",
  "a.1",
  "a",
  "A",
  "a ",
  " a",
  "a\n",
  "a\0b",
  "%00",
  "ä",
  "a\u0308",
  "用户",
  "👩‍👩‍👧",
  "__proto__",
  "constructor",
  "'; DROP TABLE lark_sessions; --",
  "k".repeat(300),
  `${"k".repeat(300)}1`,
  "k".repeat(100_000)
]

const oddValues = [
  "",
  "\n",
  "1\n2",
  "\0\u0001\u007f\u0080\u{10ffff}",
  "\ufeffmark",
  "\r\n\t\u2028",
  "用户 👩‍👩‍👧",
  "x".repeat(1_000_000)
]

const Step = Schema.Struct({
  key: Schema.Literals(["a", "b"]),
  expected: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 })),
  client: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
})

const conforms = (backend: Backend) => {
  const test = (title: string, run: (connect: Effect.Success<Backend>) => Effect.Effect<void, unknown, Scope.Scope>) =>
    it.effect(title, () => Effect.flatMap(backend, run).pipe(Effect.provide(NodeServices.layer)))

  test("has no record of a key until one is written", (connect) =>
    Effect.gen(function*() {
      const store = yield* connect
      for (const key of oddKeys) assert.deepStrictEqual(yield* store.get(key), Option.none())
      assert.deepStrictEqual(yield* store.swap("a", 1, "value"), Cas.conflictWithoutState)
      assert.deepStrictEqual(yield* store.swap("a", 7, "value"), Cas.conflictWithoutState)
      assert.deepStrictEqual(yield* store.get("a"), Option.none())
      expectApplied(yield* store.swap("a", 0, "value"), { version: 1, value: "value" })
    }))

  test("replaces the expected version only", (connect) =>
    Effect.gen(function*() {
      const store = yield* connect
      for (let version = 0; version < 12; version++) {
        const stored = { version: version + 1, value: `value ${version + 1}` }
        expectApplied(yield* store.swap("key", version, stored.value), stored)
        for (const wrong of [0, version, version + 2, -1, 0.5, Number.NaN, 2 ** 40]) {
          assert.deepStrictEqual(yield* store.swap("key", wrong, "wrong"), Cas.conflict(stored))
        }
        assert.deepStrictEqual(yield* store.get("key"), Option.some(stored))
      }
    }))

  test("accepts any text as a key, and keeps keys apart", (connect) =>
    Effect.gen(function*() {
      const [one, other] = [yield* connect, yield* connect]
      for (const [index, key] of oddKeys.entries()) {
        expectApplied(yield* one.swap(key, 0, `${index}`), { version: 1, value: `${index}` })
      }
      for (const [index, key] of oddKeys.entries()) {
        assert.deepStrictEqual(yield* other.get(key), Option.some({ version: 1, value: `${index}` }))
      }
    }))

  test("stores any text unchanged", (connect) =>
    Effect.gen(function*() {
      const [one, other] = [yield* connect, yield* connect]
      for (const [version, value] of oddValues.entries()) {
        expectApplied(yield* one.swap("key", version, value), { version: version + 1, value })
        assert.deepStrictEqual(yield* other.get("key"), Option.some({ version: version + 1, value }))
      }
    }))

  test("holds many keys", (connect) =>
    Effect.gen(function*() {
      const store = yield* connect
      const keys = Array.from({ length: 200 }, (_, index) => `user ${index}`)
      yield* Effect.forEach(keys, (key) => store.swap(key, 0, key), { concurrency: 20 })
      const values = yield* Effect.forEach(keys, (key) => store.get(key), { concurrency: 20 })
      assert.deepStrictEqual(values, keys.map((value) => Option.some({ version: 1, value })))
    }))

  test("applies one of several concurrent swaps, and the others conflict with it", (connect) =>
    Effect.gen(function*() {
      const clients = yield* Effect.all(Array.from({ length: 4 }, () => connect))
      for (let version = 0; version < 10; version++) {
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 12 }, (_, index) => clients[index % clients.length] ?? assert.fail()),
          (store, index) => store.swap("key", version, `${version} by ${index}`),
          { concurrency: "unbounded" }
        )
        const applied = outcomes.filter((outcome) => outcome._tag === "Applied")
        assert.strictEqual(applied.length, 1)
        const winner = yield* Effect.fromOption(applied[0]?.current ?? Option.none())
        assert.strictEqual(winner.version, version + 1)
        for (const outcome of outcomes) {
          if (outcome._tag !== "Applied") assert.deepStrictEqual(outcome, Cas.conflict(winner))
        }
      }
    }))

  test("loses no increment under contention", (connect) =>
    Effect.gen(function*() {
      const [clients, rounds] = [5, 20]
      const seen: Array<number> = []
      const increment = (store: Store) =>
        Effect.gen(function*() {
          let stored = yield* store.get("counter")
          while (true) {
            const { value, version } = Option.getOrElse(stored, () => ({ value: "0", version: 0 }))
            const outcome: Cas.Outcome<SessionStore.Stored> = yield* store.swap(
              "counter",
              version,
              `${Number(value) + 1}`
            )
            if (outcome._tag === "Applied") return seen.push(version + 1)
            if (outcome._tag !== "Conflict") return assert.fail(outcome._tag)
            stored = outcome.actual
          }
        })
      yield* Effect.forEach(
        Array.from({ length: clients }),
        () => Effect.flatMap(connect, (store) => Effect.replicateEffect(increment(store), rounds)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        yield* Effect.flatMap(connect, (store) => store.get("counter")),
        Option.some({
          version: clients * rounds,
          value: `${clients * rounds}`
        })
      )
      assert.deepStrictEqual(seen.toSorted((a, b) => a - b), Array.from({ length: clients * rounds }, (_, n) => n + 1))
    }))

  it.effect.prop(
    "behaves as a map of versioned values",
    [Schema.Array(Step).check(Schema.isMaxLength(12))],
    ([steps]) =>
      Effect.gen(function*() {
        const connect = yield* backend
        const clients = [yield* connect, yield* connect] as const
        const model = new Map<string, SessionStore.Stored>()
        for (const [index, { client, expected, key }] of steps.entries()) {
          const store = clients[client === 0 ? 0 : 1]
          const stored = model.get(key)
          const outcome = yield* store.swap(key, expected, `${index}`)
          if ((stored?.version ?? 0) === expected) {
            const written = { version: expected + 1, value: `${index}` }
            model.set(key, written)
            expectApplied(outcome, written)
          } else {
            assert.deepStrictEqual(outcome, stored === undefined ? Cas.conflictWithoutState : Cas.conflict(stored))
          }
          assert.deepStrictEqual(yield* store.get(key), Option.fromUndefinedOr(model.get(key)))
        }
      }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
    { arbitrary: { runs: 20 } }
  )
}

describe.each(Object.entries(backends))("%s", (_, backend) => conforms(backend))

describe("PostgreSQL", needs("PostgreSQL"), () =>
  conforms(Effect.map(
    servers.postgres,
    (client) => Effect.orDie(build(Layer.provide(SessionStore.layerSql(), client)))
  )))

describe("Redis", needs("Redis"), () =>
  conforms(Effect.map(
    servers.redis,
    ({ layer, prefix }) => build(Layer.provide(SessionStore.layerRedis({ prefix }), layer))
  )))
