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
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Redacted from "effect/Redacted"
import * as Simulator from "../Simulator.ts"
import * as ControlKey from "./controlKey.ts"
import * as Durations from "./duration.ts"
import { example, introduction, summary } from "./introduction.ts"
import { baseUrlOf, isLocal, listen, type Place } from "./listen.ts"
import { npmGone } from "./npmGone.ts"
import { CommandFailed, reportError } from "./output.ts"
import * as RequestLines from "./requestLines.ts"
import { plain } from "./text.ts"

const invalidConfig = (cause: unknown, userMessage: string) => new CliError.UserError({ cause, userMessage })

const unreadable: { readonly [Tag in PlatformError["reason"]["_tag"]]?: string } = {
  NotFound: "there is no such file",
  BadResource: "it is not a file",
  PermissionDenied: "this user may not read it"
}

const readConfig = Effect.fnUntraced(function*(file: string) {
  const text = yield* Effect.flatMap(FileSystem.FileSystem, (files) => files.readFileString(file)).pipe(
    Effect.mapError((error) => {
      const why = unreadable[error.reason._tag] ?? error.reason._tag
      return invalidConfig(error, `Cannot read ${file}: ${why}. Name another with --config.`)
    })
  )
  return yield* Effect.mapError(Simulator.parseConfig(text), (error) => {
    const issues = error.message.split("\n").map((issue) => `\n  ${plain(issue)}`).join("")
    return invalidConfig(error, `${file} is not a config of the simulator:${issues}`)
  })
})

/** A server that was told to stop has not failed. */
const end = Effect.sync(() => process.exit(0))

interface Options {
  readonly config: Option.Option<string>
  readonly json: boolean
  readonly quiet: boolean
  readonly lifetime: Option.Option<Duration.Duration>
}

/** Serves until it is told to stop, on the server in the context. */
const serve = Effect.fnUntraced(function*(world: Simulator.Config, { config, json, lifetime }: Options) {
  const server = yield* HttpServer.HttpServer
  const url = baseUrlOf(server)
  const controlUrl = `${url}/_simulator`
  const { isNew, key } = yield* ControlKey.make(isLocal(server))

  const ready = Effect.gen(function*() {
    const newKey = isNew && key !== undefined ? { controlKey: Redacted.value(key) } : {}
    if (json) {
      const { appId, appSecret } = world.app ?? Simulator.defaultApp
      const secret = typeof appSecret === "string" ? appSecret : Redacted.value(appSecret)
      const app = { appId, appSecret: secret }
      return yield* Console.log(JSON.stringify({ url, controlUrl, ...newKey, ...app, pid: process.pid }))
    }
    const reach = isLocal(server) ? "It is reachable from this machine only." : "It is reachable from other machines."
    const needed = newKey.controlKey ?? (key === undefined ? undefined : `that of ${ControlKey.variable}`)
    const control = [
      `Page         ${url}/`,
      `Control      ${controlUrl} (described at ${controlUrl}/openapi.json)`,
      ...(needed === undefined ? [] : [`Control key  ${needed}`])
    ].join("\n")
    const what = Option.isSome(config) ? summary(world) : yield* introduction(url)
    const until = Option.match(lifetime, {
      onNone: () => "",
      onSome: (length) => ` after ${Duration.format(length)}, or`
    })
    yield* Console.log(`A simulated Feishu is listening. ${reach}

Base URL     ${url}
${control}
${what}

It stops${until} when you press Ctrl-C.`)
  })

  const stopped = Effect.raceFirst(
    Option.match(lifetime, {
      onNone: () => Effect.never,
      onSome: (length) => Effect.as(Effect.sleep(length), `The simulator has stopped after ${Duration.format(length)}.`)
    }),
    Effect.as(npmGone, "The simulator has stopped, because npm has ended.")
  )

  return yield* Effect.andThen(ready, stopped).pipe(
    // A client that does not answer the end of its WebSocket would hold it up for half a minute.
    Effect.ensuring(Effect.forkDetach(Effect.delay(end, "2 seconds"))),
    // Events are pushed to the webhook of a config.
    Effect.provide(Layer.provide(
      Simulator.layerServer({ ...world, control: key === undefined ? true : { key } }),
      FetchHttpClient.layer
    ))
  )
})

const run = Effect.fnUntraced(
  function*(place: Place, options: Options) {
    // A program that has read the first line may close the pipe: the simulator goes on.
    process.stdout.on("error", () => {})
    const world = Option.isSome(options.config) ? yield* readConfig(options.config.value) : example
    const http = listen(place)
    yield* serve(world, options).pipe(
      Effect.provide(options.quiet || options.json ? http : Layer.provideMerge(RequestLines.layer, http)),
      Effect.flatMap(options.json ? Console.error : Console.log),
      Effect.onExit((exit) => Exit.isSuccess(exit) || Exit.hasInterrupts(exit) ? end : Effect.void)
    )
  },
  (running, _, { json }) =>
    Effect.catch(
      running,
      Effect.fnUntraced(function*(error) {
        if (!json) return yield* error
        yield* reportError("simulator", json, { exit: "usage", tag: "CannotStart", message: error.message })
        return yield* new CommandFailed({ exit: "usage" })
      })
    )
)

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
    // Without one Node listens on all addresses.
    Flag.filter((host) => host !== "", () => "an address of this machine"),
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
