import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { Meetings, UndiciHttpClient } from "effect-lark-meetings"
import { HttpClient, HttpRouter, HttpServer } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"
import { alice, bob, layer, meetingId } from "./environment.ts"

// All that an application needs: a route of its web server that Prometheus scrapes.
const metrics = HttpRouter.serve(PrometheusMetrics.layerHttp(), { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provideMerge(
    NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "100 millis" })
  )
)

const work = Effect.gen(function*() {
  yield* Meetings.setHost(meetingId, bob)
  yield* Meetings.setHost(meetingId, alice)
}).pipe(
  Effect.provide(layer({ rivals: [{ _tag: "BeforeSwap", nth: 1, host: "ou_carol" }] }))
)

const program = Effect.gen(function*() {
  yield* work
  const response = yield* HttpClient.get(
    yield* HttpServer.addressFormattedWith((url) => Effect.succeed(`${url}/metrics`))
  )
  const lines = (yield* response.text).split("\n")
  yield* Console.log(`${response.status}, ${lines.length} lines; without comments and buckets:`)
  for (const line of lines) if (line !== "" && !/^#|_bucket/.test(line)) yield* Console.log(line)
})

program.pipe(
  Effect.provide(metrics),
  Effect.provide(UndiciHttpClient.layer(NodeHttpClient.makeDispatcher)),
  NodeRuntime.runMain
)
