import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Redacted } from "effect"
import { Lark, MeetingId, Meetings, MeetingUser, Seal, StoreApp, UndiciHttpClient, Webhook } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpRouter, HttpServer } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { createServer } from "node:http"

const app = { appId: "cli_fedcba9876543210", appSecret: Redacted.make("simulator-store-secret") }
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

// Your program. Each call names its tenant. The first one finds no ticket, asks the platform for one, and waits until the
// webhook receives it.
const program = Effect.gen(function*() {
  for (const { id, tenant } of meetings) {
    const report = yield* Meetings.setHost(id, bob).pipe(Lark.asTenant(tenant))
    yield* Console.log(`${tenant}: ${report.after.id} hosts (${report.outcome})`)
  }
  yield* Meetings.setHost(meetings[0].id, bob).pipe(
    Effect.catchTag("InvalidTenant", (error) => Console.log(`without a tenant: ${error.message}`))
  )

  const simulator = yield* Simulator.Simulator
  for (const { attempts, type } of yield* simulator.pushes) {
    yield* Console.log(`pushed: ${type}, answered ${attempts.map(({ status }) => status).join(", ")}`)
  }
  const minted = yield* simulator.tokensMinted
  yield* Console.log(`minted: ${minted.map(({ kind, tenant }) => `${kind} ${tenant ?? app.appId}`).join(", ")}`)
})

// Your web server: one more route on your router.
const webhook = HttpRouter.serve(Webhook.layerStore({ path, ...secrets }), {
  disableLogger: true,
  disableListenLog: true
})

const listen = NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "100 millis" })

// The platform, on its own port. For a real app you enter the webhook's address in the developer console, keep the ticket in a
// store that survives a restart (KeyValueStore.layerFileSystem, layerSql), and read the secrets from the environment
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
  Effect.provide([UndiciHttpClient.layer(NodeHttpClient.makeDispatcher), listen]),
  NodeRuntime.runMain
)
