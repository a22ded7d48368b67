/**
 * One request on the wire and the envelope of its answer: what all calls share, with a token or without.
 *
 * **Details**
 *
 * A body that is not an envelope is a `MalformedResponse`, no reply is a `TransportError`. The caller classifies codes
 * other than 0. No error keeps the request or the body.
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
import { concealer } from "./secrets.ts"
import { observed, type Sent } from "./telemetry.ts"

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
    (reply) => Clock.clockWith((clock) => readEnvelope(endpoint, reply, clock, conceal, options.codeless === true))
  )
  return observed(endpoint, request, options, exchanged)
}
