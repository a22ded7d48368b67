/** Where a command finds the platform: at its real address, at that of a simulator, or in this process. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import * as Lark from "../Lark.ts"
import type { InvalidLarkConfig } from "../LarkConfig.ts"
import * as OAuth from "../OAuth.ts"
import * as Simulator from "../Simulator.ts"
import * as Account from "./account.ts"
import * as Credentials from "./credentials.ts"
import type { InvalidFile } from "./errors.ts"
import type { Settings } from "./flags.ts"
import * as World from "./world.ts"

export type Services = Lark.Services | OAuth.OAuth | Account.Account | HttpClient.HttpClient

/** What the program itself has to provide. */
export type Needs = HttpClient.HttpClient | FileSystem.FileSystem | Path.Path

/** That of the program; a simulator in this process has its own. */
const client = Layer.effect(HttpClient.HttpClient, HttpClient.HttpClient)

const withLogin = Account.layer.pipe(Layer.provideMerge(OAuth.layer), Layer.provideMerge(client))

const inProcess = Layer.merge(Account.layerSimulated(World.host), OAuth.layer).pipe(
  Layer.provideMerge(Lark.layer(Simulator.defaultApp)),
  Layer.provideMerge(World.layer)
)

const configured = ({ config }: Settings) =>
  Layer.unwrap(
    Effect.map(Credentials.provider(config), (provider) =>
      withLogin.pipe(Layer.provideMerge(Lark.layerConfig()), Layer.provide(ConfigProvider.layer(provider))))
  )

/** The services of a command. */
export const layer = (settings: Settings): Layer.Layer<Services, InvalidFile | InvalidLarkConfig, Needs> =>
  Option.match(settings.simulator, {
    onNone: () => configured(settings),
    onSome: (target): Layer.Layer<Services, InvalidLarkConfig, Needs> =>
      target._tag === "InProcess"
        ? inProcess
        : withLogin.pipe(Layer.provideMerge(Lark.layer({ ...Simulator.defaultApp, baseUrl: target.url })))
  })

/** Whether the simulator is the one of this process. */
export const isInProcess = ({ simulator }: Settings): boolean =>
  Option.exists(simulator, ({ _tag }) => _tag === "InProcess")

/** Runs the effect as the user who is logged in. */
export const asUser = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Account.Account.use(({ session }) => Effect.flatMap(session, (token) => Lark.asUser(token)(self)))

/** Runs the effect as the app, or as the user who is logged in. */
export const as = (who: "app" | "user") => <A, E, R>(self: Effect.Effect<A, E, R>) =>
  who === "user" ? asUser(self) : self
