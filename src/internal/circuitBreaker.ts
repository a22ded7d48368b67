/**
 * The circuit breaker that calls ask for, apart from the module that makes one: few programs load it.
 *
 * @internal
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { TransportError } from "../LarkError.ts"

/**
 * How requests are guarded.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitBreaker {
  /** Sends a request, unless the circuit of the app and endpoint is open. */
  readonly guard: <A, E>(
    request: { readonly app: string; readonly endpoint: string },
    send: Effect.Effect<A, E>,
    isUp: (exit: Exit.Exit<A, E>) => boolean
  ) => Effect.Effect<A, E | TransportError>
}

/**
 * The circuit breaker in force: none, unless a layer of this module is provided.
 *
 * @since 0.1.0
 * @category services
 */
export const CircuitBreaker: Context.Reference<CircuitBreaker | undefined> = Context.Reference<
  CircuitBreaker | undefined
>("effect-lark-meetings/CircuitBreaker", { defaultValue: () => undefined })
