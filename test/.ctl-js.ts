import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { createServer } from "node:http"
NodeRuntime.runMain(
  Layer.launch(
    Simulator.layerServer({ control: true, meetings: [{ id: "1", host: "ou_alice", participants: ["ou_bob"] }] }).pipe(
      Layer.provide(NodeHttpServer.layer(createServer, { port: 8791, host: "127.0.0.1" }))
    )
  ).pipe(Effect.timeoutOption("20 minutes"))
)
