/** What a snapshot of a meeting says about an intent: who is absent, and whether the host should move. */
import * as Arr from "effect/Array"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import type * as Cas from "../Cas.ts"
import * as Meeting from "../Meeting.ts"
import * as MeetingUser from "../MeetingUser.ts"

/** Of these users, those who are not in the meeting. A meeting that lists nobody says nothing about it. */
const absentOf = <T extends MeetingUser.IdType>(
  { participants }: Meeting.Meeting<T>,
  users: ReadonlyArray<MeetingUser.MeetingUser<T>>
): ReadonlyArray<MeetingUser.MeetingUser<T>> => {
  const present = participants.filter(({ status }) => status === Meeting.ParticipantStatus.InMeeting)
  return participants.length === 0
    ? []
    : users.filter((one) => !present.some(({ user }) => MeetingUser.equals(user, one)))
}

/**
 * The intent for the people of a snapshot, if it calls for another host: one who is present.
 *
 * Somebody who became host after the snapshot has been in the meeting since, whatever the snapshot says.
 */
export const brokenIn = <T extends MeetingUser.IdType>(
  meeting: Meeting.Meeting<T>,
  intent: Cas.Intent<MeetingUser.MeetingUser<T>>
): Cas.Intent<MeetingUser.MeetingUser<T>> | undefined => {
  const absent = absentOf(meeting, intent.values)
  const { hostUser } = meeting
  const forThem: Cas.Intent<MeetingUser.MeetingUser<T>> = {
    ...intent,
    decide: (host, equals, unavailable) => {
      const isNew = !Option.exists(hostUser, (user) => equals(user, host))
      const away = isNew ? absent.filter((user) => !equals(user, host)) : absent
      return intent.decide(host, equals, [...away, ...unavailable])
    }
  }
  if (meeting.status === Meeting.Status.Calling) return undefined
  if (Option.isNone(hostUser)) return forThem
  const decision = forThem.decide(hostUser.value, MeetingUser.equals, [])
  const isFutile = decision._tag !== "Swap" || MeetingUser.equals(decision.to, hostUser.value)
    || absentOf(meeting, [decision.to]).length > 0
  return isFutile ? undefined : forThem
}

/** Its participants, sorted by all of their fields: somebody may be listed twice. */
const inOrder = <T extends MeetingUser.IdType>(meeting: Meeting.Meeting<T>): Meeting.Meeting<T> => ({
  ...meeting,
  participants: Arr.sortWith(meeting.participants, (one) => JSON.stringify(one), Order.String)
})

/** Whether two snapshots show the same. The order of the participants means nothing. */
export const isSame = <T extends MeetingUser.IdType>(a: Meeting.Meeting<T>, b: Meeting.Meeting<T>): boolean =>
  Equal.equals(inOrder(a), inOrder(b))
