/**
 * The configuration of an app: its id, its secret and the hosts that it calls.
 *
 * **Details**
 *
 * `layerConfig` reads environment variables:
 *
 * | variable | value | if unset |
 * | --- | --- | --- |
 * | `LARK_APP_ID`, `LARK_APP_SECRET` | shown in the developer console under Credentials & Basic Info | an error |
 * | `LARK_BRAND` | `feishu` or `lark` | `feishu` |
 * | `LARK_BASE_URL` | origin of the Open API; overrides the brand, for a private deployment or the simulator | the brand's |
 * | `LARK_ACCOUNTS_URL` | origin of the login pages | the base URL if set, else the brand's |
 * | `LARK_OAUTH_V3` | `true` or `false` | `false` |
 *
 * **Gotchas**
 *
 * An app belongs to one brand: a Feishu app does not exist on Lark, and a Lark app does not exist on Feishu.
 *
 * `oauthV3` requests tokens at the platform's newer endpoint, which is not documented for Lark: apps there report that it
 * fails with 20050 or refuses valid codes. Leave it off for that brand. Users who logged in while it was on have to log
 * in again after it is turned off: the older endpoint refuses refresh tokens of the newer one.
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
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import {
  invalid,
  type InvalidLarkConfig,
  isEmpty,
  orInvalid,
  requiredSecret,
  secretVariable,
  variable
} from "./internal/settings.ts"

export { InvalidLarkConfig } from "./internal/settings.ts"

/**
 * The settings of an app.
 *
 * @stability stable
 * @category models
 */
export interface Options {
  readonly appId: string
  readonly appSecret: Redacted.Redacted
  /** The platform that the app belongs to; `feishu` by default. */
  readonly brand?: "feishu" | "lark" | undefined
  /** Origin of the Open API, such as `http://127.0.0.1:8787`; overrides the brand. */
  readonly baseUrl?: string | undefined
  /** Origin of the login pages; the base URL by default if there is one, else the brand's. */
  readonly accountsUrl?: string | undefined
  /**
   * Requests tokens of custom apps and of users from OAuth v3, `accountsUrl/oauth/v3/token`, in place of auth v3 and
   * OAuth v2; `false` by default.
   */
  readonly oauthV3?: boolean | undefined
}

/**
 * The checked configuration.
 *
 * @stability stable
 * @category services
 */
export class LarkConfig extends Context.Service<LarkConfig, {
  readonly appId: string
  readonly appSecret: Redacted.Redacted
  /** Ends with `/open-apis`. */
  readonly baseUrl: string
  /** Has no trailing slash. */
  readonly accountsUrl: string
  readonly oauthV3: boolean
}>()("effect-lark-meetings/LarkConfig") {}

const hosts = {
  feishu: { open: "https://open.feishu.cn", accounts: "https://accounts.feishu.cn" },
  lark: { open: "https://open.larksuite.com", accounts: "https://accounts.larksuite.com" }
}

const variables: Readonly<Record<keyof Options, string>> = {
  appId: "LARK_APP_ID",
  appSecret: "LARK_APP_SECRET",
  brand: "LARK_BRAND",
  baseUrl: "LARK_BASE_URL",
  accountsUrl: "LARK_ACCOUNTS_URL",
  oauthV3: "LARK_OAUTH_V3"
}

interface Unchecked extends Partial<Record<Exclude<keyof Options, "appSecret">, string | undefined>> {
  readonly appSecret: Redacted.Redacted | undefined
}

const source = "the developer console shows it under Credentials & Basic Info."

const trimmed = (setting: string, value: string) =>
  value.trim() === value ? Effect.void : invalid(setting, "begins or ends with whitespace; copy it again.")

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

/** `nameOf` is the name that errors use: of the option, or of its variable. */
const check = Effect.fnUntraced(function*(
  { accountsUrl, appId, appSecret: secret, baseUrl, brand = "feishu", oauthV3 = "false" }: Unchecked,
  nameOf: (option: keyof Options) => string
) {
  if (appId === undefined || isEmpty(appId)) return yield* invalid(nameOf("appId"), `is missing or empty; ${source}`)
  const appSecret = yield* requiredSecret(nameOf("appSecret"), secret, source)
  if (brand !== "feishu" && brand !== "lark") return yield* invalid(nameOf("brand"), `must be "feishu" or "lark".`)
  const { accounts, open } = hosts[brand]
  yield* trimmed(nameOf("appId"), appId)
  yield* trimmed(nameOf("appSecret"), Redacted.value(appSecret))
  if (!["true", "false"].includes(oauthV3)) return yield* invalid(nameOf("oauthV3"), "must be true or false.")
  return LarkConfig.of({
    appId,
    appSecret,
    baseUrl: `${yield* origin(nameOf("baseUrl"), baseUrl ?? open)}/open-apis`,
    accountsUrl: yield* origin(nameOf("accountsUrl"), accountsUrl ?? baseUrl ?? accounts),
    oauthV3: oauthV3 === "true"
  })
})

const make = ({ oauthV3 = false, ...options }: Options) => check({ ...options, oauthV3: String(oauthV3) }, identity)

const fromVariables = Effect.gen(function*() {
  const given = {
    appId: yield* variable(variables.appId),
    appSecret: yield* secretVariable(variables.appSecret),
    brand: yield* variable(variables.brand),
    baseUrl: yield* variable(variables.baseUrl),
    accountsUrl: yield* variable(variables.accountsUrl),
    oauthV3: yield* variable(variables.oauthV3)
  }
  return yield* check(given, (option) => variables[option])
})

/**
 * The configuration from options. Fails with `InvalidLarkConfig` if one is missing or invalid.
 *
 * @stability stable
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<LarkConfig, InvalidLarkConfig> =>
  Layer.effect(LarkConfig, make(options))

/**
 * The configuration from `LARK_APP_ID` and the other environment variables, or from configs of your own. Fails with
 * `InvalidLarkConfig` if a setting is missing or invalid.
 *
 * @stability stable
 * @category layers
 */
export const layerConfig = (config?: Config.Wrap<Options>): Layer.Layer<LarkConfig, InvalidLarkConfig> =>
  Layer.effect(
    LarkConfig,
    config === undefined ? fromVariables : orInvalid(Effect.flatMap(Config.unwrap(config), make))
  )
