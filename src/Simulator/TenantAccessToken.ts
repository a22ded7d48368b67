import * as Redacted from "effect/Redacted"
import { type Call, isRecord, parseJson } from "./Call.ts"
import * as Reply from "./Reply.ts"
import type { World } from "./World.ts"

const refused = (code: number, msg: string): Reply.Reply => Reply.json(200, { code, msg })

/**
 * `POST /auth/v3/tenant_access_token/internal`. The token sits beside `code`, and failures come with HTTP 200.
 */
export const tenantAccessToken = (world: World, call: Call): Reply.Reply => {
  const parsed = parseJson(call.body)
  if (!parsed.ok || !isRecord(parsed.value)) return refused(10003, "invalid param")
  const { app_id, app_secret } = parsed.value
  if (typeof app_id !== "string" || app_id === "" || typeof app_secret !== "string" || app_secret === "") {
    return refused(10003, "invalid param")
  }
  if (app_id !== world.app.id) return refused(99991543, "app_id or app_secret is invalid")
  if (app_secret !== Redacted.value(world.app.secret)) return refused(world.behavior.wrongSecret, "app secret invalid")
  if (world.app.stopped) return refused(10014, "app is not available")

  const token = world.tokens.tenant(call.now, world.app.tokenLifetimeMillis)
  return Reply.json(200, {
    code: 0,
    msg: "ok",
    tenant_access_token: token.text,
    expire: Math.floor((token.expiresAt - call.now) / 1000)
  })
}
