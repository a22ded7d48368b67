/** The tests that the pages name exist. */
import { globSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { assert, describe, it } from "vitest"

const root = path.join(import.meta.dirname, "..")

const read = (file: string) => readFileSync(path.join(root, file), "utf8")

/** A test file followed by the title of a test, in quotes. */
const named = globSync("docs/*.md", { cwd: root }).flatMap((page) =>
  Array.from(
    read(page).matchAll(/`(test\/[\w./]+\.ts)` "([^"]+)"/g),
    ([, file = "", title = ""]) => ({ page, file, title })
  )
)

describe("the pages", () => {
  it("name tests that exist", () => {
    assert.isAbove(named.length, 40)
    assert.deepStrictEqual(
      named.filter(({ file, title }) => !read(file).includes(JSON.stringify(title))).map(({ file, page, title }) =>
        `${page}: ${file} "${title}"`
      ),
      []
    )
  })
})
