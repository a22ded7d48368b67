/** How a request that is kept fails, apart from the errors of the operation itself. */
import { Classified } from "./classified.ts"

/**
 * The key names another request: of another meeting, another intent, or another tenant.
 *
 * @stability unstable
 * @category errors
 */
export class RequestConflict extends Classified<{
  readonly key: string
  readonly differs: "meeting" | "intent" | "tenant"
}>()("RequestConflict", {
  kind: "caller",
  message: ({ differs, key }) =>
    `The key ${JSON.stringify(key)} names a request with another ${differs}. Use a new key for a new request.`
}) {}

/**
 * There is no request with this key: there never was, or its result was older than the retention.
 *
 * @stability unstable
 * @category errors
 */
export class RequestNotFound extends Classified<{ readonly key: string }>()("RequestNotFound", {
  kind: "caller",
  message: ({ key }) =>
    `There is no request with the key ${JSON.stringify(key)}: it was never made, or its result is past the retention.`
}) {}

/**
 * The request was cancelled. `effect` is `none` if nothing had been sent, and nothing will be.
 *
 * @stability unstable
 * @category errors
 */
export class RequestCancelled extends Classified<{
  readonly key: string
  readonly effect: "none" | "unknown"
}>()("RequestCancelled", {
  kind: "caller",
  retry: ({ effect }) => effect === "none" ? "never" : "unknown",
  message: ({ effect, key }) =>
    `The request with the key ${JSON.stringify(key)} was cancelled; ${
      effect === "none" ? "nothing was changed." : "a swap may have taken effect. Read the meeting and decide again."
    }`
}) {}

/**
 * The stored record of the request cannot be read: another version of this library wrote it, or something else did.
 *
 * @stability unstable
 * @category errors
 */
export class RequestUnreadable extends Classified<{
  readonly key: string
  /** The version of the record's format, if it names one. */
  readonly version: number | undefined
}>()("RequestUnreadable", {
  kind: "setup",
  message: ({ key, version }) =>
    `The record of the request with the key ${JSON.stringify(key)} cannot be read: ${
      version === undefined
        ? "it is damaged. Repair or delete it in the store."
        : `its format is version ${version}. Update this process.`
    }`
}) {}
