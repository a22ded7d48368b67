/**
 * Spans, metrics and log lines of requests. The span of a request starts here: that of Effect's client would end before
 * the body is read, without the code of the response.
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
import * as Tracer from "effect/Tracer"
import { isTokenRejected, type MalformedResponse, type TransportError } from "../LarkError.ts"
import { defined, type Envelope } from "./envelope.ts"

type TokenKind = "tenant" | "app" | "user"

/** Whether the application has a tracer. */
export const isTraced = (context: Context.Context<never>): boolean =>
  Context.get(context, Tracer.Tracer) !== Tracer.nativeTracer

/** `Effect.withSpan`, if the application has a tracer. */
export const withSpan = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  name: string,
  attributes: () => Readonly<Record<string, unknown>>
): Effect.Effect<A, E, R> =>
  Effect.contextWith((context: Context.Context<never>) =>
    isTraced(context) ? Effect.withSpan(self, name, { attributes: attributes() }) : self
  )

/** Attributes of a request that the request itself does not have. */
export interface Sent {
  /** The path below `/open-apis`, with `:name` for parameters; needed if it has any. */
  readonly path?: string | undefined
  /** The kind of its token, if it has one. */
  readonly token?: TokenKind | undefined
  /** How many times it was sent before. */
  readonly resends?: number | undefined
}

type Send = Effect.Effect<Envelope, TransportError | MalformedResponse>

type SendExit = Exit.Exit<Envelope, TransportError | MalformedResponse>

/** Caps label cardinality; further values are counted as `other`, so that a hostile server cannot exhaust memory. */
const maxLabelValues = 1_000

/** One metric for each value of a label, cached because creating a metric is expensive. */
const labelled = <M>(make: (value: string) => M): (value: number | string) => M => {
  const metrics = new Map<number | string, M>()
  const of = (value: number | string): M => {
    const cached = metrics.get(value)
    if (cached !== undefined) return cached
    if (metrics.size >= maxLabelValues && value !== "other") return of("other")
    const metric = make(String(value))
    metrics.set(value, metric)
    return metric
  }
  return of
}

export const counter = (name: string, description: string, attributes: Metric.Metric.AttributeSet) =>
  Metric.counter(name, { description, attributes, incremental: true })

const requests = labelled((endpoint) => ({
  by: labelled((code) => counter("lark_requests_total", "Requests by code.", { endpoint, code })),
  duration: Metric.histogram("lark_request_duration", {
    description: "Milliseconds to the end of the response.",
    attributes: { endpoint, time_unit: "milliseconds" },
    // OpenTelemetry's boundaries for HTTP durations, up to the timeout of a request.
    boundaries: [5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000]
  })
}))

const mints = labelled((kind) =>
  labelled((outcome) => counter("lark_token_mints_total", "Token requests by outcome.", { kind, outcome }))
)

const rejections = labelled((kind) => counter("lark_tokens_rejected_total", "Rejected tokens by kind.", { kind }))

const events = labelled((type) =>
  labelled((outcome) => counter("lark_events_total", "Deliveries of events by outcome.", { type, outcome }))
)

/** Counts a delivery of an event. */
export const delivered = (type: string, isTaken: boolean): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    events(type)(isTaken ? "taken" : "refused").updateUnsafe(1, fiber.context)
    return Effect.void
  })

/** How an effect failed: its error, or the word for another end. */
const failureOf = <E>(cause: Cause.Cause<E>): E | "interrupted" | "defect" =>
  Option.getOrElse(
    Cause.findErrorOption(cause),
    () => Cause.hasInterruptsOnly(cause) ? "interrupted" as const : "defect" as const
  )

export const minted = (
  kind: TokenKind,
  exit: Exit.Exit<unknown, { readonly _tag: string }>
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const failure = Exit.isSuccess(exit) ? "minted" : failureOf(exit.cause)
    mints(kind)(typeof failure === "string" ? failure : failure._tag).updateUnsafe(1, fiber.context)
    return Effect.void
  })

interface End extends Partial<Pick<Envelope, "status" | "logId" | "retryAfter">> {
  /** The code of the platform, or what came in its place. */
  readonly code: number | string
  readonly error?: TransportError | MalformedResponse
}

const endOf = (exit: SendExit): End => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = failureOf(exit.cause)
  if (typeof error === "string") return { code: error }
  if (error._tag === "TransportError") return { code: "transport", error }
  const { logId, retryAfter, status } = error
  return { code: "malformed", error, logId, retryAfter, status }
}

/** Logs the end of a request, if the minimum level allows. */
const line = (endpoint: string, end: End, took: number, minimum: LogLevel.LogLevel): Effect.Effect<void> => {
  const { code, error, logId, retryAfter, status } = end
  const isLimited = code === 99991400 || status === 429
  const level = isLimited ? "Warn" : "Debug"
  if (LogLevel.isGreaterThan(minimum, level)) return Effect.void
  const annotations = {
    "lark.endpoint": endpoint,
    "lark.code": code,
    "lark.took_ms": took,
    "lark.log_id": logId,
    "lark.retry_after_ms": retryAfter && Duration.toMillis(retryAfter),
    "lark.reason": error?.reason,
    "http.response.status_code": status
  }
  return Effect.annotateLogs(
    Effect.logWithLevel(level)(isLimited ? "Lark limits the rate of requests" : "Lark request"),
    defined(annotations)
  )
}

const describe = (span: Tracer.Span, attributes: Readonly<Record<string, unknown>>): void => {
  for (const [name, value] of Object.entries(defined(attributes))) span.attribute(name, value)
}

/** Ends a span without the body of the answer, which may hold a token. An error code makes it fail. */
const endSpan = (
  span: Tracer.Span,
  { code, error, logId, status = 0 }: End,
  exit: SendExit,
  fiber: Fiber.Fiber<unknown, unknown>
): void => {
  describe(span, {
    "http.response.status_code": status || undefined,
    "lark.log_id": logId,
    "lark.code": typeof code === "number" ? code : undefined,
    "error.type": code === 0 ? undefined : String(status >= 400 ? status : error?._tag ?? code)
  })
  const isTimed = fiber.getRef(References.TracerTimingEnabled)
  span.end(
    isTimed ? fiber.getRef(Clock.Clock).currentTimeNanosUnsafe() : 0n,
    Exit.isFailure(exit) || code === 0 ? Exit.asVoid(exit) : Exit.fail(`code ${code}`)
  )
}

const measured = (
  fiber: Fiber.Fiber<unknown, unknown>,
  endpoint: string,
  token: TokenKind | undefined,
  send: Send,
  span: Tracer.Span | undefined
): Send => {
  const clock = fiber.getRef(Clock.Clock)
  const sentAt = clock.monotonicTimeNanosUnsafe()
  return Effect.onExit(send, (exit) => {
    const { cache, context } = fiber
    const took = Number(clock.monotonicTimeNanosUnsafe() - sentAt) / 1_000_000
    const end = endOf(exit)
    const { code } = end
    const { by, duration } = requests(endpoint)
    by(code).updateUnsafe(1, context)
    duration.updateUnsafe(took, context)
    if (token !== undefined && typeof code === "number" && code !== 0 && isTokenRejected(code)) {
      rejections(token).updateUnsafe(1, context)
    }
    const logged = line(endpoint, end, took, cache.minimumLogLevel)
    return span === undefined ? logged : Effect.andThen(logged, Effect.sync(() => endSpan(span, end, exit, fiber)))
  })
}

/** Query parameters to redact. The platform takes secrets in headers and bodies, but custom endpoints may not. */
const secretNames = /token|secret|ticket|password|code|sign/i

/** Respects the application's `HttpClient.TracerDisabledWhen` and `SpanNameGenerator`, as Effect's clients do. */
export const withTelemetry = (
  endpoint: string,
  request: HttpClientRequest.HttpClientRequest,
  { path, resends, token }: Sent,
  send: Send
): Send =>
  Effect.withFiber((fiber) => {
    const url = isTraced(fiber.context) && !fiber.getRef(HttpClient.TracerDisabledWhen)(request)
      ? Result.getOrUndefined(Url.make(request.url, request.urlParams, undefined))
      : undefined
    if (url === undefined) return measured(fiber, endpoint, token, send, undefined)
    const template = path === undefined ? url.pathname : `/open-apis${path}`
    const named = Context.getOrUndefined(fiber.context, HttpClient.SpanNameGenerator)
    const name = named === undefined ? `${request.method} ${template}` : named(request)
    return Effect.useSpan(name, { kind: "client" }, (span) => {
      const redacted = [...fiber.getRef(UrlParams.CurrentRedactedNames), secretNames]
      describe(span, {
        "http.request.method": request.method,
        "http.request.resend_count": resends || undefined,
        "url.full": UrlParams.redactUrl(url.href, redacted),
        "url.template": template,
        "server.address": url.hostname.replaceAll(/^\[|\]$/g, ""),
        "server.port": Number(url.port) || (url.protocol === "http:" ? 80 : 443),
        "lark.endpoint": endpoint
      })
      return Effect.withParentSpan(measured(fiber, endpoint, token, send, span), span, { captureStackTrace: false })
    })
  })
