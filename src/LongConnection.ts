/**
 * Receives events through a connection that this side opens: no public address, no webhook, no secrets of a webhook.
 *
 * **Details**
 *
 * Provides `Events`. Connects when the first consumer starts, and stays connected until the layer ends.
 *
 * - A ping is sent as often as the platform asks for. A connection is lost if nothing is heard for a third of that time after a
 *   ping, and for ten seconds at least.
 * - A lost connection is the normal case: the platform ends them, too. The first attempt to connect again comes at a random
 *   time within `ReconnectNonce`, further ones after each `ReconnectInterval`, as the platform sets them, and a second later
 *   at least. A connection that ends before it has answered a ping is one that did not come about.
 * - While there are too many connections (50 an app; dead ones are counted for a while), an attempt is made each half
 *   to whole minute.
 * - If the platform refuses the app for good, consumers fail with `Events.Refused`; with `Events.Closed` after the layer ended.
 * - An event is acknowledged within the three seconds that the platform waits, or refused: it comes again then.
 *
 * `state` is the state of the connection now, `changes` a stream of its states.
 *
 * Source: the official SDKs of Feishu.
 *
 * **Gotchas**
 *
 * - For custom apps. Choose "Receive events through persistent connection" in the developer console, while connected.
 * - Of several processes each gets a random part of the events.
 * - The address of a connection contains secrets. This module shows it to nobody; the option of an HTTP or WebSocket client to
 *   log URLs does.
 *
 * **Example** (The states of a connection)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Events, Lark, LongConnection } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const program = Effect.gen(function*() {
 *   yield* Effect.forkChild(Events.handle((event) => Effect.log(event.type)))
 *   return yield* LongConnection.changes.pipe(
 *     Stream.map(({ _tag }) => _tag),
 *     Stream.takeUntil((tag) => tag === "Connected"),
 *     Stream.runCollect
 *   )
 * })
 * const states = await Effect.runPromise(program.pipe(
 *   Effect.provide(LongConnection.layer),
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer())
 * ))
 * console.log(states.at(-1)) // => Connected
 * ```
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type { WebSocketConstructor } from "effect/socket/Socket"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Tracer from "effect/Tracer"
import * as Events from "./Events.ts"
import { LarkConfig } from "./LarkConfig.ts"
import { runConnection } from "./LongConnection/connection.ts"
import { discover, tooManyConnections } from "./LongConnection/discover.ts"
import { Lost } from "./LongConnection/Lost.ts"
import * as metrics from "./LongConnection/metrics.ts"
import * as Settings from "./LongConnection/settings.ts"

/**
 * The state of a long connection.
 *
 * **Details**
 *
 * - `Idle`: nobody has consumed events yet.
 * - `Waiting`: for the next attempt. `reason` tells why there is no connection, `code` is that of the platform, if it sent one.
 * - `Refused`: the platform refuses the app; there will be no other attempt.
 * - `Closed`: the layer ended. It is the last state.
 *
 * @stability unstable
 * @category models
 */
export type State =
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Connecting" }
  | { readonly _tag: "Connected" }
  | {
    readonly _tag: "Waiting"
    readonly reason: string
    readonly code: number | undefined
    readonly duration: Duration.Duration
  }
  | { readonly _tag: "Refused"; readonly error: Events.Refused }
  | { readonly _tag: "Closed" }

/**
 * Observes the long connection.
 *
 * @stability unstable
 * @category services
 */
export class LongConnection extends Context.Service<LongConnection, {
  readonly state: Effect.Effect<State>
  /** The state and every later one; ends after `Closed`. */
  readonly changes: Stream.Stream<State>
}>()("effect-lark-meetings/LongConnection") {}

/** The least pause between attempts, even if the platform asks for none. */
const leastPause = Duration.seconds(1)

/** Between half and a whole minute, so that processes that were started at once come one by one. */
const slowPause = (random: number) => Duration.seconds(30 + 30 * random)

const make = Effect.gen(function*() {
  const config = yield* LarkConfig
  const client = yield* HttpClient.HttpClient
  const source = yield* Events.make
  const state = yield* SubscriptionRef.make<State>({ _tag: "Idle" })
  const setState = (next: State) => SubscriptionRef.set(state, next)

  let settings = Settings.initial
  const takeSettings = (clientConfig: unknown): void => {
    settings = Settings.settingsIn(clientConfig, settings)
  }

  /** The attempts since the platform has answered a ping: it may accept a connection and end it at once. */
  let attempts = 0

  let isConnected = false

  /** Whether the platform has answered a ping on this connection. To lose it later is the normal case. */
  let hasPonged = false

  const attempt = Effect.gen(function*() {
    hasPonged = false
    isConnected = false
    yield* setState({ _tag: "Connecting" })
    const address = yield* discover(client, config)
    takeSettings(address.clientConfig)
    return yield* runConnection(address, {
      deliver: source.deliver,
      onConnected: Effect.gen(function*() {
        isConnected = true
        yield* Effect.acquireRelease(
          Metric.modify(metrics.connections, 1),
          () => Metric.modify(metrics.connections, -1)
        )
        yield* Metric.update(metrics.attempts.connected, 1)
        yield* setState({ _tag: "Connected" })
        yield* Effect.logDebug("Lark long connection established")
      }),
      settings: () => settings,
      onPong: (clientConfig) => {
        hasPonged = true
        attempts = 0
        takeSettings(clientConfig)
      }
    })
  }).pipe(
    Effect.scoped,
    // A defect, such as that of an HTTP client, would end all attempts, and leave consumers waiting.
    Effect.catchCause((cause) =>
      Effect.fail(Option.getOrElse(Cause.findErrorOption(cause), () => new Lost({ reason: "an attempt broke off" })))
    ),
    Effect.tapError(({ _tag }) =>
      isConnected ? Effect.void : Metric.update(metrics.attempts[_tag === "Lost" ? "failed" : "refused"], 1)
    )
  )

  const connecting: Effect.Effect<never, Events.Refused, WebSocketConstructor> = Effect.forever(
    Effect.catchTag(attempt, "Lost", ({ code, reason }) =>
      Effect.gen(function*() {
        const { reconnectCount, reconnectInterval, reconnectNonce } = settings
        if (reconnectCount >= 0 && attempts >= reconnectCount) {
          return yield* Effect.fail(new Events.Refused({ reason: "attempts", code, msg: reason }))
        }
        const random = yield* Random.next
        const duration = Duration.max(
          leastPause,
          code === tooManyConnections
            ? slowPause(random)
            : attempts === 0
            ? Duration.times(reconnectNonce, random)
            : reconnectInterval
        )
        const log = hasPonged ? Effect.logDebug : Effect.logWarning
        attempts++
        yield* setState({ _tag: "Waiting", reason, code, duration })
        yield* Effect.annotateLogs(log("Lark long connection lost"), {
          "lark.reason": reason,
          "lark.retry_after_ms": Math.round(Duration.toMillis(duration))
        })
        yield* Effect.sleep(duration)
      }))
  )

  // Before the fork: finalizers run backward, and no attempt sets another state afterwards.
  yield* Effect.addFinalizer(() => setState({ _tag: "Closed" }))

  yield* source.awaitConsumer.pipe(
    Effect.andThen(connecting),
    Effect.catch((error) => Effect.andThen(setState({ _tag: "Refused", error }), source.refuse(error))),
    // All requests of the process would otherwise be in the trace in which the layer was built.
    Effect.updateContext((context: Context.Context<WebSocketConstructor>) => Context.omit(Tracer.ParentSpan)(context)),
    Effect.forkScoped
  )

  return Context.make(LongConnection, {
    state: SubscriptionRef.get(state),
    changes: Stream.takeUntil(SubscriptionRef.changes(state), ({ _tag }) => _tag === "Closed")
  }).pipe(Context.add(Events.Events, source.events))
})

/**
 * Receives the events of the app of `LarkConfig`, which `Lark.layer` provides.
 *
 * **Details**
 *
 * The WebSocket is that of the platform: `Socket.layerWebSocketConstructorGlobal` of `effect/socket` (Node 22 and later,
 * Deno, Bun), `NodeWS.layerWebSocketConstructor` of `@effect/platform-node`, or `Simulator.layer`. Node's own does not say why
 * a connection cannot be made; `NodeWS` does.
 *
 * @stability unstable
 * @category layers
 */
export const layer: Layer.Layer<
  Events.Events | LongConnection,
  never,
  LarkConfig | HttpClient.HttpClient | WebSocketConstructor
> = Layer.effectContext(make)

/**
 * The state of the connection now.
 *
 * @stability unstable
 * @category accessors
 */
export const state: Effect.Effect<State, never, LongConnection> = Effect.flatMap(
  LongConnection,
  (connection) => connection.state
)

/**
 * Waits until there is a connection. Fails if the platform refuses it for good, or the layer has ended.
 *
 * **Gotchas**
 *
 * There is none before the first consumer of `Events` has started.
 *
 * @stability unstable
 * @category accessors
 */
export const connected: Effect.Effect<void, Events.Refused | Events.Closed, LongConnection> = Effect.flatMap(
  LongConnection,
  ({ changes }) =>
    Stream.runForEachWhile(
      changes,
      (state): Effect.Effect<boolean, Events.Refused | Events.Closed> =>
        state._tag === "Refused"
          ? Effect.fail(state.error)
          : state._tag === "Closed"
          ? Effect.fail(new Events.Closed({}))
          : Effect.succeed(state._tag !== "Connected")
    )
)

/**
 * The state of the connection now, and every later one; ends after `Closed`.
 *
 * @stability unstable
 * @category accessors
 */
export const changes: Stream.Stream<State, never, LongConnection> = Stream.unwrap(
  Effect.map(LongConnection, (connection) => connection.changes)
)
