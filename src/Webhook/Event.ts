/** Reads the messages of the platform from its two envelopes, schema 1 and schema 2. */
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"

/** A request that the webhook refuses: the sender gets the status; the reason is logged. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly status: 400 | 401 | 403 | 408 | 413 | 415 | 500
  readonly reason: string
}> {}

export const refuse = (status: Refused["status"], reason: string): Effect.Effect<never, Refused> =>
  Effect.fail(new Refused({ status, reason }))

/**
 * An event that the platform pushed.
 *
 * @category models
 */
export interface Event {
  /** `event_id`, or `uuid` in schema 1: the same in every delivery of this event. */
  readonly id: string
  /** The event type, such as `vc.meeting.meeting_ended_v1`. */
  readonly type: string
  /** The version of the envelope. */
  readonly schema: "1.0" | "2.0"
  readonly appId: Option.Option<string>
  /** The tenant in which it happened, for `Lark.asTenant`. */
  readonly tenantKey: Option.Option<string>
  /** The platform sends seconds, milliseconds or microseconds. */
  readonly createdAt: Option.Option<DateTime.Utc>
  /** The `event` field of the envelope, not validated. */
  readonly data: Readonly<Record<string, unknown>>
}

/** A message with the verification token that it carries. */
export type Message =
  | { readonly _tag: "Challenge"; readonly token: string; readonly challenge: string }
  | { readonly _tag: "Event"; readonly token: string; readonly event: Event }

const decoder = new TextDecoder("utf-8", { fatal: true })

/** The JSON object in a body. */
export const parseObject = (body: Uint8Array): Option.Option<Readonly<Record<string, unknown>>> => {
  const parsed = Result.try((): unknown => JSON.parse(decoder.decode(body)))
  return Option.filter(Result.getSuccess(parsed), Predicate.isObject)
}

const textIn = (record: Readonly<Record<string, unknown>>, field: string): string | undefined => {
  const text = record[field]
  return typeof text === "string" && text !== "" ? text : undefined
}

/** A time in seconds, milliseconds or microseconds, told apart by its size: each is a time after 1973. */
const instant = (text: string | undefined): Option.Option<DateTime.Utc> => {
  if (text === undefined || !/^\d+(\.\d+)?$/.test(text)) return Option.none()
  const time = Number(text)
  return DateTime.make(time < 1e11 ? time * 1_000 : time < 1e14 ? time : time / 1_000)
}

/** Reads the message in a body that is decrypted or was never encrypted. */
export const readMessage = (body: Uint8Array): Effect.Effect<Message, Refused> => {
  const envelope = Option.getOrElse(parseObject(body), (): Readonly<Record<string, unknown>> => ({}))
  const malformed = refuse(400, "the body is not a message of the platform")
  const isSecond = envelope["schema"] === "2.0"
  const header = isSecond ? envelope["header"] : envelope
  if (!Predicate.isObject(header)) return malformed
  const token = textIn(header, "token") ?? ""

  if (!isSecond && header["type"] === "url_verification") {
    const challenge = textIn(header, "challenge")
    return challenge === undefined ? malformed : Effect.succeed({ _tag: "Challenge", token, challenge })
  }
  const data = envelope["event"]
  if (!Predicate.isObject(data) || (!isSecond && header["type"] !== "event_callback")) return malformed
  // Schema 1 has in the event what schema 2 has in the header.
  const about = isSecond ? header : data
  const id = textIn(header, isSecond ? "event_id" : "uuid")
  const type = textIn(about, isSecond ? "event_type" : "type")
  if (id === undefined || type === undefined) return malformed
  return Effect.succeed({
    _tag: "Event",
    token,
    event: {
      id,
      type,
      schema: isSecond ? "2.0" : "1.0",
      appId: Option.fromUndefinedOr(textIn(about, "app_id")),
      tenantKey: Option.fromUndefinedOr(textIn(about, "tenant_key")),
      createdAt: instant(textIn(header, isSecond ? "create_time" : "ts")),
      data
    }
  })
}
