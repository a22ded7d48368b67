/**
 * An `HttpClient` on a dispatcher of undici that costs little more than undici itself.
 *
 * **Details**
 *
 * A reply is read to its end before it is handed over: no stream, no abort signal and no promise is made for it. Against
 * a stub on the same machine a call through this client takes about 60 % of the CPU of one through
 * `NodeHttpClient.layerUndici`; `npm run bench:http` measures both.
 *
 * It sends what the platform takes: no body, or one of bytes. Spans, the propagation of traces and interruption are as
 * with any client of Effect's.
 *
 * **Gotchas**
 *
 * Not for downloads: the whole reply is held in memory, and not waited for by anybody's demand. Bodies that are streams or
 * forms are refused with an `EncodeError`, as are upgrades. Made for the handlers of undici 8, which
 * `@effect/platform-node` brings; undici's own timeouts are off, since `LarkHttp` has its own.
 *
 * **Example** (On an agent of `@effect/platform-node`)
 *
 * ```ts
 * import { NodeHttpClient } from "@effect/platform-node"
 * import { Effect } from "effect"
 * import { UndiciHttpClient } from "effect-lark-meetings"
 * import { HttpClient } from "effect/http"
 *
 * const program = Effect.flip(HttpClient.get("http://127.0.0.1:1"))
 * const error = await Effect.runPromise(
 *   Effect.provide(program, UndiciHttpClient.layer(NodeHttpClient.makeDispatcher))
 * )
 * console.log(error.reason._tag) // => TransportError
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import { EncodeError, HttpClientError, InvalidUrlError, TransportError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Url from "effect/http/Url"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { BufferedResponse, type RawHeaders } from "./UndiciHttpClient/BufferedResponse.ts"

/** Of undici's type of that name, what is used here. */
interface DispatchController {
  abort(reason: Error): void
}

/**
 * What is needed of a dispatcher, such as undici's `Agent`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Dispatcher {
  dispatch(
    options: {
      readonly origin: string
      readonly path: string
      readonly method: HttpClientRequest["method"]
      readonly headers: Record<string, string>
      readonly body: string | Uint8Array | null
      readonly headersTimeout: number
      readonly bodyTimeout: number
    },
    handler: {
      onRequestStart(controller: DispatchController): void
      onResponseStart(controller: DispatchController, status: number, headers: RawHeaders): void
      onResponseData(controller: DispatchController, chunk: Uint8Array): void
      onResponseEnd(): void
      onResponseError(controller: DispatchController, error: Error): void
    }
  ): boolean
}

type Answer = Effect.Effect<HttpClientResponse, HttpClientError>

const joined = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [first, ...others] = chunks
  if (first !== undefined && others.length === 0) return first
  const all = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    all.set(chunk, offset)
    offset += chunk.length
  }
  return all
}

const send = (dispatcher: Dispatcher, request: HttpClientRequest, url: URL): Answer => {
  const { body } = request
  const sent = body._tag === "Empty" ? null : body._tag === "Uint8Array" ? body.text ?? body.body : undefined
  if (sent === undefined || "upgrade" in request.headers) {
    const description =
      "UndiciHttpClient sends bytes only: use NodeHttpClient.layerUndici for streams, forms and upgrades"
    return Effect.fail(new HttpClientError({ reason: new EncodeError({ request, description }) }))
  }
  return Effect.callback<HttpClientResponse, HttpClientError>((resume) => {
    let controller: DispatchController | undefined
    let interruption: Error | undefined
    let status = 0
    let headers: RawHeaders = {}
    const chunks: Array<Uint8Array> = []
    const fail = (cause: unknown) =>
      resume(Effect.fail(new HttpClientError({ reason: new TransportError({ request, cause }) })))
    try {
      dispatcher.dispatch({
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers: request.headers,
        body: sent,
        headersTimeout: 0,
        bodyTimeout: 0
      }, {
        onRequestStart: (started) => {
          controller = started
          if (interruption !== undefined) started.abort(interruption)
        },
        onResponseStart: (_, code, fields) => {
          // Of those that come before the response (1xx), the last is overwritten by it.
          status = code
          headers = fields
        },
        onResponseData: (_, chunk) => {
          chunks.push(chunk)
        },
        onResponseEnd: () =>
          resume(Effect.succeed(new BufferedResponse(request, url, status, headers, joined(chunks)))),
        onResponseError: (_, error) => fail(error)
      })
    } catch (cause) {
      fail(cause)
    }
    return Effect.sync(() => {
      interruption = new Error("the request was interrupted")
      controller?.abort(interruption)
    })
  })
}

/**
 * A client on that dispatcher, which stays its owner's: it is not closed with the client.
 *
 * **Details**
 *
 * Fails with an `HttpClientError`: `TransportError` if there was no answer, with undici's error as its cause;
 * `EncodeError` and `InvalidUrlError` if nothing was sent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (dispatcher: Dispatcher): HttpClient.HttpClient => {
  const traced = HttpClient.make((request, url) => send(dispatcher, request, url))
  const untraced = (request: HttpClientRequest): Answer => {
    const url = Url.make(request.url, request.urlParams, Option.getOrUndefined(request.hash))
    return Result.isSuccess(url)
      ? send(dispatcher, request, url.success)
      : Effect.fail(new HttpClientError({ reason: new InvalidUrlError({ request, cause: url.failure }) }))
  }
  // What Effect's own wrapper adds where nothing is traced is the tracking of responses whose body is still to be read.
  return HttpClient.makeWith(
    (preprocessed: Effect.Effect<HttpClientRequest, HttpClientError>) =>
      Effect.flatMap(
        preprocessed,
        (request) =>
          Effect.withFiber((fiber) =>
            fiber.getRef(HttpClient.TracerDisabledWhen)(request) ? untraced(request) : traced.execute(request)
          )
      ),
    Effect.succeed
  )
}

/**
 * A client on a dispatcher that lives as long as the layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <E, R>(
  dispatcher: Effect.Effect<Dispatcher, E, R>
): Layer.Layer<HttpClient.HttpClient, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(HttpClient.HttpClient, Effect.map(dispatcher, make))
