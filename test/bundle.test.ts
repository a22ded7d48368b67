/**
 * The bundle size of an application without Effect, and the modules that an application loads without a bundler.
 */
import { build } from "esbuild"
import { readFileSync } from "node:fs"
import * as path from "node:path"
import { gzipSync } from "node:zlib"
import { rolldown } from "rolldown"
import { describe, expect, it } from "vitest"
import { markPure } from "../scripts/markPure.ts"

const root = path.join(import.meta.dirname, "..")

/** The size of the bundle of a program, and the modules in it. */
const bundle = async (program: string) => {
  const { metafile, outputFiles: [file] } = await build({
    stdin: { contents: program, resolveDir: root, loader: "ts" },
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["effect", "effect/*"],
    metafile: true,
    write: false,
    // As the build does before it publishes.
    plugins: [{
      name: "pure",
      setup: (build) => {
        build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path: file }) => ({
          contents: markPure(file, readFileSync(file, "utf8")).toString(),
          loader: "ts"
        }))
      }
    }]
  })
  const modules = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([name, { bytesInOutput }]) => bytesInOutput > 0 ? [name] : [])
  )
  return {
    bytes: gzipSync(file?.contents ?? "").byteLength,
    modules: modules.filter((name) => name.startsWith("src/")).map((name) => name.slice("src/".length)).sort()
  }
}

/** The modules that Node loads with a program, used or not. */
const loadedWith = async (program: string) => {
  const { metafile } = await build({
    stdin: { contents: program, resolveDir: root, loader: "js" },
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    metafile: true,
    write: false
  })
  return Object.keys(metafile.inputs)
}

const moveHost = (imports: string) => `
  import { Effect, Redacted } from "effect"
  ${imports}

  const program = Meetings.setHost(MeetingId.make("6911188411932033028"), MeetingUser.openId("ou_bob"))
  export default program.pipe(Effect.provide(Lark.layer({ appId: "cli_a", appSecret: Redacted.make("secret") })))
`

const names = ["Lark", "MeetingId", "Meetings", "MeetingUser"]
const modules = names.map((name) => `import * as ${name} from "effect-lark-meetings/${name}"`).join("\n")
const fromModules = moveHost(modules)
// esbuild keeps every export of a namespace that is imported by name, the schemas of ids and users and the other operations
// on meetings among them.
const fromIndex = moveHost(`import { ${names.join(", ")} } from "effect-lark-meetings"`)

describe("a bundle", () => {
  it.each([
    ["its modules", fromModules, 24_800],
    ["the index", fromIndex, 30_000]
  ])("of setHost, imported from %s, stays within its size", async (_, program, most) => {
    const { bytes } = await bundle(program)
    expect(bytes).toBeGreaterThan(1_000)
    expect(bytes).toBeLessThanOrEqual(most)
  })

  it("of setHost, imported from the index by a bundler that drops what a namespace does not use, is as small", async () => {
    const entry = path.join(root, "entry.ts")
    const build = await rolldown({
      input: entry,
      external: /^effect(\/|$)/,
      treeshake: { moduleSideEffects: false },
      plugins: [{
        name: "pure",
        resolveId: (id) =>
          id === entry ? id : id === "effect-lark-meetings" ? path.join(root, "src/index.ts") : undefined,
        load: (id) =>
          id === entry ? fromIndex : id.endsWith(".ts") ? markPure(id, readFileSync(id, "utf8")).toString() : undefined
      }]
    })
    const { output: [{ code, modules }] } = await build.generate({ minify: true })
    expect(Object.keys(modules)).toContain(path.join(root, "src/Meetings.ts"))
    expect(gzipSync(code).byteLength).toBeLessThanOrEqual(24_000)
  })

  it("of one accessor is at most 500 bytes", async () => {
    const { bytes } = await bundle(
      `import * as Meetings from "effect-lark-meetings/Meetings"; export default Meetings.get`
    )
    expect(bytes).toBeLessThanOrEqual(500)
  })

  it.each([
    ["the layer and an operation", fromIndex],
    ["an operation", `import { Meetings } from "effect-lark-meetings"; export default Meetings.get`]
  ])("of %s contains no simulator, login or webhook", async (_, program) => {
    const { modules } = await bundle(program)
    expect(modules).toContain("Meetings.ts")
    expect(modules.filter((name) => /Simulator|OAuth|Webhook|Event|LongConnection/.test(name))).toEqual([])
  })

  it("of a long connection contains no other source of events, no operation and no engine", async () => {
    const { modules } = await bundle(
      `import { LongConnection } from "effect-lark-meetings"; export default LongConnection.layer`
    )
    expect(modules).toContain("LongConnection/frame.ts")
    expect(modules.filter((name) => /Simulator|Webhook|Meetings|Cas|OAuth|Token/.test(name))).toEqual([])
  })

  it("of a simulator without a port contains no control by HTTP", async () => {
    const { modules } = await bundle(
      `import * as Simulator from "effect-lark-meetings/Simulator"; export default Simulator.layer({})`
    )
    expect(modules).toContain("Simulator/controls.ts")
    expect(modules.filter((name) => /Simulator\/(control\/|Config|issues)/.test(name))).toEqual([])
  })

  it("of the codec of frames is smaller than 1 kB", async () => {
    const { bytes } = await bundle(`export { decode, encode } from "effect-lark-meetings/LongConnection/frame"`)
    expect(bytes).toBeLessThan(1_000)
  })

  it("of setHost contains no other operation", async () => {
    const { modules } = await bundle(fromModules)
    const others =
      /Contacts|Bot|Recordings|Reserves|Meetings\/(?:numbers|people|presence)|contact|Cas\/(?:maintain|rounds)/
    expect(modules).toContain("Meetings/hostRegister.ts")
    expect(modules.filter((name) => others.test(name))).toEqual([])
  })

  it.each([
    ["Bot.info", /^Bot/],
    ["Contacts.findByEmail", /^Contacts/],
    ["Recordings.ready", /^Recordings/],
    ["Reserves.apply", /^Reserves/],
    ["Meetings.listByNo", /^Meetings\/numbers/],
    ["Meetings.invite", /^Meetings\/people/]
  ])("of %s contains no other operation", async (accessor, own) => {
    const [module] = accessor.split(".")
    const { modules } = await bundle(
      `import * as ${module} from "effect-lark-meetings/${module}"; export default ${accessor}`
    )
    const operations = modules.filter((name) =>
      /^(?:Bot|Contacts|Recordings|Reserves|Meetings\/(?:numbers|people)|OAuth)\b|^Cas\/(?:run|Queue)/.test(name)
    )
    expect(operations.length).toBeGreaterThan(0)
    expect(operations.filter((name) => !own.test(name))).toEqual([])
  })

  it("of watch contains no engine but its rounds, and no set_host", async () => {
    const { modules } = await bundle(
      `import * as Meetings from "effect-lark-meetings/Meetings"; export default Meetings.watch`
    )
    expect(modules.filter((name) => name.startsWith("Cas"))).toEqual([
      "Cas/Policy.ts",
      "Cas/monotonic.ts",
      "Cas/rounds.ts"
    ])
  })

  it("of the engine contains no module of the platform", async () => {
    const { modules } = await bundle(`import { Cas } from "effect-lark-meetings"; export default Cas.run`)
    expect(modules).toContain("Cas/Operation.ts")
    expect(modules.filter((name) => !name.startsWith("Cas"))).toEqual([])
  })

  it("of one module contains that module and its imports only", async () => {
    const { modules } = await bundle(`import { MeetingId } from "effect-lark-meetings"; export default MeetingId.make`)
    expect(modules).toEqual(["MeetingId.ts", "internal/classified.ts", "internal/meetingNumber.ts"])
  })
})

describe("an import", () => {
  it("of the index loads no simulator", async () => {
    const loaded = await loadedWith(`import * as all from "effect-lark-meetings"; export default all`)
    expect(loaded).toContain("src/Webhook.ts")
    expect(loaded.filter((name) => name.includes("Simulator"))).toEqual([])
  })

  it("of the layer and the operations loads no rate limiter, store, webhook or simulator", async () => {
    const loaded = await loadedWith(modules)
    expect(loaded).toContain("src/Lark.ts")
    expect(
      loaded.filter((name) => /persistence|sql|socket|AppTicket|Seal|Webhook|Event|LongConnection|Simulator/.test(name))
    )
      .toEqual([])
  })
})
