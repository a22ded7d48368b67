/**
 * Consumers of events, by webhook and by long connection.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Logger, Option, Redacted, Scope, Stream } from "effect"
import { Events, Lark, LongConnection, Webhook } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpRouter } from "effect/http"
import { Persistence } from "effect/persistence"
import { TestClock } from "effect/testing"
import { consume, push, settle } from "./fixtures/connected.ts"
import * as delivery from "./fixtures/delivery.ts"
import { counters, observe } from "./fixtures/observe.ts"
import { accepted, ended, logs, path, refused, send, verificationToken } from "./fixtures/webhook.ts"

/** A webhook whose events go to consumers, and the sending of the nth event to it. */
const webhook = (options: Partial<Webhook.Options> = {}) =>
  Effect.gen(function*() {
    const layer = Webhook.layer({ path, verificationToken: Redacted.make(verificationToken), ...options })
    const context = yield* Layer.build(Layer.provideMerge(layer, HttpRouter.layer))
    const app = Context.get(context, HttpRouter.HttpRouter).asHttpEffect().pipe(Effect.orDie)
    return {
      context: Context.pick(Events.Events)(context),
      receive: (id: string) => send(app, delivery.plain(ended(id)))
    }
  })

const inBackground = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkScoped(self, { startImmediately: true })

describe("a webhook without a handler of its own", () => {
  it.effect("answers 200 after the consumers have handled an event", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      const gate = yield* Deferred.make<void>()
      const seen: Array<string> = []
      yield* inBackground(
        Events.handle(({ _tag, id }) => Effect.andThen(Deferred.await(gate), Effect.sync(() => seen.push(_tag, id))))
          .pipe(Effect.provideContext(context))
      )
      const answer = yield* Effect.forkChild(receive("1"), { startImmediately: true })
      yield* settle
      assert.isUndefined(answer.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(answer), accepted)
      // Its meeting is all that the fixture tells.
      assert.deepStrictEqual(seen, ["MeetingEnded", "1"])
      assert.deepStrictEqual(yield* receive("1"), accepted)
      assert.lengthOf(seen, 2)
    }))

  it.effect("answers 500 after 2.5 seconds while nobody consumes events, before and after", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      const refusal = (id: string) =>
        Effect.gen(function*() {
          const answer = yield* inBackground(receive(id))
          yield* TestClock.adjust("2499 millis")
          assert.isUndefined(answer.pollUnsafe())
          yield* TestClock.adjust("1 millis")
          assert.deepStrictEqual(yield* Fiber.join(answer), refused(500))
        })
      yield* refusal("1")
      const consumer = yield* inBackground(
        Events.handle(() => Effect.void).pipe(Effect.provideContext(context))
      )
      assert.deepStrictEqual(yield* receive("1"), accepted)
      yield* Fiber.interrupt(consumer)
      yield* refusal("2")
      yield* inBackground(Stream.runDrain(Events.stream()).pipe(Effect.provideContext(context)))
      yield* settle
      assert.deepStrictEqual(yield* receive("2"), accepted)
    }))

  it.effect("holds an event for a consumer that starts, or starts again, within 2.5 seconds", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      const seen: Array<string> = []
      const consume = inBackground(
        Events.handle(({ id }) => Effect.sync(() => seen.push(id))).pipe(Effect.provideContext(context))
      )
      for (const id of ["first", "again"]) {
        const answer = yield* inBackground(receive(id))
        yield* TestClock.adjust("2 seconds")
        const consumer = yield* consume
        assert.deepStrictEqual(yield* Fiber.join(answer), accepted)
        yield* Fiber.interrupt(consumer)
      }
      assert.deepStrictEqual(seen, ["first", "again"])
    }))

  it.effect("has 2.5 seconds in all, with the time that an event is held", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      const answer = yield* inBackground(receive("1"))
      yield* TestClock.adjust("2 seconds")
      yield* inBackground(Events.handle(() => Effect.sleep("1 second")).pipe(Effect.provideContext(context)))
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* Fiber.join(answer), refused(500))
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* receive("1"), accepted)
    }))

  it.effect("holds 1,000 events while nobody consumes any, and refuses more at once", () =>
    Effect.gen(function*() {
      const { deliver, events } = yield* Events.make
      const deliverNth = (nth: number) => deliver(Option.getOrThrow(Events.fromWire(ended(String(nth)))))
      const held = yield* Effect.forEach(
        Array.from({ length: 1_000 }, (_, nth) => nth),
        (nth) => inBackground(deliverNth(nth))
      )
      for (const nth of [1_000, 1_001]) assert.isFalse(yield* deliverNth(nth))
      yield* TestClock.adjust("2500 millis")
      for (const answer of held) assert.isFalse(yield* Fiber.join(answer))
      const next = yield* inBackground(deliverNth(1_002))
      yield* inBackground(events.handle(() => Effect.void))
      assert.isTrue(yield* Fiber.join(next))
    }))

  it.effect("answers 500 when a handler fails, and logs the name of the error alone", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      let times = 0
      const handler = () =>
        Effect.suspend(() => ++times === 1 ? Effect.die(new RangeError("Zq7Xw-message")) : Effect.void)
      const logged = yield* logs(Effect.gen(function*() {
        yield* inBackground(Events.handle(handler).pipe(Effect.provideContext(context)))
        return [yield* receive("1"), yield* receive("1"), yield* receive("1")]
      }))
      assert.deepStrictEqual(logged.value, [refused(500), accepted, accepted])
      assert.strictEqual(times, 2)
      assert.include(logged.text, `"error":"RangeError"`)
      assert.notInclude(logged.text, "Zq7Xw")
    }))

  it.effect("counts what was taken and what was refused", () =>
    Effect.gen(function*() {
      const program = Effect.gen(function*() {
        const { context, receive } = yield* webhook()
        const answer = yield* inBackground(receive("1"))
        yield* TestClock.adjust("2500 millis")
        yield* Fiber.join(answer)
        yield* inBackground(Events.handle(() => Effect.void).pipe(Effect.provideContext(context)))
        yield* receive("1")
        yield* receive("2")
      })
      const { metrics } = yield* observe(program)
      assert.deepStrictEqual(counters(metrics), {
        "lark_events_total{vc.meeting.meeting_ended_v1,refused}": 1,
        "lark_events_total{vc.meeting.meeting_ended_v1,taken}": 2
      })
    }))

  it.effect("answers 500 after 2.5 seconds, while the handler goes on", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      let handled = 0
      yield* inBackground(
        Events.handle(() => Effect.delay(Effect.sync(() => handled++), "5 seconds")).pipe(
          Effect.provideContext(context)
        )
      )
      const answer = yield* Effect.forkChild(receive("1"), { startImmediately: true })
      yield* TestClock.adjust("2500 millis")
      assert.deepStrictEqual(yield* Fiber.join(answer), refused(500))
      // A repetition waits for the outcome.
      const repeated = yield* Effect.forkChild(receive("1"), { startImmediately: true })
      yield* TestClock.adjust("2500 millis")
      assert.deepStrictEqual(yield* Fiber.join(repeated), accepted)
      assert.strictEqual(handled, 1)
    }))
})

describe("a webhook with a handler of its own", () => {
  it.effect("gives its events to consumers, too, and answers at once", () =>
    Effect.gen(function*() {
      const own: Array<string> = []
      const others: Array<string> = []
      const { context, receive } = yield* webhook({ onEvent: ({ id }) => Effect.sync(() => own.push(id)) })
      yield* inBackground(
        Events.handle(({ id }) => Effect.delay(Effect.sync(() => others.push(id)), "1 hour")).pipe(
          Effect.provideContext(context)
        )
      )
      assert.deepStrictEqual(yield* receive("1"), accepted)
      assert.deepStrictEqual(own, ["1"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(others, ["1"])
    }))
})

describe("several consumers", () => {
  it.effect("each get every event, which is taken when all have taken it", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      const first: Array<string> = []
      const second: Array<string> = []
      const third: Array<string> = []
      let fails = true
      yield* inBackground(
        Events.handle(({ id }) => Effect.sync(() => first.push(id))).pipe(Effect.provideContext(context))
      )
      yield* inBackground(
        Events.handle(({ id }) =>
          Effect.suspend(() => fails ? Effect.fail("down") : Effect.sync(() => second.push(id)))
        ).pipe(Effect.provideContext(context))
      )
      yield* inBackground(
        Stream.runForEach(Events.stream(), ({ id }) => Effect.sync(() => third.push(id))).pipe(
          Effect.provideContext(context)
        )
      )
      yield* settle
      assert.deepStrictEqual(yield* receive("1"), refused(500))
      assert.deepStrictEqual(yield* receive("1"), refused(500))
      fails = false
      assert.deepStrictEqual(yield* receive("1"), accepted)
      yield* settle
      assert.deepStrictEqual([first, second, third], [["1"], ["1"], ["1"]])
    }))
})

describe("a handler", () => {
  it.effect("may require services", () =>
    Effect.gen(function*() {
      class Inbox extends Context.Service<Inbox, (id: string) => Effect.Effect<void>>()("test/Inbox") {}
      const { context, receive } = yield* webhook()
      const seen: Array<string> = []
      const program: Effect.Effect<never, Events.ConsumeError, Events.Events | Inbox> = Events.handle(({ id }) =>
        Inbox.use((add) => add(id))
      )
      yield* inBackground(program.pipe(
        Effect.provideService(Inbox, (id) => Effect.sync(() => void seen.push(id))),
        Effect.provideContext(context)
      ))
      yield* receive("1")
      assert.deepStrictEqual(seen, ["1"])
    }))

  it.effect("is interrupted with its consumer, and its event comes again", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      const interrupted = yield* Deferred.make<void>()
      const handler = () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      const consumer = yield* inBackground(Events.handle(handler).pipe(Effect.provideContext(context)))
      const answer = yield* Effect.forkChild(receive("1"), { startImmediately: true })
      yield* settle
      yield* Fiber.interrupt(consumer)
      yield* Deferred.await(interrupted)
      assert.deepStrictEqual(yield* Fiber.join(answer), refused(500))
    }))

  it.effect("that throws or dies is one that fails", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      const broken = Events.handle(({ id }) => {
        if (id === "1") throw new Error("broken")
        return id === "2" ? Effect.die("broken") : Effect.interrupt
      })
      yield* inBackground(broken.pipe(Effect.provideContext(context)))
      for (const id of ["1", "2", "3"]) assert.deepStrictEqual(yield* receive(id), refused(500))
    }))
})

describe("a handler that interrupts itself", () => {
  it.effect("is logged as others are, and one that is interrupted with its consumer is not", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      const logged = yield* logs(Effect.gen(function*() {
        const consumer = yield* inBackground(
          Events.handle(({ id }) => id === "self" ? Effect.interrupt : Effect.never).pipe(
            Effect.provideContext(context)
          )
        )
        const answer = yield* receive("self")
        yield* inBackground(receive("other"))
        yield* settle
        yield* Fiber.interrupt(consumer)
        yield* settle
        return answer
      }))
      assert.deepStrictEqual(logged.value, refused(500))
      assert.include(logged.text, `"event_id":"self"`)
      assert.include(logged.text, `"error":"InterruptError"`)
      assert.notInclude(logged.text, `"event_id":"other"`)
    }))
})

describe("an event whose handler hangs", () => {
  it.effect("has one delivery waiting for it, whose outcome all later ones share", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      const gates: Array<Deferred.Deferred<void, string>> = []
      const handler = () => {
        const gate = Deferred.makeUnsafe<void, string>()
        gates.push(gate)
        return Deferred.await(gate)
      }
      yield* inBackground(Events.handle(handler).pipe(Effect.provideContext(context)))
      for (let delivery = 0; delivery < 20; delivery++) {
        const answer = yield* inBackground(receive("1"))
        yield* TestClock.adjust("15 seconds")
        assert.deepStrictEqual(yield* Fiber.join(answer), refused(500))
      }
      const sharing = yield* inBackground(receive("1"))
      yield* settle
      for (const nth of [0, 1]) {
        assert.lengthOf(gates, nth + 1)
        yield* Deferred.fail(gates[nth] ?? assert.fail(), "down")
        yield* settle
      }
      // Each of twenty waiting deliveries would have it handled again.
      assert.lengthOf(gates, 2)
      assert.deepStrictEqual(yield* Fiber.join(sharing), refused(500))

      const last = yield* inBackground(receive("1"))
      yield* settle
      yield* Deferred.succeed(gates[2] ?? assert.fail(), undefined)
      assert.deepStrictEqual(yield* Fiber.join(last), accepted)
      assert.deepStrictEqual(yield* receive("1"), accepted)
      assert.lengthOf(gates, 3)
    }))

  it.effect("and cannot be interrupted is waited for, and its event comes again", () =>
    Effect.gen(function*() {
      const { context, receive } = yield* webhook()
      let handled = 0
      const handler = () => Effect.uninterruptible(Effect.delay(Effect.sync(() => handled++), "1 second"))
      const consumer = yield* inBackground(Events.handle(handler).pipe(Effect.provideContext(context)))
      const answer = yield* inBackground(receive("1"))
      yield* settle
      const interrupting = yield* inBackground(Fiber.interrupt(consumer))
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(interrupting.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(interrupting)
      assert.deepStrictEqual([yield* Fiber.join(answer), handled], [refused(500), 1])
    }))
})

describe("a capacity", () => {
  it.effect.each([NaN, -1, 0, 0.5, -Infinity])("of %d is refused", (capacity) =>
    Effect.gen(function*() {
      const { events } = yield* Events.make
      const error = {
        _tag: "InvalidLarkConfig",
        message: `capacity is ${capacity}; it must be a whole number of at least 1, or Infinity.`
      }
      const handled = yield* Effect.flip(events.handle(() => Effect.void, { capacity }))
      const streamed = yield* Effect.flip(Stream.runDrain(events.stream({ capacity })))
      for (const { _tag, message } of [handled, streamed]) assert.deepStrictEqual({ _tag, message }, error)
    }))

  it.effect("may be infinite", () =>
    Effect.gen(function*() {
      const { deliver, events } = yield* Events.make
      const seen = yield* inBackground(
        Stream.runCollect(Stream.take(events.stream({ capacity: Infinity }), 3))
      )
      yield* settle
      for (const id of ["1", "2", "3"]) assert.isTrue(yield* deliver(Option.getOrThrow(Events.fromWire(ended(id)))))
      assert.lengthOf(yield* Fiber.join(seen), 3)
    }))
})

describe("a source that is closed", () => {
  it.effect("ends the consumers from outside, now and later", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { events } = yield* Scope.provide(Events.make, scope)
      const handling = yield* inBackground(Effect.flip(events.handle(() => Effect.void)))
      const streaming = yield* inBackground(Effect.flip(Stream.runDrain(events.stream())))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      const errors = [
        yield* Fiber.join(handling),
        yield* Fiber.join(streaming),
        yield* Effect.flip(events.handle(() => Effect.void)),
        yield* Effect.flip(Stream.runDrain(events.stream()))
      ]
      assert.deepStrictEqual(errors.map(({ _tag }) => _tag), errors.map(() => "EventsClosed"))
    }), 2_000)
})

describe("a source of your own", () => {
  it.effect("is made with what reads the envelopes and gives the events to consumers", () =>
    Effect.gen(function*() {
      const { deliver, events, refuse } = yield* Events.make
      const seen: Array<string> = []
      const consumer = yield* inBackground(events.handle(({ id }) => Effect.sync(() => seen.push(id))))
      const event = Option.getOrThrow(Events.fromWire(ended("1")))
      assert.isTrue(yield* deliver(event))
      assert.isTrue(yield* deliver(event))
      assert.deepStrictEqual(seen, ["1"])
      const error = new Events.Refused({ reason: "forbidden", msg: "closed" })
      yield* refuse(error)
      assert.strictEqual(yield* Effect.flip(Fiber.join(consumer)), error)
      assert.isFalse(yield* deliver(Option.getOrThrow(Events.fromWire(ended("2")))))
    }))
})

describe("an event that one consumer refuses", () => {
  const eventOf = (id: string) => Option.getOrThrow(Events.fromWire(ended(id)))

  it.effect("is not given again to one that took it, until 10,000 later ones are refused", () =>
    Effect.gen(function*() {
      const { deliver, events } = yield* Events.make
      let times = 0
      yield* inBackground(events.handle(({ id }) => Effect.sync(() => id === "x" && times++)))
      const refusing = ({ id }: Events.Event) =>
        id === "x" || id.startsWith("refused") ? Effect.fail("down") : Effect.void
      yield* inBackground(Effect.provide(events.handle(refusing), Logger.layer([])))
      const deliverMany = (prefix: string, count: number) =>
        Effect.forEach(Array.from({ length: count }, (_, index) => `${prefix}${index}`), (id) => deliver(eventOf(id)))

      assert.isFalse(yield* deliver(eventOf("x")))
      yield* deliverMany("taken", 10_000)
      assert.isFalse(yield* deliver(eventOf("x")))
      assert.strictEqual(times, 1)
      yield* deliverMany("refused", 9_999)
      yield* deliver(eventOf("x"))
      assert.strictEqual(times, 1)
      yield* deliver(eventOf("refused again"))
      yield* deliver(eventOf("x"))
      assert.strictEqual(times, 2)
    }))
})

describe("the set of handled events", () => {
  it.effect("is not asked while nobody consumes events: it may claim them", () =>
    Effect.gen(function*() {
      const claimed = new Set<string>()
      const { deliver, events } = yield* Effect.provideService(Events.make, Events.HandledEvents, {
        has: (id) => Effect.sync(() => claimed.size === claimed.add(id).size),
        add: () => Effect.void
      })
      const event = Option.getOrThrow(Events.fromWire(ended("1")))
      const seen: Array<string> = []
      const unconsumed = yield* inBackground(deliver(event))
      yield* TestClock.adjust("2500 millis")
      assert.isFalse(yield* Fiber.join(unconsumed))
      yield* inBackground(events.handle(({ id }) => Effect.sync(() => seen.push(id))))
      assert.isTrue(yield* deliver(event))
      assert.deepStrictEqual(seen, ["1"])
    }))

  it.effect("is not asked after the source has refused or closed, either", () =>
    Effect.gen(function*() {
      let asked = 0
      const scope = yield* Scope.make()
      const { deliver, refuse } = yield* Scope.provide(Events.make, scope).pipe(
        Effect.provideService(Events.HandledEvents, {
          has: () => Effect.sync(() => asked++ > 0),
          add: () => Effect.void
        })
      )
      const waiting = yield* inBackground(deliver(Option.getOrThrow(Events.fromWire(ended("1")))))
      yield* refuse(new Events.Refused({ reason: "forbidden", msg: "" }))
      assert.isFalse(yield* Fiber.join(waiting))
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(yield* deliver(Option.getOrThrow(Events.fromWire(ended("2")))))
      assert.strictEqual(asked, 0)
    }))

  it.effect("that claims an event in `has` has it handled once by both sources at the same moment", () =>
    Effect.gen(function*() {
      const claimed = new Set<string>()
      const set = Layer.succeed(Events.HandledEvents, {
        has: (id) => Effect.delay(Effect.sync(() => claimed.size === claimed.add(id).size), "10 millis"),
        add: () => Effect.void
      })
      const { context, receive } = yield* Effect.provide(webhook(), set)
      const seen: Array<string> = []
      yield* inBackground(
        Events.handle(({ id }) => Effect.sync(() => seen.push(id))).pipe(Effect.provideContext(context))
      )
      yield* Effect.gen(function*() {
        const { ids } = yield* consume
        const answers = yield* inBackground(Effect.all([receive("1"), push("1")], { concurrency: 2 }))
        yield* settle
        yield* TestClock.adjust("10 millis")
        assert.deepStrictEqual((yield* Fiber.join(answers))[0], accepted)
        yield* settle
        assert.deepStrictEqual([...ids, ...seen], ["1"])
      }).pipe(
        Effect.provide(Layer.provide(LongConnection.layer, set)),
        Effect.provide(Lark.layer(Simulator.defaultApp)),
        Effect.provide(Simulator.layer())
      )
    }))

  it.effect("is shared by processes, and by both sources", () =>
    Effect.gen(function*() {
      const store = Layer.succeedContext(yield* Layer.build(Persistence.layerBackingMemory))
      const set = Events.layerHandledEvents().pipe(Layer.provide(store))
      const { context, receive } = yield* Effect.provide(webhook(), set)
      const byWebhook: Array<string> = []
      yield* inBackground(
        Events.handle(({ id }) => Effect.sync(() => byWebhook.push(id))).pipe(Effect.provideContext(context))
      )
      const byConnection = yield* Effect.gen(function*() {
        const { ids } = yield* consume
        yield* receive("1")
        yield* push("1")
        yield* push("2")
        yield* receive("2")
        return ids
      }).pipe(
        Effect.provide(Layer.provide(LongConnection.layer, set)),
        Effect.provide(Lark.layer(Simulator.defaultApp)),
        Effect.provide(Simulator.layer())
      )
      assert.deepStrictEqual([byWebhook, byConnection], [["1"], ["2"]])
    }))
})
