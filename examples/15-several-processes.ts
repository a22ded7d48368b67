import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Array, Console, Effect, Layer, Option, Redacted, References } from "effect"
import { Lark, Meetings, MeetingUser, UndiciHttpClient } from "effect-lark-meetings"
import * as Cluster from "effect-lark-meetings/Cluster"
import * as Simulator from "effect-lark-meetings/Simulator"
import { MachineId, MessageStorage, Runner, RunnerAddress, RunnerStorage } from "effect/cluster"
import { HttpServer } from "effect/http"
import { type ChildProcess, fork } from "node:child_process"
import { createServer } from "node:http"
import { alice, meetingId } from "./environment.ts"

// Four processes of one app move one host at the same time, ten times each: first each for itself, then with shared turns.
// The server is always the simulator: do not do this to a real meeting. With DATABASE_URL the processes find each other by
// that PostgreSQL, as in production.
const [processes, each] = [4, 10]
const url = process.env.DATABASE_URL

const targetsOf = (index: number) => Array.makeBy(each, (target) => MeetingUser.openId(`ou_${index}_${target}`))

const cluster = (index: number, ports: ReadonlyArray<number>) => {
  const addresses = ports.map((port) => RunnerAddress.make("127.0.0.1", port))
  const shardingConfig = { runnerAddress: Option.fromUndefinedOr(addresses[index]) }
  if (url) {
    const database = PgClient.layer({ url: Redacted.make(url) })
    return NodeClusterSocket.layer({ storage: "sql", shardingConfig }).pipe(Layer.provide(database))
  }
  // Without a database: a list of processes that never changes, so no other process takes over from one that ends.
  const list = Effect.map(RunnerStorage.makeMemory, (memory) => ({
    ...memory,
    getRunners: Effect.sync(() =>
      addresses.map((address) => [Runner.make({ address, groups: ["default"], weight: 1 }), true] as const)
    ),
    register: () => Effect.succeed(MachineId.make(index))
  }))
  return NodeClusterSocket.layer({ storage: "byo", shardingConfig }).pipe(
    Layer.provide([Layer.effect(RunnerStorage.RunnerStorage, list), MessageStorage.layerNoop])
  )
}

/** One of the four. It shares turns if it is given the ports of all. */
const pod = (index: number, baseUrl: string, ports: ReadonlyArray<number>) => {
  const alone = Lark.layer({ ...Simulator.defaultApp, baseUrl }).pipe(
    Layer.provide(UndiciHttpClient.layer(NodeHttpClient.makeDispatcher))
  )
  const shared = alone.pipe(Layer.provide(Cluster.layer), Layer.provide(cluster(index, ports)))
  return Effect.gen(function*() {
    const told = Effect.callback<void>((resume) => void process.once("message", () => resume(Effect.void)))
    process.send?.("ready")
    yield* told
    yield* Effect.forEach(targetsOf(index), (user) => Meetings.setHost(meetingId, user), { concurrency: "unbounded" })
  }).pipe(
    Effect.forever,
    Effect.provide(ports.length > 0 ? shared : alone),
    Effect.provideService(References.MinimumLogLevel, "Error")
  )
}

/** A process ends when the one that started it disconnects, or has died. */
const endWithParent = () => {
  const end = () => {
    setTimeout(() => process.exit(1), 5_000).unref()
    process.kill(process.pid, "SIGTERM")
  }
  if (!process.connected) end()
  process.once("disconnect", end)
}

const start = (args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => fork(import.meta.filename, args)),
    (child) =>
      Effect.callback<void>((resume) => {
        if (!child.connected) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.disconnect()
      })
  )

const ready = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    child.once("message", () => resume(Effect.void))
    child.once("exit", (code) => resume(Effect.die(new Error(`A process has ended, with code ${code}.`))))
  })

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address ? address.port : 0)))
  })
})

const run = Effect.fnUntraced(function*(title: string, ports: ReadonlyArray<number>) {
  const baseUrl = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const simulator = yield* Simulator.Simulator
  const args = Array.makeBy(processes, (index) => [index, baseUrl, ...ports].map(String))
  const children = yield* Effect.forEach(args, start)
  const all = (f: (child: ChildProcess) => Effect.Effect<void>) =>
    Effect.forEach(children, f, { concurrency: "unbounded" })
  yield* all(ready)
  // Over a database they need some seconds to divide the meetings among them.
  if (url && ports.length > 0) yield* Effect.sleep("6 seconds")
  yield* Console.log(`\n${title}`)
  for (const round of [1, 2, 3]) {
    const before = (yield* simulator.requests).length
    const began = performance.now()
    yield* all((child) => Effect.andThen(Effect.sync(() => child.send("go")), ready(child)))
    const took = performance.now() - began
    const calls = ((yield* simulator.requests).length - before) / (processes * each)
    yield* Console.log(`  round ${round}: ${calls.toFixed(2)} calls an operation, ${took.toFixed(0)} ms`)
  }
}, Effect.scoped)

const program = Effect.andThen(
  run("Each for itself", []),
  Effect.flatMap(Effect.replicateEffect(freePort, processes), (ports) => run("With shared turns", ports))
)

const feishu = Simulator.layerServer({
  meetings: [{ id: meetingId, host: alice, participants: Array.makeBy(processes, targetsOf).flat() }],
  latency: "20 millis"
}).pipe(
  Layer.provideMerge(
    NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })
  )
)

const [index, baseUrl, ...ports] = process.argv.slice(2)
if (baseUrl === undefined) NodeRuntime.runMain(Effect.provide(program, feishu))
else {
  endWithParent()
  NodeRuntime.runMain(pod(Number(index), baseUrl, ports.map(Number)))
}
