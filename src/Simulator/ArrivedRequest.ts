import * as Reply from "./Reply.ts"
import type { Operators, TokenRule } from "./Tokens.ts"
import { type IdType, idTypes } from "./User.ts"

export type JsonObject = Readonly<Record<string, unknown>>

export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * The parameters of a query or a form.
 *
 * The documents say nothing of duplicates, so Go decides, whose 404 page the platform has: `url.Values.Get` takes the first
 * parameter, `encoding/json` the last key of an object, as `JSON.parse` does.
 */
export const parametersIn = (parameters: URLSearchParams): Readonly<Record<string, string>> => {
  const first = new Map<string, string>()
  for (const [name, value] of parameters) if (!first.has(name)) first.set(name, value)
  return Object.fromEntries(first)
}

export const parseJson = (text: string): JsonObject | undefined => {
  // An error takes longer than the rest of a request.
  if (text === "") return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * A request that arrived at an endpoint.
 *
 * @stability unstable
 * @category models
 */
export interface Arrival<Param extends string = never> {
  /** Its index in the log of requests. */
  readonly index: number
  readonly logId: string
  /** The host and port in its URL or `Host` header. */
  readonly host: string
  /** The parameters of the endpoint's path, decoded. */
  readonly params: Readonly<Record<Param, string>>
  readonly query: Readonly<Record<string, string>>
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  readonly body: string
  /** The body, if it is a JSON object. */
  readonly json: JsonObject | undefined
  /** When it is executed, in milliseconds since 1970. */
  readonly now: number
}

/**
 * A request whose token was accepted.
 *
 * @stability unstable
 * @category models
 */
export interface ArrivedRequest<Rule extends TokenRule = TokenRule, Param extends string = never>
  extends Arrival<Param>
{
  /** The app or user that the token belongs to; `undefined` where no token is taken. */
  readonly operator: Operators[Rule]
}

/** The objects of a list in a body; `undefined` if it is no list, or has something else in it. */
export const objectsIn = (json: JsonObject | undefined, field: string): ReadonlyArray<JsonObject> | undefined => {
  const list = json?.[field]
  return Array.isArray(list) && list.every(isRecord) ? list : undefined
}

/** The texts of a list in a body; empty without one, `undefined` if it has something else in it. */
export const textsIn = (json: JsonObject | undefined, field: string): ReadonlyArray<string> | undefined => {
  const list = json?.[field] ?? []
  return Array.isArray(list) && list.every((text) => typeof text === "string") ? list : undefined
}

const booleans = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const)
])

/** A boolean of the query, as Go's `strconv.ParseBool` reads it; `false` without one, `undefined` if it is invalid. */
export const booleanIn = ({ query }: Pick<Arrival, "query">, name: string): boolean | undefined =>
  booleans.get(query[name] ?? "false")

/** Whether a field of a body can be a boolean. Go leaves one that is `null` as it is. */
export const mayBeBoolean = (value: unknown): boolean => typeof (value ?? false) === "boolean"

/** The id type that a request wants, or the refusal of an unknown or forbidden one. */
export const idTypeOf = ({ logId, query }: Arrival, mayUseUserId: boolean): IdType | Reply.Reply => {
  const wanted = query["user_id_type"]
  if (wanted === undefined || wanted === "") return "open_id"
  const idType = idTypes.find((known) => known === wanted)
  if (idType === undefined) {
    return Reply.refusal(400, 99992402, "field validation failed", logId, {
      field_violations: [{
        field: "user_id_type",
        value: wanted,
        description: `user_id_type is optional, options: [${idTypes.join(",")}]`
      }]
    })
  }
  if (idType === "user_id" && !mayUseUserId) {
    const scope = "contact:user.employee_id:readonly"
    const msg = `Access denied. One of the following scopes is required: [${scope}].`
    return Reply.refusal(400, 99991672, msg, logId, {
      permission_violations: [{ type: "field_scope_required", subject: scope }]
    })
  }
  return idType
}
