import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, DateTime, Deferred, Effect, Fiber, Layer, Option, Redacted, type Scope } from "effect"
import { type AppTicket, LarkError, Webhook } from "effect-lark-meetings"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { Persistence, Redis } from "effect/persistence"
import { TestClock } from "effect/testing"
import * as delivery from "./fixtures/delivery.ts"
import * as servers from "./fixtures/servers.ts"
import * as SqliteClient from "./fixtures/SqliteClient.ts"
import { wallClock } from "./fixtures/wallClock.ts"
import { accepted, appTicket, ended, logs, mount, path, refused, verificationToken } from "./fixtures/webhook.ts"

const event = delivery.plain(ended())

/** A store of several pods, and an id of it that no other test uses. */
interface Shared {
  readonly layer: Layer.Layer<Persistence.BackingPersistence>
  readonly storeId: string
}

/** A handler that ends when the test says so. */
const gated = Effect.gen(function*() {
  const gates: Array<Deferred.Deferred<void, string>> = []
  const onEvent = () => {
    const gate = Deferred.makeUnsafe<void, string>()
    gates.push(gate)
    return Deferred.await(gate)
  }
  const gate = (index: number) => gates[index] ?? assert.fail(`no handling ${index}`)
  return { onEvent, gate, handlings: () => gates.length }
})

describe("a duplicate that arrives while its event is handled", () => {
  it.effect("waits for the outcome and is not handled after a success", () =>
    Effect.gen(function*() {
      const { gate, handlings, onEvent } = yield* gated
      const webhook = yield* mount({ onEvent })
      assert.deepStrictEqual(yield* webhook.receive(event), accepted)
      const duplicate = yield* Effect.forkChild(webhook.receive(event), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.isUndefined(duplicate.pollUnsafe())
      yield* Deferred.succeed(gate(0), undefined)
      assert.deepStrictEqual(yield* Fiber.join(duplicate), accepted)
      assert.strictEqual(handlings(), 1)
    }))

  it.effect("is handled after a failure, once for all duplicates", () =>
    Effect.gen(function*() {
      const { gate, handlings, onEvent } = yield* gated
      const webhook = yield* mount({ onEvent })
      yield* webhook.receive(event)
      const duplicates = yield* Effect.forEach(
        [1, 2, 3],
        () => Effect.forkChild(webhook.receive(event), { startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      yield* Deferred.fail(gate(0), "the database is down")
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(handlings(), 2)
      yield* Deferred.succeed(gate(1), undefined)
      for (const duplicate of duplicates) assert.deepStrictEqual(yield* Fiber.join(duplicate), accepted)
      assert.strictEqual(handlings(), 2)
    }))

  it.effect("is answered after two seconds, and still handled if the handler fails later", () =>
    Effect.gen(function*() {
      const { gate, handlings, onEvent } = yield* gated
      const webhook = yield* mount({ onEvent })
      yield* webhook.receive(event)
      const duplicate = yield* Effect.forkChild(webhook.receive(event), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.isDefined(duplicate.pollUnsafe())
      yield* TestClock.adjust("1 hour")
      yield* Deferred.fail(gate(0), "the database is down")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(handlings(), 2)
    }))
})

describe("an event whose handler fails", () => {
  it.effect("is handled again when it is repeated", () =>
    Effect.gen(function*() {
      let times = 0
      const webhook = yield* mount({
        onEvent: () => Effect.suspend(() => ++times < 3 ? Effect.fail("down") : Effect.void)
      })
      for (let i = 0; i < 5; i++) assert.deepStrictEqual(yield* webhook.receive(event), accepted)
      assert.strictEqual(times, 3)
    }))
})

describe("the set of handled events", () => {
  for (const [direction, hours] of [["back", -12], ["forward", 12]] as const) {
    it.effect(`remembers an event for eight hours after its last delivery when the wall clock is set ${direction}`, () =>
      Effect.gen(function*() {
        const wall = yield* wallClock
        yield* Effect.gen(function*() {
          const webhook = yield* mount()
          yield* webhook.receive(event)
          wall.setBy(hours * 3_600_000)
          yield* TestClock.adjust("479 minutes")
          yield* webhook.receive(event)
          assert.lengthOf(webhook.events, 1)
          yield* TestClock.adjust("480 minutes")
          yield* webhook.receive(delivery.plain(ended("another")))
          yield* webhook.receive(event)
          assert.lengthOf(webhook.events, 3)
        }).pipe(Effect.provideService(Clock.Clock, wall.clock))
      }))
  }

  it.effect("remembers the 10,000 events that were delivered last", () =>
    Effect.gen(function*() {
      const webhook = yield* mount()
      const receive = (nth: number) => webhook.receive(delivery.plain(ended(`event-${nth}`)))
      for (let nth = 0; nth <= 10_000; nth++) yield* receive(nth)
      yield* receive(1)
      assert.lengthOf(webhook.events, 10_001)
      yield* receive(0)
      assert.lengthOf(webhook.events, 10_002)
    }))

  const stores: ReadonlyArray<readonly [where: string, layer: Layer.Layer<Persistence.BackingPersistence>]> = [
    ["memory", Persistence.layerBackingMemory],
    ["SQL", Layer.provide(Persistence.layerBackingSql, Layer.orDie(SqliteClient.layer(":memory:")))]
  ]

  it.effect.each(stores)(
    "of two processes that share a store (%s) holds what either has handled",
    ([, layer]) =>
      Effect.gen(function*() {
        const store = yield* Layer.build(layer)
        const { gate, handlings, onEvent } = yield* gated
        const pod = (storeId?: string) =>
          Effect.provide(
            mount({ onEvent }),
            Layer.provide(Webhook.layerHandledEvents({ storeId }), Layer.succeedContext(store))
          )
        const [first, second, otherApp] = [yield* pod(), yield* pod(), yield* pod("other")]
        yield* first.receive(event)
        yield* Deferred.fail(gate(0), "the database is down")
        yield* TestClock.adjust("1 millis")
        yield* second.receive(event)
        assert.strictEqual(handlings(), 2)
        yield* Deferred.succeed(gate(1), undefined)
        yield* TestClock.adjust("7 hours")
        for (const webhook of [first, second]) assert.deepStrictEqual(yield* webhook.receive(event), accepted)
        assert.strictEqual(handlings(), 2)
        yield* otherApp.receive(event)
        assert.strictEqual(handlings(), 3)
        yield* TestClock.adjust("24 hours")
        yield* first.receive(event)
        assert.strictEqual(handlings(), 4)
      })
  )

  it.effect.each(stores.flatMap(([where, layer]) => [-12, 12].map((hours) => [where, hours, layer] as const)))(
    "that processes share (%s) remembers an event when the wall clock of one is set by %d hours",
    ([, hours, layer]) =>
      Effect.gen(function*() {
        const store = yield* Layer.build(layer)
        const set = Layer.provide(Webhook.layerHandledEvents(), Layer.succeedContext(store))
        const wall = yield* wallClock
        const [first, second] = [yield* Effect.provide(mount(), set), yield* Effect.provide(mount(), Layer.fresh(set))]
        yield* first.receive(event)
        wall.setBy(hours * 3_600_000)
        for (const webhook of [first, second]) {
          yield* Effect.provideService(webhook.receive(event), Clock.Clock, wall.clock)
        }
        yield* TestClock.adjust("7 hours")
        for (const webhook of [first, second]) yield* webhook.receive(event)
        assert.lengthOf([...first.events, ...second.events], 1)
      })
  )

  const onServer = (server: servers.ServerName, store: Effect.Effect<Shared, never, Scope.Scope>) =>
    it.live(
      `of two pods that share ${server} holds what either has handled`,
      () =>
        Effect.gen(function*() {
          const { layer, storeId } = yield* store
          const ticket = delivery.plain(appTicket())
          const pod = Effect.fnUntraced(function*(id: string, put?: AppTicket.AppTicket["Service"]["put"]) {
            const set = Layer.provide(Webhook.layerHandledEvents({ storeId: id }), Layer.fresh(layer))
            return yield* Effect.provide(mount(put === undefined ? {} : { put }), yield* Layer.build(set))
          })
          const failing = yield* pod(
            storeId,
            () => new LarkError.SessionStoreError({ endpoint: "put", reason: "unavailable", detail: "down" })
          )
          const [first, second, otherApp] = [yield* pod(storeId), yield* pod(storeId), yield* pod(`${storeId} other`)]
          assert.deepStrictEqual(yield* failing.receive(ticket), refused(500))
          for (const webhook of [first, second, otherApp]) {
            assert.deepStrictEqual(yield* webhook.receive(ticket), accepted)
          }
          assert.deepStrictEqual(
            [first, second, otherApp].map(({ tickets }) => tickets.length),
            [1, 0, 1]
          )
        }),
      servers.needs(server)
    )

  onServer(
    "PostgreSQL",
    Effect.map(servers.postgres, (client) => ({
      layer: Layer.orDie(Layer.provide(Persistence.layerBackingSql, client)),
      storeId: "app"
    }))
  )
  onServer(
    "Redis",
    Effect.map(servers.redis, ({ layer, prefix }) => ({
      layer: Layer.provide(Persistence.layerBackingRedis, layer),
      storeId: prefix
    }))
  )

  it.live("that pods share in Redis forgets an event after a day", () =>
    Effect.gen(function*() {
      const { layer, prefix } = yield* servers.redis
      const set = Layer.provide(Webhook.layerHandledEvents({ storeId: prefix }), Persistence.layerBackingRedis)
      const { receive } = yield* Effect.provide(mount(), yield* Layer.build(Layer.provide(set, layer)))
      yield* receive(delivery.plain(appTicket()))
      const redis = Context.get(yield* Layer.build(layer), Redis.Redis)
      const keys = yield* redis.send<Array<string>>("KEYS", `*${prefix}*`)
      assert.lengthOf(keys, 1)
      const millis = yield* redis.send<number>("PTTL", keys[0] ?? "")
      assert.isAbove(millis, 23.9 * 3_600_000)
      assert.isAtMost(millis, 24 * 3_600_000)
    }), servers.needs("Redis"))

  const claims = Layer.sync(Webhook.HandledEvents, () => {
    const claimed = new Set<string>()
    return { has: (id) => Effect.sync(() => claimed.size === claimed.add(id).size), add: () => Effect.void }
  })
  const sets: ReadonlyArray<readonly [what: string, set: Layer.Layer<never>, handlings: number]> = [
    ["memory of each", Layer.empty, 2],
    ["shared store", Layer.provide(Webhook.layerHandledEvents(), Persistence.layerBackingMemory), 2],
    ["set that claims in has", claims, 1]
  ]

  it.effect.each(sets)(
    "of two pods that get an event at the same moment: %s",
    ([, layer, expected]) =>
      Effect.gen(function*() {
        const set = Layer.succeedContext(yield* Layer.build(layer))
        const { gate, handlings, onEvent } = yield* gated
        const pods = [yield* Effect.provide(mount({ onEvent }), set), yield* Effect.provide(mount({ onEvent }), set)]
        for (const pod of pods) assert.deepStrictEqual(yield* pod.receive(event), accepted)
        assert.strictEqual(handlings(), expected)
        for (let n = 0; n < expected; n++) yield* Deferred.succeed(gate(n), undefined)
        yield* TestClock.adjust("1 millis")
        for (const pod of pods) assert.deepStrictEqual(yield* pod.receive(event), accepted)
        assert.strictEqual(handlings(), expected)
      })
  )

  class Down extends Error {
    override readonly name = "Down"
  }

  const broken: ReadonlyArray<readonly [how: string, answer: () => Effect.Effect<never, unknown>, name: string]> = [
    ["fails", () => Effect.fail(new Down("Zq7Xw")), "Down"],
    ["dies", () => Effect.die(new TypeError("Zq7Xw")), "TypeError"],
    ["throws", () => {
      throw new TypeError("Zq7Xw")
    }, "TypeError"],
    ["never answers", () => Effect.never, "TimeoutError"]
  ]

  it.effect.each(broken)(
    "that %s loses no event, and is logged by the name of the error",
    ([, answer, name]) =>
      Effect.gen(function*() {
        const webhook = yield* mount().pipe(
          Effect.provideService(Webhook.HandledEvents, { has: answer, add: answer })
        )
        const logged = yield* logs(Effect.gen(function*() {
          assert.deepStrictEqual(yield* webhook.receive(event), accepted)
          yield* TestClock.adjust("2 seconds")
          const ticket = yield* Effect.forkChild(webhook.receive(delivery.plain(appTicket())))
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual(yield* Fiber.join(ticket), accepted)
        }))
        assert.lengthOf(webhook.events, 1)
        assert.deepStrictEqual(webhook.tickets, ["Zq7Xw-ticket"])
        assert.deepStrictEqual(logged.levels, ["Warn", "Warn", "Warn", "Warn"])
        assert.include(logged.text, `"error":"${name}"`)
        assert.notInclude(logged.text, "Zq7Xw")
      })
  )

  it.effect("that adds when it is called is called after the handler only", () =>
    Effect.gen(function*() {
      const added = new Set<string>()
      const set: Webhook.HandledEvents = {
        has: (id) => Effect.sync(() => added.has(id)),
        add: (id) => Effect.as(Effect.void, void added.add(id))
      }
      const { gate, handlings, onEvent } = yield* gated
      const webhook = yield* mount({ onEvent }).pipe(Effect.provideService(Webhook.HandledEvents, set))
      yield* webhook.receive(event)
      yield* Deferred.fail(gate(0), "the database is down")
      yield* TestClock.adjust("1 millis")
      yield* webhook.receive(event)
      assert.strictEqual(handlings(), 2)
    }))
})

describe("the time of an event", () => {
  const times: ReadonlyArray<readonly [given: string, iso: string | undefined]> = [
    ["1603977298", "2020-10-29T13:14:58.000Z"],
    ["1603977298000", "2020-10-29T13:14:58.000Z"],
    ["1603977298000000", "2020-10-29T13:14:58.000Z"],
    ["1603977298.5", "2020-10-29T13:14:58.500Z"],
    ["0x5f9abf92", undefined],
    [" ", undefined],
    ["9".repeat(40), undefined]
  ]

  it.effect.each(times)("%s is %s, in either schema", ([given, iso]) =>
    Effect.gen(function*() {
      const webhook = yield* mount()
      yield* webhook.receive(delivery.plain(ended("event-1", { create_time: given })))
      yield* webhook.receive(delivery.plain(appTicket("", { ts: given, event: { type: "app_open" } })))
      const read = webhook.events.map(({ createdAt }) =>
        Option.getOrUndefined(Option.map(createdAt, DateTime.formatIso))
      )
      assert.deepStrictEqual(read, [iso, iso])
    }))
})

describe("a body that trickles", () => {
  it.effect("is refused after three seconds, and the connection closed", () =>
    Effect.gen(function*() {
      const app = yield* HttpRouter.toHttpEffect(
        Webhook.layer({ path, verificationToken: Redacted.make(verificationToken) })
      )
      const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(new Uint8Array([123])) })
      const init = { method: "POST", headers: { "content-type": "application/json" }, body, duplex: "half" }
      const request = HttpServerRequest.fromWeb(new Request(`http://localhost${path}`, init))
      const answer = yield* Effect.forkChild(
        Effect.scoped(Effect.provideService(app, HttpServerRequest.HttpServerRequest, request)),
        { startImmediately: true }
      )
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(answer.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const { headers, status } = yield* Fiber.join(answer)
      assert.deepStrictEqual([status, headers["connection"]], [408, "close"])
    }))
})
