/** A token of the app or of a tenant, which the platform issues on request. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { LarkConfig } from "../LarkConfig.ts"
import type { GenericError } from "../LarkError.ts"
import { monotonicMillis } from "./monotonicClock.ts"
import * as renewing from "./renewing.ts"
import type { Granted } from "./requestToken.ts"
import { type Minted, SharedTokens } from "./sharedTokens.ts"
import { minted } from "./telemetry.ts"

/** The platform returns the same token again until its last 30 minutes. */
const lifetimeOf = ({ life, requestedAt }: Pick<Minted, "requestedAt" | "life">): renewing.Lifetime =>
  renewing.lifetime(requestedAt, life, 30 * 60_000)

interface Options {
  readonly kind: "tenant" | "app"
  /** Its failures delay the next request. Those of other endpoints, which the request needs, do not. */
  readonly endpoint: string
  readonly request: Effect.Effect<Granted, GenericError>
  /** The field of the answer that holds the token. */
  readonly field: string
  /** The `tenant_key` of a store app; else empty. */
  readonly tenant?: string | undefined
}

type MintedToken = Pick<renewing.Renewing<Redacted.Redacted, GenericError>, "get" | "reject">

/** Makes tokens of an app. */
export const make = (
  app: LarkConfig["Service"]
): Effect.Effect<(options: Options) => MintedToken, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Scope.Scope>) =>
    Effect.map(Context.get(context, SharedTokens)(app), (shared) => (options) => {
      const { endpoint, field, kind, request } = options
      const clock = Context.get(context, Clock.Clock)
      const mint = Effect.suspend(() => {
        const requestedAt = monotonicMillis(clock)
        return Effect.gen(function*() {
          const granted = yield* request
          // OAuth names the life as RFC 6749 does.
          const seconds = yield* granted.seconds(field === "access_token" ? "expires_in" : "expire")
          return { token: yield* granted.token(field), requestedAt, life: seconds * 1_000 }
        })
      }).pipe(Effect.onExit((exit) => minted(kind, exit)))

      return renewing.make<Redacted.Redacted, GenericError>({
        context,
        delays: (error) => error.endpoint === endpoint,
        fetch: shared?.fetch({ ...options, mint, lifetimeOf }) ??
          (({ hold }) => Effect.map(mint, (minted) => hold(minted.token, lifetimeOf(minted))))
      })
    })
  )
