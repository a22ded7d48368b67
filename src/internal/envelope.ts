/** The envelope of every answer, `{ code, msg, data }`, read from a reply, and the failure that it describes. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { type Failure, MalformedResponse } from "../LarkError.ts"
import type { Reply } from "./execute.ts"
import type { Redactor } from "./secrets.ts"
import * as wire from "./wire.ts"

export interface Envelope {
  readonly endpoint: string
  readonly status: number
  readonly logId: string | undefined
  readonly retryAfter: Duration.Duration | undefined
  /** `x-ogw-ratelimit-limit`, unparsed. */
  readonly rateLimit: string | undefined
  readonly code: number
  readonly msg: string
  /** The whole body. Most endpoints put their data under `data`, token endpoints beside `code`. */
  readonly body: Readonly<Record<string, unknown>>
  /** Removes the secrets of the request; the log id is free of them. */
  readonly redact: Redactor
}

/** The longest window of the platform's limits. */
const longestWait = Duration.minutes(1)

const waitOf = (header: (name: string) => string | undefined, clock: Clock.Clock): Duration.Duration | undefined => {
  const reset = Number(header("x-ogw-ratelimit-reset")?.trim() || Number.NaN)
  if (reset >= 0 && reset < Number.POSITIVE_INFINITY) return Duration.min(Duration.seconds(reset), longestWait)
  const given = header("retry-after")
  // Two errors with stacks would be made for a header that is missing, which is most of a call.
  if (given === undefined) return undefined
  const after = Headers.parseRetryAfter(given)
  // A date is one of the clock of the server, which says what time it is there.
  const now = Date.parse(header("date") ?? "") || clock.currentTimeMillisUnsafe()
  return Result.isSuccess(after)
    ? Duration.min(Headers.retryAfterDelay(after.success, now), longestWait)
    : undefined
}

/** Some endpoints send the code as text. */
const codeOf = (code: unknown): number | undefined => {
  const number = typeof code === "string" && /^-?\d+$/.test(code) ? Number(code) : code
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined
}

/** The envelope of a reply. `codeless`: a 2xx without a `code` is a success, as in OAuth (RFC 6749). */
export const readEnvelope = (
  endpoint: string,
  { headers, status, text }: Reply,
  clock: Clock.Clock,
  redact: Redactor,
  codeless: boolean
): Effect.Effect<Envelope, MalformedResponse> => {
  const header = (name: string) => {
    const value = headers[name]
    return typeof value === "object" ? value.join(", ") : value
  }
  const id = header("x-tt-logid") ?? header("x-request-id")
  const logId = id === undefined ? undefined : redact.text(id)
  const retryAfter = waitOf(header, clock)
  const malformed = (reason: string) =>
    Effect.fail(new MalformedResponse({ endpoint, status, reason, logId, retryAfter }))
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    const contentType = redact.text(header("content-type") ?? "no content type")
    const isEmpty = text.trim() === ""
    return malformed(`the body is ${isEmpty ? "empty" : "not JSON"} (${contentType}, ${text.length} characters)`)
  }
  if (!Predicate.isObject(body)) return malformed("the body is not a JSON object")
  const isSuccess = status >= 200 && status <= 299
  const code = codeless && isSuccess && body["code"] === undefined ? 0 : codeOf(body["code"])
  if (code === undefined) return malformed("the body has no code")
  if (code === 0 && !isSuccess) return malformed("code 0 says success, but the HTTP status does not")
  // OAuth endpoints describe failures as in RFC 6749.
  const msg = [body["msg"], body["error_description"], body["error"]].find(Predicate.isString) ?? ""
  const rateLimit = header("x-ogw-ratelimit-limit")
  return Effect.succeed({ endpoint, status, logId, retryAfter, rateLimit, code, msg, body, redact })
}

/** The properties that are not `undefined`. */
export const defined = <T extends object>(properties: T): T => {
  // The types of the properties that are left out include `undefined`.
  const given = {} as T
  for (const name in properties) {
    if (properties[name] !== undefined) given[name] = properties[name]
  }
  return given
}

/** The failure of an envelope with a code other than 0. */
export const failure = ({ body, code, endpoint, logId, msg, redact, retryAfter, status }: Envelope): Failure => {
  const error = wire.object(body["error"])
  const textOf = (value: unknown) => {
    const text = wire.text(value)
    return text === "" ? undefined : redact.text(text)
  }
  const texts = (list: unknown, ...names: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    const found = wire.list(list).flatMap((item) =>
      names.map((name) => textOf(item[name])).find(Predicate.isString) ?? []
    )
    return found.length > 0 ? found : undefined
  }
  return defined<Failure>({
    code,
    msg: redact.text(msg),
    status,
    endpoint,
    logId: logId ?? textOf(error["log_id"]) ?? textOf(error["logid"]),
    troubleshooter: textOf(error["troubleshooter"]),
    retryAfter,
    scopes: texts(error["permission_violations"], "subject", "scope"),
    violations: texts(error["field_violations"], "field"),
    data: redact.data(body["data"] ?? undefined)
  })
}
