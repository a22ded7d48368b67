/**
 * The key of the app's token, apart from its module: a custom app loads no tickets, and no store for them.
 *
 * @internal
 */
import * as Context from "effect/Context"
import type * as module from "../AppToken.ts"

export const AppTokenKey: Context.Service<module.AppToken, module.AppToken["Service"]> = Context.Service(
  "effect-lark-meetings/AppToken" satisfies typeof module.AppToken.key
)
