import { isRecord } from "./Call.ts"
import type { Endpoint, Fault } from "./Fault.ts"
import type { Reply } from "./Reply.ts"
import type { TokenKind } from "./Tokens.ts"

/**
 * The outcome of a request, as far as a log needs it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer {
  readonly status: number
  /** The `code` of the envelope; `undefined` when the body is not one. */
  readonly code: number | undefined
  readonly at: number
}

/**
 * A request that arrived. Tokens, codes, tickets and secrets are blanked out.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestRecord {
  readonly index: number
  /** When it arrived, in milliseconds. */
  readonly at: number
  readonly endpoint: Endpoint | "unknown"
  readonly method: string
  /** The host that was asked, with its port. */
  readonly host: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly token: TokenKind
  /** The body as JSON, as text when it is not JSON, `undefined` when there is none. */
  readonly body: unknown
  readonly meetingId: string | undefined
  readonly fault: Fault | undefined
  /** What the endpoint itself decided; `undefined` as long as it has not run. */
  readonly executed: Answer | undefined
  /** What was sent back; `undefined` as long as nothing was, which is for ever when the connection was lost. */
  readonly answer: Answer | undefined
}

type Arrival = Omit<RequestRecord, "index" | "executed" | "answer">

export interface RequestLog {
  readonly open: (arrival: Arrival) => number
  readonly note: (index: number, what: "executed" | "answer", reply: Reply, at: number) => void
  readonly all: () => ReadonlyArray<RequestRecord>
}

export const make = (): RequestLog => {
  const records: Array<RequestRecord> = []
  return {
    open: (arrival) => records.push({ index: records.length, ...arrival, executed: undefined, answer: undefined }) - 1,
    note: (index, what, reply, at) => {
      const record = records[index]
      if (record !== undefined) records[index] = { ...record, [what]: { status: reply.status, code: reply.code, at } }
    },
    all: () => [...records]
  }
}

const blank = "<redacted>"

/** What opens something, wherever it stands in a body or a query. A challenge of the method `plain` is the verifier. */
const secretFields = new Set([
  "app_secret",
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

const withoutSecrets = (name: string, value: unknown): unknown => secretFields.has(name) ? blank : value

export const readableQuery = (query: URLSearchParams): Readonly<Record<string, string>> =>
  Object.fromEntries([...query].map(([name, value]) => [name, secretFields.has(name) ? blank : value]))

/**
 * A body as a reader of the log needs it. One that cannot be read is not shown where it may be full of secrets.
 */
export const readableBody = (
  body: string,
  { asksForToken, form }: { readonly asksForToken: boolean; readonly form: boolean }
): unknown => {
  if (body === "") return undefined
  if (form) return readableQuery(new URLSearchParams(body))
  try {
    const value: unknown = JSON.parse(body, withoutSecrets)
    return asksForToken && !isRecord(value) ? blank : value
  } catch {
    return asksForToken ? blank : body
  }
}
