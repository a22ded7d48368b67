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
export const make = (isLocal: boolean): Effect.Effect<ControlKey> =>
  Effect.map(Effect.option(Config.Redacted(variable)), (given): ControlKey => {
    if (Option.isSome(given) && Redacted.value(given.value) !== "") return { key: given.value, isNew: false }
    return isLocal
      ? { key: undefined, isNew: false }
      : { key: Redacted.make(randomBytes(18).toString("base64url")), isNew: true }
  })
