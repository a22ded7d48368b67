/**
 * The codes of the contact endpoints.
 *
 * **Details**
 *
 * Source: the error table of contact-v3 `user` (get) of the Feishu Open Platform.
 */
import { ApiError } from "./ApiError.ts"

/**
 * A parameter of a contact endpoint is invalid. Code 40001 (HTTP 400, `param error`).
 *
 * @stability stable
 * @category contact errors
 */
export class ContactParamError extends ApiError("ContactParamError", {
  advice: "Compare the parameters with the endpoint's page.",
  codes: [40001]
}) {}

/**
 * The contact server failed. Code 40003 (HTTP 400, `internal error`).
 *
 * @stability stable
 * @category contact errors
 */
export class ContactInternalError extends ApiError("ContactInternalError", {
  kind: "platform",
  retry: "unknown",
  advice: "Try again; if it persists, give the log id to support.",
  codes: [40003]
}) {}

/**
 * There is no user with this id. Code 41012 (HTTP 400, `user id invalid error`).
 *
 * @stability stable
 * @category contact errors
 */
export class UserIdInvalid extends ApiError("UserIdInvalid", {
  advice: "Check the id and its kind; an open_id belongs to one app.",
  codes: [41012]
}) {}

/**
 * The user is outside the contact range of the app. Code 41050 (HTTP 400, `no user authority error`).
 *
 * @stability stable
 * @category contact errors
 */
export class NoUserAuthority extends ApiError("NoUserAuthority", {
  kind: "setup",
  advice: "Add the user to the app's contact range in the developer console, and publish a new version.",
  codes: [41050]
}) {}
