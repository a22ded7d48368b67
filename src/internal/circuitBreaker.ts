/** The service, apart from the module that builds it, so that programs without a circuit breaker do not load that. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { TransportError } from "../LarkError.ts"

/**
 * Guards requests with circuits.
 *
 * @stability unstable
 * @category models
 */
export interface CircuitBreaker {
  /**
   * Sends a request, or fails with `TransportError` if the circuit of the app and endpoint is open. `isUp` says whether the
   * platform answered.
   */
  readonly guard: <A, E>(
    request: { readonly app: string; readonly endpoint: string },
    send: Effect.Effect<A, E>,
    isUp: (exit: Exit.Exit<A, E>) => boolean
  ) => Effect.Effect<A, E | TransportError>
}

/**
 * The circuit breaker of requests; `undefined` without a layer of this module.
 *
 * @stability unstable
 * @category services
 */
export const CircuitBreaker = Context.Reference<CircuitBreaker | undefined>("effect-lark-meetings/CircuitBreaker", {
  defaultValue: () => undefined
})
