/**
 * The result of `npm pack` is installed into a project of its own, compiled there and run.
 */
import * as fs from "node:fs"
import { SourceMap } from "node:module"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { configSchema } from "../scripts/config-schema.ts"
import { publicExports } from "../scripts/publicExports.ts"
import { effectExportsIn, isStable } from "./fixtures/effectStability.ts"
import { makeTemporary, pack, runIn } from "./fixtures/packed.ts"

const root = path.join(import.meta.dirname, "..")
const temporary = makeTemporary()
const consumer = path.join(temporary, "consumer")
const installed = path.join(consumer, "node_modules/effect-lark-meetings")
const run = runIn(temporary)
let tarball = ""

const write = (file: string, content: string | object) =>
  fs.writeFileSync(path.join(consumer, file), typeof content === "string" ? content : JSON.stringify(content))

const filesUnder = (directory: string, suffix: string) =>
  fs.readdirSync(path.join(installed, directory), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))

beforeAll(() => {
  tarball = pack(temporary)

  fs.mkdirSync(consumer)
  write("package.json", {
    type: "module",
    dependencies: {
      "effect": `file:${path.join(root, "node_modules/effect")}`,
      "effect-lark-meetings": `file:${tarball}`
    }
  })
  run(consumer, "npm", "install", "--offline", "--no-audit", "--no-fund")

  const modules = filesUnder("dist", ".js").filter((name) => !name.includes(path.sep) && name !== "index")
  write(
    "program.ts",
    `
      import * as Effect from "effect/Effect"
      import * as all from "effect-lark-meetings"
      import { Cas, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
      ${modules.map((name) => `import * as ${name}_ from "effect-lark-meetings/${name}"`).join("\n")}

      const alice = MeetingUser.openId("ou_alice")
      const bob = MeetingUser.openId("ou_bob")
      const program = Meetings.setHost(MeetingId.make("6911188411932033028"), Cas.handover(alice, bob))

      const modules = { ${modules.map((name) => `${name}: ${name}_`).join(", ")} }
      const apart = Object.entries(modules).filter(([name, module]) => module !== all[name as keyof typeof all])
      console.log(Effect.isEffect(program), apart.map(([name]) => name).join())
    `
  )
}, 300_000)

afterAll(() => fs.rmSync(temporary, { recursive: true, force: true }))

describe("the published package", () => {
  it("contains sources, build, documentation and examples only, in less than 900 kB", () => {
    const allowed = new RegExp(
      `^(${
        [
          /package\.json|LICENSE|(README|AGENTS|CHANGELOG|SECURITY)\.md|docs\/[\w/-]+\.(md|json)|examples\/[\w-]+\.ts/,
          /src\/(?!cli\/).+\.ts|dist\/.+\.(js|d\.ts)(\.map)?|dist\/simulator\.schema\.json/,
          /dist\/cli\/(launcher\.cjs|main\.cjs|LICENSES\.txt)/
        ].map(({ source }) => source).join("|")
      })$`
    )
    const files = fs.readdirSync(installed, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(installed, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"))
    expect(files.filter((file) => !allowed.test(file) || /\.test/.test(file))).toEqual([])
    expect(files).toContain("LICENSE")
    expect(files).toContain("dist/index.d.ts")
    expect(fs.statSync(tarball).size).toBeLessThan(900_000)
  })

  it("maps every export but those of the generated page, and its declaration, to its line in the sources", () => {
    const written = filesUnder("dist", ".map").filter((file) => file !== path.normalize("Simulator/control/page.js"))
    const unmapped = written.flatMap((file) => {
      const generated = path.join(installed, "dist", file)
      const map = new SourceMap(JSON.parse(fs.readFileSync(`${generated}.map`, "utf8")))
      return fs.readFileSync(generated, "utf8").split("\n").flatMap((line, index) => {
        const [, name] = /^export (?:declare )?(?:const|class|function|interface|type) (\w+)/.exec(line) ?? []
        if (name === undefined) return []
        const entry = map.findEntry(index, 0)
        if (!("originalSource" in entry)) return [`${file}: ${name}`]
        const source = path.join(path.dirname(generated), entry.originalSource)
        const original = fs.readFileSync(source, "utf8").split("\n")[entry.originalLine]
        return source.startsWith(path.join(installed, "src")) && original?.includes(name) ? [] : [`${file}: ${name}`]
      })
    })
    expect(filesUnder("dist", ".js.map").length).toBe(filesUnder("dist", ".js").length)
    expect(filesUnder("dist", ".d.ts.map").length).toBe(filesUnder("dist", ".d.ts").length)
    expect(unmapped).toEqual([])
  })

  it("declares every export except what is internal", () => {
    const namesIn = (directory: string) => {
      const all = publicExports(directory)
      const internal = all.filter(({ docstring }) => docstring.includes("@internal"))
      const rest = all.filter((each) => !internal.includes(each))
      return [internal, rest].map((some) => new Set(some.map(({ module, name }) => `${module}.${name}`)))
    }
    const [internal, exported] = namesIn(path.join(root, "src"))
    expect(internal).toContain("LarkError.isTokenRejected")
    expect(namesIn(path.join(installed, "dist"))).toEqual([new Set(), exported])
  })

  it("names in stable exports no unstable type of Effect, except for services that layers require", () => {
    const services = [
      "FileSystem.FileSystem",
      "Path.Path",
      "http/HttpClient.HttpClient",
      "http/HttpRouter.HttpRouter",
      "http/HttpServer.HttpServer",
      "persistence/KeyValueStore.KeyValueStore",
      "persistence/Persistence.BackingPersistence",
      "persistence/RateLimiter.RateLimiter",
      "persistence/Redis.Redis",
      "sql/SqlClient.SqlClient"
    ]
    const dist = path.join(installed, "dist")
    const named = publicExports(dist)
      .filter(({ docstring }) => docstring.includes("@stability stable"))
      .flatMap((each) => effectExportsIn(dist, each).map((path) => ({ by: `${each.module}.${each.name}`, path })))
    expect(named.length).toBeGreaterThan(400)
    const unstable = named.filter(({ path }) => !isStable(path))
    expect(services.filter((service) => !unstable.some(({ path }) => path === service))).toEqual([])
    expect(unstable.filter(({ path }) => !services.includes(path))).toEqual([])
  })

  it("contains every file that its documentation links, except pictures, translations and what is for contributors", () => {
    const pages = ["README.md", ...filesUnder("docs", ".md").map((name) => `docs/${name}.md`)]
    const leftOut = /^docs\/figures\/|\.zh-CN\.md$|^CONTRIBUTING\.md$/
    const links = pages.flatMap((page) =>
      Array.from(
        fs.readFileSync(path.join(installed, page), "utf8").matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g),
        ([, link = ""]) => path.join(path.dirname(page), link)
      )
    )
    expect(links).toContain("examples/02-errors-by-tag.ts")
    expect(links.filter((link) => !leftOut.test(link) && !fs.existsSync(path.join(installed, link)))).toEqual([])
    expect(links.filter((link) => !fs.existsSync(path.join(root, link)))).toEqual([])
  })

  it("contains the JSON Schema of the simulator's config", () => {
    const published = fs.readFileSync(path.join(installed, "dist/simulator.schema.json"), "utf8")
    expect(JSON.parse(published)).toEqual(configSchema())
  })

  it("has `effect` as its only dependency", () => {
    const manifest = JSON.parse(fs.readFileSync(path.join(installed, "package.json"), "utf8"))
    expect(manifest.dependencies).toBeUndefined()
    expect(Object.keys(manifest.peerDependencies)).toEqual(["effect"])
  })

  // With the module resolution of bundlers: `consumers.test.ts`.
  it("compiles in a project with NodeNext, its declarations included", { timeout: 300_000 }, () => {
    write("tsconfig.json", {
      compilerOptions: {
        module: "NodeNext",
        target: "ES2022",
        lib: ["ES2022", "DOM", "DOM.Iterable"],
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true
      },
      files: ["program.ts"]
    })
    run(consumer, process.execPath, path.join(root, "node_modules/typescript/bin/tsc"))
  })

  it("has types that declarations of other packages can name", { timeout: 300_000 }, () => {
    const names = ["Lark", "LarkHttp", "Meetings", "TenantToken"]
    write(
      "copies.ts",
      `
        ${names.map((name) => `import * as ${name} from "effect-lark-meetings/${name}"`).join("\n")}
        export const copies = { ${names.map((name) => `...${name}`).join(", ")} }
      `
    )
    write("tsconfig.json", {
      compilerOptions: {
        module: "NodeNext",
        target: "ES2022",
        types: [],
        strict: true,
        skipLibCheck: true,
        declaration: true,
        emitDeclarationOnly: true
      },
      files: ["copies.ts"]
    })
    run(consumer, process.execPath, path.join(root, "node_modules/typescript/bin/tsc"))
    const named = fs.readFileSync(path.join(consumer, "copies.d.ts"), "utf8").match(/"effect-lark-meetings\/[^"]+"/g) ??
      []
    expect(named).toContain(`"effect-lark-meetings/LarkError"`)
    expect(named.filter((name) => name.split("/").length > 2)).toEqual([])
  })

  it("runs, and every module except the cluster, requests and the simulator is the same by its own path and in the index", () => {
    expect(run(consumer, process.execPath, "program.ts").trim()).toBe("true Cluster,Requests,Simulator")
  })

  it("exports no private module", () => {
    const inner = filesUnder("dist", ".js").filter((name) => name.includes(path.sep))
    const closed = [...inner, "index"].map((name) => `effect-lark-meetings/${name.replaceAll(path.sep, "/")}`)
    write(
      "private.js",
      `for (const path of ${JSON.stringify(closed)}) {
        try { console.log(import.meta.resolve(path)) }
        catch (error) { if (error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw error }
      }`
    )
    expect(run(consumer, process.execPath, "private.js")).toBe("")
  })
})
