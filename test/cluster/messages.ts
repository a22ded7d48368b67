/**
 * What the driver asks of the simulator's process and of the pods.
 */
import { Schema } from "effect"
import { Ending, Write } from "../soak/channel.ts"
import { firstHost, meetingIdOf, people } from "../soak/stage.ts"

export const SimulatorOptions = Schema.Struct({
  /** The round trip of a request, in milliseconds. */
  latency: Schema.Int,
  /** How many meetings there are. */
  meetings: Schema.Int,
  /** People in every meeting besides those of the soak, `p0`, `p1`, …: a target for each of as many operations. */
  targets: Schema.Int,
  /** Whether the people of requests are in every meeting. */
  requests: Schema.Boolean,
  /** How long a token of the app lives, in seconds. */
  tokenLife: Schema.Int,
  rateLimits: Schema.Boolean,
  /** Whether there is one meeting more, whose host the pods keep and a rival moves away. */
  keeper: Schema.Boolean
})

/** What happened on the meeting whose host is kept. */
export const KeptEvent = Schema.Struct({
  /** A keeper read the host, or sent a swap; the rival moved the host away, or a keeper put it back. */
  what: Schema.Literals(["read", "swap", "away", "back"]),
  /** In milliseconds since 1970. */
  at: Schema.Int,
  /** That of the keeper that sent the request. */
  pod: Schema.optionalKey(Schema.String)
})
export type KeptEvent = typeof KeptEvent.Type

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
  mints: Schema.Int,
  kept: Schema.Array(KeptEvent)
})
export type Slice = typeof Slice.Type

/** What pods share. Turns need PostgreSQL. */
const Shares = Schema.Struct({
  turns: Schema.Boolean,
  limits: Schema.Literals(["none", "own", "cluster", "redis"]),
  tokens: Schema.Literals(["own", "postgres", "redis"]),
  /** Where requests are that outlive their process. */
  requests: Schema.Literals(["nowhere", "postgres", "redis"])
})

type Shares = typeof Shares.Type

const nothing: Shares = { turns: false, limits: "none", tokens: "own", requests: "nowhere" }

export const shares = {
  nothing,
  turns: { ...nothing, turns: true },
  postgres: { ...nothing, turns: true, tokens: "postgres", requests: "postgres" },
  redis: { ...nothing, turns: true, tokens: "redis", requests: "redis" }
} satisfies Record<string, Shares>

export const PodOptions = Schema.Struct({
  name: Schema.String,
  baseUrl: Schema.String,
  shares: Shares,
  /** How many pods there are. */
  pods: Schema.Int,
  /** Ports on loopback. */
  port: Schema.Int,
  postgres: Schema.Int,
  redis: Schema.Int,
  /** Effect's defaults, or those that notice a dead pod within seconds. */
  sharding: Schema.Literals(["default", "tuned"]),
  /** How far its wall clock is ahead, in milliseconds. */
  clockAhead: Schema.Int,
  sealKey: Schema.String,
  /** Whether it calls `Cluster.once` with a keeper; needs turns. */
  keeper: Schema.Boolean
})
export type PodOptions = typeof PodOptions.Type

const Task = Schema.Union([
  /** Makes this person the host, by the standard policy. */
  Schema.TaggedStruct("Ensure", { target: Schema.String }),
  /** The operation of the soak's plan with its number: any intent and policy, some interrupted. */
  Schema.TaggedStruct("Planned", { seed: Schema.Int }),
  /** Stores a request that makes a person of its own the host, at most once. */
  Schema.TaggedStruct("Request", {})
])
export type Task = typeof Task.Type

/** The target of a request. No other request has it, so a write of it shows which request made it, on any pod. */
export const targetOf = (request: number): string => `r${request}`

export const requestOf = (target: string): number | undefined =>
  /^r\d+$/.test(target) ? Number(target.slice(1)) : undefined

/** Only operations with these numbers can be requests: the people of all are in every meeting. */
export const canBeRequest = (number: number): boolean => number % 16 === 0 && number < 16_000

/** The meeting whose host is kept, and who moves it away. */
export const kept = { meeting: meetingIdOf(999_999), host: firstHost, rival: people[1] }

/** The query parameter with the name of the pod whose keeper sent the request. */
export const keeperParameter = "keeper"

const Perform = Schema.TaggedStruct("Perform", {
  number: Schema.Int,
  meeting: Schema.String,
  lastHost: Schema.String,
  userToken: Schema.String,
  task: Task
})
export type Perform = typeof Perform.Type

export const PodCommand = Schema.Union([
  Perform,
  /** Waits for the result of a request. */
  Schema.TaggedStruct("Result", { number: Schema.Int }),
  Schema.TaggedStruct("Vitals", {})
])

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
  /** Milliseconds that its requests took. */
  requested: Schema.optional(Schema.Finite),
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
