/** What loses an event, handles it twice, or leaves its consumers waiting. */
import { type Mutant, testIn } from "./Mutant.ts"

const events = "src/Events.ts"
const handled = "src/internal/handledEvents.ts"
const longConnection = "src/LongConnection.ts"
const wire = "src/LongConnection/connection.ts"
const discover = "src/LongConnection/discover.ts"
const frame = "src/LongConnection/frame.ts"
const join = "src/LongConnection/join.ts"
const settings = "src/LongConnection/settings.ts"

const history = testIn("Events.histories")(
  "that is taken was handled by each consumer, and once as far as the set knows"
)
const consumer = testIn("Events.consumers")
const connection = testIn("LongConnection")
const frames = testIn("LongConnection.frame")
const message = testIn("LongConnection.messages")

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "events: a consumer is given again what another one refused",
    file: events,
    find: "ahead.has(event.id) ? Effect.succeed(true) : ",
    replace: "",
    killer: history
  },
  {
    name: "events: an event is taken when one of several consumers has taken it",
    file: events,
    find: "taken.length === 0 || taken.includes(false)",
    replace: "!taken.includes(true)",
    killer: history
  },
  {
    name: "events: the event of a handler that failed is taken",
    file: events,
    find: "Exit.isSuccess(exit) && exit.value",
    replace: "Exit.isSuccess(exit)",
    killer: history
  },
  {
    name: "events: a handler outlives its consumer",
    file: events,
    find: "Effect.forkIn(handling(event), running,",
    replace: "Effect.forkIn(handling(event), scope,",
    killer: history
  },
  {
    name: "events: one more is handled than has room",
    file: events,
    find: "inHand >= capacity",
    replace: "inHand > capacity",
    killer: history
  },
  {
    name: "events: a duplicate does not wait for the handling",
    file: handled,
    find: "if (other !== undefined) {",
    replace: "if (other !== undefined && id === \"\") {",
    killer: history
  },
  {
    name: "events: an event whose handler failed is stuck",
    file: handled,
    find: "running.delete(id)",
    replace: "if (Exit.isSuccess(exit)) running.delete(id)",
    killer: history
  },
  {
    name: "events: a defect of one attempt ends all attempts",
    file: longConnection,
    find: "Option.getOrElse(Cause.findErrorOption(cause), () => new Lost({ reason: \"an attempt broke off\" }))",
    replace: "Option.getOrThrow(Cause.findErrorOption(cause))",
    killer: message("because the HTTP client dies is tried again")
  },
  {
    name: "events: parts of nothing take no memory",
    file: join,
    find: "id.length + part.length + 1_024",
    replace: "id.length + part.length",
    killer: message("in parts counts with the length of its id, and each part with a minimum")
  },
  {
    name: "events: a full buffer loses its oldest event",
    file: events,
    find: "Queue.dropping",
    replace: "Queue.sliding",
    killer: connection("that finds the buffer of a stream full is refused, and comes again")
  },
  {
    name: "events: an event that nobody consumes is claimed",
    file: events,
    find: "      if (consumers.size === 0) return false\n",
    replace: "",
    killer: consumer("is not asked after the source has refused or closed, either")
  },
  {
    name: "events: an event is refused at once while nobody consumes any",
    file: events,
    find: "consumers.size === 0 ? hold(event) : give(event)",
    replace: "give(event)",
    killer: consumer("holds an event for a consumer that starts, or starts again, within 2.5 seconds")
  },
  {
    name: "events: the number of events held for a consumer has no bound",
    file: events,
    find: "held >= defaultCapacity",
    replace: "held < 0",
    killer: consumer("holds 1,000 events while nobody consumes any, and refuses more at once")
  },
  {
    name: "events: each delivery of an event whose handler hangs waits for it",
    file: events,
    find: "if (isRepeated) {",
    replace: "if (isRepeated && event.id === \"\") {",
    killer: consumer("has one delivery waiting for it, whose outcome all later ones share")
  },
  {
    name: "events: the trace of a consumer grows for ever",
    file: events,
    find: "    root: true,\n",
    replace: "",
    killer: testIn("telemetry.events")(
      "is the root of a trace, linked to the delivery and the consumer, with the spans of the handler below"
    )
  },
  {
    name: "events: the trace of a layer grows for ever",
    file: longConnection,
    find: "Context.omit(Tracer.ParentSpan)(context)",
    replace: "context",
    killer: testIn("telemetry.events")("asks for each address in a trace of its own")
  },
  {
    name: "events: a time in nanoseconds is one in microseconds",
    file: "src/Events/fields.ts",
    find: "time < 1e17 ? time / 1e3 : time / 1e6",
    replace: "time / 1e3",
    killer: testIn("Events")("\"1608725989000123456\"")
  },
  {
    name: "events: the answer comes after the platform has given up",
    file: events,
    find: "\"2500 millis\"",
    replace: "\"3500 millis\"",
    killer: consumer("answers 500 after 2.5 seconds, while the handler goes on")
  },
  {
    name: "events: what one consumer took is remembered for ever",
    file: events,
    find: "const maxAhead = 10_000",
    replace: "const maxAhead = 1_000_000",
    killer: consumer("is not given again to one that took it, until 10,000 later ones are refused")
  },
  {
    name: "events: consumers outlive their source",
    file: events,
    find: "  yield* Effect.addFinalizer(() => Deferred.fail(end, new Closed({})))\n",
    replace: "",
    killer: connection("is closed with its layer, and says so to those outside")
  },
  {
    name: "events: a dead connection is kept",
    file: wire,
    find: "heardAt < sentAt ?",
    replace: "heardAt < 0 ?",
    killer: connection("is lost when a ping is not answered within a third of the interval")
  },
  {
    name: "events: only a pong is a sign of life",
    file: wire,
    find:
      "      heardAt = monotonicMillis(clock)\n      const frame = typeof bytes === \"string\" ? Option.none() : decode(bytes)\n",
    replace:
      "      const frame = typeof bytes === \"string\" ? Option.none() : decode(bytes)\n      if (Option.isSome(frame) && frame.value.method === control) heardAt = monotonicMillis(clock)\n",
    killer: message("is a sign of life, whatever it is")
  },
  {
    name: "events: a short interval ends healthy connections",
    file: wire,
    find: "Duration.max(Duration.seconds(10), Duration.divideUnsafe(pingInterval, 3))",
    replace: "Duration.divideUnsafe(pingInterval, 3)",
    killer: connection("is not lost sooner than ten seconds after a ping")
  },
  {
    name: "events: an event that was not taken is acknowledged",
    file: wire,
    find: "isTaken ? 200 : 500",
    replace: "200",
    killer: connection("whose handler fails is refused and comes again")
  },
  {
    name: "events: an acknowledgement does not say of what",
    file: wire,
    find: "[...frame.headers, [\"biz_rt\",",
    replace: "[[\"biz_rt\",",
    killer: message("is acknowledged by its own frame, with the time that it took")
  },
  {
    name: "events: a pong changes nothing",
    file: wire,
    find: "onPong(parse(frame.value.payload ?? new Uint8Array()))",
    replace: "onPong(undefined)",
    killer: message("may change the interval of pings; invalid settings change nothing")
  },
  {
    name: "events: a card is handled as an event",
    file: wire,
    find: " && type === \"event\"",
    replace: "",
    killer: message("that cannot be read is refused, and others are not disturbed")
  },
  {
    name: "events: parts are joined as they come",
    file: join,
    find: ".sort(([a], [b]) => a - b)",
    replace: "",
    killer: message("in parts is one message, whatever their order, and however often they come")
  },
  {
    name: "events: parts wait for ever",
    file: join,
    find: "size <= maxBytes && now - since <= maxAge",
    replace: "size <= maxBytes",
    killer: message("of which parts are missing is forgotten after ten seconds, or when too many wait")
  },
  {
    name: "events: a message may have any number of parts",
    file: join,
    find: " || sum > maxParts",
    replace: "",
    killer: message("in parts is one message, whatever their order, and however often they come")
  },
  {
    name: "events: a negative number has one byte",
    file: frame,
    find: "let rest = BigInt.asUintN(64, value)",
    replace: "let rest = value",
    killer: frames("have the bytes of the largest and a negative number")
  },
  {
    name: "events: a field in an unknown group is taken",
    file: frame,
    find: "value !== undefined && depth === 0",
    replace: "value !== undefined",
    killer: frames("are read with fields that are unknown, of another type, or that come twice")
  },
  {
    name: "events: a platform that is down refuses for good",
    file: discover,
    find: "status === 200 ? refusals[code] : undefined",
    replace: "refusals[code]",
    killer: connection("waits for the next attempt after the answer { _tag: 'GarbageBody', …(3) }")
  },
  {
    name: "events: an address without encryption is dialed",
    file: discover,
    find: "isSecure ? [\"wss:\"] : [\"ws:\", \"wss:\"]",
    replace: "[\"ws:\", \"wss:\"]",
    killer: message("is not tried without encryption, where the platform itself is encrypted")
  },
  {
    name: "events: an interval may be a day",
    file: settings,
    find: "Math.min(value, maxSeconds)",
    replace: "value",
    killer: message("does not make an interval longer than an hour")
  },
  {
    name: "events: no interval is an interval",
    file: settings,
    find: "value >= least",
    replace: "value >= 0",
    killer: message("may change the interval of pings; invalid settings change nothing")
  },
  {
    name: "events: a connection that was lost late counts on",
    file: longConnection,
    find: "        attempts = 0\n",
    replace: "",
    killer: connection("that was opened again starts with the nonce")
  },
  {
    name: "events: a connection that ends before a ping is answered counts as one",
    file: longConnection,
    find: "        isConnected = true\n",
    replace: "        isConnected = true\n        attempts = 0\n",
    killer: connection(
      "that ends before it answers a ping is opened again at every interval, as one that does not come about"
    )
  },
  {
    name: "events: connects without a pause",
    file: longConnection,
    find: "          leastPause,\n",
    replace: "          Duration.zero,\n",
    killer: connection("is not opened again at once, even if the platform asks for no pause")
  },
  {
    name: "events: too many connections are made more",
    file: longConnection,
    find: "code === tooManyConnections",
    replace: "code === 0",
    killer: connection("waits half to a whole minute while there are too many")
  },
  {
    name: "events: one attempt more than the platform allows",
    file: longConnection,
    find: "attempts >= reconnectCount",
    replace: "attempts > reconnectCount",
    killer: connection("is given up after as many attempts as the platform allows")
  }
]
