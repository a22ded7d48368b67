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
