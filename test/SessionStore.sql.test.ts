import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, type Scope } from "effect"
import { SessionStore } from "effect-lark-meetings"
import { SqlClient } from "effect/sql"
import * as servers from "./fixtures/servers.ts"
import { build, failsWith, type Files, temporaryDirectory } from "./fixtures/sessionStores.ts"
import * as SqliteClient from "./fixtures/SqliteClient.ts"

describe("the SQL store", () => {
  const sqlite = Effect.map(temporaryDirectory, (directory) => SqliteClient.layer(`${directory}/sessions.sqlite`))
  const run = <A, E>(program: Effect.Effect<A, E, Scope.Scope | Files>) => Effect.provide(program, NodeServices.layer)

  it.effect("uses the table name, and stores hashes of keys", () =>
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

  it.effect("writes outside of the caller's transaction", () =>
    run(Effect.gen(function*() {
      const sql = yield* Effect.map(Layer.build(yield* sqlite), Context.get(SqlClient.SqlClient))
      const store = yield* build(SessionStore.layerSql().pipe(Layer.provide(Layer.succeed(SqlClient.SqlClient, sql))))
      // Another connection, as from a pool: this client has one only, which the transaction holds.
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

  it.effect("keeps what was written when a transaction of the caller is rolled back", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(yield* servers.postgres)
      const sql = Context.get(context, SqlClient.SqlClient)
      const store = yield* build(SessionStore.layerSql().pipe(Layer.provide(Layer.succeedContext(context))))
      const written = Effect.andThen(store.swap("key", 0, "value"), sql`CREATE TABLE of_the_caller (id TEXT)`)
      yield* Effect.flip(sql.withTransaction(Effect.andThen(written, Effect.fail("rolled back"))))
      assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 1, value: "value" }))
      assert.strictEqual((yield* Effect.flip(sql`SELECT * FROM of_the_caller`)).reason._tag, "SqlSyntaxError")
    }), servers.needs("PostgreSQL"))

  it.effect("fails with a typed error if the table is missing or holds other data", () =>
    run(Effect.gen(function*() {
      const sql = yield* Effect.map(Layer.build(yield* sqlite), Context.get(SqlClient.SqlClient))
      const store = yield* build(SessionStore.layerSql().pipe(Layer.provide(Layer.succeed(SqlClient.SqlClient, sql))))
      yield* store.swap("key", 0, "value")
      for (const version of [0, -1, 2_147_483_647, 9_007_199_254_740_991]) {
        yield* sql`UPDATE lark_sessions SET version = ${version}`
        failsWith(yield* Effect.flip(store.get("key")), "unreadable", /not a record of this library/)
        failsWith(yield* Effect.flip(store.swap("key", version, "value")), "unreadable", /not a record of this library/)
      }
      yield* sql`UPDATE lark_sessions SET version = 1`
      yield* sql`UPDATE lark_sessions SET value = 5`
      failsWith(yield* Effect.flip(store.get("key")), "unreadable", /not a record of this library/)
      yield* sql`DROP TABLE lark_sessions`
      failsWith(yield* Effect.flip(store.get("key")), "unavailable", /a statement failed/)
      assert.strictEqual((yield* store.swap("key", 1, "value"))._tag, "Unknown")
    })))

  it.effect("refuses databases other than SQLite and PostgreSQL", () =>
    run(Effect.gen(function*() {
      const sql = yield* Effect.map(Layer.build(yield* sqlite), Context.get(SqlClient.SqlClient))
      const mysql = Object.assign((...args: Parameters<typeof sql>) => sql(...args), {
        ...sql,
        withoutTransforms: () => mysql,
        onDialectOrElse: <A>(options: { readonly orElse: () => A }) => options.orElse()
      })
      // The part of a client that is used before a statement is sent.
      const layer = Layer.succeed(SqlClient.SqlClient, mysql as unknown as SqlClient.SqlClient)
      failsWith(
        yield* Effect.flip(build(SessionStore.layerSql().pipe(Layer.provide(layer)))),
        "unavailable",
        /only SQLite and PostgreSQL are supported/
      )
    })))
})
