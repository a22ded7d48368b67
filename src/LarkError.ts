/**
 * Every way in which a call to the platform can fail, as tagged classes.
 *
 * **Details**
 *
 * - A documented code of a meeting endpoint has a class of its own, named after its message: `NoPermission` (121005),
 *   `DataConflict` (121006), and so on. Each operation lists exactly the ones that are documented for it.
 * - Generic codes, which any endpoint may answer, share a class where they call for the same action: `RateLimited`,
 *   `TokenRejected`, `MissingScope`, …; `code` tells them apart.
 * - `UnknownApiError`: a code that is not documented for the endpoint. `TransportError`: no reply. `MalformedResponse`:
 *   a reply that is not one of the platform's, such as a gateway's HTML page.
 *
 * Errors are classified by `code`, never by HTTP status or message. Each carries the endpoint, the HTTP status and the
 * log id that support asks for, and says in its message what to do next.
 *
 * **Gotchas**
 *
 * No error holds a token, a secret, a request or a response body.
 *
 * **Example** (Handling by tag)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { LarkError } from "effect-lark-meetings"
 *
 * const failing: Effect.Effect<void, LarkError.NoPermission | LarkError.RateLimited> = Effect.fail(
 *   new LarkError.NoPermission({
 *     code: 121005,
 *     msg: "no permission",
 *     status: 403,
 *     endpoint: "vc.v1.meeting.end",
 *     logId: "20261122061500"
 *   })
 * )
 * const text = await Effect.runPromise(failing.pipe(
 *   Effect.catchTag("NoPermission", (error) => Effect.succeed(`${error.code}, log id ${error.logId}`))
 * ))
 * console.log(text) // => 121005, log id 20261122061500
 * ```
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import { type Code, codes, type GenericTag, lookup, type Row, type Tag, type TagOf } from "./LarkError/codes.ts"

/**
 * One row of the code table, or a range of codes.
 *
 * @since 0.1.0
 * @category table
 */
export type { Row } from "./LarkError/codes.ts"

/**
 * The code table: code, class, meaning and advice, as data.
 *
 * @since 0.1.0
 * @category table
 */
export const table: ReadonlyArray<Row> = codes

/**
 * A code that is in the table.
 *
 * @since 0.1.0
 * @category table
 */
export type DocumentedCode = Code

/**
 * What every failed answer of the platform carries.
 *
 * @since 0.1.0
 * @category models
 */
export interface Failure {
  readonly code: number
  readonly msg: string
  /** The HTTP status that came with it. */
  readonly status: number
  /** The endpoint that was called, such as `vc.v1.meeting.set_host`. */
  readonly endpoint: string
  /** `X-Tt-Logid`, for support. */
  readonly logId?: string | undefined
  /** A link that the platform gave for help with this failure. */
  readonly troubleshooter?: string | undefined
  /** How long the platform asks to wait. */
  readonly retryAfter?: Duration.Duration | undefined
  /** The scopes of which one is missing, if the platform named them. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** The fields that the platform finds fault with, if it named them. */
  readonly violations?: ReadonlyArray<string> | undefined
  /** The `data` of the answer, kept for `DataConflict` only: it holds the latest host, if the platform sent it. */
  readonly data?: unknown
}

/**
 * What a failure proves of the request: `never` (refused, and would be again), `wait` (not executed, but later it may
 * be), `token` (not executed; another token may help), `unknown` (it may have been executed).
 *
 * @since 0.1.0
 * @category models
 */
export type Retry = Row["retry"]

const describe = (failure: Failure, advice: string): string => {
  const place = [failure.endpoint, `HTTP ${failure.status}`]
  if (failure.logId !== undefined) place.push(`log id ${failure.logId}`)
  return `[${failure.code}] ${failure.msg} (${place.join(", ")}). ${advice}`
}

/**
 * An error with a code of the platform.
 *
 * @since 0.1.0
 * @category models
 */
export interface ApiError<out T extends string> extends Cause.YieldableError, Failure {
  readonly _tag: T
  /** What to do next. */
  readonly advice: string
  readonly retry: Retry
}

/** A code that the endpoint does not document may mean something else there than in the table. */
const rowOf = (error: { readonly _tag: string; readonly code: number }) =>
  error._tag === "UnknownApiError" ? undefined : lookup(error.code)

const ApiError = <T extends string>(tag: T): new(failure: Failure) => ApiError<T> =>
  class extends Data.TaggedError(tag)<Failure> {
    get advice(): string {
      return rowOf(this)?.advice ?? "Read msg and the endpoint's page; give the log id to support."
    }
    get retry(): Retry {
      return rowOf(this)?.retry ??
        (this.status === 429 ? "wait" : this.status >= 500 || this.status === 408 ? "unknown" : "never")
    }
    override get message(): string {
      return describe(this, this.advice)
    }
  }

/**
 * The server failed; whether it executed the request is not known. Code 121001.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class InternalError extends ApiError("InternalError") {}

/**
 * This meeting does not support the operation. Code 121002.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class NotSupported extends ApiError("NotSupported") {}

/**
 * An argument is out of range or malformed. Code 121003.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class ParamError extends ApiError("ParamError") {}

/**
 * What the request names does not exist, or is older than 90 days. Code 121004.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class DataNotExist extends ApiError("DataNotExist") {}

/**
 * The caller may not do this to this meeting. Code 121005.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class NoPermission extends ApiError("NoPermission") {}

/**
 * The host is not the expected one any more. Code 121006.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class DataConflict extends ApiError("DataConflict") {}

/**
 * The meeting is not in a state for this; most operations need one in progress. Code 122001.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class MeetingStatusUnexpected extends ApiError("MeetingStatusUnexpected") {}

/**
 * There is no such meeting. Code 122002.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class MeetingNotExist extends ApiError("MeetingNotExist") {}

/**
 * The user whose token was used is not in the meeting. Code 122003.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class OperatorNotInMeeting extends ApiError("OperatorNotInMeeting") {}

/**
 * The user to operate on is not in the meeting. Code 122004.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class TargetNotInMeeting extends ApiError("TargetNotInMeeting") {}

/**
 * The operator and the target are the same user. Code 122005.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class CannotOperateSelf extends ApiError("CannotOperateSelf") {}

/**
 * The meeting is full. Code 122006.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class ParticipantCountReachLimit extends ApiError("ParticipantCountReachLimit") {}

/**
 * The user is in another call. Code 122007.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class CalleeIsBusy extends ApiError("CalleeIsBusy") {}

/**
 * The host has locked the meeting. Code 122008.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class MeetingIsLocked extends ApiError("MeetingIsLocked") {}

/**
 * The target is not fully in the meeting, for example still ringing. Code 122009.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class ParticipantStatusNotExpected extends ApiError("ParticipantStatusNotExpected") {}

/**
 * Automatic recording is not available for this kind of meeting (a one-to-one call). Code 123002.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class RecordParamError extends ApiError("RecordParamError") {}

/**
 * More than ten hosts were assigned. Code 123003.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class AssignHostExceedMaxLimit extends ApiError("AssignHostExceedMaxLimit") {}

/**
 * An assigned host does not exist. Code 123004.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class AssignHostError extends ApiError("AssignHostError") {}

/**
 * The meeting password is not of four to nine digits. Code 123006.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class InvalidPassword extends ApiError("InvalidPassword") {}

/**
 * The recording file is still being produced. Code 124002.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class RecordProcessing extends ApiError("RecordProcessing") {}

/**
 * Too many calls of this endpoint by this app in this tenant. Code 99991400.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class RateLimited extends ApiError("RateLimited") {}

/**
 * The token was rejected, and a renewed one too where there was one. Code 99991663, 99991664, 99991665, 99991668, 99991671, 99991677, 20005, 20006, 20013, 20014.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class TokenRejected extends ApiError("TokenRejected") {}

/**
 * The request arrived without a token. Code 99991661.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class TokenMissing extends ApiError("TokenMissing") {}

/**
 * The app lacks a scope, or the user has not granted it. Code 99991672, 99991679.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class MissingScope extends ApiError("MissingScope") {}

/**
 * The app is disabled, or not installed in the tenant. Code 99991662, 99991673, 20009, 20010, 20069, 20074.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class AppUnavailable extends ApiError("AppUnavailable") {}

/**
 * The platform does not accept the app id and secret. Code 99991543, 10005, 10012, 10013, 10014, 10015, 10016, 20002, 20024, 20048.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class CredentialsRejected extends ApiError("CredentialsRejected") {}

/**
 * The caller's address is not in the app's allow-list. Code 99991401.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class IpDenied extends ApiError("IpDenied") {}

/**
 * The tenant's quota of API calls for this month is used up. Code 99991403.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class QuotaExhausted extends ApiError("QuotaExhausted") {}

/**
 * The endpoint does not serve this type of user. Code 99991674.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class UserTypeNotSupported extends ApiError("UserTypeNotSupported") {}

/**
 * A user id does not exist, or belongs to another app or tenant. Code 99991675, 99992351–99992381.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class UserIdRejected extends ApiError("UserIdRejected") {}

/**
 * The token may not call this endpoint. Code 99991676.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class TokenNotPermitted extends ApiError("TokenNotPermitted") {}

/**
 * Authentication failed for a reason outside the app. Code 99991681, 99991692.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class AuthenticationFailed extends ApiError("AuthenticationFailed") {}

/**
 * The platform has no such path or method. Code 99991201, 99991301.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class RouteNotFound extends ApiError("RouteNotFound") {}

/**
 * A field of the request is invalid. Code 99992402.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class FieldValidationFailed extends ApiError("FieldValidationFailed") {}

/**
 * The request is malformed, or a parameter is missing. Code 9499, 10003, 20001, 20036, 20063, 20067, 20068, 20070, 20071.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class InvalidRequest extends ApiError("InvalidRequest") {}

/**
 * The platform failed; whether it executed the request is not known. Code 1500, 1642, 1663, 1668, 2200, 5000, 20050, 20072.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class PlatformError extends ApiError("PlatformError") {}

/**
 * A code that is not documented for this endpoint.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class UnknownApiError extends ApiError("UnknownApiError") {}

/**
 * No reply came: the connection failed, was lost, or stayed silent too long.
 *
 * **Details**
 *
 * `executed` is `no` when the request certainly did not reach the platform (connection refused, name not found), and
 * `unknown` otherwise.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class TransportError extends Data.TaggedError("TransportError")<{
  readonly endpoint: string
  readonly reason: string
  readonly executed: "no" | "unknown"
  /** How long it is certain that another request would not be sent either: an open circuit. */
  readonly retryAfter?: Duration.Duration | undefined
}> {
  get retry(): Retry {
    return this.executed === "no" ? "wait" : "unknown"
  }
  override get message(): string {
    return `No reply from the platform (${this.endpoint}): ${this.reason}. ${
      this.executed === "no"
        ? `The request was not executed; ${
          this.retryAfter === undefined
            ? "check the network, the proxy and LARK_BASE_URL"
            : `the next will be tried in ${Duration.format(this.retryAfter)}`
        }.`
        : "The request may have been executed; read the state before you repeat a write."
    }`
  }
}

/**
 * A reply came that is not one of the platform's: not JSON, no `code`, or a success without the documented data.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class MalformedResponse extends Data.TaggedError("MalformedResponse")<{
  readonly endpoint: string
  readonly status: number
  readonly reason: string
  readonly logId?: string | undefined
  readonly retryAfter?: Duration.Duration | undefined
}> {
  get retry(): Retry {
    return this.status === 429 ? "wait" : this.status >= 400 && this.status < 500 && this.status !== 408
      ? "never"
      : "unknown"
  }
  override get message(): string {
    const logId = this.logId === undefined ? "" : `, log id ${this.logId}`
    return `Not a reply of the platform (${this.endpoint}, HTTP ${this.status}${logId}): ${this.reason}. ${
      this.retry !== "unknown"
        ? "The request was not executed; check LARK_BASE_URL and what stands between (proxy, gateway)."
        : "The request may have been executed; read the state before you repeat a write."
    }`
  }
}

/**
 * The session of a user has ended: only the user can begin a new one, by logging in.
 *
 * **Details**
 *
 * `reason`: `refused` (the platform said so; `code` tells why), `noSession` (nobody has logged in under this id),
 * `expired` (the refresh token has outlived its time), `noRefreshToken` (the access token has expired, and the user did
 * not grant `offline_access`). Code 20003, 20004, 20008, 20026, 20037, 20049, 20064, 20065, 20066, 20073, 99991669.
 *
 * @since 0.1.0
 * @category session errors
 */
export class ReauthorizationRequired extends Data.TaggedError("ReauthorizationRequired")<
  Partial<Failure> & {
    readonly endpoint: string
    readonly reason: "refused" | "noSession" | "expired" | "noRefreshToken"
  }
> {
  get advice(): string {
    return "Send the user through the login again (OAuth.authorize); no retry can help."
  }
  get retry(): Retry {
    return "never"
  }
  override get message(): string {
    const { code, logId, msg, status } = this
    return code === undefined || msg === undefined || status === undefined
      ? `The user has to log in again (${this.endpoint}): ${reauthorization[this.reason]}. ${this.advice}`
      : describe({ code, msg, status, logId, endpoint: this.endpoint }, this.advice)
  }
}

const reauthorization = {
  refused: "the platform refuses the session",
  noSession: "there is no session of this user",
  expired: "the refresh token has expired",
  noRefreshToken: "the access token has expired, and without offline_access there is no refresh token"
}

/**
 * The store of sessions or tickets failed, or holds what cannot be read.
 *
 * @since 0.1.0
 * @category session errors
 */
export class SessionStoreError extends Data.TaggedError("SessionStoreError")<{
  readonly endpoint: string
  /** `unreadable`: what is stored was sealed with another key, or was changed. */
  readonly reason: "unavailable" | "unreadable"
  readonly detail: string
}> {
  get retry(): Retry {
    return this.reason === "unavailable" ? "wait" : "never"
  }
  override get message(): string {
    return `The store (${this.endpoint}): ${this.detail}. ${
      this.reason === "unavailable"
        ? "Nothing was sent; check the store."
        : "Put the key that it was sealed with into LARK_SEAL_KEY, or into LARK_SEAL_KEY_PREVIOUS; a new login or ticket replaces it."
    }`
  }
}

/**
 * A store app has no `app_ticket`, or the platform refuses the one it has.
 *
 * **Details**
 *
 * The platform pushes a ticket about once an hour, and soon after it was asked to. `resend` tells whether it was.
 *
 * @since 0.1.0
 * @category session errors
 */
export class AppTicketMissing extends Data.TaggedError("AppTicketMissing")<{
  readonly endpoint: string
  readonly reason: "none" | "rejected"
  readonly resend: "requested" | "failed"
}> {
  get retry(): Retry {
    return "never"
  }
  override get message(): string {
    return `${
      this.reason === "none" ? "There is no app_ticket yet" : "The app_ticket is outdated"
    } (${this.endpoint}). ${
      this.resend === "requested" ? "The platform was asked to push one" : "Asking the platform to push one failed"
    }; check that the webhook is mounted and reachable, and has the LARK_VERIFICATION_TOKEN and LARK_ENCRYPT_KEY of the console (it says at log level Debug what it refuses), then try again.`
  }
}

/**
 * A call of a store app names no tenant, or one of a custom app names one.
 *
 * @since 0.1.0
 * @category session errors
 */
export class InvalidTenant extends Data.TaggedError("InvalidTenant")<{
  readonly endpoint: string
  readonly reason: "missing" | "empty" | "customApp"
}> {
  get retry(): Retry {
    return "never"
  }
  override get message(): string {
    switch (this.reason) {
      case "missing":
        return "A store app acts in many tenants: wrap the call in Lark.asTenant(tenantKey)."
      case "empty":
        return "The tenant key is empty: pass Lark.asTenant the tenant_key of the event or login."
      case "customApp":
        return "A custom app acts in its own tenant only: remove Lark.asTenant, or use StoreApp.layer for a store app."
    }
  }
}

const classes = {
  InternalError,
  NotSupported,
  ParamError,
  DataNotExist,
  NoPermission,
  DataConflict,
  MeetingStatusUnexpected,
  MeetingNotExist,
  OperatorNotInMeeting,
  TargetNotInMeeting,
  CannotOperateSelf,
  ParticipantCountReachLimit,
  CalleeIsBusy,
  MeetingIsLocked,
  ParticipantStatusNotExpected,
  RecordParamError,
  AssignHostExceedMaxLimit,
  AssignHostError,
  InvalidPassword,
  RecordProcessing,
  RateLimited,
  TokenRejected,
  TokenMissing,
  MissingScope,
  AppUnavailable,
  CredentialsRejected,
  IpDenied,
  QuotaExhausted,
  UserTypeNotSupported,
  UserIdRejected,
  TokenNotPermitted,
  AuthenticationFailed,
  RouteNotFound,
  FieldValidationFailed,
  InvalidRequest,
  PlatformError,
  ReauthorizationRequired
} satisfies Record<Tag, unknown>

/**
 * The errors of a set of documented codes.
 *
 * @since 0.1.0
 * @category models
 */
export type ErrorOf<C extends Code> = InstanceType<(typeof classes)[TagOf<C>]>

/**
 * The errors that any call may fail with, whatever its endpoint.
 *
 * @since 0.1.0
 * @category models
 */
export type GenericError =
  | InstanceType<(typeof classes)[GenericTag]>
  | UnknownApiError
  | TransportError
  | MalformedResponse
  | SessionStoreError
  | AppTicketMissing
  | InvalidTenant

/**
 * Any error of the platform.
 *
 * @since 0.1.0
 * @category models
 */
export type LarkError = InstanceType<(typeof classes)[Tag]> | GenericError

const classify = <C extends Code>(
  failure: Failure,
  documented: ReadonlyArray<C>
): ErrorOf<C> | GenericError => {
  const row = lookup(failure.code)
  const { data: _, ...bare } = failure
  if (row === undefined) return new UnknownApiError(bare)
  if (row.tag === "ReauthorizationRequired") return new ReauthorizationRequired({ ...bare, reason: "refused" })
  if (row.kind !== "meeting") return new classes[row.tag](bare)
  // The row of a code in `documented` has the tag TagOf<C>: both come from the one table.
  return documented.some((code) => code === row.code)
    ? new classes[row.tag](row.tag === "DataConflict" ? failure : bare) as ErrorOf<C>
    : new UnknownApiError(bare)
}

/**
 * The error for a failed answer, given the codes that are documented for the endpoint.
 *
 * **Details**
 *
 * Its stack has no frames: those of the reply's decoding would tell nothing of the program, and taking them costs more
 * than all else that a conflict makes this library do.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromFailure = <C extends Code>(
  failure: Failure,
  documented: ReadonlyArray<C>
): ErrorOf<C> | GenericError => {
  const limit: unknown = Reflect.get(Error, "stackTraceLimit")
  // Where the limit is frozen, `set` does nothing, and the frames are taken.
  Reflect.set(Error, "stackTraceLimit", 0)
  try {
    return classify(failure, documented)
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit)
  }
}

/**
 * Whether a code says that the token was rejected, before anything was executed.
 *
 * @since 0.1.0
 * @category guards
 */
export const isTokenRejected = (code: number): boolean => lookup(code)?.retry === "token"
