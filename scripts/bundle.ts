/** Bundles the command with all that it imports but the page of the simulator, so that it runs without any other package. */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { rolldown } from "rolldown"
import { markPure } from "./markPure.ts"

const root = path.join(import.meta.dirname, "..")
const directory = path.join(root, "dist/cli")
const program = path.join(root, "src/cli/main.ts")

/** The directories of the packages that these modules are of. */
const packagesOf = (modules: ReadonlyArray<string>): ReadonlyArray<string> =>
  [...new Set(modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []))].toSorted()

/** What a package asks of those who copy it: to repeat its licence. */
const noticeOf = (directory: string): string => {
  const { license, name, version } = JSON.parse(readFileSync(path.join(directory, "package.json"), "utf8"))
  const file = readdirSync(directory).find((file) => /^licen[cs]e/i.test(file))
  if (file === undefined) throw new Error(`${name} is in the bundle, and has no file with its licence`)
  return `${name} ${version} (${license})\n\n${readFileSync(path.join(directory, file), "utf8").trim()}\n`
}

/**
 * The parts of packages that other parts import and the command never calls, with what is imported from them: it has no
 * `--wizard` and no other prompts, searches no directories, takes no uploads, and opens no WebSocket.
 */
const unused = new Map([
  ["effect/cli/internal/wizard", "run, renderIntroduction, renderCompletion, renderQuit"],
  ["effect/cli/Prompt", "isPrompt, run, Theme, Toggle"],
  // The one that is called for every file system.
  ["effect/internal/glob", "make = () => undefined"],
  [
    "effect/http/Multipart",
    "limitsServices, makeChannel, MultipartError, schemaJson, schemaPersisted, toPersisted, TypeId"
  ],
  ["@effect/platform-node/NodeMultipart", "persisted, stream"],
  // A server compresses nothing unless it is told to.
  ["ws/lib/permessage-deflate", "extensionName = \"permessage-deflate\"\nexport default undefined"]
])
const leftOut = new Set<string>()

const bundle = await rolldown({
  input: program,
  platform: "node",
  treeshake: { moduleSideEffects: false, propertyReadSideEffects: false },
  plugins: [{
    name: "command",
    // The page of the simulator is in the package already.
    resolveId: (source) => source === "./page.ts" ? { id: "../Simulator/control/page.js", external: true } : undefined,
    load: (id) => {
      const part = /[^/]*node_modules\/(.*)\.js$/.exec(id)?.[1]?.replace("/dist/", "/") ?? ""
      const names = unused.get(part)
      if (names !== undefined) {
        leftOut.add(part)
        return `export let ${names}`
      }
      const isModule = id.startsWith(path.join(root, "src/")) && id !== program
      return isModule && id.endsWith(".ts") ? String(markPure(id, readFileSync(id, "utf8"))) : undefined
    }
  }],
  // What bundlers of browsers put there, Effect reads as environment variables.
  transform: { define: { "import.meta": "{}" } }
})
// Node starts a CommonJS module sooner than an ES module. The notices of licences are in a file of their own.
const { output } = await bundle.generate({ format: "cjs", minify: true, comments: false, codeSplitting: false })
const [{ code, imports, moduleIds }] = output
const moved = [...unused.keys()].filter((part) => !leftOut.has(part))
if (moved.length > 0) throw new Error(`The command does not import ${moved.join(" and ")}`)

const missing = imports.filter((name) => !name.startsWith("node:"))
if (missing.length > 0) throw new Error(`The bundle of the command lacks ${missing.join(", ")}`)

mkdirSync(directory, { recursive: true })
writeFileSync(path.join(directory, "main.cjs"), code)
writeFileSync(path.join(directory, "LICENSES.txt"), packagesOf(moduleIds).map(noticeOf).join(`\n${"-".repeat(80)}\n\n`))
copyFileSync(path.join(root, "src/cli/launcher.cjs"), path.join(directory, "launcher.cjs"))
chmodSync(path.join(directory, "launcher.cjs"), 0o755)
