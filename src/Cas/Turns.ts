/** Turns on a key that several queues share, such as those of several processes. */
import * as Context from "effect/Context"
import type * as Schema from "effect/Schema"
import type * as Types from "effect/Types"

export const TypeId = "~effect-lark-meetings/Cas/QueueTurns"

/**
 * The turns of one queue: of `Turns`, for `makeQueue`.
 *
 * @stability unstable
 * @category models
 */
export interface QueueTurns<in K, in out A> {
  readonly [TypeId]: { readonly _K: Types.Contravariant<K>; readonly _A: Types.Invariant<A> }
}

/**
 * The turns that queues share: who may run an operation on a key, and what the last one saw. `makeTurns` makes them.
 *
 * **Details**
 *
 * - The queue stays in front: it has one ask a key at a time, and runs in one turn the operations that wait in it, for
 *   100 milliseconds. Between queues turns go in the order of the asks.
 * - A turn comes with the last value that another queue saw. It is proof for an operation if the request that showed it
 *   left after the ask. Else it is a hint.
 * - A `latest` call ends the operations that were called before it and wait, in all queues. One that is called elsewhere
 *   while word of it is on its way, about a round trip, may be ended as well.
 * - Turns save requests. They are not needed for safety, which is the register's: without an answer an operation runs
 *   without a turn.
 *
 * @stability unstable
 * @category models
 */
export interface Turns {
  /** For `makeQueue`, with how values are written down. */
  readonly guard: <A>(value: Schema.Codec<A, unknown>) => QueueTurns<string, A>
}

/**
 * The turns that `Meetings` shares with other clients. None by default: then each client has an order of its own.
 *
 * @stability unstable
 * @category services
 */
export const Turns: Context.Reference<Turns | undefined> = Context.Reference<Turns | undefined>(
  "effect-lark-meetings/Cas/Turns",
  { defaultValue: () => undefined }
)
