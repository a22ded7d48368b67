import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Option, type Path, PlatformError, Schema, type Scope } from "effect"
import { Cas, type LarkError, SessionStore } from "effect-lark-meetings"
import { KeyValueStore, Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import * as FakeRedis from "./fixtures/FakeRedis.ts"
import * as SqliteClient from "./fixtures/SqliteClient.ts"

type Store = SessionStore.SessionStore["Service"]

/** A kind of store. Each `connect` is another client of one new store: another process, where the store allows that. */
type Backend = Effect.Effect<Effect.Effect<Store, never, Scope.Scope>, never, Scope.Scope | Files>

type Files = FileSystem.FileSystem | Path.Path

const build = <E, R>(layer: Layer.Layer<SessionStore.SessionStore, E, R>) =>
  Effect.map(Layer.build(Layer.fresh(layer)), Context.get(SessionStore.SessionStore))

const temporaryDirectory = Effect.flatMap(
  FileSystem.FileSystem,
  (files) => Effect.orDie(files.makeTempDirectoryScoped({ prefix: "session-store-" }))
)

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
  Redis: Effect.sync(() => {
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

const expectApplied = (outcome: Cas.Outcome<SessionStore.Stored>, stored: SessionStore.Stored) =>
  assert.deepStrictEqual(outcome, Cas.appliedWith(stored))

const Step = Schema.Struct({
  key: Schema.Literals(["a", "b"]),
  expected: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 })),
  client: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
})

describe.each(Object.entries(backends))("%s", (_, backend) => {
  const test = (title: string, run: (connect: Effect.Success<Backend>) => Effect.Effect<void, unknown, Scope.Scope>) =>
    it.effect(title, () => Effect.flatMap(backend, run).pipe(Effect.provide(NodeServices.layer)))

  test("knows nothing of a key until something is written", (connect) =>
    Effect.gen(function*() {
      const store = yield* connect
      for (const key of oddKeys) assert.deepStrictEqual(yield* store.get(key), Option.none())
      assert.deepStrictEqual(yield* store.swap("a", 1, "value"), Cas.conflictWithoutState)
      assert.deepStrictEqual(yield* store.swap("a", 7, "value"), Cas.conflictWithoutState)
      assert.deepStrictEqual(yield* store.get("a"), Option.none())
      expectApplied(yield* store.swap("a", 0, "value"), { version: 1, value: "value" })
    }))

  test("writes over the version that is named, and no other", (connect) =>
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

  test("takes any text for a key, and keeps keys apart", (connect) =>
    Effect.gen(function*() {
      const [one, other] = [yield* connect, yield* connect]
      for (const [index, key] of oddKeys.entries()) {
        expectApplied(yield* one.swap(key, 0, `${index}`), { version: 1, value: `${index}` })
      }
      for (const [index, key] of oddKeys.entries()) {
        assert.deepStrictEqual(yield* other.get(key), Option.some({ version: 1, value: `${index}` }))
      }
    }))

  test("keeps any text as it is", (connect) =>
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

  test("applies one of those who name the same version, and shows it to the others", (connect) =>
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

  test("loses no increment of many that contend", (connect) =>
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
    "is a map of versioned values, whoever writes",
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
})

const failsWith = (error: LarkError.SessionStoreError, reason: "unavailable" | "unreadable", says: RegExp) => {
  assert.strictEqual(error.reason, reason)
  assert.match(error.message, says)
}

describe("the directory", () => {
  const test = (
    title: string,
    run: (
      directory: string,
      connect: Effect.Effect<Store, never, Scope.Scope>
    ) => Effect.Effect<void, unknown, Scope.Scope>
  ) =>
    it.effect(title, () =>
      Effect.gen(function*() {
        const services = yield* Effect.context<Files>()
        const directory = `${yield* temporaryDirectory}/a/b`
        const layer = SessionStore.layerFileSystem({ directory })
        yield* run(directory, build(layer).pipe(Effect.provideContext(services), Effect.orDie))
      }).pipe(Effect.provide(NodeServices.layer)))

  const place = (directory: string) => `${directory}/${fs.readdirSync(directory)[0]}`
  const files = (directory: string) => fs.readdirSync(place(directory)).sort()
  const mode = (path: string) => (fs.statSync(path).mode & 0o777).toString(8)

  /** As if it had been written that long before the test clock's now. */
  const age = (path: string, hours: number) =>
    Effect.flatMap(Effect.clockWith((clock) => clock.currentTimeMillis), (now) =>
      Effect.sync(() => {
        const time = new Date(now - hours * 3_600_000)
        fs.utimesSync(path, time, time)
      }))

  const write = (store: Store, from: number, to: number) =>
    Effect.forEach(
      Array.from({ length: to - from }, (_, index) => from + index),
      (version) =>
        Effect.map(store.swap("key", version, `${version + 1}`), ({ _tag }) => assert.strictEqual(_tag, "Applied"))
    )

  test("is the owner's alone, as are its files", (directory, connect) =>
    Effect.gen(function*() {
      yield* Effect.flatMap(connect, (store) => write(store, 0, 2))
      assert.deepStrictEqual([mode(directory), mode(place(directory))], ["700", "700"])
      assert.deepStrictEqual(files(directory), ["0", "1", "2"])
      for (const file of files(directory)) assert.strictEqual(mode(`${place(directory)}/${file}`), "600")
    }))

  test(
    "forgets versions that were replaced more than an hour ago, in ascending order, and never the latest",
    (directory, connect) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.now())
        const store = yield* connect
        yield* write(store, 0, 4)
        assert.deepStrictEqual(files(directory), ["0", "1", "2", "3", "4"])
        // 2 was replaced by 3 half an hour ago.
        yield* Effect.forEach(["0", "1", "2", "4"], (file) => age(`${place(directory)}/${file}`, 2))
        yield* age(`${place(directory)}/3`, 0.5)
        yield* write(store, 4, 5)
        assert.deepStrictEqual(files(directory), ["2", "3", "4", "5"])
        yield* Effect.forEach(files(directory), (file) => age(`${place(directory)}/${file}`, 2))
        yield* write(store, 5, 6)
        assert.deepStrictEqual(files(directory), ["5", "6"])
        assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 6, value: "6" }))
      })
  )

  test(
    "loses the leftovers of those who died while writing, an hour later",
    (directory, connect) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.now())
        const store = yield* connect
        yield* write(store, 0, 1)
        fs.writeFileSync(`${place(directory)}/old.tmp`, "half")
        fs.writeFileSync(`${place(directory)}/new.tmp`, "half")
        yield* age(`${place(directory)}/old.tmp`, 2)
        yield* write(store, 1, 2)
        assert.deepStrictEqual(files(directory), ["0", "1", "2", "new.tmp"])
        assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 2, value: "2" }))
      })
  )

  /** A client of the directory whose `link` is preceded by something. */
  const sleeper = (directory: string, meanwhile: Effect.Effect<unknown, unknown>) =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      let isAsleep = true
      const asleep = FileSystem.FileSystem.of({
        ...files,
        link: (from, to) =>
          Effect.suspend(() => {
            if (!isAsleep) return files.link(from, to)
            isAsleep = false
            return Effect.andThen(Effect.orDie(meanwhile), files.link(from, to))
          })
      })
      return yield* build(SessionStore.layerFileSystem({ directory })).pipe(
        Effect.provideService(FileSystem.FileSystem, asleep)
      )
    }).pipe(Effect.provide(NodeServices.layer))

  test(
    "a swap that slept until its version was long gone is not applied, and hides nothing",
    (directory, connect) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.now())
        const store = yield* connect
        yield* write(store, 0, 3)
        const asleep = yield* sleeper(
          directory,
          Effect.gen(function*() {
            yield* write(store, 3, 6)
            yield* Effect.forEach(files(directory), (file) => age(`${place(directory)}/${file}`, 2))
            yield* write(store, 6, 7)
            assert.deepStrictEqual(files(directory).filter((file) => !file.endsWith(".tmp")), ["6", "7"])
          })
        )
        const outcome = yield* asleep.swap("key", 3, "late")
        assert.strictEqual(outcome._tag, "Unknown")
        assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 7, value: "7" }))
        yield* write(store, 7, 8)
        assert.deepStrictEqual(yield* asleep.get("key"), Option.some({ version: 8, value: "8" }))
      })
  )

  test(
    "nor is one whose version another such sleeper has written again",
    (directory, connect) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.now())
        const store = yield* connect
        yield* write(store, 0, 3)
        const asleep = yield* sleeper(
          directory,
          Effect.gen(function*() {
            yield* write(store, 3, 6)
            yield* Effect.forEach(files(directory), (file) => age(`${place(directory)}/${file}`, 2))
            yield* write(store, 6, 7)
            fs.writeFileSync(`${place(directory)}/3`, "late")
          })
        )
        assert.strictEqual((yield* asleep.swap("key", 3, "later"))._tag, "Unknown")
        assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 7, value: "7" }))
      })
  )

  test("a swap is applied also if its version was replaced at once", (directory, connect) =>
    Effect.gen(function*() {
      const store = yield* connect
      yield* write(store, 0, 1)
      const real = yield* FileSystem.FileSystem
      const overtaken = yield* build(SessionStore.layerFileSystem({ directory })).pipe(
        Effect.provideService(
          FileSystem.FileSystem,
          FileSystem.FileSystem.of({
            ...real,
            link: (from, to) => Effect.andThen(real.link(from, to), Effect.orDie(write(store, 2, 4)))
          })
        )
      )
      expectApplied(yield* overtaken.swap("key", 1, "2"), { version: 2, value: "2" })
      assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 4, value: "4" }))
    }).pipe(Effect.provide(NodeServices.layer)))

  test(
    "a reader that slept until what it wanted to read was gone reads what is there now",
    (directory, connect) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.now())
        const store = yield* connect
        yield* write(store, 0, 2)
        const real = yield* FileSystem.FileSystem
        let isAsleep = true
        const meanwhile = Effect.gen(function*() {
          isAsleep = false
          yield* write(store, 2, 4)
          yield* Effect.forEach(files(directory), (file) => age(`${place(directory)}/${file}`, 2))
          yield* write(store, 4, 5)
        })
        const asleep = yield* build(SessionStore.layerFileSystem({ directory })).pipe(
          Effect.provideService(
            FileSystem.FileSystem,
            FileSystem.FileSystem.of({
              ...real,
              readFile: (path) =>
                Effect.andThen(
                  Effect.suspend(() => isAsleep ? Effect.orDie(meanwhile) : Effect.void),
                  real.readFile(path)
                )
            })
          )
        )
        assert.deepStrictEqual(yield* asleep.get("key"), Option.some({ version: 5, value: "5" }))
        assert.isFalse(isAsleep)
      }).pipe(Effect.provide(NodeServices.layer))
  )

  const error = (_tag: PlatformError.SystemErrorTag) =>
    Effect.fail(PlatformError.systemError({ _tag, module: "FileSystem", method: "link" }))

  test("a link whose reply is lost is settled by looking", (directory, connect) =>
    Effect.gen(function*() {
      const real = yield* FileSystem.FileSystem
      const settle = (link: FileSystem.FileSystem["link"], version: number) =>
        Effect.gen(function*() {
          const store = yield* build(SessionStore.layerFileSystem({ directory })).pipe(
            Effect.provideService(FileSystem.FileSystem, FileSystem.FileSystem.of({ ...real, link }))
          )
          return (yield* store.swap("key", version, "value"))._tag
        })
      // As a network file system answers when it repeats a request of its own.
      assert.strictEqual(
        yield* settle((from, to) => Effect.andThen(real.link(from, to), error("AlreadyExists")), 0),
        "Applied"
      )
      assert.strictEqual(
        yield* settle((from, to) => Effect.andThen(real.link(from, to), error("Unknown")), 1),
        "Applied"
      )
      assert.strictEqual(yield* settle(() => error("Unknown"), 2), "Unknown")
      assert.strictEqual(
        yield* settle(
          (_, to) => Effect.andThen(Effect.sync(() => fs.writeFileSync(to, "x")), error("AlreadyExists")),
          2
        ),
        "Conflict"
      )
      assert.strictEqual(
        (yield* Effect.flatMap(connect, (store) => store.get("key"))).pipe(Option.getOrThrow).version,
        3
      )
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("that cannot be made or read is named", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      fs.writeFileSync(`${directory}/file`, "")
      const inFile = SessionStore.layerFileSystem({ directory: `${directory}/file/x` })
      failsWith(yield* Effect.flip(build(inFile)), "unavailable", /file.*Nothing was sent/)

      const store = yield* build(SessionStore.layerFileSystem({ directory }))
      yield* store.swap("key", 0, "value")
      const record = fs.readdirSync(directory).find((name) => name !== "file")
      fs.rmSync(`${directory}/${record}`, { recursive: true })
      fs.writeFileSync(`${directory}/${record}`, "")
      failsWith(yield* Effect.flip(store.get("key")), "unavailable", /readDirectory/)
      failsWith(yield* Effect.flip(store.swap("key", 1, "value")), "unavailable", /readDirectory|stat/)
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("the table", () => {
  const sqlite = Effect.map(temporaryDirectory, (directory) => SqliteClient.layer(`${directory}/sessions.sqlite`))
  const run = <A, E>(program: Effect.Effect<A, E, Scope.Scope | Files>) => Effect.provide(program, NodeServices.layer)

  it.effect("has the name that is given, and holds no key", () =>
    run(Effect.gen(function*() {
      const sql = yield* Effect.map(Layer.build(yield* sqlite), Context.get(SqlClient.SqlClient))
      const provide = Layer.provide(Layer.succeed(SqlClient.SqlClient, sql))
      const one = yield* build(SessionStore.layerSql({ table: `odd "name"` }).pipe(provide))
      const other = yield* build(SessionStore.layerSql().pipe(provide))
      yield* one.swap("ou_alice", 0, "value")
      assert.deepStrictEqual(yield* other.get("ou_alice"), Option.none())
      const rows = yield* sql`SELECT id, version FROM ${sql(`odd "name"`)}`
      assert.strictEqual(rows[0]?.["version"], 1)
      assert.notInclude(String(rows[0]?.["id"]), "alice")
    })))

  it.effect("keeps what was written in a transaction of the caller that is rolled back", () =>
    run(Effect.gen(function*() {
      const sql = yield* Effect.map(Layer.build(yield* sqlite), Context.get(SqlClient.SqlClient))
      const store = yield* build(SessionStore.layerSql().pipe(Layer.provide(Layer.succeed(SqlClient.SqlClient, sql))))
      // Another connection, as a pool would give: this client has but one, which the transaction holds.
      const inside = Effect.provideService(
        Effect.andThen(store.swap("key", 0, "value"), store.get("key")),
        sql.transactionService,
        [{
          ...(yield* Effect.scoped(sql.reserve)),
          execute: () => Effect.die("in the transaction of the caller")
        }, 0]
      )
      assert.deepStrictEqual(yield* inside, Option.some({ version: 1, value: "value" }))
    })))

  it.effect("that is locked, or something else, is typed", () =>
    run(Effect.gen(function*() {
      const sql = yield* Effect.map(Layer.build(yield* sqlite), Context.get(SqlClient.SqlClient))
      const store = yield* build(SessionStore.layerSql().pipe(Layer.provide(Layer.succeed(SqlClient.SqlClient, sql))))
      yield* store.swap("key", 0, "value")
      yield* sql`UPDATE lark_sessions SET value = 5`
      failsWith(yield* Effect.flip(store.get("key")), "unreadable", /not a record of this library/)
      yield* sql`DROP TABLE lark_sessions`
      failsWith(yield* Effect.flip(store.get("key")), "unavailable", /a statement failed/)
      assert.strictEqual((yield* store.swap("key", 1, "value"))._tag, "Unknown")
    })))

  it.effect("is made in SQLite and PostgreSQL only", () =>
    run(Effect.gen(function*() {
      const sql = yield* Effect.map(Layer.build(yield* sqlite), Context.get(SqlClient.SqlClient))
      const mysql = Object.assign((...args: Parameters<typeof sql>) => sql(...args), {
        ...sql,
        withoutTransforms: () => mysql,
        onDialectOrElse: <A>(options: { readonly orElse: () => A }) => options.orElse()
      })
      // The part of a client that is asked before anything is sent.
      const layer = Layer.succeed(SqlClient.SqlClient, mysql as unknown as SqlClient.SqlClient)
      failsWith(
        yield* Effect.flip(build(SessionStore.layerSql().pipe(Layer.provide(layer)))),
        "unavailable",
        /only SQLite and PostgreSQL are supported/
      )
    })))
})

describe("Redis", () => {
  const client = (server: FakeRedis.Server, prefix?: string) =>
    build(
      SessionStore.layerRedis(prefix === undefined ? undefined : { prefix }).pipe(
        Layer.provide(Layer.effect(Redis.Redis, FakeRedis.connect(server)))
      )
    )

  it.effect("has the key after the prefix", () =>
    Effect.gen(function*() {
      const server = FakeRedis.server()
      yield* Effect.flatMap(client(server), (store) => store.swap("key", 0, "value"))
      yield* Effect.flatMap(client(server, "app:"), (store) => store.swap("key", 0, "other"))
      assert.deepStrictEqual([...server.hashes.keys()], ["lark:session:key", "app:key"])
    }))

  it.effect("is sent the script that a real Redis (7.0) was seen to carry out: see to that again when it changes", () =>
    Effect.gen(function*() {
      const server = FakeRedis.server()
      yield* Effect.flatMap(client(server), (store) => store.swap("key", 0, "value"))
      assert.deepStrictEqual([...server.scripts.values()], [`
local version = redis.call("HGET", KEYS[1], "version")
if tonumber(version or "0") ~= tonumber(ARGV[1]) then
  return redis.call("HMGET", KEYS[1], "version", "value")
end
redis.call("HSET", KEYS[1], "version", tonumber(ARGV[1]) + 1, "value", ARGV[2])
return {}
`])
    }))

  it.effect("that has forgotten the script is told it again", () =>
    Effect.gen(function*() {
      const server = FakeRedis.server()
      const store = yield* client(server)
      yield* store.swap("key", 0, "value")
      server.scripts.clear()
      expectApplied(yield* store.swap("key", 1, "value"), { version: 2, value: "value" })
    }))

  it.effect("that does not answer leaves a swap unknown, and its address unsaid", () =>
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

  it.effect("that holds something else under the key is typed", () =>
    Effect.gen(function*() {
      const server = FakeRedis.server()
      const store = yield* client(server)
      server.hashes.set("lark:session:key", { version: "one", value: "value" })
      failsWith(yield* Effect.flip(store.get("key")), "unreadable", /not a record of this library/)
    }))
})

describe("a KeyValueStore", () => {
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

  it.effect("that fails to write leaves a swap unknown, and one that fails to read leaves it undone", () =>
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

  it.effect("that holds something else under the key is typed", () =>
    Effect.gen(function*() {
      const { store, values } = failing(() => false)
      const sessions = yield* store
      yield* sessions.swap("key", 0, "value")
      for (const text of ["", "value", "x\nvalue", "\nvalue"]) {
        for (const key of values.keys()) values.set(key, text)
        failsWith(yield* Effect.flip(sessions.get("key")), "unreadable", /not a record of this library/)
        failsWith(yield* Effect.flip(sessions.swap("key", 1, "value")), "unreadable", /not a record of this library/)
      }
    }))
})
