/**
 * The codes that any endpoint may answer with.
 *
 * Source: the page of generic error codes of the Feishu Open Platform, and the pages of its token endpoints (auth-v3,
 * authen-v2 OAuth, app_ticket), which any call that needs a token may end with. A status that those pages do not give, or
 * give in parentheses, is left out.
 */
import { ApiError } from "./ApiError.ts"

/**
 * Too many calls of this endpoint by this app in this tenant. Code 99991400 (HTTP 429, `request trigger frequency limit`).
 *
 * @stability stable
 * @category generic errors
 */
export class RateLimited extends ApiError("RateLimited", {
  kind: "platform",
  retry: "wait",
  advice: "Wait for retryAfter, and call less often.",
  codes: [99991400]
}) {}

/**
 * The token was rejected, and a renewed one too where there was one.
 *
 * - 20005 (HTTP 200): The access token is invalid (older endpoints).
 * - 20006: The user_access_token has expired (older endpoints).
 * - 20013 (HTTP 200): The tenant_access_token is invalid (older endpoints).
 * - 20014 (HTTP 200): The app_access_token is invalid (older endpoints).
 * - 99991663 (HTTP 400): The tenant_access_token is invalid or expired, or the endpoint takes none.
 * - 99991664: The app_access_token is invalid.
 * - 99991665: The tenant code in the token is invalid.
 * - 99991668 (HTTP 400): The user_access_token is invalid, or the endpoint takes none.
 * - 99991671: The token does not begin as tokens do (t-, u-).
 * - 99991677: The user_access_token has expired.
 *
 * @stability stable
 * @category generic errors
 */
export class TokenRejected extends ApiError("TokenRejected", {
  kind: "setup",
  retry: "token",
  advice: "Check the kind of token that the endpoint takes, and that the app is installed.",
  codes: [
    20013,
    20014,
    99991663,
    99991664,
    99991665,
    99991671,
    { code: 20005, kind: "caller" },
    { code: 20006, kind: "caller" },
    { code: 99991668, kind: "caller" },
    { code: 99991677, kind: "caller" }
  ]
}) {}

/**
 * The request arrived without a token. Code 99991661 (HTTP 400).
 *
 * @stability stable
 * @category generic errors
 */
export class TokenMissing extends ApiError("TokenMissing", {
  kind: "setup",
  advice: "Check proxies that remove the Authorization header.",
  codes: [99991661]
}) {}

/**
 * The app lacks a scope, or the user has not granted it.
 *
 * - 99991672 (HTTP 400): The app lacks a scope, or a field scope such as contact:user.employee_id:readonly for user_id.
 * - 99991679: The user has not granted the app a scope.
 *
 * @stability stable
 * @category generic errors
 */
export class MissingScope extends ApiError("MissingScope", {
  kind: "setup",
  advice: "Grant the app one of `scopes` in the developer console and publish a new version.",
  codes: [
    99991672,
    { code: 99991679, kind: "caller", advice: "Let the user authorize the app again, with one of `scopes`." }
  ]
}) {}

/**
 * The app is disabled, or not installed in the tenant.
 *
 * - 20009 (HTTP 400): The app is not installed in the tenant.
 * - 20010 (HTTP 400): The user may not use the app.
 * - 20069 (HTTP 400): The app is not enabled.
 * - 20074 (HTTP 400): The app may not refresh user tokens.
 * - 99991662: The app is disabled.
 * - 99991673: The app is unavailable, or not installed in the tenant.
 *
 * @stability stable
 * @category generic errors
 */
export class AppUnavailable extends ApiError("AppUnavailable", {
  kind: "setup",
  advice: "Install the app in the tenant, and publish its version.",
  codes: [
    20009,
    99991673,
    { code: 20010, kind: "caller", advice: "Add the user to the app's availability range." },
    { code: 20069, advice: "Enable the app in the admin console." },
    { code: 20074, advice: "Allow token refresh under Security Settings in the developer console." },
    { code: 99991662, advice: "Enable the app in the admin console." }
  ]
}) {}

/**
 * The platform does not accept the app id and secret.
 *
 * - 10005: The app id is not authorized.
 * - 10012: The platform issued no app token: the app_ticket is wrong or outdated.
 * - 10013: The platform issued no tenant token.
 * - 10014: The app is not authorized: it is stopped, or its secret is wrong.
 * - 10015: The app secret is wrong.
 * - 10016: The app is not a store app: it has no app_ticket.
 * - 20002 (HTTP 400): The client secret is wrong.
 * - 20024 (HTTP 400): The code or refresh token belongs to another app.
 * - 20048 (HTTP 400): There is no app with this id.
 * - 99991543: There is no app with this id and secret.
 *
 * @stability stable
 * @category generic errors
 */
export class CredentialsRejected extends ApiError("CredentialsRejected", {
  kind: "setup",
  advice: "Check LARK_APP_SECRET; it changes when somebody resets it in the developer console.",
  codes: [
    10015,
    20002,
    { code: 10005, advice: "Check LARK_APP_ID, and that the app is enabled." },
    {
      code: 10012,
      advice: "A new ticket was requested; check LARK_APP_SECRET, and that the webhook receives the pushes."
    },
    { code: 10013, advice: "Check that the app is installed in the tenant." },
    { code: 10014, advice: "Check LARK_APP_SECRET, and that the app is enabled." },
    { code: 10016, advice: "Use Lark.layer for a custom app." },
    { code: 20024, advice: "Check LARK_APP_ID: the user must have authorized this app." },
    { code: 20048, advice: "Check LARK_APP_ID and LARK_BRAND: a Feishu app does not exist on Lark." },
    {
      code: 99991543,
      advice: "Check LARK_APP_ID, LARK_APP_SECRET and LARK_BRAND: a Feishu app does not exist on Lark."
    }
  ]
}) {}

/**
 * The caller's address is not in the app's allow-list. Code 99991401.
 *
 * @stability stable
 * @category generic errors
 */
export class IpDenied extends ApiError("IpDenied", {
  kind: "setup",
  advice: "Add the address to the allow-list under Security Settings in the developer console.",
  codes: [99991401]
}) {}

/**
 * The tenant's quota of API calls for this month is used up. Code 99991403.
 *
 * @stability stable
 * @category generic errors
 */
export class QuotaExhausted extends ApiError("QuotaExhausted", {
  kind: "platform",
  advice: "Buy more calls, or wait until next month.",
  codes: [99991403]
}) {}

/**
 * The endpoint does not serve this type of user. Code 99991674.
 *
 * @stability stable
 * @category generic errors
 */
export class UserTypeNotSupported extends ApiError("UserTypeNotSupported", {
  advice: "Check the user type.",
  codes: [99991674]
}) {}

/**
 * A user id does not exist, or belongs to another app or tenant.
 *
 * - 99991675: The user id cannot be parsed.
 * - 99992351–99992381 (HTTP 400): The id does not exist, or belongs to another app (99992361) or tenant (99992364, 99992381).
 *
 * @stability stable
 * @category generic errors
 */
export class UserIdRejected extends ApiError("UserIdRejected", {
  advice: "Use an id of this app and this tenant, with the constructor of its kind (openId, unionId, userId).",
  codes: [
    99991675,
    { code: 99992351, through: 99992381 }
  ]
}) {}

/**
 * The token may not call this endpoint. Code 99991676.
 *
 * @stability stable
 * @category generic errors
 */
export class TokenNotPermitted extends ApiError("TokenNotPermitted", {
  kind: "setup",
  advice: "Check the app's permissions and the kind of token.",
  codes: [99991676]
}) {}

/**
 * Authentication failed for a reason outside the app.
 *
 * - 99991681: A third party's authentication failed.
 * - 99991692: Authentication failed for another reason.
 *
 * @stability stable
 * @category generic errors
 */
export class AuthenticationFailed extends ApiError("AuthenticationFailed", {
  kind: "setup",
  advice: "Check the tenant's login settings.",
  codes: [
    99991681,
    { code: 99991692, advice: "Read msg; give the log id to support." }
  ]
}) {}

/**
 * The platform has no such path or method.
 *
 * - 99991201: The platform has no such path.
 * - 99991301: The path does not take this method.
 *
 * @stability stable
 * @category generic errors
 */
export class RouteNotFound extends ApiError("RouteNotFound", {
  kind: "setup",
  advice: "Check LARK_BASE_URL.",
  codes: [
    99991201,
    { code: 99991301, advice: "Check LARK_BASE_URL, and proxies that change requests." }
  ]
}) {}

/**
 * A field of the request is invalid. Code 99992402.
 *
 * @stability stable
 * @category generic errors
 */
export class FieldValidationFailed extends ApiError("FieldValidationFailed", {
  advice: "Read `violations`.",
  codes: [99992402]
}) {}

/**
 * The request is malformed, or a parameter is missing.
 *
 * - 9499: The request is malformed.
 * - 10003: A parameter is missing or invalid; on token endpoints, the app id.
 * - 20001 (HTTP 400): A parameter is missing.
 * - 20036 (HTTP 400): The grant type is not supported.
 * - 20063 (HTTP 400): The request is malformed.
 * - 20067 (HTTP 400): A scope is named twice.
 * - 20068 (HTTP 400): The token request names a scope that the user has not granted.
 * - 20070 (HTTP 400): The app authenticated in two ways at once.
 * - 20071 (HTTP 400): The redirect URI is not the one of the authorization.
 *
 * @stability stable
 * @category generic errors
 */
export class InvalidRequest extends ApiError("InvalidRequest", {
  advice: "Check the arguments.",
  codes: [
    9499,
    20001,
    20063,
    { code: 10003, advice: "Check the arguments, and LARK_APP_ID." },
    { code: 20036, kind: "setup", advice: "Check LARK_ACCOUNTS_URL and LARK_BASE_URL." },
    { code: 20067, advice: "Name each scope once." },
    { code: 20068, advice: "Request only scopes that the login requested." },
    { code: 20070, kind: "setup", advice: "Check proxies that add an Authorization header." },
    { code: 20071, advice: "Use the redirect URI of the authorize URL." }
  ]
}) {}

/**
 * The platform failed; whether it executed the request is not known.
 *
 * - 1500, 1642, 1663, 1668, 2200, 5000, 20050 (HTTP 500): The platform failed; whether it executed the request is not known.
 * - 20072 (HTTP 503): The platform is temporarily unavailable.
 *
 * @stability stable
 * @category generic errors
 */
export class PlatformError extends ApiError("PlatformError", {
  kind: "platform",
  retry: "unknown",
  advice: "Try again later, and less often; if it persists, give the log id to support.",
  codes: [1500, 1642, 1663, 1668, 2200, 5000, 20050, 20072]
}) {}

/**
 * A code that is not documented for this endpoint. It proves nothing about the call, since a proxy can have sent it.
 * `kind` is `platform` with the HTTP status 408, 429 or 5xx, otherwise `caller`: the same call would probably fail again.
 *
 * @stability stable
 * @category generic errors
 */
export class UnknownApiError extends ApiError<"UnknownApiError", "platform" | "caller", "unknown">("UnknownApiError", {
  kind: "caller",
  retry: "unknown",
  advice: "Read msg; give the log id to support.",
  codes: []
}) {
  override get kind() {
    return this.status >= 500 || this.status === 408 || this.status === 429 ? "platform" : "caller"
  }
}
