import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { AppTicket, AppToken, LarkConfig } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { type HttpClientRequest, HttpServerResponse } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import * as platform from "./fixtures/http/platform.ts"
import * as prompt from "./fixtures/http/prompt.ts"
import * as plainSeal from "./fixtures/plainSeal.ts"

const minted = (token: string, expire = 7200): platform.Answer => ({
  body: { code: 0, msg: "ok", app_access_token: token, tenant_access_token: "t-1", expire }
})

const store = { appId: "cli_store", appSecret: Redacted.make("secret-of-the-store-app") }

const answered = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.succeed(HttpServerResponse.toClientResponse(HttpServerResponse.jsonUnsafe({}), { request }))

const resendPath = "/open-apis/auth/v3/app_ticket/resend"

describe("the app token of a custom app", () => {
  const provision = (answer: (nth: number) => platform.Reaction) =>
    Effect.gen(function*() {
      const feishu = prompt.make((_, nth) => answer(nth))
      const layer = AppToken.layer.pipe(Layer.provide([LarkConfig.layer(platform.app), feishu.layer]))
      const service = yield* Effect.provide(AppToken.AppToken, yield* Layer.build(layer))
      return { ...service, text: Effect.map(service.get, Redacted.value), mints: feishu.calls }
    })

  it.effect("is fetched once with id and secret, and renewed in its last half hour", () =>
    Effect.gen(function*() {
      const token = yield* provision((nth) => minted(`a-${nth}`))
      const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(token.text))
      assert.deepStrictEqual([...new Set(yield* Effect.forEach(fibers, Fiber.join))], ["a-0"])
      assert.deepStrictEqual(token.mints.map(({ body, method, url }) => [method, url, body]), [[
        "POST",
        "https://open.feishu.cn/open-apis/auth/v3/app_access_token/internal",
        `{"app_id":"cli_test","app_secret":"secret-of-the-app"}`
      ]])
      yield* TestClock.adjust("90 minutes")
      assert.strictEqual(yield* token.text, "a-0")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* token.text, "a-1")
      assert.strictEqual(token.mints.length, 2)
    }))

  it.effect("is dropped when it is rejected", () =>
    Effect.gen(function*() {
      const token = yield* provision((nth) => minted(`a-${nth}`))
      assert.strictEqual(yield* token.reject(yield* token.get), true)
      assert.strictEqual(yield* token.text, "a-1")
    }))

  it.effect("that is refused is not requested again for five seconds", () =>
    Effect.gen(function*() {
      const token = yield* provision(() => platform.failed(200, 10014))
      for (let i = 0; i < 100; i++) {
        assert.include<object>(yield* Effect.flip(token.get), {
          _tag: "CredentialsRejected",
          code: 10014,
          endpoint: "auth.v3.app_access_token.internal"
        })
      }
      assert.strictEqual(token.mints.length, 1)
      yield* TestClock.adjust("5 seconds")
      yield* Effect.flip(token.get)
      assert.strictEqual(token.mints.length, 2)
    }))

  it.effect("is read from its own field only", () =>
    Effect.gen(function*() {
      const token = yield* provision(() => ({ body: { code: 0, msg: "ok", tenant_access_token: "t-1", expire: 7200 } }))
      assert.include<object>(yield* Effect.flip(token.get), { _tag: "MalformedResponse" })
    }))

  it.effect("is the one that the platform issues", () =>
    Effect.gen(function*() {
      const token = yield* AppToken.AppToken.use((tokens) => tokens.get)
      const [issued] = yield* Simulator.Simulator.use((simulator) => simulator.tokensMinted)
      assert.isDefined(issued)
      assert.strictEqual(Redacted.value(token), Redacted.value(issued.value))
    }).pipe(
      Effect.provide(AppToken.layer),
      Effect.provide(LarkConfig.layer(Simulator.defaultApp)),
      Effect.provide(Simulator.layer())
    ))
})

describe("the app token of a store app", () => {
  /** A store app that starts with a ticket, and the answer to each ticket. */
  const provision = (ticket: string | undefined, answer: (ticket: string, nth: number) => platform.Reaction) =>
    Effect.gen(function*() {
      let nth = 0
      const feishu = prompt.make(({ body, path }) =>
        path === resendPath ? { body: { code: 0, msg: "ok" } } : answer(JSON.parse(body ?? "{}")["app_ticket"], nth++)
      )
      const layer = AppToken.layerStore.pipe(
        Layer.provideMerge(AppTicket.layer),
        Layer.provide([LarkConfig.layer(platform.app), feishu.layer, KeyValueStore.layerMemory, plainSeal.layer])
      )
      const context = yield* Layer.build(layer)
      const tickets = yield* Effect.provide(AppTicket.AppTicket, context)
      const service = yield* Effect.provide(AppToken.AppToken, context)
      const push = (ticket: string) => tickets.put(Redacted.make(ticket))
      if (ticket !== undefined) yield* push(ticket)
      const sent = (path: string) => feishu.calls.filter((call) => call.path === path).map((call) => call.body)
      return {
        text: Effect.map(service.get, Redacted.value),
        failure: Effect.flip(service.get),
        push,
        mints: () => sent("/open-apis/auth/v3/app_access_token"),
        resends: () => sent(resendPath).length
      }
    })

  const withTicket = (ticket: string) =>
    `{"app_id":"cli_test","app_secret":"secret-of-the-app","app_ticket":"${ticket}"}`

  const onlyFor = (good: string) => (ticket: string) =>
    ticket === good ? minted(`a-for-${ticket}`) : platform.failed(200, 10012, "app ticket invalid")

  it.effect("is issued for the ticket", () =>
    Effect.gen(function*() {
      const token = yield* provision("g-1", onlyFor("g-1"))
      assert.strictEqual(yield* token.text, "a-for-g-1")
      assert.deepStrictEqual(token.mints(), [withTicket("g-1")])
      assert.strictEqual(token.resends(), 0)
    }))

  it.effect("is not requested without a ticket, and is as soon as there is one", () =>
    Effect.gen(function*() {
      const token = yield* provision(undefined, onlyFor("g-1"))
      const waiting = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(token.text))
      yield* prompt.settled
      yield* TestClock.adjust("1 second")
      yield* token.push("g-1")
      assert.deepStrictEqual([...new Set(yield* Effect.forEach(waiting, Fiber.join))], ["a-for-g-1"])
      assert.deepStrictEqual(token.mints(), [withTicket("g-1")])
      assert.strictEqual(token.resends(), 1)
    }))

  it.effect("fails with AppTicketMissing until a ticket arrives", () =>
    Effect.gen(function*() {
      const token = yield* provision(undefined, onlyFor("g-1"))
      const first = yield* Effect.forkChild(token.failure)
      yield* prompt.settled
      yield* TestClock.adjust("2 seconds")
      const missing = { _tag: "AppTicketMissing", reason: "none", resend: "requested" }
      assert.include<object>(yield* Fiber.join(first), missing)
      for (let i = 0; i < 100; i++) assert.include<object>(yield* token.failure, missing)
      yield* token.push("g-1")
      assert.strictEqual(yield* token.text, "a-for-g-1")
      assert.strictEqual(token.resends(), 1)
    }))

  it.effect("with an outdated ticket is issued for the next one, which is requested", () =>
    Effect.gen(function*() {
      const token = yield* provision("g-old", onlyFor("g-new"))
      const waiting = yield* Effect.forkChild(token.text)
      yield* prompt.settled
      yield* TestClock.adjust("1 second")
      assert.strictEqual(token.resends(), 1)
      yield* token.push("g-new")
      assert.strictEqual(yield* Fiber.join(waiting), "a-for-g-new")
      assert.deepStrictEqual(token.mints(), [withTicket("g-old"), withTicket("g-new")])
    }))

  it.effect("with an outdated ticket fails with AppTicketMissing when no other arrives, and the old one is not sent again", () =>
    Effect.gen(function*() {
      const token = yield* provision("g-old", onlyFor("g-new"))
      const waiting = yield* Effect.forkChild(token.failure)
      yield* prompt.settled
      yield* TestClock.adjust("2 seconds")
      const rejected = { _tag: "AppTicketMissing", reason: "rejected", resend: "requested" }
      assert.include<object>(yield* Fiber.join(waiting), rejected)
      for (let i = 0; i < 100; i++) assert.include<object>(yield* token.failure, rejected)
      assert.deepStrictEqual(token.mints(), [withTicket("g-old")])
      assert.strictEqual(token.resends(), 1)
      yield* token.push("g-new")
      assert.strictEqual(yield* token.text, "a-for-g-new")
    }))

  it.effect("is tried with two tickets at most, and the error of the second is repeated for five seconds", () =>
    Effect.gen(function*() {
      const token = yield* provision("g-1", onlyFor("none"))
      const waiting = yield* Effect.forkChild(token.failure)
      yield* prompt.settled
      yield* TestClock.adjust("1 second")
      yield* token.push("g-2")
      const refused = { _tag: "CredentialsRejected", code: 10012, endpoint: "auth.v3.app_access_token.create" }
      assert.include<object>(yield* Fiber.join(waiting), refused)
      for (let i = 0; i < 100; i++) assert.include<object>(yield* token.failure, refused)
      assert.deepStrictEqual(token.mints(), [withTicket("g-1"), withTicket("g-2")])
      yield* TestClock.adjust("5 seconds")
      assert.include<object>(yield* token.failure, { _tag: "AppTicketMissing", reason: "rejected" })
      assert.deepStrictEqual(token.mints(), [withTicket("g-1"), withTicket("g-2")])
    }))

  it.effect("with a wrong secret fails with CredentialsRejected, and the ticket stays in use", () =>
    Effect.gen(function*() {
      const token = yield* provision("g-1", (_, nth) => nth === 0 ? platform.failed(200, 10015) : minted("a-1"))
      assert.include<object>(yield* token.failure, { _tag: "CredentialsRejected", code: 10015 })
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* token.text, "a-1")
      assert.deepStrictEqual(token.mints(), [withTicket("g-1"), withTicket("g-1")])
      assert.strictEqual(token.resends(), 0)
    }))

  it.effect("and its secrets appear in no error, even if the platform repeats them", () =>
    Effect.gen(function*() {
      const repeated = "secret-of-the-app and g-secret-ticket"
      for (const code of [10012, 10015, 99991400, 4242]) {
        const token = yield* provision("g-secret-ticket", () => platform.failed(200, code, repeated))
        const waiting = yield* Effect.forkChild(token.failure)
        yield* prompt.settled
        yield* TestClock.adjust("2 seconds")
        const error = yield* Fiber.join(waiting)
        const shown = [String(error), JSON.stringify(error), inspect(error, { depth: 20, showHidden: true })].join()
        assert.notInclude(shown, "g-secret-ticket")
        assert.notInclude(shown, "secret-of-the-app")
      }
    }))

  it.effect("is the one that the platform issues for the ticket that it pushes on request", () =>
    Effect.gen(function*() {
      const tickets = yield* AppTicket.AppTicket
      const simulator = yield* Simulator.Simulator
      yield* simulator.deliverTo((request) =>
        Effect.gen(function*() {
          const body = request.body._tag === "Uint8Array" ? new TextDecoder().decode(request.body.body) : "{}"
          yield* Effect.orDie(tickets.put(Redacted.make(JSON.parse(body)["event"]["app_ticket"])))
          return yield* answered(request)
        })
      )
      const token = yield* Effect.forkChild(AppToken.AppToken.use((tokens) => tokens.get))
      yield* prompt.settled
      yield* TestClock.adjust("100 millis")
      const [issued] = yield* simulator.tokensMinted
      assert.isDefined(issued)
      assert.include(issued, { kind: "app", appId: "cli_store" })
      assert.strictEqual(Redacted.value(yield* Fiber.join(token)), Redacted.value(issued.value))
    }).pipe(
      Effect.provide(AppToken.layerStore),
      Effect.provide(AppTicket.layer),
      Effect.provide([LarkConfig.layer(store), KeyValueStore.layerMemory, plainSeal.layer]),
      Effect.provide(Simulator.layer({ app: { ...store, type: "store" }, webhook: { url: "http://webhook.test/" } }))
    ))
})
