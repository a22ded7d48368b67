/** A response whose body has been read. */
import * as Effect from "effect/Effect"
import * as Cookies from "effect/http/Cookies"
import * as Headers from "effect/http/Headers"
import { DecodeError, HttpClientError, StatusCodeError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import { type HttpClientResponse, TypeId } from "effect/http/HttpClientResponse"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as UrlParams from "effect/http/UrlParams"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import { pipeArguments } from "effect/Pipeable"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Reply } from "../internal/execute.ts"
import type { Target } from "./Target.ts"

const decoder = new TextDecoder()

export const decodeText = (bytes: Uint8Array): string => decoder.decode(bytes)

export type RawHeaders = Reply["headers"]

export class BufferedResponse extends Inspectable.Class implements HttpClientResponse {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly request: HttpClientRequest
  readonly status: number
  readonly remoteAddress: Option.Option<string> = Option.none()
  private readonly target: Target
  private readonly rawHeaders: RawHeaders
  private readonly bytes: Uint8Array

  constructor(
    request: HttpClientRequest,
    target: Target,
    status: number,
    headers: RawHeaders,
    bytes: Uint8Array
  ) {
    super()
    this.request = request
    this.target = target
    this.status = status
    this.rawHeaders = headers
    this.bytes = bytes
  }

  get url(): string {
    return this.target.origin + this.target.path
  }

  get headers(): Headers.Headers {
    return Headers.fromInput(this.rawHeaders)
  }

  get cookies(): Cookies.Cookies {
    return Cookies.fromSetCookie(this.rawHeaders["set-cookie"] ?? [])
  }

  get text(): Effect.Effect<string> {
    return Effect.sync(() => decodeText(this.bytes))
  }

  get json(): Effect.Effect<Schema.Json, HttpClientError> {
    return this.decoded((text) => text === "" ? null : JSON.parse(text))
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError> {
    return this.decoded((text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer> {
    return Effect.sync(() => new Uint8Array(this.bytes).buffer)
  }

  get formData(): Effect.Effect<FormData, HttpClientError> {
    return Effect.tryPromise({
      try: () => new Response(new Uint8Array(this.bytes), { headers: this.headers }).formData(),
      catch: (cause) => this.undecodable(cause)
    })
  }

  get stream(): Stream.Stream<Uint8Array> {
    return Stream.sync(() => this.bytes)
  }

  get upgrade(): Effect.Effect<never, HttpClientError> {
    const description = "UndiciHttpClient does not send upgrade requests"
    return Effect.fail(
      new HttpClientError({ reason: new StatusCodeError({ request: this.request, response: this, description }) })
    )
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }

  pipe() {
    return pipeArguments(this, arguments)
  }

  private decoded<A>(decode: (text: string) => A): Effect.Effect<A, HttpClientError> {
    return Effect.flatMap(
      this.text,
      (text) => Effect.try({ try: () => decode(text), catch: (cause) => this.undecodable(cause) })
    )
  }

  private undecodable(cause: unknown): HttpClientError {
    return new HttpClientError({ reason: new DecodeError({ request: this.request, response: this, cause }) })
  }
}
