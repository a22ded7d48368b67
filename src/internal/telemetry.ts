/**
 * What an operator sees of the requests: a span for each, metrics, and log lines.
 *
 * **Details**
 *
 * A request has one span, made here: that of Effect's client would end before the body is read, and so know neither the
 * code of an answer nor whether it is one. Where nobody listens, nothing is made for a span or a line.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Url from "effect/http/Url"
import * as UrlParams from "effect/http/UrlParams"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Result from "effect/Result"
import type * as Tracer from "effect/Tracer"
import { isTokenRejected, type MalformedResponse, type TransportError } from "../LarkError.ts"
import type { Envelope } from "./envelope.ts"
import { isTraced } from "./tracing.ts"

type TokenKind = "tenant" | "app" | "user"

/** What an operator is told of a request beside the request. */
export interface Sent {
  /** Below `/open-apis`, with `:name` for parameters. Without it, the path of the request has none. */
  readonly path?: string | undefined
  /** Whose token it carries, if any. */
  readonly token?: TokenKind | undefined
  /** How often it was sent before. */
  readonly resends?: number | undefined
}

type Exchange = Effect.Effect<Envelope, TransportError | MalformedResponse>

type Answer = Exit.Exit<Envelope, TransportError | MalformedResponse>

/** More values of a label are no platform's doing: they share one metric, so that no server can fill the memory. */
const mostValues = 1_000

/** A metric for each value of a label, made once: it is the making that costs. */
const labelled = <M>(make: (value: string) => M): (value: number | string) => M => {
  const made = new Map<number | string, M>()
  const of = (value: number | string): M => {
    const known = made.get(value)
    if (known !== undefined) return known
    if (made.size >= mostValues && value !== "other") return of("other")
    const metric = make(String(value))
    made.set(value, metric)
    return metric
  }
  return of
}

const counter = (name: string, description: string, attributes: Metric.Metric.AttributeSet) =>
  Metric.counter(name, { description, attributes, incremental: true })

const requests = labelled((endpoint) => ({
  by: labelled((code) =>
    counter("lark_requests_total", "Requests by endpoint and code: the platform's, or transport, malformed, …", {
      endpoint,
      code
    })
  ),
  duration: Metric.histogram("lark_request_duration", {
    description: "Milliseconds from a request to the end of its answer, by endpoint.",
    attributes: { endpoint, time_unit: "milliseconds" },
    // Those that OpenTelemetry gives to HTTP durations, up to the ten seconds after which a request ends.
    boundaries: [5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000]
  })
}))

const mints = labelled((kind) =>
  labelled((outcome) =>
    counter("lark_token_mints_total", "Tokens asked for, by kind and outcome: minted, or the tag of the error.", {
      kind,
      outcome
    })
  )
)

const rejections = labelled((kind) =>
  counter("lark_tokens_rejected_total", "Requests whose token was rejected, by its kind.", { kind })
)

const errorOf = <E>(exit: Exit.Exit<unknown, E>): E | undefined =>
  Exit.isSuccess(exit) ? undefined : Option.getOrUndefined(Cause.findErrorOption(exit.cause))

const endOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "defect"

/** Counts an attempt to get a token. */
export const minted = (
  kind: TokenKind,
  exit: Exit.Exit<unknown, { readonly _tag: string }>
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const outcome = Exit.isSuccess(exit) ? "minted" : errorOf(exit)?._tag ?? endOf(exit)
    mints(kind)(outcome).updateUnsafe(1, fiber.context)
    return Effect.void
  })

/** Tells of a renewal that failed while the token in use still serves. */
export const renewalFailed = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logWarning("Lark token not renewed; the one in use still serves", cause)

/** Tells of a circuit breaker that keeps requests back from now on. */
export const circuitOpened = (endpoint: string, retryAfter: Duration.Duration): Effect.Effect<void> =>
  Effect.annotateLogs(Effect.logWarning("Lark circuit opened; requests are kept back"), {
    "lark.endpoint": endpoint,
    "lark.retry_after_ms": Duration.toMillis(retryAfter)
  })

const codeOf = (answer: Answer): number | string => {
  if (Exit.isSuccess(answer)) return answer.value.code
  const error = errorOf(answer)
  return error === undefined ? endOf(answer) : error._tag === "TransportError" ? "transport" : "malformed"
}

const headOf = (answer: Answer): Partial<Pick<Envelope, "status" | "logId" | "retryAfter">> => {
  if (Exit.isSuccess(answer)) return answer.value
  const error = errorOf(answer)
  return error?._tag === "MalformedResponse" ? error : {}
}

const rateLimited = 99991400

/** The line about an answer, unless it is below the level from which lines are wanted. */
const line = (endpoint: string, answer: Answer, took: number, minimum: LogLevel.LogLevel): Effect.Effect<void> => {
  const code = codeOf(answer)
  const { logId, retryAfter, status } = headOf(answer)
  const isLimited = code === rateLimited || status === 429
  const level = isLimited ? "Warn" : "Debug"
  if (LogLevel.isGreaterThan(minimum, level)) return Effect.void
  const reason = errorOf(answer)?.reason
  return Effect.annotateLogs(
    Effect.logWithLevel(level)(isLimited ? "Lark limits the rate of requests" : "Lark request"),
    {
      "lark.endpoint": endpoint,
      "lark.code": code,
      "lark.took_ms": took,
      ...(logId === undefined ? {} : { "lark.log_id": logId }),
      ...(retryAfter === undefined ? {} : { "lark.retry_after_ms": Duration.toMillis(retryAfter) }),
      ...(reason === undefined ? {} : { "lark.reason": reason }),
      ...(status === undefined ? {} : { "http.response.status_code": status })
    }
  )
}

const describe = (span: Tracer.Span, answer: Answer, fiber: Fiber.Fiber<unknown, unknown>): void => {
  const code = codeOf(answer)
  const { logId, status } = headOf(answer)
  if (status !== undefined) span.attribute("http.response.status_code", status)
  if (logId !== undefined) span.attribute("lark.log_id", logId)
  if (typeof code === "number") span.attribute("lark.code", code)
  if (code === 0) return
  const type = status !== undefined && status >= 400 ? status : errorOf(answer)?._tag ?? code
  span.attribute("error.type", String(type))
  if (Exit.isFailure(answer)) return
  // An answer all the same, which the span would take for a success.
  const isTimed = fiber.getRef(References.TracerTimingEnabled)
  span.end(isTimed ? fiber.getRef(Clock.Clock).currentTimeNanosUnsafe() : 0n, Exit.fail(`code ${code}`))
}

const measured = (
  fiber: Fiber.Fiber<unknown, unknown>,
  endpoint: string,
  token: TokenKind | undefined,
  exchange: Exchange,
  span: Tracer.Span | undefined
): Exchange => {
  const clock = fiber.getRef(Clock.Clock)
  const sentAt = clock.monotonicTimeNanosUnsafe()
  return Effect.onExit(exchange, (answer) => {
    const { cache, context } = fiber
    const took = Number(clock.monotonicTimeNanosUnsafe() - sentAt) / 1_000_000
    const code = codeOf(answer)
    const { by, duration } = requests(endpoint)
    by(code).updateUnsafe(1, context)
    duration.updateUnsafe(took, context)
    if (token !== undefined && typeof code === "number" && code !== 0 && isTokenRejected(code)) {
      rejections(token).updateUnsafe(1, context)
    }
    const logged = line(endpoint, answer, took, cache.minimumLogLevel)
    return span === undefined ? logged : Effect.andThen(logged, Effect.sync(() => describe(span, answer, fiber)))
  })
}

/** What no query may show. The platform takes secrets in headers and bodies, but an endpoint of one's own may not. */
const secretNames = /token|secret|ticket|password|code|sign/i

/**
 * Sends a request, and tells those who listen: metrics always, a tracer if one was provided, loggers by their level.
 *
 * **Details**
 *
 * The application's `HttpClient.TracerDisabledWhen` and `SpanNameGenerator` count, as with any client.
 *
 * @internal
 */
export const observed = (
  endpoint: string,
  request: HttpClientRequest.HttpClientRequest,
  { path, resends, token }: Sent,
  exchange: Exchange
): Exchange =>
  Effect.withFiber((fiber) => {
    const url = isTraced(fiber.context) && !fiber.getRef(HttpClient.TracerDisabledWhen)(request)
      ? Result.getOrUndefined(Url.make(request.url, request.urlParams, undefined))
      : undefined
    if (url === undefined) return measured(fiber, endpoint, token, exchange, undefined)
    const template = path === undefined ? url.pathname : `/open-apis${path}`
    const named = Context.getOrUndefined(fiber.context, HttpClient.SpanNameGenerator)
    const name = named === undefined ? `${request.method} ${template}` : named(request)
    return Effect.useSpan(name, { kind: "client" }, (span) => {
      const redacted = [...fiber.getRef(UrlParams.CurrentRedactedNames), secretNames]
      span.attribute("http.request.method", request.method)
      if (resends) span.attribute("http.request.resend_count", resends)
      span.attribute("url.full", UrlParams.redactUrl(url.href, redacted))
      span.attribute("url.template", template)
      span.attribute("server.address", url.hostname.replaceAll(/^\[|\]$/g, ""))
      span.attribute("server.port", Number(url.port) || (url.protocol === "http:" ? 80 : 443))
      span.attribute("lark.endpoint", endpoint)
      return Effect.withParentSpan(measured(fiber, endpoint, token, exchange, span), span, { captureStackTrace: false })
    })
  })
