/**
 * The bot of the app.
 *
 * **Details**
 *
 * Runs as the app, inside `Lark.asUser`, too: the platform takes no user for it. Source: Feishu Open Platform, bot-v3 `info`.
 *
 * **Example** (Is the bot enabled?)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Bot, Lark } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const bot = await Effect.runPromise(Bot.info.pipe(
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer())
 * ))
 * console.log(bot.appName, bot.activateStatus === Bot.ActivateStatus.Enabled) // => Simulated app true
 * ```
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as wire from "./internal/wire.ts"
import { call, endpoint, type ErrorOf, type LarkHttp } from "./LarkHttp.ts"

/**
 * The documented values of `activateStatus`. The server may send others; they are kept as they are.
 *
 * @stability stable
 * @category models
 */
export const ActivateStatus = {
  ToInstall: 0,
  Disabled: 1,
  Enabled: 2,
  ToEnable: 3,
  ToEnableUpgrade: 4,
  LicenseExpired: 5,
  PlanExpired: 6
} as const

const bot = Schema.toType(Schema.Struct({
  appName: Schema.String,
  /** What messages call it. */
  openId: Schema.Option(Schema.String),
  activateStatus: Schema.Finite,
  avatarUrl: Schema.String,
  /** The addresses from which the app may call; empty if it may from any. */
  ipWhiteList: Schema.Array(Schema.String)
}))

/**
 * A bot.
 *
 * @stability stable
 * @category models
 */
export interface Bot extends Schema.Schema.Type<typeof bot> {}

/**
 * The schema of a bot. For JSON, use it with `Schema.toCodecJson`.
 *
 * @stability stable
 * @category schemas
 */
export const Bot: Schema.Codec<Bot> = bot

const getInfo = endpoint({
  name: "bot.v3.info.get",
  span: "Bot.info",
  method: "GET",
  path: "/bot/v3/info",
  token: "app",
  // The answer is beside `code`, not under `data`.
  response: Schema.Struct({ bot: Schema.Record(Schema.String, Schema.Unknown) })
})

/**
 * How `info` fails: the platform documents no codes for it but the generic ones.
 *
 * @stability stable
 * @category errors
 */
export type InfoError = ErrorOf<typeof getInfo>

/**
 * Reads the bot of the app. Fails with `InfoError`.
 *
 * **Details**
 *
 * No scope, but the bot ability must be on in the developer console.
 *
 * @stability stable
 * @category accessors
 */
export const info: Effect.Effect<Bot, InfoError, LarkHttp> = Effect.map(call(getInfo), ({ bot }) => ({
  appName: wire.text(bot["app_name"]),
  openId: wire.someText(bot["open_id"]),
  activateStatus: wire.number(bot["activate_status"]),
  avatarUrl: wire.text(bot["avatar_url"]),
  ipWhiteList: wire.texts(bot["ip_white_list"])
}))
