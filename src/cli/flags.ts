/** The flags that several commands take. */
import * as Flag from "effect/cli/Flag"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Durations from "./duration.ts"

/** A simulated Feishu in this process, or the one at a URL. */
export type Target = { readonly _tag: "InProcess" } | { readonly _tag: "At"; readonly url: string }

const here = "in this process"

const target = (text: string): Option.Option<Target> => {
  if (text === here) return Option.some({ _tag: "InProcess" })
  const protocol = URL.parse(text)?.protocol
  return protocol === "http:" || protocol === "https:" ? Option.some({ _tag: "At", url: text }) : Option.none()
}

/** Where a command finds the platform, and how it reports. */
export interface Settings {
  readonly config: Option.Option<string>
  readonly json: boolean
  readonly simulator: Option.Option<Target>
  readonly timeout: Option.Option<Duration.Duration>
}

export const settings = {
  config: Flag.File("config").pipe(
    Flag.withMetavar("file"),
    Flag.optional,
    Flag.withDescription(
      "the credentials file, in place of $XDG_CONFIG_HOME/effect-lark-meetings/credentials; only its owner may have access to it"
    )
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDefault(false),
    Flag.withDescription("print one JSON document, also for errors")
  ),
  simulator: Flag.String("simulator").pipe(
    Flag.withMetavar("url"),
    Flag.withOptionalValue(here),
    Flag.filterMap(target, () => "an http or https URL"),
    Flag.optional,
    Flag.withDescription(
      "talk to a simulated Feishu: a small one that begins anew each time, or with =URL the one of `effect-lark-meetings simulator`"
    )
  ),
  timeout: Flag.String("timeout").pipe(
    Flag.withMetavar("duration"),
    Flag.filterMap(Durations.parse, () => "a duration with its unit, such as 90s or \"2 minutes\""),
    Flag.optional,
    Flag.withDescription("give up after this time, such as 90s or \"2 minutes\"")
  )
}

export const as = Flag.Literals("as", ["app", "user"]).pipe(
  Flag.withDefault("app"),
  Flag.withDescription("whose permissions count: those of the app, or of the user who is logged in")
)

export const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withDefault(false),
  Flag.withDescription("read, but change nothing: say which request would be sent")
)
