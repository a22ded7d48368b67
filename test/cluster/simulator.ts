/**
 * The process of the simulator, on a free port.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import { logLength, makeReader } from "../soak/log.ts"
import { meetingOptions, openIdOf, people } from "../soak/stage.ts"
import * as child from "./child.ts"
import {
  canBeRequest,
  keeperParameter,
  kept,
  requestOf,
  SimulatorCommand,
  SimulatorOptions,
  type Slice,
  targetOf
} from "./messages.ts"

const { keeper, latency, meetings, rateLimits, requests, targets, tokenLife } = child.options(SimulatorOptions)

const others = Array.from({ length: targets }, (_, index) => openIdOf(`p${index}`)).concat(
  requests
    ? Array.from({ length: 16_000 }, (_, number) => number).filter(canBeRequest).map((n) => openIdOf(targetOf(n)))
    : []
)

const meetingEndpoints = new Set(["set_host", "get", "end"])

const mintingEndpoints = new Set(["tenant_access_token", "app_access_token"])

const program = Effect.gen(function*() {
  const simulator = yield* Simulator.Simulator
  const baseUrl = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const userTokens = yield* Effect.forEach(
    people,
    (name) => Effect.map(simulator.userToken(openIdOf(name), { expiresIn: "1 day" }), Redacted.value)
  )
  const readLog = makeReader(simulator, requestOf)

  // As soon as the keeper has put the host back, and at most once a second.
  const rival = Effect.gen(function*() {
    const host = yield* simulator.host(kept.meeting)
    if (host?.openId === openIdOf(kept.host)) yield* simulator.moveHost(kept.meeting, openIdOf(kept.rival))
  }).pipe(Effect.delay("1 second"), Effect.forever)
  if (keeper) yield* Effect.forkChild(rival)

  const slice = Effect.gen(function*() {
    const { endings, newRequests, requests, writes } = yield* readLog
    const keptRequests = newRequests.flatMap(({ at, endpoint, query }) => {
      const pod = query[keeperParameter]
      return pod === undefined ? [] : [{ at, pod, what: endpoint === "get" ? "read" as const : "swap" as const }]
    })
    const keptMoves = writes.filter(({ meeting }) => meeting === kept.meeting)
      .map(({ after, at }) => ({ at, what: after === kept.host ? "back" as const : "away" as const }))
    const answer: Slice = {
      baseUrl,
      userTokens,
      writes: writes.filter(({ meeting }) => meeting !== kept.meeting),
      endings,
      calls: newRequests.filter(({ endpoint, query }) =>
        meetingEndpoints.has(endpoint) && query[keeperParameter] === undefined
      ).map(({ at }) => at),
      throttled: requests.filter(({ reply }) => reply?.code === 99991400).length,
      mints: requests.filter(({ endpoint }) => mintingEndpoints.has(endpoint)).length,
      kept: [...keptRequests, ...keptMoves]
    }
    return answer
  })

  return yield* child.serve(
    SimulatorCommand,
    ({ _tag }) => _tag === "Slice" ? slice : Effect.as(simulator.rejectTokens, null)
  )
})

const feishu = Simulator.layerServer({
  app: { ...Simulator.defaultApp, expire: tokenLife },
  meetings: [
    ...meetingOptions.slice(0, meetings).map((meeting) => ({
      ...meeting,
      participants: [...meeting.participants ?? [], ...others]
    })),
    ...keeper
      ? [{ id: kept.meeting, host: openIdOf(kept.host), participants: [openIdOf(kept.rival)] }]
      : []
  ],
  latency,
  logLength,
  rateLimits
}).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })))

program.pipe(Effect.provide(feishu), NodeRuntime.runMain)
