/**
 * The failure that an envelope describes, without the secrets of its request.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import type * as Types from "effect/Types"
import type { Failure } from "../LarkError.ts"
import type { Envelope } from "./envelope.ts"
import { omitIfSecret, redactor } from "./secrets.ts"

const texts = (list: unknown, pick: (item: Readonly<Record<string, unknown>>) => unknown): ReadonlyArray<string> =>
  Array.isArray(list)
    ? list.flatMap((item: unknown) => {
      const text = Predicate.isObject(item) ? pick(item) : undefined
      return typeof text === "string" ? [text] : []
    })
    : []

/** The failure of an envelope with a code other than 0. */
export const failure = (envelope: Envelope, secrets: ReadonlyArray<Redacted.Redacted>): Failure => {
  const redact = redactor(secrets)
  const error = Predicate.isObject(envelope.body["error"]) ? envelope.body["error"] : {}
  const { code, endpoint, msg, retryAfter, status } = envelope
  const idInBody = [error["log_id"], error["logid"]].find(Predicate.isString)
  const logId = envelope.logId ?? (idInBody === undefined ? undefined : redact(idInBody))
  const scopes = texts(error["permission_violations"], (violation) => violation["subject"] ?? violation["scope"])
  const violations = texts(error["field_violations"], (violation) => violation["field"])
  const data = omitIfSecret(envelope.body["data"] ?? undefined, secrets)
  const failure: Types.Mutable<Failure> = { code, msg: redact(msg), status, endpoint }
  if (logId !== undefined) failure.logId = logId
  if (typeof error["troubleshooter"] === "string") failure.troubleshooter = redact(error["troubleshooter"])
  if (retryAfter !== undefined) failure.retryAfter = retryAfter
  if (scopes.length > 0) failure.scopes = scopes.map(redact)
  if (violations.length > 0) failure.violations = violations.map(redact)
  if (data !== undefined) failure.data = data
  return failure
}
