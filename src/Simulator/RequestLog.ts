import { isRecord, parseJson } from "./Call.ts"
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
 * A request that arrived. It holds no token and no app secret.
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
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly token: TokenKind
  /** The body as JSON, as text when it is not JSON, `undefined` when there is none. An app secret is blanked out. */
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

export const readableBody = (body: string): unknown => {
  if (body === "") return undefined
  const parsed = parseJson(body)
  if (!parsed.ok) return body
  return isRecord(parsed.value) && "app_secret" in parsed.value
    ? { ...parsed.value, app_secret: "<redacted>" }
    : parsed.value
}
