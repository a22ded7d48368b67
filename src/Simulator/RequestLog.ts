import * as Record from "effect/Record"
import * as Schema from "effect/Schema"
import { isRecord, parametersIn } from "./ArrivedRequest.ts"
import { isTooDeep } from "./depth.ts"
import { Endpoint, Fault } from "./Fault.ts"
import type { Reply } from "./Reply.ts"
import { make as makeRing, type Ring } from "./Ring.ts"
import { TokenKind } from "./Tokens.ts"

const replyRecord = Schema.Struct({
  status: Schema.Int,
  code: Schema.UndefinedOr(Schema.Int).annotateKey({
    description: "The code of the envelope, if the body is an envelope."
  }),
  at: Schema.Finite.annotateKey({ description: "In milliseconds since 1970." })
}).annotate({ identifier: "ReplyRecord", description: "A reply." })

/**
 * A reply in the log of requests. `code` is that of the envelope; `undefined` if the body is not an envelope. `at` is in
 * milliseconds since 1970.
 *
 * @stability unstable
 * @category models
 */
export interface ReplyRecord extends Schema.Schema.Type<typeof replyRecord> {}

export const ReplyRecord: Schema.Codec<ReplyRecord, unknown> = replyRecord

const requestRecord = Schema.Struct({
  index: Schema.Int,
  at: Schema.Finite.annotateKey({ description: "When it arrived, in milliseconds since 1970." }),
  endpoint: Schema.Union([Endpoint, Schema.Literal("unknown"), Schema.StringForLiteralAutocomplete]).annotateKey({
    description: "The name of the endpoint: one of the simulator's, one that was added, or \"unknown\"."
  }),
  method: Schema.String,
  host: Schema.String.annotateKey({ description: "The host and port in its URL or Host header." }),
  path: Schema.String,
  params: Schema.Record(Schema.String, Schema.String).annotateKey({
    description: "The parameters in the path, such as meeting_id."
  }),
  query: Schema.Record(Schema.String, Schema.String),
  client: Schema.UndefinedOr(Schema.String).annotateKey({
    description: "Who sent it: its header X-Simulator-Client, or else User-Agent."
  }),
  token: TokenKind.annotateKey({ description: "The kind of its token." }),
  operator: Schema.UndefinedOr(Schema.String).annotateKey({
    description: "The open id of the user, or the id of the app, to whom its token was issued."
  }),
  body: Schema.UndefinedOr(Schema.Unknown).annotateKey({
    description: "The body: parsed if it is JSON, else as text; not if it is empty. Of one above 16 KiB the first part."
  }),
  fault: Schema.UndefinedOr(Fault),
  executed: Schema.UndefinedOr(ReplyRecord).annotateKey({
    description: "The reply of the endpoint before any fault; not if the endpoint did not run, or not yet."
  }),
  reply: Schema.UndefinedOr(ReplyRecord).annotateKey({
    description: "The reply that was sent; not if none was, for example because the connection was lost."
  })
}).annotate({
  identifier: "RequestRecord",
  description: "A request that arrived. Its tokens, codes, tickets and secrets are redacted."
})

/**
 * A request that arrived. Its tokens, codes, tickets and secrets are redacted.
 *
 * **Details**
 *
 * `executed` is the reply of the endpoint before any fault; `undefined` if the endpoint did not run, or not yet. `reply` is
 * what was sent; `undefined` if nothing was, for example because the connection was lost. Times are in milliseconds since
 * 1970.
 *
 * @stability unstable
 * @category models
 */
export interface RequestRecord extends Schema.Schema.Type<typeof requestRecord> {}

export const RequestRecord: Schema.Codec<RequestRecord, unknown> = requestRecord

export interface RequestLog extends Pick<Ring<RequestRecord>, "all" | "forgotten" | "get"> {
  /** Adds a request that arrived, and returns its index. */
  readonly add: (request: Omit<RequestRecord, "index" | "executed" | "reply">) => number
  readonly note: (index: number, what: "executed" | "reply", reply: Reply, at: number) => void
}

export const make = (length: number): RequestLog => {
  const ring = makeRing<RequestRecord>(length)
  let count = 0
  return {
    ...ring,
    add: (request) => ring.add({ index: count++, ...request, executed: undefined, reply: undefined }),
    note: (index, what, { code, status }, at) =>
      ring.update(index, (record) => ({ ...record, [what]: { status, code, at } }))
  }
}

const redacted = "<redacted>"

/** Secrets, by the names of fields and parameters. With the method `plain` a challenge is the verifier itself. */
const secretFields = new Set([
  "app_secret",
  "AppSecret",
  "app_ticket",
  "app_access_token",
  "client_secret",
  "client_assertion",
  "code",
  "code_challenge",
  "code_verifier",
  "refresh_token",
  "state"
])

const withoutSecrets = (name: string, value: unknown): unknown => secretFields.has(name) ? redacted : value

/** The parameters of a query or a form, for the log. */
export const readable = (parameters: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Record.map(parameters, (value, name) => secretFields.has(name) ? redacted : value)

// The bodies of documented requests have less.
const maxBody = 16_384

/** A body for the log. One that cannot be parsed is hidden where it would contain secrets, and cut where it is large. */
export const readableBody = (
  body: string,
  { form, secret }: { readonly form: boolean; readonly secret: boolean }
): unknown => {
  if (body === "") return undefined
  const text = secret ? redacted : body.slice(0, maxBody)
  if (body.length > maxBody) return text
  try {
    const value: unknown = JSON.parse(body, withoutSecrets)
    return isTooDeep(value) || (secret && !isRecord(value)) ? text : value
  } catch {
    const parameters = form ? parametersIn(new URLSearchParams(body)) : {}
    const names = Object.keys(parameters)
    // Anything can be called a form: names of other characters are part of something else.
    return names.length > 0 && names.every((name) => /^\w+$/.test(name)) ? readable(parameters) : text
  }
}
