/**
 * The process of the simulator: listens on a free port, adds faults and rivals, and sends its log on request.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer, Metric, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import { seeded } from "../bench/Seeded.ts"
import type { Slice } from "./channel.ts"
import { logLength, makeReader } from "./log.ts"
import { firstHost, meetingOptions, openIdOf, people } from "./stage.ts"
import { makeFiberCount } from "./vitals.ts"
import { type Endpoint, endpoints, faultOf } from "./weather.ts"

const seed = Number(process.argv[2])
const server = createServer()
const fibers = makeFiberCount()
const random = seeded(seed)

/** The time between two readings of the log, in milliseconds. */
const pace = 50
/** The number of requests to each endpoint for which faults are planned ahead. */
const horizon = 500
const rivalsPerSwap = 0.12
const secondsBetweenRevocations = 4
/** User tokens are renewed more often than they expire, but can expire while an operation is queued. */
const [userTokenSeconds, userTokenLife] = [2, 4]

const increment = (counts: Record<string, number>, name: string) => {
  counts[name] = (counts[name] ?? 0) + 1
}

const program = Effect.gen(function*() {
  const simulator = yield* Simulator.Simulator
  const baseUrl = yield* HttpServer.addressFormattedWith(Effect.succeed)

  const requests: Record<string, number> = {}
  const faults: Record<string, number> = {}
  const planned: Record<Endpoint, number> = { set_host: 0, get: 0, end: 0, tenant_access_token: 0 }
  let rivals = 0
  let revocations = 0
  let read = 0

  /** Rules count from when they are added, so they are added in the same synchronous step in which the log is read. */
  const forecast = (endpoint: Endpoint): ReadonlyArray<Simulator.FaultRule> => {
    const seen = requests[endpoint] ?? 0
    if (planned[endpoint] >= seen + horizon) return []
    const from = Math.max(planned[endpoint], seen)
    planned[endpoint] = seen + 2 * horizon
    return Array.from({ length: planned[endpoint] - from }, (_, i) => from + i).flatMap((index) => {
      const fault = faultOf(seed, endpoint, index)
      return fault === undefined ? [] : [{ endpoint, nth: index - seen, fault }]
    })
  }

  const readLog = Effect.gen(function*() {
    const all = yield* simulator.requests
    const news = all.slice(read)
    read = all.length
    for (const { endpoint, fault } of news) {
      increment(requests, endpoint)
      if (fault !== undefined) increment(faults, fault._tag)
    }
    yield* simulator.addFaults(endpoints.flatMap(forecast))
    return news
  })

  const weather = Effect.gen(function*() {
    const news = yield* readLog
    // Rivals move the host of meetings that are in use.
    const moves = news.filter(({ endpoint }) => endpoint === "set_host" && random.chance(rivalsPerSwap))
    rivals = rivals + moves.length
    yield* simulator.addRivals(moves.map(({ params }): Simulator.Rival => ({
      _tag: "At",
      millis: random.below(pace),
      host: openIdOf(people[random.below(people.length)] ?? firstHost),
      ...params["meeting_id"] === undefined ? {} : { meetingId: params["meeting_id"] }
    })))
    if (news.length > 0 && random.chance(pace / 1_000 / secondsBetweenRevocations)) {
      revocations = revocations + 1
      yield* simulator.rejectTokens
    }
    yield* Effect.sleep(pace)
  })

  let userTokens: ReadonlyArray<string> = []
  const issueUserTokens = Effect.gen(function*() {
    userTokens = yield* Effect.forEach(
      people,
      (name) => Effect.map(simulator.userToken(openIdOf(name), { expiresIn: userTokenLife * 1_000 }), Redacted.value)
    )
    yield* Effect.sleep(userTokenSeconds * 1_000)
  })

  const readWrites = makeReader(simulator)

  const slice = Effect.gen(function*() {
    const { endings, writes } = yield* readWrites
    const connections = yield* Effect.callback<number>((resume) => {
      server.getConnections((_, count) => resume(Effect.succeed(count)))
    })
    yield* readLog
    const message: Slice = {
      baseUrl,
      writes,
      endings,
      userTokens,
      requests,
      faults,
      rivals,
      revocations,
      fibers: fibers.live(),
      connections
    }
    process.send?.(message)
  })

  const requested = Effect.callback<void>((resume) => {
    process.once("message", () => resume(Effect.void))
  })

  yield* readLog
  yield* Effect.forkChild(Effect.forever(weather))
  yield* Effect.forkChild(Effect.forever(issueUserTokens))
  return yield* Effect.forever(Effect.andThen(requested, slice))
})

// Also when the client is killed.
process.once("disconnect", () => process.exit())

const feishu = Simulator.layerServer({
  app: { ...Simulator.defaultApp, expire: 5 },
  meetings: meetingOptions,
  logLength,
  latency: "2 millis"
}).pipe(Layer.provideMerge(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })))

await Effect.runPromise(program.pipe(
  Effect.provide(feishu),
  Effect.provideService(Metric.FiberRuntimeMetrics, fibers.service)
))
