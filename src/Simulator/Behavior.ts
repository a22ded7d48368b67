/**
 * The answers to what the documents leave open, so that a test can ask: and if Feishu does it the other way?
 *
 * @since 0.1.0
 * @category models
 */
export interface Behavior {
  /** Whether a 121006 answer names the current host in `data.host_user`. Default `true`. */
  readonly conflictCarriesHost: boolean
  /** What `set_host` does when `old_host_user` is absent. Default `"unconditional"`. */
  readonly withoutOldHost: "unconditional" | "paramError"
  /** What `set_host` answers to an app whose target is the host already. Default `"success"` (if the swap matches). */
  readonly targetIsHost: "success" | "cannotOperateSelf"
  /** What `end` answers for a meeting that is over. Default `"meetingStatusUnexpected"`. */
  readonly endOfEnded: "meetingStatusUnexpected" | "meetingNotExist"
  /** Whether an app may move the host of a meeting that a user owns. Default `true`. */
  readonly tenantTokenMayMoveAnyHost: boolean
  /** What an app sees of a meeting of another tenant: 121005, or that there is none. Default `"noPermission"`. */
  readonly meetingOfOtherTenant: "noPermission" | "notExist"
  /** Whether the app holds the field scope that `user_id_type=user_id` needs. Default `true`. */
  readonly userIdScope: boolean
  /** The code for a wrong app secret. Default `10015`. */
  readonly wrongSecret: 10014 | 10015 | 99991543
  /** The code for an app id that nobody has. Default `99991543`; 10014 was seen too. */
  readonly unknownApp: 10014 | 99991543
  /** The code for an `app_access_token` with which no tenant token can be had. Default `10013`. */
  readonly invalidAppToken: 10013 | 20014 | 99991664
  /** Whether a ticket still buys an app token once a newer one was pushed. Default `true`. */
  readonly olderTicketAccepted: boolean
  /** How a token endpoint of OAuth v2 writes the code 0 of a success. Default `"number"`. */
  readonly oauthSuccessCode: "number" | "string"
  /** Whether a refresh token that is used again ends the whole session that it began. Default `false`. */
  readonly reuseEndsSession: boolean
  /** For how many seconds after its first use a refresh token works again. Default 0. */
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
 * Some of those answers; the likeliest ones are the default.
 *
 * @since 0.1.0
 * @category models
 */
export type BehaviorOptions = { readonly [K in keyof Behavior]?: Behavior[K] | undefined }

export const fromOptions = (options: BehaviorOptions): Behavior => ({
  conflictCarriesHost: options.conflictCarriesHost ?? likeliest.conflictCarriesHost,
  withoutOldHost: options.withoutOldHost ?? likeliest.withoutOldHost,
  targetIsHost: options.targetIsHost ?? likeliest.targetIsHost,
  endOfEnded: options.endOfEnded ?? likeliest.endOfEnded,
  tenantTokenMayMoveAnyHost: options.tenantTokenMayMoveAnyHost ?? likeliest.tenantTokenMayMoveAnyHost,
  meetingOfOtherTenant: options.meetingOfOtherTenant ?? likeliest.meetingOfOtherTenant,
  userIdScope: options.userIdScope ?? likeliest.userIdScope,
  wrongSecret: options.wrongSecret ?? likeliest.wrongSecret,
  unknownApp: options.unknownApp ?? likeliest.unknownApp,
  invalidAppToken: options.invalidAppToken ?? likeliest.invalidAppToken,
  olderTicketAccepted: options.olderTicketAccepted ?? likeliest.olderTicketAccepted,
  oauthSuccessCode: options.oauthSuccessCode ?? likeliest.oauthSuccessCode,
  reuseEndsSession: options.reuseEndsSession ?? likeliest.reuseEndsSession,
  refreshGrace: options.refreshGrace ?? likeliest.refreshGrace
})
