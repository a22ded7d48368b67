/**
 * What the HTTP client is told: to make spans for an application with a tracer, none for one without; to tell the platform
 * nothing of them; to follow no redirection.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Tracer } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import { FetchHttpClient, HttpClient } from "effect/http"
import * as platform from "./fixtures/http/platform.ts"

const id = MeetingId.make("6911188411932033028")
const [alice, bob] = [MeetingUser.openId("ou_alice"), MeetingUser.openId("ou_bob")]

/** The names of the spans that the transport finds itself in, the innermost first. */
const lineage = (span: Option.Option<Tracer.AnySpan>): ReadonlyArray<string> =>
  Option.isSome(span) && span.value._tag === "Span" ? [span.value.name, ...lineage(span.value.parent)] : []

/** Runs under a span of the caller's. What the transport saw at each call, and the names asked for of client spans. */
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
  it.effect("has its span, and that of its request, with a tracer; the platform hears of neither", () =>
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

it.effect("an application's own settings of fetch stay, but for redirections", () => {
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
