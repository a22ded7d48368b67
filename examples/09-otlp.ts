import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, References } from "effect"
import { Meetings, UndiciHttpClient } from "effect-lark-meetings"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Otlp } from "effect/observability"
import { createServer } from "node:http"
import { alice, bob, layer, meetingId } from "./environment.ts"

// In place of an OTLP collector: collects the names of spans, metrics and log lines.
const arrived: Record<string, Array<string>> = { traces: [], metrics: [], logs: [] }

const namesIn = (otlp: unknown): ReadonlyArray<string> => {
  if (typeof otlp !== "object" || otlp === null) return []
  if ("name" in otlp && ("spanId" in otlp || "description" in otlp)) return [String(otlp.name)]
  if ("severityText" in otlp && "body" in otlp) return [`${otlp.severityText} ${JSON.stringify(otlp.body)}`]
  return Object.values(otlp).flatMap(namesIn)
}

const receive = (signal: string) =>
  HttpRouter.add(
    "POST",
    `/v1/${signal}`,
    Effect.gen(function*() {
      const { json } = yield* HttpServerRequest.HttpServerRequest
      arrived[signal]?.push(...namesIn(yield* json))
      return HttpServerResponse.empty()
    })
  )

const collector = HttpRouter.serve(
  Layer.mergeAll(receive("traces"), receive("metrics"), receive("logs")),
  { disableLogger: true, disableListenLog: true }
).pipe(
  Layer.provideMerge(
    NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "100 millis" })
  )
)

// All that an application needs: the layer with the address of its collector, and the level that logs each request.
const otlp = Layer.unwrap(HttpServer.addressFormattedWith((baseUrl) =>
  Effect.succeed(
    Otlp.layerJson({ baseUrl, resource: { serviceName: "meetings" }, loggerMergeWithExisting: false })
  )
)).pipe(
  Layer.merge(Layer.succeed(References.MinimumLogLevel, "Debug")),
  Layer.provide(UndiciHttpClient.layer(NodeHttpClient.makeDispatcher))
)

const work = Effect.gen(function*() {
  yield* Meetings.setHost(meetingId, bob)
  yield* Meetings.setHost(meetingId, alice)
}).pipe(
  Effect.withSpan("two handovers"),
  Effect.provide(layer({ rivals: [{ _tag: "BeforeSwap", nth: 1, host: "ou_carol" }] }))
)

const program = Effect.gen(function*() {
  // The layer exports the rest when it is released.
  yield* Effect.provide(work, otlp)
  for (const [signal, names] of Object.entries(arrived)) {
    yield* Console.log(`${signal}: ${names.length}`)
    for (const name of new Set(names)) {
      yield* Console.log(`  ${names.filter((other) => other === name).length} × ${name}`)
    }
  }
})

program.pipe(Effect.provide(collector), NodeRuntime.runMain)
