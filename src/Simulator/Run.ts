import type * as Effect from "effect/Effect"
import type { Pushes } from "./Push.ts"
import type { Parts } from "./Server.ts"

/** A run of the simulator: from an initial state to a reset, or to the end. */
export interface Run extends Parts<unknown> {
  readonly pushes: Pushes
}

/** Does something in the current run, which is the one at the time when the effect runs. */
export type Act = <A, E>(
  f: (run: Run, now: number) => Effect.Effect<A, E>
) => Effect.Effect<A, E>
