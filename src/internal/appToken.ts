/**
 * The app's token, apart from the module that provisions it: a custom app loads no tickets, and no store for them.
 *
 * @internal
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { GenericError } from "../LarkError.ts"

/**
 * The token of the app.
 *
 * **Details**
 *
 * - `get`: a token to call with. Fails with a generic error of the token endpoint, such as `CredentialsRejected`, which
 *   is then the answer for five seconds, without a request; for a store app also with `AppTicketMissing`.
 * - `reject`: the platform refused this token; true if another one may now be had.
 *
 * @since 0.1.0
 * @category services
 */
export class AppToken extends Context.Service<AppToken, {
  readonly get: Effect.Effect<Redacted.Redacted, GenericError>
  readonly reject: (token: Redacted.Redacted) => Effect.Effect<boolean>
  // @effect-diagnostics-next-line deterministicKeys:off -- named after the public module
}>()("effect-lark-meetings/AppToken") {}
