import * as Reply from "./Reply.ts"

const errors = {
  20001: [400, "invalid_request", "The request is missing a required parameter."],
  20002: [400, "invalid_client", "The client secret is invalid."],
  20003: [400, "invalid_grant", "The authorization code is not found."],
  20004: [400, "invalid_grant", "The authorization code has expired."],
  20009: [400, "invalid_client", "The specified app is not installed."],
  20024: [400, "invalid_grant", "The code or refresh token does not match the provided client ID."],
  20026: [400, "invalid_grant", "The refresh token passed is invalid."],
  20036: [400, "unsupported_grant_type", "The specified grant_type is not supported."],
  20037: [400, "invalid_grant", "The refresh token passed has expired."],
  20048: [400, "invalid_client", "The specified app does not exist."],
  20049: [400, "invalid_grant", "PKCE code challenge failed."],
  20050: [500, "server_error", "An unexpected server error occurred."],
  20063: [400, "invalid_request", "The request is malformed."],
  20064: [400, "invalid_grant", "The refresh token has been revoked."],
  20065: [400, "invalid_grant", "The authorization code has been used."],
  20067: [400, "invalid_scope", "The provided scope list contains duplicate scopes."],
  20068: [400, "invalid_scope", "The provided scope list contains scopes that are not permitted."],
  20069: [400, "invalid_client", "The specified app is not enabled."],
  20070: [400, "invalid_request", "Multiple authentication methods were provided."],
  20071: [400, "invalid_grant", "The redirect URI does not match the one used during authorization."],
  20072: [503, "temporarily_unavailable", "The server is temporarily unavailable."],
  20073: [400, "invalid_grant", "The refresh token has been used."],
  20074: [400, "unauthorized_client", "The specified app is not allowed to refresh token."]
} as const

export type OAuthCode = keyof typeof errors

/** A failure of an OAuth endpoint: an error of RFC 6749 with a `code` beside it. */
export const oauthFailure = (code: OAuthCode): Reply.Reply => {
  const [status, error, error_description] = errors[code]
  return Reply.json(status, { code, error, error_description })
}
