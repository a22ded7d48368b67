import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Redacted, Stream } from "effect"
import {
  Cas,
  Events,
  Lark,
  LarkConfig,
  LarkError,
  LongConnection,
  Meetings,
  RateLimits,
  SessionStore
} from "effect-lark-meetings"
import * as Cluster from "effect-lark-meetings/Cluster"
import * as Simulator from "effect-lark-meetings/Simulator"
import { readFileSync } from "node:fs"
import { consume, settle } from "./fixtures/connected.ts"
import { eventFrame, makeSocket, platform } from "./fixtures/frameServer.ts"
import { observe } from "./fixtures/observe.ts"
import * as plainSeal from "./fixtures/plainSeal.ts"
import { ended } from "./fixtures/webhook.ts"
import { alice, bob, id, meetings } from "./fixtures/World.ts"

describe("the Grafana dashboard", () => {
  const text = readFileSync(new URL("../docs/grafana.json", import.meta.url), "utf8")

  /** All values of a key, at any depth. */
  const valuesOf = (key: string, value: unknown = JSON.parse(text)): ReadonlyArray<unknown> =>
    typeof value !== "object" || value === null
      ? []
      : Object.entries(value).flatMap(([name, inner]) => [...(name === key ? [inner] : []), ...valuesOf(key, inner)])

  const queries = valuesOf("expr").map(String)

  /** The labels that a query groups by. */
  const groups = (query: string) => /by \(([^)]*)\)/.exec(query)?.[1]?.split(", ") ?? []

  const matches = (pattern: RegExp) => [
    ...new Set(queries.flatMap((query) => Array.from(query.matchAll(pattern), ([, match]) => match)))
  ]

  it.effect("queries only metrics and labels that a run exports to Prometheus", () =>
    Effect.gen(function*() {
      const simulated = Simulator.layer({
        meetings,
        rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }, { _tag: "BeforeSwap", nth: 1, host: "ou_dave" }],
        faults: [
          { endpoint: "set_host", nth: 1, fault: { _tag: "Throttle", reset: 1, status: 429 } },
          { endpoint: "get", nth: 0, fault: { _tag: "RejectToken", status: 400 } }
        ]
      })
      const program = Effect.gen(function*() {
        const { deliver } = yield* Events.make
        yield* deliver(Option.getOrThrow(Events.fromWire(ended())))
        yield* Meetings.setHost(id, bob)
        yield* Meetings.keepHost(id, Cas.prefer([alice])).pipe(Stream.take(1), Stream.runDrain)
      }).pipe(Effect.scoped)
      const shared = Layer.mergeAll(
        Cas.layerTurnsMemory,
        RateLimits.layerMemory,
        Layer.provide(Cluster.layerTokens, [SessionStore.layerMemory, plainSeal.layer])
      )
      const server = makeSocket()
      const connecting = Effect.gen(function*() {
        yield* consume
        server.message(eventFrame("not JSON"))
        yield* settle
      }).pipe(
        Effect.provide(Layer.provide(LongConnection.layer, [
          LarkConfig.layer({ appId: "cli_a", appSecret: Redacted.make("secret") }),
          platform([() => server.socket])
        ]))
      )
      const { exit, prometheus } = yield* observe(
        Effect.andThen(connecting, program).pipe(
          Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), shared)),
          Effect.provide(simulated)
        )
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

        // Counters and histograms need a rate.
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

  it("has legends with the labels that its queries keep", () => {
    const targets = valuesOf("targets").flat().map((target) => Object(target))
    assert.lengthOf(targets, queries.length)
    for (const { expr, legendFormat } of targets) {
      const left = groups(expr).filter((label) => label !== "le")
      const named = Array.from(String(legendFormat).matchAll(/{{(\w+)}}/g), ([, label]) => label)
      assert.sameMembers(named, left, expr)
    }
  })

  it("shows every metric", () => {
    const families = matches(/\b((?:lark|cas)_\w+)/g).map((name) => name?.replace(/_bucket$/, ""))
    // `cas_reads_total` adds nothing to operations and swaps.
    assert.sameMembers([...new Set(families)], [
      "lark_requests_total",
      "lark_request_duration",
      "lark_token_mints_total",
      "lark_tokens_rejected_total",
      "lark_shared_tokens_total",
      "lark_admissions_total",
      "lark_events_total",
      "lark_long_connections",
      "lark_long_connection_attempts_total",
      "lark_long_connection_frames_refused_total",
      "cas_maintain_total",
      "cas_turns_total",
      "cas_turn_wait",
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

  it("has the rate limit codes of the error table", () => {
    const limited = LarkError.table.filter(({ tag }) => tag === "RateLimited").map(({ code }) => `${code}`)
    assert.deepStrictEqual(matches(/code="(\d+)"/g).filter((code) => code !== "0"), limited)
  })
})
