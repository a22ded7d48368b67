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
        const directory = `${yield* temporaryDirectory}/a/b`
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
        yield* TestClock.setTime(Date.now())
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
        yield* TestClock.setTime(Date.now())
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

  /** A client that is suspended before its first `link`. */
  const suspendedClient = (directory: string, meanwhile: Effect.Effect<unknown, unknown>) =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      let isSuspended = true
      const suspended = FileSystem.FileSystem.of({
        ...files,
        link: (from, to) =>
          Effect.suspend(() => {
            if (!isSuspended) return files.link(from, to)
            isSuspended = false
            return Effect.andThen(Effect.orDie(meanwhile), files.link(from, to))
          })
      })
      return yield* build(SessionStore.layerFileSystem({ directory })).pipe(
        Effect.provideService(FileSystem.FileSystem, suspended)
      )
    }).pipe(Effect.provide(NodeServices.layer))

  test(
    "does not apply a swap that was suspended until its version was deleted",
    (directory, connect) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.now())
        const store = yield* connect
        yield* write(store, 0, 3)
        const suspended = yield* suspendedClient(
          directory,
          Effect.gen(function*() {
            yield* write(store, 3, 6)
            yield* Effect.forEach(files(directory), (file) => age(`${recordIn(directory)}/${file}`, 2))
            yield* write(store, 6, 7)
            assert.deepStrictEqual(files(directory).filter((file) => !file.endsWith(".tmp")), ["6", "7"])
          })
        )
        const outcome = yield* suspended.swap("key", 3, "late")
        assert.strictEqual(outcome._tag, "Unknown")
        assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 7, value: "7" }))
        yield* write(store, 7, 8)
        assert.deepStrictEqual(yield* suspended.get("key"), Option.some({ version: 8, value: "8" }))
      })
  )

  test(
    "does not apply a suspended swap whose version another suspended process linked again",
    (directory, connect) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.now())
        const store = yield* connect
        yield* write(store, 0, 3)
        const suspended = yield* suspendedClient(
          directory,
          Effect.gen(function*() {
            yield* write(store, 3, 6)
            yield* Effect.forEach(files(directory), (file) => age(`${recordIn(directory)}/${file}`, 2))
            yield* write(store, 6, 7)
            fs.writeFileSync(`${recordIn(directory)}/3`, "late")
          })
        )
        assert.strictEqual((yield* suspended.swap("key", 3, "later"))._tag, "Unknown")
        assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 7, value: "7" }))
      })
  )

  test("applies a swap whose version was replaced at once", (directory, connect) =>
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
    "returns the latest version to a reader that was suspended until its version was deleted",
    (directory, connect) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(Date.now())
        const store = yield* connect
        yield* write(store, 0, 2)
        const real = yield* FileSystem.FileSystem
        let isSuspended = true
        const meanwhile = Effect.gen(function*() {
          isSuspended = false
          yield* write(store, 2, 4)
          yield* Effect.forEach(files(directory), (file) => age(`${recordIn(directory)}/${file}`, 2))
          yield* write(store, 4, 5)
        })
        const suspended = yield* build(SessionStore.layerFileSystem({ directory })).pipe(
          Effect.provideService(
            FileSystem.FileSystem,
            FileSystem.FileSystem.of({
              ...real,
              readFile: (path) =>
                Effect.andThen(
                  Effect.suspend(() => isSuspended ? Effect.orDie(meanwhile) : Effect.void),
                  real.readFile(path)
                )
            })
          )
        )
        assert.deepStrictEqual(yield* suspended.get("key"), Option.some({ version: 5, value: "5" }))
        assert.isFalse(isSuspended)
      }).pipe(Effect.provide(NodeServices.layer))
  )

  const error = (_tag: PlatformError.SystemErrorTag) =>
    Effect.fail(PlatformError.systemError({ _tag, module: "FileSystem", method: "link" }))

  test("reads the directory to settle a link whose reply is lost", (directory, connect) =>
    Effect.gen(function*() {
      const real = yield* FileSystem.FileSystem
      const settle = (link: FileSystem.FileSystem["link"], version: number) =>
        Effect.gen(function*() {
          const store = yield* build(SessionStore.layerFileSystem({ directory })).pipe(
            Effect.provideService(FileSystem.FileSystem, FileSystem.FileSystem.of({ ...real, link }))
          )
          return (yield* store.swap("key", version, "value"))._tag
        })
      // As a network file system replies after repeating its own request.
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

  it.effect("names a directory that cannot be created or read", () =>
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
