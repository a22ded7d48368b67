/** The settings of the app: from the environment, and from a file that nobody but its owner can read. */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import { homedir } from "node:os"
import { InvalidFile } from "./errors.ts"

/** An environment variable, or a line of the credentials file; an empty one counts as unset. */
export const variable = (name: string) =>
  Effect.map(
    Effect.orElseSucceed(Config.option(Config.String(name)), Option.none<string>),
    Option.filter((text) => text !== "")
  )

/** A directory of this program, below the base directory of the XDG specification that the variable names. */
export const directory = Effect.fnUntraced(function*(name: "XDG_CONFIG_HOME" | "XDG_STATE_HOME") {
  const path = yield* Path.Path
  const usual = name === "XDG_CONFIG_HOME" ? [".config"] : [".local", "state"]
  const home = Option.getOrElse(yield* variable("HOME"), homedir)
  // The specification says to ignore relative paths.
  const base = Option.filter(yield* variable(name), path.isAbsolute)
  return path.join(Option.getOrElse(base, () => path.join(home, ...usual)), "effect-lark-meetings")
})

const unreadable = (path: string) => ({ reason }: PlatformError) =>
  new InvalidFile({
    path,
    reason: reason._tag === "NotFound" ? "does not exist" : `cannot be read (${reason._tag})`,
    next: "Check the path, and that this user may read it."
  })

/** The text of a file that holds secrets; none if it does not exist. */
export const readSecret = Effect.fnUntraced(function*(file: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const info = yield* fs.stat(file).pipe(
    Effect.asSome,
    Effect.catchIf(({ reason }) => reason._tag === "NotFound", () => Effect.succeedNone),
    Effect.mapError(unreadable(file))
  )
  if (Option.isNone(info)) return Option.none<string>()
  // Windows has no such bits.
  if (path.sep === "/" && (info.value.mode & 0o077) !== 0) {
    return yield* new InvalidFile({
      path: file,
      reason: `holds secrets, and others have access to it (mode ${
        (info.value.mode & 0o777).toString(8).padStart(4, "0")
      })`,
      next: `Run: chmod 600 '${file}'`
    })
  }
  return Option.some(yield* Effect.mapError(fs.readFileString(file), unreadable(file)))
})

/** The environment, and behind it the credentials file: the one that is named has to exist. */
export const provider = Effect.fnUntraced(function*(named: Option.Option<string>) {
  const path = yield* Path.Path
  const environment = yield* ConfigProvider.ConfigProvider
  const usual = path.join(yield* directory("XDG_CONFIG_HOME"), "credentials")
  const file = Option.getOrElse(named, () => usual)
  const text = yield* readSecret(file)
  if (Option.isSome(text)) {
    return ConfigProvider.orElse(environment, ConfigProvider.fromDotEnvContents(text.value))
  }
  return Option.isNone(named)
    ? environment
    : yield* new InvalidFile({ path: file, reason: "does not exist", next: "Check --config." })
})
