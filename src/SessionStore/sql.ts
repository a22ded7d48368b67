/** Records in a table: one statement compares and writes atomically. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as Cas from "../Cas.ts"
import { decode, encode } from "../internal/text.ts"
import type { SessionStoreError } from "../LarkError.ts"
import { type Backend, conflict, isVersion, recordName, type Stored, unavailable, unreadable } from "./backend.ts"

const store = "SQL"

/** The largest INTEGER of PostgreSQL. */
const largest = 2 ** 31 - 1

const failed = (error: SqlError) => unavailable(store, `a statement failed (${error.reason._tag})`)

/** Errors that prove nothing was written: the database refused the statement or rolled it back. */
const refusals = new Set<SqlError["reason"]["_tag"]>([
  "AuthenticationError",
  "AuthorizationError",
  "ConstraintError",
  "DeadlockError",
  "LockTimeoutError",
  "SerializationError",
  "SqlSyntaxError",
  "UniqueViolation"
])

export const make = (tableName: string): Effect.Effect<Backend, SessionStoreError, SqlClient.SqlClient> =>
  Effect.gen(function*() {
    const client = yield* SqlClient.SqlClient
    const sql = client.withoutTransforms()
    const nameOf = yield* recordName
    const table = sql(tableName)

    const columns = sql.onDialectOrElse({
      sqlite: () => sql.literal("id TEXT PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL"),
      pg: () => sql.literal("id TEXT PRIMARY KEY, version INTEGER NOT NULL, value BYTEA NOT NULL"),
      orElse: () => undefined
    })
    if (columns === undefined) return yield* unavailable(store, "only SQLite and PostgreSQL are supported")

    /** Outside of the caller's transaction: its rollback must not lose a token whose predecessor is used up. */
    const outsideTransaction = <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.updateContext(self, (context: Context.Context<never>) => Context.omit(client.transactionService)(context))

    // If two clients create the table at the same time, PostgreSQL refuses one of them.
    yield* sql`CREATE TABLE IF NOT EXISTS ${table} (${columns})`.pipe(
      Effect.retry({ times: 3 }),
      Effect.mapError(failed),
      outsideTransaction
    )

    const find = Effect.fnUntraced(function*(name: string) {
      const [row] = yield* Effect.mapError(sql`SELECT version, value FROM ${table} WHERE id = ${name}`, failed)
      if (row === undefined) return Option.none<Stored>()
      const { value, version } = row
      return (typeof version === "number" || typeof version === "bigint") && isVersion(Number(version), largest)
          && value instanceof Uint8Array
        ? Option.some<Stored>({ version: Number(version), value: decode(value) })
        : yield* Effect.fail(unreadable(store))
    })

    const write = (name: string, expected: number, value: string) => {
      const bytes = encode(value)
      return expected === 0
        ? sql`INSERT INTO ${table} (id, version, value) VALUES (${name}, 1, ${bytes})
            ON CONFLICT (id) DO NOTHING RETURNING version`
        : sql`UPDATE ${table} SET version = version + 1, value = ${bytes}
            WHERE id = ${name} AND version = ${expected} RETURNING version`
    }

    const swap = (name: string, expected: number, value: string) =>
      // A number that the column cannot hold is a conflict, not a database error.
      Effect.matchEffect(
        expected === 0 || isVersion(expected, largest) ? write(name, expected, value) : Effect.succeed([]),
        {
          onFailure: (error): Effect.Effect<Cas.Outcome<Stored>, SessionStoreError> =>
            refusals.has(error.reason._tag)
              ? Effect.fail(failed(error))
              : Effect.succeed(Cas.unknown(failed(error))),
          onSuccess: (rows) =>
            rows.length > 0
              ? Effect.succeed<Cas.Outcome<Stored>>(Cas.appliedWith({ version: expected + 1, value }))
              : Effect.map(find(name), conflict)
        }
      )

    return {
      get: (key) => outsideTransaction(Effect.flatMap(nameOf(key), find)),
      swap: (key, expected, value) =>
        outsideTransaction(Effect.flatMap(nameOf(key), (name) => swap(name, expected, value))),
      remove: (key, version) =>
        outsideTransaction(
          Effect.flatMap(nameOf(key), (name) =>
            sql`DELETE FROM ${table} WHERE id = ${name} AND version = ${version}`.pipe(
              Effect.mapError(failed),
              Effect.asVoid
            ))
        )
    }
  })
