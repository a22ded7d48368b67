/** Bundles the command with all that it imports, so that it runs without any other package. */
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { rolldown } from "rolldown"

const root = path.join(import.meta.dirname, "..")
const directory = path.join(root, "dist/cli")

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

const bundle = await rolldown({
  input: path.join(root, "src/cli/main.ts"),
  platform: "node",
  treeshake: { moduleSideEffects: false },
  // What bundlers of browsers put there, Effect reads as environment variables.
  transform: { define: { "import.meta": "{}" } }
})
// Node starts a CommonJS module sooner than an ES module.
const { output } = await bundle.generate({ format: "cjs", minify: true, codeSplitting: false })
const [{ code, imports, moduleIds }] = output

const missing = imports.filter((name) => !name.startsWith("node:"))
if (missing.length > 0) throw new Error(`The bundle of the command lacks ${missing.join(", ")}`)

mkdirSync(directory, { recursive: true })
writeFileSync(path.join(directory, "main.cjs"), code)
writeFileSync(path.join(directory, "LICENSES.txt"), packagesOf(moduleIds).map(noticeOf).join(`\n${"-".repeat(80)}\n\n`))
copyFileSync(path.join(root, "src/cli/launcher.cjs"), path.join(directory, "launcher.cjs"))
chmodSync(path.join(directory, "launcher.cjs"), 0o755)
