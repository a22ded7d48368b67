import type { ArrivedRequest } from "../ArrivedRequest.ts"
import * as Reply from "../Reply.ts"
import type { World } from "../World.ts"

/** The endpoint documents this for every user token that is not accepted, and no code of the gateway. */
export const invalidUserToken = Reply.json(200, {
  code: 20005,
  msg: "The user access token passed is invalid. Please check the value"
})

/** `GET /authen/v1/user_info`. */
export const userInfo = ({ operator: { user } }: ArrivedRequest<"user">, world: World): Reply.Reply =>
  Reply.success({
    name: user.name,
    en_name: user.name,
    avatar_url: "",
    open_id: user.openId,
    union_id: user.unionId,
    ...(world.behavior.userIdScope ? { user_id: user.userId } : {}),
    tenant_key: user.tenant
  })
