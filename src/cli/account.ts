/** The user who is logged in on this machine. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { type InvalidLarkConfig, LarkConfig } from "../LarkConfig.ts"
import type { SessionStoreError } from "../LarkError.ts"
import * as MeetingUser from "../MeetingUser.ts"
import type * as OAuth from "../OAuth.ts"
import * as Seal from "../Seal.ts"
import * as SessionStore from "../SessionStore.ts"
import * as Simulator from "../Simulator.ts"
import * as UserSessions from "../UserSessions.ts"
import * as UserToken from "../UserToken.ts"
import { directory, readSecret, variable } from "./credentials.ts"
import { InvalidFile, NotLoggedIn } from "./errors.ts"

type User = MeetingUser.MeetingUser<"open_id">

export type AccountError = InvalidFile | InvalidLarkConfig | SessionStoreError

/**
 * The user who is logged in.
 *
 * - `session`: the token of this user.
 * - `save`: makes somebody the user who is logged in.
 */
export class Account extends Context.Service<Account, {
  readonly session: Effect.Effect<UserToken.UserToken["Service"], AccountError | NotLoggedIn>
  readonly save: (user: User, grant: OAuth.Grant) => Effect.Effect<void, AccountError>
}>()("effect-lark-meetings/cli/account") {}

const keyFile = Effect.gen(function*() {
  const path = yield* Path.Path
  return path.join(yield* directory("XDG_CONFIG_HOME"), "seal.key")
})

/** Creates the key that seals sessions, unless there is one. */
const createKey = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const random = yield* SecureRandom.SecureRandom
  const file = yield* keyFile
  if (yield* Effect.orElseSucceed(fs.exists(file), () => false)) return
  const key = Base64.encode(yield* random.randomBytes(32))
  yield* fs.makeDirectory(path.dirname(file), { recursive: true, mode: 0o700 }).pipe(
    Effect.andThen(fs.writeFileString(file, `${key}\n`, { flag: "wx", mode: 0o600 })),
    // Another login was faster.
    Effect.catchIf(({ reason }) => reason._tag === "AlreadyExists", () => Effect.void),
    Effect.mapError(({ reason }) =>
      new InvalidFile({
        path: file,
        reason: `cannot be written (${reason._tag})`,
        next: "Check the directory, or set LARK_SEAL_KEY (`openssl rand -base64 32` makes one)."
      })
    )
  )
}).pipe(Effect.provide(SecureRandom.layerWebCrypto))

const userJson = Schema.fromJsonString(Schema.toCodecJson(MeetingUser.schema("open_id")))

/** Which user is logged in: a record beside the sessions. */
const current = Effect.gen(function*() {
  const store = yield* SessionStore.SessionStore
  const { appId } = yield* LarkConfig
  const key = `effect-lark-meetings/cli ${appId}`
  return {
    get: Effect.map(store.get(key), Option.flatMap(({ value }) => Schema.decodeOption(userJson)(value))),
    set: (user: User) =>
      Effect.flatMap(store.get(key), (stored) =>
        store.swap(
          key,
          Option.match(stored, { onNone: () => 0, onSome: ({ version }) => version }),
          Schema.encodeSync(userJson)(user)
        )).pipe(Effect.repeat({ until: ({ _tag }) => _tag === "Applied" }))
  }
})

/** The sessions in the files of this user, sealed with `LARK_SEAL_KEY`, or else with the key that the first login made. */
const files = Effect.gen(function*() {
  const path = yield* Path.Path
  const environment = yield* ConfigProvider.ConfigProvider
  const key = yield* readSecret(yield* keyFile)
  const known = Option.isNone(key)
    ? environment
    : ConfigProvider.orElse(environment, ConfigProvider.fromEnvRecord({ LARK_SEAL_KEY: key.value.trim() }))
  const directoryOfSessions = path.join(yield* directory("XDG_STATE_HOME"), "sessions")
  return UserSessions.layer().pipe(
    Layer.provide(Layer.provide(Seal.layerConfig(), ConfigProvider.layer(known))),
    Layer.provideMerge(SessionStore.layerFileSystem({ directory: directoryOfSessions }))
  )
})

/** In files that only their owner can read, which are not touched before somebody is to be found there. */
export const layer: Layer.Layer<
  Account,
  never,
  OAuth.OAuth | LarkConfig | FileSystem.FileSystem | Path.Path
> = Layer.effect(
  Account,
  Effect.gen(function*() {
    const context = yield* Effect.context<
      OAuth.OAuth | LarkConfig | FileSystem.FileSystem | Path.Path | Scope.Scope
    >()
    const open = Effect.flatMap(files, (files) => Layer.buildWithScope(files, Context.get(context, Scope.Scope)))
    const session = Effect.gen(function*() {
      const key = yield* variable("LARK_SEAL_KEY")
      // The first login makes one.
      if (Option.isNone(key) && Option.isNone(yield* readSecret(yield* keyFile))) return yield* new NotLoggedIn()
      const sessions = yield* open
      const user = yield* Effect.provideContext(Effect.flatMap(current, ({ get }) => get), sessions)
      if (Option.isNone(user)) return yield* new NotLoggedIn()
      return Context.get(sessions, UserSessions.UserSessions).get(user.value)
    })
    const save = Effect.fnUntraced(function*(user: User, grant: OAuth.Grant) {
      if (Option.isNone(yield* variable("LARK_SEAL_KEY"))) yield* createKey
      const sessions = yield* open
      yield* Context.get(sessions, UserSessions.UserSessions).save(user, grant)
      yield* Effect.provideContext(Effect.flatMap(current, ({ set }) => set(user)), sessions)
    })
    return Account.of({
      session: Effect.provideContext(session, context),
      save: (user, grant) => Effect.provideContext(save(user, grant), context)
    })
  })
)

/** The user of a simulator in this process. There is nobody else to log in as, so nothing is saved. */
export const layerSimulated = (user: string): Layer.Layer<Account, never, Simulator.Simulator> =>
  Layer.effect(
    Account,
    Effect.map(Simulator.Simulator, ({ userToken }) => ({
      session: Effect.map(userToken(user), (token) =>
        UserToken.fromAccessToken(token, { user: MeetingUser.openId(user) })),
      save: () =>
        Effect.void
    }))
  )
