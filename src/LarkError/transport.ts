/**
 * Calls without an answer of the platform.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"

const uncertain = "The call may have been executed; read the state before you repeat a write, and "

const check = "check the network, the proxy and LARK_BASE_URL"

/**
 * No reply came: the connection failed or was lost, or nothing came in time.
 *
 * **Details**
 *
 * `executed` is `no` when the call certainly never left this machine (connection refused, name not found, certificate refused,
 * its token not received), and `unknown` otherwise.
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
        ? `The call was not executed; ${
          this.retryAfter === undefined
            ? check
            : `the next will be tried in ${Duration.format(this.retryAfter)}`
        }.`
        : uncertain
    }`
  }
}

/**
 * The reply is not one of the platform's: not JSON, no `code`, a success without the documented data, or more than 10 MiB.
 *
 * **Details**
 *
 * It proves nothing about the call, whatever its status: a proxy can reject the reply to a call that was executed. `retry` is
 * `wait` if it is the reply to the request for the token of a call, which itself was not sent.
 *
 * @since 0.1.0
 * @category generic errors
 */
export class MalformedResponse extends Data.TaggedError("MalformedResponse")<{
  readonly endpoint: string
  /** 0 if it was not read, because the headers are too long. */
  readonly status: number
  readonly reason: string
  readonly logId?: string | undefined
  readonly retryAfter?: Duration.Duration | undefined
  /** `no`: the call that the token was for was not sent. */
  readonly executed?: "no" | undefined
}> {
  get kind() {
    const { status } = this
    return status >= 400 && status < 500 && status !== 408 && status !== 429 ? "setup" : "platform"
  }
  get retry() {
    return this.executed === "no" ? "wait" : "unknown"
  }
  override get message() {
    const logId = this.logId === undefined ? "" : `, log id ${this.logId}`
    return `Not a reply of the platform (${this.endpoint}, HTTP ${this.status}${logId}): ${this.reason}. ${
      this.executed === "no" ? "The call was not executed; " : uncertain
    }${check}.`
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
