/**
 * The number of a meeting: what people dial.
 *
 * **Details**
 *
 * Nine digits. It is neither the meeting id (`MeetingId`) nor the reserve id (`ReserveId`), and is used again: one number
 * may have had many meetings. Source: Feishu, vc-v1 `meeting` and `reserve`.
 *
 * **Example** (From input)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MeetingNo } from "effect-lark-meetings"
 *
 * console.log(MeetingNo.make("123456789")) // => 123456789
 * const refused = await Effect.runPromise(Effect.flip(MeetingNo.makeEffect("6911188411932033028")))
 * console.log(refused._tag, "looks like a", refused.looksLike) // => InvalidMeetingNo looks like a meeting id or reserve id
 * ```
 *
 * @since 0.1.0
 */
import type * as Brand from "effect/Brand"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { check, type LooksLike, looksLike, parse } from "./internal/meetingNumber.ts"

/**
 * A meeting number; a plain string is not one.
 *
 * @since 0.1.0
 * @category models
 */
export type MeetingNo = string & Brand.Brand<"effect-lark-meetings/MeetingNo">

/**
 * Whether a text has the form of a meeting number.
 *
 * @since 0.1.0
 * @category guards
 */
export const isMeetingNo = (text: string): text is MeetingNo => looksLike(text) === "meeting number"

const kind = {
  is: isMeetingNo,
  expected: "a string of 9 digits",
  source: "^[0-9]{9}$",
  mistaken:
    "that many digits are a meeting id or a reserve id; Meetings.get names the number of a meeting, GET /vc/v1/reserves/:reserve_id that of a reservation"
}

/**
 * The schema of a meeting number: a string in JSON.
 *
 * @since 0.1.0
 * @category schemas
 */
export const MeetingNo = Schema.String.check(check(kind)).pipe(Schema.brand("effect-lark-meetings/MeetingNo"))

/**
 * The text cannot be the number of a meeting. `looksLike` names the number that it may be instead.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidMeetingNo extends Data.TaggedError("InvalidMeetingNo")<{
  readonly reason: string
  readonly looksLike: LooksLike
}> {
  get kind() {
    return "caller" as const
  }
  get retry() {
    return "never" as const
  }
  override get message() {
    return `Not a meeting number: ${this.reason}. A meeting number is ${kind.expected}.`
  }
}

/**
 * The meeting number in a text that is known to hold one.
 *
 * **Gotchas**
 *
 * Throws `InvalidMeetingNo`; for input from outside use `makeEffect`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (text: string): MeetingNo =>
  Result.getOrThrowWith(parse(kind, text), (refusal) => new InvalidMeetingNo(refusal))

/**
 * The meeting number in a text from outside; fails with `InvalidMeetingNo` if it cannot be one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeEffect = (text: string): Effect.Effect<MeetingNo, InvalidMeetingNo> =>
  Effect.fromResult(Result.mapError(parse(kind, text), (refusal) => new InvalidMeetingNo(refusal)))
