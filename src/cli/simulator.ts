import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { createServer } from "node:http"
import * as Simulator from "../Simulator.ts"
import * as Durations from "./duration.ts"
import { example, introduction, summary } from "./introduction.ts"
import { npmGone } from "./npmGone.ts"
import * as RequestLines from "./requestLines.ts"

interface Place {
  readonly host: string
  readonly port: number
}

const codeIn = (cause: unknown): string | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined

const cannotListen = (cause: unknown, { host, port }: Place): string => {
  const code = codeIn(cause)
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} is in use. Choose another with --port, or 0 for a free one.`
    case "EACCES":
      return `Port ${port} is not open to this user. Choose one above 1023 with --port, or 0 for a free one.`
    case "EADDRNOTAVAIL":
      return `${host} is not an address of this machine. Choose another with --host.`
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The host ${host} is not known. Give an address of this machine with --host.`
    default:
      return `Cannot listen on port ${port} of ${host}: ${code ?? String(cause)}.`
  }
}

const invalidConfig = (cause: unknown, userMessage: string) => new CliError.UserError({ cause, userMessage })

const readConfig = Effect.fnUntraced(function*(file: string) {
  const text = yield* Effect.flatMap(FileSystem.FileSystem, (files) => files.readFileString(file)).pipe(
    Effect.mapError((error) => {
      const why = error.reason._tag === "NotFound" ? "there is no such file" : error.reason._tag
      return invalidConfig(error, `Cannot read ${file}: ${why}. Name another with --config.`)
    })
  )
  return yield* Effect.mapError(Simulator.parseConfig(text), (error) => {
    const issues = error.message.split("\n").map((issue) => `\n  ${issue}`).join("")
    return invalidConfig(error, `${file} is not a config of the simulator:${issues}`)
  })
})

/** Where a client on this machine reaches the server. */
const baseUrlOf = ({ address }: HttpServer.HttpServer["Service"]): string =>
  HttpServer.formatAddress(
    NetAddress.isInetAddress(address) && NetAddress.isUnspecified(address.address)
      ? NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, address.port)
      : address
  )

const isLocal = ({ address }: HttpServer.HttpServer["Service"]): boolean =>
  !NetAddress.isInetAddress(address) || NetAddress.isLoopback(address.address)

const listen = (place: Place) =>
  NodeHttpServer.layer(createServer, { ...place, gracefulShutdownTimeout: "1 second" }).pipe(
    Layer.catchTag("ServeError", ({ cause }) =>
      Layer.effect(
        HttpServer.HttpServer,
        Effect.fail(new CliError.UserError({ cause, userMessage: cannotListen(cause, place) }))
      ))
  )

/** A server that was told to stop has not failed. It does not wait for clients that keep their connection. */
const end = Effect.sync(() => process.exit(0))

const run = Effect.fnUntraced(function*(place: Place, { config, json, lifetime, quiet }: {
  readonly config: Option.Option<string>
  readonly json: boolean
  readonly quiet: boolean
  readonly lifetime: Option.Option<Duration.Duration>
}) {
  const world = Option.isSome(config) ? yield* readConfig(config.value) : example
  const say = json ? Console.error : Console.log

  const ready = Effect.gen(function*() {
    const server = yield* HttpServer.HttpServer
    const url = baseUrlOf(server)
    if (json) {
      const { appId, appSecret } = world.app ?? Simulator.defaultApp
      const secret = typeof appSecret === "string" ? appSecret : Redacted.value(appSecret)
      return yield* Console.log(JSON.stringify({ url, appId, appSecret: secret, pid: process.pid }))
    }
    const reach = isLocal(server) ? "It is reachable from this machine only." : `It is reachable from other machines.`
    yield* Console.log(`A simulated Feishu is listening. ${reach}\n`)
    yield* Console.log(Option.isSome(config) ? `${summary(url, world)}\n` : yield* introduction(url))
    const until = Option.match(lifetime, {
      onNone: () => "",
      onSome: (length) => ` after ${Duration.format(length)}, or`
    })
    yield* Console.log(`It stops${until} when you press Ctrl-C.`)
  })

  const stopped = Effect.raceFirst(
    Option.match(lifetime, {
      onNone: () => Effect.never,
      onSome: (length) => Effect.as(Effect.sleep(length), `The simulator has stopped after ${Duration.format(length)}.`)
    }),
    Effect.as(npmGone, "The simulator has stopped, because npm has ended.")
  )

  // A program that has read the first line may close the pipe: the simulator goes on.
  process.stdout.on("error", () => {})
  const http = listen(place)
  yield* Effect.andThen(ready, Effect.flatMap(stopped, say)).pipe(
    Effect.provide(Layer.provideMerge(
      // Events are pushed to the webhook of a config.
      Layer.provide(Simulator.layerServer(world), FetchHttpClient.layer),
      quiet || json ? http : Layer.provideMerge(RequestLines.layer, http)
    )),
    Effect.onExit((exit) => Exit.isSuccess(exit) || Exit.hasInterrupts(exit) ? end : Effect.void)
  )
})

export const simulator = Command.make("simulator", {
  config: Flag.String("config").pipe(
    Flag.withMetavar("file"),
    Flag.optional,
    Flag.withDescription(
      "JSON with apps, meetings, users and faults; its schema is dist/simulator.schema.json of the package"
    )
  ),
  port: Flag.Int("port").pipe(
    Flag.filter((port) => port >= 0 && port <= 65_535, () => "a port from 0 to 65535"),
    Flag.withDefault(8787),
    Flag.withDescription("the port to listen on; 0 for a free one")
  ),
  host: Flag.String("host").pipe(
    Flag.withDefault("127.0.0.1"),
    Flag.withDescription("the address to listen on; 0.0.0.0 is for containers: it opens the simulator to the network")
  ),
  lifetime: Flag.String("for").pipe(
    Flag.withMetavar("duration"),
    Flag.filterMap(Durations.parse, () => "a duration with its unit, such as 90s, 30m or \"2 hours\""),
    Flag.optional,
    Flag.withDescription("how long to run, such as 90s, 30m or \"2 hours\"; without it until it is stopped")
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("for programs: print one line of JSON when it is ready, and no requests")
  ),
  quiet: Flag.Boolean("quiet").pipe(
    Flag.withDefault(false),
    Flag.withDescription("print no requests")
  )
}, ({ host, port, ...options }) => run({ host, port }, options)).pipe(
  Command.withDescription("Starts a simulated Feishu.")
)
