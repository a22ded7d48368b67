import * as Redacted from "effect/Redacted"

/**
 * An app of the simulated Feishu.
 *
 * @category models
 */
export interface AppOptions {
  readonly appId: string
  readonly appSecret: string | Redacted.Redacted
  /** A custom app belongs to one tenant. A store app is installed in many and needs tickets. Default `"custom"`. */
  readonly type?: "custom" | "store" | undefined
  /** The keys of the tenants where it is installed. A custom app uses only the first. Default `[defaultTenant]`. */
  readonly tenants?: ReadonlyArray<string> | undefined
  /** An `app_ticket` that was pushed to a store app before the start. */
  readonly ticket?: string | Redacted.Redacted | undefined
  /** How long a tenant or app token is valid, in seconds. Default 7200. */
  readonly expire?: number | undefined
  /** How long a user token is valid, in seconds. Default 7200. */
  readonly userExpire?: number | undefined
  /** How long a refresh token is valid, in seconds. Default 604800. */
  readonly refreshExpire?: number | undefined
  /** Whether the console allows the app to refresh user tokens. If not, refreshing fails with 20074. Default `true`. */
  readonly mayRefresh?: boolean | undefined
  /** The scopes of the app. A login that requests another shows a page with 20027. Default: all. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** Whether the app is disabled: its token requests fail with 10014 or 20069. Default `false`. */
  readonly stopped?: boolean | undefined
}

export interface App {
  readonly id: string
  readonly secret: Redacted.Redacted
  readonly type: "custom" | "store"
  readonly tenants: ReadonlyArray<string>
  readonly tokenMillis: number
  readonly userTokenMillis: number
  readonly refreshTokenMillis: number
  readonly mayRefresh: boolean
  readonly scopes: ReadonlyArray<string> | undefined
  readonly stopped: boolean
}

/**
 * The default app. The secret is `Redacted`, so it is safe to print. The official SDKs accept the form of its id.
 *
 * @category constants
 */
export const defaultApp: { readonly appId: string; readonly appSecret: Redacted.Redacted } = {
  appId: "cli_0123456789abcdef",
  appSecret: Redacted.make("simulator-demo-secret")
}

/**
 * The default tenant.
 *
 * @category constants
 */
export const defaultTenant = "tenant_simulator"

export const redacted = (text: string | Redacted.Redacted): Redacted.Redacted =>
  typeof text === "string" ? Redacted.make(text) : text

export const reveal = (text: string | Redacted.Redacted): string =>
  typeof text === "string" ? text : Redacted.value(text)

export const make = (options: AppOptions): App => ({
  id: options.appId,
  secret: redacted(options.appSecret),
  type: options.type ?? "custom",
  tenants: options.tenants ?? [defaultTenant],
  tokenMillis: (options.expire ?? 7200) * 1000,
  userTokenMillis: (options.userExpire ?? 7200) * 1000,
  refreshTokenMillis: (options.refreshExpire ?? 604_800) * 1000,
  mayRefresh: options.mayRefresh ?? true,
  scopes: options.scopes,
  stopped: options.stopped ?? false
})

/** The tenant of a custom app, and of users and meetings that name no tenant. */
export const homeTenant = (app: App): string => app.tenants[0] ?? defaultTenant
