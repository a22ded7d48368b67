import * as CliError from "effect/cli/CliError"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { randomBytes } from "node:crypto"

export const variable = "LARK_SIMULATOR_KEY"

/** Who may control a simulator. */
export interface ControlKey {
  /** `undefined` if it is not needed: only this machine reaches the simulator. */
  readonly key: Redacted.Redacted | undefined
  /** Whether nobody knows it yet. */
  readonly isNew: boolean
}

/** The key of the environment; without one, a new key if other machines reach the simulator. */
export const make = Effect.fnUntraced(
  function*(isLocal: boolean): Effect.fn.Return<ControlKey, CliError.UserError> {
    const given = Option.getOrUndefined(yield* Effect.option(Config.Redacted(variable)))
    if (given === undefined || Redacted.value(given) === "") {
      return isLocal
        ? { key: undefined, isNew: false }
        : { key: Redacted.make(randomBytes(18).toString("base64url")), isNew: true }
    }
    if (/^[!-~]+$/.test(Redacted.value(given))) return { key: given, isNew: false }
    const userMessage = `No header can carry the key in ${variable}. ` +
      "Choose one of ASCII letters, digits and punctuation, without spaces and line breaks."
    return yield* new CliError.UserError({ cause: userMessage, userMessage })
  }
)
