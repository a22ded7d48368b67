/**
 * Feishu and Lark video meetings from code, as Effect layers, and the compare-and-swap engine they are built on.
 *
 * @since 0.1.0
 */
export * as AppTicket from "./AppTicket.ts"
export * as AppToken from "./AppToken.ts"
export * as Cas from "./Cas.ts"
export * as CircuitBreaker from "./CircuitBreaker.ts"
export * as Lark from "./Lark.ts"
export * as LarkConfig from "./LarkConfig.ts"
export * as LarkError from "./LarkError.ts"
export * as LarkHttp from "./LarkHttp.ts"
export * as Meeting from "./Meeting.ts"
export * as MeetingId from "./MeetingId.ts"
export * as MeetingNo from "./MeetingNo.ts"
export * as Meetings from "./Meetings.ts"
export * as MeetingUser from "./MeetingUser.ts"
export * as OAuth from "./OAuth.ts"
export * as RateLimits from "./RateLimits.ts"
export * as ReserveId from "./ReserveId.ts"
export * as Seal from "./Seal.ts"
export * as SessionStore from "./SessionStore.ts"
export * as StoreApp from "./StoreApp.ts"
export * as TenantToken from "./TenantToken.ts"
export * as UndiciHttpClient from "./UndiciHttpClient.ts"
export * as UserSessions from "./UserSessions.ts"
export * as UserToken from "./UserToken.ts"
export * as Webhook from "./Webhook.ts"
