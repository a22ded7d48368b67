/**
 * The failure that an envelope describes, without the secrets of its request.
 *
 * @internal
 */
import * as Predicate from "effect/Predicate"
import type { Failure } from "../LarkError.ts"
import type { Envelope } from "./envelope.ts"

/** The properties that are not `undefined`. */
export const defined = <T extends object>(properties: T): T => {
  // The types of the properties that are left out include `undefined`.
  const given = {} as T
  for (const name in properties) {
    if (properties[name] !== undefined) given[name] = properties[name]
  }
  return given
}

/** The failure of an envelope with a code other than 0. */
export const failure = ({ body, code, endpoint, logId, msg, redact, retryAfter, status }: Envelope): Failure => {
  const error = Predicate.isObject(body["error"]) ? body["error"] : {}
  const textOf = (value: unknown) => Predicate.isString(value) ? redact.text(value) : undefined
  const texts = (list: unknown, ...names: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    if (!Array.isArray(list)) return undefined
    const found = list.filter(Predicate.isObject).map((item) =>
      textOf(names.map((name) => item[name]).find(Predicate.isString))
    ).filter(Predicate.isString)
    return found.length > 0 ? found : undefined
  }
  return defined<Failure>({
    code,
    msg: redact.text(msg),
    status,
    endpoint,
    logId: logId ?? textOf(error["log_id"]) ?? textOf(error["logid"]),
    troubleshooter: textOf(error["troubleshooter"]),
    retryAfter,
    scopes: texts(error["permission_violations"], "subject", "scope"),
    violations: texts(error["field_violations"], "field"),
    data: redact.data(body["data"] ?? undefined)
  })
}
