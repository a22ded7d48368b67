/**
 * The examples run from the packed package, wherever they are. The projects of `consumers/` install the packed package beside the Effect, the Vite and the Vitest of this repository. Their
 * types are checked without `skipLibCheck`, they run, and cost tsc little more than the same kind of program without the
 * library.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeTemporary, pack, runIn } from "./fixtures/packed.ts"

const root = path.join(import.meta.dirname, "..")
const modules = path.join(root, "node_modules")
const temporary = makeTemporary()
const run = runIn(temporary)
let tarball = ""

beforeAll(() => {
  tarball = pack(temporary)
}, 300_000)

afterAll(() => fs.rmSync(temporary, { recursive: true, force: true }))

interface Consumer {
  readonly name: string
  readonly program: string
  /** What is installed beside Effect, the types of Node and the package. */
  readonly tools: ReadonlyArray<string>
  readonly moduleResolution: "NodeNext" | "Bundler"
  readonly commands: ReadonlyArray<readonly [script: string, ...args: ReadonlyArray<string>]>
  readonly prints: RegExp
}

const consumers: ReadonlyArray<Consumer> = [
  {
    name: "nodenext",
    program: "main.ts",
    tools: ["@effect/platform-node"],
    moduleResolution: "NodeNext",
    commands: [["main.ts"]],
    prints: /^ou_bob: swapped, effect applied$/m
  },
  {
    name: "vite",
    program: "main.ts",
    tools: ["vite"],
    moduleResolution: "Bundler",
    // One file with everything in it.
    commands: [[path.join(modules, "vite/bin/vite.js"), "build"], ["dist/main.js"]],
    prints: /^Conflict$/m
  },
  {
    name: "vitest",
    program: "delegate.spec.ts",
    tools: ["vitest", "@effect/vitest"],
    moduleResolution: "Bundler",
    commands: [[path.join(modules, "vitest/vitest.mjs"), "run"]],
    prints: /Tests +1 passed/
  }
]

/** Installs Effect and the package in a directory, and links what else it uses. */
const install = (directory: string, tools: ReadonlyArray<string>) => {
  const dependencies = { "effect": `file:${path.join(modules, "effect")}`, "effect-lark-meetings": `file:${tarball}` }
  fs.writeFileSync(path.join(directory, "package.json"), JSON.stringify({ type: "module", dependencies }))
  run(directory, "npm", "install", "--offline", "--no-audit", "--no-fund")
  for (const tool of ["@types/node", ...tools]) {
    const link = path.join(directory, "node_modules", tool)
    fs.mkdirSync(path.dirname(link), { recursive: true })
    fs.symlinkSync(path.join(modules, tool), link, "junction")
  }
}

/** Options of tsc for a consumer. */
const strict = {
  target: "ES2022",
  lib: ["ES2023", "DOM", "DOM.Iterable"],
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true
}

/**
 * What tsc makes for a program and all declarations that it imports, in one thread. Unlike seconds these numbers are the same
 * in every run, on every machine.
 */
const costOf = (directory: string, program: string, moduleResolution: Consumer["moduleResolution"]) => {
  const compilerOptions = {
    module: moduleResolution === "NodeNext" ? "NodeNext" : "ESNext",
    moduleResolution,
    ...strict
  }
  fs.writeFileSync(path.join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions, files: [program] }))
  const tsc = path.join(modules, "typescript/bin/tsc")
  const printed = run(directory, process.execPath, tsc, "--extendedDiagnostics", "--singleThreaded")
  const count = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(printed)?.[1])
  return { memory: count("Memory used"), types: count("Types") }
}

/** The variables for programs that talk to the simulator of the installed command, until `use` has ended. */
const withSimulator = async (directory: string, use: (variables: ReadonlyArray<string>) => void) => {
  const launcher = path.join(directory, "node_modules/effect-lark-meetings/dist/cli/launcher.cjs")
  const child = spawn(process.execPath, [launcher, "simulator", "--port", "0", "--json", "--for", "5m"], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  try {
    const [line] = await once(child.stdout, "data")
    const { appId, appSecret, url } = JSON.parse(`${line}`)
    use([`LARK_BASE_URL=${url}`, `LARK_APP_ID=${appId}`, `LARK_APP_SECRET=${appSecret}`])
  } finally {
    child.kill()
  }
}

describe.each(consumers)("the project $name", ({ commands, moduleResolution, name, prints, program, tools }) => {
  const directory = path.join(temporary, name)

  beforeAll(() => {
    fs.cpSync(path.join(import.meta.dirname, "consumers", name), directory, { recursive: true })
    install(directory, tools)
  }, 120_000)

  it("runs", { timeout: 120_000 }, () =>
    withSimulator(directory, (variables) => {
      const printed = commands.map((args) =>
        run(directory, "env", "NO_COLOR=1", ...variables, process.execPath, ...args)
      )
      expect(printed.at(-1)).toMatch(prints)
    }))

  it(
    "has types without an error, which cost tsc less than 10 % more than those of Effect",
    { timeout: 300_000 },
    () => {
      const alone = costOf(directory, "alone.ts", moduleResolution)
      const cost = costOf(directory, program, moduleResolution)
      for (const name of ["memory", "types"] as const) {
        expect(alone[name]).toBeGreaterThan(10_000)
        expect(cost[name] / alone[name], name).toBeLessThan(1.1)
      }
    }
  )
})

describe("the examples", () => {
  const directory = path.join(temporary, "examples")
  const numbered = fs.globSync("[0-9]*.ts", { cwd: path.join(root, "examples") }).toSorted()

  beforeAll(() => {
    fs.cpSync(path.join(root, "examples"), directory, { recursive: true })
    install(directory, ["@effect/platform-node", "@effect/sql-pg"])
  }, 120_000)

  it("compile", { timeout: 300_000 }, () => {
    const compilerOptions = { module: "NodeNext", allowImportingTsExtensions: true, ...strict }
    fs.writeFileSync(path.join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
    run(directory, process.execPath, path.join(modules, "typescript/bin/tsc"))
    expect(numbered.length).toBeGreaterThan(10)
  })

  // examples.test.ts runs the other one, which takes long.
  it.each(numbered.filter((name) => name !== "15-several-processes.ts"))("%s runs", { timeout: 60_000 }, (name) => {
    run(directory, "env", "-u", "LARK_APP_ID", process.execPath, name)
  })
})
