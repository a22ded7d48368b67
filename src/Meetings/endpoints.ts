/**
 * The meeting endpoints as data: path, documented codes, shape of the answer.
 *
 * Source: Feishu Open Platform, vc-v1 `meeting` (get, set_host, end).
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Meeting from "../internal/meeting.ts"
import * as LarkError from "../LarkError.ts"
import { endpoint } from "../LarkHttp.ts"

/** What `set_host` answers. */
export interface Swap {
  readonly isApplied: boolean
  readonly hostUser: unknown
}

export const get = endpoint({
  name: "vc.v1.meeting.get",
  method: "GET",
  path: "/vc/v1/meetings/:meeting_id",
  errors: [
    LarkError.InternalError,
    LarkError.NotSupported,
    LarkError.ParamError,
    LarkError.DataNotExist,
    LarkError.NoPermission
  ],
  data: Meeting.Wire
})

const swap = endpoint({
  name: "vc.v1.meeting.set_host",
  method: "PATCH",
  path: "/vc/v1/meetings/:meeting_id/set_host",
  errors: [
    LarkError.InternalError,
    LarkError.NotSupported,
    LarkError.ParamError,
    LarkError.NoPermission,
    LarkError.MeetingStatusUnexpected,
    LarkError.MeetingNotExist,
    LarkError.OperatorNotInMeeting,
    LarkError.TargetNotInMeeting,
    LarkError.CannotOperateSelf,
    LarkError.ParticipantStatusNotExpected
  ],
  data: Schema.Struct({ host_user: Schema.optional(Schema.Unknown) })
})

const conflict = 121006

/** A compare-and-swap that was not done is not one that failed: the answer tells the host. */
export const setHost = {
  ...swap,
  answers: [conflict],
  decode: (data: unknown, code: number): Effect.Effect<Swap, Schema.SchemaError> =>
    code === conflict
      ? Effect.succeed({ isApplied: false, hostUser: Predicate.isObject(data) ? data["host_user"] : undefined })
      : Effect.map(swap.decode(data, code), ({ host_user }) => ({ isApplied: true, hostUser: host_user }))
}

export const end = endpoint({
  name: "vc.v1.meeting.end",
  method: "PATCH",
  path: "/vc/v1/meetings/:meeting_id/end",
  errors: [
    LarkError.InternalError,
    LarkError.NotSupported,
    LarkError.ParamError,
    LarkError.NoPermission,
    LarkError.MeetingStatusUnexpected,
    LarkError.MeetingNotExist,
    LarkError.OperatorNotInMeeting
  ],
  data: Schema.Unknown
})
