import { homeTenant } from "../App.ts"
import type { Arrival } from "../ArrivedRequest.ts"
import { appOf, fieldsOf, refused, secondsLeft } from "../Credentials.ts"
import * as Reply from "../Reply.ts"
import type { World } from "../World.ts"

const failed = refused(10012, "get app_access_token failed")

/** `POST /auth/v3/app_access_token/internal`: the app token of a custom app is its tenant token. */
export const ofCustomApp = ({ json, now }: Arrival, world: World): Reply.Reply => {
  const fields = fieldsOf(json, ["app_id", "app_secret"])
  if (Reply.is(fields)) return fields
  const app = appOf(world, fields)
  if (Reply.is(app)) return app
  if (app.type !== "custom") return failed
  const token = world.tokens.tenant(app, homeTenant(app), now, "opaque")
  return Reply.json(200, {
    code: 0,
    msg: "ok",
    app_access_token: token.text,
    tenant_access_token: token.text,
    expire: secondsLeft(token, now)
  })
}

/** `POST /auth/v3/app_access_token`: a store app needs a ticket that was pushed to it. */
export const ofStoreApp = ({ json, now }: Arrival, world: World): Reply.Reply => {
  const fields = fieldsOf(json, ["app_id", "app_secret", "app_ticket"])
  if (Reply.is(fields)) return fields
  const app = appOf(world, fields)
  if (Reply.is(app)) return app
  if (app.type !== "store") return failed
  const accepted = world.tickets.of(app.id).slice(world.behavior.olderTicketAccepted ? 0 : -1)
  if (!accepted.includes(fields.app_ticket)) return failed
  const token = world.tokens.app(app, now)
  return Reply.json(200, { code: 0, msg: "ok", app_access_token: token.text, expire: secondsLeft(token, now) })
}
