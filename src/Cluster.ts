/**
 * What several processes of one app share, over `effect/cluster`. Not in the index: import `effect-lark-meetings/Cluster`.
 *
 * **Details**
 *
 * The application provides `Sharding`: `NodeClusterSocket.layer` or `NodeClusterHttp.layer` over a database.
 * `layerTokens` needs a `SessionStore` and a `Seal` instead.
 *
 * `layer` shares the turns on a meeting. Its operations run where they are called, with their schedules, tokens and
 * deadlines; the processes agree on whose turn it is, and pass the last host that was seen. So operations of many processes
 * on one meeting cost about one request each.
 *
 * Turns save requests. They are not needed for safety: the platform's compare-and-swap is. If a lane does not answer for two
 * seconds, or for half of what an operation has left to its deadline, operations run without a turn, as without this layer.
 * Its owner died, for example. Every three seconds a call in the background asks whether the lanes of that shard answer again.
 * No operation fails because of the cluster.
 *
 * **Gotchas**
 *
 * - The port of a runner has no authentication and no encryption. Keep it inside the network of the cluster: who reaches it
 *   can read the ids of users and meetings, and delay operations, but move no host.
 * - Processes whose lanes have different versions do not wait for each other. During a roll-out they contend for the host,
 *   which is safe.
 * - A process owns shards only some seconds after its start. Until the first owner is known, an operation may wait two
 *   seconds for a turn, then runs without. The next ones do not wait.
 * - Build `layer`, `layerLimits` and `layerOnce` once in a process, in the scope of `Sharding`. If the scope of one of them
 *   closes before, Effect ends the runner of the process with it (`preemptiveShutdown`): there are no turns any more, limits
 *   are those of one process, and `once` stands by.
 *
 * **Example** (Two clients with one order, in one process)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { TestRunner } from "effect/cluster"
 * import { Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
 * import * as Cluster from "effect-lark-meetings/Cluster"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const meetings = [{ id, host: "ou_alice", participants: ["ou_bob"] }]
 *
 * // An application has `NodeClusterSocket.layer` over a `PgClient.layer` in the place of `TestRunner`.
 * const lark = Lark.layer(Simulator.defaultApp).pipe(
 *   Layer.provide(Cluster.layer),
 *   Layer.provide(TestRunner.layer),
 *   Layer.provide(Simulator.layer({ meetings }))
 * )
 * const move = Meetings.setHost(id, MeetingUser.openId("ou_bob"))
 * const report = await Effect.runPromise(Effect.provide(move, lark))
 * console.log(report.outcome) // => swapped
 * ```
 */
export { layer } from "./Cluster/lane.ts"
export * from "./Cluster/limits.ts"
export * from "./Cluster/once.ts"
export * from "./Cluster/tokens.ts"
