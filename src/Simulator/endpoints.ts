import * as EndpointRow from "./EndpointRow.ts"
import * as appAccessToken from "./endpoints/appAccessToken.ts"
import { authorizePage } from "./endpoints/authorize.ts"
import { botInfo } from "./endpoints/botInfo.ts"
import * as contacts from "./endpoints/contacts.ts"
import { endMeeting } from "./endpoints/endMeeting.ts"
import { getMeeting } from "./endpoints/getMeeting.ts"
import { listByNo } from "./endpoints/listByNo.ts"
import { longConnection } from "./endpoints/longConnection.ts"
import { oauthToken } from "./endpoints/oauthToken.ts"
import { oidcToken } from "./endpoints/oidcToken.ts"
import * as people from "./endpoints/people.ts"
import * as recording from "./endpoints/recording.ts"
import { resendAppTicket } from "./endpoints/resendAppTicket.ts"
import * as reserves from "./endpoints/reserves.ts"
import { setHost } from "./endpoints/setHost.ts"
import * as subscription from "./endpoints/subscription.ts"
import * as tenantAccessToken from "./endpoints/tenantAccessToken.ts"
import * as userInfo from "./endpoints/userInfo.ts"
import { oauthFailure } from "./OAuthError.ts"
import * as Reply from "./Reply.ts"

const auth = { method: "POST", token: "none", internalError: Reply.internalError(5000, "internal error") } as const

const contact = { internalError: Reply.internalError(40003, "internal error") } as const

const oauth = {
  method: "POST",
  token: "none",
  internalError: (status: number) => ({ ...oauthFailure(status === 503 ? 20072 : 20050), status })
} as const

const oidc = {
  name: "oidc_token",
  method: "POST",
  token: "none",
  internalError: Reply.internalError(20050, "System error")
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
    name: "list_by_no",
    method: "GET",
    path: "/open-apis/vc/v1/meetings/list_by_no",
    token: "either",
    limits: [{ requests: 100, window: "1 minute" }],
    handle: listByNo
  }),
  EndpointRow.make({
    name: "invite",
    method: "PATCH",
    path: "/open-apis/vc/v1/meetings/:meeting_id/invite",
    token: "user",
    handle: people.invite
  }),
  EndpointRow.make({
    name: "kickout",
    method: "POST",
    path: "/open-apis/vc/v1/meetings/:meeting_id/kickout",
    token: "either",
    handle: people.kickout
  }),
  EndpointRow.make({
    name: "subscription",
    method: "POST",
    path: "/open-apis/vc/v1/meetings/subscription",
    token: "user",
    handle: subscription.change("add")
  }),
  EndpointRow.make({
    name: "unsubscription",
    method: "POST",
    path: "/open-apis/vc/v1/meetings/unsubscription",
    token: "user",
    handle: subscription.change("remove")
  }),
  EndpointRow.make({
    name: "recording_start",
    method: "PATCH",
    path: "/open-apis/vc/v1/meetings/:meeting_id/recording/start",
    token: "user",
    handle: recording.start
  }),
  EndpointRow.make({
    name: "recording_stop",
    method: "PATCH",
    path: "/open-apis/vc/v1/meetings/:meeting_id/recording/stop",
    token: "user",
    handle: recording.stop
  }),
  EndpointRow.make({
    name: "recording_get",
    method: "GET",
    path: "/open-apis/vc/v1/meetings/:meeting_id/recording",
    token: "either",
    handle: recording.get
  }),
  EndpointRow.make({
    name: "recording_set_permission",
    method: "PATCH",
    path: "/open-apis/vc/v1/meetings/:meeting_id/recording/set_permission",
    token: "user",
    handle: recording.setPermission
  }),
  EndpointRow.make({
    name: "reserve_apply",
    method: "POST",
    path: "/open-apis/vc/v1/reserves/apply",
    token: "either",
    handle: reserves.apply
  }),
  EndpointRow.make({
    name: "reserve_update",
    method: "PUT",
    path: "/open-apis/vc/v1/reserves/:reserve_id",
    token: "either",
    handle: reserves.update
  }),
  EndpointRow.make({
    name: "reserve_get",
    method: "GET",
    path: "/open-apis/vc/v1/reserves/:reserve_id",
    token: "either",
    handle: reserves.get
  }),
  EndpointRow.make({
    name: "reserve_delete",
    method: "DELETE",
    path: "/open-apis/vc/v1/reserves/:reserve_id",
    token: "either",
    handle: reserves.remove
  }),
  EndpointRow.make({
    name: "reserve_active_meeting",
    method: "GET",
    path: "/open-apis/vc/v1/reserves/:reserve_id/get_active_meeting",
    token: "either",
    handle: reserves.activeMeeting
  }),
  EndpointRow.make({
    ...contact,
    name: "batch_get_id",
    method: "POST",
    path: "/open-apis/contact/v3/users/batch_get_id",
    token: "app",
    handle: contacts.batchGetId
  }),
  EndpointRow.make({
    ...contact,
    name: "contact_user",
    method: "GET",
    path: "/open-apis/contact/v3/users/:user_id",
    token: "either",
    handle: contacts.getUser
  }),
  EndpointRow.make({
    name: "bot_info",
    method: "GET",
    path: "/open-apis/bot/v3/info",
    token: "app",
    handle: botInfo
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
    ...oidc,
    path: "/open-apis/authen/v1/oidc/access_token",
    handle: oidcToken("authorization_code", false)
  }),
  EndpointRow.make({
    ...oidc,
    path: "/open-apis/authen/v1/oidc/refresh_access_token",
    handle: oidcToken("refresh_token", false)
  }),
  EndpointRow.make({
    ...oidc,
    path: "/open-apis/authen/v1/access_token",
    handle: oidcToken("authorization_code", true)
  }),
  EndpointRow.make({
    ...oidc,
    path: "/open-apis/authen/v1/refresh_access_token",
    handle: oidcToken("refresh_token", true)
  }),
  EndpointRow.make({
    name: "user_info",
    method: "GET",
    path: "/open-apis/authen/v1/user_info",
    token: "user",
    limits: [],
    invalidUserToken: userInfo.invalidUserToken,
    internalError: Reply.internalError(20050, "System error"),
    handle: userInfo.userInfo
  })
]

export const names = [...new Set(endpoints.map(({ name }) => name))]
