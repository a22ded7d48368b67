import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Option, PlatformError } from "effect"
import { SessionStore } from "effect-lark-meetings"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { build, expectApplied, failsWith, temporaryDirectory } from "./fixtures/sessionStores.ts"

/** A store with one record at version 1, on changed parts of the file system. */
const make = (change: (files: FileSystem.FileSystem) => Partial<FileSystem.FileSystem> = () => ({})) =>
  Effect.gen(function*() {
    const directory = yield* temporaryDirectory
    const files = yield* FileSystem.FileSystem
    const store = yield* build(SessionStore.layerFileSystem({ directory })).pipe(
      Effect.provideService(FileSystem.FileSystem, FileSystem.FileSystem.of({ ...files, ...change(files) }))
    )
    const first = yield* store.swap("key", 0, "value")
    const record = `${directory}/${fs.readdirSync(directory)[0]}`
    return { store, record, first, files: () => fs.readdirSync(record).sort() }
  })

const on = Effect.provide(NodeServices.layer)

describe("an entry that is no version of the record", () => {
  const foreign: ReadonlyArray<readonly [what: string, make: (path: string) => void]> = [
    ["a link to nothing", (path) => fs.symlinkSync("/nowhere", path)],
    ["a link to itself", (path) => fs.symlinkSync(path, path)],
    ["a link to a device", (path) => fs.symlinkSync("/dev/zero", path)],
    ["a pipe", (path) => execFileSync("mkfifo", [path])],
    ["a directory", (path) => fs.mkdirSync(path)],
    ["a file of 600 MB", (path) => {
      fs.writeFileSync(path, "")
      // Takes no space on the disk.
      fs.truncateSync(path, 600_000_000)
    }]
  ]

  for (const name of ["0", "1", "2", "4503599627370496"]) {
    it.effect.each(foreign)(
      `in the place of version ${name}, as %s, ends in a typed error`,
      ([, put]) =>
        Effect.gen(function*() {
          const { record, store } = yield* make()
          if (name === "0") fs.rmSync(`${record}/1`)
          fs.rmSync(`${record}/${name}`, { force: true })
          put(`${record}/${name}`)
          const errors = [
            yield* Effect.flip(store.get("key")),
            yield* Effect.flip(store.swap("key", 0, "other")),
            yield* Effect.flip(store.swap("key", Number(name), "other"))
          ]
          for (const error of errors) {
            assert.strictEqual(error._tag, "SessionStoreError")
            assert.match(error.message, /not a record of this library|file system/)
          }
          assert.deepStrictEqual(fs.readdirSync(record).filter((file) => file.endsWith(".tmp")), [])
        }).pipe(on)
    )
  }

  it.effect("with a name that the store does not write is ignored", () =>
    Effect.gen(function*() {
      const { record, store } = yield* make()
      for (
        const name of ["007", "02", "99999999999999999999", "9007199254740992", "1e3", "-1", "2.5", "Infinity", "2 "]
      ) {
        fs.writeFileSync(`${record}/${name}`, "foreign")
      }
      fs.symlinkSync("/nowhere", `${record}/003`)
      assert.deepStrictEqual(yield* store.get("key"), Option.some({ version: 1, value: "value" }))
      expectApplied(yield* store.swap("key", 1, "next"), { version: 2, value: "next" })
    }).pipe(on))

  it.effect("with the last version that can be counted has no successor", () =>
    Effect.gen(function*() {
      const { record, store } = yield* make()
      fs.writeFileSync(`${record}/${Number.MAX_SAFE_INTEGER}`, "last")
      failsWith(yield* Effect.flip(store.swap("key", Number.MAX_SAFE_INTEGER, "next")), "unreadable", /not a record/)
      assert.strictEqual((yield* store.swap("key", 1, "next"))._tag, "Conflict")
    }).pipe(on))
})

describe("a file system", () => {
  const inodes: ReadonlyArray<readonly [how: string, ino: Option.Option<bigint>]> = [
    ["without inode numbers", Option.none()],
    ["with one inode number for all files", Option.some(0n)],
    ["with clamped inode numbers", Option.some(0x7fff_ffff_ffff_ffffn)]
  ]

  it.effect.each(inodes)("%s has one winner among swaps of one version", ([, ino]) =>
    Effect.gen(function*() {
      const { store } = yield* make((files) => ({
        stat: (path) => Effect.map(files.stat(path), (info) => ({ ...info, ino, mtime: Option.some(new Date(0)) }))
      }))
      for (let version = 1; version < 30; version++) {
        const values = version % 2 === 0 ? ["same", "same", "same"] : ["a", "b", "c"]
        const swaps = values.map((value) => store.swap("key", version, value))
        const tags = (yield* Effect.all(swaps, { concurrency: "unbounded" })).map(({ _tag }) => _tag)
        assert.deepStrictEqual(tags.sort(), ["Applied", "Conflict", "Conflict"])
      }
    }).pipe(on))

  const error = (_tag: PlatformError.SystemErrorTag) =>
    Effect.fail(
      PlatformError.systemError({ _tag, module: "FileSystem", method: "test", description: "the disk is full" })
    )

  it.effect("without link counts leaves a lost reply in doubt, unless the name holds another value", () =>
    Effect.gen(function*() {
      let other: string | undefined
      const { store } = yield* make((files) => ({
        open: (path, options) =>
          Effect.map(files.open(path, options), (open) =>
            new Proxy(open, {
              get: (file, property) =>
                property === "stat"
                  ? Effect.map(file.stat, (info) => ({ ...info, nlink: Option.none() }))
                  : Reflect.get(file, property)
            })),
        link: (from, to) =>
          Effect.andThen(
            other === undefined ? files.link(from, to) : Effect.sync(() => fs.writeFileSync(to, other ?? "")),
            to.endsWith("/1") ? Effect.void : error("AlreadyExists")
          )
      }))
      assert.strictEqual((yield* store.swap("key", 1, "value"))._tag, "Unknown")
      other = "other"
      assert.strictEqual((yield* store.swap("key", 2, "value"))._tag, "Conflict")
    }).pipe(on))

  it.effect.each(["writeAll", "sync"] as const)(
    "that is full at %s keeps no file of the failed swap",
    (method) =>
      Effect.gen(function*() {
        let isFull = false
        const { files, store } = yield* make((real) => ({
          open: (path, options) =>
            Effect.map(real.open(path, options), (open) =>
              new Proxy(open, {
                get: (file, property) => {
                  const value: unknown = Reflect.get(file, property)
                  if (!isFull || property !== method) return value
                  return method === "sync" ? error("WriteZero") : () => error("WriteZero")
                }
              }))
        }))
        isFull = true
        failsWith(yield* Effect.flip(store.swap("key", 1, "next")), "unavailable", /the disk is full/)
        assert.deepStrictEqual(files(), ["0", "1"])
        isFull = false
        expectApplied(yield* store.swap("key", 1, "next"), { version: 2, value: "next" })
      }).pipe(on)
  )
})
