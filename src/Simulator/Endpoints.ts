import type * as Digest from "effect/crypto/Digest"
import * as Effect from "effect/Effect"
import * as AppAccessToken from "./AppAccessToken.ts"
import { resendTo } from "./AppTicket.ts"
import { authorizePage } from "./Authorize.ts"
import type { Call } from "./Call.ts"
import { endMeeting } from "./EndMeeting.ts"
import type { Endpoint } from "./Fault.ts"
import { throttled } from "./FaultyReply.ts"
import { getMeeting } from "./GetMeeting.ts"
import { oauthToken } from "./OAuthToken.ts"
import type { RateLimit } from "./RateLimit.ts"
import * as Reply from "./Reply.ts"
import type { RivalPlan } from "./Rival.ts"
import { setHost } from "./SetHost.ts"
import * as TenantAccessToken from "./TenantAccessToken.ts"
import type { User } from "./User.ts"
import { userInfo } from "./UserInfo.ts"
import type { World } from "./World.ts"

/**
 * Where each endpoint is. Those of the login are on a host of their own, which no path tells apart.
 */
export const paths: ReadonlyArray<readonly ["GET" | "POST" | "PATCH", `/${string}`, Endpoint]> = [
  ["POST", "/open-apis/auth/v3/tenant_access_token/internal", "tenant_access_token"],
  ["POST", "/open-apis/auth/v3/tenant_access_token", "tenant_access_token"],
  ["POST", "/open-apis/auth/v3/app_access_token/internal", "app_access_token"],
  ["POST", "/open-apis/auth/v3/app_access_token", "app_access_token"],
  ["POST", "/open-apis/auth/v3/app_ticket/resend", "app_ticket_resend"],
  ["GET", "/open-apis/authen/v1/authorize", "authorize"],
  ["POST", "/open-apis/authen/v2/oauth/token", "oauth_token"],
  ["POST", "/oauth/v3/token", "oauth_token"],
  ["GET", "/open-apis/authen/v1/user_info", "user_info"],
  ["GET", "/open-apis/vc/v1/meetings/:meeting_id", "get"],
  ["PATCH", "/open-apis/vc/v1/meetings/:meeting_id/set_host", "set_host"],
  ["PATCH", "/open-apis/vc/v1/meetings/:meeting_id/end", "end"]
]

/** Whether requests to the endpoint are made with a token. */
export const takesToken = (endpoint: Endpoint | "unknown"): boolean =>
  endpoint === "get" || endpoint === "set_host" || endpoint === "end" || endpoint === "user_info"

/**
 * What the endpoints work with.
 */
export interface Room {
  readonly world: World
  readonly rivals: RivalPlan
  /** Without it, nothing is counted. */
  readonly rateLimit: RateLimit | undefined
  readonly digest: Digest.Digest["Service"]
  /** Who is logged in in the browser that opens a login. */
  readonly login: User | undefined
  /** Sends a new ticket to the app, without waiting for it to arrive. */
  readonly resendTicket: (appId: string) => Effect.Effect<void>
}

const isInternal = (call: Call): boolean => call.path.endsWith("/internal")

const meeting = (room: Room, endpoint: "get" | "set_host" | "end", call: Call): Reply.Reply => {
  const { rivals, world } = room
  const operator = world.tokens.authorize(call, endpoint === "end" ? "user" : "both")
  if (Reply.is(operator)) return operator
  const excess = room.rateLimit?.take(`${endpoint} ${world.tokens.ownerOf(call.authorization)}`, call.now)
  if (excess !== undefined) {
    return throttled({ reset: Math.ceil(excess.wait / 1_000), status: 429 }, call.logId, excess.count)
  }
  switch (endpoint) {
    case "get":
      return getMeeting(world, operator, call)
    case "end":
      return endMeeting(world, operator, call)
    case "set_host": {
      rivals.before(call.now)
      const reply = setHost(world, operator, call)
      rivals.after(call.now)
      return reply
    }
  }
}

/**
 * The answer of an endpoint. Whatever it changes it changes in one synchronous step.
 */
export const answer = (room: Room, endpoint: Endpoint, call: Call): Effect.Effect<Reply.Reply> => {
  const { world } = room
  switch (endpoint) {
    case "tenant_access_token":
      return Effect.sync(() =>
        isInternal(call) ? TenantAccessToken.ofCustomApp(world, call) : TenantAccessToken.ofStoreApp(world, call)
      )
    case "app_access_token":
      return Effect.sync(() =>
        isInternal(call) ? AppAccessToken.ofCustomApp(world, call) : AppAccessToken.ofStoreApp(world, call)
      )
    case "app_ticket_resend":
      return Effect.suspend(() => {
        const app = resendTo(world, call)
        // The ticket is pushed; the answer only says that it will be.
        return Reply.is(app)
          ? Effect.succeed(app)
          : Effect.as(room.resendTicket(app.id), Reply.json(200, { code: 0, msg: "success" }))
      })
    case "authorize":
      return Effect.sync(() => authorizePage(world, room.login, call.query, call.now))
    case "oauth_token":
      return oauthToken(room.digest, world, call, call.path.startsWith("/oauth/v3/") ? "v3" : "v2")
    case "user_info":
      return Effect.sync(() => userInfo(world, call))
    case "get":
    case "set_host":
    case "end":
      return Effect.sync(() => meeting(room, endpoint, call))
  }
}
