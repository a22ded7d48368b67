import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Layer, type Metric, Redacted, Schema } from "effect"
import {
  CircuitBreaker,
  Lark,
  LarkConfig,
  LarkError,
  LarkHttp,
  MeetingId,
  Meetings,
  MeetingUser,
  OAuth,
  UserToken
} from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClient } from "effect/http"
import { CircuitBreaker as Circuit } from "effect/persistence"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import * as platform from "./fixtures/http/platform.ts"
import { counters, failureOf, observe } from "./fixtures/observe.ts"

const id = MeetingId.make("6911188411932033028")
const alice = MeetingUser.openId("ou_alice")
const bob = MeetingUser.openId("ou_bob")
const asAlice = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice"), { user: alice }))

const get = Meetings.get(id)
const swapHost = Meetings.swapHost(id, { expected: alice, desired: bob })

const meeting: platform.Answer = {
  ...platform.ok({ meeting: { id } }),
  headers: { "x-tt-logid": "2026112206150001" }
}
const conflict = platform.failed(409, 121006, "data conflict", {
  data: { host_user: { id: "ou_carol", user_type: 1 } }
})

const mintRoute = "POST /open-apis/auth/v3/tenant_access_token/internal"
const getRoute = "GET /open-apis/vc/v1/meetings/:meeting_id"
const setHostRoute = "PATCH /open-apis/vc/v1/meetings/:meeting_id/set_host"

const on =
  (feishu: ReturnType<typeof platform.make>, options: Partial<LarkConfig.Options> = {}) =>
  <A, E>(program: Effect.Effect<A, E, Lark.Services>) =>
    program.pipe(Effect.provide(Lark.layer({ ...platform.app, ...options })), Effect.provide(feishu.layer))

/** What is seen of a program that gets this answer to each of its calls. */
const answered = <A, E>(program: Effect.Effect<A, E, Lark.Services>, answer: platform.Reaction) =>
  observe(on(platform.make(() => answer))(program))

/** The last request's span. */
const told = <A, E>(program: Effect.Effect<A, E, Lark.Services>, answer: platform.Reaction) =>
  Effect.map(answered(program, answer), ({ requests }) => {
    const span = requests.at(-1)
    assert(span !== undefined)
    return { name: span.name, failure: failureOf(span), attributes: Object.fromEntries(span.attributes) }
  })

describe("a request has one span", () => {
  it.effect("named by its route, and described as OpenTelemetry wants it", () =>
    Effect.gen(function*() {
      const { requests, spans } = yield* answered(get, meeting)
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
    ["a page that says it is well", { status: 200, body: "<html>" }, "MalformedResponse", {
      "http.response.status_code": 200,
      "error.type": "MalformedResponse"
    }],
    ["a lost connection", new platform.Lost(new Error("ECONNRESET")), "TransportError", {
      "error.type": "TransportError"
    }],
    ["silence", Effect.never, "TransportError", { "error.type": "TransportError" }]
  ]

  it.effect.each(ends)("that fails at %s", ([, answer, expected, attributes]) =>
    Effect.gen(function*() {
      const { attributes: seen, failure, name } = yield* told(swapHost, answer)
      assert.strictEqual(name, setHostRoute)
      assert.include(failure, expected)
      const answerOnly = Object.entries(seen).filter(([key]) =>
        /^(http\.response\..*|error\..*|lark\.(code|log_id))$/.test(key)
      )
      assert.deepStrictEqual(Object.fromEntries(answerOnly), attributes)
    }))

  it.effect("and the request that repeats it another, which says so", () =>
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

  it.effect("that lasts until the whole answer is there, and is the parent of what the transport does", () =>
    Effect.gen(function*() {
      const slow = Effect.withSpan(Effect.delay(Effect.succeed(meeting), "3 seconds"), "transport")
      const { requests, spans } = yield* answered(asAlice(get), slow)
      const status = requests[0]?.status
      assert(status?._tag === "Ended")
      assert.strictEqual(status.endTime - status.startTime, 3_000_000_000n)
      const transport = spans.find(({ name }) => name === "transport")
      assert(transport?.parent._tag === "Some")
      assert.strictEqual(transport.parent.value, requests[0])
    }))

  it.effect("that knows its server by any address", () =>
    Effect.gen(function*() {
      const places = [
        ["http://127.0.0.1:8787", "127.0.0.1", 8787],
        ["http://[::1]", "::1", 80],
        ["https://proxy.example/feishu", "proxy.example", 443]
      ] as const
      for (const [baseUrl, address, port] of places) {
        const { requests } = yield* observe(on(platform.make(() => meeting), { baseUrl })(asAlice(get)))
        const attributes = requests[0]?.attributes
        assert.strictEqual(attributes?.get("server.address"), address)
        assert.strictEqual(attributes?.get("server.port"), port)
      }
    }))

  it.effect("that shows no secret of a query", () =>
    Effect.gen(function*() {
      const own = LarkHttp.endpoint({
        name: "own.get",
        method: "GET",
        path: "/own/:id",
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
      const { attributes, name } = yield* told(call, platform.ok({}))
      assert.strictEqual(name, "GET /open-apis/own/:id")
      assert.strictEqual(
        attributes["url.full"],
        "https://open.feishu.cn/open-apis/own/a%2Fb?page_size=10&user_access_token=REDACTED&code=REDACTED"
          + "&app_secret=REDACTED&sign=REDACTED"
      )
    }))

  it.effect("unless nobody listens, or it is switched off", () =>
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

const histogram = (metrics: ReadonlyArray<Metric.Metric.Snapshot>, endpoint: string) => {
  const found = metrics.find((metric) =>
    metric.id === "lark_request_duration" && metric.attributes?.["endpoint"] === endpoint
  )
  assert(found?.type === "Histogram")
  return found.state
}

describe("metrics", () => {
  const cases: ReadonlyArray<readonly [what: string, answer: platform.Reaction, code: string]> = [
    ["a success", platform.ok({}), "0"],
    ["a conflict", conflict, "121006"],
    ["a conflict with HTTP 200", { ...conflict, status: 200 }, "121006"],
    ["a 429", platform.failed(429, 99991400), "99991400"],
    ["an unknown code", platform.failed(400, 424242), "424242"],
    ["a lost connection", new platform.Lost(new Error("ECONNRESET")), "transport"],
    ["silence", Effect.never, "transport"],
    ["a gateway's page", { status: 502, body: "<html>" }, "malformed"],
    ["a transport that breaks", Effect.die("broken"), "defect"]
  ]

  it.effect.each(cases)("count %s by endpoint and code", ([, answer, code]) =>
    Effect.gen(function*() {
      const { metrics } = yield* answered(swapHost, answer)
      assert.deepStrictEqual(counters(metrics), {
        "lark_token_mints_total{tenant,minted}": 1,
        "lark_requests_total{auth.v3.tenant_access_token.internal,0}": 1,
        [`lark_requests_total{vc.v1.meeting.set_host,${code}}`]: 1
      })
    }))

  it.effect("count what was interrupted", () =>
    Effect.gen(function*() {
      const { metrics } = yield* answered(Effect.timeoutOption(swapHost, "1 second"), Effect.never)
      assert.strictEqual(counters(metrics)["lark_requests_total{vc.v1.meeting.set_host,interrupted}"], 1)
    }))

  it.effect("count a rejected token by whose it is, and each request of a replay", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, n) => n < 2 ? platform.failed(400, 99991663) : meeting)
      const { metrics } = yield* observe(on(feishu)(Effect.exit(get)))
      assert.deepStrictEqual(counters(metrics), {
        "lark_token_mints_total{tenant,minted}": 2,
        "lark_tokens_rejected_total{tenant}": 2,
        "lark_requests_total{auth.v3.tenant_access_token.internal,0}": 2,
        "lark_requests_total{vc.v1.meeting.get,99991663}": 2
      })
      const asUser = yield* answered(asAlice(get), platform.failed(400, 99991668))
      assert.deepStrictEqual(counters(asUser.metrics), {
        "lark_tokens_rejected_total{user}": 1,
        "lark_requests_total{vc.v1.meeting.get,99991668}": 1
      })
      const refused = platform.make(() => meeting, () => platform.failed(400, 99991664))
      const byTokenEndpoint = yield* observe(on(refused)(Effect.exit(get)))
      assert.strictEqual(counters(byTokenEndpoint.metrics)["lark_tokens_rejected_total{app}"], 1)
    }))

  it.effect("count the tokens asked for by outcome", () =>
    Effect.gen(function*() {
      const mints: ReadonlyArray<readonly [answer: platform.Reaction, outcome: string]> = [
        [platform.failed(400, 10014), "CredentialsRejected"],
        [new platform.Lost(new Error("ECONNREFUSED")), "TransportError"],
        [platform.minted(""), "MalformedResponse"]
      ]
      for (const [answer, outcome] of mints) {
        const { metrics } = yield* observe(on(platform.make(() => meeting, () => answer))(get))
        assert.strictEqual(counters(metrics)[`lark_token_mints_total{tenant,${outcome}}`], 1)
      }
      // A mint ends with the service, not with the caller that began it.
      const late = observe(on(platform.make(() => meeting, () => Effect.never))(Effect.timeoutOption(get, "1 second")))
      assert.strictEqual(counters((yield* late).metrics)["lark_token_mints_total{tenant,interrupted}"], 1)
    }))

  it.effect("count the tokens of users", () =>
    Effect.gen(function*() {
      const grant = { body: { code: 0, access_token: "u-1", expires_in: 7200, token_type: "Bearer" } }
      const feishu = platform.make((_, n) =>
        n === 0 ? grant : n === 1 ? platform.failed(400, 20073) : platform.failed(400, 99991668)
      )
      const program = Effect.all([
        Effect.exit(OAuth.refresh(Redacted.make("r-1"))),
        Effect.exit(OAuth.refresh(Redacted.make("r-2"))),
        Effect.exit(OAuth.userInfo(Redacted.make("u-1")))
      ]).pipe(
        Effect.provide(Layer.provide(OAuth.layer, LarkConfig.layer(platform.app))),
        Effect.provide(feishu.layer)
      )
      const { metrics } = yield* observe(program)
      assert.deepStrictEqual(counters(metrics), {
        "lark_token_mints_total{user,minted}": 1,
        "lark_token_mints_total{user,ReauthorizationRequired}": 1,
        "lark_tokens_rejected_total{user}": 1,
        "lark_requests_total{authen.v2.oauth.token,0}": 1,
        "lark_requests_total{authen.v2.oauth.token,20073}": 1,
        "lark_requests_total{authen.v1.user_info.get,99991668}": 1
      })
    }))

  it.effect("measure each request in milliseconds, without the wait for its token", () =>
    Effect.gen(function*() {
      const feishu = platform.make(
        (_, n) => Effect.delay(Effect.succeed(meeting), n === 0 ? "40 millis" : "2 seconds"),
        () => Effect.delay(Effect.succeed(platform.minted("t-1")), "5 seconds")
      )
      const { metrics } = yield* observe(on(feishu)(Effect.all([get, get])))
      const { buckets, count, max, min, sum } = histogram(metrics, "vc.v1.meeting.get")
      assert.deepStrictEqual({ count, max, min, sum }, { count: 2, max: 2000, min: 40, sum: 2040 })
      assert.deepStrictEqual(buckets.filter(([, n]) => n > 0).map(([bound]) => bound), [
        50,
        75,
        100,
        250,
        500,
        750,
        1_000,
        2_500,
        5_000,
        7_500,
        10_000
      ])
      assert.strictEqual(histogram(metrics, "auth.v3.tenant_access_token.internal").sum, 5_000)
    }))

  it.effect("do not multiply with the requests, nor without end with the codes that a server makes up", () =>
    Effect.gen(function*() {
      const { metrics: same } = yield* answered(Effect.replicateEffect(swapHost, 50), conflict)
      assert.strictEqual(same.length, 5)

      const own = LarkHttp.endpoint({
        name: "own.codes",
        method: "GET",
        path: "/own",
        errors: [],
        data: Schema.Unknown
      })
      const call = LarkHttp.LarkHttp.use((lark) => Effect.exit(lark.call(own, { params: {} })))
      const feishu = platform.make((_, n) => platform.failed(400, 5_000_000 + n))
      const { metrics } = yield* observe(on(feishu)(Effect.replicateEffect(call, 1_500)))
      const counts = Object.entries(counters(metrics)).filter(([name]) => name.includes("own.codes"))
      assert.strictEqual(counts.length, 1_001)
      assert.strictEqual(counts.reduce((sum, [, count]) => sum + count, 0), 1_500)
      assert.strictEqual(counters(metrics)["lark_requests_total{own.codes,other}"], 500)
    }))

  const Reaction = Arbitrary.map(
    Arbitrary.schema(Schema.Literals(["ok", "conflict", "limited", "rejected", "lost", "garbage", "unknown", "slow"])),
    (kind): platform.Reaction =>
      ({
        ok: platform.ok({}),
        conflict,
        limited: { ...platform.failed(429, 99991400), headers: { "x-ogw-ratelimit-reset": "1" } },
        rejected: platform.failed(400, 99991663),
        lost: new platform.Lost(new Error("ECONNRESET")),
        garbage: { status: 502, body: "<html>" },
        unknown: platform.failed(500, 121001),
        slow: Effect.never
      })[kind]
  )

  it.effect.prop(
    "agree with the spans and with what arrived, whatever is answered",
    { reactions: Arbitrary.array(Reaction, { maxLength: 8 }) },
    ({ reactions }) =>
      Effect.gen(function*() {
        const feishu = platform.make((_, n) => reactions[n] ?? platform.ok({}))
        const { metrics, requests } = yield* observe(
          on(feishu)(Effect.exit(Meetings.setHost(id, bob, { hint: alice })))
        )
        const arrived = feishu.calls.length + feishu.mints.length
        const totals = Object.entries(counters(metrics))
        const sum = (prefix: string) =>
          totals.reduce((sum, [name, count]) => name.startsWith(prefix) ? sum + count : sum, 0)
        assert.strictEqual(requests.length, arrived)
        assert.strictEqual(sum("lark_requests_total"), arrived)
        assert.strictEqual(sum("lark_token_mints_total"), feishu.mints.length)
        assert.strictEqual(
          sum("lark_tokens_rejected_total"),
          requests.filter(({ attributes }) => attributes.get("lark.code") === 99991663).length
        )
        const measured = ["vc.v1.meeting.set_host", "vc.v1.meeting.get", "auth.v3.tenant_access_token.internal"]
          .filter((endpoint) => totals.some(([name]) => name.includes(endpoint)))
          .map((endpoint) => histogram(metrics, endpoint).count)
        assert.strictEqual(measured.reduce((sum, count) => sum + count, 0), arrived)
      })
  )
})

describe("log lines", () => {
  it.effect("are below info in a normal run, even one with conflicts, a replay and a lost reply", () =>
    Effect.gen(function*() {
      const simulated = Simulator.layer({
        meetings: [{ id, host: alice, participants: [alice, bob] }],
        rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }],
        faults: [
          { endpoint: "set_host", nth: 1, fault: { _tag: "RejectToken", status: 400 } },
          { endpoint: "set_host", nth: 2, fault: { _tag: "DropAfter" } }
        ]
      })
      const program = Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* Meetings.setHost(id, bob)
        yield* TestClock.adjust("100 minutes")
        yield* Meetings.get(id)
        yield* TestClock.adjust("1 minute")
        return (yield* simulator.requests).length
      })
      const { exit, lines } = yield* observe(
        program.pipe(Effect.provide(Lark.layer(Simulator.defaultApp)), Effect.provide(simulated))
      )
      assert(Exit.isSuccess(exit))
      assert.deepStrictEqual(lines.filter(({ level }) => level !== "Debug"), [])
      assert.strictEqual(lines.filter(({ message }) => message === "Lark request").length, exit.value)
    }))

  it.effect("tell of each request with endpoint, code and log id, on its span", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, n) =>
        [
          Effect.delay(Effect.succeed(meeting), "40 millis"),
          platform.failed(403, 121005),
          new platform.Lost(new Error("ECONNRESET")),
          { status: 502, body: "", headers: { "x-request-id": "r-1" } }
        ][n] ?? meeting
      )
      const { lines } = yield* observe(on(feishu)(asAlice(Effect.replicateEffect(Effect.exit(get), 4))))
      assert.deepStrictEqual(lines.map(({ annotations }) => annotations), [
        {
          "lark.endpoint": "vc.v1.meeting.get",
          "lark.code": 0,
          "lark.took_ms": 40,
          "lark.log_id": "2026112206150001",
          "http.response.status_code": 200
        },
        {
          "lark.endpoint": "vc.v1.meeting.get",
          "lark.code": 121005,
          "lark.took_ms": 0,
          "http.response.status_code": 403
        },
        {
          "lark.endpoint": "vc.v1.meeting.get",
          "lark.code": "transport",
          "lark.took_ms": 0,
          "lark.reason": "ECONNRESET"
        },
        {
          "lark.endpoint": "vc.v1.meeting.get",
          "lark.code": "malformed",
          "lark.took_ms": 0,
          "lark.log_id": "r-1",
          "lark.reason": "the body is empty (application/json; charset=utf-8, 0 characters)",
          "http.response.status_code": 502
        }
      ])
      for (const { level, message, span } of lines) {
        assert.deepStrictEqual([level, message, span], ["Debug", "Lark request", getRoute])
      }
    }))

  const limits: ReadonlyArray<readonly [what: string, answer: platform.Answer]> = [
    ["429 with the code", platform.failed(429, 99991400)],
    ["the code with HTTP 400, as old endpoints answer", platform.failed(400, 99991400)],
    ["429 of a gateway", { status: 429, body: "<html>" }]
  ]

  it.effect.each(limits)("warn of %s, with the wait", ([, answer]) =>
    Effect.gen(function*() {
      const limited = { ...answer, headers: { "x-ogw-ratelimit-reset": "3", "x-tt-logid": "l-1" } }
      const { lines } = yield* answered(asAlice(Effect.exit(get)), limited)
      assert.strictEqual(lines.length, 1)
      const [{ annotations, level, message }] = lines
      assert.deepStrictEqual([level, message], ["Warn", "Lark limits the rate of requests"])
      assert.include(annotations, {
        "lark.endpoint": "vc.v1.meeting.get",
        "lark.log_id": "l-1",
        "lark.retry_after_ms": 3_000
      })
    }))

  it.effect("warn of a renewal that fails while the old token serves, and of no failure that callers get", () =>
    Effect.gen(function*() {
      const feishu = platform.make(
        () => meeting,
        (n) =>
          n === 0 || n > 2 ? platform.failed(400, 10014) : n === 1 ? platform.minted("t-1") : platform.failed(500, 5000)
      )
      const program = Effect.gen(function*() {
        yield* Effect.exit(get)
        yield* TestClock.adjust("5 seconds")
        yield* get
        yield* TestClock.adjust("95 minutes")
        yield* get
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("60 minutes")
        return yield* Effect.exit(get)
      })
      const { exit, lines } = yield* observe(on(feishu)(program))
      assert(Exit.isSuccess(exit) && Exit.isFailure(exit.value))
      const warnings = lines.filter(({ level }) => level !== "Debug")
      assert.deepStrictEqual(warnings.map(({ level, message }) => [level, message]), [
        ["Warn", "Lark token not renewed; the current token is still valid"]
      ])
      assert.include(warnings[0]?.cause, "[5000]")
      assert.include(warnings[0]?.cause, "auth.v3.tenant_access_token.internal")
    }))

  it.effect("warn of a circuit that opens, once, and count no request that it keeps back", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, n) => n < 3 ? new platform.Lost(new Error("ECONNRESET")) : meeting)
      const breaker = CircuitBreaker.layerMemory({ tripPolicy: Circuit.consecutive(3), openDuration: "10 seconds" })
      const program = Effect.replicateEffect(Effect.exit(asAlice(get)), 5).pipe(
        Effect.andThen(TestClock.adjust("10 seconds")),
        Effect.andThen(asAlice(get)),
        Effect.andThen(TestClock.adjust("1 second")),
        Effect.provide(Layer.provide(Lark.layer(platform.app), breaker)),
        Effect.provide(feishu.layer)
      )
      const { lines, metrics, requests } = yield* observe(program)
      assert.deepStrictEqual(
        lines.filter(({ level }) => level !== "Debug").map(({ annotations, level, message }) => [
          level,
          message,
          annotations
        ]),
        [["Warn", "Lark circuit opened; requests are rejected", {
          "lark.endpoint": "vc.v1.meeting.get",
          "lark.retry_after_ms": 10_000
        }]]
      )
      assert.strictEqual(requests.length, 4)
      assert.deepStrictEqual(counters(metrics), {
        "lark_requests_total{vc.v1.meeting.get,transport}": 3,
        "lark_requests_total{vc.v1.meeting.get,0}": 1
      })
    }))

  it.effect("warn of no renewal that ends with the service", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => meeting, (n) => n === 0 ? platform.minted("t-1") : Effect.never)
      const program = Effect.gen(function*() {
        yield* get
        yield* TestClock.adjust("95 minutes")
        yield* get
        yield* TestClock.adjust("1 second")
      })
      const { lines, metrics } = yield* observe(on(feishu)(program))
      assert.strictEqual(counters(metrics)["lark_token_mints_total{tenant,interrupted}"], 1)
      assert.deepStrictEqual(lines.filter(({ level }) => level !== "Debug"), [])
    }))
})

describe("the dashboard", () => {
  const text = readFileSync(new URL("../docs/grafana.json", import.meta.url), "utf8")

  /** Everything that the dashboard has under a key. */
  const valuesOf = (key: string, value: unknown = JSON.parse(text)): ReadonlyArray<unknown> =>
    typeof value !== "object" || value === null
      ? []
      : Object.entries(value).flatMap(([name, inner]) => [...(name === key ? [inner] : []), ...valuesOf(key, inner)])

  const queries = valuesOf("expr").map(String)

  /** The labels by which a query sums up. */
  const groups = (query: string) => /by \(([^)]*)\)/.exec(query)?.[1]?.split(", ") ?? []

  const matches = (pattern: RegExp) => [
    ...new Set(queries.flatMap((query) => Array.from(query.matchAll(pattern), ([, match]) => match)))
  ]

  it.effect("asks for nothing but what a run really shows to Prometheus", () =>
    Effect.gen(function*() {
      const simulated = Simulator.layer({
        meetings: [{ id, host: alice, participants: [alice, bob] }],
        rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }, { _tag: "BeforeSwap", nth: 1, host: "ou_dave" }],
        faults: [
          { endpoint: "set_host", nth: 1, fault: { _tag: "Throttle", reset: 1, status: 429 } },
          { endpoint: "get", nth: 0, fault: { _tag: "RejectToken", status: 400 } }
        ]
      })
      const { exit, prometheus } = yield* observe(
        Meetings.setHost(id, bob).pipe(Effect.provide(Lark.layer(Simulator.defaultApp)), Effect.provide(simulated))
      )
      assert(Exit.isSuccess(exit))
      const shown = prometheus.split("\n")

      for (const query of queries) {
        const [, metric = "", matchers = ""] = /\b((?:lark|cas)_\w+)(?:{([^}]*)})?/.exec(query) ?? []
        const series = shown.filter((line) => line.split(/[{ ]/)[0] === metric)
        assert.isAtLeast(series.length, 1, query)

        const names = [...groups(query), ...Array.from(matchers.matchAll(/(\w+)!?=/g), ([, name]) => name)]
        const values = Array.from(matchers.matchAll(/\w+="[^"]*"/g), ([value]) => value)
        for (const part of [...names.map((name) => `${name}="`), ...values]) {
          assert.isDefined(series.find((line) => line.includes(part)), `${part} in ${query}`)
        }

        // What is counted from the start on is seen by how it grows.
        const kind = /\bhistogram_quantile\(.*\brate\(/.test(query)
          ? "histogram"
          : /\b(rate|increase)\(/.test(query)
          ? "counter"
          : "gauge"
        const family = kind === "histogram" ? metric.replace(/_bucket$/, "") : metric
        assert.include(shown, `# TYPE ${family} ${kind}`, query)
        assert.strictEqual(groups(query).includes("le"), kind === "histogram", query)
      }
    }))

  it("names its lines by what its queries leave", () => {
    const targets = valuesOf("targets").flat().map((target) => Object(target))
    assert.lengthOf(targets, queries.length)
    for (const { expr, legendFormat } of targets) {
      const left = groups(expr).filter((label) => label !== "le")
      const named = Array.from(String(legendFormat).matchAll(/{{(\w+)}}/g), ([, label]) => label)
      assert.sameMembers(named, left, expr)
    }
  })

  it("shows each metric that there is", () => {
    const families = matches(/\b((?:lark|cas)_\w+)/g).map((name) => name?.replace(/_bucket$/, ""))
    // `cas_reads_total` tells nothing that the operations and swaps do not.
    assert.sameMembers([...new Set(families)], [
      "lark_requests_total",
      "lark_request_duration",
      "lark_token_mints_total",
      "lark_tokens_rejected_total",
      "cas_operations_total",
      "cas_swaps_total",
      "cas_wait",
      "cas_queue_wait",
      "cas_queue_length"
    ])
  })

  it("names no host and no data source", () => {
    assert.notMatch(text, /https?:|localhost|\d+\.\d+\.\d+\.\d+|__inputs|DS_/)
    assert.deepStrictEqual([...new Set(valuesOf("uid"))], ["${datasource}"])
    assert.deepStrictEqual(valuesOf("list").flat().map((variable) => Object(variable).type), ["datasource"])
  })

  it("has the codes of a rate limit that the table has", () => {
    const limited = LarkError.table.filter(({ tag }) => tag === "RateLimited").map(({ code }) => `${code}`)
    assert.deepStrictEqual(matches(/code="(\d+)"/g).filter((code) => code !== "0"), limited)
  })
})
