/** Reads the body of a request, with limits of its size and time. */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import type { HttpServerError } from "effect/http/HttpServerError"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import type * as Scope from "effect/Scope"
import { refuse, type Refused } from "./message.ts"

const tooLarge = refuse(413, "the body is too large")

const unreadable = ({ reason }: HttpServerError) =>
  reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
    ? tooLarge
    : refuse(400, "the body is incomplete")

/** The platform does not wait longer for an answer. */
const timeout = "3 seconds"

/** Refuses a body that declares to be too large unread, and stops reading one that turns out to be. */
export const readBody = Effect.fnUntraced(function*(
  request: HttpServerRequest,
  maxBytes: number
): Effect.fn.Return<Uint8Array, Refused, Scope.Scope> {
  const mediaType = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase()
  if (mediaType !== "application/json") return yield* refuse(415, "the content type is not application/json")
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return yield* tooLarge
  // Until the request has its answer: to interrupt the reading closes the connection.
  const reading = yield* request.arrayBuffer.pipe(
    Effect.provideService(MaxBodySize, ByteSize.bytes(maxBytes)),
    Effect.forkScoped({ startImmediately: true })
  )
  const body = yield* Fiber.join(reading).pipe(
    Effect.timeout(timeout),
    Effect.catchTags({
      HttpServerError: unreadable,
      TimeoutError: () => refuse(408, "the body is not complete after three seconds")
    })
  )
  // Not every server enforces `MaxBodySize`.
  return body.byteLength > maxBytes ? yield* tooLarge : new Uint8Array(body)
})
