import * as Reply from "./Reply.ts"
import { type IdType, idTypes } from "./User.ts"

/**
 * A request that reached an endpoint.
 */
export interface Call {
  readonly index: number
  readonly logId: string
  readonly meetingId: string
  readonly query: Readonly<Record<string, string>>
  readonly path: string
  readonly authorization: string | undefined
  readonly contentType: string | undefined
  readonly body: string
  /** When it is evaluated, in milliseconds. */
  readonly now: number
}

export const parseJson = (body: string): { readonly ok: true; readonly value: unknown } | { readonly ok: false } => {
  try {
    return { ok: true, value: JSON.parse(body) }
  } catch {
    return { ok: false }
  }
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * The id type a request asks for, or the refusal of it.
 */
export const idTypeOf = (call: Call, mayUseUserId: boolean): IdType | Reply.Reply => {
  const asked = call.query["user_id_type"]
  if (asked === undefined || asked === "") return "open_id"
  const idType = idTypes.find((known) => known === asked)
  if (idType === undefined) {
    return Reply.refusal(400, 99992402, "field validation failed", call.logId, {
      field_violations: [{
        field: "user_id_type",
        value: asked,
        description: `user_id_type is optional, options: [${idTypes.join(",")}]`
      }]
    })
  }
  if (idType === "user_id" && !mayUseUserId) {
    const scope = "contact:user.employee_id:readonly"
    const msg = `Access denied. One of the following scopes is required: [${scope}].`
    return Reply.refusal(400, 99991672, msg, call.logId, {
      permission_violations: [{ type: "field_scope_required", subject: scope }]
    })
  }
  return idType
}
