import * as EndpointRow from "./EndpointRow.ts"
import * as appAccessToken from "./endpoints/appAccessToken.ts"
import { authorizePage } from "./endpoints/authorize.ts"
import { endMeeting } from "./endpoints/endMeeting.ts"
import { getMeeting } from "./endpoints/getMeeting.ts"
import { longConnection } from "./endpoints/longConnection.ts"
import { oauthToken } from "./endpoints/oauthToken.ts"
import { resendAppTicket } from "./endpoints/resendAppTicket.ts"
import { setHost } from "./endpoints/setHost.ts"
import * as tenantAccessToken from "./endpoints/tenantAccessToken.ts"
import * as userInfo from "./endpoints/userInfo.ts"
import { oauthFailure } from "./OAuthError.ts"
import * as Reply from "./Reply.ts"

const auth = { method: "POST", token: "none", internalError: Reply.internalError(5000, "internal error") } as const

const oauth = {
  method: "POST",
  token: "none",
  internalError: (status: number) => ({ ...oauthFailure(status === 503 ? 20072 : 20050), status })
} as const

/** Every endpoint of the platform. Each replies on every host. */
export const endpoints = [
  EndpointRow.make({
    name: "set_host",
    method: "PATCH",
    path: "/open-apis/vc/v1/meetings/:meeting_id/set_host",
    token: "either",
    swaps: true,
    handle: setHost
  }),
  EndpointRow.make({
    name: "get",
    method: "GET",
    path: "/open-apis/vc/v1/meetings/:meeting_id",
    token: "either",
    handle: getMeeting
  }),
  EndpointRow.make({
    name: "end",
    method: "PATCH",
    path: "/open-apis/vc/v1/meetings/:meeting_id/end",
    token: "user",
    handle: endMeeting
  }),
  EndpointRow.make({
    ...auth,
    name: "tenant_access_token",
    path: "/open-apis/auth/v3/tenant_access_token/internal",
    handle: tenantAccessToken.ofCustomApp
  }),
  EndpointRow.make({
    ...auth,
    name: "tenant_access_token",
    path: "/open-apis/auth/v3/tenant_access_token",
    handle: tenantAccessToken.ofStoreApp
  }),
  EndpointRow.make({
    ...auth,
    name: "app_access_token",
    path: "/open-apis/auth/v3/app_access_token/internal",
    handle: appAccessToken.ofCustomApp
  }),
  EndpointRow.make({
    ...auth,
    name: "app_access_token",
    path: "/open-apis/auth/v3/app_access_token",
    handle: appAccessToken.ofStoreApp
  }),
  EndpointRow.make({
    ...auth,
    name: "app_ticket_resend",
    path: "/open-apis/auth/v3/app_ticket/resend",
    handle: resendAppTicket
  }),
  EndpointRow.make({
    name: "long_connection",
    method: "POST",
    path: "/callback/ws/endpoint",
    token: "none",
    internalError: Reply.internalError(1000040343, "internal error"),
    handle: longConnection
  }),
  EndpointRow.make({
    name: "authorize",
    method: "GET",
    path: "/open-apis/authen/v1/authorize",
    token: "none",
    internalError: (status) => Reply.page(status, 20050, "20050: system error"),
    handle: authorizePage
  }),
  EndpointRow.make({
    ...oauth,
    name: "oauth_token",
    path: "/open-apis/authen/v2/oauth/token",
    handle: oauthToken("v2")
  }),
  EndpointRow.make({
    ...oauth,
    name: "oauth_token",
    path: "/oauth/v3/token",
    handle: oauthToken("v3")
  }),
  EndpointRow.make({
    name: "user_info",
    method: "GET",
    path: "/open-apis/authen/v1/user_info",
    token: "user",
    limited: false,
    invalidUserToken: userInfo.invalidUserToken,
    internalError: Reply.internalError(20050, "System error"),
    handle: userInfo.userInfo
  })
]

export const names = [...new Set(endpoints.map(({ name }) => name))]
