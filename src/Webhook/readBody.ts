/**
 * The bytes of a request, if they are JSON by their header and not too many.
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
    : refuse(400, "the body broke off")

/** What is too large is not read to its end; what says so of itself, not at all. */
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
  // Not every server keeps to the limit.
  return body.byteLength > maxBytes ? yield* tooLarge : new Uint8Array(body)
})
