import type { Arrival } from "../ArrivedRequest.ts"
import { refused, secondsLeft } from "../Credentials.ts"
import { parametersOf } from "../OAuthClient.ts"
import * as Reply from "../Reply.ts"
import type { World } from "../World.ts"
import { accessOf, byCode, byRefreshToken } from "./oauthToken.ts"

/** Codes that these endpoints do not document, and what they have in their place. */
const older = new Map([[20064, 20038], [20065, 20003], [20073, 20038]])

/** Failures come with HTTP 200. */
const failed = (code = 20050) => refused(older.get(code) ?? code, "the request is refused")

/**
 * The older token endpoints: `POST /authen/v1/oidc/access_token` and `/oidc/refresh_access_token`, and those without `/oidc`,
 * which also say who the user is (`named`). They take the token of the app, and give a refresh token for every login.
 */
export const oidcToken =
  (grantType: "authorization_code" | "refresh_token", named: boolean) =>
  (arrival: Arrival, world: World): Reply.Reply => {
    const { now } = arrival
    const app = world.apps.get(world.tokens.appOf(arrival) ?? "")
    if (app === undefined) return failed(20014)
    const fields = parametersOf(arrival, "v2")
    if (fields === undefined) return failed(20001)
    if (fields["grant_type"] !== grantType) return failed(20036)
    const request = { version: "v2", alwaysOffline: true, fields, app, now } as const
    const grant = grantType === "refresh_token" ? byRefreshToken(world, request) : byCode(world, request, "")
    if (Reply.is(grant)) return failed(grant.code)
    const { refresh, scopes, user } = grant
    const access = accessOf(world, request, grant)
    return Reply.success({
      access_token: access.text,
      token_type: "Bearer",
      expires_in: secondsLeft(access, now),
      ...(refresh === undefined
        ? {}
        : { refresh_token: refresh.text, refresh_expires_in: secondsLeft(refresh, now) }),
      ...(named
        ? { name: user.name, open_id: user.openId, union_id: user.unionId, tenant_key: user.tenant }
        : { scope: scopes.join(" ") })
    })
  }
