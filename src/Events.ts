/**
 * The events that the platform pushes: who joined, who left, what started and ended.
 *
 * **Details**
 *
 * The events come from a `Webhook`, or through a `LongConnection`, which needs no public address. Both provide `Events`.
 *
 * - `handle` runs an effect for each event. The event is acknowledged after the effect succeeded.
 * - `stream` gives the events to your stream. An event is acknowledged when it enters the buffer of the stream.
 *
 * An event that is not acknowledged within three seconds is sent again: after 15 seconds, 5 minutes, one hour and six
 * hours. So it is when a handler fails or a buffer is full. While nobody consumes events, an event waits for a consumer for
 * 2.5 seconds and is refused then; so is each further one at once while 1,000 wait. A handler that takes longer goes on; when
 * the event comes again, it is acknowledged if the handler has succeeded by then.
 *
 * Each event is handled once, as far as `HandledEvents` knows: the platform may send an event again after it was
 * acknowledged. Several consumers each get every event; it is acknowledged when all have taken it.
 *
 * Events of unknown types are `UnknownEvent`s. `data` is the event as it was sent, with what the typed fields leave out.
 *
 * Source: Feishu, vc-v1 `meeting` events.
 *
 * **Gotchas**
 *
 * - Most events come only for meetings that were reserved through the API. The `AllMeeting…` events come for every meeting of
 *   the tenant.
 * - There is no event for a change of the host. `meeting.hostUser` was host when the event happened: a hint.
 * - Events come in any order, late and twice, and may be lost. Let an event trigger `Meetings.get`; keep no state from events
 *   alone.
 *
 * **Example** (When the chair joins, make her host)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Events, EventUser, Lark, LongConnection, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const chair = MeetingUser.openId("ou_chair")
 *
 * const program = Events.handle((event) =>
 *   event._tag === "JoinMeeting" && EventUser.is(event.operator, chair)
 *     ? Meetings.setHost(event.meeting.id, chair)
 *     : Effect.void
 * )
 *
 * const demo = Effect.gen(function*() {
 *   yield* Effect.forkChild(program)
 *   yield* LongConnection.connected
 *   const simulator = yield* Simulator.Simulator
 *   yield* simulator.joinMeeting(id, chair)
 *   return (yield* simulator.host(id))?.openId
 * })
 * const host = await Effect.runPromise(demo.pipe(
 *   Effect.provide(LongConnection.layer),
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }] }))
 * ))
 * console.log(host) // => ou_chair
 * ```
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { Event } from "./Events/Event.ts"
import { Classified } from "./internal/classified.ts"
import { makeOnce, warn } from "./internal/handledEvents.ts"
import { invalid, type InvalidLarkConfig } from "./internal/settings.ts"
import { delivered, isTraced } from "./internal/telemetry.ts"

export { type Envelope, Event, fromWire, type UnknownEvent } from "./Events/Event.ts"
export type { Meeting, Room, RoomLevel } from "./Events/fields.ts"
export { HandledEvents, layerHandledEvents } from "./internal/handledEvents.ts"

/**
 * The platform refuses to send events to this app, and would refuse again.
 *
 * **Details**
 *
 * - `credentials`: the app id or secret is wrong.
 * - `brand`: the app belongs to the other brand: Feishu or Lark.
 * - `forbidden`: the app may not use a long connection.
 * - `attempts`: no connection came about in as many attempts as the platform allows.
 *
 * @stability stable
 * @category errors
 */
export class Refused extends Classified<{
  readonly reason: "credentials" | "brand" | "forbidden" | "attempts"
  /** The code of the platform, if it sent one. */
  readonly code?: number | undefined
  readonly msg: string
}>()("EventsRefused", {
  kind: "setup",
  message: ({ code, msg, reason }) => {
    const said = [code === undefined ? "" : `[${code}]`, msg].filter(Boolean).join(" ")
    return `No events${said && `: ${said}`}. ${advice[reason]}`
  }
}) {}

/**
 * The source of events was closed: the scope of its layer ended. A consumer inside that scope is interrupted before.
 *
 * @stability stable
 * @category errors
 */
export class Closed extends Classified<{}>()("EventsClosed", {
  kind: "caller",
  message: () => "No more events: the layer of their source was closed. Consume them inside its scope."
}) {}

/**
 * How `handle` and `stream` fail. `InvalidLarkConfig`: the `capacity` is not a whole number of at least 1, or `Infinity`.
 *
 * @stability stable
 * @category errors
 */
export type ConsumeError = Refused | Closed | InvalidLarkConfig

const advice = {
  credentials: "Check LARK_APP_ID and LARK_APP_SECRET.",
  brand: "Check LARK_BRAND: a Feishu app does not exist on Lark, and a Lark app does not exist on Feishu.",
  forbidden: "Check that the app is a custom app, enabled, and receives events through a long connection.",
  attempts: "Check the network, the proxy and LARK_BASE_URL."
}

/**
 * How a consumer takes events.
 *
 * @stability stable
 * @category models
 */
export interface Options {
  /** How many events are buffered, or being handled, before more are refused; 1,000 by default, `Infinity` for no limit. */
  readonly capacity?: number | undefined
}

const defaultCapacity = 1_000

const capacityOf = ({ capacity = defaultCapacity }: Options = {}): Effect.Effect<number, InvalidLarkConfig> =>
  capacity >= 1 && (Number.isSafeInteger(capacity) || capacity === Infinity)
    ? Effect.succeed(capacity)
    : invalid("capacity", `is ${capacity}; it must be a whole number of at least 1, or Infinity.`)

/**
 * Consumes the events of one source.
 *
 * @stability stable
 * @category services
 */
export class Events extends Context.Service<Events, {
  readonly handle: <R>(
    handler: (event: Event) => Effect.Effect<unknown, unknown, R>,
    options?: Options
  ) => Effect.Effect<never, ConsumeError, R>
  readonly stream: (options?: Options) => Stream.Stream<Event, ConsumeError>
}>()("effect-lark-meetings/Events") {}

/**
 * A source of events: what gives them to consumers, and the service through which those take them.
 *
 * @stability stable
 * @category models
 */
export interface Source {
  /** The service that the source provides. */
  readonly events: Events["Service"]
  /** Waits until there is a consumer. */
  readonly awaitConsumer: Effect.Effect<void>
  /** Whether the event is being handled. */
  readonly isRunning: (event: Event) => boolean
  /**
   * Gives an event to every consumer; if there is none, waits for one. Returns whether each has taken it; `false` after
   * 2.5 seconds, while the handling goes on.
   */
  readonly deliver: (event: Event) => Effect.Effect<boolean>
  /** Ends every consumer, now and later. */
  readonly refuse: (error: Refused) => Effect.Effect<void>
}

interface Consumer {
  readonly take: (event: Event) => Effect.Effect<boolean>
  /** The ids of events that others did not take yet. */
  readonly ahead: Set<string>
}

/** Leaves half a second for the answer to arrive within the three that the platform waits. */
const answerTimeout = "2500 millis"

/** What is remembered of an event that another consumer refused. Its next delivery comes within six hours, or never. */
const maxAhead = 10_000

/**
 * The root of a trace: a child of the consumer's span would make its trace grow for ever. It is linked to the spans in which
 * the event came and its consumer runs.
 */
const handlerSpan = ({ id, type }: Event, contexts: ReadonlyArray<Context.Context<never>>) => {
  const spans = new Set(contexts.flatMap((context) => Option.toArray(Context.getOption(context, Tracer.ParentSpan))))
  return Effect.withSpan("Events.handle", {
    kind: "consumer",
    root: true,
    links: Array.from(spans, (span) => ({ span, attributes: {} })),
    attributes: { "lark.event_id": id, "lark.event_type": type }
  })
}

/**
 * Makes the `Events` of a source of your own, such as a queue that another service fills from its webhook. `fromWire` reads
 * the envelopes of the platform.
 *
 * @stability stable
 * @category constructors
 */
export const make: Effect.Effect<Source, never, Scope.Scope> = Effect.gen(function*() {
  const scope = yield* Effect.scope
  const once = yield* makeOnce
  /** Open while there is a consumer. */
  const consumed = Latch.makeUnsafe()
  const end = yield* Deferred.make<never, Refused | Closed>()
  yield* Effect.addFinalizer(() => Deferred.fail(end, new Closed({})))
  const consumers = new Set<Consumer>()

  const register = (take: Consumer["take"]): Effect.Effect<void, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        const consumer = { take, ahead: new Set<string>() }
        consumers.add(consumer)
        return Effect.as(consumed.open, consumer)
      }),
      (consumer) =>
        Effect.sync(() => {
          consumers.delete(consumer)
          if (consumers.size === 0) consumed.closeUnsafe()
        })
    )

  const offer = ({ ahead, take }: Consumer, event: Event): Effect.Effect<boolean> =>
    ahead.has(event.id) ? Effect.succeed(true) : Effect.tap(take(event), (taken) =>
      Effect.sync(() => {
        if (!taken) return
        ahead.add(event.id)
        for (const oldest of ahead) {
          if (ahead.size <= maxAhead) break
          ahead.delete(oldest)
        }
      }))

  /** Fails if a consumer did not take the event. */
  const offerAll = (event: Event): Effect.Effect<void, void> =>
    Effect.suspend(() => {
      const all = [...consumers]
      return Effect.flatMap(
        Effect.forEach(all, (consumer) => offer(consumer, event), { concurrency: "unbounded" }),
        (taken) => {
          if (taken.length === 0 || taken.includes(false)) return Effect.fail(undefined)
          for (const { ahead } of all) ahead.delete(event.id)
          return Effect.void
        }
      )
    })

  const handle = <R>(
    handler: (event: Event) => Effect.Effect<unknown, unknown, R>,
    options?: Options
  ) =>
    Effect.scoped(Effect.gen(function*() {
      const capacity = yield* capacityOf(options)
      const context = yield* Effect.context<R>()
      const running = yield* Effect.scope
      let inHand = 0
      const handling = (event: Event) =>
        Effect.contextWith((delivery: Context.Context<never>) =>
          Effect.suspend(() => handler(event)).pipe(
            // The interruption of the consumer does not come here: only that of a handler by itself.
            Effect.tapCause((cause) => warn("The handler of an event failed", cause, event)),
            isTraced(context) ? handlerSpan(event, [delivery, context]) : identity,
            Effect.as(true),
            Effect.catchCause(() => Effect.succeed(false)),
            Effect.provideContext(context)
          )
        )
      yield* register((event) =>
        Effect.suspend(() => {
          if (inHand >= capacity) return Effect.succeed(false)
          inHand++
          // In the scope of the consumer, which may end before the source does.
          return Effect.forkIn(handling(event), running, { startImmediately: true }).pipe(
            Effect.flatMap(Fiber.await),
            Effect.map((exit) => Exit.isSuccess(exit) && exit.value),
            Effect.ensuring(Effect.sync(() => inHand--))
          )
        })
      )
      return yield* Deferred.await(end)
    }))

  const stream: Events["Service"]["stream"] = (options) =>
    Stream.unwrap(Effect.gen(function*() {
      const capacity = yield* capacityOf(options)
      const queue = yield* Effect.acquireRelease(Queue.dropping<Event, Refused | Closed>(capacity), Queue.shutdown)
      yield* register((event) => Queue.offer(queue, event))
      yield* Effect.forkScoped(
        Effect.catch(Deferred.await(end), (error) => Queue.fail(queue, error))
      )
      return Stream.fromQueue(queue)
    }))

  /** The second delivery of an event whose first one is still being handled. Later ones share its outcome. */
  const second = new Map<string, Fiber.Fiber<void, void>>()

  const give = (event: Event): Effect.Effect<boolean> =>
    Effect.gen(function*() {
      // A set that claims an event in `has` must not claim one that nobody consumes.
      if (consumers.size === 0) return false
      const isRepeated = once.isRunning(event.id)
      let fiber = second.get(event.id)
      if (fiber === undefined) {
        fiber = yield* Effect.forkIn(once.run(event.id, offerAll(event)), scope, { startImmediately: true })
        if (isRepeated) {
          second.set(event.id, fiber)
          fiber.addObserver(() => second.delete(event.id))
        }
      }
      return Exit.isSuccess(yield* Fiber.await(fiber))
    })

  let held = 0

  /** Gives an event to the next consumer, if there will be any. */
  const hold = (event: Event): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      if (held >= defaultCapacity) return Effect.succeed(false)
      held++
      return Effect.raceFirst(consumed.await, Effect.ignore(Deferred.await(end))).pipe(
        Effect.ensuring(Effect.sync(() => held--)),
        Effect.andThen(give(event))
      )
    })

  return {
    events: Events.of({ handle, stream }),
    awaitConsumer: consumed.await,
    isRunning: ({ id }) => once.isRunning(id),
    deliver: (event) =>
      Effect.suspend(() => consumers.size === 0 ? hold(event) : give(event)).pipe(
        Effect.timeoutOption(answerTimeout),
        Effect.map(Option.getOrElse(() => false)),
        Effect.tap((isTaken) => delivered(event.type, isTaken))
      ),
    refuse: (error) => Effect.asVoid(Deferred.fail(end, error))
  }
})

/**
 * Handles each event, until it is interrupted, the platform refuses to send any, or the source is closed. Fails with
 * `ConsumeError` then.
 *
 * **Details**
 *
 * The event is acknowledged after the handler succeeded. A handler that fails is logged with the name of its error, without
 * its message and without the data of the event, and the event comes again. Each handler runs in a fiber of its own, and is
 * interrupted with this effect. Its span is the root of a trace, linked to the spans of the delivery and of this effect.
 *
 * **Gotchas**
 *
 * An interruption waits for a handler that is uninterruptible. Its event counts as not handled and comes again.
 *
 * @stability stable
 * @category accessors
 */
export const handle = <R>(
  handler: (event: Event) => Effect.Effect<unknown, unknown, R>,
  options?: Options
): Effect.Effect<never, ConsumeError, R | Events> => Effect.flatMap(Events, (events) => events.handle(handler, options))

/**
 * The events as a stream. Fails with `ConsumeError` if the platform refuses to send any, or the source is closed.
 *
 * **Gotchas**
 *
 * An event that is in the buffer when the process ends is lost: it has been acknowledged.
 *
 * @stability stable
 * @category accessors
 */
export const stream = (options?: Options): Stream.Stream<Event, ConsumeError, Events> =>
  Stream.unwrap(Effect.map(Events, (events) => events.stream(options)))
