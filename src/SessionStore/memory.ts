/**
 * Records in a `Map`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Cas from "../Cas.ts"
import { type Backend, conflict, type Stored } from "./backend.ts"

export const make = (): Backend => {
  const records = new Map<string, Stored>()
  return {
    get: (key) => Effect.sync(() => Option.fromUndefinedOr(records.get(key))),
    swap: (key, expected, value) =>
      Effect.sync(() => {
        const stored = records.get(key)
        if ((stored?.version ?? 0) !== expected) return conflict(Option.fromUndefinedOr(stored))
        const written = { version: expected + 1, value }
        records.set(key, written)
        return Cas.appliedWith(written)
      })
  }
}
