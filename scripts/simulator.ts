import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Data, Duration, Effect, Layer, Redacted, Runtime } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { Command, Flag } from "effect/cli"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"

const meetingId = "6911188411932033028"

class CannotStart extends Data.TaggedError("CannotStart")<{ readonly reason: string }> {
  // `main` has printed the reason as one line.
  override readonly [Runtime.errorReported] = false
}

const introduction = Effect.gen(function*() {
  const { appId, appSecret } = Simulator.defaultApp
  const simulator = yield* Simulator.Simulator
  const token = Redacted.value(yield* simulator.userToken("ou_alice", { expiresIn: Duration.days(1) }))
  const base = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const swap = JSON.stringify({
    host_user: { id: "ou_bob", user_type: 1 },
    old_host_user: { id: "ou_alice", user_type: 1 }
  })
  const credentials = JSON.stringify({ app_id: appId, app_secret: Redacted.value(appSecret) })
  return `A simulated Feishu is listening. Only programs on this machine can reach it.

Base URL     ${base}
App id       ${appId}
App secret   ${Redacted.value(appSecret)}
Meeting      ${meetingId}
Users        ou_alice (the host), ou_bob, ou_carol
User token   ${token} (ou_alice)

Get a tenant token:
curl -sS ${base}/open-apis/auth/v3/tenant_access_token/internal -H 'Content-Type: application/json' -d '${credentials}'

Make ou_bob the host, as ou_alice:
curl -sS -X PATCH ${base}/open-apis/vc/v1/meetings/${meetingId}/set_host -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '${swap}'
`
})

const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined

const serve = Effect.fnUntraced(function*(port: number, minutes: number) {
  if (port < 0 || port > 65_535) return yield* new CannotStart({ reason: `Port ${port} is not between 0 and 65535.` })
  if (!(minutes > 0)) return yield* new CannotStart({ reason: "--for needs a number of minutes above zero." })

  const feishu = Simulator.layerServer({
    meetings: [{ id: meetingId, host: "ou_alice", participants: ["ou_bob", "ou_carol"] }]
  }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, {
      port,
      host: "127.0.0.1",
      gracefulShutdownTimeout: "1 second"
    }))
  )
  const run = Effect.gen(function*() {
    yield* Console.log(yield* introduction)
    yield* Console.log(`It stops after ${minutes} min, or when you press Ctrl-C.`)
    yield* Effect.sleep(Duration.minutes(minutes))
    yield* Console.log(`${minutes} min are over; the simulator has stopped.`)
  })
  yield* Effect.provide(run, feishu).pipe(
    Effect.catchTag("ServeError", ({ cause }) =>
      new CannotStart({
        reason: codeOf(cause) === "EADDRINUSE"
          ? `Port ${port} is in use. Choose another with --port, or 0 for any free one.`
          : `Cannot listen on port ${port}: ${codeOf(cause) ?? String(cause)}.`
      }))
  )
})

const command = Command.make("simulator", {
  port: Flag.Int("port").pipe(
    Flag.withDefault(8787),
    Flag.withDescription("the port to listen on; 0 for any free one")
  ),
  for: Flag.Finite("for").pipe(Flag.withDefault(30), Flag.withDescription("how many minutes to run"))
}, (flags) => serve(flags.port, flags.for)).pipe(
  Command.withDescription("Starts a simulated Feishu on 127.0.0.1.")
)

command.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.tapErrorTag("CannotStart", ({ reason }) => Console.error(reason)),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
