import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Redacted } from "effect"
import { Lark, MeetingId, Meetings, MeetingUser, Seal, StoreApp, Webhook } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpRouter, HttpServer } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { createServer } from "node:http"

const app = { appId: "cli_store", appSecret: Redacted.make("simulator-store-secret") }
const secrets = {
  verificationToken: Redacted.make("simulator-verification-token"),
  encryptKey: Redacted.make("simulator-encrypt-key")
}
const path = "/lark/events"

const bob = MeetingUser.openId("ou_bob")
const meetings = [
  { tenant: "tenant_a", id: MeetingId.make("6911188411932033028"), host: "ou_alice", participants: [bob] },
  { tenant: "tenant_b", id: MeetingId.make("6911188411932033029"), host: "ou_carol", participants: [bob] }
]

// Your program. Each call says in which tenant it acts; the first one finds that the app has no ticket yet, asks for one,
// and waits for the webhook to receive it.
const program = Effect.gen(function*() {
  for (const { id, tenant } of meetings) {
    const report = yield* Meetings.setHost(id, bob).pipe(Lark.asTenant(tenant))
    yield* Console.log(`${tenant}: ${report.after.id} hosts (${report.outcome})`)
  }
  yield* Meetings.setHost(meetings[0].id, bob).pipe(
    Effect.catchTag("InvalidTenant", (error) => Console.log(`nowhere: ${error.message}`))
  )

  const simulator = yield* Simulator.Simulator
  for (const { attempts, type } of yield* simulator.pushes) {
    yield* Console.log(`pushed: ${type}, answered ${attempts.map(({ status }) => status).join(", ")}`)
  }
  const minted = yield* simulator.tokensMinted
  yield* Console.log(`minted: ${minted.map(({ kind, tenant }) => `${kind} ${tenant ?? app.appId}`).join(", ")}`)
})

// Your web server: a route beside your own, on a router of yours.
const webhook = HttpRouter.serve(Webhook.layerStore({ path, ...secrets }), {
  disableLogger: true,
  disableListenLog: true
})

const listen = NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "100 millis" })

// The platform, on a port of its own. A real app is told its address in the developer console, keeps the ticket in a
// store that outlives it (KeyValueStore.layerFileSystem, layerSql), and reads its secrets from the environment
// (StoreApp.layerConfig, Webhook.layerStoreConfig, Seal.layerConfig).
const lark = Layer.unwrap(HttpServer.addressFormattedWith((home) =>
  Effect.succeed(
    Layer.unwrap(HttpServer.addressFormattedWith((baseUrl) => Effect.succeed(StoreApp.layer({ ...app, baseUrl }))))
      .pipe(
        Layer.provideMerge(Simulator.layerServer({
          app: { ...app, type: "store", tenants: meetings.map(({ tenant }) => tenant) },
          meetings,
          webhook: { url: `${home}${path}`, ...secrets }
        })),
        Layer.provide(Layer.fresh(listen))
      )
  )
)).pipe(
  Layer.provide([
    KeyValueStore.layerMemory,
    Seal.layer({ key: Redacted.make("bm90IGEgcmVhbCBrZXksIG9ubHkgYW4gZXhhbXBsZSE=") })
  ])
)

program.pipe(
  Effect.provide(webhook.pipe(Layer.provideMerge(lark))),
  Effect.provide([NodeHttpClient.layerUndici, listen]),
  NodeRuntime.runMain
)
