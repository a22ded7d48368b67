/**
 * Reads the body of a request, with a limit of its size.
 *
 * @internal
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import type { HttpServerError } from "effect/http/HttpServerError"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import { refuse, type Refused } from "./Refused.ts"

const tooLarge = refuse(413, "the body is too large")

const unreadable = ({ reason }: HttpServerError) =>
  reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
    ? tooLarge
    : refuse(400, "the body is incomplete")

/** Refuses a body that declares to be too large unread, and stops reading one that turns out to be. */
export const readBody = Effect.fnUntraced(function*(
  request: HttpServerRequest,
  maxBytes: number
): Effect.fn.Return<Uint8Array, Refused> {
  const mediaType = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase()
  if (mediaType !== "application/json") return yield* refuse(415, "the content type is not application/json")
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return yield* tooLarge
  const body = yield* request.arrayBuffer.pipe(
    Effect.provideService(MaxBodySize, ByteSize.bytes(maxBytes)),
    Effect.catchTag("HttpServerError", unreadable)
  )
  // Not every server enforces `MaxBodySize`.
  return body.byteLength > maxBytes ? yield* tooLarge : new Uint8Array(body)
})
