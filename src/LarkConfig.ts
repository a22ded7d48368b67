/**
 * Which app calls, with what secret, and where.
 *
 * **Details**
 *
 * `layerConfig` reads `LARK_APP_ID`, `LARK_APP_SECRET`, `LARK_BRAND` (`feishu`, the default, or `lark`),
 * `LARK_BASE_URL` (instead of a brand: a private deployment, or the simulator), `LARK_ACCOUNTS_URL` (where users log
 * in, if that is neither the brand's place nor the base URL) and `LARK_OAUTH_V3` (`true`, or `false`, the default). What
 * is missing or wrong fails the layer with `InvalidLarkConfig`, which names the setting and never shows its value.
 *
 * **Gotchas**
 *
 * An app belongs to one brand: a Feishu app does not exist on Lark, and the other way round.
 *
 * `oauthV3` asks for tokens at the platform's newer endpoint, which is not documented for Lark: apps there report that
 * it answers 20050, or refuses codes that are valid. Leave it off for that brand. Users who logged in while it was on
 * have to log in again once it is off: the older endpoint refuses the refresh tokens of the newer.
 *
 * **Example** (A setting that is missing)
 *
 * ```ts
 * import { ConfigProvider, Effect, Layer } from "effect"
 * import { LarkConfig } from "effect-lark-meetings"
 *
 * const empty = ConfigProvider.layer(ConfigProvider.fromEnvRecord({ LARK_APP_ID: "" }))
 * const error = await Effect.runPromise(
 *   Effect.flip(Effect.scoped(Layer.build(Layer.provide(LarkConfig.layerConfig(), empty))))
 * )
 * console.log(error.setting) // => LARK_APP_ID
 * ```
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/**
 * The two brands of the platform, each with its hosts.
 *
 * @since 0.1.0
 * @category models
 */
export type Brand = "feishu" | "lark"

/**
 * What an app is configured with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly appId: string
  readonly appSecret: Redacted.Redacted
  /** `feishu` unless given. */
  readonly brand?: Brand | undefined
  /** Instead of a brand: the origin of the Open API, such as `http://127.0.0.1:8787`. */
  readonly baseUrl?: string | undefined
  /** The origin of the login; the base URL if that is given, else the brand's. */
  readonly accountsUrl?: string | undefined
  /**
   * Whether tokens of custom apps and of users come from OAuth v3, `accountsUrl/oauth/v3/token`, instead of auth v3 and
   * OAuth v2. `false` unless given.
   */
  readonly oauthV3?: boolean | undefined
}

/**
 * The configuration, checked.
 *
 * @since 0.1.0
 * @category services
 */
export class LarkConfig extends Context.Service<LarkConfig, {
  readonly appId: string
  readonly appSecret: Redacted.Redacted
  /** Ends in `/open-apis`. */
  readonly baseUrl: string
  /** Ends without a slash. */
  readonly accountsUrl: string
  readonly oauthV3: boolean
}>()("effect-lark-meetings/LarkConfig") {}

/**
 * A setting is missing or wrong.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidLarkConfig extends Data.TaggedError("InvalidLarkConfig")<{
  readonly setting: string
  readonly reason: string
}> {
  override get message() {
    return `${this.setting} ${this.reason}`
  }
}

interface Hosts {
  readonly open: string
  readonly accounts: string
}

const hosts: Record<Brand, Hosts> = {
  feishu: { open: "https://open.feishu.cn", accounts: "https://accounts.feishu.cn" },
  lark: { open: "https://open.larksuite.com", accounts: "https://accounts.larksuite.com" }
}

/** How errors name the settings: as options, or as variables. */
interface Names {
  readonly appId: string
  readonly appSecret: string
  readonly brand: string
  readonly baseUrl: string
  readonly accountsUrl: string
  readonly oauthV3: string
}

const optionNames: Names = {
  appId: "appId",
  appSecret: "appSecret",
  brand: "brand",
  baseUrl: "baseUrl",
  accountsUrl: "accountsUrl",
  oauthV3: "oauthV3"
}

const variableNames: Names = {
  appId: "LARK_APP_ID",
  appSecret: "LARK_APP_SECRET",
  brand: "LARK_BRAND",
  baseUrl: "LARK_BASE_URL",
  accountsUrl: "LARK_ACCOUNTS_URL",
  oauthV3: "LARK_OAUTH_V3"
}

const invalid = (setting: string, reason: string) => Effect.fail(new InvalidLarkConfig({ setting, reason }))

const missing = "is missing or empty; the developer console shows it under Credentials & Basic Info."

const required = (setting: string, value: string | undefined): Effect.Effect<string, InvalidLarkConfig> =>
  typeof value !== "string" || value.trim() === ""
    ? invalid(setting, missing)
    : value.trim() !== value
    ? invalid(setting, "begins or ends with a blank; copy it again.")
    : Effect.succeed(value)

const brandHosts = (names: Names, brand: string | undefined) => {
  if (brand !== undefined && brand !== "feishu" && brand !== "lark") {
    return invalid(names.brand, `must be "feishu" or "lark".`)
  }
  return Effect.succeed(hosts[brand ?? "feishu"])
}

const origin = (setting: string, text: string) => {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return invalid(setting, "must be an http or https URL, such as https://open.feishu.cn.")
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return invalid(setting, "must have no user, password, query or fragment.")
  }
  return Effect.succeed(`${url.origin}${url.pathname.replace(/\/+$/, "").replace(/\/open-apis$/, "")}`)
}

const flag = (setting: string, value: string | undefined) => {
  if (value !== undefined && value !== "true" && value !== "false") {
    return invalid(setting, "must be true or false.")
  }
  return Effect.succeed(value === "true")
}

const check = Effect.fnUntraced(function*(names: Names, options: {
  readonly appId: string | undefined
  readonly appSecret: Redacted.Redacted | undefined
  readonly brand: string | undefined
  readonly baseUrl: string | undefined
  readonly accountsUrl: string | undefined
  readonly oauthV3: string | undefined
}) {
  const appId = yield* required(names.appId, options.appId)
  const { appSecret } = options
  if (appSecret === undefined) return yield* invalid(names.appSecret, missing)
  if (!Redacted.isRedacted(appSecret)) {
    return yield* invalid(names.appSecret, "must be Redacted: Redacted.make(secret).")
  }
  yield* required(names.appSecret, Redacted.value(appSecret))
  const { accounts, open } = yield* brandHosts(names, options.brand)
  const base = yield* origin(names.baseUrl, options.baseUrl ?? open)
  const accountsUrl = yield* origin(names.accountsUrl, options.accountsUrl ?? options.baseUrl ?? accounts)
  const oauthV3 = yield* flag(names.oauthV3, options.oauthV3)
  return LarkConfig.of({ appId, appSecret, baseUrl: `${base}/open-apis`, accountsUrl, oauthV3 })
})

/**
 * Checks the options; fails with `InvalidLarkConfig`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<LarkConfig["Service"], InvalidLarkConfig> =>
  check(optionNames, {
    appId: options.appId,
    appSecret: options.appSecret,
    brand: options.brand,
    baseUrl: options.baseUrl,
    accountsUrl: options.accountsUrl,
    oauthV3: options.oauthV3 === undefined ? undefined : String(options.oauthV3)
  })

/**
 * The configuration from options.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<LarkConfig, InvalidLarkConfig> =>
  Layer.effect(LarkConfig, make(options))

const optional = <A>(config: Config.Config<A>) => Effect.map(Config.option(config), Option.getOrUndefined)

const fromVariables = Effect.gen(function*() {
  // An empty variable is one that is not set: shells and CI systems leave such behind.
  const notEmpty = (value: string | undefined) => value === "" ? undefined : value
  return yield* check(variableNames, {
    appId: yield* optional(Config.String(variableNames.appId)),
    appSecret: yield* optional(Config.Redacted(variableNames.appSecret)),
    brand: notEmpty(yield* optional(Config.String(variableNames.brand))),
    baseUrl: notEmpty(yield* optional(Config.String(variableNames.baseUrl))),
    accountsUrl: notEmpty(yield* optional(Config.String(variableNames.accountsUrl))),
    oauthV3: notEmpty(yield* optional(Config.String(variableNames.oauthV3)))
  })
})

/**
 * The configuration from `LARK_APP_ID` and the other variables, or from configs of your own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (config?: Config.Wrap<Options>): Layer.Layer<LarkConfig, InvalidLarkConfig> =>
  Layer.effect(
    LarkConfig,
    Effect.catchTag(
      config === undefined ? fromVariables : Effect.flatMap(Config.unwrap(config), make),
      "ConfigError",
      (error) => invalid("configuration", `cannot be read: ${error.message}`)
    )
  )
