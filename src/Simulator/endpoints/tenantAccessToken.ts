import { homeTenant } from "../App.ts"
import type { Arrival } from "../ArrivedRequest.ts"
import { appOf, fieldsOf, refused, secondsLeft } from "../Credentials.ts"
import * as Reply from "../Reply.ts"
import type { World } from "../World.ts"

const failed = refused(10013, "get tenant_access_token failed")

const granted = (token: { readonly text: string; readonly expiresAt: number }, now: number): Reply.Reply =>
  Reply.json(200, { code: 0, msg: "ok", tenant_access_token: token.text, expire: secondsLeft(token, now) })

/** `POST /auth/v3/tenant_access_token/internal`. The token is not under `data`, and failures come with HTTP 200. */
export const ofCustomApp = ({ json, now }: Arrival, world: World): Reply.Reply => {
  const fields = fieldsOf(json, ["app_id", "app_secret"])
  if (Reply.is(fields)) return fields
  const app = appOf(world, fields)
  if (Reply.is(app)) return app
  return app.type === "custom" ? granted(world.tokens.tenant(app, homeTenant(app), now, "opaque"), now) : failed
}

/** `POST /auth/v3/tenant_access_token`: the token of a store app in one of the tenants where it is installed. */
export const ofStoreApp = ({ json, now }: Arrival, world: World): Reply.Reply => {
  const fields = fieldsOf(json, ["app_access_token", "tenant_key"])
  if (Reply.is(fields)) return fields
  const token = world.tokens.findApp(fields.app_access_token, now)
  const app = token === undefined ? undefined : world.apps.get(token.appId)
  if (app === undefined) return refused(world.behavior.invalidAppToken, "app_access_token is invalid")
  return app.tenants.includes(fields.tenant_key)
    ? granted(world.tokens.tenant(app, fields.tenant_key, now, "opaque"), now)
    : failed
}
