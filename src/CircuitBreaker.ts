/**
 * Stops sending requests to a platform that does not answer.
 *
 * **Details**
 *
 * There is one circuit for each app and endpoint.
 *
 * - Failures: no reply, HTTP 5xx, an error page of a gateway. Any other response is a success, errors included (a
 *   conflict, a missing permission, a 429). A request that the engine cuts at its `attemptTimeout` or deadline got no
 *   reply; a request that the caller interrupts does not count.
 * - Open: calls fail at once with a `TransportError` whose `executed` is `no` and whose `retryAfter` is the time until the
 *   next request is tried. A `setHost` waits that long, if its policy allows.
 * - The next request after that is a probe: it closes the circuit or opens it again.
 *
 * It is built on Effect's `CircuitBreaker`: state in memory, or in Redis for several processes. Setting the wall clock
 * changes no opening: memory counts monotonic time, Redis its own. Without this layer every
 * request is sent. A circuit that opens is logged as a warning.
 *
 * **Example** (A platform that is down)
 *
 * ```ts
 * import { Effect, Layer, References } from "effect"
 * import { CircuitBreaker as Circuit } from "effect/persistence"
 * import { CircuitBreaker, Lark, Meetings, MeetingId } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const program = Effect.gen(function*() {
 *   const simulator = yield* Simulator.Simulator
 *   yield* simulator.addFaults([0, 1].map((nth) => ({ endpoint: "get", nth, fault: { _tag: "DropBefore" } })))
 *   const errors = yield* Effect.replicateEffect(Effect.flip(Meetings.get(id)), 3)
 *   const sent = (yield* simulator.requests).filter((request) => request.endpoint === "get").length
 *   return `${errors.map((error) => error._tag === "TransportError" && error.executed).join(", ")}; ${sent} sent`
 * })
 * const breaker = CircuitBreaker.layerMemory({ tripPolicy: Circuit.consecutive(2), openDuration: "10 seconds" })
 * const result = await Effect.runPromise(program.pipe(
 *   Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), breaker)),
 *   Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }] })),
 *   Effect.provideService(References.MinimumLogLevel, "Error") // hides the warning
 * ))
 * console.log(result) // => unknown, unknown, no; 2 sent
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Circuit from "effect/persistence/CircuitBreaker"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Cas from "./Cas.ts"
import { CircuitBreaker } from "./internal/circuitBreaker.ts"
import { onMonotonicClock } from "./internal/monotonicClock.ts"
import { circuitOpened } from "./internal/telemetry.ts"
import { TransportError } from "./LarkError.ts"

export { CircuitBreaker } from "./internal/circuitBreaker.ts"

/**
 * When a circuit opens and for how long: the options of Effect's `CircuitBreaker`. If the store fails, requests are sent.
 *
 * @since 0.1.0
 * @category models
 */
export type Options = Omit<Parameters<typeof Circuit.make>[0], "onStoreError">

/** What rejections ask to wait while a probe runs: about the time of a request. */
const probeTime = Duration.seconds(1)

const rejection = (endpoint: string, error: Circuit.CircuitBreakerError): TransportError =>
  new TransportError({
    endpoint,
    executed: "no",
    reason: "the circuit is open because earlier requests got no answer",
    retryAfter: error.reason._tag === "CircuitOpen" ? error.reason.retryAfter : probeTime
  })

const logOpenings = (breaker: Circuit.CircuitBreaker) =>
  breaker.transitions.pipe(
    Stream.runForEach((transition) =>
      transition.to === "Open"
        ? circuitOpened(transition.key.slice(transition.key.lastIndexOf(" ") + 1), transition.retryAfter)
        : Effect.void
    ),
    Effect.forkScoped({ startImmediately: true })
  )

/** A store whose openings do not change with the wall clock. */
const monotonic = (store: Circuit.CircuitBreakerStore["Service"]): Circuit.CircuitBreakerStore["Service"] => ({
  admit: (key) => onMonotonicClock(store.admit(key)),
  record: (options) => onMonotonicClock(store.record(options)),
  state: (key) => onMonotonicClock(store.state(key))
})

/**
 * Builds the service. The `CircuitBreakerStore` holds the state of the circuits.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<CircuitBreaker, never, Circuit.CircuitBreakerStore | Scope.Scope> =>
  Effect.gen(function*() {
    const store = yield* Circuit.CircuitBreakerStore
    const scope = yield* Effect.scope
    const breaker = yield* Effect.provideService(Circuit.make(options), Circuit.CircuitBreakerStore, monotonic(store))
    yield* logOpenings(breaker)

    return {
      guard: <A, E>(
        request: { readonly app: string; readonly endpoint: string },
        send: Effect.Effect<A, E>,
        isUp: (exit: Exit.Exit<A, E>) => boolean
      ) => {
        const key = `effect-lark-meetings ${request.app} ${request.endpoint}`
        const noReply = Effect.ignore(breaker.execute(Effect.void, { key, classify: () => Circuit.failure() }))
        return send.pipe(
          breaker.execute<A, E>({ key, classify: (exit) => isUp(exit) ? Circuit.success : Circuit.failure() }),
          Effect.catch((error) =>
            Effect.fail(error instanceof Circuit.CircuitBreakerError ? rejection(request.endpoint, error) : error)
          ),
          // The breaker ignores every interruption. It is told in a fiber of its own: no store holds up the operation.
          Effect.onInterrupt(() =>
            Effect.flatMap(
              Cas.isOverdue,
              (isOverdue) => isOverdue ? Effect.forkIn(noReply, scope, { startImmediately: true }) : Effect.void
            )
          )
        )
      }
    }
  })

/**
 * Guards all requests, with the state of the circuits in a `CircuitBreakerStore`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<never, never, Circuit.CircuitBreakerStore> =>
  Layer.effect(CircuitBreaker, make(options))

/**
 * Guards all requests, with the state of the circuits in memory.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory = (options: Options): Layer.Layer<never> =>
  Layer.provide(layer(options), Circuit.layerStoreMemory())
