import { assert, it } from "@effect/vitest"
import { LarkError } from "effect-lark-meetings"
import { readdirSync, readFileSync } from "node:fs"
import { errorsPage } from "../scripts/errors-page.ts"

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8")

it("the program in the README is examples/01-set-host.ts", () => {
  const program = /```ts\n([\s\S]*?)```/.exec(read("README.md"))?.[1]
  assert.strictEqual(program, read("examples/01-set-host.ts"))
})

it("the README links every numbered example", () => {
  const readme = read("README.md")
  const numbered = readdirSync(new URL("../examples", import.meta.url)).filter((name) => /^\d/.test(name))
  assert.isAbove(numbered.length, 0)
  assert.deepStrictEqual(numbered.filter((name) => !readme.includes(`examples/${name}`)), [])
})

it("docs/errors.md is generated from the code table", () => {
  assert.strictEqual(read("docs/errors.md"), errorsPage(LarkError.table))
})
