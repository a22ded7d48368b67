/** The command `effect-lark-meetings`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import manifest from "../../package.json" with { type: "json" }
import { simulator } from "./simulator.ts"

Command.make("effect-lark-meetings").pipe(
  Command.withDescription("Feishu/Lark video meetings on the command line."),
  Command.withSubcommands([simulator]),
  Command.run({ version: manifest.version }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
