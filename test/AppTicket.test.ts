import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Effect, Fiber, Layer, Redacted } from "effect"
import { AppTicket, LarkConfig, LarkError, Seal } from "effect-lark-meetings"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import * as platform from "./fixtures/http/platform.ts"
import * as prompt from "./fixtures/http/prompt.ts"
import * as plainSeal from "./fixtures/plainSeal.ts"
import { wallClock } from "./fixtures/wallClock.ts"

const asked = { body: { code: 0, msg: "ok" } }

/** The store that all processes of an app share. */
const memory = Effect.map(Layer.build(KeyValueStore.layerMemory), Layer.succeedContext)

interface Setting {
  readonly store?: Layer.Layer<KeyValueStore.KeyValueStore>
  readonly seal?: Layer.Layer<Seal.Seal, unknown>
  readonly appId?: string
  readonly resend?: platform.Reaction
}

/** One process of a store app, and its requests for a push. */
const start = ({ appId = "cli_a", resend = asked, seal = plainSeal.layer, store }: Setting = {}) =>
  Effect.gen(function*() {
    const feishu = prompt.make(() => resend)
    const layer = AppTicket.layer.pipe(
      Layer.provide(LarkConfig.layer({ appId, appSecret: Redacted.make("secret-of-the-app") })),
      Layer.provide([feishu.layer, store ?? (yield* memory), seal])
    )
    const service = yield* Effect.provide(AppTicket.AppTicket, yield* Layer.build(layer))
    return {
      text: Effect.map(service.get, Redacted.value),
      failure: Effect.flip(service.get),
      push: (ticket: string, at?: number) =>
        service.put(Redacted.make(ticket), { createdAt: at === undefined ? undefined : DateTime.makeUnsafe(at) }),
      reject: (ticket: string) => service.reject(Redacted.make(ticket)),
      resends: feishu.calls
    }
  })

const storeOf = (values: Map<string, string>, failing: { get?: boolean; set?: boolean } = {}) => {
  const fail = (method: string) =>
    Effect.fail(new KeyValueStore.KeyValueStoreError({ method, message: "the disk is gone", cause: [...values] }))
  return Layer.succeed(
    KeyValueStore.KeyValueStore,
    KeyValueStore.makeStringOnly({
      get: (key) => Effect.suspend(() => failing.get === true ? fail("get") : Effect.succeed(values.get(key))),
      set: (key, value) =>
        Effect.suspend(() => failing.set === true ? fail("set") : Effect.sync(() => void values.set(key, value))),
      remove: () => fail("remove"),
      clear: fail("clear"),
      size: fail("size"),
      keys: fail("keys")
    })
  )
}

/** A store whose operations take a second. */
const slow = (values: Map<string, string>) =>
  Layer.effect(
    KeyValueStore.KeyValueStore,
    Effect.map(KeyValueStore.KeyValueStore, (store) => ({
      ...store,
      get: (key: string) => Effect.delay(store.get(key), "1 second"),
      set: (key: string, value: string | Uint8Array) => Effect.delay(store.set(key, value), "1 second")
    }))
  ).pipe(Layer.provide(storeOf(values)))

describe("an app_ticket", () => {
  it.effect("that was pushed is returned without a request", () =>
    Effect.gen(function*() {
      const app = yield* start()
      yield* app.push("g-1")
      assert.strictEqual(yield* app.text, "g-1")
      yield* app.push("g-2")
      assert.strictEqual(yield* app.text, "g-2")
      assert.deepStrictEqual(app.resends, [])
    }))

  it.effect("survives a restart, and reaches the other processes", () =>
    Effect.gen(function*() {
      const store = yield* memory
      const first = yield* start({ store })
      const second = yield* start({ store })
      yield* first.push("g-1")
      assert.strictEqual(yield* second.text, "g-1")
      yield* second.push("g-2")
      assert.strictEqual(yield* first.text, "g-2")
      assert.strictEqual(yield* (yield* start({ store })).text, "g-2")
    }))

  it.effect("belongs to one app", () =>
    Effect.gen(function*() {
      const store = yield* memory
      yield* (yield* start({ store, appId: "cli_a" })).push("g-a")
      const other = yield* start({ store, appId: "cli_b", resend: new platform.Lost("gone") })
      assert.include<object>(yield* other.failure, { _tag: "AppTicketMissing", reason: "none" })
    }))

  it.effect("is stored sealed, under the id of the app, and opens only there", () =>
    Effect.gen(function*() {
      const values = new Map<string, string>()
      const setting = {
        store: storeOf(values),
        seal: Seal.layer({ key: Redacted.make(btoa("0123456789abcdef0123456789abcdef")) })
      }
      const app = yield* start(setting)
      yield* app.push("g-secret-ticket")
      assert.deepStrictEqual([...values.keys()], ["effect-lark-meetings/app_ticket/cli_a"])
      assert.notInclude(inspect([...values]), "g-secret-ticket")
      assert.strictEqual(yield* (yield* start(setting)).text, "g-secret-ticket")

      const sealed = values.get("effect-lark-meetings/app_ticket/cli_a") ?? ""
      values.set("effect-lark-meetings/app_ticket/cli_b", sealed)
      const other = yield* start({ ...setting, appId: "cli_b", resend: new platform.Lost("gone") })
      assert.include<object>(yield* other.failure, { _tag: "SessionStoreError", reason: "unreadable" })
    }))
})

describe("a push that comes late", () => {
  it.effect("does not replace the ticket of a later event, in any process", () =>
    Effect.gen(function*() {
      const store = yield* memory
      const first = yield* start({ store })
      const second = yield* start({ store })
      yield* TestClock.adjust("1 hour")
      yield* first.push("g-2", 2_000)
      yield* first.push("g-1", 1_000)
      yield* second.push("g-1", 1_999)
      assert.strictEqual(yield* first.text, "g-2")
      yield* second.push("g-3", 2_001)
      assert.strictEqual(yield* first.text, "g-3")
      assert.deepStrictEqual(first.resends, [])
    }))

  it.effect("replaces a ticket of the same time, or of an unknown one; and one of an unknown time replaces any", () =>
    Effect.gen(function*() {
      const app = yield* start()
      yield* TestClock.adjust("1 hour")
      yield* app.push("g-1", 2_000)
      yield* app.push("g-2", 2_000)
      assert.strictEqual(yield* app.text, "g-2")
      yield* app.push("g-3")
      assert.strictEqual(yield* app.text, "g-3")
      yield* app.push("g-4", 1_000)
      assert.strictEqual(yield* app.text, "g-4")
    }))

  it.effect("is accepted after an event from the distant future", () =>
    Effect.gen(function*() {
      const app = yield* start()
      yield* app.push("g-1", 8_640_000_000_000_000)
      yield* TestClock.adjust("1 hour")
      yield* app.push("g-2", 3_600_000)
      assert.strictEqual(yield* app.text, "g-2")
    }))

  it.effect("does not replace a later one in a process whose clock is slow", () =>
    Effect.gen(function*() {
      const store = yield* memory
      yield* TestClock.adjust("1 hour")
      const { clock, setBy } = yield* wallClock
      const first = yield* start({ store })
      const slow = yield* start({ store }).pipe(Effect.provideService(Clock.Clock, clock))
      setBy(-4 * 60_000)
      yield* first.push("g-1", 3_480_000)
      yield* slow.push("g-2", 3_600_000)
      assert.strictEqual(yield* first.text, "g-2")
      yield* first.push("g-1", 3_480_000)
      assert.strictEqual(yield* first.text, "g-2")
    }))

  it.effect("while a later one is being stored does not replace it", () =>
    Effect.gen(function*() {
      const values = new Map<string, string>()
      const app = yield* start({ store: slow(values) })
      yield* TestClock.adjust("1 hour")
      const later = yield* Effect.forkChild(app.push("g-2", 2_000))
      const earlier = yield* Effect.forkChild(Effect.delay(app.push("g-1", 1_000), 100))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(later)
      yield* Fiber.join(earlier)
      assert.include([...values.values()].join(), "g-2")
    }))

  it.effect("fails when the stored ticket cannot be read", () =>
    Effect.gen(function*() {
      const values = new Map<string, string>()
      const failing = { get: false }
      const app = yield* start({ store: storeOf(values, failing) })
      yield* TestClock.adjust("1 hour")
      yield* app.push("g-2", 2_000)
      failing.get = true
      assert.include<object>(yield* Effect.flip(app.push("g-1", 1_000)), { _tag: "SessionStoreError" })
      failing.get = false
      assert.strictEqual(yield* app.text, "g-2")
    }))

  it.effect("replaces data that cannot be opened", () =>
    Effect.gen(function*() {
      const app = yield* start({
        store: storeOf(new Map([["effect-lark-meetings/app_ticket/cli_a", "sealed elsewhere"]]))
      })
      yield* app.push("g-1", 0)
      assert.strictEqual(yield* app.text, "g-1")
    }))
})

describe("without a ticket", () => {
  it.effect("one is requested with the app's id and secret and without a token", () =>
    Effect.gen(function*() {
      const app = yield* start()
      const fiber = yield* Effect.forkChild(app.failure)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(fiber)
      const [request, ...more] = app.resends
      assert.include(request, {
        method: "POST",
        url: "https://open.feishu.cn/open-apis/auth/v3/app_ticket/resend",
        body: `{"app_id":"cli_a","app_secret":"secret-of-the-app"}`
      })
      assert.notProperty(request?.headers, "authorization")
      assert.deepStrictEqual(more, [])
    }))

  it.effect("callers wait for the push, and a first start succeeds", () =>
    Effect.gen(function*() {
      const app = yield* start()
      const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(app.text))
      yield* TestClock.adjust(1_999)
      yield* app.push("g-1")
      yield* Effect.yieldNow
      assert.deepStrictEqual([...new Set(yield* Effect.forEach(fibers, Fiber.join))], ["g-1"])
      assert.strictEqual(app.resends.length, 1)
    }))

  it.effect("the push may arrive before the answer to the request", () =>
    Effect.gen(function*() {
      const app = yield* start({ resend: Effect.delay(Effect.succeed(asked), "5 seconds") })
      const fiber = yield* Effect.forkChild(app.text)
      yield* TestClock.adjust("1 second")
      yield* app.push("g-1")
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "g-1")
      assert.strictEqual(yield* Clock.currentTimeMillis, 5_000)
    }))

  it.effect("the push may go to another process", () =>
    Effect.gen(function*() {
      const store = yield* memory
      const asking = yield* start({ store })
      const receiving = yield* start({ store })
      const fiber = yield* Effect.forkChild(asking.text)
      yield* TestClock.adjust("1 second")
      yield* receiving.push("g-1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "g-1")
    }))

  it.effect("all callers wait until two seconds after the request", () =>
    Effect.gen(function*() {
      const app = yield* start()
      const first = yield* Effect.forkChild(app.failure)
      yield* TestClock.adjust("1 second")
      const second = yield* Effect.forkChild(app.failure)
      yield* TestClock.adjust(999)
      assert.isUndefined(first.pollUnsafe())
      yield* TestClock.adjust(1)
      const missing = { _tag: "AppTicketMissing", reason: "none", resend: "requested" }
      assert.include<object>(yield* Fiber.join(first), missing)
      assert.include<object>(yield* Fiber.join(second), missing)
      for (let i = 0; i < 100; i++) assert.include<object>(yield* app.failure, missing)
    }))

  it.effect("one is requested once a minute, however many callers wait or are interrupted", () =>
    Effect.gen(function*() {
      const app = yield* start({ resend: Effect.delay(Effect.succeed(asked), "1 second") })
      for (let second = 0; second < 120; second++) {
        for (let i = 0; i < 100; i++) {
          const fiber = yield* Effect.forkChild(Effect.ignore(app.text))
          if (i % 2 === 0) yield* Fiber.interrupt(fiber)
        }
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(app.resends.length, 2)
    }))

  it.effect.each([-3_600_000, 3_600_000])(
    "the intervals do not change when the wall clock is set by %s ms",
    (step) =>
      Effect.gen(function*() {
        const { clock, setBy } = yield* wallClock
        const app = yield* start().pipe(Effect.provideService(Clock.Clock, clock))
        const first = yield* Effect.forkChild(app.failure)
        yield* TestClock.adjust("1 second")
        setBy(step)
        const second = yield* Effect.forkChild(app.failure)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        yield* TestClock.adjust(57_999)
        yield* app.failure
        assert.strictEqual(app.resends.length, 1)
        yield* TestClock.adjust(1)
        yield* Effect.forkChild(app.failure)
        yield* TestClock.adjust(0)
        assert.strictEqual(app.resends.length, 2)
      })
  )

  const failures: ReadonlyArray<readonly [what: string, reaction: platform.Reaction]> = [
    ["a connection is lost", new platform.Lost("gone")],
    ["the app is no store app", platform.failed(200, 10016)],
    ["the secret is wrong", platform.failed(200, 10015)],
    ["the platform fails", platform.failed(500, 5000)],
    ["a gateway answers", { status: 502, body: "<html>" }]
  ]

  it.effect.each(failures)(
    "the error says at once that the request failed when %s",
    ([, resend]) =>
      Effect.gen(function*() {
        const app = yield* start({ resend })
        for (let i = 0; i < 100; i++) {
          const error = yield* app.failure
          assert.include<object>(error, { _tag: "AppTicketMissing", reason: "none", resend: "failed" })
          assert.include(error.message, "failed; check that the webhook")
        }
        yield* TestClock.adjust(59_999)
        yield* app.failure
        assert.strictEqual(app.resends.length, 1)
        yield* TestClock.adjust(1)
        yield* app.failure
        assert.strictEqual(app.resends.length, 2)
      })
  )
})

describe("a rejected ticket", () => {
  it.effect("is not returned again, and another one is requested", () =>
    Effect.gen(function*() {
      const app = yield* start()
      yield* app.push("g-1")
      yield* app.reject("g-1")
      const fiber = yield* Effect.forkChild(app.failure)
      yield* TestClock.adjust("2 seconds")
      assert.include<object>(yield* Fiber.join(fiber), {
        _tag: "AppTicketMissing",
        reason: "rejected",
        resend: "requested"
      })
      assert.strictEqual(app.resends.length, 1)
      yield* app.push("g-2")
      assert.strictEqual(yield* app.text, "g-2")
    }))

  it.effect("is returned again after it is pushed again", () =>
    Effect.gen(function*() {
      const app = yield* start()
      yield* app.push("g-1")
      yield* app.reject("g-1")
      yield* app.push("g-1")
      assert.strictEqual(yield* app.text, "g-1")
    }))

  it.effect("is replaced by the one that another process has received since, without a request", () =>
    Effect.gen(function*() {
      const store = yield* memory
      const app = yield* start({ store })
      yield* app.push("g-1")
      yield* (yield* start({ store })).push("g-2")
      yield* app.reject("g-1")
      assert.strictEqual(yield* app.text, "g-2")
      assert.deepStrictEqual(app.resends, [])
    }))
})

describe("a store", () => {
  it.effect("that is unavailable fails with SessionStoreError, without a request", () =>
    Effect.gen(function*() {
      const app = yield* start({ store: storeOf(new Map(), { get: true, set: true }) })
      const unavailable = { _tag: "SessionStoreError", reason: "unavailable", detail: "the disk is gone" }
      assert.include<object>(yield* app.failure, unavailable)
      const error = yield* Effect.flip(app.push("g-secret-ticket"))
      assert.include<object>(error, unavailable)
      assert.notInclude(inspect(error, { depth: 9, showHidden: true }) + String(error.stack), "g-secret-ticket")
      assert.deepStrictEqual(app.resends, [])
    }))

  it.effect("that never answers fails with SessionStoreError after nine seconds, and works when it recovers", () =>
    Effect.gen(function*() {
      let isHung = true
      const hanging = Layer.effect(
        KeyValueStore.KeyValueStore,
        Effect.map(KeyValueStore.KeyValueStore, (store) => ({
          ...store,
          get: (key: string) => Effect.suspend(() => isHung ? Effect.never : store.get(key)),
          set: (key: string, value: string | Uint8Array) =>
            Effect.suspend(() => isHung ? Effect.never : store.set(key, value))
        }))
      ).pipe(Layer.provide(storeOf(new Map())))
      const app = yield* start({ store: hanging })
      for (const operation of [app.failure, Effect.flip(app.push("g-1"))]) {
        const fiber = yield* Effect.forkChild(operation, { startImmediately: true })
        yield* TestClock.adjust(8_999)
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust(1)
        const hung = { _tag: "SessionStoreError", reason: "unavailable", detail: "no answer within 9 seconds" }
        assert.include<object>(yield* Fiber.join(fiber), hung)
      }
      isHung = false
      yield* app.push("g-2")
      assert.strictEqual(yield* app.text, "g-2")
    }))

  it.effect("that fails during the wait for a push fails with SessionStoreError", () =>
    Effect.gen(function*() {
      const failing = { get: false }
      const app = yield* start({ store: storeOf(new Map(), failing) })
      const fiber = yield* Effect.forkChild(app.failure)
      yield* TestClock.adjust("1 second")
      failing.get = true
      yield* TestClock.adjust("1 second")
      assert.include<object>(yield* Fiber.join(fiber), { _tag: "SessionStoreError", reason: "unavailable" })
    }))

  it.effect("that holds data that cannot be opened is repaired by the next push", () =>
    Effect.gen(function*() {
      const values = new Map([["effect-lark-meetings/app_ticket/cli_a", "sealed elsewhere"]])
      const app = yield* start({ store: storeOf(values) })
      const fiber = yield* Effect.forkChild(app.text)
      yield* TestClock.adjust("1 second")
      yield* app.push("g-1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "g-1")
      assert.strictEqual(app.resends.length, 1)
    }))

  const silences: ReadonlyArray<readonly [what: string, reaction: platform.Reaction]> = [
    ["no push comes", asked],
    ["the request fails", new platform.Lost("gone")]
  ]

  it.effect.each(silences)(
    "that holds data that cannot be opened fails with SessionStoreError when %s",
    ([, resend]) =>
      Effect.gen(function*() {
        const values = new Map([["effect-lark-meetings/app_ticket/cli_a", "sealed elsewhere"]])
        const app = yield* start({ store: storeOf(values), resend })
        const fiber = yield* Effect.forkChild(app.failure)
        yield* TestClock.adjust("2 seconds")
        const error = yield* Fiber.join(fiber)
        assert.instanceOf(error, LarkError.SessionStoreError)
        assert.include<object>(error, { reason: "unreadable" })
        assert.include(error.message, "LARK_SEAL_KEY")
      })
  )
})
