/** Who takes part in `verify`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Meeting from "../../Meeting.ts"
import * as MeetingUser from "../../MeetingUser.ts"
import { Account, type AccountError } from "../account.ts"
import { UnsuitablePerson } from "../errors.ts"
import * as People from "../person.ts"
import type { User } from "./stage.ts"
import type { Cast } from "./swaps.ts"

const isPresent = (meeting: Meeting.Meeting<"open_id">, user: MeetingUser.MeetingUser) =>
  meeting.participants.some((participant) =>
    participant.status === Meeting.ParticipantStatus.InMeeting && MeetingUser.equals(participant.user, user)
  )

/** Somebody who was named, in the words of the command line. */
export interface Other {
  readonly text: string
  readonly named: People.Named
}

/** The user who is logged in, if that user is in the meeting. */
const operatorIn = Effect.fnUntraced(function*(
  meeting: Meeting.Meeting<"open_id">
): Effect.fn.Return<Cast["user"], AccountError, Account> {
  const { session } = yield* Account
  const found = yield* Effect.matchEffect(session, {
    onFailure: (error) => error._tag === "NotLoggedIn" ? Effect.succeedNone : Effect.fail(error),
    onSuccess: Effect.succeedSome
  })
  if (Option.isNone(found) || Option.isNone(found.value.user)) return Option.none()
  const user = found.value.user.value
  return MeetingUser.hasIdType(user, "open_id") && isPresent(meeting, user)
    ? Option.some({ user, session: found.value })
    : Option.none()
})

/**
 * The cast; or why the host role cannot be moved in this meeting. Fails with `UnsuitablePerson` for somebody who cannot be
 * made host for a moment.
 */
export const make = Effect.fnUntraced(function*(
  meeting: Meeting.Meeting<"open_id">,
  others: ReadonlyArray<Other>,
  owner: Cast["owner"]
) {
  const found: Array<User> = []
  for (const { named, text } of others) {
    const user = yield* People.find(named)
    const reason = Option.exists(meeting.hostUser, (host) => MeetingUser.equals(host, user))
      ? "is the host"
      : found.some((before) => MeetingUser.equals(before, user))
      ? "is named twice"
      : isPresent(meeting, user)
      ? undefined
      : "is not in the meeting"
    if (reason !== undefined) return yield* new UnsuitablePerson({ person: text, reason })
    found.push(user)
  }
  const [other, third] = found
  if (other === undefined) return { missing: "nobody was named with --other" }
  if (Option.isNone(meeting.hostUser)) return { missing: "the meeting has no host" }
  const first = meeting.hostUser.value
  // Otherwise the role could not be put back.
  if (first.userType !== MeetingUser.UserType.User) {
    return { missing: "the host is not a user, but a room or a telephone" }
  }
  if (!isPresent(meeting, first)) return { missing: "the host is not in the meeting" }
  const cast: Cast = { first, other, third: Option.fromUndefinedOr(third), user: yield* operatorIn(meeting), owner }
  return cast
})
