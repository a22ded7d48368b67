import { Effect, Fiber } from "effect"
import { Etag, HttpClient, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"

/** A server, in this process, of one resource, `/document`, that takes conditional writes only; and a client of it. */
export const makeServer = Effect.fnUntraced(function*(initial: string, options?: {
  readonly tags?: "Strong" | "Weak"
  /** Takes a write that finds its change in place for one it has seen before (RFC 9110, section 13.1.1). */
  readonly acceptsRepeats?: boolean
}) {
  let body = initial
  let writes = 0

  const etag = () => Etag.toString({ _tag: options?.tags ?? "Strong", value: `${writes + 1}` })
  const answer = (status: number) =>
    HttpServerResponse.text(body, { status, headers: { etag: etag(), "content-location": "/document" } })

  // If-Match compares strongly: a weak tag matches nothing.
  const isCurrent = (tag: string) => tag === etag() && !tag.startsWith("W/")

  const routes = HttpRouter.addAll([
    HttpRouter.route("GET", "/document", Effect.sync(() => answer(200))),
    HttpRouter.route(
      "PUT",
      "/document",
      Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        const wanted = yield* request.text
        const expected = request.headers["if-match"]
        if (expected === undefined) return answer(428)
        if (options?.acceptsRepeats === true && body === wanted) return answer(200)
        if (!isCurrent(expected)) return answer(412)
        body = wanted
        writes = writes + 1
        return answer(200)
      })
    )
  ])

  const handler = Effect.orDie(yield* HttpRouter.toHttpEffect(routes))
  const scope = yield* Effect.scope
  // On a fiber of its own: a client that goes away does not stop the server.
  const client = HttpClient.make((request) =>
    handler.pipe(
      Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromClientRequest(request)),
      Effect.map((response) => HttpServerResponse.toClientResponse(response, { request })),
      Effect.scoped,
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.flatMap(Fiber.join)
    )
  )
  return { client, writes: Effect.sync(() => writes) }
})
