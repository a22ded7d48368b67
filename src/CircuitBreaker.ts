/**
 * Stops sending requests to a platform that does not answer.
 *
 * **Details**
 *
 * Effect's `CircuitBreaker`, with one circuit for each app and endpoint.
 *
 * - Failures: no reply, HTTP 5xx, an error page of a gateway. Any other response is a success, errors included (a
 *   conflict, a missing permission, a 429). A request that the engine cuts at its `attemptTimeout` or deadline got no
 *   reply; a request that the caller interrupts does not count.
 * - Open: calls fail at once with a `TransportError` whose `executed` is `no` and whose `retryAfter` is the time until the
 *   next request is tried, as a probe. A `setHost` waits that long, if its policy allows.
 *
 * Setting the wall clock changes no opening: memory counts monotonic time, Redis its own. A request is sent uncounted if
 * the store fails or takes longer than a second. A circuit that opens is logged as a warning.
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
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Circuit from "effect/persistence/CircuitBreaker"
import * as Scope from "effect/Scope"
import * as Cas from "./Cas.ts"
import { CircuitBreaker } from "./internal/circuitBreaker.ts"
import { onMonotonicClock } from "./internal/monotonicClock.ts"
import { timeoutOrElse } from "./internal/timeout.ts"
import { TransportError } from "./LarkError.ts"

export { CircuitBreaker } from "./internal/circuitBreaker.ts"

/**
 * When a circuit opens and for how long: the options of Effect's `CircuitBreaker`.
 *
 * @stability unstable
 * @category models
 */
export type Options = Omit<Parameters<typeof Circuit.make>[0], "onStoreError">

const rejection = (endpoint: string, error: Circuit.CircuitBreakerError): TransportError =>
  new TransportError({
    endpoint,
    executed: "no",
    reason: "the circuit is open because earlier requests got no answer",
    // While a probe runs: about the time of a request.
    retryAfter: error.reason._tag === "CircuitOpen" ? error.reason.retryAfter : Duration.seconds(1)
  })

type Store = Circuit.CircuitBreakerStore["Service"]

const unavailable = Effect.fail(
  new Circuit.CircuitBreakerError({ reason: new Circuit.CircuitBreakerStoreError({ message: "no answer in time" }) })
)

/** The breaker makes the calls of its store uninterruptible, and measures them on the wall clock. */
const within = <A>(self: Effect.Effect<A, Circuit.CircuitBreakerError>) =>
  Effect.interruptible(
    timeoutOrElse(onMonotonicClock(self), { duration: Duration.seconds(1), orElse: () => unavailable })
  )

/** A request waits for its admission, held, for a second at most, and never for its result to be recorded. */
const bounded = (store: Store, scope: Scope.Scope): Store => ({
  admit: (key) =>
    Effect.flatMap(Effect.scope, (admission) => Cas.hold(within(Scope.provide(store.admit(key), admission)))),
  record: (options) =>
    within(store.record(options)).pipe(
      Effect.tap((transition) =>
        transition?.to === "Open" ? opened(transition.key, transition.retryAfter) : Effect.void
      ),
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.as(undefined)
    ),
  state: (key) => within(store.state(key))
})

const opened = (key: string, retryAfter: Duration.Duration) =>
  Effect.annotateLogs(Effect.logWarning("Lark circuit opened; requests are rejected"), {
    "lark.endpoint": key.slice(key.lastIndexOf(" ") + 1),
    "lark.retry_after_ms": Duration.toMillis(retryAfter)
  })

/**
 * Guards all requests, with the state of the circuits in a `CircuitBreakerStore`, such as Redis for several processes.
 *
 * @stability unstable
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<never, never, Circuit.CircuitBreakerStore> =>
  Layer.effect(
    CircuitBreaker,
    Effect.gen(function*() {
      const context = yield* Effect.context<Circuit.CircuitBreakerStore | Scope.Scope>()
      const scope = Context.get(context, Scope.Scope)
      const store = bounded(Context.get(context, Circuit.CircuitBreakerStore), scope)
      const breaker = yield* Effect.provideService(Circuit.make(options), Circuit.CircuitBreakerStore, store)

      return {
        guard: ({ app, endpoint }, send, isUp) => {
          const key = `effect-lark-meetings ${app} ${endpoint}`
          const noReply = Effect.ignore(breaker.execute(Effect.void, { key, classify: () => Circuit.failure() })).pipe(
            Effect.updateContext((_: Context.Context<never>) => context),
            Effect.forkIn(scope, { startImmediately: true })
          )
          return breaker.execute(send, { key, classify: (exit) => isUp(exit) ? Circuit.success : Circuit.failure() })
            .pipe(
              Effect.catch((error) =>
                Effect.fail(error instanceof Circuit.CircuitBreakerError ? rejection(endpoint, error) : error)
              ),
              // The breaker ignores every interruption, and an operation that is cut does not wait for it.
              Effect.onInterrupt(() => Effect.flatMap(Cas.isOverdue, (isOverdue) => isOverdue ? noReply : Effect.void))
            )
        }
      }
    })
  )

/**
 * Guards all requests, with the state of the circuits in memory.
 *
 * @stability unstable
 * @category layers
 */
export const layerMemory = (options: Options): Layer.Layer<never> =>
  Layer.provide(layer(options), Circuit.layerStoreMemory())
