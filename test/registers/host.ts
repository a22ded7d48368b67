import { Effect, Option } from "effect"
import { Cas, type MeetingId, type Meetings, type MeetingUser } from "effect-lark-meetings"

/** The host of a meeting. `Meetings.setHost` is this with a queue and a memory; it shows what those stand on. */
export const fromMeeting = (
  meetings: Meetings.Meetings["Service"],
  id: MeetingId.MeetingId
): Cas.Register<MeetingUser.MeetingUser<"open_id">, Meetings.SwapHostError | Meetings.ErrorOf<"get">> => ({
  equals: (a, b) => a.id === b.id && a.userType === b.userType,
  read: meetings.get(id).pipe(
    Effect.map(({ hostUser }): Cas.Observation<MeetingUser.MeetingUser<"open_id">> =>
      Option.match(hostUser, { onNone: () => Cas.observedNothing, onSome: Cas.observed })
    ),
    Effect.catchIf(
      ({ retry }) => retry === "wait" || retry === "unknown",
      (cause) => Effect.succeed(Cas.unsent({ cause }))
    )
  ),
  swap: (expected, desired) => meetings.swapHost(id, { expected, desired }),
  classifyError: ({ _tag }) =>
    _tag === "TargetNotInMeeting" || _tag === "ParticipantStatusNotExpected" ? "unavailable" : undefined
})
