import type { ArrivedRequest } from "../ArrivedRequest.ts"
import * as Reply from "../Reply.ts"
import * as Subscriptions from "../Subscriptions.ts"
import type { World } from "../World.ts"

/** `POST /vc/v1/meetings/subscription` and `unsubscription`: from now on events of the user's own meetings come, or do not. */
export const change =
  (what: "add" | "remove") => ({ json, operator }: ArrivedRequest<"user">, { subscriptions }: World): Reply.Reply => {
    const name = Subscriptions.nameOf(json?.["event_type"])
    if (name === undefined) return Reply.failure(121003)
    subscriptions[what](name, operator.user)
    return Reply.success({})
  }
