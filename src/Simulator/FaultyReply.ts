import { isRecord, parseJson } from "./ArrivedRequest.ts"
import type { EndpointRow } from "./EndpointRow.ts"
import type { Fault } from "./Fault.ts"
import * as Reply from "./Reply.ts"

type Of<Tag extends Fault["_tag"]> = Extract<Fault, { readonly _tag: Tag }>

export const serverError = (
  { body, status }: Of<"ServerError">,
  { internalError }: Pick<EndpointRow<string>, "internalError">
): Reply.Reply =>
  body === "envelope"
    ? internalError(status)
    : Reply.text(
      status,
      `<html><head><title>${status}</title></head><body><h1>${status}</h1></body></html>`,
      "text/html"
    )

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
  const data = parseJson(reply.body)?.["data"]
  const host = isRecord(data) ? data["host_user"] : undefined
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
