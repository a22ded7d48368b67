/**
 * Real processes do requests in PostgreSQL, and are killed while a swap is under way. `KILLS=200` kills so many.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Redacted, Schedule } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Requests from "effect-lark-meetings/Requests"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { SqlClient } from "effect/sql"
import { createServer } from "node:http"
import * as fromSource from "./fixtures/fromSource.ts"
import * as pods from "./fixtures/pods.ts"
import { needs, postgres } from "./fixtures/servers.ts"

const kills = Number(process.env["KILLS"] ?? 4)
const takeover = 2_000
/** Requests at once, each on a meeting of its own. */
const size = 6

const idOf = (n: number) => MeetingId.make(String(6911188411932033000n + BigInt(n)))
const target = MeetingUser.openId("ou_bob")

const rounds = Math.ceil(kills / 2)

const meetings = Array.from({ length: rounds * size }, (_, n): Simulator.MeetingOptions => ({
  id: idOf(n),
  host: "ou_alice",
  participants: ["ou_bob"]
}))

const listen = NodeHttpServer.layer(createServer, {
  port: 0,
  host: "127.0.0.1",
  gracefulShutdownTimeout: "100 millis"
})

const program = Effect.gen(function*() {
  const simulator = yield* Simulator.Simulator
  const baseUrl = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const { appId, appSecret } = Simulator.defaultApp
  const database = yield* postgres
  const services = yield* Layer.build(
    Requests.layerSql({ concurrency: 0 }).pipe(
      Layer.provide(Lark.layer({ appId, appSecret, baseUrl })),
      Layer.provideMerge(database)
    )
  )
  const schema = yield* Effect.provideContext(
    SqlClient.SqlClient.use((sql) => sql<{ readonly name: string }>`SELECT current_schema() AS name`),
    services
  )

  const run = <A, E>(self: Effect.Effect<A, E, Meetings.Requests>) => Effect.provideContext(self, services)

  const errors: Array<string> = []
  const start = Effect.callback<{ readonly kill: Effect.Effect<void> }>((resume) => {
    const child = fromSource.spawn("requestProcess.ts", {
      LARK_APP_ID: appId,
      LARK_APP_SECRET: Redacted.value(appSecret),
      LARK_BASE_URL: baseUrl,
      SCHEMA: schema[0]?.name ?? assert.fail(),
      TAKEOVER: String(takeover)
    })
    const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()))
    const kill = Effect.promise(() => {
      child.kill("SIGKILL")
      return ended
    })
    child.stderr.on("data", (chunk: unknown) => errors.push(String(chunk)))
    child.stdout.once("data", () => resume(Effect.succeed({ kill })))
    child.once("exit", () => resume(Effect.die(new Error(`a process ended: ${errors.join("")}`))))
  })

  const swapsOf = (round: number) =>
    Effect.map(
      simulator.requests,
      (requests) =>
        requests.filter(({ endpoint, params }) =>
          endpoint === "set_host" &&
          Math.floor(Number(BigInt(params["meeting_id"] ?? 0) - 6911188411932033000n) / size) === round
        ).length
    )

  let running = yield* Effect.all([start, start], { concurrency: "unbounded" })
  yield* Effect.addFinalizer(() => Effect.forEach(running, ({ kill }) => kill))
  /** The most milliseconds for the acceptance; from the kill to the start of the new processes, and from then to the results. */
  const figures = { accepted: 0, started: 0, again: 0, unknown: 0, swaps: 0 }
  const wrong: Array<string> = []

  for (let round = 0; round < rounds; round++) {
    const keys = Array.from({ length: size }, (_, n) => ({ key: `${round} ${n}`, id: idOf(round * size + n), n }))
    const begun = yield* Clock.currentTimeMillis
    yield* Effect.forEach(keys, ({ id, key, n }) => {
      const onUnknown = n % 2 === 0 ? "neverResend" as const : undefined
      return run(Meetings.request(id, Cas.ensure(target), { key, onUnknown }))
    }, { concurrency: "unbounded" })
    figures.accepted = Math.max(figures.accepted, (yield* Clock.currentTimeMillis) - begun)
    yield* Effect.repeat(swapsOf(round), { until: (swaps) => swaps >= size / 2, schedule: Schedule.spaced("5 millis") })
    yield* Effect.forEach(running, ({ kill }) => kill, { concurrency: "unbounded" })
    const killed = yield* Clock.currentTimeMillis
    running = yield* Effect.all([start, start], { concurrency: "unbounded" })
    const started = yield* Clock.currentTimeMillis
    figures.started = Math.max(figures.started, started - killed)
    const results = yield* Effect.forEach(keys, ({ key }) => Effect.result(run(Requests.result(key))), {
      concurrency: "unbounded"
    })
    figures.again = Math.max(figures.again, (yield* Clock.currentTimeMillis) - started)
    const writes = yield* simulator.writes
    for (const { id, key, n } of keys) {
      const { effect, ended } = pods.summary(results[n] ?? assert.fail())
      const applied = writes.filter((write) => write.meetingId === id).length
      figures.swaps += applied
      if (effect === "unknown") figures.unknown++
      if (!["swapped", "converged", "already", "CasIndeterminate"].includes(ended)) {
        wrong.push(`${key} ended as ${ended}`)
      }
      if (effect === "none" && applied > 0) wrong.push(`${key} says none, and took effect ${applied} times`)
      if (effect === "applied" && applied === 0) wrong.push(`${key} says applied, and took no effect`)
      if (n % 2 === 0 && applied > 1) wrong.push(`${key} took effect ${applied} times`)
    }
  }
  return { ...figures, wrong }
})

describe("processes that do requests and are killed", needs("PostgreSQL"), () => {
  it.live("lose none, claim nothing false, and take over in time", () =>
    Effect.gen(function*() {
      const { wrong, ...figures } = yield* program
      console.log(`${2 * rounds} kills: ${JSON.stringify(figures)}`)
      assert.deepStrictEqual(wrong, [])
      assert.isAbove(figures.unknown, 0)
      assert.isBelow(figures.again, 10_000)
    }).pipe(
      Effect.provide(
        Layer.provideMerge(
          Simulator.layerServer({ latency: "150 millis", meetings }),
          Layer.mergeAll(listen, NodeHttpClient.layerUndici)
        )
      )
    ), 1_800_000)
})
