/** Reads the messages of the platform. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Events from "../Events.ts"
import * as wire from "../internal/wire.ts"

/** A request that the webhook refuses: the sender gets the status; the reason is logged. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly status: 400 | 401 | 403 | 408 | 413 | 415 | 500
  readonly reason: string
}> {}

export const refuse = (status: Refused["status"], reason: string): Effect.Effect<never, Refused> =>
  Effect.fail(new Refused({ status, reason }))

/** A message with the verification token that it carries. */
export type Message =
  | { readonly _tag: "Challenge"; readonly token: string; readonly challenge: string }
  | { readonly _tag: "Event"; readonly token: string; readonly event: Events.Event }

const decoder = new TextDecoder("utf-8", { fatal: true })

/** The JSON object in a body. */
export const parseObject = (body: Uint8Array): Option.Option<Readonly<Record<string, unknown>>> => {
  const parsed = Result.try((): unknown => JSON.parse(decoder.decode(body)))
  return Option.filter(Result.getSuccess(parsed), Predicate.isObject)
}

const malformed = refuse(400, "the body is not a message of the platform")

/** Reads the message in a body that is decrypted or was never encrypted. */
export const readMessage = (body: Uint8Array): Effect.Effect<Message, Refused> => {
  const message = Option.getOrElse(parseObject(body), (): Readonly<Record<string, unknown>> => ({}))
  const isSecond = message["schema"] === "2.0"
  const header = isSecond && Predicate.isObject(message["header"]) ? message["header"] : message
  const token = wire.text(header["token"])
  if (!isSecond && message["type"] === "url_verification") {
    const challenge = wire.text(message["challenge"])
    return challenge === "" ? malformed : Effect.succeed({ _tag: "Challenge", token, challenge })
  }
  return Option.match(Events.fromWire(message), {
    onNone: () => malformed,
    onSome: (event) => Effect.succeed({ _tag: "Event", token, event })
  })
}
