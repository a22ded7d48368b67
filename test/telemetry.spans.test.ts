import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { LarkHttp } from "effect-lark-meetings"
import { HttpClient } from "effect/http"
import * as platform from "./fixtures/http/platform.ts"
import { counters, failureOf, observe } from "./fixtures/observe.ts"
import {
  asAlice,
  conflict,
  get,
  getRoute,
  lastSpan,
  meeting,
  mintRoute,
  observeWith,
  on,
  setHostRoute,
  swapHost
} from "./fixtures/telemetry.ts"
import { id } from "./fixtures/World.ts"

describe("the span of a request", () => {
  it.effect("has the name of its route and the attributes of OpenTelemetry", () =>
    Effect.gen(function*() {
      const { requests, spans } = yield* observeWith(get, meeting)
      assert.deepStrictEqual(spans.map(({ kind, name }) => [name, kind]), [
        ["caller", "internal"],
        ["Meetings.get", "internal"],
        [mintRoute, "client"],
        [getRoute, "client"]
      ])
      assert.deepStrictEqual(requests.map((span) => Object.fromEntries(span.attributes)), [
        {
          "http.request.method": "POST",
          "http.response.status_code": 200,
          "url.full": "https://open.feishu.cn/open-apis/auth/v3/tenant_access_token/internal",
          "url.template": "/open-apis/auth/v3/tenant_access_token/internal",
          "server.address": "open.feishu.cn",
          "server.port": 443,
          "lark.endpoint": "auth.v3.tenant_access_token.internal",
          "lark.code": 0
        },
        {
          "http.request.method": "GET",
          "http.response.status_code": 200,
          "url.full": `https://open.feishu.cn/open-apis/vc/v1/meetings/${id}?user_id_type=open_id`,
          "url.template": "/open-apis/vc/v1/meetings/:meeting_id",
          "server.address": "open.feishu.cn",
          "server.port": 443,
          "lark.endpoint": "vc.v1.meeting.get",
          "lark.code": 0,
          "lark.log_id": "2026112206150001"
        }
      ])
      assert.deepStrictEqual(requests.map(failureOf), [undefined, undefined])
    }))

  const ends: ReadonlyArray<
    readonly [what: string, answer: platform.Reaction, failure: string, attributes: Readonly<Record<string, unknown>>]
  > = [
    ["a conflict", conflict, "code 121006", {
      "http.response.status_code": 409,
      "error.type": "409",
      "lark.code": 121006
    }],
    ["a conflict with HTTP 200", { ...conflict, status: 200 }, "code 121006", {
      "http.response.status_code": 200,
      "error.type": "121006",
      "lark.code": 121006
    }],
    ["an unknown code", platform.failed(400, 424242), "code 424242", {
      "http.response.status_code": 400,
      "error.type": "400",
      "lark.code": 424242
    }],
    ["a gateway's page", { status: 502, body: "<html>", headers: { "x-request-id": "r-1" } }, "MalformedResponse", {
      "http.response.status_code": 502,
      "error.type": "502",
      "lark.log_id": "r-1"
    }],
    ["a page with HTTP 200", { status: 200, body: "<html>" }, "MalformedResponse", {
      "http.response.status_code": 200,
      "error.type": "MalformedResponse"
    }],
    ["a lost connection", new platform.Lost(new Error("ECONNRESET")), "TransportError", {
      "error.type": "TransportError"
    }],
    ["silence", Effect.never, "TransportError", { "error.type": "TransportError" }]
  ]

  it.effect.each(ends)("fails on %s", ([, answer, expected, attributes]) =>
    Effect.gen(function*() {
      const { attributes: seen, failure, name } = yield* lastSpan(swapHost, answer)
      assert.strictEqual(name, setHostRoute)
      assert.include(failure, expected)
      const answerOnly = Object.entries(seen).filter(([key]) =>
        /^(http\.response\..*|error\..*|lark\.(code|log_id))$/.test(key)
      )
      assert.deepStrictEqual(Object.fromEntries(answerOnly), attributes)
    }))

  it.effect("is followed by another for the replay, with the resend count", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, n) => n === 0 ? platform.failed(400, 99991663) : meeting)
      const { requests } = yield* observe(on(feishu)(get))
      assert.deepStrictEqual(
        requests.map(({ attributes, name }) => [
          name,
          attributes.get("lark.code"),
          attributes.get("http.request.resend_count")
        ]),
        [[mintRoute, 0, undefined], [getRoute, 99991663, undefined], [mintRoute, 0, undefined], [getRoute, 0, 1]]
      )
    }))

  it.effect("ends with the body of the response, and is the parent of the transport's spans", () =>
    Effect.gen(function*() {
      const slow = Effect.withSpan(Effect.delay(Effect.succeed(meeting), "3 seconds"), "transport")
      const { requests, spans } = yield* observeWith(asAlice(get), slow)
      const status = requests[0]?.status
      assert(status?._tag === "Ended")
      assert.strictEqual(status.endTime - status.startTime, 3_000_000_000n)
      const transport = spans.find(({ name }) => name === "transport")
      assert(transport?.parent._tag === "Some")
      assert.strictEqual(transport.parent.value, requests[0])
    }))

  it.effect("has the address and port of its server", () =>
    Effect.gen(function*() {
      const servers = [
        ["http://127.0.0.1:8787", "127.0.0.1", 8787],
        ["http://[::1]", "::1", 80],
        ["https://proxy.example/feishu", "proxy.example", 443]
      ] as const
      for (const [baseUrl, address, port] of servers) {
        const { requests } = yield* observe(on(platform.make(() => meeting), { baseUrl })(asAlice(get)))
        const attributes = requests[0]?.attributes
        assert.strictEqual(attributes?.get("server.address"), address)
        assert.strictEqual(attributes?.get("server.port"), port)
      }
    }))

  it.effect("hides secrets in the query", () =>
    Effect.gen(function*() {
      const own = LarkHttp.endpoint({
        name: "own.get",
        method: "GET",
        path: "/own/:id",
        token: "either",
        errors: [],
        data: Schema.Unknown
      })
      const query = {
        page_size: "10",
        user_access_token: "mark-1",
        code: "mark-2",
        app_secret: "mark-3",
        sign: "mark-4"
      }
      const call = LarkHttp.LarkHttp.use((lark) => lark.call(own, { params: { id: "a/b" }, query }))
      const { attributes, name } = yield* lastSpan(call, platform.ok({}))
      assert.strictEqual(name, "GET /open-apis/own/:id")
      assert.strictEqual(
        attributes["url.full"],
        "https://open.feishu.cn/open-apis/own/a%2Fb?page_size=10&user_access_token=REDACTED&code=REDACTED"
          + "&app_secret=REDACTED&sign=REDACTED"
      )
    }))

  it.effect("does not exist without a tracer, or if it is disabled", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const feishu = platform.make(() =>
        Effect.match(Effect.currentSpan, {
          onFailure: () => meeting,
          onSuccess: ({ name }) => {
            seen.push(name)
            return meeting
          }
        })
      )
      const program = on(feishu)(asAlice(get))
      yield* program
      assert.notInclude(seen, getRoute)
      yield* observe(program)
      assert.include(seen, getRoute)

      const off = yield* Effect.all([
        observe(Effect.withTracerEnabled(program, false)),
        observe(Effect.provideService(program, HttpClient.TracerDisabledWhen, ({ url }) => url.includes("/vc/")))
      ])
      for (const { metrics, requests } of off) {
        assert.deepStrictEqual(requests, [])
        assert.strictEqual(counters(metrics)["lark_requests_total{vc.v1.meeting.get,0}"], 1)
      }
    }))
})
