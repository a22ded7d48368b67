import * as Record from "effect/Record"
import { isRecord, parametersIn } from "./ArrivedRequest.ts"
import type { Endpoint, Fault } from "./Fault.ts"
import type { Reply } from "./Reply.ts"
import type { TokenKind } from "./Tokens.ts"

/**
 * A reply in the log of requests.
 *
 * @stability unstable
 * @category models
 */
export interface ReplyRecord {
  readonly status: number
  /** The `code` of the envelope; `undefined` if the body is not an envelope. */
  readonly code: number | undefined
  /** In milliseconds since 1970. */
  readonly at: number
}

/**
 * A request that arrived. Its tokens, codes, tickets and secrets are redacted.
 *
 * @stability unstable
 * @category models
 */
export interface RequestRecord {
  readonly index: number
  /** When it arrived, in milliseconds since 1970. */
  readonly at: number
  /** The name of the endpoint: one of the simulator's, one that was added, or `"unknown"`. */
  readonly endpoint: Endpoint | "unknown" | (string & {})
  readonly method: string
  /** The host and port in its URL or `Host` header. */
  readonly host: string
  readonly path: string
  /** The parameters in the path, such as `meeting_id`. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly token: TokenKind
  /** The body: parsed if it is JSON, else as text; `undefined` if it is empty. */
  readonly body: unknown
  readonly fault: Fault | undefined
  /** The reply of the endpoint before any fault; `undefined` if the endpoint did not run, or not yet. */
  readonly executed: ReplyRecord | undefined
  /** The reply that was sent; `undefined` if none was, for example because the connection was lost. */
  readonly reply: ReplyRecord | undefined
}

export interface RequestLog {
  /** Adds a request that arrived, and returns its index. */
  readonly add: (request: Omit<RequestRecord, "index" | "executed" | "reply">) => number
  readonly note: (index: number, what: "executed" | "reply", reply: Reply, at: number) => void
  readonly all: () => ReadonlyArray<RequestRecord>
}

export const make = (): RequestLog => {
  const records: Array<RequestRecord> = []
  return {
    add: (request) => records.push({ index: records.length, ...request, executed: undefined, reply: undefined }) - 1,
    note: (index, what, { code, status }, at) => {
      const record = records[index]
      if (record !== undefined) records[index] = { ...record, [what]: { status, code, at } }
    },
    all: () => [...records]
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

export const readableQuery = (query: URLSearchParams): Readonly<Record<string, string>> =>
  Record.map(parametersIn(query), (value, name) => secretFields.has(name) ? redacted : value)

/** A body for the log. One that cannot be parsed is hidden where it would contain secrets. */
export const readableBody = (
  body: string,
  { form, secret }: { readonly form: boolean; readonly secret: boolean }
): unknown => {
  if (body === "") return undefined
  if (form) return readableQuery(new URLSearchParams(body))
  try {
    const value: unknown = JSON.parse(body, withoutSecrets)
    return secret && !isRecord(value) ? redacted : value
  } catch {
    return secret ? redacted : body
  }
}
