import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Config, Effect, Layer, Option, Schedule, Stream } from "effect"
import { Cas, Lark, Meetings, RateLimits, Seal, SessionStore, UndiciHttpClient } from "effect-lark-meetings"
import * as Cluster from "effect-lark-meetings/Cluster"
import { alice, bob, carol, meetingId } from "./environment.ts"

// One of several pods of an app; compose.yaml starts three. Besides LARK_… it reads HOST and PORT, under which the other pods
// reach it, and the rest of Effect's ShardingConfig: LISTEN_HOST, SHARD_LOCK_EXPIRATION, … (docs/cluster.md).
const database = PgClient.layerConfig({ url: Config.Redacted("DATABASE_URL"), maxConnections: Config.succeed(4) })
const redis = NodeRedis.layerConfig({ url: Config.String("REDIS_URL") })
const cluster = NodeClusterSocket.layer().pipe(Layer.provide(database))

const pod = Layer.merge(Lark.layerConfig(), Cluster.layerOnce).pipe(
  Layer.provide([Cluster.layer, Cluster.layerTokens, RateLimits.layerRedis({ pods: 3 })]),
  Layer.provide([SessionStore.layerRedis(), Seal.layerConfig()]),
  Layer.provide([cluster, redis, UndiciHttpClient.layer(NodeHttpClient.makeDispatcher)])
)

// Every pod moves the host once a second.
const moves = Meetings.setHost(meetingId, Cas.rotate([alice, bob, carol])).pipe(
  Effect.flatMap(({ after, outcome, swaps }) => Effect.log(`${after.id} is the host (${outcome}, swaps: ${swaps})`)),
  Effect.catch((error) => Effect.logWarning(error.message)),
  Effect.repeat(Schedule.spaced("1 second"))
)

// One pod at a time watches the meeting.
const watch = Cluster.once(
  `watch ${meetingId}`,
  Stream.runForEach(
    Meetings.watch(meetingId),
    ({ hostUser }) => Effect.log(`this pod watches: the host is ${Option.getOrUndefined(hostUser)?.id}`)
  )
)

Effect.all([moves, watch], { concurrency: "unbounded" }).pipe(Effect.provide(pod), NodeRuntime.runMain)
