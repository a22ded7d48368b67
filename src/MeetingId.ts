/**
 * The id of a meeting that has started.
 *
 * **Details**
 *
 * Meeting id, meeting number (nine digits, what people dial) and reserve id are three different things; only the first
 * works here. It is a string of 19 digits, more than a JavaScript number can hold, and exists once the meeting has
 * started. Source: Feishu, vc-v1 `meeting`.
 *
 * **Example** (From a constant, and from input)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MeetingId } from "effect-lark-meetings"
 *
 * const id = MeetingId.make("6911188411932033028")
 * console.log(id) // => 6911188411932033028
 * const refused = await Effect.runPromise(Effect.flip(MeetingId.makeEffect("../../x?y=1#")))
 * console.log(refused._tag) // => InvalidMeetingId
 * ```
 *
 * @since 0.1.0
 */
import type * as Brand from "effect/Brand"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"

/**
 * A meeting id; a plain string is not one.
 *
 * @since 0.1.0
 * @category models
 */
export type MeetingId = string & Brand.Brand<"effect-lark-meetings/MeetingId">

/**
 * The text cannot be the id of a meeting.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidMeetingId extends Data.TaggedError("InvalidMeetingId")<{ readonly reason: string }> {
  override get message() {
    return `Not a meeting id: ${this.reason}. A meeting id is a string of 10 to 32 digits (usually 19).`
  }
}

/**
 * Whether a text has the form of a meeting id.
 *
 * @since 0.1.0
 * @category guards
 */
export const isMeetingId = (text: string): text is MeetingId => typeof text === "string" && /^[0-9]{10,32}$/.test(text)

const parse = (text: string): Result.Result<MeetingId, InvalidMeetingId> =>
  isMeetingId(text)
    ? Result.succeed(text)
    : Result.fail(new InvalidMeetingId({ reason: reasonOf(text) }))

const reasonOf = (text: string): string =>
  typeof text !== "string"
    ? "ids have 19 digits, more than a number can hold, and must stay strings"
    : text === ""
    ? "it is empty"
    : /^[0-9]{9}$/.test(text)
    ? "nine digits are a meeting number; the meeting id comes from events or from looking the number up"
    : /^[0-9]+$/.test(text)
    ? `it has ${text.length} digits`
    : `it has ${text.length} characters, not all of them digits`

/**
 * The meeting id in a text that is known to hold one.
 *
 * **Gotchas**
 *
 * Throws `InvalidMeetingId`; for input from outside use `makeEffect`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (text: string): MeetingId => Result.getOrThrowWith(parse(text), (error) => error)

/**
 * The meeting id in a text from outside; fails with `InvalidMeetingId` if it cannot be one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeEffect = (text: string): Effect.Effect<MeetingId, InvalidMeetingId> => Effect.fromResult(parse(text))
