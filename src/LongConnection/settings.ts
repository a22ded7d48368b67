/** What the platform asks of a long connection. */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"

export interface Settings {
  readonly pingInterval: Duration.Duration
  /** Between two attempts to connect again. */
  readonly reconnectInterval: Duration.Duration
  /** The first attempt comes at a random time within it, so that clients do not come all at once. */
  readonly reconnectNonce: Duration.Duration
  /** How many attempts are made; negative for any number. */
  readonly reconnectCount: number
}

/** Those of the official SDKs, until the platform has sent its own. */
export const initial: Settings = {
  pingInterval: Duration.minutes(2),
  reconnectInterval: Duration.minutes(2),
  reconnectNonce: Duration.seconds(30),
  reconnectCount: -1
}

const maxSeconds = 3_600

/** The settings in a `ClientConfig`; what is missing or invalid stays as it was. */
export const settingsIn = (config: unknown, before: Settings): Settings => {
  const given = Predicate.isObject(config) ? config : {}
  const seconds = (name: string, least: number, before: Duration.Duration) => {
    const value = given[name]
    return Predicate.isNumber(value) && value >= least ? Duration.seconds(Math.min(value, maxSeconds)) : before
  }
  const count = given["ReconnectCount"]
  return {
    pingInterval: seconds("PingInterval", 1, before.pingInterval),
    reconnectInterval: seconds("ReconnectInterval", 1, before.reconnectInterval),
    reconnectNonce: seconds("ReconnectNonce", 0, before.reconnectNonce),
    reconnectCount: Predicate.isNumber(count) && Number.isInteger(count) ? count : before.reconnectCount
  }
}
