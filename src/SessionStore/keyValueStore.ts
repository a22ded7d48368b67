/** Records in a `KeyValueStore`: a lock makes `get` and `set` one atomic step among the fibers of a process. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Semaphore from "effect/Semaphore"
import * as Cas from "../Cas.ts"
import { type Backend, conflict, isVersion, recordName, type Stored, unavailable, unreadable } from "./backend.ts"

const store = "KeyValueStore"

const parse = (text: string): Stored | undefined => {
  const [, version, value] = /^(\d+)\n([^]*)$/.exec(text) ?? []
  return value !== undefined && isVersion(Number(version)) ? { version: Number(version), value } : undefined
}

export const make: Effect.Effect<Backend, never, KeyValueStore.KeyValueStore> = Effect.gen(function*() {
  const values = yield* KeyValueStore.KeyValueStore
  const nameOf = yield* recordName
  const lock = yield* Semaphore.make(1)

  const failed = (error: KeyValueStore.KeyValueStoreError) => unavailable(store, `${error.method} failed`)

  const read = Effect.fnUntraced(function*(name: string) {
    const text = yield* Effect.mapError(values.get(name), failed)
    if (text === undefined) return Option.none<Stored>()
    const stored = parse(text)
    return stored === undefined ? yield* Effect.fail(unreadable(store)) : Option.some(stored)
  })

  return {
    // Reads lock too: a store of files does not write in one step.
    get: (key) => Effect.flatMap(nameOf(key), (name) => lock.withPermit(read(name))),
    swap: (key, expected, value) =>
      Effect.gen(function*() {
        const name = yield* nameOf(key)
        const stored = yield* read(name)
        if ((Option.getOrUndefined(stored)?.version ?? 0) !== expected) return conflict(stored)
        const written = { version: expected + 1, value }
        // The value may have been written in spite of the error.
        return yield* Effect.match(values.set(name, `${written.version}\n${value}`), {
          onFailure: (error): Cas.Outcome<Stored> => Cas.unknown(failed(error)),
          onSuccess: () => Cas.appliedWith(written)
        })
      }).pipe(lock.withPermit),
    remove: (key, version) =>
      Effect.gen(function*() {
        const name = yield* nameOf(key)
        const stored = Option.getOrUndefined(yield* read(name))
        if (stored?.version === version) yield* Effect.mapError(values.remove(name), failed)
      }).pipe(lock.withPermit)
  }
})
