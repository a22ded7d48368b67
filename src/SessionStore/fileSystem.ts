/**
 * Records in a directory, exact among all processes that see it, without locks.
 *
 * **Details**
 *
 * Version `v` of a record is the file `<record>/<v>`, written elsewhere first and then linked to that name, which only one
 * can do; version 0 is an empty file. Files never change. They are deleted in ascending order, and never the highest: as
 * long as version `v` is there, `v + 1` has not been deleted, so whoever links `v + 1` is the first to.
 *
 * That is what has to be shown, for a process may sleep in the middle of its swap until all it knew has been deleted. Its
 * link then succeeds without meaning anything: below the highest version, where nobody looks. So a link counts when no
 * version above it is there, or when the file of version `v` that was found before is still there, by inode and time: a
 * name that was deleted might have been linked again by another such sleeper.
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
import { conflict, unavailable } from "./outcomes.ts"
import { recordName } from "./recordName.ts"
import type { SessionStore, Stored } from "./service.ts"

const store = "file system"

const failed = (error: PlatformError) => unavailable(store, error.message)

const orElseIf = <B, R2>(tag: SystemErrorTag, orElse: Effect.Effect<B, PlatformError, R2>) =>
<A, R>(
  self: Effect.Effect<A, PlatformError, R>
): Effect.Effect<A | B, PlatformError, R | R2> =>
  Effect.catchIf(self, (error) => error.reason._tag === tag, () => orElse)

/** Longer than anybody takes between the steps of a swap, unless asleep. */
const keep = Duration.toMillis("1 hour")

const encoder = new TextEncoder()
// A byte order mark is part of the text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

export const make = (
  directory: string
): Effect.Effect<SessionStore["Service"], SessionStoreError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const random = yield* SecureRandom.SecureRandom
    const nameOf = yield* recordName

    const makeDirectory = (place: string) => fs.makeDirectory(place, { recursive: true, mode: 0o700 })

    yield* Effect.mapError(makeDirectory(directory), failed)

    const placeOf = (key: string) => Effect.map(nameOf(key), (name) => path.join(directory, name))
    const fileOf = (place: string, version: number) => path.join(place, `${version}`)

    /** In ascending order; none of a record that is not there. */
    const versionsIn = (place: string) =>
      fs.readDirectory(place).pipe(
        orElseIf("NotFound", Effect.succeed<ReadonlyArray<string>>([])),
        Effect.map((names) => names.filter((name) => /^\d+$/.test(name)).map(Number).sort((a, b) => a - b))
      )

    const latest = (place: string): Effect.Effect<Option.Option<Stored>, PlatformError> =>
      Effect.flatMap(versionsIn(place), (versions) => {
        const version = versions.at(-1) ?? 0
        return version === 0
          ? Effect.succeedNone
          : fs.readFile(fileOf(place, version)).pipe(
            Effect.map((bytes) => Option.some({ version, value: decoder.decode(bytes) })),
            // Replaced and deleted since: there is a later one.
            orElseIf("NotFound", Effect.suspend(() => latest(place)))
          )
      })

    /** Which file it is that has this name now. */
    const identity = (file: string) =>
      fs.stat(file).pipe(
        Effect.map(({ ino, mtime }) => `${Option.getOrUndefined(ino)} ${Option.getOrUndefined(mtime)?.getTime()}`),
        orElseIf("NotFound", Effect.undefined)
      )

    const write = (file: string, value: string) =>
      Effect.scoped(
        Effect.flatMap(
          fs.open(file, { flag: "wx", mode: 0o600 }),
          (open) => Effect.andThen(open.writeAll(encoder.encode(value)), open.sync)
        )
      )

    /** Best effort: not all systems can. */
    const syncDirectory = (place: string) =>
      Effect.ignore(Effect.scoped(Effect.flatMap(fs.open(place), (open) => open.sync)))

    const begin = (place: string) =>
      makeDirectory(place).pipe(
        Effect.andThen(write(fileOf(place, 0), "")),
        orElseIf("AlreadyExists", Effect.void),
        Effect.andThen(syncDirectory(directory))
      )

    /** Whether the name is ours; an error tells neither, and may even come after it was done. */
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

    /** A version is old when the one that replaced it is. */
    const collect = Effect.fnUntraced(function*(place: string, versions: ReadonlyArray<number>) {
      for (const [index, next] of versions.slice(1).entries()) {
        if (!(yield* isOld(fileOf(place, next)))) break
        yield* fs.remove(fileOf(place, versions[index] ?? 0), { force: true })
      }
      for (const name of yield* fs.readDirectory(place)) {
        const file = path.join(place, name)
        if (name.endsWith(".tmp") && (yield* isOld(file))) yield* fs.remove(file, { force: true })
      }
    }, (collecting) => Effect.ignore(collecting))

    const swap = Effect.fnUntraced(function*(
      place: string,
      expected: number,
      value: string
    ): Effect.fn.Return<Cas.Outcome<Stored>, PlatformError> {
      if (expected === 0 && (yield* versionsIn(place)).length === 0) yield* begin(place)
      const replaced = fileOf(place, expected)
      const found = yield* identity(replaced)
      if (found === undefined || (yield* versionsIn(place)).at(-1) !== expected) return conflict(yield* latest(place))

      const written = { version: expected + 1, value }
      const temporary = path.join(place, `${yield* random.uuidV4()}.tmp`)
      const linking = Effect.acquireUseRelease(
        write(temporary, value),
        () => Effect.result(link(temporary, fileOf(place, written.version))),
        () => Effect.ignore(fs.remove(temporary))
      )
      const linked = yield* linking
      if (linked._tag === "Failure") return Cas.unknown(failed(linked.failure))
      if (!linked.success) return conflict(yield* latest(place))

      return yield* Effect.gen(function*() {
        const versions = yield* versionsIn(place)
        const isFirst = versions.at(-1) === written.version || (yield* identity(replaced)) === found
        if (!isFirst) return Cas.unknown(unavailable(store, "the record was replaced many times during one swap"))
        yield* syncDirectory(place)
        yield* collect(place, versions)
        return Cas.appliedWith(written)
      }).pipe(Effect.catch((error) => Effect.succeed<Cas.Outcome<Stored>>(Cas.unknown(failed(error)))))
    })

    const service: SessionStore["Service"] = {
      get: (key) => Effect.mapError(Effect.flatMap(placeOf(key), latest), failed),
      swap: (key, expected, value) =>
        Effect.flatMap(placeOf(key), (place) => Effect.mapError(swap(place, expected, value), failed))
    }
    return service
  }).pipe(Effect.provide(SecureRandom.layerWebCrypto))
