/** The small world in which a command can be tried. */
import * as Effect from "effect/Effect"
import * as OAuth from "../OAuth.ts"
import * as Simulator from "../Simulator.ts"

/** The host of the meeting, who is logged in. */
export const host = Simulator.defaultWorld.login.user

export const layer = Simulator.layer({
  ...Simulator.defaultWorld,
  // So that there is a conflict to be seen.
  rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }],
  latency: "20 millis"
})

/** What the host grants, who is not asked. The layer is the one that the command already has. */
export const consent = Effect.fnUntraced(function*(scopes: ReadonlyArray<string>) {
  const { authorize } = yield* Simulator.Simulator
  const login = yield* OAuth.authorize({ redirectUri: "http://127.0.0.1/callback", scopes })
  return yield* OAuth.exchange(login, yield* authorize(login.url, host))
}, Effect.provide(layer))
