/**
 * The process of a pod: the library over HTTP, and what it shares with the other pods.
 */
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Clock, Effect, Layer, Metric, Option, References } from "effect"
import { Lark, MeetingId, type Meetings, UndiciHttpClient } from "effect-lark-meetings"
import * as Cluster from "effect-lark-meetings/Cluster"
import * as Simulator from "effect-lark-meetings/Simulator"
import { RunnerAddress, ShardId, Sharding, ShardingConfig } from "effect/cluster"
import { perform, signed } from "../soak/perform.ts"
import { type Operation, operationOf, type SetHost } from "../soak/plan.ts"
import * as child from "./child.ts"
import { type Perform, PodCommand, PodOptions } from "./messages.ts"
import * as stores from "./stores.ts"

const { baseUrl, clockAhead, port, postgres, sharding, shares } = child.options(PodOptions)

const meetings = Lark.layer({ ...Simulator.defaultApp, baseUrl }).pipe(
  Layer.provide(UndiciHttpClient.layer(Effect.map(NodeHttpClient.makeDispatcher, signed)))
)

const notices = {
  default: {},
  tuned: {
    refreshAssignmentsInterval: "500 millis",
    runnerHealthCheckInterval: "2 seconds",
    shardLockExpiration: "6 seconds",
    shardLockRefreshInterval: "2 seconds"
  }
} as const

const cluster = NodeClusterSocket.layer({
  storage: "sql",
  shardingConfig: { runnerAddress: Option.some(RunnerAddress.make("127.0.0.1", port)), ...notices[sharding] }
}).pipe(Layer.provide(stores.client(postgres, { maxConnections: 6 })))

const services = {
  nothing: meetings,
  turns: meetings.pipe(Layer.provide(Cluster.layer), Layer.provideMerge(cluster))
} satisfies Record<PodOptions["shares"], Layer.Layer<Meetings.Meetings, unknown>>

const ensure = (target: string): SetHost => ({
  _tag: "SetHost",
  goal: { _tag: "Ensure", target },
  idType: "open_id",
  policy: "standard",
  latest: false,
  hint: "none",
  guess: "",
  as: "app",
  hasBudget: true
})

const operationFor = ({ number, task }: Perform): Operation => {
  if (task._tag === "Ensure") return { slot: 0, action: ensure(task.target), interruptAfter: undefined }
  const operation = operationOf(task.seed, number)
  // The meetings go on.
  return operation.action._tag === "End" ? { ...operation, action: { _tag: "Get" } } : operation
}

const performed = Effect.fnUntraced(function*(command: Perform) {
  const { lastHost, meeting, number, userToken } = command
  const began = performance.now()
  const ended = yield* Effect.orDie(
    perform(number, operationFor(command), { meeting: MeetingId.make(meeting), lastHost, userToken })
  )
  return { ...ended, details: ended.details(), took: performance.now() - began }
})

const counters = Effect.map(Metric.snapshot, (metrics) =>
  Object.fromEntries(
    metrics.flatMap(({ attributes, id, state, type }) =>
      type === "Counter" ? [[[id, ...Object.values(attributes ?? {})].join(" "), Number(state.count)]] : []
    )
  ))

const shards = Effect.gen(function*() {
  const sharding = yield* Effect.serviceOption(Sharding.Sharding)
  if (Option.isNone(sharding)) return 0
  return Array.from(
    { length: ShardingConfig.defaults.shardsPerGroup },
    (_, index) => ShardId.make("default", index + 1)
  )
    .filter((shard) => sharding.value.hasShardId(shard)).length
})

const vitals = Effect.gen(function*() {
  const { system, user } = process.cpuUsage()
  return { cpu: (user + system) / 1_000, shards: yield* shards, counters: yield* counters }
})

/** Sleeps and durations are not affected. */
const skewed = Effect.map(Clock.Clock, (clock): Clock.Clock => ({
  currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + clockAhead,
  currentTimeMillis: Effect.map(clock.currentTimeMillis, (millis) => millis + clockAhead),
  currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(clockAhead) * 1_000_000n,
  currentTimeNanos: Effect.map(clock.currentTimeNanos, (nanos) => nanos + BigInt(clockAhead) * 1_000_000n),
  monotonicTimeNanos: clock.monotonicTimeNanos,
  monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
  sleep: (duration) => clock.sleep(duration)
}))

child.serve(
  PodCommand,
  (command): Effect.Effect<unknown, never, Meetings.Meetings> =>
    command._tag === "Perform" ? performed(command) : vitals
).pipe(
  Effect.provide(services[shares]),
  Effect.provide(Layer.effect(Clock.Clock, skewed)),
  // The cluster reports every dead part as an error.
  Effect.provideService(References.MinimumLogLevel, "Fatal"),
  NodeRuntime.runMain
)
