/**
 * Records in a directory, atomic among all processes that see it, without locks.
 *
 * **Details**
 *
 * Version `v` of a record is the file `<record>/<v>`. It is written under a temporary name and then linked to that name,
 * which succeeds for one process only; version 0 is an empty file. Files never change. They are deleted in ascending
 * order, never the highest: while version `v` exists, `v + 1` was not deleted, so a successful link of `v + 1` is the
 * first one.
 *
 * A process may be suspended in the middle of its swap until the versions it knew are deleted. Its link then succeeds below
 * the highest version and means nothing. So a link counts only if there is no higher version, or if the file of version
 * `v` that was read before is still there, compared by inode and time: another suspended process may have linked a deleted
 * name again.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError, SystemErrorTag } from "effect/PlatformError"
import * as Cas from "../Cas.ts"
import type { SessionStoreError } from "../LarkError.ts"
import { type Backend, conflict, decode, encode, recordName, type Stored, unavailable } from "./backend.ts"

const store = "file system"

const failed = (error: PlatformError) => unavailable(store, error.message)

const orElseIf = <B, R2>(tag: SystemErrorTag, orElse: Effect.Effect<B, PlatformError, R2>) =>
<A, R>(
  self: Effect.Effect<A, PlatformError, R>
): Effect.Effect<A | B, PlatformError, R | R2> =>
  Effect.catchIf(self, (error) => error.reason._tag === tag, () => orElse)

/** How long replaced versions are kept: longer than any swap takes, unless its process is suspended. */
const keep = Duration.toMillis("1 hour")

export const make = (
  directory: string
): Effect.Effect<Backend, SessionStoreError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const random = yield* SecureRandom.SecureRandom
    const nameOf = yield* recordName

    const makeDirectory = (record: string) => fs.makeDirectory(record, { recursive: true, mode: 0o700 })

    yield* Effect.mapError(makeDirectory(directory), failed)

    const directoryOf = (key: string) => Effect.map(nameOf(key), (name) => path.join(directory, name))
    const fileOf = (record: string, version: number) => path.join(record, `${version}`)

    /** In ascending order; empty if there is no record. */
    const versionsIn = (record: string) =>
      fs.readDirectory(record).pipe(
        orElseIf("NotFound", Effect.succeed<ReadonlyArray<string>>([])),
        Effect.map((names) => names.filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b))
      )

    const latest = (record: string): Effect.Effect<Option.Option<Stored>, PlatformError> =>
      Effect.flatMap(versionsIn(record), (versions) => {
        const version = versions.at(-1) ?? 0
        return version === 0
          ? Effect.succeedNone
          : fs.readFile(fileOf(record, version)).pipe(
            Effect.map((bytes) => Option.some({ version, value: decode(bytes) })),
            // Deleted meanwhile, so there is a higher version.
            orElseIf("NotFound", Effect.suspend(() => latest(record)))
          )
      })

    /** Identifies the file that has this name now. */
    const identity = (file: string) =>
      fs.stat(file).pipe(
        Effect.map(({ ino, mtime }) => `${Option.getOrUndefined(ino)} ${Option.getOrUndefined(mtime)?.getTime()}`),
        orElseIf("NotFound", Effect.undefined)
      )

    const write = (file: string, value: string) =>
      Effect.scoped(
        Effect.flatMap(
          fs.open(file, { flag: "wx", mode: 0o600 }),
          (open) => Effect.andThen(open.writeAll(encode(value)), open.sync)
        )
      )

    /** Best effort: not all systems can sync a directory. */
    const syncDirectory = (record: string) =>
      Effect.ignore(Effect.scoped(Effect.flatMap(fs.open(record), (open) => open.sync)))

    const begin = (record: string) =>
      makeDirectory(record).pipe(
        Effect.andThen(write(fileOf(record, 0), "")),
        orElseIf("AlreadyExists", Effect.void),
        Effect.andThen(syncDirectory(directory))
      )

    /** Whether the name is ours. An error proves nothing: the link may have been made all the same. */
    const link = (from: string, to: string) =>
      Effect.catch(
        Effect.as(fs.link(from, to), true),
        (error) =>
          Effect.flatMap(Effect.all([identity(from), identity(to)]), ([ours, theirs]) =>
            ours === theirs
              ? Effect.succeed(true)
              : error.reason._tag === "AlreadyExists"
              ? Effect.succeed(false)
              : Effect.fail(error))
      )

    const isOld = (file: string) =>
      Effect.zipWith(
        fs.stat(file),
        Clock.currentTimeMillis,
        ({ mtime }, now) => Option.exists(mtime, (time) => now - time.getTime() > keep)
      )

    /** Deletes versions whose successor is old, and old temporary files. */
    const deleteOld = Effect.fnUntraced(function*(record: string, versions: ReadonlyArray<number>) {
      for (const [index, next] of versions.slice(1).entries()) {
        if (!(yield* isOld(fileOf(record, next)))) break
        yield* fs.remove(fileOf(record, versions[index] ?? 0), { force: true })
      }
      for (const name of yield* fs.readDirectory(record)) {
        const file = path.join(record, name)
        if (name.endsWith(".tmp") && (yield* isOld(file))) yield* fs.remove(file, { force: true })
      }
    }, (deleting) => Effect.ignore(deleting))

    const swap = Effect.fnUntraced(function*(
      record: string,
      expected: number,
      value: string
    ): Effect.fn.Return<Cas.Outcome<Stored>, PlatformError> {
      if (expected === 0 && (yield* versionsIn(record)).length === 0) yield* begin(record)
      const replaced = fileOf(record, expected)
      const found = yield* identity(replaced)
      if (found === undefined || (yield* versionsIn(record)).at(-1) !== expected) return conflict(yield* latest(record))

      const written = { version: expected + 1, value }
      const temporary = path.join(record, `${yield* random.uuidV4()}.tmp`)
      const linking = Effect.acquireUseRelease(
        write(temporary, value),
        () => Effect.result(link(temporary, fileOf(record, written.version))),
        () => Effect.ignore(fs.remove(temporary))
      )
      const linked = yield* linking
      if (linked._tag === "Failure") return Cas.unknown(failed(linked.failure))
      if (!linked.success) return conflict(yield* latest(record))

      return yield* Effect.gen(function*() {
        const versions = yield* versionsIn(record)
        const isFirst = versions.at(-1) === written.version || (yield* identity(replaced)) === found
        if (!isFirst) return Cas.unknown(unavailable(store, "the record was replaced many times during one swap"))
        yield* syncDirectory(record)
        yield* deleteOld(record, versions)
        return Cas.appliedWith(written)
      }).pipe(Effect.catch((error) => Effect.succeed<Cas.Outcome<Stored>>(Cas.unknown(failed(error)))))
    })

    const backend: Backend = {
      get: (key) => Effect.mapError(Effect.flatMap(directoryOf(key), latest), failed),
      swap: (key, expected, value) =>
        Effect.flatMap(directoryOf(key), (record) => Effect.mapError(swap(record, expected, value), failed))
    }
    return backend
  }).pipe(Effect.provide(SecureRandom.layerWebCrypto))
