/**
 * The process of a pod: the library over HTTP, and what it shares with the other pods.
 */
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Clock, Effect, Layer, Metric, Option, Redacted, References, Schedule, Stream } from "effect"
import {
  Cas,
  Lark,
  type LarkConfig,
  MeetingId,
  Meetings,
  RateLimits,
  Seal,
  SessionStore,
  UndiciHttpClient
} from "effect-lark-meetings"
import * as Cluster from "effect-lark-meetings/Cluster"
import * as Requests from "effect-lark-meetings/Requests"
import * as Simulator from "effect-lark-meetings/Simulator"
import { RunnerAddress, ShardId, Sharding, ShardingConfig } from "effect/cluster"
import { claimed, done, type Ended, perform, signed } from "../soak/perform.ts"
import { operationOf, type SetHost } from "../soak/plan.ts"
import { userOf } from "../soak/stage.ts"
import * as child from "./child.ts"
import { pollInterval } from "./keeping.ts"
import { keeperParameter, kept, type Perform, PodCommand, PodOptions, targetOf } from "./messages.ts"
import * as stores from "./stores.ts"

const options = child.options(PodOptions)
const { shares } = options

const database = stores.client(options.postgres, { maxConnections: 6 })

const redis = NodeRedis.layer({ url: `redis://127.0.0.1:${options.redis}` })

const notices = {
  default: {},
  tuned: {
    refreshAssignmentsInterval: "500 millis",
    runnerHealthCheckInterval: "2 seconds",
    shardLockExpiration: "6 seconds",
    shardLockRefreshInterval: "2 seconds"
  }
} as const

const sharding = NodeClusterSocket.layer({
  storage: "sql",
  shardingConfig: {
    runnerAddress: Option.some(RunnerAddress.make("127.0.0.1", options.port)),
    ...notices[options.sharding]
  }
}).pipe(Layer.provide(database))

/** A pod without a cluster connects to nothing. */
const cluster = shares.turns || shares.limits === "cluster"
  ? Layer.provideMerge(
    Layer.merge(
      shares.turns ? Cluster.layer : Layer.empty,
      shares.limits === "cluster" ? Cluster.layerLimits({ pods: options.pods }) : Layer.empty
    ),
    sharding
  )
  : Layer.empty

/** Adds the name of the pod to the requests of its keeper. */
const namedKeeper = (dispatcher: UndiciHttpClient.Dispatcher): UndiciHttpClient.Dispatcher => ({
  dispatch: ({ path, ...rest }, handler) =>
    dispatcher.dispatch({
      ...rest,
      path: path.includes(kept.meeting)
        ? `${path}${path.includes("?") ? "&" : "?"}${keeperParameter}=${encodeURIComponent(options.name)}`
        : path
    }, handler)
})

const limits = {
  none: Layer.empty,
  own: RateLimits.layerMemory,
  // Those of the cluster come with it.
  cluster: Layer.empty,
  redis: Layer.provide(RateLimits.layerRedis({ pods: options.pods }), redis)
}[shares.limits]

const sessionStores: Record<"postgres" | "redis", Layer.Layer<SessionStore.SessionStore, unknown>> = {
  postgres: Layer.provide(SessionStore.layerSql(), database),
  redis: Layer.provide(SessionStore.layerRedis(), redis)
}

const seal = Seal.layer({ key: Redacted.make(options.sealKey) })

const tokens: Layer.Layer<never, unknown> = shares.tokens === "own"
  ? Layer.empty
  : Cluster.layerTokens.pipe(Layer.provide(sessionStores[shares.tokens]), Layer.provide(seal))

const lark = Lark.layer({ ...Simulator.defaultApp, baseUrl: options.baseUrl }).pipe(
  Layer.provide(
    UndiciHttpClient.layer(Effect.map(NodeHttpClient.makeDispatcher, (dispatcher) => signed(namedKeeper(dispatcher))))
  ),
  Layer.provide(Layer.mergeAll(limits, tokens)),
  Layer.provideMerge(cluster)
)

const requests: Record<
  typeof shares.requests,
  Layer.Layer<Meetings.Requests, unknown, Meetings.Meetings | LarkConfig.LarkConfig>
> = {
  nowhere: Requests.layerMemory(),
  postgres: Layer.provide(Requests.layerSql(), database),
  redis: Layer.provide(Requests.layerRedis(), redis)
}

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

const keyOf = (number: number) => `request ${number}`

/** Stores a request; its result is another matter. */
const accept = (number: number, meeting: MeetingId.MeetingId) =>
  Effect.match(
    Meetings.request(meeting, Cas.ensure(userOf("open_id", targetOf(number))), {
      key: keyOf(number),
      onUnknown: "neverResend"
    }),
    { onSuccess: () => done("accepted"), onFailure: ({ _tag, message }) => done(_tag, { details: () => message }) }
  )

const answer = Effect.fnUntraced(function*<R>(self: Effect.Effect<Ended, never, R>) {
  const began = performance.now()
  const ended = yield* self
  return { ...ended, details: ended.details(), took: performance.now() - began }
})

const act = (
  { lastHost, number, task, userToken, ...command }: Perform
): Effect.Effect<Ended, never, Meetings.Meetings | Meetings.Requests> => {
  const meeting = MeetingId.make(command.meeting)
  const around = { meeting, lastHost, userToken }
  switch (task._tag) {
    case "Ensure":
      return Effect.orDie(
        perform(number, { slot: 0, action: ensure(task.target), interruptAfter: undefined }, around)
      )
    case "Planned": {
      const operation = operationOf(task.seed, number)
      // The meetings go on.
      const action = operation.action._tag === "End" ? { _tag: "Get" as const } : operation.action
      return Effect.orDie(perform(number, { ...operation, action }, around))
    }
    case "Request":
      return accept(number, meeting)
  }
}

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
  currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + options.clockAhead,
  currentTimeMillis: Effect.map(clock.currentTimeMillis, (millis) => millis + options.clockAhead),
  currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(options.clockAhead) * 1_000_000n,
  currentTimeNanos: Effect.map(clock.currentTimeNanos, (nanos) => nanos + BigInt(options.clockAhead) * 1_000_000n),
  monotonicTimeNanos: clock.monotonicTimeNanos,
  monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
  sleep: (duration) => clock.sleep(duration)
}))

const onCommand = (
  command: typeof PodCommand.Type
): Effect.Effect<unknown, never, Meetings.Meetings | Meetings.Requests> => {
  switch (command._tag) {
    case "Perform":
      return answer(act(command))
    case "Result":
      return answer(claimed(Requests.result(keyOf(command.number))))
    case "Vitals":
      return vitals
  }
}

const keeper = Cluster.once(
  `host of ${kept.meeting}`,
  Meetings.keepHost(kept.meeting, userOf("open_id", kept.host), {
    poll: Schedule.spaced(pollInterval),
    // The rival never gives up.
    maxMoves: 1_000_000
  }).pipe(Stream.runDrain)
).pipe(
  Effect.retry(Schedule.spaced("1 second")),
  Effect.provide(Layer.provide(Cluster.layerOnce, sharding))
)

Effect.raceFirst(
  child.serve(PodCommand, onCommand),
  options.keeper ? Effect.andThen(keeper, Effect.never) : Effect.never
).pipe(
  Effect.provide(Layer.provideMerge(requests[shares.requests], lark)),
  Effect.provide(Layer.effect(Clock.Clock, skewed)),
  // The cluster reports every dead part as an error.
  Effect.provideService(References.MinimumLogLevel, "Fatal"),
  NodeRuntime.runMain
)
