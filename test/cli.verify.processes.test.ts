/**
 * `verify` as a process, against a simulator on a port.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import * as fs from "node:fs"
import { createServer } from "node:http"
import * as path from "node:path"
import { credentials } from "./fixtures/cli.ts"
import { start } from "./fixtures/cliProcess.ts"
import { temporaryDirectory } from "./fixtures/sessionStores.ts"
import { hostNow, id } from "./fixtures/World.ts"

const options: Simulator.Options = {
  meetings: [{ id, host: "ou_alice", topic: "Weekly", participants: ["ou_bob", "ou_carol"] }],
  targetIsHost: "cannotOperateSelf",
  oldHostType: "ignored",
  wrongSecret: 10014
}

const served = Simulator.layerServer(options).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
)

const provided = Layer.merge(served, NodeFileSystem.layer)

const started = Effect.fnUntraced(function*(...flags: ReadonlyArray<string>) {
  const LARK_BASE_URL = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const line = ["verify", id, "--other", "ou_bob", "--other", "ou_carol", "--yes", ...flags].join(" ")
  return start(yield* temporaryDirectory, line, { ...credentials, LARK_BASE_URL })
})

it.live("a process asks everything, four requests a second, and its secrets stay its own", () =>
  Effect.gen(function*() {
    const file = path.join(yield* temporaryDirectory, "behavior.json")
    const { ended } = yield* started("--json", "--behavior", file, "--log-level", "all")
    const { exit, stderr, stdout } = yield* Effect.promise(ended)
    assert.strictEqual(exit, 0, stderr)
    const { behavior, replies } = JSON.parse(stdout)
    assert.include(behavior, { targetIsHost: "cannotOperateSelf", oldHostType: "ignored", wrongSecret: 10014 })
    assert.deepStrictEqual(JSON.parse(fs.readFileSync(file, "utf8")), behavior)
    assert.strictEqual(yield* hostNow, "ou_alice")

    const simulator = yield* Simulator.Simulator
    const requests = yield* simulator.requests
    const [first, last] = [requests.at(0), requests.at(-1)].map((request) => request?.at ?? 0)
    // The first and the last few are not of the script.
    assert.isAbove((last ?? 0) - (first ?? 0), (replies - 1) * 250)
    const tokens = (yield* simulator.tokensMinted).map(({ value }) => Redacted.value(value))
    const secrets = [credentials.LARK_APP_SECRET, ...tokens]
    assert.isAbove(tokens.length, 0)
    assert.deepStrictEqual(secrets.filter((secret) => `${stdout}${stderr}`.includes(secret)), [])
  }).pipe(Effect.scoped, Effect.provide(provided)))

it.live("a process that gets Ctrl-C twice puts the host back", () =>
  Effect.gen(function*() {
    const { child, ended } = yield* started()
    while ((yield* hostNow) === "ou_alice") yield* Effect.sleep("20 millis")
    child.kill("SIGINT")
    child.kill("SIGINT")
    const { exit, stderr, stdout } = yield* Effect.promise(ended)
    assert.strictEqual(exit, 130)
    assert.match(stderr, /\nou_alice is host\.\nerror: Interrupted\. Nothing was changed\.\n$/)
    assert.strictEqual(stdout, "")
    assert.strictEqual(yield* hostNow, "ou_alice")
  }).pipe(Effect.scoped, Effect.provide(provided)))
