/**
 * The codes of the meeting endpoints.
 *
 * **Details**
 *
 * Source: the error tables under vc-v1 `meeting`, `meeting-recording` and `reserve` of the Feishu Open Platform.
 *
 * @since 0.1.0
 */
import { ApiError } from "./ApiError.ts"

/**
 * The server failed; whether it executed the request is not known. Code 121001.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class InternalError extends ApiError("InternalError", {
  kind: "platform",
  retry: "unknown",
  advice: "Try again; if it persists, give the log id to your administrator.",
  codes: { 121001: { status: 500, msg: "internal error" } }
}) {}

/**
 * This meeting does not support the operation. Code 121002.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class NotSupported extends ApiError("NotSupported", {
  kind: "caller",
  advice: "This kind of meeting cannot do it; leave it out.",
  codes: { 121002: { status: 400, msg: "not support" } }
}) {}

/**
 * An argument is out of range or malformed. Code 121003.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class ParamError extends ApiError("ParamError", {
  kind: "caller",
  advice: "Compare the ids, their kind and the other arguments with the endpoint's page.",
  codes: { 121003: { status: 400, msg: "param error" } }
}) {}

/**
 * What the request names does not exist, or is older than 90 days. Code 121004.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class DataNotExist extends ApiError("DataNotExist", {
  kind: "caller",
  advice: "Check the id; a meeting number or reserve id is not a meeting id.",
  codes: { 121004: { status: 404, msg: "data not exist" } }
}) {}

/**
 * The caller may not do this to this meeting. Code 121005.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class NoPermission extends ApiError("NoPermission", {
  kind: "caller",
  advice: "Check the kind of token, who the operator is (a user must be the current host) and who owns the meeting.",
  codes: { 121005: { status: 403, msg: "no permission" } }
}) {}

/**
 * The host is not the expected one any more. Code 121006.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class DataConflict extends ApiError("DataConflict", {
  kind: "conflict",
  advice: "Use Meetings.setHost, which reads the host from the conflict and tries again.",
  // The latest host, if the platform sent it.
  keepsData: true,
  codes: { 121006: { status: 409, msg: "data conflict" } }
}) {}

/**
 * The meeting is not in a state for this; most operations need one in progress. Code 122001.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class MeetingStatusUnexpected extends ApiError("MeetingStatusUnexpected", {
  kind: "caller",
  advice: "Read the meeting's status first.",
  codes: { 122001: { status: 400, msg: "meeting status unexpected" } }
}) {}

/**
 * There is no such meeting. Code 122002.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class MeetingNotExist extends ApiError("MeetingNotExist", {
  kind: "caller",
  advice: "Check the meeting id; it exists only once the meeting has started.",
  codes: { 122002: { status: 404, msg: "meeting not exist" } }
}) {}

/**
 * The user whose token was used is not in the meeting. Code 122003.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class OperatorNotInMeeting extends ApiError("OperatorNotInMeeting", {
  kind: "caller",
  advice: "Join first, or call as the app where the endpoint allows it.",
  codes: { 122003: { status: 400, msg: "operator user not in meeting" } }
}) {}

/**
 * The user to operate on is not in the meeting. Code 122004.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class TargetNotInMeeting extends ApiError("TargetNotInMeeting", {
  kind: "caller",
  advice: "Wait until the user has joined, or choose another.",
  codes: { 122004: { status: 400, msg: "target user not in meeting" } }
}) {}

/**
 * The operator and the target are the same user. Code 122005.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class CannotOperateSelf extends ApiError("CannotOperateSelf", {
  kind: "caller",
  advice: "Choose another target.",
  codes: { 122005: { status: 400, msg: "cannot operate self" } }
}) {}

/**
 * The meeting is full. Code 122006.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class ParticipantCountReachLimit extends ApiError("ParticipantCountReachLimit", {
  kind: "caller",
  advice: "Invite later.",
  codes: { 122006: { status: 400, msg: "participant count reach limit" } }
}) {}

/**
 * The user is in another call. Code 122007.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class CalleeIsBusy extends ApiError("CalleeIsBusy", {
  kind: "caller",
  advice: "Invite later.",
  codes: { 122007: { status: 400, msg: "callee is busy" } }
}) {}

/**
 * The host has locked the meeting. Code 122008.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class MeetingIsLocked extends ApiError("MeetingIsLocked", {
  kind: "caller",
  advice: "Ask the host to unlock it.",
  codes: { 122008: { status: 400, msg: "meeting is locked" } }
}) {}

/**
 * The target is not fully in the meeting, for example still ringing. Code 122009.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class ParticipantStatusNotExpected extends ApiError("ParticipantStatusNotExpected", {
  kind: "caller",
  advice: "Wait until the user has joined, or choose another.",
  codes: { 122009: { status: 400, msg: "participant status not expected" } }
}) {}

/**
 * Automatic recording is not available for this kind of meeting (a one-to-one call). Code 123002.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class RecordParamError extends ApiError("RecordParamError", {
  kind: "caller",
  advice: "Leave automatic recording off.",
  codes: { 123002: { status: 400, msg: "record param error" } }
}) {}

/**
 * More than ten hosts were assigned. Code 123003.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class AssignHostExceedMaxLimit extends ApiError("AssignHostExceedMaxLimit", {
  kind: "caller",
  advice: "Assign at most ten.",
  codes: { 123003: { status: 400, msg: "assign host exceed max limit 10" } }
}) {}

/**
 * An assigned host does not exist. Code 123004.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class AssignHostError extends ApiError("AssignHostError", {
  kind: "caller",
  advice: "Check the ids of the assigned hosts.",
  codes: { 123004: { status: 400, msg: "assign host error" } }
}) {}

/**
 * The meeting password does not have four to nine digits. Code 123006.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class InvalidPassword extends ApiError("InvalidPassword", {
  kind: "caller",
  advice: "Use four to nine digits, or the empty string for none.",
  codes: { 123006: { status: 400, msg: "invalid password" } }
}) {}

/**
 * The recording file is still being produced. Code 124002.
 *
 * @since 0.1.0
 * @category meeting errors
 */
export class RecordProcessing extends ApiError("RecordProcessing", {
  kind: "platform",
  retry: "wait",
  advice: "Ask again later.",
  codes: { 124002: { status: 400, msg: "record processing" } }
}) {}
