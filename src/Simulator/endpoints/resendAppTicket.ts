import * as Effect from "effect/Effect"
import type { Arrival } from "../ArrivedRequest.ts"
import { appOf, fieldsOf, refused } from "../Credentials.ts"
import * as Reply from "../Reply.ts"
import type { World } from "../World.ts"

/** `POST /auth/v3/app_ticket/resend`. The reply does not wait until the ticket has been pushed. */
export const resendAppTicket = ({ json }: Arrival, world: World): Reply.Reply | Effect.Effect<Reply.Reply> => {
  const fields = fieldsOf(json, ["app_id", "app_secret"])
  if (Reply.is(fields)) return fields
  const app = appOf(world, fields)
  if (Reply.is(app)) return app
  return app.type === "store"
    ? Effect.as(world.resendTicket(app.id), Reply.json(200, { code: 0, msg: "success" }))
    : refused(10016, "app is not a store app")
}
