/** The command `effect-lark-meetings` as a program. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import { ChildProcessSpawner, make } from "effect/process/ChildProcessSpawner"
import manifest from "../../package.json" with { type: "json" }
import { root } from "./commands.ts"
import { run } from "./run.ts"

const services = Layer.mergeAll(
  FetchHttpClient.layer,
  NodeFileSystem.layer,
  NodePath.layer,
  NodeStdio.layer,
  NodeTerminal.layer,
  // What runs commands requires one, and no command starts a process with it.
  Layer.succeed(ChildProcessSpawner, make(() => Effect.die("not provided")))
)

run(root, { version: manifest.version }).pipe(Effect.provide(services), NodeRuntime.runMain)
