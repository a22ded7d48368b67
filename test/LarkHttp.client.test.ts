/**
 * The settings of the HTTP client: spans only for an application with a tracer, no trace headers, no redirects.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Tracer } from "effect"
import { Cas, Lark, Meetings } from "effect-lark-meetings"
import { FetchHttpClient, HttpClient } from "effect/http"
import * as platform from "./fixtures/http/platform.ts"
import { alice, bob, id } from "./fixtures/World.ts"

/** The names of the spans around the transport, innermost first. */
const lineage = (span: Option.Option<Tracer.AnySpan>): ReadonlyArray<string> =>
  Option.isSome(span) && span.value._tag === "Span" ? [span.value.name, ...lineage(span.value.parent)] : []

/** Runs a program in a span; returns the spans around each request and the names of its headers. */
const watch = <A, E>(program: Effect.Effect<A, E, Lark.Services>) => {
  const seen: Array<ReadonlyArray<string>> = []
  let named = 0
  const feishu = platform.make(({ method }) =>
    Effect.map(Effect.option(Effect.currentSpan), (span) => {
      seen.push(lineage(span))
      return platform.ok(method === "GET" ? { meeting: { id } } : {})
    })
  )
  return program.pipe(
    Effect.provide(Lark.layer(platform.app)),
    Effect.provide(feishu.layer),
    Effect.withSpan("caller"),
    Effect.provideService(HttpClient.SpanNameGenerator, () => `client ${++named}`),
    Effect.map(() => ({
      seen,
      headers: [...feishu.calls, ...feishu.mints].flatMap(({ headers }) => Object.keys(headers))
    }))
  )
}

const tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

const programs: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, Lark.Services>, string]> = [
  ["get", Meetings.get(id), "Meetings.get"],
  ["swapHost", Meetings.swapHost(id, { expected: alice, desired: bob }), "Meetings.swapHost"],
  ["setHost", Meetings.setHost(id, Cas.handover(alice, bob)), "Meetings.setHost"]
]

describe.each(programs)("%s", (_, program, name) => {
  it.effect("makes a span for itself and for its request, and sends no trace headers", () =>
    Effect.gen(function*() {
      const { headers, seen } = yield* Effect.provideService(watch(program), Tracer.Tracer, tracer)
      assert.deepStrictEqual(seen, [["client 2", name, "caller"]])
      assert.include(headers, "authorization")
      assert.deepStrictEqual(headers.filter((header) => /trace|b3|baggage/i.test(header)), [])
    }))

  it.effect("makes no span without a tracer", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual((yield* watch(program)).seen, [["caller"]])
    }))
})

it.effect("keeps the application's settings of fetch, except for redirects", () => {
  const settings: Array<RequestInit | undefined> = []
  const fetch: typeof globalThis.fetch = (_, init) => {
    settings.push(init)
    return Promise.resolve(Response.json({ code: 0, data: {}, expire: 7_200, tenant_access_token: "t-1" }))
  }
  return Effect.gen(function*() {
    yield* Meetings.swapHost(id, { expected: alice, desired: bob })
    assert.deepStrictEqual(settings.map((init) => [init?.cache, init?.redirect]), [
      ["no-store", "manual"],
      ["no-store", "manual"]
    ])
  }).pipe(
    Effect.provide(Lark.layer(platform.app)),
    Effect.provide(FetchHttpClient.layer),
    Effect.provideService(FetchHttpClient.Fetch, fetch),
    Effect.provideService(FetchHttpClient.RequestInit, { cache: "no-store", redirect: "follow" })
  )
})
