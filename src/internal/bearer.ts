/**
 * The `Authorization` header of a token.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { TransportError } from "../LarkError.ts"

/** Transports throw at other characters, some with the token in the message. */
const isSendable = (token: Redacted.Redacted) => /^[!-~]+$/.test(Redacted.value(token))

/** Fails with `TransportError` if no header can hold the token. */
export const bearer = (endpoint: string, token: Redacted.Redacted): Effect.Effect<string, TransportError> =>
  isSendable(token)
    ? Effect.succeed(`Bearer ${Redacted.value(token)}`)
    : Effect.fail(
      new TransportError({
        endpoint,
        executed: "no",
        reason: "the token is empty, or has whitespace or other characters that a header cannot hold"
      })
    )
