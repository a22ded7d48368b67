/**
 * The token of a request, if the request can carry it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import { TransportError } from "../LarkError.ts"

/** Transports throw at other signs, and some say the token in their message. */
const isSendable = (token: Redacted.Redacted) => /^[!-~]+$/.test(Redacted.value(token))

/** @internal */
export const withBearer = (
  endpoint: string,
  request: HttpClientRequest.HttpClientRequest,
  token: Redacted.Redacted
): Effect.Effect<HttpClientRequest.HttpClientRequest, TransportError> =>
  isSendable(token)
    ? Effect.succeed(HttpClientRequest.bearerToken(request, token))
    : Effect.fail(
      new TransportError({
        endpoint,
        executed: "no",
        reason: "the token is empty, or has blanks, line ends or other signs in it that a header cannot hold"
      })
    )
