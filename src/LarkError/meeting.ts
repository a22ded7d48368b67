/**
 * The codes of the meeting endpoints. Source: the error tables under vc-v1 `meeting`, `meeting-recording` and `reserve` of the
 * Feishu Open Platform.
 */
import { ApiError } from "./ApiError.ts"

/**
 * The server failed; whether it executed the request is not known. Code 121001 (HTTP 500, `internal error`).
 *
 * @stability stable
 * @category meeting errors
 */
export class InternalError extends ApiError("InternalError", {
  kind: "platform",
  retry: "unknown",
  advice: "Try again later, and less often; if it persists, give the log id to support.",
  codes: [121001]
}) {}

/**
 * This meeting does not support the operation. Code 121002 (HTTP 400, `not support`).
 *
 * @stability stable
 * @category meeting errors
 */
export class NotSupported extends ApiError("NotSupported", {
  advice: "This kind of meeting cannot do it; leave it out.",
  codes: [121002]
}) {}

/**
 * An argument is out of range or malformed. Code 121003 (HTTP 400, `param error`).
 *
 * @stability stable
 * @category meeting errors
 */
export class ParamError extends ApiError("ParamError", {
  advice: "Compare the ids, their kind and the other arguments with the endpoint's page.",
  codes: [121003]
}) {}

/**
 * What the request names does not exist, or is older than 90 days. Code 121004 (HTTP 404, `data not exist`).
 *
 * @stability stable
 * @category meeting errors
 */
export class DataNotExist extends ApiError("DataNotExist", {
  advice: "Check the id; meeting id, meeting number and reserve id differ.",
  codes: [121004]
}) {}

/**
 * The caller may not do this to this meeting. Code 121005 (HTTP 403, `no permission`).
 *
 * @stability stable
 * @category meeting errors
 */
export class NoPermission extends ApiError("NoPermission", {
  advice: "Check the kind of token, who the operator is (a user must be the current host) and who owns the meeting.",
  codes: [121005]
}) {}

/**
 * The host is not the expected one any more. Code 121006 (HTTP 409, `data conflict`).
 *
 * @stability stable
 * @category meeting errors
 */
export class DataConflict extends ApiError("DataConflict", {
  kind: "conflict",
  advice: "Use Meetings.setHost, which reads the host from the conflict and tries again.",
  // The latest host, if the platform sent it.
  keepsData: true,
  codes: [121006]
}) {}

/**
 * The meeting is not in a state for this; most operations need one in progress. Code 122001 (HTTP 400, `meeting status unexpected`).
 *
 * @stability stable
 * @category meeting errors
 */
export class MeetingStatusUnexpected extends ApiError("MeetingStatusUnexpected", {
  advice: "Read the meeting's status first.",
  codes: [122001]
}) {}

/**
 * There is no such meeting. Code 122002 (HTTP 404, `meeting not exist`).
 *
 * @stability stable
 * @category meeting errors
 */
export class MeetingNotExist extends ApiError("MeetingNotExist", {
  advice: "Check the meeting id; it exists only once the meeting has started.",
  codes: [122002]
}) {}

/**
 * The user whose token was used is not in the meeting. Code 122003 (HTTP 400, `operator user not in meeting`).
 *
 * @stability stable
 * @category meeting errors
 */
export class OperatorNotInMeeting extends ApiError("OperatorNotInMeeting", {
  advice: "Join first, or call as the app where the endpoint allows it.",
  codes: [122003]
}) {}

/**
 * The user to operate on is not in the meeting. Code 122004 (HTTP 400, `target user not in meeting`).
 *
 * @stability stable
 * @category meeting errors
 */
export class TargetNotInMeeting extends ApiError("TargetNotInMeeting", {
  advice: "Wait until the user has joined, or choose another.",
  codes: [122004]
}) {}

/**
 * The operator and the target are the same user. Code 122005 (HTTP 400, `cannot operate self`).
 *
 * @stability stable
 * @category meeting errors
 */
export class CannotOperateSelf extends ApiError("CannotOperateSelf", {
  advice: "Choose another target.",
  codes: [122005]
}) {}

/**
 * The meeting is full. Code 122006 (HTTP 400, `participant count reach limit`).
 *
 * @stability stable
 * @category meeting errors
 */
export class ParticipantCountReachLimit extends ApiError("ParticipantCountReachLimit", {
  advice: "Invite later.",
  codes: [122006]
}) {}

/**
 * The user is in another call. Code 122007 (HTTP 400, `callee is busy`).
 *
 * @stability stable
 * @category meeting errors
 */
export class CalleeIsBusy extends ApiError("CalleeIsBusy", { advice: "Invite later.", codes: [122007] }) {}

/**
 * The host has locked the meeting. Code 122008 (HTTP 400, `meeting is locked`).
 *
 * @stability stable
 * @category meeting errors
 */
export class MeetingIsLocked extends ApiError("MeetingIsLocked", {
  advice: "Ask the host to unlock it.",
  codes: [122008]
}) {}

/**
 * The target is not fully in the meeting, for example still ringing. Code 122009 (HTTP 400, `participant status not expected`).
 *
 * @stability stable
 * @category meeting errors
 */
export class ParticipantStatusNotExpected extends ApiError("ParticipantStatusNotExpected", {
  advice: "Wait until the user has joined, or choose another.",
  codes: [122009]
}) {}

/**
 * Automatic recording is not available for this kind of meeting (a one-to-one call). Code 123002 (HTTP 400, `record param error`).
 *
 * @stability stable
 * @category meeting errors
 */
export class RecordParamError extends ApiError("RecordParamError", {
  advice: "Leave automatic recording off.",
  codes: [123002]
}) {}

/**
 * More than ten hosts were assigned. Code 123003 (HTTP 400, `assign host exceed max limit 10`).
 *
 * @stability stable
 * @category meeting errors
 */
export class AssignHostExceedMaxLimit extends ApiError("AssignHostExceedMaxLimit", {
  advice: "Assign at most ten.",
  codes: [123003]
}) {}

/**
 * An assigned host does not exist. Code 123004 (HTTP 400, `assign host error`).
 *
 * @stability stable
 * @category meeting errors
 */
export class AssignHostError extends ApiError("AssignHostError", {
  advice: "Check the ids of the assigned hosts.",
  codes: [123004]
}) {}

/**
 * The meeting password does not have four to nine digits. Code 123006 (HTTP 400, `invalid password`).
 *
 * @stability stable
 * @category meeting errors
 */
export class InvalidPassword extends ApiError("InvalidPassword", {
  advice: "Use four to nine digits, or the empty string for none.",
  codes: [123006]
}) {}

/**
 * The recording file is still being produced. Code 124002 (HTTP 400, `record processing`).
 *
 * @stability stable
 * @category meeting errors
 */
export class RecordProcessing extends ApiError("RecordProcessing", {
  kind: "platform",
  retry: "wait",
  advice: "A recording is ready some time after its meeting has ended; wait with Recordings.ready.",
  codes: [124002]
}) {}
