import type { Arrival } from "../ArrivedRequest.ts"
import { isSecretOf } from "../Credentials.ts"
import * as Reply from "../Reply.ts"
import type { World } from "../World.ts"

const messages: Readonly<Record<number, string>> = {
  1: "system busy",
  403: "forbidden",
  514: "auth failed",
  1000040343: "internal error",
  1000040344: "no credential",
  1000040345: "app_id or app_secret is invalid",
  1000040350: "the number of connections exceeded the limit",
  1000040351: "Incorrect domain name"
}

const refused = (code: number, msg = messages[code] ?? "error") => Reply.json(200, { code, msg, data: {} })

/** `POST /callback/ws/endpoint`: the address of a long connection. Failures come with HTTP 200. */
export const longConnection = (
  { host, index, json }: Arrival,
  { apps, longConnections, publish }: World
): Reply.Reply => {
  const [appId, secret] = [json?.["AppID"], json?.["AppSecret"]]
  const fault = longConnections.nextFault(typeof appId === "string" && apps.has(appId) ? appId : undefined)
  if (fault !== undefined) {
    publish(() => ({ _tag: "Fault", fault, endpoint: "long_connection", request: index, event: undefined }))
  }
  if (fault?._tag === "Code") return refused(fault.code, fault.msg)
  if (typeof appId !== "string" || typeof secret !== "string") return refused(514)
  if (appId === "" || secret === "") return refused(1000040344)
  const app = apps.get(appId)
  if (app === undefined || !isSecretOf(app, secret)) return refused(1000040345)
  // Documented: store apps receive events by webhook only.
  if (app.stopped || app.type === "store") return refused(403)
  const address = longConnections.address(appId, host, fault)
  return address === "too many" ? refused(1000040350) : Reply.json(200, { code: 0, msg: "", data: address })
}
