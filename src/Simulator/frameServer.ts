import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { hangUp } from "./hangUp.ts"
import type { LongConnections } from "./LongConnections.ts"

const encoder = new TextEncoder()

/** Serves one long connection on a port: upgrades the request to a WebSocket, and reads frames until it ends. */
export const serveSocket = Effect.fnUntraced(function*(
  longConnections: LongConnections,
  url: URL
): Effect.fn.Return<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | Scope.Scope
> {
  const request = yield* HttpServerRequest.HttpServerRequest
  const run = Effect.runForkWith(yield* Effect.context<HttpServerRequest.HttpServerRequest>())
  const admitted = longConnections.admit(url)
  if (typeof admitted !== "function") return HttpServerResponse.empty(admitted)

  yield* Effect.gen(function*() {
    const socket = yield* request.upgrade
    const { write } = yield* socket.writer
    const { pull } = yield* socket.reader
    const connection = admitted({
      send: (bytes) => void run(Effect.ignore(write(bytes))),
      close: (code) => void run(code === 1006 ? hangUp : Effect.ignore(write(new Socket.CloseEvent(code))))
    })
    const reading = Effect.flatMap(pull, (messages) =>
      Effect.sync(() => {
        for (const bytes of messages) connection.receive(typeof bytes === "string" ? encoder.encode(bytes) : bytes)
      }))
    yield* Effect.forever(reading).pipe(
      Effect.catch(({ reason }) =>
        Effect.sync(() => connection.closed(reason._tag === "SocketCloseError" ? reason.code : 1006))
      ),
      Effect.onInterrupt(() => Effect.sync(() => connection.closed(1006)))
    )
  }).pipe(Effect.scoped, Effect.ignore)
  return HttpServerResponse.empty()
})
