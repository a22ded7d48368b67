import * as ByteSize from "effect/ByteSize"
import type * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { parametersIn } from "../ArrivedRequest.ts"
import { Refusal, statuses } from "../Refusal.ts"
import * as Guard from "./guard.ts"
import * as OpenApi from "./openApi.ts"
import { prefix } from "./prefix.ts"
import type { Route } from "./Route.ts"
import { type Control, routes as routesOf } from "./routes.ts"
import { streamTo } from "./stream.ts"

const maxBody = ByteSize.mebibytes(1)

const json = (status: number, text: string, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.text(text, {
    status,
    contentType: "application/json; charset=utf-8",
    headers: { "cache-control": "no-store", ...headers }
  })

const refusedWith = (refusal: Refusal, headers?: Readonly<Record<string, string>>) =>
  json(statuses[refusal.reason], JSON.stringify(OpenApi.refusalBody(refusal)), {
    ...(refusal.reason === "KeyRefused" ? { "www-authenticate": "Bearer" } : {}),
    ...headers
  })

const bodyOf = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<string, Refusal> =>
  request.text.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, maxBody),
    Effect.mapError(() =>
      new Refusal({
        reason: "BodyTooLarge",
        message: "The body is larger than 1 MiB, or it broke off. Send less at once."
      })
    )
  )

const below = new RegExp(`^${prefix}(?:[/?]|$)`, "u")

const isPage = ({ method, url }: HttpServerRequest.HttpServerRequest): boolean =>
  (method === "GET" || method === "HEAD") && /^\/(?:\?|$)/u.test(url)

/** Whether a request is one to the control interface or to its page. */
export const takes = (request: HttpServerRequest.HttpServerRequest): boolean =>
  below.test(request.url) || isPage(request)

// Most servers never show it.
const page = Effect.map(
  Effect.promise(() => import("./page.ts")),
  ({ html, scriptHash, styleHash }) =>
    HttpServerResponse.text(html, {
      contentType: "text/html; charset=utf-8",
      headers: {
        "cache-control": "no-store",
        "content-security-policy": `default-src 'none'; script-src '${scriptHash}'; style-src '${styleHash}'; ` +
          "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
          "require-trusted-types-for 'script'; trusted-types 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff"
      }
    })
)

/** A route and the pattern of its path. */
const matchable = (route: Route) => ({
  route,
  pattern: new RegExp(`^${prefix}${route.path.replace("{id}", "([^/]+)")}$`, "u")
})

/** The control interface: an effect that handles one request that it `takes`. */
export const make = Effect.fnUntraced(function*(
  control: Control,
  key: Redacted.Redacted | undefined
): Effect.fn.Return<
  Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>,
  never,
  Digest.Digest
> {
  const guard = yield* Guard.make(key)
  const routes = routesOf(control)
  const matchables = routes.map(matchable)
  // It takes some milliseconds, and most never read it.
  const description = yield* Effect.cached(
    Effect.sync(() => JSON.stringify(OpenApi.describe(routes, key !== undefined)))
  )

  /** What is answered with other than the reply of a route. */
  const documents: Readonly<Record<string, Effect.Effect<HttpServerResponse.HttpServerResponse>>> = {
    "/": page,
    [`${prefix}/openapi.json`]: Effect.map(description, (text) => json(200, text)),
    [`${prefix}/stream`]: Effect.sync(() => streamTo(control))
  }

  const answer = Effect.fnUntraced(function*(request: HttpServerRequest.HttpServerRequest) {
    // The page has no secret in it, and asks for the key.
    if (key === undefined || !isPage(request)) yield* guard(request)
    const url = URL.parse(request.url, "http://localhost") ?? new URL("http://localhost")
    // The server leaves out the body.
    const method = request.method === "HEAD" ? "GET" : request.method
    const document = documents[url.pathname]
    if (document !== undefined && method === "GET") return yield* document
    const matches = matchables.flatMap(({ pattern, route }) => {
      const match = pattern.exec(url.pathname)
      return match === null ? [] : [{ route, id: match[1] ?? "" }]
    })
    const found = matches.find(({ route }) => route.method === method)
    if (found !== undefined) {
      const { id, route } = found
      const body = yield* bodyOf(request)
      const query = parametersIn(url.searchParams)
      const decoded = Result.getOrElse(Result.try(() => decodeURIComponent(id)), () => id)
      return json(route.status ?? 200, yield* route.answer({ id: decoded, query, body }))
    }
    if (matches.length === 0 && document === undefined) {
      const message = `There is no ${url.pathname}. ${prefix}/openapi.json describes what there is`
      return yield* new Refusal({ reason: "RouteNotFound", message })
    }
    const allowed = [...matches.map(({ route }) => route.method), ...(document === undefined ? [] : ["GET"])].join(", ")
    const message = `${url.pathname} takes ${allowed}, not ${request.method}`
    return refusedWith(new Refusal({ reason: "MethodNotAllowed", message }), { allow: allowed })
  })

  return Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request) => Effect.catch(answer(request), (refusal) => Effect.succeed(refusedWith(refusal)))
  )
})
