import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { hasProperty } from "effect/Predicate"

/**
 * Breaks the connection of the current request.
 *
 * Node's `IncomingMessage` has a `socket`. It is detected by shape, because the library does not depend on Node. Servers
 * without one reply with a gateway's 502.
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
  // The server interrupts the request when the socket closes. Outside of routes it runs uninterruptibly.
  return yield* Effect.interruptible(Effect.never)
})
