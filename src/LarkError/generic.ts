/**
 * The codes that any endpoint may answer with.
 *
 * **Details**
 *
 * Source: the page of generic error codes of the Feishu Open Platform, and the pages of its token endpoints (auth-v3,
 * authen-v2 OAuth, app_ticket), which any call that needs a token may end with. A status that those pages do not give, or
 * give in parentheses, is left out.
 *
 * @since 0.1.0
 */
import { Classified } from "../internal/classified.ts"
import { ApiError, describe, type Failure, proved } from "./ApiError.ts"

const unknownAdvice = "Read msg; give the log id to support."

/** Whether an undocumented code was executed: the HTTP status alone says. */
/**
 * Too many calls of this endpoint by this app in this tenant. Code 99991400.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class RateLimited extends ApiError("RateLimited", {
  kind: "platform",
  retry: "wait",
  advice: "Wait for retryAfter, and call less often.",
  codes: { 99991400: { status: 429, msg: "request trigger frequency limit" } }
}) {}

/**
 * The token was rejected, and a renewed one too where there was one.
 *
 * **Details**
 *
 * - 20005: The access token is invalid (older endpoints).
 * - 20006: The user_access_token has expired (older endpoints).
 * - 20013: The tenant_access_token is invalid (older endpoints).
 * - 20014: The app_access_token is invalid (older endpoints).
 * - 99991663: The tenant_access_token is invalid or expired, or the endpoint takes none.
 * - 99991664: The app_access_token is invalid.
 * - 99991665: The tenant code in the token is invalid.
 * - 99991668: The user_access_token is invalid, or the endpoint takes none.
 * - 99991671: The token does not begin as tokens do (t-, u-).
 * - 99991677: The user_access_token has expired.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class TokenRejected extends ApiError("TokenRejected", {
  kind: "setup",
  retry: "token",
  advice: "A renewed token was tried where possible; check which kind of token the endpoint takes, and that the app is "
    + "installed.",
  codes: {
    20005: { kind: "caller", status: 200 },
    20006: { kind: "caller" },
    20013: { status: 200 },
    20014: { status: 200 },
    99991663: { status: 400 },
    99991664: {},
    99991665: {},
    99991668: { kind: "caller", status: 400 },
    99991671: {},
    99991677: { kind: "caller" }
  }
}) {}

/**
 * The request arrived without a token. Code 99991661.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class TokenMissing extends ApiError("TokenMissing", {
  kind: "setup",
  advice: "Check proxies that remove the Authorization header.",
  codes: { 99991661: { status: 400 } }
}) {}

/**
 * The app lacks a scope, or the user has not granted it.
 *
 * **Details**
 *
 * - 99991672: The app lacks a scope, or a field scope such as contact:user.employee_id:readonly for user_id.
 * - 99991679: The user has not granted the app a scope.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class MissingScope extends ApiError("MissingScope", {
  kind: "setup",
  advice: "Grant the app one of `scopes` in the developer console and publish a new version.",
  codes: {
    99991672: { status: 400 },
    99991679: { kind: "caller", advice: "Let the user authorize the app again, with one of `scopes`." }
  }
}) {}

/**
 * The app is disabled, or not installed in the tenant.
 *
 * **Details**
 *
 * - 20009: The app is not installed in the tenant.
 * - 20010: The user may not use the app.
 * - 20069: The app is not enabled.
 * - 20074: The app may not refresh user tokens.
 * - 99991662: The app is disabled.
 * - 99991673: The app is unavailable, or not installed in the tenant.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class AppUnavailable extends ApiError("AppUnavailable", {
  kind: "setup",
  advice: "Install the app in the tenant, and publish its version.",
  codes: {
    20009: { status: 400 },
    20010: { kind: "caller", status: 400, advice: "Add the user to the app's availability range." },
    20069: { status: 400, advice: "Enable the app in the admin console." },
    20074: {
      status: 400,
      advice: "Allow token refresh under Security Settings in the developer console."
    },
    99991662: { advice: "Enable the app in the admin console." },
    99991673: {}
  }
}) {}

/**
 * The platform does not accept the app id and secret.
 *
 * **Details**
 *
 * - 10005: The app id is not authorized.
 * - 10012: The platform issued no app token: the app_ticket is wrong or outdated.
 * - 10013: The platform issued no tenant token.
 * - 10014: The app is not authorized: it is stopped, or its secret is wrong.
 * - 10015: The app secret is wrong.
 * - 10016: The app is not a store app: it has no app_ticket.
 * - 20002: The client secret is wrong.
 * - 20024: The code or refresh token belongs to another app.
 * - 20048: There is no app with this id.
 * - 99991543: There is no app with this id and secret.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class CredentialsRejected extends ApiError("CredentialsRejected", {
  kind: "setup",
  advice: "Check LARK_APP_SECRET; it changes when somebody resets it in the developer console.",
  codes: {
    10005: { advice: "Check LARK_APP_ID, and that the app is enabled." },
    10012: {
      advice: "A new ticket was requested; check LARK_APP_SECRET, and that the webhook receives the pushes."
    },
    10013: { advice: "Check that the app is installed in the tenant." },
    10014: { advice: "Check LARK_APP_SECRET, and that the app is enabled." },
    10015: {},
    10016: { advice: "Use Lark.layer for a custom app." },
    20002: { status: 400 },
    20024: { status: 400, advice: "Check LARK_APP_ID: the user must have authorized this app." },
    20048: { status: 400, advice: "Check LARK_APP_ID and LARK_BRAND: a Feishu app does not exist on Lark." },
    99991543: {
      advice: "Check LARK_APP_ID, LARK_APP_SECRET and LARK_BRAND: a Feishu app does not exist on Lark."
    }
  }
}) {}

/**
 * The caller's address is not in the app's allow-list. Code 99991401.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class IpDenied extends ApiError("IpDenied", {
  kind: "setup",
  advice: "Add the address to the allow-list under Security Settings in the developer console.",
  codes: { 99991401: {} }
}) {}

/**
 * The tenant's quota of API calls for this month is used up. Code 99991403.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class QuotaExhausted extends ApiError("QuotaExhausted", {
  kind: "platform",
  advice: "Buy more calls, or wait until next month.",
  codes: { 99991403: {} }
}) {}

/**
 * The endpoint does not serve this type of user. Code 99991674.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class UserTypeNotSupported extends ApiError("UserTypeNotSupported", {
  kind: "caller",
  advice: "Check the user type.",
  codes: { 99991674: {} }
}) {}

/**
 * A user id does not exist, or belongs to another app or tenant.
 *
 * **Details**
 *
 * - 99991675: The user id cannot be parsed.
 * - 99992351–99992381: The id does not exist, or belongs to another app (99992361) or tenant (99992364, 99992381).
 *
 * @since 0.1.0
 * @category generic errors
 */
export class UserIdRejected extends ApiError("UserIdRejected", {
  kind: "caller",
  advice: "Use an id of this app and this tenant, with the constructor of its kind (openId, unionId, userId).",
  codes: { 99991675: {}, 99992351: { through: 99992381, status: 400 } }
}) {}

/**
 * The token may not call this endpoint. Code 99991676.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class TokenNotPermitted extends ApiError("TokenNotPermitted", {
  kind: "setup",
  advice: "Check the app's permissions and the kind of token.",
  codes: { 99991676: {} }
}) {}

/**
 * Authentication failed for a reason outside the app.
 *
 * **Details**
 *
 * - 99991681: A third party's authentication failed.
 * - 99991692: Authentication failed for another reason.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class AuthenticationFailed extends ApiError("AuthenticationFailed", {
  kind: "setup",
  advice: "Check the tenant's login settings.",
  codes: { 99991681: {}, 99991692: { advice: "Read msg; give the log id to support." } }
}) {}

/**
 * The platform has no such path or method.
 *
 * **Details**
 *
 * - 99991201: The platform has no such path.
 * - 99991301: The path does not take this method.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class RouteNotFound extends ApiError("RouteNotFound", {
  kind: "setup",
  advice: "Check LARK_BASE_URL.",
  codes: { 99991201: {}, 99991301: { advice: "Check LARK_BASE_URL, and proxies that change requests." } }
}) {}

/**
 * A field of the request is invalid. Code 99992402.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class FieldValidationFailed extends ApiError("FieldValidationFailed", {
  kind: "caller",
  advice: "Read `violations`.",
  codes: { 99992402: {} }
}) {}

/**
 * The request is malformed, or a parameter is missing.
 *
 * **Details**
 *
 * - 9499: The request is malformed.
 * - 10003: A parameter is missing or invalid; on token endpoints, the app id.
 * - 20001: A parameter is missing.
 * - 20036: The grant type is not supported.
 * - 20063: The request is malformed.
 * - 20067: A scope is named twice.
 * - 20068: The token request names a scope that the user has not granted.
 * - 20070: The app authenticated in two ways at once.
 * - 20071: The redirect URI is not the one of the authorization.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class InvalidRequest extends ApiError("InvalidRequest", {
  kind: "caller",
  advice: "Check the arguments.",
  codes: {
    9499: {},
    10003: { advice: "Check the arguments, and LARK_APP_ID." },
    20001: { status: 400 },
    20036: { kind: "setup", status: 400, advice: "Check LARK_ACCOUNTS_URL and LARK_BASE_URL." },
    20063: { status: 400 },
    20067: { status: 400, advice: "Name each scope once." },
    20068: { status: 400, advice: "Request only scopes that the login requested." },
    20070: { kind: "setup", status: 400, advice: "Check proxies that add an Authorization header." },
    20071: { status: 400, advice: "Use the redirect URI of the authorize URL." }
  }
}) {}

/**
 * The platform failed; whether it executed the request is not known.
 *
 * **Details**
 *
 * - 1500, 1642, 1663, 1668, 2200, 5000, 20050: The platform failed; whether it executed the request is not known.
 * - 20072: The platform is temporarily unavailable.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class PlatformError extends ApiError("PlatformError", {
  kind: "platform",
  retry: "unknown",
  advice: "Try again later, and less often; if it persists, give the log id to support.",
  codes: {
    1500: {},
    1642: {},
    1663: {},
    1668: {},
    2200: {},
    5000: {},
    20050: { status: 500 },
    20072: { status: 503 }
  }
}) {}

/**
 * A code that is not documented for this endpoint.
 *
 * **Details**
 *
 * It proves nothing about the call, since a proxy can have sent it. With the HTTP status 408, 429 or 5xx `kind` is
 * `platform`, otherwise `caller`: the same call would probably fail again.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class UnknownApiError extends Classified<Failure>()("UnknownApiError", {
  kind: ({ status }) => status >= 500 || status === 408 || status === 429 ? "platform" : "caller",
  retry: (failure) => proved("unknown", failure),
  message: (failure) => describe(failure, unknownAdvice)
}) {
  get advice() {
    return unknownAdvice
  }
}
