/**
 * Sends a request and reads its reply within a timeout.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constTrue } from "effect/Function"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import { timeoutOrElse } from "./timeout.ts"

/** The cause of a request that timed out. */
export const timeoutError = (timeout: Duration.Duration): Error =>
  new Error(`no answer within ${Duration.toMillis(timeout)} ms`)

/** A response whose body has been read. */
export interface Reply {
  readonly status: number
  /** By name in lower case; a list for a header that came more than once. */
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly text: string
}

/** Makes no span and follows no redirect. Fails with a `TransportError` caused by `timeoutError` after the timeout. */
export type Execute = (request: HttpClientRequest, timeout: Duration.Duration) => Effect.Effect<Reply, HttpClientError>

const timedExecutes = new WeakMap<HttpClient.HttpClient, Execute>()

/**
 * Registers a client's own way to end a request at its timeout, which saves the second fiber that other clients need. A
 * client derived from it (by `HttpClient.mapRequest`, for example) is not registered.
 */
export const registerTimedExecute = (client: HttpClient.HttpClient, execute: Execute): HttpClient.HttpClient => {
  timedExecutes.set(client, execute)
  return client
}

/** The settings of HTTP clients for requests to the platform. */
const settings = (context: Context.Context<never>) =>
  context.pipe(
    // `observed` makes the span of the request. The platform is a third party and gets no trace ids.
    Context.add(HttpClient.TracerDisabledWhen, constTrue),
    // fetch, unlike the other transports, would follow a redirect and send the app secret to another server.
    Context.add(FetchHttpClient.RequestInit, {
      ...Context.getOrUndefined(context, FetchHttpClient.RequestInit),
      redirect: "manual"
    })
  )

const contexts = new WeakMap<Context.Context<never>, Context.Context<never>>()

/** Cached: most requests of a program are sent from one context. */
const contextOf = (context: Context.Context<never>) => {
  const known = contexts.get(context)
  if (known !== undefined) return known
  const made = settings(context)
  contexts.set(context, made)
  return made
}

/** @internal */
export const execute = (
  client: HttpClient.HttpClient,
  request: HttpClientRequest,
  timeout: Duration.Duration
): Effect.Effect<Reply, HttpClientError> =>
  timedExecutes.get(client)?.(request, timeout) ?? timeoutOrElse(
    Effect.flatMap(
      client.execute(request),
      ({ headers, status, text }) => Effect.map(text, (text) => ({ status, headers, text }))
    ),
    {
      context: contextOf,
      duration: timeout,
      orElse: () =>
        Effect.fail(new HttpClientError({ reason: new TransportError({ request, cause: timeoutError(timeout) }) }))
    }
  )
