import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Layer, type Metric, Redacted, Schema } from "effect"
import { Lark, LarkHttp, Meetings, OAuth } from "effect-lark-meetings"
import * as platform from "./fixtures/http/platform.ts"
import { counters, observe } from "./fixtures/observe.ts"
import { asAlice, conflict, get, meeting, observeWith, on, swapHost } from "./fixtures/telemetry.ts"
import { alice, bob, id } from "./fixtures/World.ts"

const histogram = (metrics: ReadonlyArray<Metric.Metric.Snapshot>, endpoint: string) => {
  const found = metrics.find((metric) =>
    metric.id === "lark_request_duration" && metric.attributes?.["endpoint"] === endpoint
  )
  assert(found?.type === "Histogram")
  return found.state
}

describe("the metrics of requests", () => {
  const cases: ReadonlyArray<readonly [what: string, answer: platform.Reaction, code: string]> = [
    ["a success", platform.ok({}), "0"],
    ["a conflict", conflict, "121006"],
    ["a conflict with HTTP 200", { ...conflict, status: 200 }, "121006"],
    ["a 429", platform.failed(429, 99991400), "99991400"],
    ["an unknown code", platform.failed(400, 424242), "424242"],
    ["a lost connection", new platform.Lost(new Error("ECONNRESET")), "transport"],
    ["silence", Effect.never, "transport"],
    ["a gateway's page", { status: 502, body: "<html>" }, "malformed"],
    ["a transport that dies", Effect.die("broken"), "defect"]
  ]

  it.effect.each(cases)("count %s by endpoint and code", ([, answer, code]) =>
    Effect.gen(function*() {
      const { metrics } = yield* observeWith(swapHost, answer)
      assert.deepStrictEqual(counters(metrics), {
        "lark_token_mints_total{tenant,minted}": 1,
        "lark_requests_total{auth.v3.tenant_access_token.internal,0}": 1,
        [`lark_requests_total{vc.v1.meeting.set_host,${code}}`]: 1
      })
    }))

  it.effect("count interrupted requests", () =>
    Effect.gen(function*() {
      const { metrics } = yield* observeWith(Effect.timeoutOption(swapHost, "1 second"), Effect.never)
      assert.strictEqual(counters(metrics)["lark_requests_total{vc.v1.meeting.set_host,interrupted}"], 1)
    }))

  it.effect("count a rejected token by its kind, and each request of a replay", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, n) => n < 2 ? platform.failed(400, 99991663) : meeting)
      const { metrics } = yield* observe(on(feishu)(Effect.exit(get)))
      assert.deepStrictEqual(counters(metrics), {
        "lark_token_mints_total{tenant,minted}": 2,
        "lark_tokens_rejected_total{tenant}": 2,
        "lark_requests_total{auth.v3.tenant_access_token.internal,0}": 2,
        "lark_requests_total{vc.v1.meeting.get,99991663}": 2
      })
      const asUser = yield* observeWith(asAlice(get), platform.failed(400, 99991668))
      assert.deepStrictEqual(counters(asUser.metrics), {
        "lark_tokens_rejected_total{user}": 1,
        "lark_requests_total{vc.v1.meeting.get,99991668}": 1
      })
      const refused = platform.make(() => meeting, () => platform.failed(400, 99991664))
      const byTokenEndpoint = yield* observe(on(refused)(Effect.exit(get)))
      assert.strictEqual(counters(byTokenEndpoint.metrics)["lark_tokens_rejected_total{app}"], 1)
    }))

  it.effect("count token requests by outcome", () =>
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
      // A token request ends with the service, not with the caller that started it.
      const late = observe(on(platform.make(() => meeting, () => Effect.never))(Effect.timeoutOption(get, "1 second")))
      assert.strictEqual(counters((yield* late).metrics)["lark_token_mints_total{tenant,interrupted}"], 1)
    }))

  it.effect("count token requests of users", () =>
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
        Effect.provide(Layer.provideMerge(OAuth.layer, Lark.layer(platform.app))),
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

  it.effect("have a bounded number of series, even if a server invents codes", () =>
    Effect.gen(function*() {
      const { metrics: same } = yield* observeWith(Effect.replicateEffect(swapHost, 50), conflict)
      assert.strictEqual(same.length, 5)

      const own = LarkHttp.endpoint({
        name: "own.codes",
        method: "GET",
        path: "/own",
        token: "either",
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
    "agree with the spans and with the requests that arrived, for any responses",
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
