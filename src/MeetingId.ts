/**
 * The id of a meeting that has started.
 *
 * **Details**
 *
 * Meeting id, meeting number (`MeetingNo`, nine digits, what people dial) and reserve id (`ReserveId`) are three
 * different things; the operations on a meeting take the first. It is a string of 19 digits, more than a JavaScript
 * number can hold, and exists once the meeting has started. Source: Feishu, vc-v1 `meeting`.
 *
 * **Gotchas**
 *
 * A reserve id has the same form, so only the platform can refuse it: `get` fails with `DataNotExist`, the other
 * operations with `MeetingNotExist`. Its meeting id comes from `Reserves.activeMeeting`.
 *
 * **Example** (From a constant, and from input)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MeetingId } from "effect-lark-meetings"
 *
 * const id = MeetingId.make("6911188411932033028")
 * console.log(id) // => 6911188411932033028
 * const refused = await Effect.runPromise(Effect.flip(MeetingId.makeEffect("123456789")))
 * console.log(refused._tag, "looks like a", refused.looksLike) // => InvalidMeetingId looks like a meeting number
 * ```
 */
import type * as Brand from "effect/Brand"
import * as Schema from "effect/Schema"
import * as number from "./internal/meetingNumber.ts"

/**
 * A meeting id; a plain string is not one.
 *
 * @stability stable
 * @category models
 */
export type MeetingId = string & Brand.Brand<"effect-lark-meetings/MeetingId">

/**
 * Whether a text has the form of a meeting id.
 *
 * @stability stable
 * @category guards
 */
export const isMeetingId = (text: string): text is MeetingId => number.has("meeting id or reserve id", text)

const kind = {
  is: isMeetingId,
  name: "meeting id",
  form: "meeting id or reserve id" as const,
  mistaken: "nine digits are a meeting number; Meetings.listByNo, Meetings.activeByNo and events name its meeting ids"
}

/**
 * The schema of a meeting id: a string in JSON.
 *
 * @stability stable
 * @category schemas
 */
export const MeetingId = number.schema(kind).pipe(Schema.brand("effect-lark-meetings/MeetingId"))

/**
 * The text cannot be the id of a meeting. `looksLike` names the number that it may be instead.
 *
 * @stability stable
 * @category errors
 */
export class InvalidMeetingId extends number.invalid("InvalidMeetingId", kind) {}

/**
 * The meeting id in a text that is known to hold one. Throws `InvalidMeetingId`; for input from outside use `makeEffect`.
 *
 * @stability stable
 * @category constructors
 */
export const make = number.maker(kind, InvalidMeetingId)

/**
 * The meeting id in a text from outside; fails with `InvalidMeetingId` if it cannot be one.
 *
 * @stability stable
 * @category constructors
 */
export const makeEffect = number.effectMaker(kind, InvalidMeetingId)
