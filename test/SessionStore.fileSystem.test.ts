import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Option, PlatformError, type Scope } from "effect"
import { SessionStore } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import {
  build,
  expectApplied,
  failsWith,
  type Files,
  type Store,
  temporaryDirectory
} from "./fixtures/sessionStores.ts"

describe("the file system store", () => {
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
        const temporary = yield* temporaryDirectory
        const directory = `${temporary}/a/b`
        // The clock of the store is that of the files.
        yield* TestClock.setTime(fs.statSync(temporary).mtimeMs)
        const layer = SessionStore.layerFileSystem({ directory })
        yield* run(directory, build(layer).pipe(Effect.provideContext(services), Effect.orDie))
      }).pipe(Effect.provide(NodeServices.layer)))

  const recordIn = (directory: string) => `${directory}/${fs.readdirSync(directory)[0]}`
  const files = (directory: string) => fs.readdirSync(recordIn(directory)).sort()
  const mode = (path: string) => (fs.statSync(path).mode & 0o777).toString(8)

  /** Sets the time of a file to some hours before the time of the test clock. */
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

  test("creates directories and files for the owner only", (directory, connect) =>
    Effect.gen(function*() {
      yield* Effect.flatMap(connect, (store) => write(store, 0, 2))
      assert.deepStrictEqual([mode(directory), mode(recordIn(directory))], ["700", "700"])
      assert.deepStrictEqual(files(directory), ["0", "1", "2"])
      for (const file of files(directory)) assert.strictEqual(mode(`${recordIn(directory)}/${file}`), "600")
    }))

  test(
    "deletes versions that were replaced more than an hour ago, in ascending order, never the latest",
    (directory, connect) =>
      Effect.gen(function*() {
        const store = yield* connect
        yield* write(store, 0, 4)
        assert.deepStrictEqual(files(directory), ["0", "1", "2", "3", "4"])
        // 2 was replaced by 3 half an hour ago.
        yield* Effect.forEach(["0", "1", "2", "4"], (file) => age(`${recordIn(directory)}/${file}`, 2))
        yield* age(`${recordIn(directory)}/3`, 0.5)
        yield* write(store, 4, 5)
        assert.deepStrictEqual(files(directory), ["2", "3", "4", "5"])
        yield* Effect.forEach(files(directory), (file) => age(`${recordIn(directory)}/${file}`, 2))
        yield* write(store, 5, 6)
        assert.deepStrictEqual(files(directory), ["5", "6"])
        assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 6, value: "6" }))
      })
  )

  test(
    "deletes temporary files of crashed processes after an hour",
    (directory, connect) =>
      Effect.gen(function*() {
        const store = yield* connect
        yield* write(store, 0, 1)
        fs.writeFileSync(`${recordIn(directory)}/old.tmp`, "half")
        fs.writeFileSync(`${recordIn(directory)}/new.tmp`, "half")
        yield* age(`${recordIn(directory)}/old.tmp`, 2)
        yield* write(store, 1, 2)
        assert.deepStrictEqual(files(directory), ["0", "1", "2", "new.tmp"])
        assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 2, value: "2" }))
      })
  )

  /** The store on a file system with other operations. */
  const connectWith = (directory: string, change: (files: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>) =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      return yield* build(SessionStore.layerFileSystem({ directory })).pipe(
        Effect.provideService(FileSystem.FileSystem, FileSystem.FileSystem.of({ ...files, ...change(files) }))
      )
    }).pipe(Effect.provide(NodeServices.layer))

  /** A process that is suspended while it reads or links a file for the first time, until `meanwhile` has ended. */
  const suspended = (directory: string, during: "readFile" | "link", meanwhile: Effect.Effect<unknown, unknown>) => {
    let isFirst = true
    const waiting = Effect.suspend(() => {
      if (!isFirst) return Effect.void
      isFirst = false
      return Effect.orDie(meanwhile)
    })
    return connectWith(directory, (files) =>
      during === "link"
        ? { link: (from, to) => Effect.andThen(waiting, files.link(from, to)) }
        : { readFile: (path) => Effect.andThen(waiting, files.readFile(path)) })
  }

  /** Replaces all versions up to `to`, and the one before long ago, so that they are deleted. */
  const writeAndDelete = (store: Store, directory: string, from: number, to: number) =>
    Effect.gen(function*() {
      yield* write(store, from, to - 1)
      yield* Effect.forEach(files(directory), (file) => age(`${recordIn(directory)}/${file}`, 2))
      yield* write(store, to - 1, to)
      assert.deepStrictEqual(files(directory).filter((file) => !file.endsWith(".tmp")), [`${to - 1}`, `${to}`])
    })

  test(
    "does not apply a swap that was suspended until its version was deleted",
    (directory, connect) =>
      Effect.gen(function*() {
        const store = yield* connect
        yield* write(store, 0, 3)
        const late = yield* suspended(directory, "link", writeAndDelete(store, directory, 3, 7))
        assert.strictEqual((yield* late.swap("key", 3, "late"))._tag, "Unknown")
        assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 7, value: "7" }))
        yield* write(store, 7, 8)
        assert.deepStrictEqual(yield* late.get("key"), Option.some({ version: 8, value: "8" }))
      })
  )

  test(
    "does not apply a suspended swap whose version another suspended process linked again",
    (directory, connect) =>
      Effect.gen(function*() {
        const store = yield* connect
        yield* write(store, 0, 3)
        const linked = Effect.sync(() => fs.writeFileSync(`${recordIn(directory)}/3`, "late"))
        const meanwhile = Effect.andThen(writeAndDelete(store, directory, 3, 7), linked)
        const later = yield* suspended(directory, "link", meanwhile)
        assert.strictEqual((yield* later.swap("key", 3, "later"))._tag, "Unknown")
        assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 7, value: "7" }))
      })
  )

  test("applies a swap whose version was replaced at once", (directory, connect) =>
    Effect.gen(function*() {
      const store = yield* connect
      yield* write(store, 0, 1)
      const overtaken = yield* connectWith(directory, (files) => ({
        link: (from, to) => Effect.andThen(files.link(from, to), Effect.orDie(write(store, 2, 4)))
      }))
      expectApplied(yield* overtaken.swap("key", 1, "2"), { version: 2, value: "2" })
      assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 4, value: "4" }))
    }))

  test(
    "returns the latest version to a reader that was suspended until its version was deleted",
    (directory, connect) =>
      Effect.gen(function*() {
        const store = yield* connect
        yield* write(store, 0, 2)
        const reader = yield* suspended(directory, "readFile", writeAndDelete(store, directory, 2, 5))
        assert.deepStrictEqual(yield* reader.get("key"), Option.some({ version: 5, value: "5" }))
      })
  )

  const error = (_tag: PlatformError.SystemErrorTag) =>
    Effect.fail(PlatformError.systemError({ _tag, module: "FileSystem", method: "link" }))

  test("reads the directory to settle a link whose reply is lost", (directory, connect) =>
    Effect.gen(function*() {
      const settle = (version: number, link: (files: FileSystem.FileSystem) => FileSystem.FileSystem["link"]) =>
        Effect.gen(function*() {
          const store = yield* connectWith(directory, (files) => ({ link: link(files) }))
          return (yield* store.swap("key", version, "value"))._tag
        })
      const thenFails =
        (tag: PlatformError.SystemErrorTag) => (files: FileSystem.FileSystem) => (from: string, to: string) =>
          Effect.andThen(files.link(from, to), error(tag))
      // As a network file system replies after repeating its own request.
      assert.strictEqual(yield* settle(0, thenFails("AlreadyExists")), "Applied")
      assert.strictEqual(yield* settle(1, thenFails("Unknown")), "Applied")
      assert.strictEqual(yield* settle(2, () => () => error("Unknown")), "Unknown")
      const writtenByAnother = (_: string, to: string) =>
        Effect.andThen(Effect.sync(() => fs.writeFileSync(to, "x")), error("AlreadyExists"))
      assert.strictEqual(yield* settle(2, () => writtenByAnother), "Conflict")
      assert.strictEqual(
        (yield* Effect.flatMap(connect, (store) => store.get("key"))).pipe(Option.getOrThrow).version,
        3
      )
    }))

  it.effect("names a directory that cannot be created or read", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      fs.writeFileSync(`${directory}/file`, "")
      const inFile = SessionStore.layerFileSystem({ directory: `${directory}/file/x` })
      failsWith(yield* Effect.flip(build(inFile)), "unavailable", /file.*No call was sent/)

      const store = yield* build(SessionStore.layerFileSystem({ directory }))
      yield* store.swap("key", 0, "value")
      const record = fs.readdirSync(directory).find((name) => name !== "file")
      fs.rmSync(`${directory}/${record}`, { recursive: true })
      fs.writeFileSync(`${directory}/${record}`, "")
      failsWith(yield* Effect.flip(store.get("key")), "unavailable", /readDirectory/)
      failsWith(yield* Effect.flip(store.swap("key", 1, "value")), "unavailable", /readDirectory|stat/)
    }).pipe(Effect.provide(NodeServices.layer)))
})
