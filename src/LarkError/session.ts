/** Calls that have no token to be sent with. */
import * as Duration from "effect/Duration"
import { Classified } from "../internal/classified.ts"
import { describe, type Failure } from "./ApiError.ts"

const login = "Send the user through the login again (OAuth.authorize)."

const ended = {
  refused: "the platform refuses the session",
  noSession: "there is no session of this user",
  noRefreshToken: "the access token has expired, and without offline_access there is no refresh token"
}

/**
 * The session of a user has ended: only the user can begin a new one, by logging in.
 *
 * **Details**
 *
 * `reason`: `refused` (by the platform; `code` says why), `noSession` (nobody has logged in under this id),
 * `noRefreshToken` (the access token has expired, and the user did not grant `offline_access`).
 *
 * - 20003 (HTTP 400): The authorization code does not exist.
 * - 20004 (HTTP 400): The authorization code has expired: it lives five minutes.
 * - 20008 (HTTP 400): The user does not exist.
 * - 20026 (HTTP 400): The refresh token is invalid, or of another version of the token endpoint.
 * - 20037 (HTTP 400): The refresh token has expired.
 * - 20049 (HTTP 400): The code verifier does not fit the code challenge.
 * - 20064 (HTTP 400): The refresh token was revoked.
 * - 20065 (HTTP 400): The authorization code was used before.
 * - 20066 (HTTP 400): The user is not active.
 * - 20073 (HTTP 400): The refresh token was used before.
 * - 99991669: The refresh token of the user is invalid.
 *
 * @stability stable
 * @category session errors
 */
export class ReauthorizationRequired extends Classified<
  Partial<Failure> & {
    readonly endpoint: string
    readonly reason: keyof typeof ended
  }
>()("ReauthorizationRequired", {
  kind: "caller",
  message: ({ code, endpoint, logId, msg, reason, status }) =>
    code === undefined || msg === undefined || status === undefined
      ? `The user has to log in again (${endpoint}): ${ended[reason]}. ${login}`
      : describe({ code, msg, status, logId, endpoint }, login)
}) {
  static readonly codes = [20003, 20004, 20008, 20026, 20037, 20049, 20064, 20065, 20066, 20073, 99991669]
    .map((code) => ({ code }))
  static readonly keepsData = false
  constructor(options: Partial<Failure> & { readonly endpoint: string; readonly reason?: keyof typeof ended }) {
    super({ reason: "refused", ...options })
  }
  get advice() {
    return login
  }
}

/**
 * The store of sessions or tickets failed, or holds what cannot be read.
 *
 * @stability stable
 * @category session errors
 */
export class SessionStoreError extends Classified<{
  readonly endpoint: string
  /** `unreadable`: the record was sealed with another key, or was changed. */
  readonly reason: "unavailable" | "unreadable"
  readonly detail: string
}>()("SessionStoreError", {
  kind: ({ reason }) => reason === "unavailable" ? "platform" : "setup",
  retry: ({ reason }) => reason === "unavailable" ? "wait" : "never",
  message: ({ detail, endpoint, reason }) =>
    `The store (${endpoint}): ${detail}. ${
      reason === "unavailable"
        ? "No call was sent; check the store."
        : "Put the key that it was sealed with into LARK_SEAL_KEY, or into LARK_SEAL_KEY_PREVIOUS; a new login or ticket replaces it."
    }`
}) {}

/**
 * A store app has no `app_ticket`, or the platform refuses the one it has.
 *
 * **Details**
 *
 * The platform pushes a ticket about once an hour, and soon after a request for one. `resend` says whether that request
 * was accepted. If it was, the ticket is on its way: `retry` is `wait`, and `setHost` tries again every `retryAfter` (five
 * seconds) within its deadline and its transient schedule.
 *
 * @stability stable
 * @category session errors
 */
export class AppTicketMissing extends Classified<{
  readonly endpoint: string
  readonly reason: "none" | "rejected"
  readonly resend: "requested" | "failed"
}>()("AppTicketMissing", {
  kind: ({ resend }) => resend === "requested" ? "platform" : "setup",
  retry: ({ resend }) => resend === "requested" ? "wait" : "never",
  message: ({ endpoint, reason, resend }) =>
    `${reason === "none" ? "There is no app_ticket yet" : "The app_ticket is outdated"} (${endpoint}). ${
      resend === "requested"
        ? "A push of a new one was requested; try again in some seconds. If none arrives,"
        : "The request for a new one failed;"
    } check that the webhook is mounted and reachable, and has the LARK_VERIFICATION_TOKEN and LARK_ENCRYPT_KEY of the console (it logs each refusal at level Debug).`
}) {
  get retryAfter() {
    return this.resend === "requested" ? Duration.seconds(5) : undefined
  }
}

const tenantAdvice = {
  missing: "A store app has many tenants: wrap the call in Lark.asTenant(tenantKey).",
  empty: "The tenant key is empty: pass Lark.asTenant the tenant_key of the event or login.",
  customApp: "A custom app has one tenant: remove Lark.asTenant, or use StoreApp.layer."
}

/**
 * A call of a store app names no tenant, or one of a custom app names one.
 *
 * @stability stable
 * @category session errors
 */
export class InvalidTenant extends Classified<{
  readonly endpoint: string
  readonly reason: keyof typeof tenantAdvice
}>()("InvalidTenant", { kind: "caller", message: ({ reason }) => tenantAdvice[reason] }) {}
