/**
 * The key of the circuit breaker, apart from its module: every call asks for one, few programs load one.
 *
 * @internal
 */
import * as Context from "effect/Context"
import type * as module from "../CircuitBreaker.ts"

export const CircuitBreaker: Context.Reference<module.CircuitBreaker | undefined> = Context.Reference<
  module.CircuitBreaker | undefined
>("effect-lark-meetings/CircuitBreaker", { defaultValue: () => undefined })
