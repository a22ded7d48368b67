import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { hasProperty } from "effect/Predicate"

/**
 * Breaks the connection of the current request.
 *
 * Only Node's `IncomingMessage` is known to carry its socket, and the library does not depend on Node, hence the
 * structural look. Elsewhere a gateway's 502 is the nearest thing: no answer from Feishu itself.
 */
export const hangUp: Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest
> = Effect.gen(function*() {
  const { source } = yield* HttpServerRequest.HttpServerRequest
  if (!hasProperty(source, "socket")) return HttpServerResponse.empty({ status: 502 })
  const { socket } = source
  if (!hasProperty(socket, "destroy") || typeof socket.destroy !== "function") {
    return HttpServerResponse.empty({ status: 502 })
  }
  socket.destroy()
  // The server interrupts the request once it sees the socket closed, but runs it uninterruptibly outside of routes.
  return yield* Effect.interruptible(Effect.never)
})
