import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import { hasProperty, isObject } from "effect/Predicate"

// Documented in lowercase, in an HTTP/1.1 reply beside `Content-Type`.
const lowercase = "x-ogw-"

/** A name as the platform documents it: `X-Tt-Logid`, `Content-Type`, `x-ogw-ratelimit-reset`. */
const documented = (name: string): string =>
  name.startsWith(lowercase) ? name : name.replace(/(?<=^|-)[a-z]/g, (first) => first.toUpperCase())

const known = new Map<string, string>()

const spelled = (headers: object): object => {
  const spelled: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(headers)) {
    let spelling = known.get(name)
    if (spelling === undefined) known.set(name, spelling = documented(name))
    spelled[spelling] = value
  }
  return spelled
}

/**
 * Spells the headers of the reply to the current request as the platform documents them.
 *
 * Effect's names are lowercase, but some clients compare the case: the official Python SDK is one. Node's `ServerResponse` sends
 * names as it gets them. It is detected by shape, because the library does not depend on Node. Other servers are left alone.
 */
export const spell: Effect.Effect<void, never, HttpServerRequest.HttpServerRequest> = Effect.map(
  HttpServerRequest.HttpServerRequest,
  (request) => {
    if (!hasProperty(request, "response")) return
    const { response } = request
    if (!hasProperty(response, "writeHead")) return
    const { writeHead } = response
    if (typeof writeHead !== "function") return
    response.writeHead = (...head: ReadonlyArray<unknown>) =>
      writeHead.apply(response, head.map((part) => isObject(part) ? spelled(part) : part))
  }
)
