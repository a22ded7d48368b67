/**
 * The rules of imports between modules.
 */
import { globSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "vitest"

const src = path.join(import.meta.dirname, "../src")

const imports = globSync("**/*.ts", { cwd: src }).flatMap((file) =>
  Array.from(
    readFileSync(path.join(src, file), "utf8").matchAll(/^(?:import|export|\} from) ?.*"(\.[^"]+)"$/gm),
    ([, target = ""]) => ({ file, target: path.join(path.dirname(file), target) })
  )
)

/** `Foo.ts` and `Foo/` are one module. */
const moduleOf = (file: string) => (file.split(path.sep)[0] ?? "").replace(/\.ts$/, "")

const isPrivate = (file: string) => file.includes(path.sep)

const crossing = (isForbidden: (from: string, to: string, target: string) => boolean) =>
  imports
    .filter(({ file, target }) => moduleOf(file) !== moduleOf(target))
    .filter(({ file, target }) => isForbidden(moduleOf(file), moduleOf(target), target))
    .map(({ file, target }) => `${file} imports ${target}`)

describe("the modules of src", () => {
  it("import each other", () => {
    assert.isAbove(imports.length, 300)
  })

  it("import no private part of another module", () => {
    assert.deepStrictEqual(crossing((_, to, target) => isPrivate(target) && to !== "internal"), [])
  })

  it("depend on each other in the order of the walk, never upwards", () => {
    const walk = ["Lark.ts", "Meetings.ts", "LarkHttp.ts", "TenantToken.ts", "LarkConfig.ts"]
    const reachable = (from: string, found = new Set<string>()): ReadonlySet<string> => {
      for (const { file, target } of imports) {
        if (file === from && !found.has(target)) reachable(target, found.add(target))
      }
      return found
    }
    for (const [index, file] of walk.entries()) {
      assert.deepStrictEqual(walk.filter((other) => reachable(file).has(other)), walk.slice(index + 1))
    }
  })

  it("are independent of the simulator, and it of them", () => {
    assert.deepStrictEqual(
      crossing((from, to) => from === "Simulator" || (to === "Simulator" && from !== "cli")),
      []
    )
  })

  it("import no command", () => {
    assert.deepStrictEqual(crossing((_, to) => to === "cli"), [])
  })

  it("are not imported by the engine", () => {
    assert.deepStrictEqual(crossing((from) => from === "Cas"), [])
  })
})
