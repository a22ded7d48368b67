/** How processes share the tokens of an app, apart from the module that does it, so that other programs do not load that. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { LarkConfig } from "../LarkConfig.ts"
import type { GenericError } from "../LarkError.ts"
import type { Lifetime, Renewing } from "./renewing.ts"

/** A token that the platform issued. Times are in milliseconds, `requestedAt` on the monotonic clock. */
export interface Minted {
  readonly token: Redacted.Redacted
  readonly requestedAt: number
  readonly life: number
}

/** What processes of an app share: what an endpoint answers, in a tenant if it is a store app. */
export interface Subject {
  readonly endpoint: string
  readonly tenant?: string | undefined
}

/** A token that processes share, and how one of them gets it from the platform. */
export interface Shareable extends Subject {
  readonly kind: "tenant" | "app"
  readonly mint: Effect.Effect<Minted, GenericError>
  readonly lifetimeOf: (minted: Pick<Minted, "requestedAt" | "life">) => Lifetime
}

type Fetch = (self: Renewing<Redacted.Redacted, GenericError>) => Effect.Effect<Redacted.Redacted, GenericError>

/** The tokens of one app. */
export interface SharedTokens {
  /** Fetches a token for all processes. */
  readonly fetch: (token: Shareable) => Fetch
  /** Whether this process is to send a request: unless another one may have sent it in the last `claimTime` milliseconds. */
  readonly claim: (subject: Subject) => Effect.Effect<boolean>
  readonly claimTime: number
}

/** Those of an app. `undefined` without `Cluster.layerTokens`: each process sends its own requests. */
export const SharedTokens = Context.Reference<(app: LarkConfig["Service"]) => Effect.Effect<SharedTokens | undefined>>(
  "effect-lark-meetings/SharedTokens",
  { defaultValue: () => () => Effect.undefined }
)
