/**
 * Every `ts` fence in the README, in `docs/` and in the doc comments of `src/` compiles under the settings of this
 * repository, runs, and prints what its `// =>` comments say, or the `mermaid` fence below it, or the `text output` fence, in
 * which times may differ. A fence marked `ts ignore` is skipped. The exports that pages and comments name, such as `Cas.hold`,
 * exist. What the tables of the README say compiles.
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { preload } from "./fixtures/fromSource.ts"
import { calls, program } from "./fixtures/readmeTables.ts"

const root = path.join(import.meta.dirname, "..")
const timeout = 300_000

interface Example {
  readonly source: string
  /** Zero-based line of the first line of code. */
  readonly line: number
  readonly code: string
  /** The lines that it prints, if the document says. */
  readonly prints: ReadonlyArray<string> | undefined
  /** The part of a line that is the same in every run. */
  readonly constant: (line: string) => string
}

const withoutTimes = (line: string) => line.trim().replaceAll(/[\d.]+ ms/g, "… ms")

const sources = fs.globSync(["*.md", "docs/**/*.md", "src/**/*.ts"], { cwd: root }).toSorted()

const examplesOf = (source: string): ReadonlyArray<Example> => {
  const text = fs.readFileSync(path.join(root, source), "utf8")
  const lines = text.split(/\r?\n/).map((line) => source.endsWith(".ts") ? /^\s*\* ?(.*)$/.exec(line)?.[1] ?? "" : line)
  const examples: Array<Example> = []
  let open: { readonly ticks: string; readonly info: string; readonly line: number } | undefined
  lines.forEach((line, index) => {
    const [, ticks, info] = /^\s*(`{3,})(.*)$/.exec(line) ?? []
    if (ticks === undefined || info === undefined) return
    if (open === undefined) {
      open = { ticks, info: info.trim(), line: index + 1 }
    } else if (ticks === open.ticks && info.trim() === "") {
      const block = lines.slice(open.line, index)
      if (/^(ts|typescript)\b(?!.*\bignore\b)/.test(open.info)) {
        const promised = block.flatMap((line) => /\/\/ => ?(.*)$/.exec(line)?.slice(1) ?? [])
        examples.push({
          source,
          line: open.line,
          code: block.join("\n"),
          prints: promised.length > 0 ? promised : undefined,
          constant: (line) => line.trim()
        })
      } else if (open.info === "mermaid" || open.info === "text output") {
        const program = examples.pop()
        if (program === undefined) throw new Error(`${source}:${open.line}: no program above prints this`)
        const constant = open.info === "mermaid" ? program.constant : withoutTimes
        examples.push({ ...program, prints: block, constant })
      }
      open = undefined
    }
  })
  if (open !== undefined) throw new Error(`${source}:${open.line}: this fence is not closed`)
  return examples
}

const examples = sources.flatMap(examplesOf)

const modules = fs.globSync("[A-Z]*.ts", { cwd: path.join(root, "src") }).map((file) => path.basename(file, ".ts"))

/** Not the names of files, such as `Cas.ts`. */
const exportName = new RegExp(`(?<![\\w./])(${modules.join("|")})\\.(?!ts\\b)([A-Za-z]\\w*)`, "g")

/** Imports of the exports that a page or the comments of a file name, each on its line. `import type` takes values, too. */
const importsOf = (source: string): string => {
  let count = 0
  return fs.readFileSync(path.join(root, source), "utf8").split(/\r?\n/).map((line) =>
    source.endsWith(".ts") && !/^\s*(?:\/?\*|\/\/)/.test(line)
      ? ""
      : Array.from(
        line.matchAll(exportName),
        ([, module, name]) => `import type { ${name} as _${count++} } from "effect-lark-meetings/${module}"`
      ).join("; ")
  ).join("\n")
}

// The examples are written below the root, so that they resolve `node_modules` and the package as a user's file does.
const directory = fs.mkdtempSync(path.join(root, ".doc-examples-"))
const fileOf = ({ line, source }: Example) =>
  path.join(directory, `${source.replaceAll(path.sep, "__")}.${line + 1}.ts`)

// Empty lines in front keep the line numbers of the document.
for (const example of examples) {
  fs.writeFileSync(fileOf(example), "\n".repeat(example.line) + example.code + "\n")
}
const importsFileOf = (source: string) => path.join(directory, `${source.replaceAll(path.sep, "__")}.imports.ts`)
for (const source of sources) fs.writeFileSync(importsFileOf(source), importsOf(source))
const tablesFile = path.join(directory, "README.tables.ts")
fs.writeFileSync(tablesFile, program)
fs.writeFileSync(
  path.join(directory, "tsconfig.json"),
  JSON.stringify({
    extends: "../tsconfig.json",
    compilerOptions: { declaration: false, noUnusedLocals: false, noUnusedParameters: false },
    include: ["*.ts"]
  })
)
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }))

const run = (...args: ReadonlyArray<string>) =>
  new Promise<{ readonly exit: number | string | null; readonly stdout: string; readonly stderr: string }>(
    (resolve) => {
      const child = spawn(process.execPath, args, {
        cwd: root,
        env: { ...process.env, NODE_COMPILE_CACHE: path.join(root, "node_modules/.cache/doc-examples"), NO_COLOR: "1" },
        stdio: ["ignore", "pipe", "pipe"],
        timeout: timeout - 5_000
      })
      let stdout = ""
      let stderr = ""
      child.stdout.on("data", (chunk) => stdout += chunk)
      child.stderr.on("data", (chunk) => stderr += chunk)
      child.on("close", (code, signal) => resolve({ exit: code ?? signal, stdout, stderr }))
    }
  )

// tsx takes twice the time.
const withoutNetwork = preload(`
  import dns from "node:dns"
  const lookup = dns.lookup
  dns.lookup = (host, ...rest) => {
    if (host === "localhost") return lookup(host, ...rest)
    console.error("An example must not use the network; this one looked up " + host)
    process.exit(1)
  }
`)

const linesOf = (text: string) => text.trimEnd().split("\n")

describe.concurrent("examples in the documentation", () => {
  it("exist", () => {
    expect(examples.length).toBeGreaterThan(0)
    expect(calls.length).toBeGreaterThan(10)
  })

  it("compile", { timeout }, async () => {
    const { exit, stderr, stdout } = await run("node_modules/typescript/bin/tsc", "--project", directory)
    const files = [
      ...examples.map((example) => [fileOf(example), example.source] as const),
      ...sources.map((source) => [importsFileOf(source), source] as const),
      [tablesFile, "the tables of README.md"] as const
    ]
    const report = files.reduce(
      (text, [file, source]) => text.replaceAll(path.relative(root, file), source),
      stdout + stderr
    )
    expect(exit, report).toBe(0)
  })

  it.each(examples.map((example) => [`${example.source}:${example.line + 1}`, example] as const))(
    "%s",
    { timeout },
    async (_, example) => {
      const { exit, stderr, stdout } = await run("--import", withoutNetwork, fileOf(example))
      expect(exit, stdout + stderr).toBe(0)
      const { constant, prints } = example
      if (prints !== undefined) expect(linesOf(stdout).map(constant)).toEqual(prints.map(constant))
    }
  )
})
