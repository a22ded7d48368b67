/**
 * Which module may import which.
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

  it("leave each other's private parts alone", () => {
    assert.deepStrictEqual(crossing((_, to, target) => isPrivate(target) && to !== "internal"), [])
  })

  it("do not know the simulator, nor does it know them", () => {
    assert.deepStrictEqual(crossing((from, to) => from === "Simulator" || to === "Simulator"), [])
  })

  it("keep the engine generic", () => {
    assert.deepStrictEqual(crossing((from) => from === "Cas"), [])
  })
})
