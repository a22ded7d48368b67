import { type ArrivedRequest, booleanIn, idTypeOf } from "../ArrivedRequest.ts"
import {
  isKept,
  type Meeting,
  type MeetingStatus,
  type Participant,
  participantOf,
  type ParticipantStatus
} from "../Meeting.ts"
import * as Reply from "../Reply.ts"
import type { Operators } from "../Tokens.ts"
import { idOf, type IdType, larkUserType, same, toWire } from "../User.ts"
import * as World from "../World.ts"

const meetingStatus: Record<MeetingStatus, number> = { calling: 1, in_progress: 2, ended: 3 }

const participantStatus: Record<ParticipantStatus, number> = { calling: 1, in_meeting: 2, ringing: 3, left: 4 }

export const seconds = (millis: number): string => String(Math.floor(millis / 1000))

interface Asked {
  readonly idType: IdType
  readonly withParticipants: boolean
  readonly withAbility: boolean
  readonly now: number
}

/** What a request wants to know of a meeting, or the refusal of its parameters. */
export const askedIn = (request: ArrivedRequest<"either">, world: World.World): Asked | Reply.Reply => {
  const idType = idTypeOf(request, world.behavior.userIdScope)
  if (Reply.is(idType)) return idType
  const withParticipants = booleanIn(request, "with_participants")
  const withAbility = booleanIn(request, "with_meeting_ability")
  return withParticipants === undefined || withAbility === undefined
    ? Reply.failure(121003)
    // Documented: the ability is for apps only.
    : { idType, withParticipants, withAbility: withAbility && request.operator._tag === "App", now: request.now }
}

const participantView = (meeting: Meeting, participant: Participant, idType: IdType, now: number) => ({
  id: idOf(participant.user, idType),
  first_join_time: seconds(participant.joinedAt),
  final_leave_time: seconds(participant.leftAt ?? 0),
  in_meeting_duration: seconds((participant.leftAt ?? now) - participant.joinedAt),
  user_type: participant.user.userType,
  is_host: same(meeting.host, participant.user),
  is_cohost: participant.isCohost,
  is_external: participant.isExternal,
  status: participantStatus[participant.status]
})

// Documented: with user_id only Lark users are listed; rooms and phones are listed with open_id.
const listed = (meeting: Meeting, idType: IdType): ReadonlyArray<Participant> =>
  idType === "user_id"
    ? meeting.participants.filter((participant) => participant.user.userType === larkUserType)
    : meeting.participants

export const meetingView = (meeting: Meeting, { idType, now, withAbility, withParticipants }: Asked) => ({
  id: meeting.id,
  topic: meeting.topic,
  url: `https://vc.feishu.cn/j/${meeting.meetingNo}`,
  meeting_no: meeting.meetingNo,
  password: "",
  create_time: seconds(meeting.startedAt),
  start_time: seconds(meeting.startedAt),
  end_time: meeting.endedAt === undefined ? "0" : seconds(meeting.endedAt),
  ...(meeting.host === undefined ? {} : { host_user: toWire(meeting.host, idType) }),
  meeting_connect: false,
  status: meetingStatus[meeting.status],
  participant_count: String(meeting.participants.length),
  participant_count_accumulated: String(meeting.participants.length),
  ...(withParticipants
    ? { participants: listed(meeting, idType).map((one) => participantView(meeting, one, idType, now)) }
    : {}),
  ...(withAbility
    ? {
      ability: {
        use_video: true,
        use_audio: true,
        use_share_screen: false,
        use_follow_screen: false,
        use_recording: false,
        use_pstn: false
      }
    }
    : {})
})

/** Whether the operator may read the meeting: an app of the same tenant, or a user who owns it or is a participant. */
export const isReadableBy = (meeting: Meeting, operator: Operators["either"]): boolean =>
  operator._tag === "App"
    ? operator.tenant === meeting.tenant
    : participantOf(meeting, operator.user) !== undefined ||
      same(meeting.owner, operator.user)

/** `GET /vc/v1/meetings/:meeting_id`. */
export const getMeeting = (request: ArrivedRequest<"either", "meeting_id">, world: World.World): Reply.Reply => {
  const { now, operator, params, query } = request
  const asked = askedIn(request, world)
  if (Reply.is(asked)) return asked
  const mode = query["query_mode"] ?? "0"
  if (mode !== "0" && mode !== "1") return Reply.failure(121003)

  const meeting = World.meetingFor(world, operator, params.meeting_id)
  if (meeting === undefined || (meeting !== "foreign" && !isKept(meeting, now))) return Reply.failure(121004)
  if (meeting === "foreign") return Reply.failure(121005)
  if (!isReadableBy(meeting, operator)) return Reply.failure(121005)

  return mode === "1"
    ? Reply.success({ related_artifacts: { note_doc_token: "", verbatim_doc_token: "" } })
    : Reply.success({ meeting: meetingView(meeting, asked) })
}
