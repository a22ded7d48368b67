/**
 * The `user_access_token`, which authenticates calls as a user.
 *
 * **Details**
 *
 * `UserSessions` has tokens that renew themselves. A bare access token, as this module takes it, is valid for about two hours;
 * when the platform rejects it, the call fails with `TokenRejected`.
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
 * - `get`: the current token.
 * - `reject`: reports that the platform rejected this token. Returns true if `get` may return another one.
 * - `user`: the owner of the token, if known. A user can move the host role only while holding it, so the owner saves requests
 *   that cannot succeed.
 *
 * @stability stable
 * @category services
 */
export class UserToken extends Context.Service<UserToken, {
  readonly get: Effect.Effect<Redacted.Redacted, GenericError>
  readonly reject: (token: Redacted.Redacted) => Effect.Effect<boolean>
  readonly user: Option.Option<MeetingUser>
}>()("effect-lark-meetings/UserToken") {}

/**
 * A session with an access token from elsewhere, which is never renewed.
 *
 * @stability stable
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
