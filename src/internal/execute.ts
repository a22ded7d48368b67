/**
 * Sends a request and reads its answer, all within a time.
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

/** Why a request whose time is over has failed. */
export const lateness = (timeout: Duration.Duration): Error =>
  new Error(`no answer within ${Duration.toMillis(timeout)} ms`)

/** An answer that has been read. */
export interface Reply {
  readonly status: number
  /** By names in lower case; a list if one came more than once. */
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly text: string
}

/** Without a span or redirection. Fails with a `TransportError` for `lateness` after the timeout. */
export type Execute = (request: HttpClientRequest, timeout: Duration.Duration) => Effect.Effect<Reply, HttpClientError>

const timed = new WeakMap<HttpClient.HttpClient, Execute>()

/**
 * A client that can end a request whose time is over by itself: for any other, that takes a second fiber. What is made of
 * it (`HttpClient.mapRequest`, say) is another client, and one of those others.
 */
export const keepsTime = (client: HttpClient.HttpClient, execute: Execute): HttpClient.HttpClient => {
  timed.set(client, execute)
  return client
}

/** What any client is told of a request to the platform. */
const settings = (context: Context.Context<never>) =>
  context.pipe(
    // It has its span already, and the platform is a third party: it is not told the trace ids of its callers.
    Context.add(HttpClient.TracerDisabledWhen, constTrue),
    // Of the transports, fetch alone would follow a redirection, and take the app secret with it to another server.
    Context.add(FetchHttpClient.RequestInit, {
      ...Context.getOrUndefined(context, FetchHttpClient.RequestInit),
      redirect: "manual"
    })
  )

const contexts = new WeakMap<Context.Context<never>, Context.Context<never>>()

/** Most requests of a program are sent in one context. */
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
  timed.get(client)?.(request, timeout) ?? timeoutOrElse(
    Effect.flatMap(
      client.execute(request),
      ({ headers, status, text }) => Effect.map(text, (text) => ({ status, headers, text }))
    ),
    {
      context: contextOf,
      duration: timeout,
      orElse: () =>
        Effect.fail(new HttpClientError({ reason: new TransportError({ request, cause: lateness(timeout) }) }))
    }
  )
