/**
 * The published command: installed from the tarball, without `effect` or any other package beside it.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { createServer, request, type Server } from "node:http"
import { connect } from "node:net"
import * as path from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, describe, expect, it, type TestOptions } from "vitest"
import { makeTemporary, pack, runIn } from "./fixtures/packed.ts"
import { leaveOut } from "./leftOut.ts"

const { engines } = JSON.parse(fs.readFileSync(new URL("../package.json", import.meta.url), "utf8"))
const temporary = makeTemporary()
const folder = path.join(temporary, "empty")
const installed = path.join(folder, "node_modules/effect-lark-meetings")
const launcher = path.join(installed, "dist/cli/launcher.cjs")
const started: Array<ChildProcess> = []

beforeAll(() => {
  const tarball = pack(temporary)
  fs.mkdirSync(folder)
  fs.writeFileSync(path.join(folder, "package.json"), "{}")
  runIn(temporary)(folder, "npm", "install", "--offline", "--legacy-peer-deps", "--no-audit", "--no-fund", tarball)
}, 300_000)

afterAll(() => {
  for (const child of started) child.kill("SIGKILL")
  fs.rmSync(temporary, { recursive: true, force: true })
})

const environment = {
  PATH: `${path.dirname(process.execPath)}:${process.env["PATH"]}`,
  npm_config_cache: path.join(temporary, "cache"),
  // The cache of compiled code of this suite.
  NODE_COMPILE_CACHE: path.join(temporary, "compiled"),
  NO_COLOR: "1"
}

interface Started {
  readonly child: ChildProcess
  /** Its output, once that matches. */
  readonly printed: (awaited: RegExp) => Promise<string>
  readonly ended: Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number | null }>
}

const launch = (variables: NodeJS.ProcessEnv, command: string, ...args: ReadonlyArray<string>): Started => {
  const env = { ...environment, ...variables }
  const child = spawn(command, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] })
  started.push(child)
  let [stdout, stderr] = ["", ""]
  child.stdout.on("data", (data) => stdout += `${data}`)
  child.stderr.on("data", (data) => stderr += `${data}`)
  const ended = once(child, "close").then(([code]) => ({ stdout, stderr, code }))
  return {
    child,
    ended,
    printed: (awaited) =>
      new Promise((resolve, reject) => {
        const check = () => awaited.test(stdout) && resolve(stdout)
        child.stdout.on("data", check)
        check()
        void ended.then((end) => reject(new Error(`It ended before it printed ${awaited}: ${JSON.stringify(end)}`)))
      })
  }
}

const start = (command: string, ...args: ReadonlyArray<string>) => launch({}, command, ...args)

const simulator = (...args: ReadonlyArray<string>) =>
  start(process.execPath, launcher, "simulator", ...(args.includes("--port") ? [] : ["--port", "0"]), ...args)

const ready = async ({ printed }: Started) =>
  JSON.parse(await printed(/\n/)) as {
    readonly url: string
    readonly controlUrl: string
    readonly controlKey?: string
    readonly appId: string
    readonly appSecret: string
    readonly pid: number
  }

/** The base URL in the introduction. */
const introduced = async ({ printed }: Started): Promise<string> => /http\S+/.exec(await printed(/Ctrl-C/))?.[0] ?? ""

/** A file with a config of the simulator. */
const config = (content: object | undefined, name = "config.json"): string => {
  const file = path.join(temporary, name)
  fs.writeFileSync(file, content === undefined ? "" : JSON.stringify(content))
  return file
}

const portOf = (server: Server): number | undefined => {
  const address = server.address()
  return typeof address === "object" ? address?.port : undefined
}

const post = (url: string, body: object) =>
  fetch(url, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } })

const isReachable = (url: string) => fetch(url).then(() => true, () => false)

const until = async (isSo: () => Promise<boolean>) => {
  while (!await isSo()) await new Promise((resolve) => setTimeout(resolve, 50))
}

describe("the package", () => {
  it("has the command in one file of at most 700 kB", () => {
    expect(fs.statSync(path.join(installed, "dist/cli/main.cjs")).size).toBeLessThanOrEqual(700_000)
    expect(fs.readdirSync(path.join(folder, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
      "effect-lark-meetings"
    ])
  })

  it("repeats the licences of what is in that file", () => {
    const licences = fs.readFileSync(path.join(installed, "dist/cli/LICENSES.txt"), "utf8")
    for (const name of ["effect", "@effect/platform-node", "ws"]) {
      expect(licences).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(MIT\\)$`, "m"))
    }
    expect(licences.match(/Permission is hereby granted/g)?.length).toBe(licences.match(/\(MIT\)$/gm)?.length)
  })
})

describe("the simulator of the command", () => {
  it("prints one line of JSON when it is ready, and nothing else until it is stopped", async () => {
    const process = simulator("--json")
    const { appId, appSecret, pid, url } = await ready(process)
    const reply = await post(`${url}/open-apis/auth/v3/tenant_access_token/internal`, {
      app_id: appId,
      app_secret: appSecret
    })
    expect(await reply.json()).toMatchObject({ code: 0, tenant_access_token: expect.any(String) })
    expect(pid).toBe(process.child.pid)
    process.child.kill("SIGTERM")
    const { code, stderr, stdout } = await process.ended
    expect([stdout.split("\n").length, stderr, code]).toEqual([2, "", 0])
  })

  it("is ready within 1.5 seconds", async () => {
    const times: Array<number> = []
    for (let round = 0; round < 3; round++) {
      const begun = performance.now()
      const process = simulator("--json")
      await ready(process)
      times.push(performance.now() - begun)
      process.child.kill()
      await process.ended
    }
    // Others on this machine may have slowed down one or the other.
    expect(Math.min(...times)).toBeLessThan(1500)
  })

  it("prints a line for each request, and none of the secrets in it", async () => {
    const process = simulator()
    const url = await introduced(process)
    await fetch(`${url}/`)
    await fetch(`${url}/open-apis/vc/v1/meetings/6911188411932033028`)
    await fetch(`${url}/open-apis/authen/v1/authorize?state=secret`)
    const [, ...lines] = (await process.printed(/\/authorize\n/)).trim().split(/(?<=Ctrl-C\.)\n|(?<=ms .*)\n/)
    expect(lines.map((line) => line.replaceAll(/^\d\d:\d\d:\d\d\.\d\d\d|\d+ ms/g, "…").split(/ +/))).toEqual([
      ["…", "GET", "400", "99991661", "…", "/open-apis/vc/v1/meetings/6911188411932033028"],
      ["…", "GET", "400", "-", "…", "/open-apis/authen/v1/authorize"]
    ])
    process.child.kill("SIGINT")
    expect((await process.ended).code).toBe(0)
  })

  it("is controlled by HTTP, from this machine", async () => {
    const process = simulator("--json")
    const { controlKey, controlUrl } = await ready(process)
    expect((await fetch(`${controlUrl}/health`)).status).toBe(200)
    expect(controlKey).toBeUndefined()
    expect(await (await fetch(new URL("/", controlUrl))).text()).toMatch(/^<!doctype html>/)
    process.child.kill()
    await process.ended
  })

  it("needs a key to be controlled if other machines reach it, and has one", async () => {
    const process = simulator("--json", "--host", "0.0.0.0")
    const { controlKey, controlUrl } = await ready(process)
    expect(new URL(controlUrl).hostname).toBe("127.0.0.1")
    expect((await fetch(`${controlUrl}/health`)).status).toBe(401)
    const headers = { authorization: `Bearer ${controlKey}` }
    expect((await fetch(`${controlUrl}/health`, { headers })).status).toBe(200)
    process.child.kill()
    await process.ended
  })

  it("takes the key of the environment, and does not print it", async () => {
    const started = launch(
      { LARK_SIMULATOR_KEY: "known" },
      process.execPath,
      launcher,
      "simulator",
      "--port",
      "0",
      "--host",
      "0.0.0.0"
    )
    const url = await introduced(started)
    expect((await fetch(`${url}/_simulator/health`)).status).toBe(401)
    const headers = { authorization: "Bearer known" }
    expect((await fetch(`${url}/_simulator/health`, { headers })).status).toBe(200)
    started.child.kill()
    const { stdout } = await started.ended
    expect(stdout).toContain("Control key  that of LARK_SIMULATOR_KEY")
    expect(stdout).not.toMatch(/known|_simulator\/health/)
  })

  it("stops soon, whatever its clients do", async () => {
    const process = simulator("--json")
    const { appId, appSecret, url } = await ready(process)
    const endpoint = await post(`${url}/callback/ws/endpoint`, { AppID: appId, AppSecret: appSecret })
    const { host, pathname, port, search } = new URL((await endpoint.json()).data.URL)
    const silent = connect(Number(port), "127.0.0.1")
    silent.write([
      `GET ${pathname}${search} HTTP/1.1`,
      `Host: ${host}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version: 13\r\n\r\n"
    ].join("\r\n"))
    expect(String((await once(silent, "data"))[0])).toMatch(/^HTTP\/1\.1 101 /)
    const begun = performance.now()
    process.child.kill("SIGTERM")
    expect((await process.ended).code).toBe(0)
    expect(performance.now() - begun).toBeLessThan(10_000)
    silent.destroy()
  })

  it("prints no requests with --quiet", async () => {
    const process = simulator("--quiet")
    await fetch(`${await introduced(process)}/requested`)
    process.child.kill()
    expect((await process.ended).stdout).not.toContain("requested")
  })

  it("goes on when nobody reads what it prints", async () => {
    const process = simulator()
    const url = await introduced(process)
    process.child.stdout?.destroy()
    for (let index = 0; index < 5; index++) await fetch(`${url}/requested`)
    expect(await isReachable(url)).toBe(true)
    process.child.kill()
    expect((await process.ended).code).toBe(0)
  })

  it("keeps few lines for a reader that does not read, and says how many are missing", async () => {
    const process = simulator()
    const url = await introduced(process)
    process.child.stdout?.pause()
    // More than the pipe between the two holds.
    const path = `/${"x".repeat(1_000)}`
    for (let round = 0; round < 50; round++) {
      await Promise.all(Array.from({ length: 60 }, () => fetch(`${url}${path}`)))
    }
    process.child.stdout?.resume()
    await process.printed(/not shown.*\n/)
    await fetch(`${url}/after`)
    const printed = await process.printed(/\/after\n/)
    const missing = Array.from(printed.matchAll(/^… (\d+) requests are not shown/gm), ([, count]) => Number(count))
    expect((printed.match(/\/(?:x+|after)$/gm)?.length ?? 0) + missing.reduce((sum, count) => sum + count, 0)).toBe(
      3_001
    )
    process.child.kill()
    await process.ended
  })

  it("refuses an upload, and goes on", async () => {
    const process = simulator("--json")
    const { url } = await ready(process)
    const body = new FormData()
    body.set("app_id", new Blob(["cli"]), "file")
    const token = `${url}/open-apis/auth/v3/tenant_access_token/internal`
    expect(await (await fetch(token, { method: "POST", body })).json()).toMatchObject({ code: expect.any(Number) })
    expect((await fetch(`${url}/_simulator/health`, { method: "POST", body })).status).toBeGreaterThanOrEqual(400)
    expect(await isReachable(url)).toBe(true)
    process.child.kill()
    expect((await process.ended).stderr).toBe("")
  })

  it("answers a client that asks for HTTP/2, also to a body of unknown length", async () => {
    const process = simulator("--json")
    const { url } = await ready(process)
    const headers = {
      "connection": "Upgrade, HTTP2-Settings",
      "http2-settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
      "transfer-encoding": "chunked",
      "upgrade": "h2c"
    }
    const sent = request(`${url}/_simulator/user-token`, { method: "POST", headers }).end(`{"user":"ou_alice"}`)
    const [response] = await once(sent, "response")
    expect([response.statusCode, JSON.parse(await text(response)).token]).toEqual([200, expect.any(String)])
    process.child.kill()
    await process.ended
  })

  it("ends by itself after the time of --for", async () => {
    const { code, stderr, stdout } = await simulator("--for", "200ms").ended
    expect(stdout).toContain("The simulator has stopped after 200ms.")
    expect([stderr, code]).toEqual(["", 0])
  })

  it.each([
    [["--for", "60"], `"60". Expected: a duration with its unit, such as 90s`],
    [["--for", "0s"], `"0s". Expected: a duration with its unit, such as 90s`],
    [["--port", "70000"], `"70000". Expected: a port from 0 to 65535`],
    // Node would listen on all addresses.
    [["--host="], "Expected: an address of this machine"],
    [["--host", "192.0.2.1"], "192.0.2.1 is not an address of this machine. Choose another with --host."],
    [["--host", "nobody.invalid"], "The host nobody.invalid is not known. Give an address of this machine with --host."]
  ])("refuses %j", async (args, message) => {
    const { code, stderr } = await simulator(...args).ended
    expect(stderr).toContain(message)
    expect(code).toBe(2)
  })

  it("has the world of a config, and pushes to its webhook", async () => {
    const pushed: Array<string> = []
    const webhook = createServer((request, response) =>
      void text(request).then((body) => {
        pushed.push(JSON.parse(body).header.event_type)
        response.end()
      })
    ).listen(0, "127.0.0.1")
    await once(webhook, "listening")
    const app = { appId: "cli_1111111111111111", appSecret: "secret of the config" }
    const file = config({
      app,
      meetings: [{ id: "7000000000000000001", meetingNo: "987654321", host: "ou_erin" }],
      webhook: { url: `http://127.0.0.1:${portOf(webhook)}/events` },
      schedule: [{ _tag: "Join", millis: 1, user: "ou_frank" }]
    })
    const process = simulator("--config", file)
    expect(await process.printed(/Ctrl-C/)).toMatch(/^Meeting +7000000000000000001 \(number 987654321\)$/m)
    await until(async () => pushed.length > 0)
    expect(pushed).toEqual(["vc.meeting.join_meeting_v1"])
    process.child.kill()
    await process.ended
    webhook.close()
  })

  it.each([
    [
      "typo.json",
      { meetings: [{ id: "1", hosts: "ou_alice" }] },
      /typo\.json .+\n +meetings\[0\]\.hosts: Unknown key\. Known/
    ],
    ["empty.json", undefined, /empty\.json .+\n +Expected JSON: /],
    ["absent.json", null, /Cannot read \S*absent\.json: there is no such file\./]
  ])("refuses the config %s, and says what is wrong where", async (name, content, message) => {
    const file = content === null ? path.join(temporary, name) : config(content, name)
    const { code, stderr, stdout } = await simulator("--config", file).ended
    expect(stderr).toMatch(message)
    expect([stdout, code]).toEqual(["", 2])
  })

  it("shows no control characters of a config", async () => {
    const hostile = "\u001b[2J\u202e"
    const refused = await simulator("--config", config({ [hostile]: 1 }, "unknown.json")).ended
    expect(refused.stderr).toContain(" [2J : Unknown key")
    const file = config({ app: { appId: hostile, appSecret: "s" }, meetings: [{ id: hostile }] }, "hostile.json")
    const { stdout } = await simulator("--config", file, "--for", "200ms").ended
    expect(stdout).toContain("App id        [2J \nMeeting       [2J \n")
  })

  it("says that a port is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1")
    await once(other, "listening")
    const port = String(portOf(other))
    const { code, stderr, stdout } = await simulator("--port", port).ended
    other.close()
    expect(stderr).toContain(`Port ${port} is in use. Choose another with --port, or 0 for a free one.`)
    expect([stdout, code]).toEqual(["", 2])
  })

  it.each([
    [{}, "--host", "192.0.2.1", "192.0.2.1 is not an address of this machine. Choose another with --host."],
    [{}, "--config", temporary, `Cannot read ${temporary}: it is not a file. Name another with --config.`],
    [
      { LARK_SIMULATOR_KEY: "Zq7Xw\n" },
      "--host",
      "127.0.0.1",
      "No header can carry the key in LARK_SIMULATOR_KEY. " +
      "Choose one of ASCII letters, digits and punctuation, without spaces and line breaks."
    ]
  ])("says in one line of JSON why it does not start: %j %s %s", async (variables, flag, value, message) => {
    const args = [launcher, "simulator", "--port", "0", "--json", flag, value]
    const { code, stderr, stdout } = await launch(variables, process.execPath, ...args).ended
    const error = { kind: "usage", tag: "CannotStart", message, next: null }
    expect(stdout).toBe(`${JSON.stringify({ command: "simulator", ok: false, exit: 2, error })}\n`)
    expect([stderr, code]).toEqual(["", 2])
  })

  it.each([
    ["npx", "effect-lark-meetings"],
    ["npm", "exec", "--", "effect-lark-meetings"]
  ])("stops when %s gets a SIGTERM", async (...command) => {
    const [program = "", ...args] = command
    const npm = start(program, ...args, "simulator", "--port", "0", "--json")
    const { pid, url } = await ready(npm)
    expect(pid).not.toBe(npm.child.pid)
    npm.child.kill("SIGTERM")
    await until(async () => !await isReachable(url))
  })
})

describe("the commands of the command", () => {
  it("run without credentials against a simulator inside them, in a packed file", async () => {
    const line = ["make-host", "123456789", "bob@example.com", "--simulator", "--timeline"]
    const { code, stderr, stdout } = await start(process.execPath, launcher, ...line).ended
    expect([stderr, code]).toEqual(["", 0])
    expect(stdout).toMatch(/^bob \(ou_bob\) is host of .*\n.*conflict.*\n.*applied/)
  })
})

/** The first number in what a program prints for its version; `undefined` if there is no such program. */
const versionOf = (program: string, flag = "--version"): number | undefined => {
  const { status, stderr, stdout } = spawnSync(program, [flag], { encoding: "utf8" })
  return status === 0 ? Number(/\d+/.exec(stdout + stderr)?.[0]) : undefined
}

interface Suite {
  readonly file: string
  readonly command: ReadonlyArray<string>
  /** What begins a test in it. */
  readonly test: RegExp
  /** What it prints if all went well, with the number of its tests. */
  readonly passed: RegExp
  readonly options: TestOptions
}

const suites: ReadonlyArray<Suite> = [
  {
    file: "suite.py",
    command: ["python3"],
    test: /^ {4}def test_/gm,
    passed: /^Ran (\d+) tests in .*\n\nOK$/m,
    options: leaveOut((versionOf("python3") ?? 0) >= 3 ? undefined : "Python 3 is missing. Install it.")
  },
  {
    file: "suite.sh",
    command: ["sh"],
    test: /^begin "/gm,
    passed: /^(\d+) tests, 0 failures$/m,
    options: leaveOut(versionOf("curl") === undefined ? "curl is missing. Install it." : undefined)
  },
  {
    file: "Suite.java",
    command: ["java"],
    test: /tests\.put\("/g,
    passed: /^(\d+) passed, 0 failed$/m,
    // Not every machine of CI has it, and the others show the same.
    options: (versionOf("java", "-version") ?? 0) >= 11
      ? {}
      : { skip: true, meta: { leftOut: "There is no Java 11 or newer on the PATH." } }
  },
  {
    file: "suite.mjs",
    command: [process.execPath, "--test"],
    test: /^test\("/gm,
    passed: /^. pass (\d+)\n. fail 0$/mu,
    options: {}
  }
]

describe("the tests of an application in another language", () => {
  for (const { command: [program = "", ...args], file, options, passed, test } of suites) {
    it(`pass: ${file}`, options, async () => {
      const source = path.join(import.meta.dirname, "outsiders", file)
      fs.copyFileSync(source, path.join(folder, file))
      const { code, stderr, stdout } = await start(program, ...args, file).ended
      expect(code, stdout + stderr).toBe(0)
      const tests = fs.readFileSync(source, "utf8").match(test)
      expect(Number(passed.exec(stdout + stderr)?.[1]), stdout + stderr).toBe(tests?.length)
    })
  }
})

it("needs no more memory after many requests", async () => {
  const { code, stderr, stdout } = await start(
    process.execPath,
    path.join(import.meta.dirname, "bench/memory.ts"),
    "30000",
    launcher
  ).ended
  expect(code, stdout + stderr).toBe(0)
  expect(stdout).toContain("after 30000 requests")
})

/** A Node of this machine that is older than what the command needs. */
const oldNode = (process.env["PATH"] ?? "").split(path.delimiter)
  .map((directory) => path.join(directory, "node"))
  .filter((file) => !file.includes("node_modules") && fs.existsSync(file))
  .find((file) => /^v(?:1?\d|20|21)\./.test(spawnSync(file, ["--version"], { encoding: "utf8" }).stdout))

const refusal = /^effect-lark-meetings needs Node 22\.19\.0 or newer, and this is Node \d+\.\d+\.\d+\. .*\n$/

describe("the launcher", () => {
  it(
    "says on an old Node what it needs",
    oldNode === undefined
      ? { skip: true, meta: { leftOut: "There is no Node older than 22 on the PATH." } }
      : {},
    () => {
      const { status, stderr, stdout } = spawnSync(oldNode ?? "", [launcher, "--help"], { env: {}, encoding: "utf8" })
      expect([stdout, stderr, status]).toEqual(["", expect.stringMatching(refusal), 1])
    }
  )

  it.each([
    ["22.18.9", 1],
    ["9.30.30", 1],
    ["22.19.0", 0],
    ["22.20.0", 0],
    ["100.0.0", 0]
  ])("on Node %s it ends with code %i", (version, code) => {
    expect(engines.node).toBe(">=22.19.0")
    const preload = path.join(temporary, "version.cjs")
    fs.writeFileSync(
      preload,
      `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`
    )
    const { status, stderr } = spawnSync(process.execPath, ["--require", preload, launcher, "--version"], {
      env: environment,
      encoding: "utf8"
    })
    expect([status, code === 1 && !refusal.test(stderr)]).toEqual([code, false])
  })
})
