/**
 * A store of records that can compare: each has a version, and is replaced only by whoever names the version in place.
 *
 * **Details**
 *
 * `swap` is atomic: of any number of callers that name one version, one is applied and the others meet a conflict, which
 * shows what is there now. That is what sessions that several processes share are built on (`UserSessions`). Values are
 * opaque texts; what is secret in them is sealed before it gets here (`Seal`).
 *
 * | layer | atomic among | needs |
 * | --- | --- | --- |
 * | `layerMemory` | one process; forgets with it | |
 * | `layerFileSystem` | all processes that see the directory | hard links |
 * | `layerSql` | all clients of the database | SQLite or PostgreSQL |
 * | `layerRedis` | all clients of the server | Lua scripts |
 * | `layerKeyValueStore` | **one process** | |
 *
 * **Gotchas**
 *
 * - A `KeyValueStore` can only read and write. No protocol makes a compare-and-swap of that which several processes can
 *   use, however clever: with `layerKeyValueStore` two processes on one store lose each other's writes.
 * - Redis acknowledges before it has written to disk, and before its replicas have: a failover can lose the last second
 *   (`appendfsync always`, and no failover, if that must not be).
 *
 * **Example** (One of two is applied)
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
 *
 * @since 0.1.0
 */
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import type * as Path from "effect/Path"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Redis from "effect/persistence/Redis"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SessionStoreError } from "./LarkError.ts"
import * as fileSystem from "./SessionStore/fileSystem.ts"
import * as keyValueStore from "./SessionStore/keyValueStore.ts"
import * as memory from "./SessionStore/memory.ts"
import * as redis from "./SessionStore/redis.ts"
import { SessionStore } from "./SessionStore/service.ts"
import * as sql from "./SessionStore/sql.ts"

export { SessionStore, type Stored } from "./SessionStore/service.ts"

/**
 * In memory: for tests, and for programs whose users log in anew whenever it starts.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory: Layer.Layer<SessionStore> = Layer.sync(SessionStore, memory.make)

/**
 * In a `KeyValueStore`, for **one process** with one such layer.
 *
 * **Gotchas**
 *
 * - Atomic among the fibers of this layer only: a `KeyValueStore` cannot compare. For several processes take any other.
 * - Only as safe in a crash as the `KeyValueStore` is: one that overwrites a file in place can leave half a record.
 *
 * @since 0.1.0
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
 * A record is a directory, a version is a file in it that never changes: a swap writes the new version beside it, to the
 * disk, and then links it to its name, which fails if the name is taken. There are no locks, so nothing is left behind
 * locked. Versions that were replaced more than an hour ago are deleted by later swaps. The directory is made with mode
 * 0700, files with 0600.
 *
 * **Gotchas**
 *
 * - Needs hard links, as all file systems of servers have; FAT and some network shares do not.
 * - A process that was suspended for an hour in the middle of a swap may be told `Unknown`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFileSystem = (options: {
  readonly directory: string
}): Layer.Layer<SessionStore, SessionStoreError, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(SessionStore, fileSystem.make(options.directory))

/**
 * In a table of SQLite or PostgreSQL, which is made if it is not there.
 *
 * **Details**
 *
 * `table` is `lark_sessions` unless given. The write is one statement, outside any transaction of the caller, which could
 * take it back. The layer fails with `SessionStoreError` when the table cannot be made, and for other databases.
 *
 * **Gotchas**
 *
 * - SQLite: set a busy timeout. In a transaction of a client with one connection, a token must not be waited for: the
 *   store would wait for that connection.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerSql = (options?: {
  readonly table?: string | undefined
}): Layer.Layer<SessionStore, SessionStoreError, SqlClient.SqlClient> =>
  Layer.effect(SessionStore, sql.make(options?.table ?? "lark_sessions"))

/**
 * In Redis, one hash for each key, after `prefix` (`lark:session:` unless given).
 *
 * @since 0.1.0
 * @category layers
 */
export const layerRedis = (options?: {
  readonly prefix?: string | undefined
}): Layer.Layer<SessionStore, never, Redis.Redis> =>
  Layer.effect(SessionStore, redis.make(options?.prefix ?? "lark:session:"))
