/**
 * The `user_access_token`: what a call as a user is made with.
 *
 * **Gotchas**
 *
 * A bare access token lives about two hours and cannot be renewed; when the platform rejects it, the call fails with
 * `TokenRejected`.
 *
 * **Example** (A token from elsewhere)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { Lark, MeetingUser, UserToken } from "effect-lark-meetings"
 *
 * const session = UserToken.fromAccessToken(Redacted.make("u-token"), { user: MeetingUser.openId("ou_alice") })
 * const token = await Effect.runPromise(
 *   UserToken.UserToken.use((service) => service.get).pipe(Lark.asUser(session))
 * )
 * console.log(String(token)) // => <redacted>
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { GenericError } from "./LarkError.ts"
import type { MeetingUser } from "./MeetingUser.ts"

/**
 * The token of the user on whose behalf calls are made.
 *
 * **Details**
 *
 * - `get`: a token to call with.
 * - `reject`: the platform refused this token; true if another one may now be had.
 * - `user`: who it belongs to, if known. A user can move the host only while being the host, so knowing who it is saves
 *   calls that cannot succeed.
 *
 * @since 0.1.0
 * @category services
 */
export class UserToken extends Context.Service<UserToken, {
  readonly get: Effect.Effect<Redacted.Redacted, GenericError>
  readonly reject: (token: Redacted.Redacted) => Effect.Effect<boolean>
  readonly user: Option.Option<MeetingUser>
}>()("effect-lark-meetings/UserToken") {}

/**
 * A session with a token that was obtained elsewhere and is used as it is.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromAccessToken = (
  token: Redacted.Redacted,
  options?: { readonly user?: MeetingUser | undefined }
): UserToken["Service"] =>
  UserToken.of({
    get: Effect.succeed(token),
    reject: () => Effect.succeed(false),
    user: Option.fromUndefinedOr(options?.user)
  })
