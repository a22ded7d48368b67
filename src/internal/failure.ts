/**
 * The failure that an envelope describes, without the secrets of its request.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import type { Failure } from "../LarkError.ts"
import type { Envelope } from "./envelope.ts"
import { omitIfSecret, redactor } from "./secrets.ts"

/** The properties that are not `undefined`. */
export const defined = <T extends object>(properties: T): T =>
  // The types of the properties that are left out include `undefined`.
  Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined)) as T

/** The failure of an envelope with a code other than 0. */
export const failure = (envelope: Envelope, secrets: ReadonlyArray<Redacted.Redacted>): Failure => {
  const redact = redactor(secrets)
  const { body, code, endpoint, logId, msg, retryAfter, status } = envelope
  const error = Predicate.isObject(body["error"]) ? body["error"] : {}
  const textOf = (value: unknown) => Predicate.isString(value) ? redact(value) : undefined
  const texts = (list: unknown, ...names: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    const found = (Array.isArray(list) ? list : []).filter(Predicate.isObject).map((item) =>
      textOf(names.map((name) => item[name]).find(Predicate.isString))
    ).filter(Predicate.isString)
    return found.length > 0 ? found : undefined
  }
  return defined<Failure>({
    code,
    msg: redact(msg),
    status,
    endpoint,
    logId: logId ?? textOf(error["log_id"]) ?? textOf(error["logid"]),
    troubleshooter: textOf(error["troubleshooter"]),
    retryAfter,
    scopes: texts(error["permission_violations"], "subject", "scope"),
    violations: texts(error["field_violations"], "field"),
    data: omitIfSecret(body["data"] ?? undefined, secrets)
  })
}
