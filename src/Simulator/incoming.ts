import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"

const simpleHost = /^[\w.-]+(?::\d+)?$/

/** The URL of a request. On a port its host is in a header. */
export const urlOf = ({ headers, originalUrl, url }: HttpServerRequest): URL => {
  const { host } = headers
  if (host === undefined) return URL.parse(originalUrl, "http://localhost") ?? new URL("http://localhost")
  // In one go for almost all. Any other host may be more than a host.
  const simple = simpleHost.test(host) && url.startsWith("/") ? URL.parse(`http://${host}${url}`) : null
  if (simple !== null) return simple
  const base = new URL(`http://${URL.parse(`http://${host}`)?.host ?? "localhost"}`)
  return URL.parse(url, base) ?? base
}

/** The body; empty without one, and if it breaks off, like any other invalid body. */
export const bodyOf = (request: HttpServerRequest): Effect.Effect<string> =>
  // To wait for the end of a body takes longer than the rest of a request.
  request.method === "GET" && !("content-length" in request.headers) && !("transfer-encoding" in request.headers)
    ? Effect.succeed("")
    : Effect.orElseSucceed(request.text, () => "")
