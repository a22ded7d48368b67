import { isRecord, parseJson } from "./Call.ts"
import type { Endpoint, Fault } from "./Fault.ts"
import { oauthFailure } from "./OAuthError.ts"
import * as Reply from "./Reply.ts"

type Of<Tag extends Fault["_tag"]> = Extract<Fault, { readonly _tag: Tag }>

export const serverError = (fault: Of<"ServerError">, endpoint: Endpoint): Reply.Reply => {
  if (fault.body === "html") {
    const page = `<html><head><title>${fault.status}</title></head><body><h1>${fault.status}</h1></body></html>`
    return Reply.text(fault.status, page, "text/html")
  }
  switch (endpoint) {
    case "oauth_token":
      return { ...oauthFailure(fault.status === 503 ? 20072 : 20050), status: fault.status }
    case "authorize":
      return Reply.page(fault.status, 20050, "20050: system error")
    case "user_info":
      return Reply.json(fault.status, { code: 20050, msg: "System error" })
    case "tenant_access_token":
    case "app_access_token":
    case "app_ticket_resend":
      return Reply.json(fault.status, { code: 5000, msg: "internal error" })
    default:
      return Reply.json(fault.status, { code: 121001, msg: "internal error" })
  }
}

export const throttled = (
  fault: Pick<Of<"Throttle">, "reset" | "status">,
  logId: string,
  limit = 50
): Reply.Reply =>
  Reply.withHeaders(Reply.refusal(fault.status, 99991400, "request trigger frequency limit", logId), {
    "x-ogw-ratelimit-limit": String(limit),
    "x-ogw-ratelimit-reset": String(fault.reset)
  })

export const garbage = (fault: Of<"GarbageBody">): Reply.Reply =>
  Reply.text(fault.status, fault.body, "application/json; charset=utf-8")

export const empty = (fault: Of<"EmptyBody">): Reply.Reply => Reply.text(fault.status, "")

const conflict = 121006

const hostId = (reply: Reply.Reply): unknown => {
  const parsed = parseJson(reply.body)
  if (!parsed.ok || !isRecord(parsed.value) || !isRecord(parsed.value["data"])) return undefined
  const host = parsed.value["data"]["host_user"]
  return isRecord(host) ? host["id"] : undefined
}

const hostlessData = (fault: Of<"ConflictWithoutHost">, reply: Reply.Reply): { readonly data?: unknown } => {
  switch (fault.shape) {
    case "noData":
      return {}
    case "nullData":
      return { data: null }
    case "emptyObject":
      return { data: {} }
    case "emptyId":
      return { data: { host_user: { id: "", user_type: 1 } } }
    case "noUserType":
      return { data: { host_user: { id: hostId(reply) } } }
  }
}

export const withoutHost = (fault: Of<"ConflictWithoutHost">, reply: Reply.Reply): Reply.Reply =>
  reply.code === conflict
    ? Reply.json(reply.status, { code: conflict, msg: "data conflict", ...hostlessData(fault, reply) })
    : reply

export const conflictAsOk = (reply: Reply.Reply): Reply.Reply =>
  reply.code === conflict ? { ...reply, status: 200 } : reply
