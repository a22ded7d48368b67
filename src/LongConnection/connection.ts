/** One connection, from its handshake to its end. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as Events from "../Events.ts"
import { monotonicMillis } from "../internal/monotonicClock.ts"
import { makeRedactor } from "../internal/secrets.ts"
import { decode as textOf, encode as bytesOf } from "../internal/text.ts"
import type { Address } from "./discover.ts"
import { decode, encode, type Frame, headerOf } from "./frame.ts"
import { makeJoin } from "./join.ts"
import { Lost } from "./Lost.ts"
import { refusedFrames } from "./metrics.ts"
import type { Settings } from "./settings.ts"

const openTimeout = "10 seconds"

/** What a connection tells, and asks, the program around it. */
interface Hooks {
  readonly deliver: Events.Source["deliver"]
  /** Runs in the scope of the connection. */
  readonly onConnected: Effect.Effect<void, never, Scope.Scope>
  readonly settings: () => Settings
  /** Takes the settings in a pong; it may have none. */
  readonly onPong: (clientConfig: unknown) => void
}

const control = 0
const data = 1

const parse = (bytes: Uint8Array): unknown =>
  Result.getOrUndefined(Result.try((): unknown => JSON.parse(textOf(bytes))))

const describe = ({ reason }: Socket.SocketError): string => {
  switch (reason._tag) {
    case "SocketCloseError":
      return `the connection was closed: ${reason.code}${reason.closeReason ? ` ${reason.closeReason}` : ""}`
    case "SocketOpenError":
      if (reason.kind === "Timeout") return `no connection within ${openTimeout}`
  }
  // An `Error`, or the event of a WebSocket. That of Node says nothing.
  const message = "cause" in reason && Predicate.hasProperty(reason.cause, "message") && reason.cause.message
  return `${reason._tag === "SocketOpenError" ? "no connection" : "the connection failed"}${
    message ? `: ${message}` : ""
  }`
}

/** A watchdog of a few seconds ends healthy connections. */
const pongTimeout = (pingInterval: Duration.Duration): Duration.Duration =>
  Duration.max(Duration.seconds(10), Duration.divideUnsafe(pingInterval, 3))

/** Connects, and answers every message until the connection ends. Closes it with its scope, by code 1000. */
export const runConnection = Effect.fnUntraced(function*(
  { secrets, serviceId, url }: Address,
  { deliver, onConnected, onPong, settings }: Hooks
): Effect.fn.Return<never, Lost, Socket.WebSocketConstructor | Scope.Scope> {
  const clock = yield* Clock.Clock
  const redact = makeRedactor([url, ...secrets])
  const orLost = <A, R>(self: Effect.Effect<A, Socket.SocketError, R>) =>
    Effect.mapError(self, (error) => new Lost({ reason: redact.text(describe(error)) }))

  // One socket for each connection: what is written while a socket is closed would go out on its next connection.
  const socket = yield* Socket.makeWebSocket(Redacted.value(url), { openTimeout })
  const { write } = yield* socket.writer
  const { pull } = yield* orLost(socket.reader).pipe(
    // The constructor throws if it cannot use the address, and its error contains that.
    Effect.catchDefect(() => Effect.fail(new Lost({ reason: "the address cannot be used" })))
  )
  yield* onConnected

  let heardAt = monotonicMillis(clock)

  const ping = encode({ seqId: 0n, logId: 0n, service: serviceId, method: control, headers: [["type", "ping"]] })

  const dead = yield* Deferred.make<never, Lost>()

  const pings = Effect.gen(function*() {
    const { pingInterval } = settings()
    const timeout = pongTimeout(pingInterval)
    const sentAt = monotonicMillis(clock)
    yield* orLost(write(ping))
    const reason = `no answer to a ping within ${Duration.format(timeout)}`
    // Any frame is a sign of life.
    const check = Effect.suspend(() => heardAt < sentAt ? Deferred.fail(dead, new Lost({ reason })) : Effect.void)
    yield* Effect.forkChild(Effect.delay(check, timeout))
    yield* Effect.sleep(pingInterval)
  })

  const acknowledge = (frame: Frame, receivedAt: number, isTaken: boolean) =>
    Effect.suspend(() =>
      write(encode({
        ...frame,
        headers: [...frame.headers, ["biz_rt", String(Math.round(monotonicMillis(clock) - receivedAt))]],
        payload: bytesOf(`{"code":${isTaken ? 200 : 500}}`)
      }))
    )

  const join = makeJoin(clock)

  const receiveMessage = (frame: Frame) => {
    const payload = join(frame)
    if (payload === undefined) return Effect.void
    const receivedAt = heardAt
    return Option.match(Events.fromWire(parse(payload)), {
      onNone: () =>
        Effect.logWarning("A message of the long connection is not an event").pipe(
          Effect.andThen(Metric.update(refusedFrames.notEvent, 1)),
          Effect.as(false)
        ),
      onSome: deliver
    }).pipe(
      Effect.flatMap((isTaken) => acknowledge(frame, receivedAt, isTaken)),
      // Without its acknowledgement the event comes again.
      Effect.ignore,
      Effect.forkScoped({ startImmediately: true })
    )
  }

  const receive = (bytes: Uint8Array | string) =>
    Effect.suspend(() => {
      heardAt = monotonicMillis(clock)
      const frame = typeof bytes === "string" ? Option.none() : decode(bytes)
      if (Option.isNone(frame)) {
        return Effect.andThen(
          Effect.logDebug("A frame of the long connection cannot be read"),
          Metric.update(refusedFrames.unreadable, 1)
        )
      }
      const type = headerOf(frame.value, "type")
      if (frame.value.method === control && type === "pong") onPong(parse(frame.value.payload ?? new Uint8Array()))
      return frame.value.method === data && type === "event" ? receiveMessage(frame.value) : Effect.void
    })

  const reading = Effect.flatMap(orLost(pull), (frames) => Effect.forEach(frames, receive, { discard: true }))

  return yield* Effect.raceAllFirst([Deferred.await(dead), Effect.forever(pings), Effect.forever(reading)])
})
