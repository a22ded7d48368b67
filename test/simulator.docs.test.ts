/**
 * docs/simulator.md shows what a shell prints, in one session against the command, and lists the routes and the flags that there
 * are. Where it has `…`, anything may be.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, RegExp as Pattern } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { afterAll, beforeAll } from "vitest"
import { command, platform } from "./fixtures/cli.ts"
import { spawn } from "./fixtures/fromSource.ts"
import { leaveOut } from "./leftOut.ts"

const page = readFileSync(new URL("../docs/simulator.md", import.meta.url), "utf8")

/** Each command of the session, and what the page says that it prints. */
const [first, ...session] = Array.from(page.matchAll(/^```console\n([\s\S]*?)^```$/gm), ([, block = ""]) => block)
  .join("").split(/^\$ /m).slice(1)
  .map((text) => {
    const end = text.indexOf("\n")
    return { line: text.slice(0, end), output: text.slice(end + 1).trim() }
  })

const shown = (output: string): RegExp => new RegExp(`^${output.split("…").map(Pattern.escape).join("[^]*")}$`)

const child = spawn("../../src/cli/main.ts", {}, ["simulator", "--json", "--port", "0"])
let ready = ""
let url = ""

beforeAll(async () => {
  ready = `${(await once(child.stdout, "data"))[0]}`.trim()
  url = JSON.parse(ready).url
})

afterAll(() => void child.kill())

const curl = spawnSync("curl", ["--version"]).status === 0 ? undefined : "curl is missing. Install it."

describe("docs/simulator.md", () => {
  it("shows the line that says that it is ready", () => {
    assert.strictEqual(first?.line, "npx effect-lark-meetings simulator --json")
    assert.match(ready.replaceAll(url, "http://127.0.0.1:8787"), shown(first?.output ?? ""))
  })

  it("shows what the commands print", leaveOut(curl), () => {
    assert.isAbove(session.length, 10)
    const script = session.map(({ line }) => `{ ${line}\n} 2>&1; printf '\\036'\n`).join("")
    const { stdout } = spawnSync("sh", { input: script.replaceAll("http://127.0.0.1:8787", url), encoding: "utf8" })
    const outputs = stdout.split("\u001e")
    for (const [index, { line, output }] of session.entries()) {
      assert.match(outputs[index]?.trim() ?? "", shown(output), line)
    }
  })

  it("lists the routes", async () => {
    const { paths } = await (await fetch(`${url}/_simulator/openapi.json`)).json()
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods ?? {}).map((method) => `${method.toUpperCase()} ${path.replace("/_simulator", "")}`)
    )
    const listed = Array.from(page.matchAll(/`((?:GET|POST) \/[^`]*)`/g), ([, route]) => route)
    assert.sameMembers(listed, [...described, "GET /openapi.json"])
  })

  it.effect("lists the flags", () =>
    Effect.gen(function*() {
      const { stdout } = yield* command("simulator --help", { env: {} })
      const flags = /FLAGS\n([^]*?)\n\n/.exec(stdout)?.[1]?.matchAll(/^ +(--[\w-]+)/gm) ?? []
      const listed = Array.from(page.matchAll(/^\| `(--[\w-]+)` \|/gm), ([, flag]) => flag)
      assert.sameMembers(listed, Array.from(flags, ([, flag]) => flag))
    }).pipe(Effect.provide(platform())))

  it.effect("has a config that can be used", () =>
    Effect.gen(function*() {
      const config = /^```json\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? ""
      assert.lengthOf((yield* Simulator.parseConfig(config)).meetings ?? [], 1)
    }))
})
