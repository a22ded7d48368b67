/**
 * What the simulated Feishu pushes to a webhook.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Queue, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import {
  HttpClientError,
  type HttpClientRequest,
  HttpClientResponse,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { TestClock } from "effect/testing"
import * as crypto from "node:crypto"
import { createServer } from "node:http"
import { type Json, on, open, outcome, post } from "./fixtures/simulated.ts"

const app: Simulator.AppOptions = { appId: "cli_store", appSecret: "store-secret", type: "store" }
const credentials = { app_id: "cli_store", app_secret: "store-secret" }
const url = "https://app.example/events?from=feishu"
const encryptKey = "kudryavka"
const verificationToken = "v-token"

const resend = (at = open) => post(`${at}/open-apis/auth/v3/app_ticket/resend`, credentials)
const appToken = (app_ticket: unknown) =>
  post(`${open}/open-apis/auth/v3/app_access_token`, { ...credentials, app_ticket })

const bodyOf = (request: HttpClientRequest.HttpClientRequest): string =>
  request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : assert.fail(request.body._tag)

const parse = (text: string): Json =>
  Schema.decodeUnknownSync(Schema.Record(Schema.String, Schema.Unknown))(JSON.parse(text))

/** Decrypts as documented, with Node. */
const decrypt = (body: string, key = encryptKey): Json => {
  const { encrypt } = parse(body)
  const bytes = Buffer.from(String(encrypt), "base64")
  const hash = crypto.createHash("sha256").update(key).digest()
  const decipher = crypto.createDecipheriv("aes-256-cbc", hash, bytes.subarray(0, 16))
  return parse(Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString())
}

const signature = ({ headers }: HttpClientRequest.HttpClientRequest, body: string, key = encryptKey) =>
  crypto.createHash("sha256").update(
    `${headers["x-lark-request-timestamp"]}${headers["x-lark-request-nonce"]}${key}${body}`
  ).digest("hex")

const ticketOf = (event: Json): unknown => (event["event"] as Json)["app_ticket"]

/** A webhook that records requests. It responds to the nth delivery of a push with the nth status, never, or by a lost connection. */
const receiver = (responses: ReadonlyArray<number | "never" | "lost"> = []) => {
  const received: Array<HttpClientRequest.HttpClientRequest> = []
  const deliver: Simulator.Deliver = (request) => {
    const response = responses[received.filter((other) => bodyOf(other) === bodyOf(request)).length] ?? 200
    received.push(request)
    if (response === "never") return Effect.never
    if (response === "lost") {
      return Effect.fail(
        new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) })
      )
    }
    return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: response })))
  }
  return { received, deliver, options: { app, webhook: { url, verificationToken, deliver } } }
}

describe("a ticket", () => {
  it.effect("is pushed as an event of schema v1, and is exchanged for an app token", () => {
    const { options, received } = receiver()
    return on(
      options,
      Effect.gen(function*() {
        yield* TestClock.adjust("1500 millis")
        const simulator = yield* Simulator.Simulator
        yield* simulator.pushTicket
        const [request] = received
        assert.strictEqual(received.length, 1)
        assert.strictEqual(`${request?.method} ${request?.url}`, `POST ${url}`)
        assert.isUndefined(request?.headers["x-lark-signature"])
        const { uuid, ...event } = parse(bodyOf(request!))
        const app_ticket = ticketOf(event)
        assert.deepStrictEqual(event, {
          ts: "1.500000",
          token: verificationToken,
          type: "event_callback",
          event: { app_id: "cli_store", app_ticket, type: "app_ticket" }
        })
        assert.deepStrictEqual(outcome(yield* appToken(app_ticket)), [200, 0])
        assert.deepStrictEqual(yield* simulator.pushes, [
          { type: "app_ticket", via: "webhook", uuid: String(uuid), attempts: [{ at: 1500, status: 200 }] }
        ])
      })
    )
  })

  it.effect("is pushed every hour, each time a new one", () => {
    const { options, received } = receiver()
    return on(
      options,
      Effect.gen(function*() {
        yield* TestClock.adjust("3599 seconds")
        assert.strictEqual(received.length, 0)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(received.length, 1)
        yield* TestClock.adjust("3 hours")
        assert.strictEqual(received.length, 4)
        const events = received.map((request) => parse(bodyOf(request)))
        assert.strictEqual(new Set(events.map(ticketOf)).size, 4)
        assert.strictEqual(new Set(events.map(({ uuid }) => uuid)).size, 4)
      })
    )
  })

  it.effect("is pushed on request, after the reply, with a configured delay", () => {
    const { options, received } = receiver()
    const slow = { ...options, webhook: { ...options.webhook, resendDelay: "2 minutes" } } as const
    return Effect.gen(function*() {
      yield* on(
        options,
        Effect.gen(function*() {
          assert.deepStrictEqual((yield* resend()).json, { code: 0, msg: "success" })
          assert.strictEqual(received.length, 1)
        })
      )
      yield* on(
        slow,
        Effect.gen(function*() {
          yield* resend()
          yield* TestClock.adjust("119 seconds")
          assert.strictEqual(received.length, 1)
          yield* TestClock.adjust("1 second")
          assert.strictEqual(received.length, 2)
        })
      )
    })
  })

  it.effect("is not pushed to a custom app, nor after a refusal", () => {
    const { options, received } = receiver()
    return Effect.gen(function*() {
      const hours = TestClock.adjust("2 hours")
      const custom: Simulator.Options = { ...options, app: { ...app, type: "custom" } }
      assert.deepStrictEqual(yield* on(custom, Effect.tap(Effect.map(resend(), outcome), () => hours)), [200, 10016])
      const refused: Simulator.Options = { ...options, app: { ...app, stopped: true } }
      assert.deepStrictEqual(yield* on(refused, Effect.map(resend(), outcome)), [200, 10014])
      assert.strictEqual(received.length, 0)
    })
  })
})

describe("redelivery", () => {
  it.effect("repeats the event after 15 s, 5 min, 1 h and 6 h", () => {
    const { options, received } = receiver([500, "never", "lost", 201, 404])
    return on(
      options,
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* simulator.pushTicket
        yield* TestClock.adjust("12 hours")
        const [first] = yield* simulator.pushes
        const seconds = first?.attempts.map(({ at, status }) => [at / 1000, status])
        // A response that never comes is awaited for three seconds.
        assert.deepStrictEqual(seconds, [
          [0, 500],
          [15, undefined],
          [318, undefined],
          [3918, 201],
          [25_518, 404]
        ])
        const bodies = received.map(bodyOf).filter((body) => parse(body)["uuid"] === first?.uuid)
        assert.strictEqual(bodies.length, 5)
        assert.strictEqual(new Set(bodies).size, 1)
      })
    )
  })

  it.effect("ends with the first 200", () => {
    const { options } = receiver([503])
    return on(
      options,
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* simulator.pushTicket
        yield* TestClock.adjust("59 minutes")
        assert.deepStrictEqual((yield* simulator.pushes)[0]?.attempts, [{ at: 0, status: 503 }, {
          at: 15_000,
          status: 200
        }])
      })
    )
  })

  it.effect("follows a receiver that throws", () => {
    const { options } = receiver()
    return on(
      { ...options, webhook: { ...options.webhook, deliver: () => Effect.die(new Error("broken")) } },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* simulator.pushTicket
        assert.deepStrictEqual((yield* simulator.pushes)[0]?.attempts, [{ at: 0, status: undefined }])
      })
    )
  })

  it.effect("goes to a receiver that was set later", () => {
    const { deliver, received } = receiver()
    return on(
      { app },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* simulator.pushTicket
        yield* simulator.deliverTo(deliver)
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual(received.length, 1)
        assert.deepStrictEqual((yield* simulator.pushes)[0]?.attempts.map((one) => one.status), [undefined, 200])
      })
    )
  })
})

describe("an encrypt key", () => {
  it.effect("encrypts a push, and signs each delivery anew", () => {
    const { options, received } = receiver([500])
    return on(
      { ...options, webhook: { ...options.webhook, encryptKey } },
      Effect.gen(function*() {
        yield* TestClock.adjust("7 seconds")
        const arrived = yield* Deferred.make<void>()
        const simulator = yield* Simulator.Simulator
        yield* simulator.deliverTo((request) =>
          Effect.tap(
            options.webhook.deliver(request),
            () => received.length < 2 ? Effect.void : Deferred.succeed(arrived, undefined)
          )
        )
        yield* simulator.pushTicket
        yield* TestClock.adjust("15 seconds")
        yield* Deferred.await(arrived)
        const [first, second] = received
        for (const request of [first!, second!]) {
          const body = bodyOf(request)
          assert.deepStrictEqual(Object.keys(parse(body)), ["encrypt"])
          const event = decrypt(body)
          assert.strictEqual(event["token"], verificationToken)
          assert.strictEqual((event["event"] as Json)["type"], "app_ticket")
          assert.strictEqual(request.headers["x-lark-signature"], signature(request, body))
        }
        assert.strictEqual(bodyOf(first!), bodyOf(second!))
        assert.deepStrictEqual(received.map((request) => request.headers["x-lark-request-timestamp"]), ["7", "22"])
        assert.notStrictEqual(first?.headers["x-lark-request-nonce"], second?.headers["x-lark-request-nonce"])
      })
    )
  })

  it.effect("is replaced in a forged event, as is every other part", () => {
    const { options } = receiver()
    return on(
      { ...options, webhook: { ...options.webhook, encryptKey } },
      Effect.gen(function*() {
        const { appTicketEvent, pushes } = yield* Simulator.Simulator
        const usual = yield* appTicketEvent()
        assert.strictEqual(usual.headers["x-lark-signature"], signature(usual, bodyOf(usual)))
        assert.deepStrictEqual(outcome(yield* appToken(ticketOf(decrypt(bodyOf(usual))))), [200, 0])

        const forged = yield* appTicketEvent({
          appId: "cli_forged",
          ticket: "forged",
          uuid: "1",
          verificationToken: "t",
          encryptKey: "another"
        })
        assert.strictEqual(forged.headers["x-lark-signature"], signature(forged, bodyOf(forged), "another"))
        assert.deepStrictEqual(decrypt(bodyOf(forged), "another"), {
          ts: "0.000000",
          uuid: "1",
          token: "t",
          type: "event_callback",
          event: { app_id: "cli_forged", app_ticket: "forged", type: "app_ticket" }
        })
        assert.deepStrictEqual(outcome(yield* appToken("forged")), [200, 10012])

        const plain = yield* appTicketEvent({ encryptKey: null })
        assert.isUndefined(plain.headers["x-lark-signature"])
        assert.strictEqual(parse(bodyOf(plain))["type"], "event_callback")
        // None was sent.
        assert.deepStrictEqual(yield* pushes, [])
      })
    )
  })
})

describe("url_verification", () => {
  const respondingWith = (respond: (challenge: unknown) => Response): Simulator.Deliver => (request) =>
    Effect.succeed(HttpClientResponse.fromWeb(request, respond(parse(bodyOf(request))["challenge"])))

  it.effect("expects the challenge, with 200 and within a second", () =>
    Effect.gen(function*() {
      const verified = (deliver: Simulator.Deliver) =>
        on(
          { app, webhook: { url, verificationToken, deliver } },
          Effect.gen(function*() {
            const simulator = yield* Simulator.Simulator
            const fiber = yield* Effect.forkChild(simulator.verifyUrl, { startImmediately: true })
            yield* TestClock.adjust("1 second")
            const exit = fiber.pollUnsafe()
            assert.deepStrictEqual((yield* simulator.pushes).map(({ type, uuid }) => [type, uuid]), [
              ["url_verification", undefined]
            ])
            return exit?._tag === "Success" ? exit.value : assert.fail("it is still waiting")
          })
        )
      const { deliver, received } = receiver()
      assert.isFalse(yield* verified(deliver))
      assert.deepStrictEqual(Object.keys(parse(bodyOf(received[0]!))), ["challenge", "token", "type"])
      assert.isTrue(yield* verified(respondingWith((challenge) => Response.json({ challenge }))))
      assert.isFalse(yield* verified(respondingWith((challenge) => Response.json({ challenge }, { status: 201 }))))
      assert.isFalse(
        yield* verified(respondingWith((challenge) => Response.json({ challenge: `${String(challenge)}0` })))
      )
      assert.isFalse(yield* verified(respondingWith(() => new Response("challenge"))))
      assert.isFalse(yield* verified(receiver(["never"]).deliver))
    }))
})

describe("on real ports", () => {
  const port = NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "100 millis" })

  it.live("a push is sent by the HttpClient in the context of the layer", () =>
    Effect.gen(function*() {
      const received = yield* Queue.unbounded<string>()
      const webhook = yield* Layer.build(Layer.fresh(port))
      yield* HttpServer.serveEffect(
        Effect.gen(function*() {
          const request = yield* HttpServerRequest.HttpServerRequest
          yield* Queue.offer(received, yield* request.text)
          return HttpServerResponse.empty({ status: 200 })
        })
      ).pipe(Effect.provide(webhook))
      const target = yield* HttpServer.addressFormattedWith(Effect.succeed).pipe(Effect.provide(webhook))

      const feishu = yield* Layer.build(
        Simulator.layerServer({ app, webhook: { url: `${target}/events`, encryptKey } }).pipe(
          Layer.provideMerge(Layer.fresh(port))
        )
      )
      const base = yield* HttpServer.addressFormattedWith(Effect.succeed).pipe(Effect.provide(feishu))
      assert.deepStrictEqual((yield* resend(base)).json, { code: 0, msg: "success" })
      const event = decrypt(yield* Queue.take(received))
      const ask = { ...credentials, app_ticket: ticketOf(event) }
      assert.deepStrictEqual(outcome(yield* post(`${base}/open-apis/auth/v3/app_access_token`, ask)), [200, 0])
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerUndici)))

  it.live("a login redirects a browser", () =>
    Effect.gen(function*() {
      const base = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const query = new URLSearchParams({
        client_id: Simulator.defaultApp.appId,
        response_type: "code",
        redirect_uri: "http://127.0.0.1:9/callback"
      })
      const page = yield* Effect.promise(() =>
        fetch(`${base}/open-apis/authen/v1/authorize?${query}`, { redirect: "manual" })
      )
      assert.strictEqual(page.status, 302)
      assert.match(page.headers.get("location") ?? "", /^http:\/\/127\.0\.0\.1:9\/callback\?code=[\w-]{64}$/)
      const [request] = yield* (yield* Simulator.Simulator).requests
      assert.strictEqual(`http://${request?.host}`, base)
    }).pipe(Effect.provide(
      Simulator.layerServer({ login: { user: "ou_alice" } }).pipe(Layer.provideMerge(port))
    )))
})
