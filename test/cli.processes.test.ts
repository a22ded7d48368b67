/**
 * The command line as a program: exit codes, which stream says what, signals, and secrets.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { once } from "node:events"
import { createServer } from "node:http"
import { credentials } from "./fixtures/cli.ts"
import { start } from "./fixtures/cliProcess.ts"
import { temporaryDirectory } from "./fixtures/sessionStores.ts"
import { id } from "./fixtures/World.ts"

const timeout = 60_000

const run = (line: string, variables: NodeJS.ProcessEnv = {}) =>
  Effect.flatMap(temporaryDirectory, (home) => Effect.promise(start(home, line, variables).ended)).pipe(
    Effect.scoped,
    Effect.provide(NodeFileSystem.layer)
  )

describe("as a program", () => {
  it.live("the command line runs against its own simulator with nothing set up", () =>
    Effect.gen(function*() {
      const { exit, stderr, stdout } = yield* run("make-host 123456789 bob@example.com --simulator --timeline")
      assert.strictEqual(stderr, "")
      assert.match(
        stdout,
        /^bob \(ou_bob\) is host of "my meeting".*\n.*stale conflict, it is ou_carol.*\n.*applied.*\nswapped/
      )
      assert.strictEqual(exit, 0)
    }), timeout)

  it.live("it says on stderr what is wrong, and exits with a code for it", () =>
    Effect.gen(function*() {
      const lines = [
        ["host 12345 --simulator", 2],
        ["host", 2],
        ["host 123456789", 2],
        ["end 123456789", 3],
        ["make-host 987654321 ou_bob --simulator", 4],
        ["make-host 123456789 ou_zoe --simulator", 5]
      ] as const
      const env = (line: string) =>
        line.startsWith("end") ? { ...credentials, LARK_BASE_URL: "http://127.0.0.1:9" } : {}
      const ended = yield* Effect.forEach(lines, ([line]) => run(line, env(line)), { concurrency: 2 })
      assert.deepStrictEqual(ended.map(({ exit }) => exit), lines.map(([, exit]) => exit))
      for (const { stderr, stdout } of ended) {
        assert.strictEqual(stdout, "")
        assert.match(stderr, /^error: \S.*\n.*\n$/)
      }
    }), timeout)

  it.live("it has no answer where nobody listens", () =>
    Effect.gen(function*() {
      const free = createServer()
      free.listen(0, "127.0.0.1")
      yield* Effect.promise(() => once(free, "listening"))
      const address = free.address()
      const port = typeof address === "object" ? address?.port : 0
      yield* Effect.promise(() => new Promise((resolve) => free.close(resolve)))
      const { exit, stdout } = yield* run("host 123456789 --json", {
        ...credentials,
        LARK_BASE_URL: `http://127.0.0.1:${port}`
      })
      const { effect, error } = JSON.parse(stdout)
      assert.deepStrictEqual([exit, error.tag, effect], [8, "TransportError", "none"])
      assert.match(error.message, /was not executed; check the network/)
    }), timeout)

  const served = Simulator.layerServer({
    meetings: [{ id, meetingNo: "123456789", host: "ou_alice", topic: "Weekly", participants: ["ou_bob"] }],
    latency: "3 seconds"
  }).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })))

  it.live("no output has a secret, whatever is logged, and Ctrl-C says what is known", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const LARK_BASE_URL = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const home = yield* temporaryDirectory
      const { child, ended } = start(home, `make-host ${id} ou_bob --json --log-level all`, {
        ...credentials,
        LARK_BASE_URL
      })
      while (!(yield* simulator.requests).some(({ endpoint }) => endpoint === "set_host")) {
        yield* Effect.sleep("50 millis")
      }
      child.kill("SIGINT")
      const { exit, stderr, stdout } = yield* Effect.promise(ended)
      assert.strictEqual(exit, 130)
      const { effect, error, ok } = JSON.parse(stdout)
      assert.deepStrictEqual([ok, effect, error.kind], [false, "unknown", "interrupted"])

      const tokens = (yield* simulator.tokensMinted).map(({ value }) => Redacted.value(value))
      assert.strictEqual(tokens.length, 1)
      const secrets = [credentials.LARK_APP_SECRET, ...tokens]
      assert.deepStrictEqual(secrets.filter((secret) => `${stdout}${stderr}`.includes(secret)), [])
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(served, NodeFileSystem.layer))), timeout)
})
