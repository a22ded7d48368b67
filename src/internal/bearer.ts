/**
 * The header that carries a token, if it can.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { TransportError } from "../LarkError.ts"

/** Transports throw at other signs, and some say the token in their message. */
const isSendable = (token: Redacted.Redacted) => /^[!-~]+$/.test(Redacted.value(token))

/** @internal */
export const bearer = (endpoint: string, token: Redacted.Redacted): Effect.Effect<string, TransportError> =>
  isSendable(token)
    ? Effect.succeed(`Bearer ${Redacted.value(token)}`)
    : Effect.fail(
      new TransportError({
        endpoint,
        executed: "no",
        reason: "the token is empty, or has blanks, line ends or other signs in it that a header cannot hold"
      })
    )
