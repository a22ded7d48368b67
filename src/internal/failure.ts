/**
 * What a failed answer says, without the secrets that it may repeat.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import type * as Types from "effect/Types"
import type { Failure } from "../LarkError.ts"
import type { Envelope } from "./envelope.ts"
import { concealer, withoutSecrets } from "./secrets.ts"

const texts = (list: unknown, pick: (item: Readonly<Record<string, unknown>>) => unknown): ReadonlyArray<string> =>
  Array.isArray(list)
    ? list.flatMap((item: unknown) => {
      const text = Predicate.isObject(item) ? pick(item) : undefined
      return typeof text === "string" ? [text] : []
    })
    : []

/**
 * What an envelope with a code other than 0 says, with the secrets that the request held taken out should the answer
 * repeat them.
 *
 * @internal
 */
export const failure = (envelope: Envelope, secrets: ReadonlyArray<Redacted.Redacted>): Failure => {
  const conceal = concealer(secrets)
  const error = Predicate.isObject(envelope.body["error"]) ? envelope.body["error"] : {}
  const { code, endpoint, msg, retryAfter, status } = envelope
  const inBody = [error["log_id"], error["logid"]].find(Predicate.isString)
  const logId = envelope.logId ?? (inBody === undefined ? undefined : conceal(inBody))
  const scopes = texts(error["permission_violations"], (violation) => violation["subject"] ?? violation["scope"])
  const violations = texts(error["field_violations"], (violation) => violation["field"])
  const data = withoutSecrets(envelope.body["data"] ?? undefined, secrets)
  const failure: Types.Mutable<Failure> = { code, msg: conceal(msg), status, endpoint }
  if (logId !== undefined) failure.logId = logId
  if (typeof error["troubleshooter"] === "string") failure.troubleshooter = conceal(error["troubleshooter"])
  if (retryAfter !== undefined) failure.retryAfter = retryAfter
  if (scopes.length > 0) failure.scopes = scopes.map(conceal)
  if (violations.length > 0) failure.violations = violations.map(conceal)
  if (data !== undefined) failure.data = data
  return failure
}
