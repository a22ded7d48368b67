/**
 * What several processes of one app share, over `effect/cluster`. Not in the index: import `effect-lark-meetings/Cluster`.
 *
 * **Details**
 *
 * The application provides `Sharding`: `NodeClusterSocket.layer` or `NodeClusterHttp.layer` over a database.
 */
export * from "./Cluster/limits.ts"
