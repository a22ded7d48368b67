/**
 * The files of the command line: the credentials of the app, the key that seals sessions, and the session of a login.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import * as fs from "node:fs"
import { createServer } from "node:http"
import * as path from "node:path"
import { command, credentials, platform, type Surroundings } from "./fixtures/cli.ts"
import { listen } from "./fixtures/http/listen.ts"
import { temporaryDirectory } from "./fixtures/sessionStores.ts"
import { hostNow, id } from "./fixtures/World.ts"

const provided = (options?: Simulator.Options) => Layer.merge(platform(options), NodeServices.layer)

const write = (file: string, text: string, mode = 0o600) => {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text)
  fs.chmodSync(file, mode)
}

const modeOf = (file: string) => (fs.statSync(file).mode & 0o777).toString(8)

const filesUnder = (directory: string) =>
  fs.readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))

/** The text of a credentials file. */
const textOf = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings).map(([name, value]) => `${name}="${value}"\n`).join("")

/** Runs a command with files in this directory and nothing else. */
const at = (home: string, around: Surroundings = {}) => (line: string) =>
  command(line, { ...around, env: { HOME: home, ...around.env } })

describe("the credentials file", () => {
  it.effect("is read from the home directory, from $XDG_CONFIG_HOME, or from --config", () =>
    Effect.gen(function*() {
      const home = yield* temporaryDirectory
      const places = [".config/effect-lark-meetings/credentials", "xdg/effect-lark-meetings/credentials", "own"]
      for (const [index, place] of places.entries()) {
        write(path.join(home, place), textOf(credentials))
        const env = index === 1 ? { XDG_CONFIG_HOME: path.join(home, "xdg") } : {}
        const config = index === 2 ? ` --config ${path.join(home, place)}` : ""
        const { exit, screen } = yield* at(home, { env })(`host 123456789${config}`)
        assert.strictEqual(exit, 0, screen)
        fs.rmSync(path.join(home, place))
        assert.strictEqual((yield* at(home, { env })(`host 123456789${config}`)).exit, 2)
      }
    }).pipe(Effect.provide(provided())))

  it.effect("comes after the environment", () =>
    Effect.gen(function*() {
      const home = yield* temporaryDirectory
      write(
        path.join(home, ".config/effect-lark-meetings/credentials"),
        textOf({ ...credentials, LARK_BRAND: "other" })
      )
      const { stderr } = yield* at(home)("host 123456789")
      assert.include(stderr, "LARK_BRAND must be")
      assert.strictEqual((yield* at(home, { env: { LARK_BRAND: "lark" } })("host 123456789")).exit, 0)
    }).pipe(Effect.provide(provided())))

  it.effect.each([0o640, 0o604, 0o666, 0o620])(
    "is refused if others have access to it (%o)",
    (mode) =>
      Effect.gen(function*() {
        const home = yield* temporaryDirectory
        const file = path.join(home, ".config/effect-lark-meetings/credentials")
        write(file, textOf(credentials), mode)
        const { exit, stderr } = yield* at(home)("host 123456789")
        assert.strictEqual(exit, 2)
        assert.include(stderr, `(mode 0${mode.toString(8)})`)
        assert.include(stderr, `Run: chmod 600 '${file}'`)
        assert.notInclude(stderr, credentials.LARK_APP_SECRET)
      }).pipe(Effect.provide(provided()))
  )

  it.effect("is not needed, and what is missing is named", () =>
    Effect.gen(function*() {
      const home = yield* temporaryDirectory
      const { exit, stderr } = yield* at(home)("host 123456789")
      assert.strictEqual(exit, 2)
      assert.match(stderr, /^error: LARK_APP_ID is missing .*\n.*credentials file.*--simulator/)
    }).pipe(Effect.provide(provided())))

  it.effect("that --config names has to exist", () =>
    Effect.gen(function*() {
      const home = yield* temporaryDirectory
      const { exit, stderr } = yield* at(home, { env: credentials })(`host 123456789 --config ${home}/none`)
      assert.strictEqual(exit, 2)
      assert.match(stderr, /\/none does not exist\.\nCheck --config/)
    }).pipe(Effect.provide(provided())))
})

describe("login", () => {
  /** Begins a login, and gives the page to which the simulator sends alice back. */
  const begin = Effect.fnUntraced(function*(home: string, { deny = false, flags = "" } = {}) {
    const url = yield* Deferred.make<string>()
    const onStderr = (line: string) => {
      const [, text] = /^Log in here: (.*)$/.exec(line) ?? []
      if (text !== undefined) Deferred.doneUnsafe(url, Exit.succeed(text))
    }
    const around = { env: credentials, isLive: true, onStderr }
    const fiber = yield* Effect.forkChild(at(home, around)(`login --no-browser --port 0${flags}`))
    const simulator = yield* Simulator.Simulator
    const callback = yield* simulator.authorize(yield* Deferred.await(url), "ou_alice", { deny })
    return { url: yield* Deferred.await(url), callback, ended: Fiber.join(fiber) }
  })

  const browse = (url: URL) => Effect.promise(async (signal) => await (await fetch(url, { signal })).text())

  const logIn = Effect.fnUntraced(function*(home: string, flags = "") {
    const { callback, ended, url } = yield* begin(home, { flags })
    assert.include(yield* browse(callback), "You may close this page")
    return { url, ended: yield* ended }
  })

  const live = (home: string) => at(home, { env: credentials, isLive: true })

  it.live("keeps a session that end and --as user take, sealed and for its owner only", () =>
    Effect.gen(function*() {
      const home = yield* temporaryDirectory
      const run = live(home)
      assert.strictEqual((yield* run("end 123456789")).exit, 3)
      assert.deepStrictEqual(filesUnder(home), [])

      const { ended, url } = yield* logIn(home)
      assert.strictEqual(ended.stdout, "Logged in as alice (ou_alice).")
      assert.strictEqual(ended.exit, 0)
      assert.deepStrictEqual(
        new URL(url).searchParams.get("scope")?.split(" "),
        ["vc:meeting", "vc:meeting:readonly", "offline_access"]
      )

      const files = filesUnder(home)
      assert.isAbove(files.length, 2)
      assert.deepStrictEqual(files.filter((file) => modeOf(file) !== "600"), [])
      const simulator = yield* Simulator.Simulator
      const tokens = [
        ...(yield* simulator.tokensMinted).map(({ value }) => Redacted.value(value)),
        ...(yield* simulator.sessions).map(({ value }) => Redacted.value(value))
      ]
      assert.strictEqual(tokens.length, 2)
      const texts = [ended.screen, ...files.map((file) => fs.readFileSync(file, "utf8"))].join("\n")
      assert.deepStrictEqual(tokens.filter((token) => texts.includes(token)), [])

      const moved = yield* run("make-host 123456789 ou_bob --as user")
      assert.strictEqual(moved.exit, 0, moved.screen)
      const refused = yield* run("make-host 123456789 ou_carol --as user")
      assert.deepStrictEqual([refused.exit, yield* hostNow], [3, "ou_bob"])
      yield* simulator.moveHost(id, "ou_alice")
      assert.strictEqual((yield* run("end 123456789 --dry-run")).exit, 0)
      assert.strictEqual((yield* run("end 123456789")).stdout, `"Weekly" (123456789) has ended.`)
      assert.strictEqual((yield* simulator.meeting(id)).status, "ended")
    }).pipe(Effect.provide(provided())))

  it.live("says when the session ends if it cannot be renewed", () =>
    Effect.gen(function*() {
      const { ended } = yield* logIn(yield* temporaryDirectory, " --scope vc:meeting --json")
      const { canRenew, scopes, user } = JSON.parse(ended.stdout)
      assert.deepStrictEqual({ canRenew, scopes, user }, {
        canRenew: false,
        scopes: ["vc:meeting"],
        user: { id: "ou_alice", name: "alice" }
      })
    }).pipe(Effect.provide(provided())))

  it.live("goes on after a forged callback", () =>
    Effect.gen(function*() {
      const { callback, ended } = yield* begin(yield* temporaryDirectory)
      const forged = new URL(callback)
      forged.searchParams.set("state", "forged")
      assert.include(yield* browse(forged), "does not belong to this login")
      yield* browse(callback)
      assert.strictEqual((yield* ended).exit, 0)
    }).pipe(Effect.provide(provided())))

  it.live("ends with the refusal of the user", () =>
    Effect.gen(function*() {
      const { callback, ended } = yield* begin(yield* temporaryDirectory, { deny: true })
      yield* browse(callback)
      const { exit, stderr } = yield* ended
      assert.strictEqual(exit, 3)
      assert.match(
        stderr,
        /^Log in here: .*\n.*\nerror: The login failed: the user declined \(access_denied\)\.\nLog in again\.$/
      )
    }).pipe(Effect.provide(provided())))

  it.live("says that its port is in use", () =>
    Effect.gen(function*() {
      const { port } = new URL(yield* listen(createServer()))
      const { exit, stderr } = yield* live(yield* temporaryDirectory)(`login --no-browser --port ${port}`)
      assert.strictEqual(exit, 2)
      assert.match(stderr, /^error: Port \d+ is in use\. Choose another with --port.*\n.*callback/)
    }).pipe(Effect.provide(provided())))

  it.live.each(
    [
      ["DropAfter", { _tag: "DropAfter" }, 7, "unknown"],
      ["DropBefore", { _tag: "DropBefore" }, 7, "unknown"],
      ["a 5xx", { _tag: "ServerError", status: 502, applied: true, body: "html" }, 7, "unknown"],
      ["a throttle", { _tag: "Throttle", reset: 1, status: 429 }, 8, "none"]
    ] as const
  )("end after %s says what is known of it", ([, fault, exit, effect]) =>
    Effect.gen(function*() {
      const home = yield* temporaryDirectory
      yield* logIn(home)
      const simulator = yield* Simulator.Simulator
      yield* simulator.addFaults([{ endpoint: "end", nth: 0, fault }])
      const ended = yield* live(home)(`end ${id} --json`)
      assert.strictEqual(ended.exit, exit, ended.screen)
      assert.strictEqual(JSON.parse(ended.stdout).effect, effect)
    }).pipe(Effect.provide(provided())))

  it.live("end that takes longer than --timeout may have been executed", () =>
    Effect.gen(function*() {
      const home = yield* temporaryDirectory
      yield* logIn(home)
      const simulator = yield* Simulator.Simulator
      yield* simulator.addFaults([{ endpoint: "end", nth: 0, fault: { _tag: "Delay", millis: 5_000 } }])
      const { exit, stdout } = yield* live(home)(`end ${id} --json --timeout 2s`)
      const { effect, error } = JSON.parse(stdout)
      assert.deepStrictEqual([exit, error.tag, effect], [7, "TimedOut", "unknown"])
    }).pipe(Effect.provide(provided())))

  it.live("end says that a login has ended, and how to begin another", () =>
    Effect.gen(function*() {
      const home = yield* temporaryDirectory
      yield* logIn(home)
      const simulator = yield* Simulator.Simulator
      yield* simulator.revokeSessions("ou_alice")
      const { exit, stderr } = yield* live(home)(`end ${id}`)
      assert.strictEqual(exit, 3)
      assert.match(stderr, /^error: The platform refuses the login: .* \[20064\]\.\nRun `effect-lark-meetings login`/)
    }).pipe(Effect.provide(provided())))
})
