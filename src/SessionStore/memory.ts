/**
 * Records in a `Map`.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Cas from "../Cas.ts"
import { conflict } from "./outcomes.ts"
import type { SessionStore, Stored } from "./service.ts"

export const make = (): SessionStore["Service"] => {
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
