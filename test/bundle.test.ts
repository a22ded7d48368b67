/**
 * What an application carries of this library, with Effect left out: only what it uses, and little.
 */
import { build } from "esbuild"
import * as path from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"

const root = path.join(import.meta.dirname, "..")

/** The bundle of a program, and the modules that it holds something of. */
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
    write: false
  })
  const modules = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([name, { bytesInOutput }]) => bytesInOutput > 0 ? [name] : [])
  )
  return {
    bytes: gzipSync(file?.contents ?? "").byteLength,
    modules: modules.filter((name) => name.startsWith("src/")).map((name) => name.slice("src/".length)).sort()
  }
}

const moveHost = `
  import { Effect, Redacted } from "effect"
  import { Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"

  const program = Meetings.setHost(MeetingId.make("6911188411932033028"), MeetingUser.openId("ou_bob"))
  export default program.pipe(Effect.provide(Lark.layer({ appId: "cli_a", appSecret: Redacted.make("secret") })))
`

describe("a bundle", () => {
  it("that moves a host has at most 25 kB of this library, compressed", async () => {
    const { bytes } = await bundle(moveHost)
    expect(bytes).toBeGreaterThan(1_000)
    expect(bytes).toBeLessThanOrEqual(25_000)
  })

  it.each([
    ["the layer and an operation", moveHost],
    ["an operation", `import { Meetings } from "effect-lark-meetings"; export default Meetings.get`]
  ])("of %s has nothing of the simulator, of logins and of events", async (_, program) => {
    const { modules } = await bundle(program)
    expect(modules).toContain("Meetings.ts")
    expect(modules.filter((name) => /Simulator|OAuth|Webhook|Event/.test(name))).toEqual([])
  })

  it("of the engine has nothing of the platform", async () => {
    const { modules } = await bundle(`import { Cas } from "effect-lark-meetings"; export default Cas.run`)
    expect(modules).toContain("Cas/run.ts")
    expect(modules.filter((name) => !name.startsWith("Cas"))).toEqual([])
  })

  it("of one module is that module", async () => {
    const { modules } = await bundle(`import { MeetingId } from "effect-lark-meetings"; export default MeetingId.make`)
    expect(modules).toEqual(["MeetingId.ts"])
  })
})
