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
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { type Failure, MalformedResponse, TransportError } from "./LarkError.ts"

/** @internal */
export interface Envelope {
  readonly endpoint: string
  readonly status: number
  readonly logId: string | undefined
  readonly retryAfter: Duration.Duration | undefined
  readonly code: number
  readonly msg: string
  /** The whole body: most endpoints put their data under `data`, token endpoints beside `code`. */
  readonly body: Readonly<Record<string, unknown>>
}

/** Names in messages and codes of the errors of Node, undici and fetch for connections that were never made. */
const neverConnected =
  /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_INVALID_URL)\b/

/** The codes and messages of an error and its causes, which is all that is kept of them. */
const reasonsOf = (error: unknown, depth = 0): ReadonlyArray<string> => {
  if (!Predicate.isObjectKeyword(error) || depth > 5) return []
  const code = "code" in error && typeof error.code === "string" ? [error.code] : []
  const message = error instanceof Error && error.message !== "" ? [error.message] : []
  const inner = "errors" in error && Array.isArray(error.errors) ? error.errors : []
  const causes = "cause" in error ? [error.cause, ...inner] : inner
  return [...code, ...message, ...causes.flatMap((cause) => reasonsOf(cause, depth + 1))]
}

const transportError = (endpoint: string, error: HttpClientError): TransportError => {
  const { reason } = error
  const cause = "cause" in reason ? reasonsOf(reason.cause) : []
  const description = "description" in reason && typeof reason.description === "string" ? [reason.description] : []
  const reasons = [...new Set([...cause, ...description])]
  const executed =
    reason._tag === "EncodeError" || reason._tag === "InvalidUrlError" || neverConnected.test(reasons.join(" "))
      ? "no"
      : "unknown"
  return new TransportError({ endpoint, executed, reason: reasons.length === 0 ? reason._tag : reasons.join(", ") })
}

const waitOf = (response: HttpClientResponse.HttpClientResponse, now: number): Duration.Duration | undefined => {
  const reset = Number(response.headers["x-ogw-ratelimit-reset"] ?? Number.NaN)
  if (reset >= 0 && reset < Number.POSITIVE_INFINITY) return Duration.seconds(reset)
  const after = Headers.parseRetryAfter(response.headers["retry-after"] ?? "")
  return Result.isSuccess(after) ? Headers.retryAfterDelay(after.success, now) : undefined
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
 * Sends a request and reads the envelope of its answer, all within `timeout`.
 *
 * @internal
 */
export const exchange = (
  client: HttpClient.HttpClient,
  endpoint: string,
  request: HttpClientRequest.HttpClientRequest,
  timeout: Duration.Duration
): Effect.Effect<Envelope, TransportError | MalformedResponse> =>
  client.execute(request).pipe(
    Effect.flatMap((response) =>
      Effect.flatMap(response.text, (text) => Clock.clockWith((clock) => read(endpoint, response, text, clock)))
    ),
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () =>
        Effect.fail(
          new TransportError({
            endpoint,
            executed: "unknown",
            reason: `no answer within ${Duration.toMillis(timeout)} ms`
          })
        )
    }),
    Effect.catchTag("HttpClientError", (error) => Effect.fail(transportError(endpoint, error))),
    // The platform is a third party: it is not told the trace ids of its callers.
    Effect.provideService(HttpClient.TracerPropagationEnabled, false)
  )

const read = (
  endpoint: string,
  response: HttpClientResponse.HttpClientResponse,
  text: string,
  clock: Clock.Clock
): Effect.Effect<Envelope, MalformedResponse> => {
  const { headers, status } = response
  const logId = headers["x-tt-logid"] ?? headers["x-request-id"]
  const retryAfter = waitOf(response, clock.currentTimeMillisUnsafe())
  const malformed = (reason: string) =>
    Effect.fail(new MalformedResponse({ endpoint, status, reason, logId, retryAfter }))
  const parsed = parse(text)
  if (Result.isFailure(parsed)) {
    return malformed(`${parsed.failure} (${headers["content-type"] ?? "no content type"}, ${text.length} characters)`)
  }
  const body = parsed.success
  if (!Predicate.isObject(body)) return malformed("the body is not a JSON object")
  const code = codeOf(body["code"])
  if (code === undefined) return malformed("the body has no code")
  if (code === 0 && (status < 200 || status > 299)) return malformed("the code says success, the status does not")
  const msg = typeof body["msg"] === "string" ? body["msg"] : ""
  return Effect.succeed({ endpoint, status, logId, retryAfter, code, msg, body })
}

const texts = (list: unknown, pick: (item: Readonly<Record<string, unknown>>) => unknown): ReadonlyArray<string> =>
  Array.isArray(list)
    ? list.flatMap((item: unknown) => {
      const text = Predicate.isObject(item) ? pick(item) : undefined
      return typeof text === "string" ? [text] : []
    })
    : []

const withoutSecrets = (data: unknown, secrets: ReadonlyArray<Redacted.Redacted>): unknown => {
  const text = data === undefined ? "" : JSON.stringify(data)
  return secrets.some((secret) => text.includes(Redacted.value(secret))) ? undefined : data
}

/**
 * What an envelope with a code other than 0 says, with the secrets that the request held taken out should the answer
 * repeat them.
 *
 * @internal
 */
export const failure = (envelope: Envelope, secrets: ReadonlyArray<Redacted.Redacted>): Failure => {
  const conceal = (text: string) =>
    secrets.reduce((concealed, secret) => concealed.replaceAll(Redacted.value(secret), "<redacted>"), text)
  const error = Predicate.isObject(envelope.body["error"]) ? envelope.body["error"] : {}
  const { code, endpoint, logId, msg, retryAfter, status } = envelope
  const inBody = typeof error["log_id"] === "string" ? error["log_id"] : undefined
  const troubleshooter = typeof error["troubleshooter"] === "string" ? conceal(error["troubleshooter"]) : undefined
  const scopes = texts(error["permission_violations"], (violation) => violation["subject"] ?? violation["scope"])
  const violations = texts(error["field_violations"], (violation) => violation["field"])
  const data = withoutSecrets(envelope.body["data"] ?? undefined, secrets)
  const knownLogId = logId ?? inBody
  return {
    code,
    msg: conceal(msg),
    status,
    endpoint,
    ...(knownLogId === undefined ? {} : { logId: knownLogId }),
    ...(troubleshooter === undefined ? {} : { troubleshooter }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(scopes.length === 0 ? {} : { scopes: scopes.map(conceal) }),
    ...(violations.length === 0 ? {} : { violations: violations.map(conceal) }),
    ...(data === undefined ? {} : { data })
  }
}
