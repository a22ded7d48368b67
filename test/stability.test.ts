/** The stability of every export, and the page about it. */
import { readFileSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "vitest"
import { publicExports } from "../scripts/publicExports.ts"

const root = path.join(import.meta.dirname, "..")
const exported = publicExports(path.join(root, "src")).filter(({ docstring }) => !docstring.includes("@internal"))
const tagsOf = (docstring: string) => Array.from(docstring.matchAll(/@stability (.*)/g), ([, tag = ""]) => tag)

describe("every export", () => {
  it("is found", () => {
    assert.isAbove(exported.length, 450)
    const names = exported.map(({ module, name }) => `${module}.${name}`)
    assert.includeMembers(names, ["Cas.run", "Meetings.setHost", "Reserves.delete", "LarkError.NoPermission"])
  })

  it("has one stability", () => {
    const wrong = exported.filter(({ docstring }) => {
      const [tag = "", ...others] = tagsOf(docstring)
      return others.length > 0 || !["stable", "unstable", "experimental"].includes(tag)
    })
    assert.deepStrictEqual(wrong.map(({ file, name }) => `src/${file}: ${name}`), [])
  })
})

it("docs/stability.md says of every module what its exports say", () => {
  const namesIn = (cell = "") => Array.from(cell.matchAll(/`(\w+)`/g), ([, name = ""]) => name)
  const rows = readFileSync(path.join(root, "docs/stability.md"), "utf8").matchAll(
    /^\| ([^|]+) \| (stable|unstable|experimental) \|([^|]*)\|/gm
  )
  const said = Array.from(rows).flatMap(([, modules, stability, except]) =>
    namesIn(modules).map((module) => [module, { stability, except: namesIn(except).toSorted() }] as const)
  )
  assert.sameMembers(said.map(([module]) => module), [...new Set(exported.map(({ module }) => module))])
  for (const [name, { except, stability }] of said) {
    const others = exported.filter(({ docstring, module }) => module === name && tagsOf(docstring)[0] !== stability)
    assert.deepStrictEqual([...new Set(others.map(({ name }) => name))].toSorted(), except, name)
  }
})
