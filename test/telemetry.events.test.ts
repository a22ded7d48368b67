/**
 * Spans and metrics of events and long connections.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Metric, Option, Redacted, type Tracer } from "effect"
import { Events, LarkConfig, LongConnection } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { connect, consume, push, settle } from "./fixtures/connected.ts"
import { envelope, eventFrame, makeSocket, platform } from "./fixtures/frameServer.ts"
import { counters, failureOf, observe } from "./fixtures/observe.ts"
import { ended } from "./fixtures/webhook.ts"

const inBackground = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkScoped(self, { startImmediately: true })

const eventOf = (id: string) => Option.getOrThrow(Events.fromWire(ended(id)))

const linksOf = ({ links }: Tracer.Span) => links.map(({ span }) => span._tag === "Span" ? span.name : span.spanId)

describe("the span of a handler", () => {
  it.effect("is the root of a trace, linked to the delivery and the consumer, with the spans of the handler below", () =>
    Effect.gen(function*() {
      const { exit, spans } = yield* observe(Effect.scoped(Effect.gen(function*() {
        const { deliver, events } = yield* Events.make
        const handler = ({ id }: Events.Event) =>
          Effect.withSpan(id === "2" ? Effect.fail("down") : Effect.void, "work")
        yield* inBackground(Effect.withSpan(events.handle(handler), "consumer"))
        yield* Effect.withSpan(deliver(eventOf("1")), "request 1")
        yield* Effect.withSpan(deliver(eventOf("2")), "request 2")
      })))
      assert.strictEqual(exit._tag, "Success")
      const roots = spans.filter(({ name }) => name === "Events.handle")
      assert.deepStrictEqual(roots.map((span) => [span.kind, span.parent._tag, linksOf(span)]), [
        ["consumer", "None", ["request 1", "consumer"]],
        ["consumer", "None", ["request 2", "consumer"]]
      ])
      assert.deepStrictEqual(
        roots.map(({ attributes }) => Object.fromEntries(attributes)),
        ["1", "2"].map((id) => ({
          "lark.event_id": id,
          "lark.event_type": "vc.meeting.meeting_ended_v1"
        }))
      )
      assert.deepStrictEqual(roots.map(failureOf).map((failure) => failure !== undefined), [false, true])
      const works = spans.filter(({ name }) => name === "work")
      assert.deepStrictEqual(
        works.map(({ parent, traceId }) => [Option.getOrUndefined(parent)?.spanId, traceId]),
        roots.map(({ spanId, traceId }) => [spanId, traceId])
      )
      assert.strictEqual(new Set(spans.map(({ traceId }) => traceId)).size, 3)
    }))

  it.effect("has one link to a span in which both the event comes and the consumer runs, and none without spans", () =>
    Effect.gen(function*() {
      const program = Effect.scoped(Effect.gen(function*() {
        const { deliver, events } = yield* Events.make
        yield* inBackground(events.handle(() => Effect.void))
        yield* deliver(eventOf("1"))
      }))
      const { spans } = yield* observe(program)
      assert.deepStrictEqual(spans.map(({ name }) => name), ["caller", "Events.handle"])
      assert.deepStrictEqual(spans.map(linksOf), [[], ["caller"]])
    }))

  it.effect("has the log line of its failure", () =>
    Effect.gen(function*() {
      const { lines } = yield* observe(Effect.scoped(Effect.gen(function*() {
        const { deliver, events } = yield* Events.make
        yield* inBackground(events.handle(() => Effect.fail("down")))
        yield* deliver(eventOf("1"))
      })))
      assert.deepStrictEqual(lines.map(({ message, span }) => [message, span]), [
        ["The handler of an event failed", "Events.handle"]
      ])
    }))
})

describe("a long connection", () => {
  const gauge = (metrics: ReadonlyArray<Metric.Metric.Snapshot>) =>
    metrics.flatMap(({ id, state }) => id === "lark_long_connections" && "value" in state ? [state.value] : [])

  it.effect("asks for each address in a trace of its own", () =>
    Effect.gen(function*() {
      const { spans } = yield* observe(connect(
        { connectionFaults: [{ nth: 0, fault: { _tag: "Code", code: 1 } }] },
        Effect.gen(function*() {
          yield* consume
          yield* push("1")
          yield* TestClock.adjust("5 minutes")
        })
      ))
      const requests = spans.filter(({ kind }) => kind === "client")
      assert.isAtLeast(requests.length, 2)
      for (const { parent } of requests) assert.strictEqual(parent._tag, "None")
      const handled = spans.find(({ name }) => name === "Events.handle") ?? assert.fail("no event was handled")
      assert.deepStrictEqual([handled.parent._tag, linksOf(handled)], ["None", ["caller"]])
    }))

  it.effect("counts its attempts, and shows whether there is a connection", () =>
    Effect.gen(function*() {
      const seen: Array<ReadonlyArray<unknown>> = []
      const look = Effect.andThen(settle, Effect.map(Metric.snapshot, (metrics) => seen.push(gauge(metrics))))
      yield* connect(
        {
          connectionFaults: [
            { nth: 0, fault: { _tag: "Close", millis: 5_000, code: 1001 } },
            { nth: 1, fault: { _tag: "Code", code: 1 } },
            { nth: 2, fault: { _tag: "Handshake", status: 403 } }
          ]
        },
        Effect.gen(function*() {
          yield* look
          yield* consume
          yield* look
          yield* TestClock.adjust("10 seconds")
          yield* look
          yield* TestClock.adjust("10 minutes")
          yield* look
        })
      )
      // The layer has ended.
      yield* look
      assert.deepStrictEqual(seen, [[], [1], [0], [1], [0]])
      const attempts = Object.entries(counters(yield* Metric.snapshot)).filter(([name]) => name.includes("attempts"))
      assert.deepStrictEqual(Object.fromEntries(attempts), {
        "lark_long_connection_attempts_total{connected}": 2,
        "lark_long_connection_attempts_total{failed}": 2
      })
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("counts one refusal for good", () =>
    Effect.gen(function*() {
      const { metrics } = yield* observe(connect(
        { connectionFaults: [{ nth: 0, fault: { _tag: "Code", code: 514 } }] },
        Effect.flatMap(consume, ({ fiber }) => Effect.exit(Fiber.join(fiber)))
      ))
      assert.strictEqual(counters(metrics)["lark_long_connection_attempts_total{refused}"], 1)
      assert.deepStrictEqual(gauge(metrics), [])
    }))

  it.effect("counts the frames that hold no event", () =>
    Effect.gen(function*() {
      const server = makeSocket()
      const config = LarkConfig.layer({ appId: "cli_a", appSecret: Redacted.make("secret") })
      const { metrics } = yield* observe(
        Effect.gen(function*() {
          yield* consume
          for (
            const frame of [
              "text",
              new Uint8Array([255]),
              eventFrame("not JSON"),
              eventFrame({}),
              eventFrame([]),
              eventFrame(envelope("1"))
            ]
          ) server.message(frame)
          yield* settle
        }).pipe(Effect.provide(LongConnection.layer.pipe(Layer.provide([config, platform([() => server.socket])]))))
      )
      const found = counters(metrics)
      assert.strictEqual(found["lark_long_connection_frames_refused_total{unreadable}"], 2)
      assert.strictEqual(found["lark_long_connection_frames_refused_total{not_an_event}"], 3)
      assert.strictEqual(found["lark_events_total{vc.meeting.join_meeting_v1,taken}"], 1)
    }))
})
