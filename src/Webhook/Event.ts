/**
 * What the platform sends to a webhook, read from its two envelopes.
 *
 * @internal
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { refuse, type Refused } from "./Refused.ts"

/**
 * Something that happened, as the platform tells it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event {
  /** The same for every delivery of this event: `event_id`, or `uuid` in schema 1. */
  readonly id: string
  /** Such as `vc.meeting.meeting_ended_v1`. */
  readonly type: string
  /** Of the envelope it came in. */
  readonly schema: "1.0" | "2.0"
  readonly appId: Option.Option<string>
  /** The tenant it happened in, for `Lark.asTenant`. */
  readonly tenantKey: Option.Option<string>
  readonly createdAt: Option.Option<DateTime.Utc>
  /** The `event` of the envelope, as it came: check it before you rely on it. */
  readonly data: Readonly<Record<string, unknown>>
}

/** A message, and the verification token that it carries. */
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

const instant = (text: string | undefined, millisEach: number): Option.Option<DateTime.Utc> => {
  const time = Number(text ?? Number.NaN) * millisEach
  return Number.isFinite(time) ? DateTime.make(time) : Option.none()
}

/** The message in a body that is not, or no longer, encrypted. */
export const readMessage = (body: Uint8Array): Effect.Effect<Message, Refused> => {
  const envelope = Option.getOrElse(parseObject(body), (): Readonly<Record<string, unknown>> => ({}))
  const malformed = refuse(400, "the body is no message of the platform")
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
  // Schema 1 tells of the event what schema 2 tells in the header.
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
      createdAt: isSecond ? instant(textIn(header, "create_time"), 1) : instant(textIn(header, "ts"), 1_000),
      data
    }
  })
}
