/**
 * What contributors and releases rely on: the lockfile, the changelog, the workflows, the paths of the pages for
 * contributors and agents.
 */
import { existsSync, globSync, readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"
import { parse } from "yaml"

const root = new URL("..", import.meta.url)
const read = (file: string) => readFileSync(new URL(file, root), "utf8")
const manifest = JSON.parse(read("package.json"))

describe("package-lock.json", () => {
  interface Entry {
    readonly integrity?: string
    readonly optional?: boolean
    readonly resolved?: string
  }
  const entries: ReadonlyArray<readonly [string, Entry]> = Object.entries(
    JSON.parse(read("package-lock.json")).packages
  )
  const installed = entries.filter(([name]) => name !== "").map(([name, entry]) =>
    [name.replace(/^.*node_modules\//, ""), entry] as const
  )

  // Programs for other platforms, which the registry does not serve here. The rest has an integrity.
  const platforms = {
    "@dprint/":
      "android-arm64 android-x64 darwin-arm64 darwin-x64 linux-arm64-glibc linux-arm64-musl linux-loong64-glibc " +
      "linux-loong64-musl linux-ppc64-glibc linux-ppc64-musl linux-riscv64-glibc win32-arm64 win32-x64",
    "@effect/tsgo-": "darwin-arm64 darwin-x64 linux-arm linux-arm64 win32-arm64 win32-x64"
  }
  const notServed = Object.entries(platforms).flatMap(([prefix, names]) =>
    names.split(" ").map((name) => `${prefix}${name}`)
  )

  it("has an integrity for every package that is served", () => {
    assert.isAbove(installed.length, 400)
    const without = installed.filter(([, { integrity }]) => integrity === undefined)
    assert.deepStrictEqual(without.filter(([name, { optional }]) => !notServed.includes(name) || optional !== true), [])
    const weak = installed.filter(([, { integrity }]) => integrity?.startsWith("sha512-") === false)
    assert.deepStrictEqual(weak, [])
  })

  it("names no registry", () => {
    assert.deepStrictEqual(installed.filter(([, { resolved }]) => resolved !== undefined), [])
  })
})

it("CHANGELOG.md begins with the version of the package", () => {
  assert.strictEqual(/^## (\S+)$/m.exec(read("CHANGELOG.md"))?.[1], manifest.version)
})

describe("the workflow", () => {
  interface Job {
    readonly permissions?: Readonly<Record<string, string>>
    readonly steps: ReadonlyArray<{ readonly run?: string; readonly uses?: string }>
  }
  interface Workflow {
    readonly on: object
    readonly permissions: Readonly<Record<string, string>>
    readonly jobs: Readonly<Record<string, Job>>
  }
  const workflows = globSync(".github/workflows/*.yml", { cwd: root }).toSorted().map((file) => {
    const workflow: Workflow = parse(read(file))
    const runs = Object.values(workflow.jobs).flatMap(({ steps }) => steps).flatMap(({ run = "" }) => run.split("\n"))
    return { file, text: read(file), workflow, runs }
  })
  const named = (name: string) => {
    const found = workflows.find(({ file }) => file.endsWith(name))
    assert(found !== undefined)
    return found
  }

  it.each(workflows)("$file runs commands that exist, reads the repository only, and has no secret", (each) => {
    const scripts = each.runs.flatMap((line) => /^npm run (\S+)/.exec(line)?.slice(1) ?? [])
    assert.deepStrictEqual(scripts.filter((script) => !Object.hasOwn(manifest.scripts, script)), [])
    const files = each.runs.filter((line) => line.startsWith(".")).map((line) => line.split(" ")[0] ?? "")
    assert.deepStrictEqual(files.filter((file) => !existsSync(new URL(file, root))), [])
    assert.deepStrictEqual(each.workflow.permissions, { contents: "read" })
    assert.notMatch(each.text, /secrets\.|TOKEN|https?:/)
  })

  it("ci.yml runs the gate", () => {
    assert.include(named("ci.yml").runs, ".ci/run")
  })

  it("release.yml checks before it publishes, with provenance and without a token", () => {
    const { runs, workflow } = named("release.yml")
    assert.deepStrictEqual(workflow.jobs["publish"]?.permissions, { "contents": "read", "id-token": "write" })
    assert.deepStrictEqual(runs.slice(-2), ["npm run check", "npm publish --provenance"])
    // npm refuses the provenance of a package without `repository`.
    assert.isUndefined(manifest.publishConfig.provenance)
  })
})

const words = (text: string) => Array.from(text.matchAll(/`([^`]+)`/g), ([, word = ""]) => word)

it.each(["CONTRIBUTING.md", "SECURITY.md", "AGENTS.md"])("%s names files that exist", (name) => {
  const page = read(name)
  const commands = Array.from(page.matchAll(/```sh\n([\s\S]*?)```/g), ([, block = ""]) => block.split(/\s+/)).flat()
  const paths = [...words(page.replaceAll(/```[\s\S]*?```/g, "")), ...commands]
    .filter((word) => /^[\w.-]*\/[\w./-]+$|^[\w-]+\.md$/.test(word) && !/Foo|^effect/.test(word))
  assert.isNotEmpty(paths)
  assert.deepStrictEqual(paths.filter((path) => !existsSync(new URL(path, root))), [])
})

it("CONTRIBUTING.md says what is in the files of a change", () => {
  const items = read("CONTRIBUTING.md").split(/\n(?=\d+\. )|\n\n/)
    .filter((item) => /^\d+\. `[\w./-]+\.(?:ts|md)`/.test(item))
  assert.isAbove(items.length, 20)
  const missing = items.flatMap((item) => {
    const [file = "", ...names] = words(item)
    const quoted = Array.from(item.replaceAll(/\s+/g, " ").matchAll(/\("([^"]+)"\)/g), ([, title = ""]) => title)
    return [...names, ...quoted]
      .filter((name) => !/^(npm|npx|@|\w+\/)/.test(name) && !read(file).includes(name))
      .map((name) => `${file}: ${name}`)
  })
  assert.deepStrictEqual(missing, [])
})
