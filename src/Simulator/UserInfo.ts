import type { Call } from "./Call.ts"
import * as Reply from "./Reply.ts"
import type { World } from "./World.ts"

/**
 * `GET /authen/v1/user_info`.
 *
 * What is no user token by its looks the gateway refuses. One that is not accepted gets the 20005 with HTTP 200 of the
 * endpoint's own table, and not the 99991668 of the gateway: the table lists no other code for it.
 */
export const userInfo = (world: World, call: Call): Reply.Reply => {
  if (world.tokens.kindOf(call.authorization) !== "user") {
    const operator = world.tokens.authorize(call, "user")
    if (Reply.is(operator)) return operator
  }
  const user = world.tokens.findUser(call.authorization, call.now)
  if (user === undefined) {
    return Reply.json(200, { code: 20005, msg: "The user access token passed is invalid. Please check the value" })
  }
  return Reply.success({
    name: user.name,
    en_name: user.name,
    avatar_url: "",
    open_id: user.openId,
    union_id: user.unionId,
    ...(world.behavior.userIdScope ? { user_id: user.userId } : {}),
    tenant_key: user.tenant
  })
}
