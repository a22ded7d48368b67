/** Calls without an answer of the platform. */
import * as Duration from "effect/Duration"
import { Classified } from "../internal/classified.ts"
import { sourceOf } from "./ApiError.ts"

const check = "check the network, the proxy and LARK_BASE_URL"

const outcome = (executed: "no" | "unknown" | undefined, then = check): string =>
  executed === "no"
    ? `The call was not executed; ${then}.`
    : `The call may have been executed; read the state before you repeat a write, and ${then}.`

/**
 * No reply came: the connection failed or was lost, or nothing came in time. `executed` is `no` if the call never left
 * this machine (connection refused, name not found, certificate refused, its token not received), else `unknown`.
 *
 * @stability stable
 * @category generic errors
 */
export class TransportError extends Classified<{
  readonly endpoint: string
  readonly reason: string
  readonly executed: "no" | "unknown"
  /** How long no request will be sent: the circuit is open. */
  readonly retryAfter?: Duration.Duration | undefined
}>()("TransportError", {
  kind: "platform",
  retry: ({ executed }) => executed === "no" ? "wait" : "unknown",
  message: ({ endpoint, executed, reason, retryAfter }) =>
    `No reply from the platform (${endpoint}): ${reason}. ${
      outcome(executed, retryAfter && `the next will be tried in ${Duration.format(retryAfter)}`)
    }`
}) {}

/**
 * The reply is not one of the platform's: not JSON, no `code`, a success without the documented data, or more than 10 MiB.
 * It proves nothing about the call, whatever its status: a proxy can reject the reply to a call that was executed. `retry`
 * is `wait` if it is the reply to the request for the token of a call, which itself was not sent.
 *
 * @stability stable
 * @category generic errors
 */
export class MalformedResponse extends Classified<{
  readonly endpoint: string
  /** 0 if it was not read, because the headers are too long. */
  readonly status: number
  readonly reason: string
  readonly logId?: string | undefined
  readonly retryAfter?: Duration.Duration | undefined
  /** `no`: the call that the token was for was not sent. */
  readonly executed?: "no" | undefined
}>()("MalformedResponse", {
  kind: ({ status }) => status >= 400 && status < 500 && status !== 408 && status !== 429 ? "setup" : "platform",
  retry: ({ executed }) => executed === "no" ? "wait" : "unknown",
  message: (error) => `Not a reply of the platform (${sourceOf(error)}): ${error.reason}. ${outcome(error.executed)}`
}) {}

/**
 * Nothing was sent, because of a parameter: a part of a path that is empty, `.` or `..`, half of a surrogate pair in a
 * path or a query, a body that is not JSON, a token that no header can hold, users of one call with different kinds of id, a `setHost` without any user, a
 * time of `listByNo` that is invalid, empty, backwards or too long, or a `since` of `activeByNo` that is
 * not above zero, or the nickname of a callee without a telephone number.
 *
 * @stability stable
 * @category generic errors
 */
export class InvalidParameter extends Classified<{
  readonly endpoint: string
  readonly parameter: string
  /** Such as `is empty`. */
  readonly reason: string
}>()("InvalidParameter", {
  kind: "caller",
  message: ({ endpoint, parameter, reason }) =>
    `Nothing was sent (${endpoint}): ${parameter} ${reason}. Correct the value.`
}) {}
