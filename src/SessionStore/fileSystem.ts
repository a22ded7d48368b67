/**
 * Records in a directory, atomic among all processes that see it, without locks.
 *
 * **Details**
 *
 * Version `v` of a record is the file `<record>/<v>`. It is written under a temporary name and then linked to that name,
 * which succeeds for one process only; version 0 is an empty file. Files are deleted in ascending order, never the highest:
 * while version `v` exists, `v + 1` was not deleted, so a successful link of `v + 1` is the first one.
 *
 * A process may be suspended in the middle of its swap until the versions it knew are deleted. Its link then succeeds below
 * the highest version and means nothing. So a link counts only if there is no higher version, or if the file of version
 * `v`, which the swap keeps open, still has a name: another suspended process may have linked a deleted name again.
 *
 * A link whose reply is lost is settled by what the name holds and by the link count of the temporary file. Inode numbers
 * are not used: some file systems have none, or the same one for all files.
 */
import * as ByteSize from "effect/ByteSize"
import * as Clock from "effect/Clock"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError, SystemErrorTag } from "effect/PlatformError"
import type * as Scope from "effect/Scope"
import * as Cas from "../Cas.ts"
import { decode, encode } from "../internal/text.ts"
import { SessionStoreError } from "../LarkError.ts"
import { type Backend, conflict, recordName, type Stored, unavailable, unreadable } from "./backend.ts"

const store = "file system"

type Failure = PlatformError | SessionStoreError

const failed = (error: Failure) => error instanceof SessionStoreError ? error : unavailable(store, error.message)

const orElseIf = <B, R2>(tag: SystemErrorTag, orElse: Effect.Effect<B, Failure, R2>) =>
<A, E extends Failure, R>(
  self: Effect.Effect<A, E, R>
): Effect.Effect<A | B, Failure, R | R2> =>
  Effect.catchIf(self, (error: Failure) => error._tag === "PlatformError" && error.reason._tag === tag, () => orElse)

/** The version that a file has by its name, if it is one that the store writes. */
const versionOf = (name: string): ReadonlyArray<number> => {
  const version = Number(name)
  return Number.isSafeInteger(version) && version >= 0 && String(version) === name ? [version] : []
}

/** In bytes. No record is longer, and much longer ones are no valid text. */
const largest = 16_777_216n

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
        Effect.map((names) => names.flatMap(versionOf).sort((a, b) => a - b))
      )

    /** Uses a regular file; `undefined` if there is none. To open a pipe would wait for a writer. */
    const ifRegular = <A, R>(file: string, use: Effect.Effect<A, PlatformError, R>) =>
      fs.stat(file).pipe(
        Effect.flatMap(({ size, type }): Effect.Effect<A, Failure, R> =>
          type === "File" && ByteSize.toBigInt(size) <= largest ? use : Effect.fail(unreadable(store))
        ),
        orElseIf("NotFound", Effect.undefined)
      )

    const read = (file: string) => ifRegular(file, Effect.map(fs.readFile(file), decode))

    const latest = (record: string, missing = -1): Effect.Effect<Option.Option<Stored>, Failure> =>
      Effect.gen(function*() {
        const version = (yield* versionsIn(record)).at(-1)
        if (version === undefined) return Option.none()
        // Only a version that has a successor is deleted.
        if (version <= missing) return yield* Effect.fail(unreadable(store))
        const value = yield* read(fileOf(record, version))
        if (value === undefined) return yield* latest(record, version)
        return version === 0 ? Option.none() : Option.some({ version, value })
      })

    const linksOf = (open: FileSystem.File) => Effect.map(open.stat, ({ nlink }) => Option.getOrUndefined(nlink))

    /** A file that cannot be written is removed. */
    const write = (file: string, value: string) =>
      Effect.scoped(
        Effect.flatMap(
          fs.open(file, { flag: "wx", mode: 0o600 }),
          (open) => Effect.andThen(open.writeAll(encode(value)), open.sync)
        )
      ).pipe(Effect.onError(() => Effect.ignore(fs.remove(file))))

    /** Best effort: not all systems can sync a directory. */
    const syncDirectory = (record: string) =>
      Effect.ignore(Effect.scoped(Effect.flatMap(fs.open(record), (open) => open.sync)))

    const begin = (record: string) =>
      makeDirectory(record).pipe(
        Effect.andThen(fs.writeFile(fileOf(record, 0), new Uint8Array(), { flag: "wx", mode: 0o600 })),
        orElseIf("AlreadyExists", Effect.void),
        Effect.andThen(syncDirectory(directory))
      )

    /** Whether this swap created the link. An error does not say: the link may exist although its reply was lost. */
    const link = (from: string, to: string, value: string) =>
      Effect.catch(Effect.as(fs.link(from, to), true), (error) =>
        Effect.gen(function*() {
          const isTaken = error.reason._tag === "AlreadyExists"
          const found = yield* read(to)
          if (isTaken && found !== undefined && found !== value) return false
          // Network file systems return the count that they remember until the file is opened.
          const links = yield* Effect.scoped(Effect.flatMap(fs.open(from), linksOf))
          if (found === value && links === 2n) return true
          if (isTaken && found === value && links === 1n) return false
          return yield* Effect.fail(error)
        }))

    const isOld = (file: string) =>
      Effect.zipWith(
        fs.stat(file),
        Clock.currentTimeMillis,
        ({ mtime }, now) => Option.exists(mtime, (time) => now - time.getTime() > keep)
      )

    /** Deletes old temporary files, then versions whose successor is old: an open version must have no name left. */
    const deleteOld = Effect.fnUntraced(function*(record: string, versions: ReadonlyArray<number>) {
      for (const name of yield* fs.readDirectory(record)) {
        const file = path.join(record, name)
        if (name.endsWith(".tmp") && (yield* isOld(file))) yield* fs.remove(file, { force: true })
      }
      for (const [index, next] of versions.slice(1).entries()) {
        if (!(yield* isOld(fileOf(record, next)))) break
        yield* fs.remove(fileOf(record, versions[index] ?? 0), { force: true })
      }
    }, (deleting) => Effect.ignore(deleting))

    const swap = Effect.fnUntraced(function*(
      record: string,
      expected: number,
      value: string
    ): Effect.fn.Return<Cas.Outcome<Stored>, Failure, Scope.Scope> {
      if (expected === 0 && (yield* versionsIn(record)).length === 0) yield* begin(record)
      const replaced = fileOf(record, expected)
      // Opened before the versions are listed, so that it is the file of the highest one.
      const open = yield* ifRegular(replaced, fs.open(replaced))
      if (open === undefined || (yield* versionsIn(record)).at(-1) !== expected) return conflict(yield* latest(record))
      if (!Number.isSafeInteger(expected + 1)) return yield* Effect.fail(unreadable(store))

      const written = { version: expected + 1, value }
      const temporary = path.join(record, `${yield* random.uuidV4()}.tmp`)
      const linked = yield* Effect.acquireUseRelease(
        write(temporary, value),
        () => Effect.result(link(temporary, fileOf(record, written.version), value)),
        () => Effect.ignore(fs.remove(temporary))
      )
      if (linked._tag === "Failure") return Cas.unknown(failed(linked.failure))
      if (!linked.success) return conflict(yield* latest(record))

      return yield* Effect.gen(function*() {
        const versions = yield* versionsIn(record)
        const isFirst = versions.at(-1) === written.version || ((yield* linksOf(open)) ?? 0n) > 0n
        if (!isFirst) return Cas.unknown(unavailable(store, "the record was replaced many times during one swap"))
        yield* syncDirectory(record)
        yield* deleteOld(record, versions)
        return Cas.appliedWith(written)
      }).pipe(Effect.catch((error) => Effect.succeed<Cas.Outcome<Stored>>(Cas.unknown(failed(error)))))
    }, Effect.scoped)

    const backend: Backend = {
      get: (key) => Effect.mapError(Effect.flatMap(directoryOf(key), (record) => latest(record)), failed),
      swap: (key, expected, value) =>
        Effect.flatMap(directoryOf(key), (record) => Effect.mapError(swap(record, expected, value), failed))
    }
    return backend
  }).pipe(Effect.provide(SecureRandom.layerWebCrypto))
