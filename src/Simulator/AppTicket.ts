import type { App } from "./App.ts"
import type { Call } from "./Call.ts"
import { appOf, fieldsOf, refused } from "./Credentials.ts"
import * as Reply from "./Reply.ts"
import type { World } from "./World.ts"

/**
 * `POST /auth/v3/app_ticket/resend`: the app to which a ticket is to be pushed, or a refusal.
 */
export const resendTo = (world: World, call: Call): App | Reply.Reply => {
  const fields = fieldsOf(call, ["app_id", "app_secret"])
  if (Reply.is(fields)) return fields
  const app = appOf(world, fields)
  if (Reply.is(app)) return app
  return app.type === "store" ? app : refused(10016, "app is not a store app")
}
