/**
 * The sessions of users: stored sealed, shared by any number of processes, refreshed in time and never twice at once.
 *
 * **Details**
 *
 * A user's access token lives about two hours; the refresh token that renews it works **once**, and the reply carries its
 * successor. Two refreshes with one token end the session (20064, 20073), and so does a successor that is lost. So:
 *
 * - One refresh at a time. In this process everybody waits for the one under way; among processes the refresh token is
 *   claimed in the record first, which is a compare-and-swap (`SessionStore`, `Cas`).
 * - Nobody waits for it while the access token serves: renewal begins with a call in the last five minutes of the token's
 *   life, in the background, and after a failure pauses for half a minute.
 * - The successor is stored before anybody uses it; to close the scope of the layer waits for a refresh under way.
 * - A process that dies holds its claim until it lapses (`claimTime`); then another takes over. If the dead one had sent the
 *   token already, it is sent once more: if it was used up, the session was lost with its successor anyway.
 * - The same after a reply that was lost (no answer, 20050, 20072): when the claim has lapsed, one more request. A session
 *   ends only if the platform says so, and then it is not asked again.
 *
 * `get` gives a `UserToken` for `Lark.asUser`. Its errors to handle: `ReauthorizationRequired` (`noSession`, `expired`,
 * `noRefreshToken`, or `refused` with the platform's code), `SessionStoreError`, and the generic ones of a refresh.
 *
 * **Gotchas**
 *
 * - What is known of a user stays in memory for an hour after it was last asked for, of the 10,000 asked for last; then it is
 *   read from the store again.
 * - Sessions belong to one app and one id of the user: save under the id that you will ask for.
 * - The clocks of the processes must agree to within 15 seconds (half of the default `claimTime`): a clock ahead of the others
 *   sees their claims lapse too early. A process that is suspended at the very moment between marking and sending a token,
 *   for longer than its claim, sends it all the same.
 * - Another process notices `remove` and `save` when it next reads the record: at the latest when the token it has expires.
 *
 * **Example** (A user who has not logged in)
 *
 * ```ts
 * import { Effect, Layer, Redacted } from "effect"
 * import { Lark, MeetingId, Meetings, MeetingUser, OAuth, Seal } from "effect-lark-meetings"
 * import { SessionStore, UserSessions } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const program = Effect.gen(function*() {
 *   const session = yield* UserSessions.get(MeetingUser.openId("ou_alice"))
 *   yield* Meetings.end(MeetingId.make("6911188411932033028")).pipe(Lark.asUser(session))
 *   return "ended"
 * }).pipe(
 *   Effect.catchTag("ReauthorizationRequired", (error) => Effect.succeed(`log in: ${error.reason}`))
 * )
 *
 * const sessions = UserSessions.layer().pipe(
 *   Layer.provide(OAuth.layer),
 *   Layer.provide(SessionStore.layerMemory),
 *   Layer.provide(Seal.layer({ key: Redacted.make("bm90IGEgcmVhbCBrZXksIG9ubHkgYW4gZXhhbXBsZSE=") }))
 * )
 * console.log(
 *   await Effect.runPromise(program.pipe(
 *     Effect.provide(sessions.pipe(Layer.provideMerge(Lark.layer(Simulator.defaultApp)))),
 *     Effect.provide(Simulator.layer())
 *   ))
 * ) // => log in: noSession
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
import type * as Scope from "effect/Scope"
import * as Record from "./internal/session/record.ts"
import * as Rotation from "./internal/session/rotation.ts"
import { InvalidLarkConfig, LarkConfig } from "./LarkConfig.ts"
import type { SessionStoreError } from "./LarkError.ts"
import type { MeetingUser } from "./MeetingUser.ts"
import { type Grant, OAuth } from "./OAuth.ts"
import { Seal } from "./Seal.ts"
import { SessionStore } from "./SessionStore.ts"
import * as Recent from "./UserSessions/lruMap.ts"
import { UserToken } from "./UserToken.ts"

/**
 * How sessions are refreshed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * How long a claim on a refresh token lasts, unless it is given back: 30 seconds unless given, a second at least. A
   * refresh that takes two thirds of it is given up, so that it ends before its claim does.
   */
  readonly claimTime?: Duration.Input | undefined
}

/**
 * The sessions of users.
 *
 * **Details**
 *
 * - `save`: begins a session with what `OAuth.exchange` granted, in the place of any there is.
 * - `get`: the token of a user, whether there is a session or not; nothing is read before the token is asked for. The
 *   platform's rejecting it is a reason to look for another one in the store, and only then to refresh.
 * - `remove`: forgets the session, and no later login: not even if a reply of the store is lost and it has to look again. At
 *   the platform its tokens live on until they expire. To repeat it after an error is another removal, of what is there then.
 *
 * `save` and `remove` fail with `SessionStoreError`.
 *
 * @since 0.1.0
 * @category services
 */
export class UserSessions extends Context.Service<UserSessions, {
  readonly save: (user: MeetingUser, grant: Grant) => Effect.Effect<void, SessionStoreError>
  readonly get: (user: MeetingUser) => UserToken["Service"]
  readonly remove: (user: MeetingUser) => Effect.Effect<void, SessionStoreError>
}>()("effect-lark-meetings/UserSessions") {}

const claimTimeOf = (input: Duration.Input): Effect.Effect<Duration.Duration, InvalidLarkConfig> => {
  const claimTime = Option.filter(
    Duration.fromInput(input),
    (duration) => Duration.toMillis(duration) >= 1_000 && Duration.isFinite(duration)
  )
  return Effect.fromOption(
    claimTime,
    () => new InvalidLarkConfig({ setting: "claimTime", reason: "must be a finite duration of at least one second." })
  )
}

/**
 * Builds the service from its store, its key and the login. Fails with `InvalidLarkConfig` when the claim time makes no
 * sense.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<
  UserSessions["Service"],
  InvalidLarkConfig,
  SessionStore | Seal | OAuth | LarkConfig | SecureRandom.SecureRandom | Scope.Scope
> =>
  Effect.gen(function*() {
    const claimTime = yield* claimTimeOf(options.claimTime ?? "30 seconds")
    const context = yield* Effect.context<Scope.Scope>()
    const store = yield* SessionStore
    const seal = yield* Seal
    const oauth = yield* OAuth
    const { appId } = yield* LarkConfig
    const random = yield* SecureRandom.SecureRandom

    const rotationOfKey = Recent.make({ capacity: 10_000, idleTime: "1 hour" }, (key) =>
      Rotation.make({
        record: Record.fromStore(store, seal, key),
        refresh: (refreshToken) => oauth.refresh(refreshToken),
        claimTime,
        newId: random.uuidV4(),
        context
      }))

    const rotationOf = ({ id, idType, userType }: MeetingUser) =>
      rotationOfKey(JSON.stringify([appId, idType, userType, id]))

    return UserSessions.of({
      save: (user, grant) => Effect.flatMap(rotationOf(user), (rotation) => rotation.save(grant)),
      get: (user) =>
        UserToken.of({
          get: Effect.flatMap(rotationOf(user), (rotation) => rotation.get),
          reject: (token) => Effect.flatMap(rotationOf(user), (rotation) => rotation.reject(token)),
          user: Option.some(user)
        }),
      remove: (user) => Effect.flatMap(rotationOf(user), (rotation) => rotation.remove)
    })
  })

/**
 * The sessions of the users of the configured app.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<UserSessions, InvalidLarkConfig, SessionStore | Seal | OAuth | LarkConfig> =>
  Layer.effect(UserSessions, make(options)).pipe(Layer.provide(SecureRandom.layerWebCrypto))

/**
 * Begins a session with what the login granted.
 *
 * @since 0.1.0
 * @category accessors
 */
export const save = (user: MeetingUser, grant: Grant): Effect.Effect<void, SessionStoreError, UserSessions> =>
  UserSessions.use((sessions) => sessions.save(user, grant))

/**
 * The token of a user, for `Lark.asUser`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const get = (user: MeetingUser): Effect.Effect<UserToken["Service"], never, UserSessions> =>
  UserSessions.useSync((sessions) => sessions.get(user))

/**
 * Forgets the session of a user.
 *
 * @since 0.1.0
 * @category accessors
 */
export const remove = (user: MeetingUser): Effect.Effect<void, SessionStoreError, UserSessions> =>
  UserSessions.use((sessions) => sessions.remove(user))
