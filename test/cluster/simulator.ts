/**
 * The process of the simulator, on a free port.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import type { Ending, Write } from "../soak/channel.ts"
import { meetingOptions, nameOf, openIdOf, operationParameter, people } from "../soak/stage.ts"
import * as child from "./child.ts"
import { canBeRequest, requestOf, SimulatorCommand, SimulatorOptions, type Slice, targetOf } from "./messages.ts"

const { latency, meetings, rateLimits, requests, targets, tokenLife } = child.options(SimulatorOptions)

const others = Array.from({ length: targets }, (_, index) => openIdOf(`p${index}`)).concat(
  requests
    ? Array.from({ length: 16_000 }, (_, number) => number).filter(canBeRequest).map((n) => openIdOf(targetOf(n)))
    : []
)

const meetingEndpoints = new Set(["set_host", "get", "end"])

const mintingEndpoints = new Set(["tenant_access_token", "app_access_token"])

const operationOf = ({ query }: Simulator.RequestRecord) => Number(query[operationParameter])

const program = Effect.gen(function*() {
  const simulator = yield* Simulator.Simulator
  const baseUrl = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const userTokens = yield* Effect.forEach(
    people,
    (name) => Effect.map(simulator.userToken(openIdOf(name), { expiresIn: "1 day" }), Redacted.value)
  )
  const seen = { writes: 0, requests: 0 }
  let undecided: ReadonlyArray<Simulator.RequestRecord> = []

  const slice = Effect.gen(function*() {
    const [writes, requests] = yield* Effect.all([simulator.writes, simulator.requests])
    const fresh = requests.slice(seen.requests)
    const endings: Array<Ending> = []
    undecided = [...undecided, ...fresh].map(({ index }) => requests[index]).filter((record) => record !== undefined)
      .filter((record) => {
        if (record.endpoint !== "end") return false
        if (record.executed?.code === 0) {
          endings.push({ meeting: record.params["meeting_id"] ?? "", operation: operationOf(record) })
        }
        return record.executed === undefined
      })
    const answer: Slice = {
      baseUrl,
      userTokens,
      writes: writes.slice(seen.writes).map(({ after, at, before, meetingId, request }): Write => {
        const record = request === undefined ? undefined : requests[request]
        return {
          meeting: meetingId,
          before: before === undefined ? "nobody" : nameOf(before.openId),
          after: nameOf(after.openId),
          at,
          ...(record === undefined ? {} : { operation: requestOf(nameOf(after.openId)) ?? operationOf(record) })
        }
      }),
      endings,
      calls: fresh.filter(({ endpoint }) => meetingEndpoints.has(endpoint)).map(({ at }) => at),
      throttled: requests.filter(({ reply }) => reply?.code === 99991400).length,
      mints: requests.filter(({ endpoint }) => mintingEndpoints.has(endpoint)).length
    }
    seen.writes = writes.length
    seen.requests = requests.length
    return answer
  })

  return yield* child.serve(
    SimulatorCommand,
    ({ _tag }) => _tag === "Slice" ? slice : Effect.as(simulator.rejectTokens, null)
  )
})

const feishu = Simulator.layerServer({
  app: { ...Simulator.defaultApp, expire: tokenLife },
  meetings: meetingOptions.slice(0, meetings).map((meeting) => ({
    ...meeting,
    participants: [...meeting.participants ?? [], ...others]
  })),
  latency,
  rateLimits
}).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })))

program.pipe(Effect.provide(feishu), NodeRuntime.runMain)
