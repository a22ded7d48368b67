/** Checks of settings that several modules read, from options or from environment variables. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { Classified } from "./classified.ts"

/**
 * A setting, an option or an environment variable, is missing or invalid. The error does not contain its value.
 *
 * @stability stable
 * @category errors
 */
export class InvalidLarkConfig extends Classified<{
  readonly setting: string
  readonly reason: string
}>()("InvalidLarkConfig", { kind: "setup", message: ({ reason, setting }) => `${setting} ${reason}` }) {}

export const invalid = (setting: string, reason: string): Effect.Effect<never, InvalidLarkConfig> =>
  Effect.fail(new InvalidLarkConfig({ setting, reason }))

/** Takes anything, as callers without types may pass. */
export const isEmpty = (text: unknown): boolean => typeof text !== "string" || text.trim() === ""

/** A secret that has a value; `advice` says where the value comes from. */
export const requiredSecret = (
  setting: string,
  secret: Redacted.Redacted | undefined,
  advice: string
): Effect.Effect<Redacted.Redacted, InvalidLarkConfig> =>
  secret !== undefined && !Redacted.isRedacted(secret)
    ? invalid(setting, "must be Redacted: Redacted.make(secret).")
    : secret === undefined || isEmpty(Redacted.value(secret))
    ? invalid(setting, `is missing or empty; ${advice}`)
    : Effect.succeed(secret)

/** Reports an error of the source of a configuration as an `InvalidLarkConfig`. */
export const orInvalid = <A, R>(self: Effect.Effect<A, Config.ConfigError | InvalidLarkConfig, R>) =>
  Effect.catchTag(self, "ConfigError", (error) => invalid("configuration", `cannot be read: ${error.message}`))

/** Shells and CI systems leave empty variables behind: they count as unset. */
export const variable = (name: string): Effect.Effect<string | undefined, InvalidLarkConfig> =>
  orInvalid(Effect.map(Config.option(Config.String(name)), (text) => Option.getOrUndefined(text) || undefined))

export const secretVariable = (name: string): Effect.Effect<Redacted.Redacted | undefined, InvalidLarkConfig> =>
  Effect.map(variable(name), (text) => text === undefined ? undefined : Redacted.make(text))
