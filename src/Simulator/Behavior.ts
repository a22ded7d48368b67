import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import { optional, Seconds } from "./field.ts"

export const BehaviorOptions = Schema.Struct({
  conflictCarriesHost: optional(
    Schema.Boolean,
    "Whether a 121006 names the current host in data.host_user. Default true."
  ),
  withoutOldHost: optional(
    Schema.Literals(["unconditional", "paramError"]),
    "The result of set_host without old_host_user. Default \"unconditional\"."
  ),
  targetIsHost: optional(
    Schema.Literals(["success", "cannotOperateSelf"]),
    "The result of set_host by an app if the target is already the host and the swap matches. Default \"success\"."
  ),
  conflictStatus: optional(Schema.Literals([409, 200]), "The HTTP status of a 121006. Default 409."),
  conflictIdType: optional(
    Schema.Literals(["asked", "open_id"]),
    "The kind of id by which a 121006 names the host: that of the request, or open_id. Default \"asked\"."
  ),
  oldHostWithoutType: optional(
    Schema.Literals(["paramError", "dataConflict", "comparedById", "ignored"]),
    "The result of set_host if old_host_user has no user_type: 121003, always 121006, or as if it named the host by its id or not at all. Default \"paramError\"."
  ),
  oldHostType: optional(
    Schema.Literals(["compared", "ignored"]),
    "Whether set_host compares the user_type of old_host_user, or its id alone. Default \"compared\"."
  ),
  staleSwapToHost: optional(
    Schema.Literals(["dataConflict", "success", "cannotOperateSelf"]),
    "The result of set_host by an app if the target is already the host and the swap does not match, as when it is sent again after it took effect. Default \"dataConflict\"."
  ),
  formerHost: optional(
    Schema.Literals(["noPermission", "dataConflict"]),
    "The result of set_host by a user who is not the host, if the swap does not match: 121005, or 121006. Default \"noPermission\"."
  ),
  endOfEnded: optional(
    Schema.Literals(["meetingStatusUnexpected", "meetingNotExist"]),
    "The result of end if the meeting has ended. Default \"meetingStatusUnexpected\"."
  ),
  tenantTokenMayMoveAnyHost: optional(
    Schema.Boolean,
    "Whether an app can move the host of a meeting that a user owns. Default true."
  ),
  meetingOfOtherTenant: optional(
    Schema.Literals(["noPermission", "notExist"]),
    "The result of an app's access to a meeting of another tenant: 121005, or as if it did not exist. Default \"noPermission\"."
  ),
  busyInvitee: optional(
    Schema.Literals(["failed", "calleeIsBusy"]),
    "The result of invite for somebody who is in another call: 2 for that person, or 122007. Default \"failed\"."
  ),
  absentTarget: optional(
    Schema.Literals(["failed", "targetNotInMeeting"]),
    "The result of kickout for somebody who is not in the meeting: 2 for that person, or 122004. Default \"failed\"."
  ),
  resultOrder: optional(
    Schema.Literals(["asked", "reversed"]),
    "The order of the results of invite and kickout. Default \"asked\"."
  ),
  resultIds: optional(
    Schema.Literals(["string", "number"]),
    "The JSON type of ids that are digits in the results of kickout. Default \"string\"."
  ),
  briefOrder: optional(
    Schema.Literals(["newestFirst", "oldestFirst"]),
    "The order of the meetings of a number. Default \"newestFirst\"."
  ),
  leaveAtEnd: optional(
    Schema.Boolean,
    "Whether the end of a meeting pushes leave_meeting, with reason 2, for each who is in it. Default true."
  ),
  recordingReadyAfter: optional(
    Seconds,
    "How long after the end of a meeting its recording is ready, in seconds. Default 0."
  ),
  neverRecorded: optional(
    Schema.Literals(["dataNotExist", "recordProcessing", "noRecording"]),
    "The result of reading the recording of a meeting that was not recorded. Default \"dataNotExist\"."
  ),
  unknownHost: optional(
    Schema.Literals(["ignored", "assignHostError"]),
    "The result of a host of a reservation who is unknown: ignored, or 123004. Default \"ignored\"."
  ),
  emptyInUpdate: optional(
    Schema.Literals(["clears", "ignored"]),
    "The result of an empty value in the update of a reservation. Default \"clears\"; an older page has \"ignored\"."
  ),
  noActiveMeeting: optional(
    Schema.Literals(["dataNotExist", "empty"]),
    "The result of get_active_meeting without one. Default \"dataNotExist\"."
  ),
  unknownAddress: optional(
    Schema.Literals(["absent", "empty"]),
    "The user_id of an address that nobody has. Default \"absent\"."
  ),
  mobileEcho: optional(
    Schema.Literals(["asSent", "withCountryCode"]),
    "How the answer repeats a mobile number of mainland China. Default \"asSent\"."
  ),
  userIdScope: optional(
    Schema.Boolean,
    "Whether the app has the field scope for user_id_type=user_id. Default true."
  ),
  wrongSecret: optional(Schema.Literals([10014, 10015, 99991543]), "The code for a wrong app secret. Default 10015."),
  unknownApp: optional(
    Schema.Literals([10014, 99991543]),
    "The code for an unknown app id. Default 99991543; 10014 has been observed too."
  ),
  invalidAppToken: optional(
    Schema.Literals([10013, 20014, 99991664]),
    "The code for an invalid app_access_token in a request for a tenant token. Default 10013."
  ),
  olderTicketAccepted: optional(
    Schema.Boolean,
    "Whether a ticket is accepted after a newer one was pushed. Default true."
  ),
  oauthSuccessCode: optional(
    Schema.Literals(["number", "string"]),
    "The JSON type of the code 0 in a success of OAuth v2. Default \"number\"."
  ),
  reuseEndsSession: optional(
    Schema.Boolean,
    "Whether the second use of a refresh token revokes every refresh token of its login. Default false."
  ),
  refreshGrace: optional(Seconds, "How long after its first use a refresh token works again, in seconds. Default 0.")
})

type Overrides = typeof BehaviorOptions.Type

/**
 * The behavior of the platform where its documentation is silent.
 *
 * @stability unstable
 * @category models
 */
export type Behavior = { readonly [K in keyof Overrides]-?: Exclude<Overrides[K], undefined> }

/**
 * Overrides of the default behavior.
 *
 * @stability unstable
 * @category models
 */
export type BehaviorOptions = { readonly [K in keyof Behavior]?: Behavior[K] | undefined }

const likeliest: Behavior = {
  conflictCarriesHost: true,
  withoutOldHost: "unconditional",
  targetIsHost: "success",
  conflictStatus: 409,
  conflictIdType: "asked",
  oldHostWithoutType: "paramError",
  oldHostType: "compared",
  staleSwapToHost: "dataConflict",
  formerHost: "noPermission",
  endOfEnded: "meetingStatusUnexpected",
  tenantTokenMayMoveAnyHost: true,
  meetingOfOtherTenant: "noPermission",
  busyInvitee: "failed",
  absentTarget: "failed",
  resultOrder: "asked",
  resultIds: "string",
  briefOrder: "newestFirst",
  leaveAtEnd: true,
  recordingReadyAfter: 0,
  neverRecorded: "dataNotExist",
  unknownHost: "ignored",
  emptyInUpdate: "clears",
  noActiveMeeting: "dataNotExist",
  unknownAddress: "absent",
  mobileEcho: "asSent",
  userIdScope: true,
  wrongSecret: 10015,
  unknownApp: 99991543,
  invalidAppToken: 10013,
  olderTicketAccepted: true,
  oauthSuccessCode: "number",
  reuseEndsSession: false,
  refreshGrace: 0
}

export const fromOptions = (options: BehaviorOptions): Behavior => {
  const behavior: { -readonly [K in keyof Behavior]: Behavior[K] } = { ...likeliest }
  const override = <K extends keyof Behavior>(name: K): void => {
    behavior[name] = options[name] ?? likeliest[name]
  }
  for (const name of Struct.keys(likeliest)) override(name)
  return behavior
}
