/** A token of the app or of a tenant, which the platform issues on request. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { GenericError } from "../LarkError.ts"
import { monotonicMillis } from "./monotonicClock.ts"
import * as renewing from "./renewing.ts"
import type { Granted } from "./requestToken.ts"
import { minted } from "./telemetry.ts"

/** Before that the platform returns the same token again. */
const renewal = 30 * 60_000

interface Options {
  readonly kind: "tenant" | "app"
  /** Its failures delay the next request. Those of other endpoints, which the request needs, do not. */
  readonly endpoint: string
  readonly request: Effect.Effect<Granted, GenericError>
  /** The field of the answer that holds the token. */
  readonly field: string
}

export const make = (
  context: Context.Context<Scope.Scope>,
  { endpoint, field, kind, request }: Options
): Pick<renewing.Renewing<Redacted.Redacted, GenericError>, "get" | "reject"> => {
  const clock = Context.get(context, Clock.Clock)
  const mint = Effect.gen(function*() {
    const granted = yield* request
    // OAuth names the life as RFC 6749 does.
    const seconds = yield* granted.seconds(field === "access_token" ? "expires_in" : "expire")
    return { token: yield* granted.token(field), seconds }
  }).pipe(Effect.onExit((exit) => minted(kind, exit)))

  const { get, reject } = renewing.make<Redacted.Redacted, GenericError>({
    context,
    delays: (error) => error.endpoint === endpoint,
    fetch: ({ hold }) =>
      Effect.suspend(() => {
        const requestedAt = monotonicMillis(clock)
        return Effect.map(mint, ({ seconds, token }) =>
          hold(token, renewing.lifetime(requestedAt, seconds * 1_000, renewal)))
      })
  })
  return { get, reject }
}
