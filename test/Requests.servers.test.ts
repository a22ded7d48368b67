/**
 * Requests on real PostgreSQL and Redis: tables, claims and what is left behind.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import { Lark, Meetings } from "effect-lark-meetings"
import * as Requests from "effect-lark-meetings/Requests"
import * as Simulator from "effect-lark-meetings/Simulator"
import { Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import { needs, postgres, redis } from "./fixtures/servers.ts"
import { bob, id, meetings } from "./fixtures/World.ts"

const request = (key: string) => Meetings.request(id, bob, { key })

/** Waits in real time. */
const until = <A, E, R>(self: Effect.Effect<A, E, R>, holds: (value: A) => boolean) =>
  Effect.repeat(self, { until: holds, schedule: Schedule.spaced("200 millis") })

const lark = Lark.layer(Simulator.defaultApp)

const on = <A, E>(program: Effect.Effect<A, E, Simulator.Simulator | Lark.Services>) =>
  program.pipe(Effect.provide(lark), Effect.provide(Simulator.layer({ meetings })))

const start = <E, R>(layer: Layer.Layer<Meetings.Requests, E, R>) =>
  Effect.map(
    Layer.build(Layer.fresh(layer)),
    (context) => <A, E>(self: Effect.Effect<A, E, Meetings.Requests>) =>
      Effect.provideService(self, Meetings.Requests, Context.get(context, Meetings.Requests))
  )

describe("in PostgreSQL", needs("PostgreSQL"), () => {
  it.live("pods that start at once make the tables, and each reads what another did", () =>
    on(
      Effect.gen(function*() {
        const database = yield* postgres
        const pod = start(Layer.provide(Requests.layerSql(), database))
        const all = yield* Effect.all(Array.from({ length: 10 }, () => pod), { concurrency: "unbounded" })
        const reports = yield* Effect.forEach(
          all,
          (run, n) => Effect.andThen(run(request(`k${n}`)), run(Requests.result(`k${n}`))),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(reports.filter(({ effect }) => effect === "applied"), 1)
        for (const run of all) assert.deepStrictEqual(yield* run(Requests.result("k0")), reports[0])
      }).pipe(Effect.scoped)
    ), 120_000)

  it.live("a table in the way is a typed error", () =>
    on(
      Effect.gen(function*() {
        const database = yield* postgres
        const sql = Context.get(yield* Layer.build(Layer.fresh(database)), SqlClient.SqlClient)
        yield* sql`CREATE TABLE lark_requests_queue_migrations (of_another INTEGER)`
        const error = yield* Effect.flip(start(Layer.provide(Requests.layerSql(), database)))
        if (error._tag !== "SessionStoreError") return assert.fail(error._tag)
        assert.include(error.message, "the tables cannot be created")
      }).pipe(Effect.scoped)
    ), 120_000)

  it.live("nothing is left after the retention", () =>
    on(
      Effect.gen(function*() {
        const database = yield* postgres
        const run = yield* start(Layer.provide(Requests.layerSql({ retention: "1 second", table: "asked" }), database))
        const sql = Context.get(yield* Layer.build(Layer.fresh(database)), SqlClient.SqlClient)
        const rows = Effect.map(
          sql<{ readonly records: number; readonly items: number }>`
          SELECT (SELECT count(*)::int FROM asked) AS records, (SELECT count(*)::int FROM asked_queue) AS items
        `,
          ([row]) => row ?? assert.fail()
        )
        for (const key of ["a", "b", "c"]) yield* run(request(key))
        assert.strictEqual((yield* rows).records, 3)
        yield* until(rows, ({ items, records }) => items === 0 && records === 0)
        yield* run(request("a"))
        assert.strictEqual((yield* run(Requests.result("a"))).after.id, bob.id)
      }).pipe(Effect.scoped)
    ), 120_000)
})

describe("in Redis", needs("Redis"), () => {
  it.live("each pod reads what another did, and nothing is left after the retention", () =>
    on(
      Effect.gen(function*() {
        const { layer, prefix } = yield* redis
        const pod = start(Layer.provide(Requests.layerRedis({ prefix, retention: "1 second" }), layer))
        const [one, other] = yield* Effect.all([pod, pod])
        yield* one(request("k"))
        assert.strictEqual((yield* other(Requests.result("k"))).after.id, bob.id)
        const client = Context.get(yield* Layer.build(Layer.fresh(layer)), Redis.Redis)
        const keys = client.send<ReadonlyArray<string>>("KEYS", `${prefix}*`)
        yield* until(keys, (keys) => keys.length === 0)
        yield* other(request("k"))
        assert.strictEqual((yield* one(Requests.result("k"))).outcome, "already")
      }).pipe(Effect.scoped)
    ), 120_000)
})
