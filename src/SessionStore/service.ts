/**
 * The port that every backend implements.
 *
 * @internal
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Cas from "../Cas.ts"
import type { SessionStoreError } from "../LarkError.ts"

/**
 * What a store holds under a key. Versions count from 1.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stored {
  readonly version: number
  readonly value: string
}

/**
 * A store of versioned records.
 *
 * **Details**
 *
 * - `get`: what is stored under the key, if anything.
 * - `swap`: writes the value as version `expected + 1`, if the version in place is `expected`; 0 means that nothing is
 *   there. The outcome is `Applied` (the write is certain), `Conflict` (nothing was written, and it shows what is there) or
 *   `Unknown` (the reply of the store was lost).
 *
 * Both fail with `SessionStoreError`, `swap` only if nothing was written: `unavailable` when the store cannot be reached
 * or refuses, `unreadable` when it holds what this library did not write. Any text is a key.
 *
 * @since 0.1.0
 * @category services
 */
export class SessionStore extends Context.Service<SessionStore, {
  readonly get: (key: string) => Effect.Effect<Option.Option<Stored>, SessionStoreError>
  readonly swap: (
    key: string,
    expected: number,
    value: string
  ) => Effect.Effect<Cas.Outcome<Stored>, SessionStoreError>
  // @effect-diagnostics-next-line deterministicKeys:off -- named after the public module
}>()("effect-lark-meetings/SessionStore") {}
