/**
 * What the driver asks of the simulator's process and of the pods.
 */
import { Schema } from "effect"
import { Ending, Write } from "../soak/channel.ts"

export const SimulatorOptions = Schema.Struct({
  /** The round trip of a request, in milliseconds. */
  latency: Schema.Int,
  /** How many meetings there are. */
  meetings: Schema.Int,
  /** People in every meeting besides those of the soak, `p0`, `p1`, …: a target for each of as many operations. */
  targets: Schema.Int,
  rateLimits: Schema.Boolean
})

export const SimulatorCommand = Schema.Union([
  Schema.TaggedStruct("Slice", {}),
  Schema.TaggedStruct("RejectTokens", {})
])

/** Writes, endings and calls since the last slice; counts since the start. */
export const Slice = Schema.Struct({
  baseUrl: Schema.String,
  writes: Schema.Array(Write),
  endings: Schema.Array(Ending),
  /** User access tokens of the people of the soak. */
  userTokens: Schema.Array(Schema.String),
  /** The times of requests to the meeting endpoints, in milliseconds since 1970. */
  calls: Schema.Array(Schema.Int),
  /** How many requests were refused by a rate limit. */
  throttled: Schema.Int,
  /** How many times a token of the app was requested. */
  mints: Schema.Int
})
export type Slice = typeof Slice.Type

export const shares = ["nothing", "turns"] as const

export const PodOptions = Schema.Struct({
  baseUrl: Schema.String,
  /** What the pods share. */
  shares: Schema.Literals(shares),
  /** Ports on loopback. */
  port: Schema.Int,
  postgres: Schema.Int,
  redis: Schema.optionalKey(Schema.Int),
  /** Effect's defaults, or those that notice a dead pod within seconds. */
  sharding: Schema.Literals(["default", "tuned"]),
  /** How far its wall clock is ahead, in milliseconds. */
  clockAhead: Schema.Int
})
export type PodOptions = typeof PodOptions.Type

const Task = Schema.Union([
  /** Makes this person the host, by the standard policy. */
  Schema.TaggedStruct("Ensure", { target: Schema.String }),
  /** The operation of the soak's plan with its number: any intent and policy, some interrupted. */
  Schema.TaggedStruct("Planned", { seed: Schema.Int })
])
export type Task = typeof Task.Type

const Perform = Schema.TaggedStruct("Perform", {
  number: Schema.Int,
  meeting: Schema.String,
  lastHost: Schema.String,
  userToken: Schema.String,
  task: Task
})
export type Perform = typeof Perform.Type

export const PodCommand = Schema.Union([Perform, Schema.TaggedStruct("Vitals", {})])

const Pair = Schema.Struct({ before: Schema.String, after: Schema.String })

export const Performed = Schema.Struct({
  /** An outcome, or the tag of an error. */
  label: Schema.String,
  host: Schema.optional(Schema.String),
  effect: Schema.Literals(["none", "applied", "unknown"]),
  applied: Schema.Array(Pair),
  uncertain: Schema.Union([Schema.Array(Pair), Schema.Int]),
  saw: Schema.optional(Schema.String),
  details: Schema.String,
  /** Milliseconds that its last request took. */
  lastTook: Schema.optional(Schema.Finite),
  /** Milliseconds from the call to its end, in the pod. */
  took: Schema.Finite
})

export const Vitals = Schema.Struct({
  /** Processor time since the start, in milliseconds. */
  cpu: Schema.Finite,
  /** How many shards it owns; 0 without a cluster. */
  shards: Schema.Int,
  /** Counters of the library, by name and attributes. */
  counters: Schema.Record(Schema.String, Schema.Finite)
})
