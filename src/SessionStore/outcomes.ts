/**
 * What all stores answer alike.
 *
 * @internal
 */
import * as Option from "effect/Option"
import * as Cas from "../Cas.ts"
import { SessionStoreError } from "../LarkError.ts"
import type { Stored } from "./service.ts"

export const conflict = (stored: Option.Option<Stored>): Cas.Outcome<Stored> =>
  Option.match(stored, { onNone: () => Cas.conflictWithoutState, onSome: Cas.conflict })

/** The detail is never what a driver says, which may quote an address with a password in it. */
export const unavailable = (store: string, detail: string): SessionStoreError =>
  new SessionStoreError({ endpoint: store, reason: "unavailable", detail })

export const unreadable = (store: string): SessionStoreError =>
  new SessionStoreError({
    endpoint: store,
    reason: "unreadable",
    detail: "it holds something that is not a record of this library"
  })
