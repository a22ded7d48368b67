/**
 * Calls without an answer of the platform.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type { Retry } from "./ApiError.ts"

/**
 * No reply came: the connection failed or was lost, or nothing came in time.
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
  /** How long no request will be sent: the circuit is open. */
  readonly retryAfter?: Duration.Duration | undefined
}> {
  get kind() {
    return "platform" as const
  }
  get retry() {
    return this.executed === "no" ? "wait" : "unknown"
  }
  override get message() {
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
 * The reply is not one of the platform's: not JSON, no `code`, or a success without the documented data.
 *
 * **Details**
 *
 * The HTTP status says what it proves: 429 and every other 4xx but 408 that the request was not executed, the rest
 * nothing.
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
  get kind() {
    return this.retry === "never" ? "setup" : "platform"
  }
  get retry(): Exclude<Retry, "token"> {
    return this.status === 429 ? "wait" : this.status >= 400 && this.status < 500 && this.status !== 408
      ? "never"
      : "unknown"
  }
  override get message() {
    const logId = this.logId === undefined ? "" : `, log id ${this.logId}`
    return `Not a reply of the platform (${this.endpoint}, HTTP ${this.status}${logId}): ${this.reason}. ${
      this.retry === "unknown"
        ? "The request may have been executed; read the state before you repeat a write."
        : "The request was not executed; check LARK_BASE_URL and any proxy or gateway."
    }`
  }
}

/**
 * The call cannot be sent with this parameter; nothing was sent.
 *
 * **Details**
 *
 * A part of a path that is empty, `.` or `..`, half of a surrogate pair in a path or a query, or users of one call that
 * are named by different kinds of id.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class InvalidParameter extends Data.TaggedError("InvalidParameter")<{
  readonly endpoint: string
  readonly parameter: string
  /** Such as `is empty`. */
  readonly reason: string
}> {
  get kind() {
    return "caller" as const
  }
  get retry() {
    return "never" as const
  }
  override get message() {
    return `Nothing was sent (${this.endpoint}): ${this.parameter} ${this.reason}. Correct the value.`
  }
}
