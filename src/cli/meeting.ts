/** The meeting that a command is about. */
import * as Argument from "effect/cli/Argument"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Meeting from "../Meeting.ts"
import * as MeetingId from "../MeetingId.ts"
import * as MeetingNo from "../MeetingNo.ts"
import * as Meetings from "../Meetings.ts"
import { NoActiveMeeting } from "./errors.ts"
import { plain } from "./text.ts"

export const argument = Argument.String("meeting").pipe(
  Argument.withMetavar("number|id"),
  Argument.withDescription(
    "the number that people dial (9 digits), for the meeting in progress; or the id of a meeting"
  )
)

/** A meeting as it is named on the command line. */
export type Named =
  | { readonly _tag: "Number"; readonly number: MeetingNo.MeetingNo }
  | { readonly _tag: "Id"; readonly id: MeetingId.MeetingId }

/** Reads the argument. Numbers may be in groups, as invitations show them. */
export const parse = (text: string): Effect.Effect<Named, MeetingId.InvalidMeetingId> => {
  const number = text.replaceAll(/[\s-]/g, "")
  return MeetingNo.isMeetingNo(number)
    ? Effect.succeed({ _tag: "Number", number })
    : Effect.map(MeetingId.makeEffect(text.trim()), (id) => ({ _tag: "Id", id }))
}

/** The meeting in progress with the number. */
export const active = (number: MeetingNo.MeetingNo, options?: { readonly withParticipants: boolean }) =>
  Effect.flatMap(
    Meetings.activeByNo(number, options),
    Effect.fromOption(() => new NoActiveMeeting({ number }))
  )

/** The meeting that is named. */
export const read = (named: Named, options?: { readonly withParticipants: boolean }) =>
  named._tag === "Number" ? active(named.number, options) : Meetings.get(named.id, options)

/** A meeting in a sentence: `"Weekly" (123456789)`. */
export const title = ({ id, meetingNo, topic }: Meeting.Meeting): string => {
  const number = Option.getOrElse(meetingNo, () => id)
  return topic === "" ? number : `"${plain(topic)}" (${number})`
}

/** For programs. */
export const json = ({ id, meetingNo, topic }: Meeting.Meeting) => ({
  id,
  number: Option.getOrNull(meetingNo),
  topic: topic === "" ? null : topic
})
