import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import {
  Arbitrary,
  Cause,
  Clock,
  ConfigProvider,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Option,
  Redacted,
  References,
  Result,
  Schema,
  Scope
} from "effect"
import { AppTicket, LarkConfig, LarkError, Webhook } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpRouter, HttpServer, type HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { createServer, request as post } from "node:http"
import * as delivery from "./fixtures/delivery.ts"
import * as plainSeal from "./fixtures/plainSeal.ts"

const verificationToken = "Zq7Xw-verification"
const encryptKey = "Zq7Xw-encrypt-key"
const path = "/lark/events"

const appTicket = (ticket: unknown = "Zq7Xw-ticket", rest: object = {}) => ({
  ts: "1502199207.7171419",
  uuid: "uuid-1",
  token: verificationToken,
  type: "event_callback",
  event: { app_id: "cli_store", app_ticket: ticket, type: "app_ticket" },
  ...rest
})

const ended = (id = "event-1", rest: object = {}) => ({
  schema: "2.0",
  header: {
    event_id: id,
    event_type: "vc.meeting.meeting_ended_v1",
    create_time: "1608725989000",
    token: verificationToken,
    app_id: "cli_store",
    tenant_key: "tenant_a",
    ...rest
  },
  event: { meeting: { id: "6911188411932033028" } }
})

const challenge = (token = verificationToken) => ({ challenge: "challenge-1", token, type: "url_verification" })

interface Setting {
  readonly encryptKey?: string | undefined
  readonly onEvent?: (event: Webhook.Event) => Effect.Effect<unknown, unknown>
  readonly put?: AppTicket.AppTicket["Service"]["put"]
  readonly maxBodyBytes?: number
  readonly replayWindow?: `${number} minutes`
}

/** A webhook without a socket, and what it let through. */
const mount = (setting: Setting = {}) =>
  Effect.gen(function*() {
    const tickets: Array<string> = []
    const events: Array<Webhook.Event> = []
    const store = Layer.succeed(AppTicket.AppTicket, {
      get: Effect.die("not asked for"),
      put: setting.put ?? ((ticket) => Effect.sync(() => void tickets.push(Redacted.value(ticket)))),
      reject: () => Effect.void
    })
    const webhook = Webhook.layerStore({
      path,
      verificationToken: Redacted.make(verificationToken),
      encryptKey: setting.encryptKey === undefined ? undefined : Redacted.make(setting.encryptKey),
      onEvent: setting.onEvent ?? ((event) => Effect.sync(() => events.push(event))),
      maxBodyBytes: setting.maxBodyBytes,
      replayWindow: setting.replayWindow
    })
    const app = yield* HttpRouter.toHttpEffect(webhook).pipe(
      Effect.provide(store),
      Effect.provide(LarkConfig.layer({ appId: "cli_store", appSecret: Redacted.make("secret") }))
    )
    const receive = (given: delivery.Delivery) => send(app, given)
    return { receive, tickets, events }
  })

type App = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  HttpServerError.HttpServerError,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

/** What comes back, when the webhook is all there is behind the address. */
const send = (app: App, given: delivery.Delivery) =>
  Effect.gen(function*() {
    const request = new Request(`http://localhost${path}`, {
      method: given.method,
      headers: given.headers,
      body: given.method === "GET" ? null : new Uint8Array(given.body)
    })
    const response = yield* app.pipe(
      Effect.catchTag("HttpServerError", () => Effect.succeed(HttpServerResponse.empty({ status: 404 }))),
      Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromWeb(request)),
      Effect.scoped
    )
    const web = HttpServerResponse.toWeb(response)
    return [web.status, yield* Effect.promise(() => web.text())] as const
  })

/** What is logged meanwhile, at any level. */
const logs = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const levels: Array<string> = []
    const texts: Array<string> = []
    const logger = Logger.make<unknown, void>((options) => {
      levels.push(options.logLevel)
      texts.push(Logger.formatJson.log(options), Cause.pretty(options.cause))
    })
    const value = yield* self.pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "All")
    )
    return { value, levels, text: texts.join("\n") }
  })

const seconds = Effect.map(Clock.currentTimeMillis, (now) => Math.floor(now / 1000))

/** Encrypted and signed now. */
const sealed = (message: unknown, nonce?: string) =>
  Effect.map(seconds, (now) => delivery.sealed(encryptKey, message, now, nonce))

const accepted = [200, "{}"] as const

const refused = (status: number) => [status, ""] as const

describe("a message of the platform", () => {
  it.effect("that verifies the address gets its challenge back, in the clear or encrypted", () =>
    Effect.gen(function*() {
      const open = yield* mount()
      const answer = [200, `{"challenge":"challenge-1"}`] as const
      assert.deepStrictEqual(yield* open.receive(delivery.plain(challenge())), answer)
      const closed = yield* mount({ encryptKey })
      assert.deepStrictEqual(yield* closed.receive(yield* sealed(challenge())), answer)
      // The developer console sends it without a signature.
      const unsigned = delivery.plain(delivery.encrypt(encryptKey, JSON.stringify(challenge())))
      assert.deepStrictEqual(yield* closed.receive(unsigned), answer)
      assert.deepStrictEqual([...open.events, ...open.tickets, ...closed.events, ...closed.tickets], [])
    }))

  it.effect.each([undefined, encryptKey])(
    "that brings a ticket brings it to the app (encrypt key %s)",
    (key) =>
      Effect.gen(function*() {
        const { events, receive, tickets } = yield* mount({ encryptKey: key })
        const given = key === undefined ? delivery.plain(appTicket()) : yield* sealed(appTicket())
        assert.deepStrictEqual(yield* receive(given), accepted)
        assert.deepStrictEqual(tickets, ["Zq7Xw-ticket"])
        assert.deepStrictEqual(events, [])
      })
  )

  it.effect("that tells of an event hands it over as data, of either schema, and without the verification token", () =>
    Effect.gen(function*() {
      const { events, receive } = yield* mount({ encryptKey })
      yield* receive(yield* sealed(ended()))
      yield* receive(
        yield* sealed(
          appTicket(undefined, {
            uuid: "uuid-2",
            event: { type: "app_open", app_id: "cli_store", tenant_key: "tenant_b" }
          })
        )
      )
      const bare = {
        schema: "2.0",
        header: { event_id: "event-2", event_type: "custom", token: verificationToken },
        event: {}
      }
      yield* receive(yield* sealed(bare))
      const time = (date: Option.Option<{ readonly epochMilliseconds: number }>) =>
        Option.getOrUndefined(Option.map(date, ({ epochMilliseconds }) => epochMilliseconds))
      assert.deepStrictEqual(
        events.map(({ appId, createdAt, data, id, schema, tenantKey, type }) => [
          id,
          type,
          schema,
          Option.getOrUndefined(appId),
          Option.getOrUndefined(tenantKey),
          time(createdAt),
          data
        ]),
        [
          ["event-1", "vc.meeting.meeting_ended_v1", "2.0", "cli_store", "tenant_a", 1608725989000, {
            meeting: { id: "6911188411932033028" }
          }],
          ["uuid-2", "app_open", "1.0", "cli_store", "tenant_b", 1502199207717, {
            type: "app_open",
            app_id: "cli_store",
            tenant_key: "tenant_b"
          }],
          ["event-2", "custom", "2.0", undefined, undefined, undefined, {}]
        ]
      )
      assert.notInclude(JSON.stringify(events), verificationToken)
    }))

  it.effect("is what the simulator pushes", () =>
    Effect.gen(function*() {
      const { receive, tickets } = yield* mount({ encryptKey })
      const simulator = yield* Simulator.Simulator
      yield* simulator.deliverTo((request) =>
        Effect.gen(function*() {
          const body = request.body._tag === "Uint8Array" ? request.body.body : new Uint8Array()
          const [status, text] = yield* receive({ method: request.method, headers: request.headers, body })
          return HttpServerResponse.toClientResponse(HttpServerResponse.text(text, { status }), { request })
        })
      )
      assert.isTrue(yield* simulator.verifyUrl)
      yield* simulator.pushTicket
      while (tickets.length === 0) yield* Effect.promise(() => new Promise(setImmediate))
      assert.match(tickets[0] ?? "", /^simulatedticket/)
    }).pipe(Effect.provide(Simulator.layer({
      app: { appId: "cli_store", appSecret: "secret", type: "store" },
      webhook: { url: `http://localhost${path}`, verificationToken, encryptKey }
    }))))

  it.effect("late, because it was not answered at first, does not undo what came meanwhile", () =>
    Effect.gen(function*() {
      const tickets = yield* AppTicket.AppTicket
      const { receive } = yield* mount({ put: tickets.put })
      const simulator = yield* Simulator.Simulator
      let arrivals = 0
      const statuses: Array<number> = []
      yield* simulator.deliverTo((request) =>
        Effect.gen(function*() {
          if (arrivals++ === 0) return yield* Effect.fail("the process has just ended")
          const body = request.body._tag === "Uint8Array" ? request.body.body : new Uint8Array()
          const [status, text] = yield* receive({ method: request.method, headers: request.headers, body })
          statuses.push(status)
          return HttpServerResponse.toClientResponse(HttpServerResponse.text(text, { status }), { request })
        })
      )
      const answers = Effect.fnUntraced(function*(n: number) {
        while (statuses.length < n) yield* Effect.promise(() => new Promise(setImmediate))
      })
      yield* simulator.pushTicket
      yield* TestClock.adjust("5 seconds")
      yield* simulator.pushTicket
      yield* answers(1)
      yield* TestClock.adjust("10 seconds")
      yield* answers(2)
      assert.deepStrictEqual(statuses, [200, 200])
      const pushes = yield* simulator.pushes
      assert.deepStrictEqual(pushes.map(({ attempts }) => attempts.map(({ at }) => at)), [[0, 15_000], [5_000]])
      assert.strictEqual(Redacted.value(yield* tickets.get), "simulatedticket00000002")
    }).pipe(
      Effect.provide(AppTicket.layer),
      Effect.provide([
        LarkConfig.layer({ appId: "cli_store", appSecret: Redacted.make("secret") }),
        KeyValueStore.layerMemory,
        plainSeal.layer
      ]),
      Effect.provide(Simulator.layer({
        app: { appId: "cli_store", appSecret: "secret", type: "store" },
        webhook: { url: `http://localhost${path}`, verificationToken }
      }))
    ))
})

/** Times a ticket or an event went through. */
const effects = (
  { events, tickets }: { readonly events: ReadonlyArray<unknown>; readonly tickets: ReadonlyArray<unknown> }
) => events.length + tickets.length

const withHeader = (given: delivery.Delivery, name: string, value: string | undefined): delivery.Delivery => {
  const { [name]: _, ...rest } = given.headers
  return { ...given, headers: value === undefined ? rest : { ...rest, [name]: value } }
}

const text = (given: delivery.Delivery) => new TextDecoder().decode(given.body)

const hidden = (content: string | Uint8Array) => delivery.plain(delivery.encrypt(encryptKey, content))

describe("with an encrypt key, a request is refused", () => {
  const now = 1_000_000
  const good = delivery.sealed(encryptKey, appTicket(), now)
  const unsigned = (given: delivery.Delivery) =>
    ["timestamp", "nonce", "signature"].reduce(
      (bare, part) => withHeader(bare, `x-lark-${part === "signature" ? "" : "request-"}${part}`, undefined),
      given
    )
  const signed = (given: delivery.Delivery) => delivery.sign(encryptKey, given, now)
  const encryptedText = (given: delivery.Delivery): string => JSON.parse(text(given)).encrypt
  const withEncrypted = (change: (bytes: Buffer) => Uint8Array) =>
    signed(
      delivery.plain({ encrypt: Buffer.from(change(Buffer.from(encryptedText(good), "base64"))).toString("base64") })
    )

  const forged: Readonly<Record<string, delivery.Delivery>> = {
    "signed with another key": delivery.sign("another-key", good, now),
    "signed with no key": delivery.sign("", good, now),
    "with the signature of another body": { ...good, body: hidden(JSON.stringify(appTicket("Zq7Xw-forged"))).body },
    "with the signature in capitals": withHeader(
      good,
      "x-lark-signature",
      good.headers["x-lark-signature"]?.toUpperCase()
    ),
    "with half a signature": withHeader(good, "x-lark-signature", good.headers["x-lark-signature"]?.slice(0, 32)),
    "with an empty signature": withHeader(good, "x-lark-signature", ""),
    "with another nonce": withHeader(good, "x-lark-request-nonce", "nonce-2"),
    "with another time": withHeader(good, "x-lark-request-timestamp", String(now + 1)),
    "without its signature": withHeader(good, "x-lark-signature", undefined),
    "without its nonce": withHeader(good, "x-lark-request-nonce", undefined),
    "without its time": withHeader(good, "x-lark-request-timestamp", undefined),
    "truncated": { ...good, body: good.body.subarray(0, -1) },
    "with more behind it": { ...good, body: Buffer.concat([good.body, Buffer.from(" ")]) },
    "signed five minutes and a second ago": delivery.sign(encryptKey, good, now - 301),
    "signed five minutes and a second ahead": delivery.sign(encryptKey, good, now + 301),
    "signed at no time": delivery.sign(encryptKey, good, "soon"),
    "signed at a negative time": delivery.sign(encryptKey, good, -now),
    "signed at a time in milliseconds": delivery.sign(encryptKey, good, now * 1000),
    "signed at a time in hexadecimal": delivery.sign(encryptKey, good, "0xf4240"),
    "signed at a time with an exponent": delivery.sign(encryptKey, good, "1e6"),
    "unsigned": unsigned(good),
    "unsigned, with the challenge and another token": hidden(JSON.stringify(challenge("Zq7Xw-other"))),
    "unsigned, with a challenge in the clear": delivery.plain(challenge()),
    "unsigned, with an event in the clear": delivery.plain(ended()),
    "unsigned and not JSON": delivery.plain("<html>"),
    "unsigned, with bad padding": unsigned(withEncrypted((bytes) => bytes.subarray(0, -16))),
    "unsigned, with something else encrypted": hidden("<html>")
  }

  const undecipherable: Readonly<Record<string, delivery.Delivery>> = {
    "signed, in the clear": signed(delivery.plain(appTicket())),
    "signed, with a challenge in the clear": signed(delivery.plain(challenge())),
    "encrypted with another key": signed(delivery.plain(delivery.encrypt("another-key", JSON.stringify(appTicket())))),
    "with bad padding": withEncrypted((bytes) => bytes.subarray(0, -16)),
    "with a part of a block": withEncrypted((bytes) => bytes.subarray(0, -1)),
    "with nothing but an IV": withEncrypted((bytes) => bytes.subarray(0, 16)),
    "with a part of an IV": withEncrypted((bytes) => bytes.subarray(0, 15)),
    "with nothing encrypted": withEncrypted(() => new Uint8Array()),
    "with what is no base64": signed(delivery.plain({ encrypt: "***" })),
    "with a number for what is encrypted": signed(delivery.plain({ encrypt: 5 })),
    "with an empty object": signed(delivery.plain({})),
    "with an empty body": signed(delivery.plain("")),
    "with a list": signed(delivery.plain([good])),
    "with an encrypted page": signed(hidden("<html>")),
    "with an encrypted list": signed(hidden("[]")),
    "with encrypted nothing": signed(hidden("")),
    "with an encrypted null": signed(hidden("null")),
    "with encrypted bytes that are no text": signed(hidden(new Uint8Array([123, 34, 255, 34, 58, 49, 125]))),
    "with an encrypted body encrypted again": signed(hidden(text(good)))
  }

  const provision = Effect.tap(mount({ encryptKey }), TestClock.adjust(now * 1000))

  it.effect.each(Object.entries(forged))("that comes %s, with 401", ([, given]) =>
    Effect.gen(function*() {
      const webhook = yield* provision
      assert.deepStrictEqual(yield* webhook.receive(given), refused(401))
      assert.strictEqual(effects(webhook), 0)
      assert.deepStrictEqual(yield* webhook.receive(good), accepted)
      assert.strictEqual(effects(webhook), 1)
    }))

  it.effect.each(Object.entries(undecipherable))("that comes %s, with 400", ([, given]) =>
    Effect.gen(function*() {
      const webhook = yield* provision
      assert.deepStrictEqual(yield* webhook.receive(given), refused(400))
      assert.strictEqual(effects(webhook), 0)
    }))

  it.effect("that is replayed when its time is over; until then it is answered, and nothing more", () =>
    Effect.gen(function*() {
      const webhook = yield* provision
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* webhook.receive(good), accepted)
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(yield* webhook.receive(good), accepted)
      assert.strictEqual(effects(webhook), 1)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* webhook.receive(good), refused(401))
    }))

  it.effect("within a window of one's own", () =>
    Effect.gen(function*() {
      const webhook = yield* mount({ encryptKey, replayWindow: "60 minutes" })
      yield* TestClock.adjust((now + 3600) * 1000)
      assert.deepStrictEqual(yield* webhook.receive(good), accepted)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* webhook.receive(good), refused(401))
    }))

  it.effect.prop(
    "if any one byte of its body or of what signs it is another",
    {
      where: Arbitrary.schema(Schema.Natural),
      xor: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 })))
    },
    ({ where, xor }) =>
      Effect.gen(function*() {
        const webhook = yield* provision
        const names = Object.keys(good.headers).filter((name) => name.startsWith("x-lark"))
        const texts = names.map((name) => good.headers[name] ?? "")
        const all = Buffer.concat([good.body, ...texts.map((text) => Buffer.from(text))])
        const at = where % all.length
        all[at] = (all[at] ?? 0) ^ xor
        let rest = all.subarray(good.body.length)
        const headers = { ...good.headers }
        names.forEach((name, i) => {
          headers[name] = rest.subarray(0, texts[i]?.length).toString("latin1")
          rest = rest.subarray(texts[i]?.length)
        })
        // Not all bytes can be in a header: such a request does not come so far.
        if (Result.isFailure(Result.try(() => new Headers(headers)))) return
        const answer = yield* webhook.receive({ ...good, headers, body: all.subarray(0, good.body.length) })
        assert.deepStrictEqual(answer, refused(401))
        assert.strictEqual(effects(webhook), 0)
      }),
    { arbitrary: { runs: 300 } }
  )
})

describe("without an encrypt key, a request is refused", () => {
  const wrong: ReadonlyArray<readonly [what: string, status: number, given: delivery.Delivery]> = [
    ["another token", 403, delivery.plain(ended("event-1", { token: "Zq7Xw-other" }))],
    ["a token that begins as the right one", 403, delivery.plain(ended("event-1", { token: `${verificationToken}2` }))],
    ["no token", 403, delivery.plain(ended("event-1", { token: undefined }))],
    ["a token that is no text", 403, delivery.plain(ended("event-1", { token: [verificationToken] }))],
    ["a ticket and another token", 403, delivery.plain(appTicket("Zq7Xw-forged", { token: "" }))],
    ["a challenge and another token", 403, delivery.plain(challenge("Zq7Xw-other"))],
    [
      "a ticket of another app",
      403,
      delivery.plain(appTicket("", { event: { app_id: "cli_other", app_ticket: "g", type: "app_ticket" } }))
    ],
    ["a ticket of no app", 403, delivery.plain(appTicket("", { event: { app_ticket: "g", type: "app_ticket" } }))],
    ["no ticket", 400, delivery.plain(appTicket(null))],
    ["an empty ticket", 400, delivery.plain(appTicket(""))],
    ["a ticket that is no text", 400, delivery.plain(appTicket({ ticket: "g" }))],
    ["a page", 400, delivery.plain("<html>")],
    ["nothing", 400, delivery.plain("")],
    ["a list", 400, delivery.plain([ended()])],
    ["null", 400, delivery.plain("null")],
    [
      "an event with bytes that are no text",
      400,
      delivery.plain(
        new TextEncoder().encode(JSON.stringify(ended()).replace("6911188411932033028", "?")).map((byte) =>
          byte === 63 ? 255 : byte
        )
      )
    ],
    ["bytes that are no text", 400, delivery.plain(new Uint8Array([0xff, 0xfe, 0x7b, 0x7d]))],
    ["an encrypted body", 400, hidden(JSON.stringify(ended()))],
    ["an event without an id", 400, delivery.plain(ended("", {}))],
    ["an event without a type", 400, delivery.plain(ended("event-1", { event_type: undefined }))],
    ["an event without an event", 400, delivery.plain({ ...ended(), event: null })],
    ["no header", 400, delivery.plain({ ...ended(), header: undefined })],
    ["an unknown schema", 400, delivery.plain({ ...ended(), schema: "3.0" })],
    ["an unknown type", 400, delivery.plain(appTicket("g", { type: "something" }))],
    ["no uuid", 400, delivery.plain(appTicket("g", { uuid: undefined }))],
    ["no challenge", 400, delivery.plain({ ...challenge(), challenge: undefined })],
    ["another content type", 415, withHeader(delivery.plain(ended()), "content-type", "text/plain")],
    ["a form", 415, withHeader(delivery.plain(ended()), "content-type", "application/x-www-form-urlencoded")],
    [
      "a content type that begins as the right one",
      415,
      withHeader(delivery.plain(ended()), "content-type", "application/jsonp")
    ],
    ["another method", 404, { ...delivery.plain(ended()), method: "PUT" }],
    ["the method of a browser", 404, { ...delivery.plain(ended()), method: "GET" }]
  ]

  it.effect.each(wrong)("that brings %s, with %s", ([, status, given]) =>
    Effect.gen(function*() {
      const webhook = yield* mount()
      assert.deepStrictEqual(yield* webhook.receive(given), refused(status))
      assert.strictEqual(effects(webhook), 0)
      // What was refused is not remembered.
      yield* webhook.receive(delivery.plain(appTicket()))
      yield* webhook.receive(delivery.plain(ended()))
      assert.strictEqual(effects(webhook), 2)
    }))

  it.effect("that is larger than allowed, with 413, and one that is not, is taken", () =>
    Effect.gen(function*() {
      const given = delivery.plain(ended())
      const exact = yield* mount({ maxBodyBytes: given.body.length })
      assert.deepStrictEqual(yield* exact.receive(given), accepted)
      const tight = yield* mount({ maxBodyBytes: given.body.length - 1 })
      assert.deepStrictEqual(yield* tight.receive(given), refused(413))
      assert.strictEqual(effects(tight), 0)
      const megabyte = (length: number) =>
        delivery.plain(JSON.stringify({ ...ended(), pad: "" }).replace(`"pad":""`, `"pad":"${"x".repeat(length)}"`))
      const usual = yield* mount()
      const small = megabyte(0).body.length
      assert.deepStrictEqual(yield* usual.receive(megabyte(1_048_576 - small)), accepted)
      assert.deepStrictEqual(yield* usual.receive(megabyte(1_048_577 - small)), refused(413))
    }))
})

describe("an event that comes again", () => {
  it.effect("is answered, and handed over once, by its id alone", () =>
    Effect.gen(function*() {
      const webhook = yield* mount({ encryptKey })
      for (let i = 0; i < 3; i++) {
        assert.deepStrictEqual(yield* webhook.receive(yield* sealed(ended(), `nonce-${i}`)), accepted)
        assert.deepStrictEqual(yield* webhook.receive(yield* sealed(appTicket(), `nonce-${i}`)), accepted)
        yield* TestClock.adjust("2 hours")
      }
      assert.strictEqual(effects(webhook), 2)
      yield* webhook.receive(yield* sealed(ended("event-2")))
      assert.strictEqual(effects(webhook), 3)
    }))

  it.effect("is forgotten after eight hours", () =>
    Effect.gen(function*() {
      const webhook = yield* mount()
      yield* webhook.receive(delivery.plain(ended()))
      yield* TestClock.adjust("8 hours")
      yield* webhook.receive(delivery.plain(ended()))
      assert.strictEqual(effects(webhook), 2)
    }))

  it.effect("at the same time is handed over once", () =>
    Effect.gen(function*() {
      const webhook = yield* mount({ encryptKey })
      const given = yield* sealed(appTicket())
      const answers = yield* Effect.forEach(Array.from({ length: 50 }), () => webhook.receive(given), {
        concurrency: "unbounded"
      })
      for (const answer of answers) assert.deepStrictEqual(answer, accepted)
      assert.strictEqual(effects(webhook), 1)
    }))
})

describe("a ticket that cannot be stored", () => {
  const unavailable = new LarkError.SessionStoreError({
    endpoint: "stub",
    reason: "unavailable",
    detail: "the disk is gone"
  })

  it.effect("is answered with 500, and taken when it comes again", () =>
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

  it.effect("in two seconds is answered before the platform gives up", () =>
    Effect.gen(function*() {
      const storing = yield* Deferred.make<void>()
      const webhook = yield* mount({ put: () => Effect.andThen(Deferred.succeed(storing, undefined), Effect.never) })
      const answer = yield* Effect.forkChild(webhook.receive(delivery.plain(appTicket())))
      yield* Deferred.await(storing)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(answer), refused(500))
    }))

  it.effect("because the platform hung up is taken when it comes again", () =>
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
  it.effect("does not hold the answer up, and runs on", () =>
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

  it.effect("ends with the webhook", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const ended_ = yield* Deferred.make<string>()
      const webhook = yield* Scope.provide(
        mount({ onEvent: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(ended_, "interrupted")) }),
        scope
      )
      yield* webhook.receive(delivery.plain(ended()))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Deferred.await(ended_), "interrupted")
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

  it.effect("may need services, which the layer is given", () =>
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

  it.effect("of an app without tickets sees none, and an app without a handler takes everything", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const options = { path, verificationToken: Redacted.make(verificationToken) } as const
      const custom = yield* HttpRouter.toHttpEffect(
        Webhook.layer({ ...options, onEvent: (event) => Effect.sync(() => seen.push(event)) })
      )
      assert.deepStrictEqual(yield* send(custom, delivery.plain(appTicket())), accepted)
      assert.deepStrictEqual(seen, [])
      const silent = yield* HttpRouter.toHttpEffect(Webhook.layer(options))
      assert.deepStrictEqual(yield* send(silent, delivery.plain(ended())), accepted)
      assert.deepStrictEqual(yield* send(silent, delivery.plain(challenge())), [200, `{"challenge":"challenge-1"}`])
    }))
})

describe("the log", () => {
  it.effect("says why a request was refused, at Debug, and nothing of what it said", () =>
    Effect.gen(function*() {
      const webhook = yield* mount({ encryptKey })
      const wrong = [
        delivery.plain(appTicket("Zq7Xw-ticket", { token: "Zq7Xw-other" })),
        yield* sealed(appTicket("Zq7Xw-ticket", { token: "Zq7Xw-other" })),
        delivery.sealed("Zq7Xw-another-key", appTicket(), yield* seconds),
        delivery.sign(encryptKey, delivery.plain(`Zq7Xw`), yield* seconds),
        withHeader(yield* sealed(appTicket()), "content-type", "text/Zq7Xw")
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

describe("the configuration", () => {
  const build = (layer: Layer.Layer<never, LarkConfig.InvalidLarkConfig, HttpRouter.HttpRouter>) =>
    Effect.flip(Effect.scoped(Effect.asVoid(HttpRouter.toHttpEffect(layer))))

  const secret = Redacted.make(verificationToken)

  it.effect("is checked, and names what is wrong", () =>
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

  it.effect("comes from the variables, of which the encrypt key may be missing or empty", () =>
    Effect.gen(function*() {
      for (const key of [undefined, "", encryptKey]) {
        const env = {
          LARK_VERIFICATION_TOKEN: verificationToken,
          ...(key === undefined ? {} : { LARK_ENCRYPT_KEY: key })
        }
        const app = yield* HttpRouter.toHttpEffect(Webhook.layerConfig({ path })).pipe(variables(env))
        const inTheClear = yield* send(app, delivery.plain(ended()))
        assert.deepStrictEqual(inTheClear, key === encryptKey ? refused(401) : accepted)
        const encrypted = yield* send(app, yield* sealed(ended()))
        assert.deepStrictEqual(encrypted, key === encryptKey ? accepted : refused(400))
      }
      for (const env of [{}, { LARK_VERIFICATION_TOKEN: "" }]) {
        const error = yield* build(Webhook.layerConfig({ path })).pipe(variables(env))
        assert.strictEqual(error.setting, "LARK_VERIFICATION_TOKEN")
      }
    }))

  it.effect("of a store app comes from the variables too", () =>
    Effect.gen(function*() {
      const tickets: Array<string> = []
      const app = yield* HttpRouter.toHttpEffect(Webhook.layerStoreConfig({ path })).pipe(
        variables({ LARK_VERIFICATION_TOKEN: verificationToken, LARK_ENCRYPT_KEY: encryptKey }),
        Effect.provideService(AppTicket.AppTicket, {
          get: Effect.die("not asked for"),
          put: (ticket) => Effect.sync(() => void tickets.push(Redacted.value(ticket))),
          reject: () => Effect.void
        }),
        Effect.provide(LarkConfig.layer({ appId: "cli_store", appSecret: Redacted.make("secret") }))
      )
      assert.deepStrictEqual(yield* send(app, yield* sealed(appTicket())), accepted)
      assert.deepStrictEqual(tickets, ["Zq7Xw-ticket"])
    }))
})

describe("on a port", () => {
  /** A body in pieces, without saying how long it will be; and how many pieces were taken. */
  const stream = (port: number, pieces: number, piece: Uint8Array) =>
    Effect.promise(() =>
      new Promise<readonly [status: number | undefined, sent: number]>((resolve, reject) => {
        let sent = 0
        const request = post(
          { port, host: "127.0.0.1", path, method: "POST", headers: { "content-type": "application/json" } },
          (response) => {
            response.resume()
            response.on("end", () => resolve([response.statusCode, sent]))
          }
        )
        request.on("error", (error) => sent < pieces ? resolve([undefined, sent]) : reject(error))
        const next = () => {
          if (request.destroyed) return
          if (sent++ === pieces) request.end()
          else request.write(piece, () => setImmediate(next))
        }
        next()
      })
    )

  const serve = Effect.gen(function*() {
    const seen: Array<string> = []
    const webhook = Webhook.layer({
      path,
      verificationToken: Redacted.make(verificationToken),
      encryptKey: Redacted.make(encryptKey),
      onEvent: (event) => Effect.sync(() => seen.push(event.id))
    })
    const server = HttpRouter.serve(webhook, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
    )
    const context = yield* Layer.build(server)
    const origin = yield* Effect.provide(HttpServer.addressFormattedWith(Effect.succeed), context)
    return { port: Number(new URL(origin).port), url: `${origin}${path}`, seen }
  })

  it.live("it takes a real POST, once, and refuses a forged one", () =>
    Effect.gen(function*() {
      const { seen, url } = yield* serve
      const given = delivery.sealed(encryptKey, ended(), yield* seconds)
      const send = (given: delivery.Delivery) =>
        Effect.promise(() =>
          fetch(url, { ...given, body: new Uint8Array(given.body) }).then(async (
            response
          ) => [response.status, await response.text()])
        )
      assert.deepStrictEqual(yield* send(given), [...accepted])
      assert.deepStrictEqual(yield* send(given), [...accepted])
      assert.deepStrictEqual(yield* send(withHeader(given, "x-lark-request-nonce", "nonce-2")), [...refused(401)])
      assert.deepStrictEqual(seen, ["event-1"])
    }))

  it.live("it refuses what is too large before it has all of it", () =>
    Effect.gen(function*() {
      const { port, seen, url } = yield* serve
      const [status, sent] = yield* stream(port, 1_000, new Uint8Array(64 * 1024).fill(32))
      assert.strictEqual(status, 413)
      assert.isBelow(sent, 100)
      const declared = yield* Effect.promise(() =>
        fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: new Uint8Array(1_048_577).fill(32)
        })
      )
      assert.strictEqual(declared.status, 413)
      assert.deepStrictEqual(seen, [])
    }))
})
