/** The meeting endpoints, each declared once. Source: Feishu Open Platform, vc-v1 `meeting` (get, set_host, end). */
import * as Schema from "effect/Schema"
import * as LarkError from "../LarkError.ts"
import { endpoint } from "../LarkHttp.ts"

export const get = endpoint({
  name: "vc.v1.meeting.get",
  span: "Meetings.get",
  method: "GET",
  path: "/vc/v1/meetings/:meeting_id",
  token: "either",
  errors: [
    LarkError.InternalError,
    LarkError.NotSupported,
    LarkError.ParamError,
    LarkError.DataNotExist,
    LarkError.NoPermission
  ],
  // The other fields have readers of their own (`internal/meeting.ts`).
  data: Schema.Struct({
    meeting: Schema.StructWithRest(Schema.Struct({ id: Schema.String }), [Schema.Record(Schema.String, Schema.Unknown)])
  })
})

export const setHost = endpoint({
  name: "vc.v1.meeting.set_host",
  span: "Meetings.swapHost",
  method: "PATCH",
  path: "/vc/v1/meetings/:meeting_id/set_host",
  token: "either",
  errors: [
    LarkError.InternalError,
    LarkError.NotSupported,
    LarkError.ParamError,
    LarkError.NoPermission,
    LarkError.DataConflict,
    LarkError.MeetingStatusUnexpected,
    LarkError.MeetingNotExist,
    LarkError.OperatorNotInMeeting,
    LarkError.TargetNotInMeeting,
    LarkError.CannotOperateSelf,
    LarkError.ParticipantStatusNotExpected
  ],
  data: Schema.Record(Schema.String, Schema.Unknown)
})

export const end = endpoint({
  name: "vc.v1.meeting.end",
  span: "Meetings.end",
  method: "PATCH",
  path: "/vc/v1/meetings/:meeting_id/end",
  token: "user",
  errors: [
    LarkError.InternalError,
    LarkError.NotSupported,
    LarkError.ParamError,
    LarkError.NoPermission,
    LarkError.MeetingStatusUnexpected,
    LarkError.MeetingNotExist,
    LarkError.OperatorNotInMeeting
  ]
})
