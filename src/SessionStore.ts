/**
 * A store of versioned records with compare-and-swap.
 *
 * **Details**
 *
 * If several concurrent swaps name the same version, exactly one succeeds; the others get a conflict with the stored record.
 * `UserSessions` is built on it, with values that `Seal` has sealed.
 *
 * | layer | atomic among | needs |
 * | --- | --- | --- |
 * | `layerMemory` | one process; lost at its end | |
 * | `layerFileSystem` | all processes that see the directory | hard links |
 * | `layerSql` | all clients of the database | SQLite or PostgreSQL |
 * | `layerRedis` | all clients of the server | Lua scripts |
 * | `layerKeyValueStore` | **one process** | |
 *
 * All but `layerFileSystem` can `remove` records.
 *
 * **Gotchas**
 *
 * Redis acknowledges a write before it is on disk or on a replica: a crash or a failover can lose the last second. Use
 * `appendfsync always` and no failover if that is not acceptable.
 *
 * **Example** (Two swaps from one version: one is applied)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { SessionStore } from "effect-lark-meetings"
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* SessionStore.SessionStore
 *   const outcomes = yield* Effect.all(["one", "other"].map((value) => store.swap("key", 0, value)))
 *   const stored = yield* store.get("key")
 *   return [...outcomes.map((outcome) => outcome._tag), JSON.stringify(stored.valueOrUndefined)]
 * })
 * const lines = await Effect.runPromise(Effect.provide(program, SessionStore.layerMemory))
 * console.log(lines.join(" ")) // => Applied Conflict {"version":1,"value":"one"}
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Redis from "effect/persistence/Redis"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Cas from "./Cas.ts"
import type { SessionStoreError } from "./LarkError.ts"
import { type Backend, conflict, type Stored } from "./SessionStore/backend.ts"
import * as fileSystem from "./SessionStore/fileSystem.ts"
import * as keyValueStore from "./SessionStore/keyValueStore.ts"
import * as redis from "./SessionStore/redis.ts"
import * as sql from "./SessionStore/sql.ts"

export type { Backend, Stored } from "./SessionStore/backend.ts"

/**
 * The store. Provide one of the layers, or a `Backend` of your own.
 *
 * @stability stable
 * @category services
 */
export class SessionStore extends Context.Service<SessionStore, Backend>()("effect-lark-meetings/SessionStore") {}

/**
 * In memory: for tests, and for programs whose users log in again after every start.
 *
 * @stability stable
 * @category layers
 */
export const layerMemory: Layer.Layer<SessionStore> = Layer.sync(SessionStore, () => {
  const records = new Map<string, Stored>()
  return {
    get: (key) => Effect.sync(() => Option.fromUndefinedOr(records.get(key))),
    swap: (key, expected, value) =>
      Effect.sync(() => {
        const stored = records.get(key)
        if ((stored?.version ?? 0) !== expected) return conflict(Option.fromUndefinedOr(stored))
        const written = { version: expected + 1, value }
        records.set(key, written)
        return Cas.appliedWith(written)
      }),
    remove: (key, version) =>
      Effect.sync(() => {
        if (records.get(key)?.version === version) records.delete(key)
      })
  }
})

/**
 * In a `KeyValueStore`, for **one process** with one such layer.
 *
 * **Gotchas**
 *
 * - Two processes on one store lose each other's writes: a `KeyValueStore` has no compare-and-swap.
 * - As safe in a crash as the `KeyValueStore`: one that overwrites a file in place can leave half a record.
 *
 * @stability stable
 * @category layers
 */
export const layerKeyValueStore: Layer.Layer<SessionStore, never, KeyValueStore.KeyValueStore> = Layer.effect(
  SessionStore,
  keyValueStore.make
)

/**
 * In a directory, which any number of processes may share.
 *
 * **Details**
 *
 * A record is a directory, and a version is a file in it that never changes, synced to disk. There are no locks that a crash
 * could leave behind. Versions that were replaced more than an hour ago are deleted. The directory is created with mode 0700,
 * files with 0600. The layer fails with `SessionStoreError` if the directory cannot be created.
 *
 * **Gotchas**
 *
 * - Needs hard links, which FAT and some network shares do not have.
 * - A swap whose process was suspended for an hour may end as `Unknown`.
 *
 * @stability stable
 * @category layers
 */
export const layerFileSystem = (options: {
  readonly directory: string
}): Layer.Layer<SessionStore, SessionStoreError, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(SessionStore, fileSystem.make(options.directory))

/**
 * In a table of SQLite or PostgreSQL, which is created if it does not exist.
 *
 * **Details**
 *
 * `table` is `lark_sessions` by default. A swap is one statement outside of the caller's transaction, whose rollback could
 * undo it. The layer fails with `SessionStoreError` if the table cannot be created, and for other databases.
 *
 * **Gotchas**
 *
 * SQLite: set a busy timeout. Do not wait for a token in a transaction of a client with one connection: the store would wait
 * for that connection.
 *
 * @stability stable
 * @category layers
 */
export const layerSql = (options?: {
  readonly table?: string | undefined
}): Layer.Layer<SessionStore, SessionStoreError, SqlClient.SqlClient> =>
  Layer.effect(SessionStore, sql.make(options?.table ?? "lark_sessions"))

/**
 * In Redis, one hash for each key, named by `prefix` (`lark:session:` by default) and the key.
 *
 * @stability stable
 * @category layers
 */
export const layerRedis = (options?: {
  readonly prefix?: string | undefined
}): Layer.Layer<SessionStore, never, Redis.Redis> =>
  Layer.effect(SessionStore, redis.make(options?.prefix ?? "lark:session:"))
