/**
 * The id of a reservation, which exists before its meeting does.
 *
 * **Details**
 *
 * A string of 19 digits, neither the meeting id (`MeetingId`) nor the meeting number (`MeetingNo`). A meeting id has the same
 * form, so only the platform can refuse it: with `DataNotExist`. Source: Feishu, vc-v1 `reserve`.
 *
 * **Example** (From input)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ReserveId } from "effect-lark-meetings"
 *
 * console.log(ReserveId.make("6911188411932033028")) // => 6911188411932033028
 * const refused = await Effect.runPromise(Effect.flip(ReserveId.makeEffect("123456789")))
 * console.log(refused._tag, "looks like a", refused.looksLike) // => InvalidReserveId looks like a meeting number
 * ```
 */
import type * as Brand from "effect/Brand"
import * as Schema from "effect/Schema"
import * as number from "./internal/meetingNumber.ts"

/**
 * A reserve id; a plain string is not one.
 *
 * @stability stable
 * @category models
 */
export type ReserveId = string & Brand.Brand<"effect-lark-meetings/ReserveId">

/**
 * Whether a text has the form of a reserve id.
 *
 * @stability stable
 * @category guards
 */
export const isReserveId = (text: string): text is ReserveId => number.has("meeting id or reserve id", text)

const kind = {
  is: isReserveId,
  name: "reserve id",
  form: "meeting id or reserve id" as const,
  mistaken: "nine digits are a meeting number; the reserve id is in the result of Reserves.apply, which named both"
}

/**
 * The schema of a reserve id: a string in JSON.
 *
 * @stability stable
 * @category schemas
 */
export const ReserveId = number.schema(kind).pipe(Schema.brand("effect-lark-meetings/ReserveId"))

/**
 * The text cannot be the id of a reservation. `looksLike` names the number that it may be instead.
 *
 * @stability stable
 * @category errors
 */
export class InvalidReserveId extends number.invalid("InvalidReserveId", kind) {}

/**
 * The reserve id in a text that is known to hold one. Throws `InvalidReserveId`; for input from outside use `makeEffect`.
 *
 * @stability stable
 * @category constructors
 */
export const make = number.maker(kind, InvalidReserveId)

/**
 * The reserve id in a text from outside; fails with `InvalidReserveId` if it cannot be one.
 *
 * @stability stable
 * @category constructors
 */
export const makeEffect = number.effectMaker(kind, InvalidReserveId)
