/** The command `effect-lark-meetings`, with all subcommands. */
import * as Command from "effect/cli/Command"
import { end } from "./end.ts"
import * as Exits from "./exits.ts"
import { host } from "./host.ts"
import { login } from "./login.ts"
import { makeHost } from "./makeHost.ts"
import { simulator } from "./simulator.ts"
import { verify } from "./verify.ts"
import { who } from "./who.ts"

export const root = Command.make("effect-lark-meetings").pipe(
  Command.withDescription(`Feishu/Lark video meetings on the command line.\n\n${Exits.description}`),
  Command.withSubcommands([host, makeHost, who, end, login, simulator, verify])
)
