/** Sends a request and reads its reply within a timeout. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { memoize } from "effect/Function"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import { DecodeError, HttpClientError, TransportError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"
import { timeoutOrElse } from "./timeout.ts"

/** The cause of a request that timed out. */
export const timeoutError = (timeout: Duration.Duration): Error =>
  new Error(`no answer within ${Duration.toMillis(timeout)} ms`)

export const maxBodyBytes = 10 * 1024 * 1024

/** The cause of a response whose body is too long. */
export const bodyOverflow = () => new Error("BODY_OVERFLOW: more than 10 MiB")

/** What a chunk takes of memory: a short one takes more than its bytes. */
export const sizeOf = ({ byteLength }: Uint8Array) => Math.max(byteLength, 100)

/** A response whose body has been read. */
export interface Reply {
  readonly status: number
  /** By name in lower case; a list for a header that came more than once. */
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly text: string
  /** Whether the client sent the request more than once. */
  readonly isResent?: boolean
}

/** Makes no span and follows no redirect. Fails with a `TransportError` caused by `timeoutError` after the timeout. */
export type Execute = (request: HttpClientRequest, timeout: Duration.Duration) => Effect.Effect<Reply, HttpClientError>

/** What is known of the request of an error: it never left, or the client sent it more than once. */
export const departures = new WeakMap<HttpClientError, "never" | "repeated">()

const timedExecutes = new WeakMap<HttpClient.HttpClient, Execute>()

/** Registers a client's own way to end a request at its timeout, which saves the second fiber that other clients need. */
export const registerTimedExecute = (client: HttpClient.HttpClient, execute: Execute): HttpClient.HttpClient => {
  timedExecutes.set(client, execute)
  return client
}

/** The settings of HTTP clients for requests to the platform. Cached: most requests of a program are sent from one context. */
const contextOf = memoize((context: Context.Context<never>) =>
  Context.add(context, FetchHttpClient.RequestInit, {
    ...Context.getOrUndefined(context, FetchHttpClient.RequestInit),
    // fetch, unlike the other transports, would follow a redirect and send the app secret to another server.
    redirect: "manual"
  })
)

/** Reads the body up to the bound. Ending the stream early closes the connection. */
const read = (request: HttpClientRequest, response: HttpClientResponse): Effect.Effect<string, HttpClientError> => {
  const { headers, stream } = response
  // Cheaper, where the length is known: it is the length before decoding.
  if (Number(headers["content-length"]) <= maxBodyBytes && !headers["content-encoding"]) return response.text
  let size = 0
  const bounded = Stream.tap(stream, (chunk) =>
    (size += sizeOf(chunk)) > maxBodyBytes
      ? Effect.fail(new HttpClientError({ reason: new DecodeError({ request, response, cause: bodyOverflow() }) }))
      : Effect.void)
  return Effect.catchReason(
    Stream.mkString(Stream.decodeText(bounded)),
    "HttpClientError",
    "EmptyBodyError",
    () => Effect.succeed("")
  )
}

/**
 * How often a client calls `TracerDisabledWhen` for a request that it sends once: more than once if it wraps another client.
 * Learned from its replies so far: at least one of them was to a request that was sent once.
 */
const depths = new WeakMap<HttpClient.HttpClient, number>()

/** Executes a request, and notices when the client sends it again: Effect's clients ask each time whether to trace. */
const executeWatched = (
  client: HttpClient.HttpClient,
  request: HttpClientRequest,
  timeout: Duration.Duration
): Effect.Effect<Reply, HttpClientError> => {
  let asked = 0
  const isResent = () => asked > (depths.get(client) ?? 1)
  const received = Effect.flatMap(
    // A client with `HttpClient.filterStatusOk` fails with the response.
    Effect.catchReason(
      client.execute(request),
      "HttpClientError",
      "StatusCodeError",
      ({ response }) => Effect.succeed(response)
    ),
    (response) =>
      Effect.map(read(request, response), (text) => {
        const { headers, status } = response
        const reply = { status, headers, text, isResent: isResent() }
        if (asked > 0) depths.set(client, Math.min(depths.get(client) ?? asked, asked))
        return reply
      })
  )
  return timeoutOrElse(
    Effect.tapError(received, (error) =>
      Effect.sync(() => {
        if (isResent()) departures.set(error, "repeated")
      })),
    {
      context: (caller) =>
        Context.add(contextOf(caller), HttpClient.TracerDisabledWhen, () => {
          asked++
          // `withTelemetry` makes the span of the request. The platform is a third party and gets no trace ids.
          return true
        }),
      duration: timeout,
      orElse: () =>
        Effect.fail(new HttpClientError({ reason: new TransportError({ request, cause: timeoutError(timeout) }) }))
    }
  )
}

export const execute = (
  client: HttpClient.HttpClient,
  request: HttpClientRequest,
  timeout: Duration.Duration
): Effect.Effect<Reply, HttpClientError> =>
  timedExecutes.get(client)?.(request, timeout) ?? Effect.suspend(() => executeWatched(client, request, timeout))
