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
  /** Whether the app holds the field scope that `user_id_type=user_id` needs. Default `true`. */
  readonly userIdScope: boolean
  /** The code for a wrong app secret. Default `10015`. */
  readonly wrongSecret: 10014 | 10015 | 99991543
}

const likeliest: Behavior = {
  conflictCarriesHost: true,
  withoutOldHost: "unconditional",
  targetIsHost: "success",
  endOfEnded: "meetingStatusUnexpected",
  tenantTokenMayMoveAnyHost: true,
  userIdScope: true,
  wrongSecret: 10015
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
  userIdScope: options.userIdScope ?? likeliest.userIdScope,
  wrongSecret: options.wrongSecret ?? likeliest.wrongSecret
})
