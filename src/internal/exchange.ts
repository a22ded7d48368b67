/** One request and the envelope of its answer, for calls of endpoints and of token endpoints. */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import { MalformedResponse, TransportError } from "../LarkError.ts"
import { type Envelope, readEnvelope } from "./envelope.ts"
import { departures, execute } from "./execute.ts"
import { makeRedactor, type Redactor } from "./secrets.ts"
import { type Sent, withTelemetry } from "./telemetry.ts"

/** System calls before a connection, and codes of a connection that failed or whose certificate was refused. */
const neverConnected =
  /^(connect|getaddrinfo|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_CERT_ALTNAME_INVALID|UNABLE_TO_\w+|CERT_\w+|(DEPTH_ZERO_)?SELF_SIGNED_CERT\w*)$/

const textOf = (value: unknown) => Predicate.isString(value) ? value.trim() : ""

/** Collects the codes and messages of an error and its causes. Returns whether all of them are of connections never made. */
const isUnsent = (error: unknown, texts: Set<string>, depth = 0): boolean => {
  if (!Predicate.isObjectKeyword(error)) return false
  const given: Partial<Record<"cause" | "code" | "errors" | "message" | "syscall", unknown>> = error
  const { cause, errors = [] } = given
  const [code, message] = [textOf(given.code), textOf(given.message)]
  texts.add(code).add(message)
  const causes = [cause, errors].flat().filter(Predicate.isObjectKeyword)
  if (causes.length > 0 && depth < 5) return causes.map((cause) => isUnsent(cause, texts, depth + 1)).every(Boolean)
  // Node's messages begin with the system call that failed.
  return [code, textOf(given.syscall) || message.replace(/ .*/s, "")].some((text) => neverConnected.test(text))
}

const failureOf = (
  endpoint: string,
  error: HttpClientError,
  redact: Redactor
): TransportError | MalformedResponse => {
  const { reason: given } = error
  const texts = new Set<string>()
  const isNamed = "cause" in given && isUnsent(given.cause, texts)
  if ("description" in given) texts.add(textOf(given.description))
  const reason = redact.text([...texts].filter(Boolean).join(", ") || given._tag)
  if (/_OVERFLOW\b/.test(reason)) {
    return new MalformedResponse({ endpoint, status: "response" in given ? given.response.status : 0, reason })
  }
  const departure = departures.get(error)
  const isNever = isNamed || given._tag === "EncodeError" || given._tag === "InvalidUrlError" || departure === "never"
  return new TransportError({ endpoint, executed: isNever && departure !== "repeated" ? "no" : "unknown", reason })
}

/** A refusal of a call that the client sent more than once: another of these requests may have been executed. */
const afterOthers = ({ code, endpoint, msg }: Envelope, redact: Redactor) =>
  new TransportError({
    endpoint,
    executed: "unknown",
    reason: `the HTTP client sent the request more than once, and the last answer is [${code}] ${redact.text(msg)}`
  })

/**
 * Sends a request and reads the envelope of its answer within `timeout`. Codes other than 0 are left to the caller. Errors
 * are free of the secrets of the request, and keep neither the request nor the body.
 */
export const exchange = (
  client: HttpClient.HttpClient,
  endpoint: string,
  request: HttpClientRequest.HttpClientRequest,
  secrets: ReadonlyArray<Redacted.Redacted>,
  timeout: Duration.Duration,
  options: Sent & { readonly codeless?: boolean | undefined } = {}
): Effect.Effect<Envelope, TransportError | MalformedResponse> => {
  const redact = makeRedactor(secrets)
  const exchanged = Effect.flatMap(
    Effect.mapError(execute(client, request, timeout), (error) => failureOf(endpoint, error, redact)),
    (reply) => {
      const envelope = Clock.clockWith((clock) =>
        readEnvelope(endpoint, reply, clock, redact, options.codeless === true)
      )
      // Reads, and requests for a token, which have no path, execute nothing.
      return reply.isResent === true && request.method !== "GET" && options.path !== undefined
        ? Effect.filterOrFail(envelope, ({ code }) => code === 0, (refused) => afterOthers(refused, redact))
        : envelope
    }
  )
  return withTelemetry(endpoint, request, options, exchanged)
}
