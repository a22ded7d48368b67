/**
 * The number of a meeting: what people dial.
 *
 * **Details**
 *
 * Nine digits, neither the meeting id (`MeetingId`) nor the reserve id (`ReserveId`). It is used again: one number may have
 * had many meetings. Source: Feishu, vc-v1 `meeting` and `reserve`.
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
 */
import type * as Brand from "effect/Brand"
import * as Schema from "effect/Schema"
import * as number from "./internal/meetingNumber.ts"

/**
 * A meeting number; a plain string is not one.
 *
 * @stability stable
 * @category models
 */
export type MeetingNo = string & Brand.Brand<"effect-lark-meetings/MeetingNo">

/**
 * Whether a text has the form of a meeting number.
 *
 * @stability stable
 * @category guards
 */
export const isMeetingNo = (text: string): text is MeetingNo => number.has("meeting number", text)

const kind = {
  is: isMeetingNo,
  name: "meeting number",
  form: "meeting number" as const,
  mistaken:
    "that many digits are a meeting id or a reserve id; Meetings.get names the number of a meeting, Reserves.get that of a reservation"
}

/**
 * The schema of a meeting number: a string in JSON.
 *
 * @stability stable
 * @category schemas
 */
export const MeetingNo = number.schema(kind).pipe(Schema.brand("effect-lark-meetings/MeetingNo"))

/**
 * The text cannot be the number of a meeting. `looksLike` names the number that it may be instead.
 *
 * @stability stable
 * @category errors
 */
export class InvalidMeetingNo extends number.invalid("InvalidMeetingNo", kind) {}

/**
 * The meeting number in a text that is known to hold one. Throws `InvalidMeetingNo`; for input from outside use `makeEffect`.
 *
 * @stability stable
 * @category constructors
 */
export const make = number.maker(kind, InvalidMeetingNo)

/**
 * The meeting number in a text from outside; fails with `InvalidMeetingNo` if it cannot be one.
 *
 * @stability stable
 * @category constructors
 */
export const makeEffect = number.effectMaker(kind, InvalidMeetingNo)
