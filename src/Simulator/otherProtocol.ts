import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

/**
 * Says in its reply that the connection ends, if a request asked for another protocol and gets none.
 *
 * The client of the JDK asks for HTTP/2 in every request. Effect's Node server closes the connection after such a reply, and
 * without the header the client would send its next request on it.
 */
export const decline = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    ({ headers }) => "upgrade" in headers ? Effect.map(app, HttpServerResponse.setHeader("connection", "close")) : app
  )
