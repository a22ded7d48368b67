import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { AppTicket, LarkConfig, Webhook } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { createServer, request as post } from "node:http"
import * as delivery from "./fixtures/delivery.ts"
import * as plainSeal from "./fixtures/plainSeal.ts"
import {
  accepted,
  accepts,
  appTicket,
  challenge,
  encryptedBody,
  encryptKey,
  ended,
  mount,
  path,
  refused,
  sealed,
  seconds,
  verificationToken
} from "./fixtures/webhook.ts"

describe("a message of the platform", () => {
  it.effect("that verifies the request URL gets its challenge back, plain or encrypted", () =>
    Effect.gen(function*() {
      const plain = yield* mount()
      const answer = [200, `{"challenge":"challenge-1"}`] as const
      assert.deepStrictEqual(yield* plain.receive(delivery.plain(challenge())), answer)
      const encrypted = yield* mount({ encryptKey })
      assert.deepStrictEqual(yield* encrypted.receive(yield* sealed(challenge())), answer)
      // The developer console sends it without a signature.
      const unsigned = delivery.plain(delivery.encrypt(encryptKey, JSON.stringify(challenge())))
      assert.deepStrictEqual(yield* encrypted.receive(unsigned), answer)
      assert.deepStrictEqual([...plain.events, ...plain.tickets, ...encrypted.events, ...encrypted.tickets], [])
    }))

  it.effect.each([undefined, encryptKey])(
    "with a ticket stores it (encrypt key %s)",
    (key) =>
      Effect.gen(function*() {
        const { events, receive, tickets } = yield* mount({ encryptKey: key })
        const given = key === undefined ? delivery.plain(appTicket()) : yield* sealed(appTicket())
        assert.deepStrictEqual(yield* receive(given), accepted)
        assert.deepStrictEqual(tickets, ["Zq7Xw-ticket"])
        assert.deepStrictEqual(events, [])
      })
  )

  it.effect("with an event passes it to the handler, in either schema, without the verification token", () =>
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

  it.effect("as the simulator pushes it is accepted", () =>
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

  it.effect("with a ticket that is repeated late does not replace a newer ticket", () =>
    Effect.gen(function*() {
      const tickets = yield* AppTicket.AppTicket
      const { receive } = yield* mount({ put: tickets.put })
      const simulator = yield* Simulator.Simulator
      let arrivals = 0
      const statuses: Array<number> = []
      yield* simulator.deliverTo((request) =>
        Effect.gen(function*() {
          if (arrivals++ === 0) return yield* Effect.fail("the process is down")
          const body = request.body._tag === "Uint8Array" ? request.body.body : new Uint8Array()
          const [status, text] = yield* receive({ method: request.method, headers: request.headers, body })
          statuses.push(status)
          return HttpServerResponse.toClientResponse(HttpServerResponse.text(text, { status }), { request })
        })
      )
      const answers = Effect.fnUntraced(function*(n: number) {
        while (statuses.length < n) yield* Effect.promise(() => new Promise(setImmediate))
      })
      // At 0 the platform would not say when.
      yield* TestClock.adjust("1 second")
      yield* simulator.pushTicket
      yield* TestClock.adjust("5 seconds")
      yield* simulator.pushTicket
      yield* answers(1)
      yield* TestClock.adjust("10 seconds")
      yield* answers(2)
      assert.deepStrictEqual(statuses, [200, 200])
      const pushes = yield* simulator.pushes
      assert.deepStrictEqual(pushes.map(({ attempts }) => attempts.map(({ at }) => at)), [[1_000, 16_000], [6_000]])
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

describe("a webhook without an encrypt key", () => {
  const wrong: ReadonlyArray<readonly [what: string, status: number, given: delivery.Delivery]> = [
    ["another token", 403, delivery.plain(ended("event-1", { token: "Zq7Xw-other" }))],
    [
      "a token that begins with the right one",
      403,
      delivery.plain(ended("event-1", { token: `${verificationToken}2` }))
    ],
    ["no token", 403, delivery.plain(ended("event-1", { token: undefined }))],
    ["a token that is not a string", 403, delivery.plain(ended("event-1", { token: [verificationToken] }))],
    ["a ticket and another token", 403, delivery.plain(appTicket("Zq7Xw-forged", { token: "" }))],
    ["a challenge and another token", 403, delivery.plain(challenge("Zq7Xw-other"))],
    [
      "a ticket of another app",
      403,
      delivery.plain(appTicket("", { event: { app_id: "cli_other", app_ticket: "g", type: "app_ticket" } }))
    ],
    ["a ticket without an app", 403, delivery.plain(appTicket("", { event: { app_ticket: "g", type: "app_ticket" } }))],
    ["no ticket", 400, delivery.plain(appTicket(null))],
    ["an empty ticket", 400, delivery.plain(appTicket(""))],
    ["a ticket that is not a string", 400, delivery.plain(appTicket({ ticket: "g" }))],
    ["an HTML page", 400, delivery.plain("<html>")],
    ["an empty body", 400, delivery.plain("")],
    ["a list", 400, delivery.plain([ended()])],
    ["null", 400, delivery.plain("null")],
    [
      "an event with bytes that are not UTF-8",
      400,
      delivery.plain(
        new TextEncoder().encode(JSON.stringify(ended()).replace("6911188411932033028", "?")).map((byte) =>
          byte === 63 ? 255 : byte
        )
      )
    ],
    ["bytes that are not UTF-8", 400, delivery.plain(new Uint8Array([0xff, 0xfe, 0x7b, 0x7d]))],
    ["an encrypted body", 400, encryptedBody(JSON.stringify(ended()))],
    ["an event without an id", 400, delivery.plain(ended("", {}))],
    ["an event without a type", 400, delivery.plain(ended("event-1", { event_type: undefined }))],
    ["an event without an event", 400, delivery.plain({ ...ended(), event: null })],
    ["no header", 400, delivery.plain({ ...ended(), header: undefined })],
    ["an unknown schema", 400, delivery.plain({ ...ended(), schema: "3.0" })],
    ["an unknown type", 400, delivery.plain(appTicket("g", { type: "something" }))],
    ["no uuid", 400, delivery.plain(appTicket("g", { uuid: undefined }))],
    ["no challenge", 400, delivery.plain({ ...challenge(), challenge: undefined })],
    ["another content type", 415, delivery.withHeader(delivery.plain(ended()), "content-type", "text/plain")],
    ["a form", 415, delivery.withHeader(delivery.plain(ended()), "content-type", "application/x-www-form-urlencoded")],
    [
      "a content type that begins with the right one",
      415,
      delivery.withHeader(delivery.plain(ended()), "content-type", "application/jsonp")
    ],
    ["another method", 404, { ...delivery.plain(ended()), method: "PUT" }],
    ["the method of a browser", 404, { ...delivery.plain(ended()), method: "GET" }]
  ]

  it.effect.each(wrong)("refuses %s, with %s", ([, status, given]) =>
    Effect.gen(function*() {
      const webhook = yield* mount()
      assert.deepStrictEqual(yield* webhook.receive(given), refused(status))
      assert.strictEqual(accepts(webhook), 0)
      // The id of a refused request is not recorded.
      yield* webhook.receive(delivery.plain(appTicket()))
      yield* webhook.receive(delivery.plain(ended()))
      assert.strictEqual(accepts(webhook), 2)
    }))

  it.effect("refuses a body above the limit, with 413, and accepts one at the limit", () =>
    Effect.gen(function*() {
      const given = delivery.plain(ended())
      const exact = yield* mount({ maxBodyBytes: given.body.length })
      assert.deepStrictEqual(yield* exact.receive(given), accepted)
      const tight = yield* mount({ maxBodyBytes: given.body.length - 1 })
      assert.deepStrictEqual(yield* tight.receive(given), refused(413))
      assert.strictEqual(accepts(tight), 0)
      const megabyte = (length: number) =>
        delivery.plain(JSON.stringify({ ...ended(), pad: "" }).replace(`"pad":""`, `"pad":"${"x".repeat(length)}"`))
      const usual = yield* mount()
      const small = megabyte(0).body.length
      assert.deepStrictEqual(yield* usual.receive(megabyte(1_048_576 - small)), accepted)
      assert.deepStrictEqual(yield* usual.receive(megabyte(1_048_577 - small)), refused(413))
    }))
})

describe("a webhook on a port", () => {
  /** Sends a body in chunks without a content length, and counts the chunks. */
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

  it.live("accepts a POST once, and refuses a forged one", () =>
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
      assert.deepStrictEqual(yield* send(delivery.withHeader(given, "x-lark-request-nonce", "nonce-2")), [
        ...refused(401)
      ])
      assert.deepStrictEqual(seen, ["event-1"])
    }))

  it.live("refuses a body that is too large before it is complete", () =>
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
