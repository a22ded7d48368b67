/** Runs the root command: what it writes where, and how it exits. */
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Stdio from "effect/Stdio"
import { CommandFailed, reportError } from "./output.ts"

/** A wrong command line is said on stderr, or as JSON: stdout is for results. */
const presenter = (isJson: boolean, stdio: Stdio.Stdio): CliOutput.Presenter => ({
  present: (event) => {
    if (event._tag !== "InvalidInvocation") return CliOutput.defaultPresenter.present(event)
    const [root = "", ...path] = event.commandPath
    return reportError(path.length === 0 ? null : path.join(" "), isJson, {
      exit: "usage",
      tag: event.errors[0]?._tag ?? "ShowHelp",
      message: event.errors.map(({ message }) => message.replaceAll(/\s+/g, " ")).join(" "),
      next: `Run \`${[root, ...path, "--help"].join(" ")}\`.`
    }).pipe(Effect.provideService(Stdio.Stdio, stdio))
  }
})

/** Without the wizard, which the bundle leaves out. */
const config = CliConfig.make({ builtIns: GlobalFlag.BuiltIns.filter((flag) => flag !== GlobalFlag.Wizard) })

/** Runs a command with the arguments of the process. What is wrong with them or this machine fails with the exit `usage`. */
export const run = <Name extends string, Input, E, R, ContextInput>(
  root: Command.Command<Name, Input, ContextInput, E, R>,
  options: { readonly version: string }
): Effect.Effect<void, E | CliError.CliError | CommandFailed, R | Command.Environment> =>
  Effect.gen(function*() {
    const stdio = yield* Stdio.Stdio
    const args = yield* stdio.args
    yield* Command.runWith(root, options)(args).pipe(
      Effect.catchIf(
        (error) =>
          CliError.isCliError(error) &&
          (error._tag === "ShowHelp" ? error.errors.length > 0 : error._tag === "UserError"),
        () => Effect.fail(new CommandFailed({ exit: "usage" }))
      ),
      Effect.provideService(CliConfig.CliConfig, config),
      Effect.provideService(CliOutput.Presenter, presenter(args.includes("--json"), stdio))
    )
  }).pipe(
    // The commands themselves say what happens, unless --log-level asks for more.
    Effect.provideService(References.MinimumLogLevel, "None"),
    Effect.provideService(Logger.LogToStderr, true)
  )
