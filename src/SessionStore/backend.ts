/** The interface of the backends, and what they share: names, encoding and results. */
import * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Cas from "../Cas.ts"
import { encode } from "../internal/text.ts"
import { SessionStoreError } from "../LarkError.ts"

/**
 * A stored record: its value, and its version, counted from 1.
 *
 * @stability stable
 * @category models
 */
export interface Stored {
  readonly version: number
  readonly value: string
}

/**
 * The operations of a store. A key is any text.
 *
 * **Details**
 *
 * - `get`: returns the record of the key, if there is one.
 * - `swap`: writes the value as version `expected + 1` if the stored version is `expected`; 0 means that there is no record.
 *   The outcome is `Applied` (written), `Conflict` (not written; with the stored record) or `Unknown` (the reply of the
 *   backend was lost).
 *
 * - `remove`, which a store need not have: deletes the record if the stored version is this one. The next record of the key
 *   begins at version 1 again.
 *
 * All fail with `SessionStoreError`, `swap` only if nothing was written: `unavailable` if the backend cannot be reached
 * or refuses, `unreadable` if it holds data that this library did not write.
 *
 * @stability stable
 * @category models
 */
export interface Backend {
  readonly get: (key: string) => Effect.Effect<Option.Option<Stored>, SessionStoreError>
  readonly swap: (
    key: string,
    expected: number,
    value: string
  ) => Effect.Effect<Cas.Outcome<Stored>, SessionStoreError>
  readonly remove?: (key: string, version: number) => Effect.Effect<void, SessionStoreError>
}

/** Whether a number is the version of a record, and has a successor. */
export const isVersion = (version: number, largest = Number.MAX_SAFE_INTEGER): boolean =>
  Number.isInteger(version) && version >= 1 && version < largest

/** The name of a record: the SHA-256 of its key in hexadecimal. Valid in every backend, and without a user id. */
export const recordName: Effect.Effect<(key: string) => Effect.Effect<string>> = Digest.Digest.pipe(
  Effect.map((digest) => (key: string) => digest.digestHex(Digest.sha256, encode(key))),
  Effect.provide(Digest.layerWebCrypto)
)

export const conflict = (stored: Option.Option<Stored>): Cas.Outcome<Stored> =>
  Option.match(stored, { onNone: () => Cas.conflictWithoutState, onSome: Cas.conflict })

/** `detail` never quotes a driver, whose messages may contain an address with a password. */
export const unavailable = (store: string, detail: string): SessionStoreError =>
  new SessionStoreError({ endpoint: store, reason: "unavailable", detail })

export const unreadable = (store: string): SessionStoreError =>
  new SessionStoreError({
    endpoint: store,
    reason: "unreadable",
    detail: "it holds something that is not a record of this library"
  })
