import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { optional, redacted, Seconds, secret } from "./field.ts"

const appOptions = Schema.Struct({
  appId: Schema.NonEmptyString.annotateKey({ description: "The app id." }),
  appSecret: secret("The app secret."),
  type: optional(
    Schema.Literals(["custom", "store"]),
    "A custom app belongs to one tenant. A store app is installed in many and needs tickets. Default \"custom\"."
  ),
  tenants: optional(
    Schema.Array(Schema.NonEmptyString),
    "The keys of the tenants where it is installed. A custom app uses only the first. Default [\"tenant_simulator\"]."
  ),
  ticket: optional(secret("An app_ticket that was pushed to a store app before the start.")),
  expire: optional(Seconds, "How long a tenant or app token is valid, in seconds. Default 7200."),
  userExpire: optional(Seconds, "How long a user token is valid, in seconds. Default 7200."),
  refreshExpire: optional(Seconds, "How long a refresh token is valid, in seconds. Default 604800."),
  mayRefresh: optional(
    Schema.Boolean,
    "Whether the console allows the app to refresh user tokens. If not, refreshing fails with 20074. Default true."
  ),
  scopes: optional(
    Schema.Array(Schema.String),
    "The scopes of the app. A login that requests another shows a page with 20027. Default: all."
  ),
  stopped: optional(
    Schema.Boolean,
    "Whether the app is disabled: its token requests fail with 10014 or 20069. Default false."
  )
}).annotate({ identifier: "AppOptions", description: "An app." })

/**
 * An app of the simulated Feishu.
 *
 * @stability stable
 * @category models
 */
export interface AppOptions extends Schema.Schema.Type<typeof appOptions> {}

export const AppOptions: Schema.Codec<AppOptions, unknown> = appOptions

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
 * @stability stable
 * @category constants
 */
export const defaultApp: { readonly appId: string; readonly appSecret: Redacted.Redacted } = {
  appId: "cli_0123456789abcdef",
  appSecret: Redacted.make("simulator-demo-secret")
}

/**
 * The default tenant.
 *
 * @stability stable
 * @category constants
 */
export const defaultTenant = "tenant_simulator"

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
