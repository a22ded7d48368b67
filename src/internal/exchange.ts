/**
 * One request and the envelope of its answer, for calls of endpoints and of token endpoints.
 *
 * **Details**
 *
 * No reply is a `TransportError`, a body without an envelope a `MalformedResponse`. Codes other than 0 are left to the
 * caller. No error keeps the request or the body.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import { type MalformedResponse, TransportError } from "../LarkError.ts"
import { type Envelope, readEnvelope } from "./envelope.ts"
import { execute } from "./execute.ts"
import { redactor } from "./secrets.ts"
import { observed, type Sent } from "./telemetry.ts"

/** Error codes of Node, undici and fetch for a connection that was never made. */
const neverConnected =
  /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_\w+|ERR_SSL_WRONG_VERSION_NUMBER|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|ERR_INVALID_URL)\b/

/** The same codes after `read` or `write`: the connection existed, so the request may have been sent. */
const onConnection = /\b(read|write) E[A-Z]/

/** The codes and messages of an error and its causes; nothing else is kept. */
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
  redact: (text: string) => string
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
    reason: reasons.length === 0 ? reason._tag : redact(reasons.join(", ")).replaceAll(/\s+/g, " ")
  })
}

/**
 * Sends a request and reads the envelope of its answer within `timeout`. Errors are free of the secrets of the request.
 *
 * **Details**
 *
 * `codeless`: a 2xx without a `code` is a success, as in OAuth (RFC 6749), which has no envelope.
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
  const redact = redactor(secrets)
  const exchanged = Effect.flatMap(
    Effect.catch(execute(client, request, timeout), (error) => Effect.fail(transportError(endpoint, error, redact))),
    (reply) => Clock.clockWith((clock) => readEnvelope(endpoint, reply, clock, redact, options.codeless === true))
  )
  return observed(endpoint, request, options, exchanged)
}
