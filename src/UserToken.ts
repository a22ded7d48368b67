/**
 * The `user_access_token`: what a call as a user is made with.
 *
 * **Details**
 *
 * `UserSessions` keeps sessions for many users and processes. Here is what needs no store: a bare access token
 * (`fromAccessToken`, `layerStatic`), and a refresh token that you keep yourself (`fromRefreshToken`).
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
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Unshared from "./internal/session/inMemoryRecord.ts"
import * as Rotation from "./internal/session/rotation.ts"
import type { GenericError } from "./LarkError.ts"
import type { MeetingUser } from "./MeetingUser.ts"
import { type Grant, OAuth } from "./OAuth.ts"

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

/**
 * A session with a token that was obtained elsewhere, for a whole program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStatic = (
  token: Redacted.Redacted,
  options?: { readonly user?: MeetingUser | undefined }
): Layer.Layer<UserToken> => Layer.succeed(UserToken, fromAccessToken(token, options))

/**
 * A session of one process that refreshes itself from a refresh token, which you keep.
 *
 * **Details**
 *
 * The first token is fetched when it is first asked for; from then on it is as with `UserSessions`: one refresh at a time,
 * in the background while the token serves. Each uses the refresh token up. `onRotate` is given what was granted in its
 * place, and has to store it: the new access token is not used before that is done. A failure of it is tried again, for as
 * long as the scope is open, and reaches those who wait as `SessionStoreError`.
 *
 * **Gotchas**
 *
 * - Two of these with one refresh token, in one process or two, end the session.
 * - `onRotate` may be called again with the same grant, if it takes more than ten seconds or fails.
 *
 * **Example** (Keeping the successor)
 *
 * ```ts
 * import { DateTime, Effect, Option, Redacted } from "effect"
 * import { OAuth, UserToken } from "effect-lark-meetings"
 *
 * // As much of the login as a refresh needs.
 * const oauth = OAuth.OAuth.of({
 *   authorize: () => Effect.die("not needed"),
 *   exchange: () => Effect.die("not needed"),
 *   userInfo: () => Effect.die("not needed"),
 *   refresh: () =>
 *     Effect.map(DateTime.now, (now): OAuth.Grant => ({
 *       accessToken: Redacted.make("eyJ-access"),
 *       expiresAt: DateTime.add(now, { hours: 2 }),
 *       refreshToken: Option.some(Redacted.make("eyJ-successor")),
 *       refreshExpiresAt: Option.none(),
 *       scopes: []
 *     }))
 * })
 *
 * let kept = "eyJ-first"
 * const program = Effect.gen(function*() {
 *   const session = yield* UserToken.fromRefreshToken(Redacted.make(kept), {
 *     onRotate: ({ refreshToken }) =>
 *       Effect.sync(() => {
 *         if (Option.isSome(refreshToken)) kept = Redacted.value(refreshToken.value)
 *       })
 *   })
 *   return Redacted.value(yield* session.get)
 * })
 * const used = await Effect.runPromise(Effect.scoped(Effect.provideService(program, OAuth.OAuth, oauth)))
 * console.log(used, kept) // => eyJ-access eyJ-successor
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromRefreshToken = <E, R>(
  refreshToken: Redacted.Redacted,
  options: {
    readonly user?: MeetingUser | undefined
    readonly onRotate: (grant: Grant) => Effect.Effect<void, E, R>
  }
): Effect.Effect<UserToken["Service"], never, OAuth | R | Scope.Scope> =>
  Effect.gen(function*() {
    const oauth = yield* OAuth
    const random = yield* SecureRandom.SecureRandom
    const context = yield* Effect.context<R | Scope.Scope>()
    const { get, reject } = Rotation.make({
      record: Unshared.make(refreshToken, (grant) => Effect.provideContext(options.onRotate(grant), context)),
      refresh: (token) => oauth.refresh(token),
      claimTime: Duration.seconds(30),
      newId: random.uuidV4(),
      context
    })
    return UserToken.of({ get, reject, user: Option.fromUndefinedOr(options.user) })
  }).pipe(Effect.provide(SecureRandom.layerWebCrypto))
