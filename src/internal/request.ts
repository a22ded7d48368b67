/** Requests to the platform. */
import * as Effect from "effect/Effect"
import * as Headers from "effect/http/Headers"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpMethod } from "effect/http/HttpMethod"
import * as UrlParams from "effect/http/UrlParams"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { InvalidParameter } from "../LarkError.ts"

/** Transports throw at other characters, some with the token in the message. */
const sendable = /^[!-~]+$/

/** Makes a request in one step: each combinator of Effect would copy it. Fails if no header can hold the token. */
export const makeRequest = (
  endpoint: string,
  method: HttpMethod,
  url: string,
  { body, token }: { readonly body?: HttpBody.Uint8Array | undefined; readonly token?: Redacted.Redacted | undefined }
): Effect.Effect<HttpClientRequest.HttpClientRequest, InvalidParameter> => {
  const headers: Record<string, string> = {
    accept: "application/json",
    // Without it, a gateway may compress the reply.
    "accept-encoding": "identity"
  }
  if (token !== undefined) {
    const text = Redacted.value(token)
    if (!sendable.test(text)) {
      const reason = "is empty, or has whitespace or other characters that a header cannot hold"
      return Effect.fail(new InvalidParameter({ endpoint, parameter: "the token", reason }))
    }
    headers["authorization"] = `Bearer ${text}`
  }
  if (body !== undefined) {
    headers["content-type"] = body.contentType
    headers["content-length"] = String(body.contentLength)
  }
  return Effect.succeed(HttpClientRequest.makeWith(
    method,
    url,
    UrlParams.empty,
    Option.none(),
    Headers.fromRecordUnsafe(headers),
    body ?? HttpBody.empty
  ))
}
