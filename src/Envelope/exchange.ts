/**
 * One request on the wire and its answer, `{ code, msg, data }`: the part that all calls share, with a token or without.
 *
 * **Details**
 *
 * A body that is not such an envelope is a `MalformedResponse`, no reply is a `TransportError`; a `code` other than 0 is
 * for the caller to classify. No error keeps the request or the body.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import type * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { MalformedResponse, TransportError } from "../LarkError.ts"
import { execute, type Reply } from "./execute.ts"
import { concealer } from "./secrets.ts"
import { observed, type Sent } from "./telemetry.ts"

/** @internal */
export interface Envelope {
  readonly endpoint: string
  readonly status: number
  readonly logId: string | undefined
  readonly retryAfter: Duration.Duration | undefined
  /** `x-ogw-ratelimit-limit`, as it came. */
  readonly rateLimit: string | undefined
  readonly code: number
  readonly msg: string
  /** The whole body: most endpoints put their data under `data`, token endpoints beside `code`. */
  readonly body: Readonly<Record<string, unknown>>
}

/** Names in messages and codes of the errors of Node, undici and fetch for connections that were never made. */
const neverConnected =
  /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_\w+|ERR_SSL_WRONG_VERSION_NUMBER|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_INVALID_URL)\b/

/** The same names as the outcome of reading or writing: the connection was there, and the request may have gone out. */
const onConnection = /\b(read|write) E[A-Z]/

/** The codes and messages of an error and its causes, which is all that is kept of them. */
const reasonsOf = (error: unknown, depth = 0): ReadonlyArray<string> => {
  if (!Predicate.isObjectKeyword(error) || depth > 5) return []
  const code = "code" in error && typeof error.code === "string" ? [error.code] : []
  const message = error instanceof Error && error.message !== "" ? [error.message] : []
  const inner = "errors" in error && Array.isArray(error.errors) ? error.errors : []
  const causes = "cause" in error ? [error.cause, ...inner] : inner
  return [...code, ...message, ...causes.flatMap((cause) => reasonsOf(cause, depth + 1))]
}

const transportError = (
  endpoint: string,
  error: HttpClientError,
  conceal: (text: string) => string
): TransportError => {
  const { reason } = error
  const cause = "cause" in reason ? reasonsOf(reason.cause) : []
  const description = "description" in reason && typeof reason.description === "string" ? [reason.description] : []
  const reasons = [...new Set([...cause, ...description])]
  const text = reasons.join(" ")
  const isUnsent = reason._tag === "EncodeError" || reason._tag === "InvalidUrlError"
    || (neverConnected.test(text) && !onConnection.test(text))
  const executed = isUnsent ? "no" : "unknown"
  return new TransportError({
    endpoint,
    executed,
    reason: reasons.length === 0 ? reason._tag : conceal(reasons.join(", ")).replaceAll(/\s+/g, " ")
  })
}

const waitOf = (header: (name: string) => string | undefined, now: number): Duration.Duration | undefined => {
  const reset = Number(header("x-ogw-ratelimit-reset")?.trim() || Number.NaN)
  if (reset >= 0 && reset < Number.POSITIVE_INFINITY) return Duration.seconds(reset)
  const given = header("retry-after")
  const after = given === undefined ? undefined : Headers.parseRetryAfter(given)
  return after !== undefined && Result.isSuccess(after) ? Headers.retryAfterDelay(after.success, now) : undefined
}

const parse = (text: string): Result.Result<unknown, string> =>
  text.trim() === ""
    ? Result.fail("the body is empty")
    : Result.try({ try: (): unknown => JSON.parse(text), catch: () => "the body is not JSON" })

/** Some endpoints send the code as a string. */
const codeOf = (code: unknown): number | undefined => {
  const number = typeof code === "string" && code.trim() !== "" ? Number(code) : code
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined
}

/**
 * Sends a request that holds secrets and reads the envelope of its answer, all within `timeout`.
 *
 * **Details**
 *
 * `codeless`: a 2xx without a `code` is a success, as OAuth has it (RFC 6749), which knows no envelope.
 *
 * @internal
 */
export const exchange = (
  client: HttpClient.HttpClient,
  endpoint: string,
  request: HttpClientRequest.HttpClientRequest,
  secrets: ReadonlyArray<Redacted.Redacted>,
  timeout: Duration.Duration,
  options: Sent & { readonly codeless?: boolean | undefined } = {}
): Effect.Effect<Envelope, TransportError | MalformedResponse> => {
  const conceal = concealer(secrets)
  const exchanged = Effect.flatMap(
    Effect.catch(execute(client, request, timeout), (error) => Effect.fail(transportError(endpoint, error, conceal))),
    (reply) => Clock.clockWith((clock) => read(endpoint, reply, clock, conceal, options.codeless === true))
  )
  return observed(endpoint, request, options, exchanged)
}

const read = (
  endpoint: string,
  { headers, status, text }: Reply,
  clock: Clock.Clock,
  conceal: (text: string) => string,
  codeless: boolean
): Effect.Effect<Envelope, MalformedResponse> => {
  const header = (name: string) => {
    const value = headers[name]
    return typeof value === "object" ? value.join(", ") : value
  }
  const givenId = header("x-tt-logid") ?? header("x-request-id")
  const logId = givenId === undefined ? undefined : conceal(givenId)
  const retryAfter = waitOf(header, clock.currentTimeMillisUnsafe())
  const malformed = (reason: string) =>
    Effect.fail(new MalformedResponse({ endpoint, status, reason, logId, retryAfter }))
  const parsed = parse(text)
  if (Result.isFailure(parsed)) {
    const contentType = conceal(header("content-type") ?? "no content type")
    return malformed(`${parsed.failure} (${contentType}, ${text.length} characters)`)
  }
  const body = parsed.success
  if (!Predicate.isObject(body)) return malformed("the body is not a JSON object")
  const isSuccess = status >= 200 && status <= 299
  const code = codeless && isSuccess && body["code"] === undefined ? 0 : codeOf(body["code"])
  if (code === undefined) return malformed("the body has no code")
  if (code === 0 && !isSuccess) return malformed("the code says success, the status does not")
  // OAuth endpoints describe their failures as RFC 6749 does.
  const msg = [body["msg"], body["error_description"], body["error"]].find(Predicate.isString) ?? ""
  const rateLimit = header("x-ogw-ratelimit-limit")
  return Effect.succeed({ endpoint, status, logId, retryAfter, rateLimit, code, msg, body })
}
