/**
 * The sessions of users: stored sealed, shared by any number of processes, refreshed before they expire and never twice at once.
 *
 * **Details**
 *
 * A user's access token is valid for about two hours. The refresh token that renews it works **once**, and the reply carries its
 * successor. Two refreshes with one token end the session (20064, 20073), and so does a lost successor. Therefore:
 *
 * - The refresh token is claimed in the record by a compare-and-swap before it is sent, and its successor is stored before it is
 *   used. Closing the scope of the layer waits for a refresh in flight.
 * - A call in the last five minutes of the access token starts the refresh in the background. Failures and rejected tokens delay
 *   the next refresh as they do for `TenantToken`, in all processes.
 * - If a process dies, or a reply is lost, the token is sent once more when its claim was seen unchanged for `claimTime`, on the
 *   monotonic clock of the process that takes over: if it was used up, the session was lost with its successor anyway.
 * - A session ends only if the platform refuses its refresh token.
 *
 * The errors of a token are `ReauthorizationRequired` (`noSession`, `noRefreshToken`, or `refused` with the platform's code),
 * `SessionStoreError`, and the generic errors of a refresh.
 *
 * **Gotchas**
 *
 * - The sessions of the last 10,000 users stay in memory for an hour after their last use.
 * - A session belongs to one app and one id of the user: save it under the id that you will use.
 * - A process that is suspended for longer than its claim, between marking and sending a token, still sends it.
 * - Another process notices `remove` and `save` when it next reads the record: at the latest when its token expires.
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
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as lruMap from "./internal/lruMap.ts"
import { invalid } from "./internal/settings.ts"
import { type InvalidLarkConfig, LarkConfig } from "./LarkConfig.ts"
import type { SessionStoreError } from "./LarkError.ts"
import type { MeetingUser } from "./MeetingUser.ts"
import { type Grant, OAuth } from "./OAuth.ts"
import { Seal } from "./Seal.ts"
import { SessionStore } from "./SessionStore.ts"
import * as InMemoryRecord from "./UserSessions/inMemoryRecord.ts"
import * as Record from "./UserSessions/record.ts"
import * as Rotation from "./UserSessions/rotation.ts"
import { UserToken } from "./UserToken.ts"

/**
 * How sessions are refreshed.
 *
 * @stability stable
 * @category models
 */
export interface Options {
  /** How long a claim on a refresh token lasts: 30 seconds by default, at least one. A refresh is cut after two thirds of it. */
  readonly claimTime?: Duration.Input | undefined
}

/**
 * The sessions of users.
 *
 * **Details**
 *
 * - `save`: starts a session with the grant of `OAuth.exchange`, in place of any other.
 * - `get`: the token of a user, whether there is a session or not: the store is read when the token is needed. When the platform
 *   rejects a token, the store is searched for another one before a refresh.
 * - `remove`: deletes the session that was seen. A login that happens meanwhile survives, even across a lost reply of the store.
 *   Calling it again after an error may delete a newer session. On the platform the tokens stay valid until they expire.
 *
 * `save` and `remove` fail with `SessionStoreError`.
 *
 * @stability stable
 * @category services
 */
export class UserSessions extends Context.Service<UserSessions, {
  readonly save: (user: MeetingUser, grant: Grant) => Effect.Effect<void, SessionStoreError>
  readonly get: (user: MeetingUser) => UserToken["Service"]
  readonly remove: (user: MeetingUser) => Effect.Effect<void, SessionStoreError>
}>()("effect-lark-meetings/UserSessions") {}

const make = ({ claimTime: input = "30 seconds" }: Options) =>
  Effect.gen(function*() {
    const claimTime = Option.getOrUndefined(Duration.fromInput(input))
    if (claimTime === undefined || Duration.toMillis(claimTime) < 1_000 || !Duration.isFinite(claimTime)) {
      return yield* invalid("claimTime", "must be a finite duration of at least one second.")
    }
    const context = yield* Effect.context<Scope.Scope>()
    const store = yield* SessionStore
    const seal = yield* Seal
    const oauth = yield* OAuth
    const { appId } = yield* LarkConfig
    const random = yield* SecureRandom.SecureRandom

    const kept = { capacity: 10_000, idleTime: Duration.hours(1) }
    const rotationOf = lruMap.make(Context.get(context, Clock.Clock), kept, (key) =>
      Rotation.make({
        record: Record.fromStore(store, seal, key),
        refresh: (refreshToken) => oauth.refresh(refreshToken),
        claimTime,
        newId: random.uuidV4(),
        context
      }))

    const keyOf = ({ id, idType, userType }: MeetingUser) => JSON.stringify([appId, idType, userType, id])

    return UserSessions.of({
      save: (user, grant) => Effect.suspend(() => rotationOf(keyOf(user)).save(grant)),
      get: (user) => {
        const key = keyOf(user)
        return UserToken.of({
          get: Effect.suspend(() => rotationOf(key).get),
          reject: (token) => Effect.suspend(() => rotationOf(key).reject(token)),
          user: Option.some(user)
        })
      },
      remove: (user) => Effect.suspend(() => rotationOf(keyOf(user)).remove)
    })
  })

/**
 * The sessions of the users of the configured app. Fails with `InvalidLarkConfig` when the claim time is invalid.
 *
 * @stability stable
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<UserSessions, InvalidLarkConfig, SessionStore | Seal | OAuth | LarkConfig> =>
  Layer.effect(UserSessions, make(options ?? {})).pipe(Layer.provide(SecureRandom.layerWebCrypto))

/**
 * A session of one process that renews itself with a refresh token, which you keep.
 *
 * **Details**
 *
 * The first access token is fetched when it is first needed, and renewed as those of a store. `onRotate` gets each grant and has
 * to store its refresh token: the new access token is not used before that. A grant without a refresh token leaves the old one
 * in use. If `onRotate` fails, waiting callers get `SessionStoreError`, and it is called again while the scope is open.
 *
 * **Gotchas**
 *
 * - Two sessions with the same refresh token, in one process or two, end each other.
 * - `onRotate` may be called again with the same grant if it takes more than ten seconds or fails.
 *
 * **Example** (Keeping the successor)
 *
 * ```ts
 * import { Effect, Option, type Redacted } from "effect"
 * import { UserSessions } from "effect-lark-meetings"
 *
 * const session = (kept: Redacted.Redacted, keep: (token: Redacted.Redacted) => Effect.Effect<void>) =>
 *   UserSessions.fromRefreshToken(kept, {
 *     onRotate: ({ refreshToken }) => Option.isSome(refreshToken) ? keep(refreshToken.value) : Effect.void
 *   })
 * ```
 *
 * @stability stable
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

/**
 * Starts a session with the grant of a login.
 *
 * @stability stable
 * @category accessors
 */
export const save = (user: MeetingUser, grant: Grant): Effect.Effect<void, SessionStoreError, UserSessions> =>
  UserSessions.use((sessions) => sessions.save(user, grant))

/**
 * The token of a user, for `Lark.asUser`.
 *
 * @stability stable
 * @category accessors
 */
export const get = (user: MeetingUser): Effect.Effect<UserToken["Service"], never, UserSessions> =>
  UserSessions.useSync((sessions) => sessions.get(user))

/**
 * Deletes the session of a user.
 *
 * @stability stable
 * @category accessors
 */
export const remove = (user: MeetingUser): Effect.Effect<void, SessionStoreError, UserSessions> =>
  UserSessions.use((sessions) => sessions.remove(user))
