/**
 * The codes of the platform as data: what each means, which class stands for it, and what to do about it.
 *
 * **Details**
 *
 * `retry` says what an answer with this code proves of the request: `never` (refused, and would be again), `wait` (not
 * executed; later it may be), `token` (not executed; another token may help), `unknown` (may have been executed).
 *
 * Source: the error tables of the endpoints under vc-v1 `meeting`, `meeting-recording` and `reserve`, and the page of
 * generic error codes of the Feishu Open Platform, and the pages of its token endpoints (auth-v3, authen-v2 OAuth,
 * app_ticket). Statuses in parentheses there, or in none of the tables, are absent.
 *
 * @internal
 */
export interface Row {
  readonly code: number
  /** The last code of a range. */
  readonly through?: number
  readonly tag: string
  readonly kind: "meeting" | "generic" | "token"
  readonly status?: number
  readonly msg?: string
  readonly meaning: string
  readonly advice: string
  readonly retry: "never" | "wait" | "token" | "unknown"
}

const renew = "The token was renewed and the call repeated once where that was possible; check which kind of token the "
  + "endpoint takes and whether the app is still installed."

const wrongUser = "Take the id from this app and this tenant, and pass it under its own kind (openId, unionId, userId)."

const login = "Send the user through the login again (OAuth.authorize); no retry can help."

const later = "Try again later, and more slowly; give the log id to support if it stays."

export const codes = [
  {
    code: 121001,
    tag: "InternalError",
    kind: "meeting",
    status: 500,
    msg: "internal error",
    meaning: "The server failed; whether it executed the request is not known.",
    advice: "Try again; if it stays, ask the administrator with the log id.",
    retry: "unknown"
  },
  {
    code: 121002,
    tag: "NotSupported",
    kind: "meeting",
    status: 400,
    msg: "not support",
    meaning: "This meeting does not support the operation.",
    advice: "Do without it for this kind of meeting.",
    retry: "never"
  },
  {
    code: 121003,
    tag: "ParamError",
    kind: "meeting",
    status: 400,
    msg: "param error",
    meaning: "An argument is out of range or malformed.",
    advice: "Check the ids, their kind and the other arguments against the endpoint's page.",
    retry: "never"
  },
  {
    code: 121004,
    tag: "DataNotExist",
    kind: "meeting",
    status: 404,
    msg: "data not exist",
    meaning: "What the request names does not exist, or is older than 90 days.",
    advice: "Check the id; a meeting number or reserve id is not a meeting id.",
    retry: "never"
  },
  {
    code: 121005,
    tag: "NoPermission",
    kind: "meeting",
    status: 403,
    msg: "no permission",
    meaning: "The caller may not do this to this meeting.",
    advice: "Check the kind of token, who the operator is (a user must be the current host) and who owns the meeting.",
    retry: "never"
  },
  {
    code: 121006,
    tag: "DataConflict",
    kind: "meeting",
    status: 409,
    msg: "data conflict",
    meaning: "The host is not the expected one any more.",
    advice: "Use Meetings.setHost, which learns the host from the conflict and goes on.",
    retry: "never"
  },
  {
    code: 122001,
    tag: "MeetingStatusUnexpected",
    kind: "meeting",
    status: 400,
    msg: "meeting status unexpected",
    meaning: "The meeting is not in a state for this; most operations need one in progress.",
    advice: "Read the meeting's status first.",
    retry: "never"
  },
  {
    code: 122002,
    tag: "MeetingNotExist",
    kind: "meeting",
    status: 404,
    msg: "meeting not exist",
    meaning: "There is no such meeting.",
    advice: "Check the meeting id; it exists only once the meeting has started.",
    retry: "never"
  },
  {
    code: 122003,
    tag: "OperatorNotInMeeting",
    kind: "meeting",
    status: 400,
    msg: "operator user not in meeting",
    meaning: "The user whose token was used is not in the meeting.",
    advice: "Join first, or call as the app where the endpoint allows it.",
    retry: "never"
  },
  {
    code: 122004,
    tag: "TargetNotInMeeting",
    kind: "meeting",
    status: 400,
    msg: "target user not in meeting",
    meaning: "The user to operate on is not in the meeting.",
    advice: "Wait until the user has joined, or choose another.",
    retry: "never"
  },
  {
    code: 122005,
    tag: "CannotOperateSelf",
    kind: "meeting",
    status: 400,
    msg: "cannot operate self",
    meaning: "The operator and the target are the same user.",
    advice: "Choose another target.",
    retry: "never"
  },
  {
    code: 122006,
    tag: "ParticipantCountReachLimit",
    kind: "meeting",
    status: 400,
    msg: "participant count reach limit",
    meaning: "The meeting is full.",
    advice: "Invite later.",
    retry: "never"
  },
  {
    code: 122007,
    tag: "CalleeIsBusy",
    kind: "meeting",
    status: 400,
    msg: "callee is busy",
    meaning: "The user is in another call.",
    advice: "Invite later.",
    retry: "never"
  },
  {
    code: 122008,
    tag: "MeetingIsLocked",
    kind: "meeting",
    status: 400,
    msg: "meeting is locked",
    meaning: "The host has locked the meeting.",
    advice: "Ask the host to unlock it.",
    retry: "never"
  },
  {
    code: 122009,
    tag: "ParticipantStatusNotExpected",
    kind: "meeting",
    status: 400,
    msg: "participant status not expected",
    meaning: "The target is not fully in the meeting, for example still ringing.",
    advice: "Wait until the user has joined, or choose another.",
    retry: "never"
  },
  {
    code: 123002,
    tag: "RecordParamError",
    kind: "meeting",
    status: 400,
    msg: "record param error",
    meaning: "Automatic recording is not available for this kind of meeting (a one-to-one call).",
    advice: "Leave automatic recording off.",
    retry: "never"
  },
  {
    code: 123003,
    tag: "AssignHostExceedMaxLimit",
    kind: "meeting",
    status: 400,
    msg: "assign host exceed max limit 10",
    meaning: "More than ten hosts were assigned.",
    advice: "Assign at most ten.",
    retry: "never"
  },
  {
    code: 123004,
    tag: "AssignHostError",
    kind: "meeting",
    status: 400,
    msg: "assign host error",
    meaning: "An assigned host does not exist.",
    advice: "Check the ids of the assigned hosts.",
    retry: "never"
  },
  {
    code: 123006,
    tag: "InvalidPassword",
    kind: "meeting",
    status: 400,
    msg: "invalid password",
    meaning: "The meeting password is not of four to nine digits.",
    advice: "Use four to nine digits, or the empty string for none.",
    retry: "never"
  },
  {
    code: 124002,
    tag: "RecordProcessing",
    kind: "meeting",
    status: 400,
    msg: "record processing",
    meaning: "The recording file is still being produced.",
    advice: "Ask again later.",
    retry: "wait"
  },
  {
    code: 99991400,
    tag: "RateLimited",
    kind: "generic",
    status: 429,
    msg: "request trigger frequency limit",
    meaning: "Too many calls of this endpoint by this app in this tenant.",
    advice: "Wait for retryAfter, and call less often.",
    retry: "wait"
  },
  {
    code: 99991663,
    tag: "TokenRejected",
    kind: "generic",
    status: 400,
    meaning: "The tenant_access_token is invalid or expired, or the endpoint takes none.",
    advice: renew,
    retry: "token"
  },
  {
    code: 99991664,
    tag: "TokenRejected",
    kind: "generic",
    meaning: "The app_access_token is invalid.",
    advice: renew,
    retry: "token"
  },
  {
    code: 99991665,
    tag: "TokenRejected",
    kind: "generic",
    meaning: "The tenant code in the token is invalid.",
    advice: renew,
    retry: "token"
  },
  {
    code: 99991668,
    tag: "TokenRejected",
    kind: "generic",
    status: 400,
    meaning: "The user_access_token is invalid, or the endpoint takes none.",
    advice: renew,
    retry: "token"
  },
  {
    code: 99991671,
    tag: "TokenRejected",
    kind: "generic",
    meaning: "The token has not the form of one (t-, u-).",
    advice: renew,
    retry: "token"
  },
  {
    code: 99991677,
    tag: "TokenRejected",
    kind: "generic",
    meaning: "The user_access_token has expired.",
    advice: renew,
    retry: "token"
  },
  {
    code: 20005,
    tag: "TokenRejected",
    kind: "generic",
    status: 200,
    meaning: "The access token is invalid (older endpoints).",
    advice: renew,
    retry: "token"
  },
  {
    code: 20006,
    tag: "TokenRejected",
    kind: "generic",
    meaning: "The user_access_token has expired (older endpoints).",
    advice: renew,
    retry: "token"
  },
  {
    code: 20013,
    tag: "TokenRejected",
    kind: "generic",
    status: 200,
    meaning: "The tenant_access_token is invalid (older endpoints).",
    advice: renew,
    retry: "token"
  },
  {
    code: 20014,
    tag: "TokenRejected",
    kind: "generic",
    status: 200,
    meaning: "The app_access_token is invalid (older endpoints).",
    advice: renew,
    retry: "token"
  },
  {
    code: 99991661,
    tag: "TokenMissing",
    kind: "generic",
    status: 400,
    meaning: "The request arrived without a token.",
    advice: "Something between the client and the platform removes the Authorization header; check proxies.",
    retry: "never"
  },
  {
    code: 99991672,
    tag: "MissingScope",
    kind: "generic",
    status: 400,
    meaning: "The app lacks a scope, or a field scope such as contact:user.employee_id:readonly for user_id.",
    advice: "Grant the app one of `scopes` in the developer console and publish a new version.",
    retry: "never"
  },
  {
    code: 99991679,
    tag: "MissingScope",
    kind: "generic",
    meaning: "The user has not granted the app a scope.",
    advice: "Let the user authorize the app again, with one of `scopes`.",
    retry: "never"
  },
  {
    code: 99991662,
    tag: "AppUnavailable",
    kind: "generic",
    meaning: "The app is disabled.",
    advice: "Enable the app in the admin console.",
    retry: "never"
  },
  {
    code: 99991673,
    tag: "AppUnavailable",
    kind: "generic",
    meaning: "The app is unavailable, or not installed in the tenant.",
    advice: "Install the app in the tenant, and check that its version is published.",
    retry: "never"
  },
  {
    code: 99991543,
    tag: "CredentialsRejected",
    kind: "generic",
    meaning: "There is no app with this id and secret.",
    advice: "Check LARK_APP_ID and LARK_APP_SECRET, and LARK_BRAND: a Feishu app does not exist on Lark.",
    retry: "never"
  },
  {
    code: 10005,
    tag: "CredentialsRejected",
    kind: "token",
    meaning: "The app id is not authorized.",
    advice: "Check LARK_APP_ID, and that the app is enabled.",
    retry: "never"
  },
  {
    code: 10013,
    tag: "CredentialsRejected",
    kind: "token",
    meaning: "The platform issued no tenant token.",
    advice: "Check that the app is installed in the tenant.",
    retry: "never"
  },
  {
    code: 10014,
    tag: "CredentialsRejected",
    kind: "token",
    meaning: "The app is not authorized: it is stopped, or its secret is wrong.",
    advice: "Check LARK_APP_SECRET, and that the app is enabled.",
    retry: "never"
  },
  {
    code: 10015,
    tag: "CredentialsRejected",
    kind: "token",
    meaning: "The app secret is wrong.",
    advice: "Check LARK_APP_SECRET; it changes when somebody resets it in the developer console.",
    retry: "never"
  },
  {
    code: 99991401,
    tag: "IpDenied",
    kind: "generic",
    meaning: "The caller's address is not in the app's allow-list.",
    advice: "Add the address under Security Settings in the developer console.",
    retry: "never"
  },
  {
    code: 99991403,
    tag: "QuotaExhausted",
    kind: "generic",
    meaning: "The tenant's quota of API calls for this month is used up.",
    advice: "Buy more calls, or wait for the next month.",
    retry: "never"
  },
  {
    code: 99991674,
    tag: "UserTypeNotSupported",
    kind: "generic",
    meaning: "The endpoint does not serve this type of user.",
    advice: "Check the user type.",
    retry: "never"
  },
  {
    code: 99991675,
    tag: "UserIdRejected",
    kind: "generic",
    meaning: "The user id cannot be parsed.",
    advice: wrongUser,
    retry: "never"
  },
  {
    code: 99992351,
    through: 99992381,
    tag: "UserIdRejected",
    kind: "generic",
    status: 400,
    meaning: "The id does not exist, or belongs to another app (99992361) or tenant (99992364, 99992381).",
    advice: wrongUser,
    retry: "never"
  },
  {
    code: 99991676,
    tag: "TokenNotPermitted",
    kind: "generic",
    meaning: "The token may not call this endpoint.",
    advice: "Check the app's permissions and the kind of token.",
    retry: "never"
  },
  {
    code: 99991681,
    tag: "AuthenticationFailed",
    kind: "generic",
    meaning: "A third party's authentication failed.",
    advice: "Check the tenant's login settings.",
    retry: "never"
  },
  {
    code: 99991692,
    tag: "AuthenticationFailed",
    kind: "generic",
    meaning: "Authentication failed for another reason.",
    advice: "Read msg; give the log id to support.",
    retry: "never"
  },
  {
    code: 99991201,
    tag: "RouteNotFound",
    kind: "generic",
    meaning: "The platform has no such path.",
    advice: "Check LARK_BASE_URL.",
    retry: "never"
  },
  {
    code: 99991301,
    tag: "RouteNotFound",
    kind: "generic",
    meaning: "The path does not take this method.",
    advice: "Check LARK_BASE_URL, and proxies that change requests.",
    retry: "never"
  },
  {
    code: 99992402,
    tag: "FieldValidationFailed",
    kind: "generic",
    meaning: "A field of the request is invalid.",
    advice: "Read `violations`.",
    retry: "never"
  },
  {
    code: 9499,
    tag: "InvalidRequest",
    kind: "generic",
    meaning: "The request is malformed.",
    advice: "Check the arguments.",
    retry: "never"
  },
  {
    code: 10003,
    tag: "InvalidRequest",
    kind: "generic",
    meaning: "A parameter is missing or invalid; on token endpoints, the app id.",
    advice: "Check the arguments, and LARK_APP_ID.",
    retry: "never"
  },
  {
    code: 1500,
    tag: "PlatformError",
    kind: "generic",
    meaning: "The platform failed; whether it executed the request is not known.",
    advice: later,
    retry: "unknown"
  },
  {
    code: 1642,
    tag: "PlatformError",
    kind: "generic",
    meaning: "The platform failed; whether it executed the request is not known.",
    advice: later,
    retry: "unknown"
  },
  {
    code: 1663,
    tag: "PlatformError",
    kind: "generic",
    meaning: "The platform failed; whether it executed the request is not known.",
    advice: later,
    retry: "unknown"
  },
  {
    code: 1668,
    tag: "PlatformError",
    kind: "generic",
    meaning: "The platform failed; whether it executed the request is not known.",
    advice: later,
    retry: "unknown"
  },
  {
    code: 2200,
    tag: "PlatformError",
    kind: "generic",
    meaning: "The platform failed; whether it executed the request is not known.",
    advice: later,
    retry: "unknown"
  },
  {
    code: 5000,
    tag: "PlatformError",
    kind: "generic",
    meaning: "The platform failed; whether it executed the request is not known.",
    advice: later,
    retry: "unknown"
  },
  {
    code: 10012,
    tag: "CredentialsRejected",
    kind: "token",
    meaning: "The platform issued no app token: the app_ticket is wrong or outdated.",
    advice: "A new ticket was asked for; check LARK_APP_SECRET, and that the webhook receives the pushes.",
    retry: "never"
  },
  {
    code: 10016,
    tag: "CredentialsRejected",
    kind: "token",
    meaning: "The app is not a store app: it has no app_ticket.",
    advice: "Use Lark.layer for a custom app.",
    retry: "never"
  },
  {
    code: 20001,
    tag: "InvalidRequest",
    kind: "token",
    status: 400,
    meaning: "A parameter is missing.",
    advice: "Check the arguments.",
    retry: "never"
  },
  {
    code: 20002,
    tag: "CredentialsRejected",
    kind: "token",
    status: 400,
    meaning: "The client secret is wrong.",
    advice: "Check LARK_APP_SECRET; it changes when somebody resets it in the developer console.",
    retry: "never"
  },
  {
    code: 20003,
    tag: "ReauthorizationRequired",
    kind: "token",
    status: 400,
    meaning: "The authorization code does not exist.",
    advice: login,
    retry: "never"
  },
  {
    code: 20004,
    tag: "ReauthorizationRequired",
    kind: "token",
    status: 400,
    meaning: "The authorization code has expired: it lives five minutes.",
    advice: login,
    retry: "never"
  },
  {
    code: 20008,
    tag: "ReauthorizationRequired",
    kind: "token",
    status: 400,
    meaning: "The user does not exist.",
    advice: login,
    retry: "never"
  },
  {
    code: 20009,
    tag: "AppUnavailable",
    kind: "token",
    status: 400,
    meaning: "The app is not installed in the tenant.",
    advice: "Install the app in the tenant, and check that its version is published.",
    retry: "never"
  },
  {
    code: 20010,
    tag: "AppUnavailable",
    kind: "token",
    status: 400,
    meaning: "The user may not use the app.",
    advice: "Add the user to the range of availability of the app.",
    retry: "never"
  },
  {
    code: 20024,
    tag: "CredentialsRejected",
    kind: "token",
    status: 400,
    meaning: "The code or refresh token belongs to another app.",
    advice: "Check LARK_APP_ID: it must be the app that the user authorized.",
    retry: "never"
  },
  {
    code: 20026,
    tag: "ReauthorizationRequired",
    kind: "token",
    status: 400,
    meaning: "The refresh token is invalid, or of another version of the token endpoint.",
    advice: login,
    retry: "never"
  },
  {
    code: 20036,
    tag: "InvalidRequest",
    kind: "token",
    status: 400,
    meaning: "The grant type is not supported.",
    advice: "Check LARK_ACCOUNTS_URL and LARK_BASE_URL.",
    retry: "never"
  },
  {
    code: 20037,
    tag: "ReauthorizationRequired",
    kind: "token",
    status: 400,
    meaning: "The refresh token has expired.",
    advice: login,
    retry: "never"
  },
  {
    code: 20048,
    tag: "CredentialsRejected",
    kind: "token",
    status: 400,
    meaning: "There is no app with this id.",
    advice: "Check LARK_APP_ID, and LARK_BRAND: a Feishu app does not exist on Lark.",
    retry: "never"
  },
  {
    code: 20049,
    tag: "ReauthorizationRequired",
    kind: "token",
    status: 400,
    meaning: "The code verifier does not fit the code challenge.",
    advice: login,
    retry: "never"
  },
  {
    code: 20050,
    tag: "PlatformError",
    kind: "token",
    status: 500,
    meaning: "The platform failed; whether it executed the request is not known.",
    advice: later,
    retry: "unknown"
  },
  {
    code: 20063,
    tag: "InvalidRequest",
    kind: "token",
    status: 400,
    meaning: "The request is malformed.",
    advice: "Check the arguments.",
    retry: "never"
  },
  {
    code: 20064,
    tag: "ReauthorizationRequired",
    kind: "token",
    status: 400,
    meaning: "The refresh token was revoked.",
    advice: login,
    retry: "never"
  },
  {
    code: 20065,
    tag: "ReauthorizationRequired",
    kind: "token",
    status: 400,
    meaning: "The authorization code was used before.",
    advice: login,
    retry: "never"
  },
  {
    code: 20066,
    tag: "ReauthorizationRequired",
    kind: "token",
    status: 400,
    meaning: "The user is not active.",
    advice: login,
    retry: "never"
  },
  {
    code: 20067,
    tag: "InvalidRequest",
    kind: "token",
    status: 400,
    meaning: "A scope is named twice.",
    advice: "Name each scope once.",
    retry: "never"
  },
  {
    code: 20068,
    tag: "InvalidRequest",
    kind: "token",
    status: 400,
    meaning: "A scope is asked for that the user has not granted.",
    advice: "Ask for no more than the login asked for.",
    retry: "never"
  },
  {
    code: 20069,
    tag: "AppUnavailable",
    kind: "token",
    status: 400,
    meaning: "The app is not enabled.",
    advice: "Enable the app in the admin console.",
    retry: "never"
  },
  {
    code: 20070,
    tag: "InvalidRequest",
    kind: "token",
    status: 400,
    meaning: "The app authenticated in two ways at once.",
    advice: "Check proxies that add an Authorization header.",
    retry: "never"
  },
  {
    code: 20071,
    tag: "InvalidRequest",
    kind: "token",
    status: 400,
    meaning: "The redirect URI is not the one of the authorization.",
    advice: "Give the exchange the redirect URI of the authorize URL.",
    retry: "never"
  },
  {
    code: 20072,
    tag: "PlatformError",
    kind: "token",
    status: 503,
    meaning: "The platform is temporarily unavailable.",
    advice: later,
    retry: "unknown"
  },
  {
    code: 20073,
    tag: "ReauthorizationRequired",
    kind: "token",
    status: 400,
    meaning: "The refresh token was used before.",
    advice: login,
    retry: "never"
  },
  {
    code: 20074,
    tag: "AppUnavailable",
    kind: "token",
    status: 400,
    meaning: "The app may not refresh user tokens.",
    advice: "Switch token refresh on under Security Settings in the developer console.",
    retry: "never"
  },
  {
    code: 99991669,
    tag: "ReauthorizationRequired",
    kind: "token",
    meaning: "The refresh token of the user is invalid.",
    advice: login,
    retry: "never"
  }
] as const satisfies ReadonlyArray<Row>

/** @internal */
export type Code = (typeof codes)[number]["code"]

/** @internal */
export type Tag = (typeof codes)[number]["tag"]

/** @internal */
export type GenericTag = Extract<(typeof codes)[number], { readonly kind: "generic" | "token" }>["tag"]

/** @internal */
export type TagOf<C extends Code> = Extract<(typeof codes)[number], { readonly code: C }>["tag"]

const exact = new Map<number, (typeof codes)[number]>(codes.map((row) => [row.code, row]))
const ranges = codes.filter((row) => "through" in row)

/** @internal */
export const lookup = (code: number): (typeof codes)[number] | undefined =>
  exact.get(code) ?? ranges.find((row) => row.code <= code && code <= row.through)
