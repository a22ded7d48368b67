/**
 * The `user_access_token`, which authenticates calls as a user.
 *
 * **Details**
 *
 * `UserSessions` keeps the sessions of many users for many processes. This module needs no store: `fromAccessToken` and
 * `layerStatic` use a bare access token, `fromRefreshToken` a refresh token that you keep yourself.
 *
 * **Gotchas**
 *
 * A bare access token is valid for about two hours and cannot be renewed. When the platform rejects it, the call fails with
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
import * as InMemoryRecord from "./internal/session/inMemoryRecord.ts"
import * as Rotation from "./internal/session/rotation.ts"
import type { GenericError } from "./LarkError.ts"
import type { MeetingUser } from "./MeetingUser.ts"
import { type Grant, OAuth } from "./OAuth.ts"

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
 * @since 0.1.0
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
 * A session with an access token from elsewhere, for a whole program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStatic = (
  token: Redacted.Redacted,
  options?: { readonly user?: MeetingUser | undefined }
): Layer.Layer<UserToken> => Layer.succeed(UserToken, fromAccessToken(token, options))

/**
 * A session of one process that renews itself with a refresh token, which you keep.
 *
 * **Details**
 *
 * The first access token is fetched when it is first needed. After that it is renewed as with `UserSessions`: one refresh at a
 * time, in the background while the access token is valid. Each refresh uses the refresh token up. `onRotate` gets the grant that
 * replaces it, and has to store it: the new access token is not used before that. A grant without a refresh token leaves the old
 * one in use. If `onRotate` fails, waiting callers get `SessionStoreError`, and it is called again while the scope is open.
 *
 * **Gotchas**
 *
 * - Two sessions with the same refresh token, in one process or two, end each other.
 * - `onRotate` may be called again with the same grant if it takes more than ten seconds or fails.
 *
 * **Example** (Keeping the successor)
 *
 * ```ts
 * import { DateTime, Effect, Option, Redacted } from "effect"
 * import { OAuth, UserToken } from "effect-lark-meetings"
 *
 * // The part of the login that a refresh needs.
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
    const onRotate = (grant: Grant) => Effect.provideContext(options.onRotate(grant), context)
    const { get, reject } = Rotation.make({
      ...InMemoryRecord.make(refreshToken, oauth.refresh, onRotate),
      claimTime: Duration.seconds(30),
      newId: random.uuidV4(),
      context
    })
    return UserToken.of({ get, reject, user: Option.fromUndefinedOr(options.user) })
  }).pipe(Effect.provide(SecureRandom.layerWebCrypto))
