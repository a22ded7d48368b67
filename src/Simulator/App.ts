import * as Redacted from "effect/Redacted"

/**
 * An app that the simulated Feishu knows.
 *
 * @since 0.1.0
 * @category models
 */
export interface AppOptions {
  readonly appId: string
  readonly appSecret: string | Redacted.Redacted
  /** A custom app belongs to one tenant; a store app is installed in many, and lives on tickets. Default `"custom"`. */
  readonly type?: "custom" | "store" | undefined
  /** The keys of the tenants where it is installed; of a custom app only the first counts. Default: `defaultTenant`. */
  readonly tenants?: ReadonlyArray<string> | undefined
  /** An `app_ticket` that a store app was sent before the start. */
  readonly ticket?: string | Redacted.Redacted | undefined
  /** How long a tenant or app token lives, in seconds. Default 7200. */
  readonly expire?: number | undefined
  /** How long a user token lives, in seconds. Default 7200. */
  readonly userExpire?: number | undefined
  /** How long a refresh token lives, in seconds. Default 604800. */
  readonly refreshExpire?: number | undefined
  /** The switch in the console that lets the app refresh user tokens; without it 20074. Default `true`. */
  readonly mayRefresh?: boolean | undefined
  /** The scopes that the app has; a login that asks for another ends on a page with 20027. Default: all. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** Whether the app has been switched off: its token requests fail with 10014 or 20069. Default `false`. */
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
 * The app that a simulator knows unless told otherwise; safe to print.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultApp: { readonly appId: string; readonly appSecret: Redacted.Redacted } = {
  appId: "cli_simulator",
  appSecret: Redacted.make("simulator-demo-secret")
}

/**
 * The tenant of everything that names no other.
 *
 * @since 0.1.0
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

/** The one tenant of a custom app, and the one to which what names no tenant belongs. */
export const homeTenant = (app: App): string => app.tenants[0] ?? defaultTenant
