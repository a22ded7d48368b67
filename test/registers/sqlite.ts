import { Effect, Predicate, Schema } from "effect"
import { Cas } from "effect-lark-meetings"
import type { DatabaseSync } from "node:sqlite"

/** A state of the row. Every one the database shows has a version; one that is only wanted has none yet. */
export interface Row {
  readonly version?: number | undefined
  readonly value: string
}

const decode = Schema.decodeUnknownSync(Schema.Struct({ version: Schema.Int, value: Schema.String }))

const [busy, locked] = [5, 6]

/** An extended result code holds the primary one in its low byte. SQLite has undone what it refuses in this way. */
const isBusy = (cause: unknown): boolean =>
  Predicate.hasProperty(cause, "errcode") && typeof cause.errcode === "number"
  && [busy, locked].includes(cause.errcode & 0xff)

const query = <A>(evaluate: () => A): Effect.Effect<A | Cas.Unsent> =>
  Effect.sync(() => {
    try {
      return evaluate()
    } catch (cause) {
      if (isBusy(cause)) return Cas.unsent({ cause })
      throw cause
    }
  })

/** A row of `documents (id TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL)`. */
export const fromRow = (database: DatabaseSync, id: string): Cas.Register<Row> => {
  const select = database.prepare("SELECT version, value FROM documents WHERE id = ?")
  // No version is NULL, which equals nothing: it updates no row.
  const update = database.prepare(
    "UPDATE documents SET value = ?, version = version + 1 WHERE id = ? AND version = ?"
  )
  return {
    equals: (a, b) =>
      a.version !== undefined && b.version !== undefined ? a.version === b.version : a.value === b.value,
    read: query((): Cas.Observation<Row> => {
      const row = select.get(id)
      return row === undefined ? Cas.observedNothing : Cas.observed(decode(row))
    }),
    swap: ({ version = null }, { value }) =>
      query((): Cas.Outcome<Row> => {
        const { changes } = update.run(value, id, version)
        if (version !== null && changes === 1) return Cas.appliedWith({ version: version + 1, value })
        const row = select.get(id)
        return row === undefined ? Cas.conflictWithoutState : Cas.conflict(decode(row))
      })
  }
}
