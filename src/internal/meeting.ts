/** A meeting in the answers of the platform. */
import * as Option from "effect/Option"
import type { Ability, Meeting, Participant } from "../Meeting.ts"
import { isMeetingId, type MeetingId } from "../MeetingId.ts"
import { isMeetingNo } from "../MeetingNo.ts"
import * as MeetingUser from "../MeetingUser.ts"
import * as wire from "./wire.ts"

const participantOf = <T extends MeetingUser.IdType>(
  idType: T,
  participant: wire.Wire
): Option.Option<Participant<T>> =>
  Option.map(MeetingUser.fromWire(idType, participant), (user) => ({
    user,
    isHost: wire.flag(participant["is_host"]),
    isCohost: wire.flag(participant["is_cohost"]),
    isExternal: wire.flag(participant["is_external"]),
    status: wire.number(participant["status"]),
    firstJoinTime: wire.time(participant["first_join_time"]),
    finalLeaveTime: wire.time(participant["final_leave_time"])
  }))

const abilityOf = (ability: wire.Wire): Ability => ({
  useVideo: wire.flag(ability["use_video"]),
  useAudio: wire.flag(ability["use_audio"]),
  useShareScreen: wire.flag(ability["use_share_screen"]),
  useFollowScreen: wire.flag(ability["use_follow_screen"]),
  useRecording: wire.flag(ability["use_recording"]),
  usePstn: wire.flag(ability["use_pstn"])
})

/** The meeting in an answer that names users by `idType`; `asked` is the id that the request named. */
export const fromWire = <T extends MeetingUser.IdType>(idType: T, asked: MeetingId, meeting: wire.Wire): Meeting<T> => {
  const id = wire.text(meeting["id"])
  return {
    id: isMeetingId(id) ? id : asked,
    topic: wire.text(meeting["topic"]),
    url: wire.text(meeting["url"]),
    meetingNo: Option.liftPredicate(wire.text(meeting["meeting_no"]), isMeetingNo),
    password: wire.someSecret(meeting["password"]),
    status: wire.number(meeting["status"]),
    hostUser: MeetingUser.fromWire(idType, meeting["host_user"]),
    createTime: wire.time(meeting["create_time"]),
    startTime: wire.time(meeting["start_time"]),
    endTime: wire.time(meeting["end_time"]),
    participantCount: Option.liftPredicate(wire.text(meeting["participant_count"]), (count) => /^[0-9]+$/.test(count)),
    participants: wire.list(meeting["participants"]).flatMap((one) => Option.toArray(participantOf(idType, one))),
    ability: Option.map(wire.someObject(meeting["ability"]), abilityOf)
  }
}
