/**
 * An `HttpClient` on a dispatcher of undici that costs little more than undici itself.
 *
 * **Details**
 *
 * A reply is read to its end before it is handed over: no stream, no abort signal and no promise is made for it. Calls of
 * this library through it end by themselves after their ten seconds, where a call through another client takes a second
 * fiber to be ended. Against a stub on the same machine, 32 calls in flight, a call takes about 50 % of the CPU of one
 * through `NodeHttpClient.layerUndici`; `npm run bench:http` measures both.
 *
 * It sends what the platform takes: no body, or one of bytes. Spans, the propagation of traces and interruption are as
 * with any client of Effect's.
 *
 * **Gotchas**
 *
 * A client that is made of this one, by `HttpClient.mapRequest` for example, works as well, but is ended from outside again.
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
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import * as HttpClient from "effect/http/HttpClient"
import { EncodeError, HttpClientError, InvalidUrlError, TransportError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { keepsTime, lateness, type Reply } from "./internal/execute.ts"
import { startTimer } from "./internal/timeout.ts"
import { BufferedResponse, decodeText, type RawHeaders } from "./UndiciHttpClient/BufferedResponse.ts"
import { parseTarget, type Target, targetOf } from "./UndiciHttpClient/Target.ts"

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

/** What is made of a whole response. */
type Make<A> = (status: number, headers: RawHeaders, body: Uint8Array) => A

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

/** Gathers the response to a request. */
class Handler<A> {
  private readonly request: HttpClientRequest
  private readonly make: Make<A>
  private readonly end: (answer: Effect.Effect<A, HttpClientError>) => void
  private readonly chunks: Array<Uint8Array> = []
  private controller: DispatchController | undefined
  private reason: Error | undefined
  private status = 0
  private headers: RawHeaders = {}

  constructor(request: HttpClientRequest, make: Make<A>, end: (answer: Effect.Effect<A, HttpClientError>) => void) {
    this.request = request
    this.make = make
    this.end = end
  }

  abort(reason: Error) {
    this.reason = reason
    this.controller?.abort(reason)
  }

  fail(cause: unknown) {
    const { request } = this
    this.end(Effect.fail(new HttpClientError({ reason: new TransportError({ request, cause }) })))
  }

  onRequestStart(controller: DispatchController) {
    this.controller = controller
    if (this.reason !== undefined) controller.abort(this.reason)
  }

  onResponseStart(_: DispatchController, status: number, headers: RawHeaders) {
    // Of those that come before the response (1xx), the last is overwritten by it.
    this.status = status
    this.headers = headers
  }

  onResponseData(_: DispatchController, chunk: Uint8Array) {
    this.chunks.push(chunk)
  }

  onResponseEnd() {
    this.end(Effect.succeed(this.make(this.status, this.headers, joined(this.chunks))))
  }

  onResponseError(_: DispatchController, error: Error) {
    this.fail(error)
  }
}

const toReply: Make<Reply> = (status, headers, body) => ({ status, headers, text: decodeText(body) })

const targetOfRequest = (request: HttpClientRequest): Effect.Effect<Target, HttpClientError> => {
  const target = parseTarget(request)
  return Result.isSuccess(target)
    ? Effect.succeed(target.success)
    : Effect.fail(new HttpClientError({ reason: new InvalidUrlError({ request, cause: target.failure }) }))
}

/** When to give up, by which clock. */
interface Limit {
  readonly clock: Clock.Clock
  readonly timeout: Duration.Duration
}

const send = <A>(
  dispatcher: Dispatcher,
  request: HttpClientRequest,
  target: Target,
  make: Make<A>,
  limit?: Limit
): Effect.Effect<A, HttpClientError> => {
  const { body } = request
  const sent = body._tag === "Empty" ? null : body._tag === "Uint8Array" ? body.text ?? body.body : undefined
  if (sent === undefined || "upgrade" in request.headers) {
    const description =
      "UndiciHttpClient sends bytes only: use NodeHttpClient.layerUndici for streams, forms and upgrades"
    return Effect.fail(new HttpClientError({ reason: new EncodeError({ request, description }) }))
  }
  return Effect.callback<A, HttpClientError>((resume) => {
    let stopTimer = constVoid
    const handler = new Handler(request, make, (answer) => {
      stopTimer()
      resume(answer)
    })
    if (limit !== undefined) {
      stopTimer = startTimer(limit.clock, limit.timeout, () => {
        const late = lateness(limit.timeout)
        try {
          handler.abort(late)
        } finally {
          // One that has no connection yet is not told of the abortion.
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
  const respond = (request: HttpClientRequest, target: Target) =>
    send(
      dispatcher,
      request,
      target,
      (status, headers, body) => new BufferedResponse(request, target, status, headers, body)
    )
  const traced = HttpClient.make((request, url) => respond(request, targetOf(url)))
  // What Effect's own wrapper adds where nothing is traced is the tracking of responses whose body is still to be read.
  const client = HttpClient.makeWith(
    (preprocessed: Effect.Effect<HttpClientRequest, HttpClientError>) =>
      Effect.flatMap(
        preprocessed,
        (request) =>
          Effect.withFiber((fiber) =>
            fiber.getRef(HttpClient.TracerDisabledWhen)(request)
              ? Effect.flatMap(targetOfRequest(request), (target) => respond(request, target))
              : traced.execute(request)
          )
      ),
    Effect.succeed
  )
  return keepsTime(
    client,
    (request, timeout) =>
      Effect.flatMap(
        targetOfRequest(request),
        (target) => Clock.clockWith((clock) => send(dispatcher, request, target, toReply, { clock, timeout }))
      )
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
