import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Context, Deferred, Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { AppTicket, Events, LarkConfig, LarkError, Webhook } from "effect-lark-meetings"
import { HttpRouter } from "effect/http"
import { TestClock } from "effect/testing"
import * as delivery from "./fixtures/delivery.ts"
import {
  accepted,
  accepts,
  appTicket,
  challenge,
  encryptKey,
  ended,
  logs,
  mount,
  path,
  refused,
  sealed,
  seconds,
  send,
  verificationToken
} from "./fixtures/webhook.ts"

describe("a duplicate event", () => {
  it.effect("is answered and not handled again, by its id alone", () =>
    Effect.gen(function*() {
      const webhook = yield* mount({ encryptKey })
      for (let i = 0; i < 3; i++) {
        assert.deepStrictEqual(yield* webhook.receive(yield* sealed(ended(), `nonce-${i}`)), accepted)
        assert.deepStrictEqual(yield* webhook.receive(yield* sealed(appTicket(), `nonce-${i}`)), accepted)
        yield* TestClock.adjust("2 hours")
      }
      assert.strictEqual(accepts(webhook), 2)
      yield* webhook.receive(yield* sealed(ended("event-2")))
      assert.strictEqual(accepts(webhook), 3)
    }))

  it.effect("is handled again after eight hours", () =>
    Effect.gen(function*() {
      const webhook = yield* mount()
      yield* webhook.receive(delivery.plain(ended()))
      yield* TestClock.adjust("8 hours")
      yield* webhook.receive(delivery.plain(ended("another")))
      yield* webhook.receive(delivery.plain(ended()))
      assert.strictEqual(accepts(webhook), 3)
    }))

  it.effect("that arrives concurrently is handled once", () =>
    Effect.gen(function*() {
      const webhook = yield* mount({ encryptKey })
      const given = yield* sealed(appTicket())
      const answers = yield* Effect.forEach(Array.from({ length: 50 }), () => webhook.receive(given), {
        concurrency: "unbounded"
      })
      for (const answer of answers) assert.deepStrictEqual(answer, accepted)
      assert.strictEqual(accepts(webhook), 1)
    }))
})

describe("a ticket that is not stored", () => {
  const unavailable = new LarkError.SessionStoreError({
    endpoint: "stub",
    reason: "unavailable",
    detail: "the disk is gone"
  })

  it.effect("is answered with 500 and accepted when it is repeated", () =>
    Effect.gen(function*() {
      let times = 0
      const webhook = yield* mount({
        put: () => Effect.suspend(() => ++times < 3 ? Effect.fail(unavailable) : Effect.void)
      })
      const given = delivery.plain(appTicket())
      const logged = yield* logs(webhook.receive(given))
      assert.deepStrictEqual([logged.value, logged.levels], [refused(500), ["Warn"]])
      assert.include(logged.text, "the disk is gone")
      assert.notInclude(logged.text, "Zq7Xw")
      assert.deepStrictEqual(yield* webhook.receive(given), refused(500))
      assert.deepStrictEqual(yield* webhook.receive(given), accepted)
      assert.deepStrictEqual(yield* webhook.receive(given), accepted)
      assert.strictEqual(times, 3)
    }))

  it.effect("within two seconds is answered before the platform times out", () =>
    Effect.gen(function*() {
      const storing = yield* Deferred.make<void>()
      const webhook = yield* mount({ put: () => Effect.andThen(Deferred.succeed(storing, undefined), Effect.never) })
      const answer = yield* Effect.forkChild(webhook.receive(delivery.plain(appTicket())))
      yield* Deferred.await(storing)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(answer), refused(500))
    }))

  it.effect("because the connection was closed is accepted when it is repeated", () =>
    Effect.gen(function*() {
      let times = 0
      const storing = yield* Deferred.make<void>()
      const webhook = yield* mount({
        put: () =>
          Effect.suspend(() =>
            ++times === 1 ? Effect.andThen(Deferred.succeed(storing, undefined), Effect.never) : Effect.void
          )
      })
      const given = delivery.plain(appTicket())
      const hangingUp = yield* Effect.forkChild(webhook.receive(given))
      yield* Deferred.await(storing)
      yield* Fiber.interrupt(hangingUp)
      assert.deepStrictEqual(yield* webhook.receive(given), accepted)
      assert.strictEqual(times, 2)
    }))
})

describe("the handler of events", () => {
  it.effect("runs after the answer", () =>
    Effect.gen(function*() {
      const handled: Array<string> = []
      const webhook = yield* mount({
        onEvent: (event) => Effect.delay(Effect.sync(() => handled.push(event.id)), "1 hour")
      })
      assert.deepStrictEqual(yield* webhook.receive(delivery.plain(ended("event-1"))), accepted)
      assert.deepStrictEqual(yield* webhook.receive(delivery.plain(ended("event-2"))), accepted)
      assert.deepStrictEqual(handled, [])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(handled, ["event-1", "event-2"])
    }))

  it.effect("is interrupted when the webhook ends", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const interrupted = yield* Deferred.make<string>()
      const webhook = yield* Scope.provide(
        mount({ onEvent: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, "interrupted")) }),
        scope
      )
      yield* webhook.receive(delivery.plain(ended()))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Deferred.await(interrupted), "interrupted")
    }))

  const failures: ReadonlyArray<readonly [how: string, onEvent: () => Effect.Effect<never, unknown>, name: string]> = [
    ["fails with a text", () => Effect.fail("Zq7Xw-failure"), "string"],
    [
      "fails with a tagged error",
      () => Effect.fail(new Cause.NoSuchElementError("Zq7Xw-failure")),
      "NoSuchElementError"
    ],
    ["dies", () => Effect.die(new TypeError("Zq7Xw-defect")), "TypeError"],
    ["throws", () => {
      throw new RangeError("Zq7Xw-exception")
    }, "RangeError"]
  ]

  it.effect.each(failures)(
    "that %s is logged with the name of its error, without its message",
    ([, onEvent, name]) =>
      Effect.gen(function*() {
        const webhook = yield* mount({ onEvent })
        const logged = yield* logs(webhook.receive(delivery.plain(ended())))
        assert.deepStrictEqual(logged.value, accepted)
        assert.deepStrictEqual(logged.levels, ["Warn"])
        assert.include(logged.text, "vc.meeting.meeting_ended_v1")
        assert.include(logged.text, `"error":"${name}"`)
        assert.notInclude(logged.text, "Zq7Xw")
        assert.notInclude(logged.text, "6911188411932033028")
      })
  )

  it.effect("may require services, which the layer requires", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      class Inbox
        extends Context.Service<Inbox, { readonly add: (id: string) => Effect.Effect<void> }>()("test/Inbox")
      {}
      const webhook = Webhook.layer({
        path,
        verificationToken: Redacted.make(verificationToken),
        onEvent: (event) => Inbox.use((inbox) => inbox.add(event.id))
      })
      const app = yield* HttpRouter.toHttpEffect(webhook).pipe(
        Effect.provide(Layer.succeed(Inbox, { add: (id) => Effect.sync(() => seen.push(id)) }))
      )
      yield* send(app, delivery.plain(ended()))
      assert.deepStrictEqual(seen, ["event-1"])
    }))

  it.effect("of a custom app sees no tickets; without a handler every event is refused until somebody takes it", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const options = { path, verificationToken: Redacted.make(verificationToken) } as const
      const custom = yield* HttpRouter.toHttpEffect(
        Webhook.layer({ ...options, onEvent: (event) => Effect.sync(() => seen.push(event)) })
      )
      assert.deepStrictEqual(yield* send(custom, delivery.plain(appTicket())), accepted)
      assert.deepStrictEqual(seen, [])
      const silent = yield* HttpRouter.toHttpEffect(Webhook.layer(options))
      const answer = yield* Effect.forkChild(send(silent, delivery.plain(ended())), { startImmediately: true })
      yield* TestClock.adjust("2500 millis")
      assert.deepStrictEqual(yield* Fiber.join(answer), refused(500))
      assert.deepStrictEqual(yield* send(silent, delivery.plain(challenge())), [200, `{"challenge":"challenge-1"}`])
    }))

  it.effect("is not needed for tickets, which are no events for consumers either", () =>
    Effect.gen(function*() {
      const tickets: Array<string> = []
      const layer = Webhook.layerStore({ path, verificationToken: Redacted.make(verificationToken) }).pipe(
        Layer.provide(Layer.succeed(AppTicket.AppTicket, {
          get: Effect.die("not needed"),
          put: (ticket) => Effect.sync(() => void tickets.push(Redacted.value(ticket))),
          reject: () => Effect.void
        })),
        Layer.provide(LarkConfig.layer({ appId: "cli_store", appSecret: Redacted.make("secret") }))
      )
      const context = yield* Layer.build(Layer.provideMerge(layer, HttpRouter.layer))
      const app = Context.get(context, HttpRouter.HttpRouter).asHttpEffect().pipe(Effect.orDie)
      const post = (message: unknown) => send(app, delivery.plain(message))
      const logged = yield* logs(Effect.gen(function*() {
        assert.deepStrictEqual(yield* post(challenge()), [200, `{"challenge":"challenge-1"}`])
        assert.deepStrictEqual(yield* post(appTicket("one", { uuid: "1" })), accepted)
      }))
      assert.deepStrictEqual(logged.levels, [])
      const seen: Array<string> = []
      yield* Effect.forkScoped(
        Events.handle(({ type }) => Effect.sync(() => seen.push(type))).pipe(Effect.provideContext(context)),
        { startImmediately: true }
      )
      assert.deepStrictEqual(yield* post(appTicket("two", { uuid: "2" })), accepted)
      assert.deepStrictEqual(yield* post(ended()), accepted)
      assert.deepStrictEqual([tickets, seen], [["one", "two"], ["vc.meeting.meeting_ended_v1"]])
    }))
})

describe("the log of a webhook", () => {
  it.effect("says at Debug why a request was refused, without its content", () =>
    Effect.gen(function*() {
      const webhook = yield* mount({ encryptKey })
      const wrong = [
        delivery.plain(appTicket("Zq7Xw-ticket", { token: "Zq7Xw-other" })),
        yield* sealed(appTicket("Zq7Xw-ticket", { token: "Zq7Xw-other" })),
        delivery.sealed("Zq7Xw-another-key", appTicket(), yield* seconds),
        delivery.sign(encryptKey, delivery.plain(`Zq7Xw`), yield* seconds),
        delivery.withHeader(yield* sealed(appTicket()), "content-type", "text/Zq7Xw")
      ]
      for (const given of wrong) {
        const logged = yield* logs(webhook.receive(given))
        assert.isAtLeast(logged.value[0], 400)
        assert.deepStrictEqual(logged.levels, ["Debug"])
        assert.notInclude(logged.text, "Zq7Xw")
      }
      assert.deepStrictEqual((yield* logs(webhook.receive(yield* sealed(appTicket())))).levels, [])
    }))
})

describe("the configuration of a webhook", () => {
  const build = (layer: Layer.Layer<never, LarkConfig.InvalidLarkConfig, HttpRouter.HttpRouter>) =>
    Effect.flip(Effect.scoped(Effect.asVoid(HttpRouter.toHttpEffect(layer))))

  const secret = Redacted.make(verificationToken)

  it.effect("is checked, and the error names the setting", () =>
    Effect.gen(function*() {
      const setting = (options: Partial<Webhook.Options & Webhook.Secrets>) =>
        Effect.map(build(Webhook.layer({ path, verificationToken: secret, ...options })), (error) => error.setting)
      assert.strictEqual(yield* setting({ verificationToken: Redacted.make("") }), "verificationToken")
      assert.strictEqual(yield* setting({ verificationToken: Redacted.make("  ") }), "verificationToken")
      assert.strictEqual(yield* setting({ encryptKey: Redacted.make("") }), "encryptKey")
      // @ts-expect-error: a secret must be Redacted; a caller without types may forget it.
      assert.strictEqual(yield* setting({ verificationToken: "Zq7Xw" }), "verificationToken")
      assert.strictEqual(yield* setting({ maxBodyBytes: 0 }), "maxBodyBytes")
      assert.strictEqual(yield* setting({ maxBodyBytes: Number.NaN }), "maxBodyBytes")
      assert.strictEqual(yield* setting({ replayWindow: 0 }), "replayWindow")
    }))

  const variables = (env: Record<string, string>) =>
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord(env)))

  it.effect("is read from variables, of which the encrypt key may be missing or empty", () =>
    Effect.gen(function*() {
      for (const key of [undefined, "", encryptKey]) {
        const env = {
          LARK_VERIFICATION_TOKEN: verificationToken,
          ...(key === undefined ? {} : { LARK_ENCRYPT_KEY: key })
        }
        const app = yield* HttpRouter.toHttpEffect(Webhook.layerConfig({ path, onEvent: () => Effect.void })).pipe(
          variables(env)
        )
        const plain = yield* send(app, delivery.plain(ended()))
        assert.deepStrictEqual(plain, key === encryptKey ? refused(401) : accepted)
        const encrypted = yield* send(app, yield* sealed(ended()))
        assert.deepStrictEqual(encrypted, key === encryptKey ? accepted : refused(400))
      }
      for (const env of [{}, { LARK_VERIFICATION_TOKEN: "" }]) {
        const error = yield* build(Webhook.layerConfig({ path })).pipe(variables(env))
        assert.strictEqual(error.setting, "LARK_VERIFICATION_TOKEN")
      }
    }))

  it.effect("of a store app is read from variables too", () =>
    Effect.gen(function*() {
      const tickets: Array<string> = []
      const app = yield* HttpRouter.toHttpEffect(Webhook.layerStoreConfig({ path })).pipe(
        variables({ LARK_VERIFICATION_TOKEN: verificationToken, LARK_ENCRYPT_KEY: encryptKey }),
        Effect.provideService(AppTicket.AppTicket, {
          get: Effect.die("not needed"),
          put: (ticket) => Effect.sync(() => void tickets.push(Redacted.value(ticket))),
          reject: () => Effect.void
        }),
        Effect.provide(LarkConfig.layer({ appId: "cli_store", appSecret: Redacted.make("secret") }))
      )
      assert.deepStrictEqual(yield* send(app, yield* sealed(appTicket())), accepted)
      assert.deepStrictEqual(tickets, ["Zq7Xw-ticket"])
    }))
})
