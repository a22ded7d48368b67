/**
 * An `HttpClient` on a dispatcher of undici, with little overhead over undici itself.
 *
 * **Details**
 *
 * A response is read to its end before it is returned. Against a stub on the same machine, with 32 requests in flight, a
 * request takes about 40 % of the CPU of one through `NodeHttpClient.layerUndici`; `npm run bench:http` measures both.
 *
 * It sends no body, or bytes. A request that may change something is sent once: undici itself repeats one that a server
 * refuses over HTTP/2 as not processed (`REFUSED_STREAM`, `GOAWAY`). Spans, trace propagation and interruption work as in
 * Effect's own clients.
 *
 * **Gotchas**
 *
 * - Responses are buffered; one of more than 10 MiB fails with `DecodeError`, and its connection is closed.
 * - Bodies that are streams or forms fail with `EncodeError`, as do upgrades.
 * - A client that is derived from this one, by `HttpClient.mapRequest` for example, works, but takes more CPU.
 * - It needs the handlers of undici 8, which `@effect/platform-node` brings. undici's own timeouts are turned off, as
 *   `LarkHttp` has its own.
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
 */
import * as Bytes from "effect/Bytes"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import * as HttpClient from "effect/http/HttpClient"
import { DecodeError, EncodeError, HttpClientError, InvalidUrlError, TransportError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import {
  bodyOverflow,
  departures,
  maxBodyBytes,
  registerTimedExecute,
  type Reply,
  sizeOf,
  timeoutError
} from "./internal/execute.ts"
import { startTimer } from "./internal/timeout.ts"
import { BufferedResponse, decodeText, type RawHeaders } from "./UndiciHttpClient/BufferedResponse.ts"
import { parseTarget, type Target, targetOf } from "./UndiciHttpClient/Target.ts"

interface DispatchController {
  abort(reason: Error): void
}

/**
 * The part of a dispatcher, such as undici's `Agent`, that is used. It calls `onRequestStart` before a request leaves.
 *
 * @stability unstable
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

/** Builds the result from a complete response. */
type Build<A> = (
  request: HttpClientRequest,
  target: Target,
  status: number,
  headers: RawHeaders,
  body: Uint8Array
) => A

const toReply: Build<Reply> = (_request, _target, status, headers, body) => ({
  status,
  headers,
  text: decodeText(body)
})

const toResponse: Build<BufferedResponse> = (...response) => new BufferedResponse(...response)

/** Methods of requests that change nothing. */
const isSafe = /^(GET|HEAD|OPTIONS)$/

/** Collects the response of a request. */
class Handler<A> {
  private readonly request: HttpClientRequest
  private readonly target: Target
  private readonly build: Build<A>
  private readonly end: (result: Effect.Effect<A, HttpClientError>) => void
  private readonly chunks: Array<Uint8Array> = []
  private size = 0
  private controller: DispatchController | undefined
  private reason: Error | undefined
  private status = 0
  private headers: RawHeaders = {}

  constructor(
    request: HttpClientRequest,
    target: Target,
    build: Build<A>,
    end: (result: Effect.Effect<A, HttpClientError>) => void
  ) {
    this.request = request
    this.target = target
    this.build = build
    this.end = end
  }

  abort(reason: Error) {
    this.reason = reason
    this.controller?.abort(reason)
  }

  fail(cause: unknown) {
    const { request } = this
    const error = new HttpClientError({ reason: new TransportError({ request, cause }) })
    // A refused connection after a start is that of a repetition, by a `RetryAgent`.
    if (this.controller !== undefined) departures.set(error, "repeated")
    // One that was aborted may still start.
    else if (this.reason === undefined) departures.set(error, "never")
    this.end(Effect.fail(error))
  }

  onRequestStart(controller: DispatchController) {
    // Over HTTP/2 undici repeats, with any method, what the server says it has not processed.
    if (this.controller !== undefined && !isSafe.test(this.request.method)) {
      this.reason ??= new Error("the connection was lost, and the request is not sent again")
    }
    this.controller = controller
    if (this.reason !== undefined) controller.abort(this.reason)
  }

  onResponseStart(_: DispatchController, status: number, headers: RawHeaders) {
    // Informational responses (1xx) come first and are overwritten.
    this.status = status
    this.headers = headers
  }

  onResponseData(controller: DispatchController, chunk: Uint8Array) {
    this.chunks.push(chunk)
    this.size += sizeOf(chunk)
    if (this.size <= maxBodyBytes) return
    const cause = bodyOverflow()
    const { headers, request, status, target } = this
    const response = toResponse(request, target, status, headers, new Uint8Array())
    this.end(Effect.fail(new HttpClientError({ reason: new DecodeError({ request, response, cause }) })))
    controller.abort(cause)
  }

  onResponseEnd() {
    const { chunks: [first, ...others], headers, request, status, target } = this
    const body = first !== undefined && others.length === 0 ? first : Bytes.concat(this.chunks)
    this.end(Effect.succeed(this.build(request, target, status, headers, body)))
  }

  onResponseError(_: DispatchController, error: Error) {
    this.fail(error)
  }
}

const send = <A>(
  dispatcher: Dispatcher,
  request: HttpClientRequest,
  parsed: Result.Result<Target, unknown>,
  build: Build<A>,
  timeout?: { readonly clock: Clock.Clock; readonly duration: Duration.Duration }
): Effect.Effect<A, HttpClientError> => {
  if (Result.isFailure(parsed)) {
    return Effect.fail(new HttpClientError({ reason: new InvalidUrlError({ request, cause: parsed.failure }) }))
  }
  const target = parsed.success
  const { body } = request
  const sent = body._tag === "Empty" ? null : body._tag === "Uint8Array" ? body.text ?? body.body : undefined
  if (sent === undefined || "upgrade" in request.headers) {
    const description =
      "UndiciHttpClient sends bytes only: use NodeHttpClient.layerUndici for streams, forms and upgrades"
    return Effect.fail(new HttpClientError({ reason: new EncodeError({ request, description }) }))
  }
  return Effect.callback<A, HttpClientError>((resume) => {
    let stopTimer = constVoid
    const handler = new Handler(request, target, build, (result) => {
      stopTimer()
      resume(result)
    })
    if (timeout !== undefined) {
      stopTimer = startTimer(timeout.clock, timeout.duration, () => {
        const late = timeoutError(timeout.duration)
        try {
          handler.abort(late)
        } finally {
          // undici does not notify requests that still wait for a connection.
          handler.fail(late)
        }
      })
    }
    try {
      dispatcher.dispatch({
        origin: target.origin,
        path: target.path,
        method: request.method,
        headers: request.headers,
        body: sent,
        headersTimeout: 0,
        bodyTimeout: 0
      }, handler)
    } catch (cause) {
      handler.fail(cause)
    }
    return Effect.sync(() => {
      stopTimer()
      handler.abort(new Error("the request was interrupted"))
    })
  })
}

/**
 * A client on a dispatcher, which the caller owns and closes. The reason of an `HttpClientError` is `TransportError` if
 * there was no response, with undici's error as its cause, or `EncodeError` or `InvalidUrlError` if nothing was sent.
 *
 * @stability unstable
 * @category constructors
 */
export const make = (dispatcher: Dispatcher): HttpClient.HttpClient => {
  const traced = HttpClient.make((request, url) => send(dispatcher, request, Result.succeed(targetOf(url)), toResponse))
  // Without tracing, Effect's wrapper would only track responses whose body is still unread.
  const client = HttpClient.makeWith(
    (preprocessed: Effect.Effect<HttpClientRequest, HttpClientError>) =>
      Effect.flatMap(
        preprocessed,
        (request) =>
          Effect.withFiber((fiber) =>
            fiber.getRef(HttpClient.TracerDisabledWhen)(request)
              ? send(dispatcher, request, parseTarget(request), toResponse)
              : traced.execute(request)
          )
      ),
    Effect.succeed
  )
  return registerTimedExecute(
    client,
    (request, duration) =>
      Clock.clockWith((clock) => send(dispatcher, request, parseTarget(request), toReply, { clock, duration }))
  )
}

/**
 * A client on a dispatcher that is acquired with the layer and released with it.
 *
 * @stability unstable
 * @category layers
 */
export const layer = <E, R>(
  dispatcher: Effect.Effect<Dispatcher, E, R>
): Layer.Layer<HttpClient.HttpClient, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(HttpClient.HttpClient, Effect.map(dispatcher, make))
