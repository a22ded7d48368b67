import * as Struct from "effect/Struct"

/**
 * The behavior of the platform where its documentation is silent.
 *
 * @category models
 */
export interface Behavior {
  /** Whether a 121006 names the current host in `data.host_user`. Default `true`. */
  readonly conflictCarriesHost: boolean
  /** The result of `set_host` without `old_host_user`. Default `"unconditional"`. */
  readonly withoutOldHost: "unconditional" | "paramError"
  /** The result of `set_host` by an app if the target is already the host and the swap matches. Default `"success"`. */
  readonly targetIsHost: "success" | "cannotOperateSelf"
  /** The result of `end` if the meeting has ended. Default `"meetingStatusUnexpected"`. */
  readonly endOfEnded: "meetingStatusUnexpected" | "meetingNotExist"
  /** Whether an app can move the host of a meeting that a user owns. Default `true`. */
  readonly tenantTokenMayMoveAnyHost: boolean
  /** The result of an app's access to a meeting of another tenant: 121005, or as if it did not exist. Default `"noPermission"`. */
  readonly meetingOfOtherTenant: "noPermission" | "notExist"
  /** The result of `invite` for somebody who is in another call: 2 for that person, or 122007. Default `"failed"`. */
  readonly busyInvitee: "failed" | "calleeIsBusy"
  /** The result of `kickout` for somebody who is not in the meeting: 2 for that person, or 122004. Default `"failed"`. */
  readonly absentTarget: "failed" | "targetNotInMeeting"
  /** The order of the results of `invite` and `kickout`. Default `"asked"`. */
  readonly resultOrder: "asked" | "reversed"
  /** The JSON type of ids that are digits in the results of `kickout`. Default `"string"`. */
  readonly resultIds: "string" | "number"
  /** The order of the meetings of a number. Default `"newestFirst"`. */
  readonly briefOrder: "newestFirst" | "oldestFirst"
  /** Whether the end of a meeting pushes `leave_meeting`, with reason 2, for each who is in it. Default `true`. */
  readonly leaveAtEnd: boolean
  /** How long after the end of a meeting its recording is ready, in seconds. Default 0. */
  readonly recordingReadyAfter: number
  /** The result of reading the recording of a meeting that was not recorded. Default `"dataNotExist"`. */
  readonly neverRecorded: "dataNotExist" | "recordProcessing" | "noRecording"
  /** The result of a host of a reservation who is unknown: ignored, or 123004. Default `"ignored"`. */
  readonly unknownHost: "ignored" | "assignHostError"
  /** The result of an empty value in the update of a reservation. Default `"clears"`; an older page has `"ignored"`. */
  readonly emptyInUpdate: "clears" | "ignored"
  /** The result of `get_active_meeting` without one. Default `"dataNotExist"`. */
  readonly noActiveMeeting: "dataNotExist" | "empty"
  /** The `user_id` of an address that nobody has. Default `"absent"`. */
  readonly unknownAddress: "absent" | "empty"
  /** How the answer repeats a mobile number of mainland China. Default `"asSent"`. */
  readonly mobileEcho: "asSent" | "withCountryCode"
  /** Whether the app has the field scope for `user_id_type=user_id`. Default `true`. */
  readonly userIdScope: boolean
  /** The code for a wrong app secret. Default `10015`. */
  readonly wrongSecret: 10014 | 10015 | 99991543
  /** The code for an unknown app id. Default `99991543`; 10014 has been observed too. */
  readonly unknownApp: 10014 | 99991543
  /** The code for an invalid `app_access_token` in a request for a tenant token. Default `10013`. */
  readonly invalidAppToken: 10013 | 20014 | 99991664
  /** Whether a ticket is accepted after a newer one was pushed. Default `true`. */
  readonly olderTicketAccepted: boolean
  /** The JSON type of the code 0 in a success of OAuth v2. Default `"number"`. */
  readonly oauthSuccessCode: "number" | "string"
  /** Whether the second use of a refresh token revokes every refresh token of its login. Default `false`. */
  readonly reuseEndsSession: boolean
  /** How long after its first use a refresh token works again, in seconds. Default 0. */
  readonly refreshGrace: number
}

const likeliest: Behavior = {
  conflictCarriesHost: true,
  withoutOldHost: "unconditional",
  targetIsHost: "success",
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

/**
 * Overrides of the default behavior.
 *
 * @category models
 */
export type BehaviorOptions = { readonly [K in keyof Behavior]?: Behavior[K] | undefined }

export const fromOptions = (options: BehaviorOptions): Behavior => {
  const behavior: { -readonly [K in keyof Behavior]: Behavior[K] } = { ...likeliest }
  const override = <K extends keyof Behavior>(name: K): void => {
    behavior[name] = options[name] ?? likeliest[name]
  }
  for (const name of Struct.keys(likeliest)) override(name)
  return behavior
}
