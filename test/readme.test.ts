import { assert, it } from "@effect/vitest"
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs"
import { errorsPage } from "../scripts/errors-page.ts"

const root = new URL("..", import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), "utf8")

const pages = globSync(["*.md", "docs/**/*.md"], { cwd: root })
const fence = /```.*\n([\s\S]*?)```\n/g
const proseOf = (page: string) => read(page).replaceAll(fence, "")
const linksOf = (page: string, text = proseOf(page)) =>
  Array.from(text.matchAll(/\]\(([^)]+)\)/g), ([, link = ""]) => new URL(link, new URL(page, root)).href)

it("the program in the README is examples/01-set-host.ts", () => {
  const program = /```ts\n([\s\S]*?)```/.exec(read("README.md"))?.[1]
  assert.strictEqual(program, read("examples/01-set-host.ts"))
})

it("the test on docs/testing.md is the one that a project runs which installs the package", () => {
  const spec = /```ts ignore\n([\s\S]*?)```/.exec(read("docs/testing.md"))?.[1]
  assert.strictEqual(spec, read("test/consumers/vitest/delegate.spec.ts"))
})

it("every figure is shown by a page", () => {
  const figures = readdirSync(new URL("docs/figures", root)).map((name) => new URL(`docs/figures/${name}`, root).href)
  const shown = new Set(pages.flatMap((page) => linksOf(page)))
  assert.deepStrictEqual(figures.filter((figure) => !shown.has(figure)), [])
})

it("the README links every numbered example", () => {
  const readme = read("README.md")
  const numbered = readdirSync(new URL("examples", root)).filter((name) => /^\d/.test(name))
  assert.isAbove(numbered.length, 0)
  assert.deepStrictEqual(numbered.filter((name) => !readme.includes(`examples/${name}`)), [])
})

/** The parts of a page that a translation keeps. */
const untranslated = (page: string) => ({
  code: Array.from(read(page).matchAll(fence), ([block]) => block.replaceAll(/ *(?:#|\/\/|\/\*\*) .*/g, "")),
  // By paragraph and by row of a table, in order; the order within a block may differ.
  blocks: proseOf(page).split(/\n(?=\n|\|)/).map((block) => ({
    names: block.match(/`[^`]+`|\d+(?:\.\d+)?/g)?.toSorted(),
    links: linksOf(page, block).filter((link) => !/README/.test(link)).map((link) => link.replace(/\.zh-CN|#.*/g, ""))
      .toSorted()
  }))
})

const translations = [
  ["README.md", "docs/README.zh-CN.md"],
  ...globSync(["docs/*.zh-CN.md", "docs/guides/*.zh-CN.md"], { cwd: root })
    .filter((page) => !/README/.test(page))
    .map((page) => [page.replace(".zh-CN", ""), page] as const)
] as const

it.each(translations)("%s in Chinese has its code, names, numbers and links", (page, translation) => {
  assert.deepStrictEqual(untranslated(translation), untranslated(page))
})

it.each(translations)("%s and its translation begin with a link to each other", (page, translation) => {
  const hrefOf = (page: string) => new URL(page, root).href
  assert.strictEqual(linksOf(page)[0], hrefOf(translation))
  assert.strictEqual(linksOf(translation)[0], hrefOf(page))
})

it.each(translations)("%s in Chinese links Chinese pages where there are any", (_, translation) => {
  const hrefs = translations.map(([page]) => new URL(page, root).href)
  const links = linksOf(translation).slice(1).map((link) => link.replace(/#.*/, ""))
  assert.deepStrictEqual(links.filter((link) => hrefs.includes(link)), [])
})

it("every test that the README names exists", () => {
  const tests = Array.from(read("README.md").matchAll(/`(test\/[\w.]+)`/g), ([, file = ""]) => file)
  assert.isAbove(tests.length, 10)
  assert.deepStrictEqual(tests.filter((file) => !existsSync(new URL(file, root))), [])
})

it.each(
  [["README.md", 150], ...globSync("docs/guides/*.md", { cwd: root }).map((page) => [page, 90] as const)] as const
)(
  "%s has at most %d lines",
  (page, most) => assert.isAtMost(read(page).trimEnd().split("\n").length, most)
)

it("every link in the documentation points to a file", () => {
  const files = pages.flatMap((page) => linksOf(page)).filter((link) => link.startsWith("file:"))
  assert.isAbove(files.length, 0)
  assert.deepStrictEqual(files.filter((file) => !existsSync(new URL(file))), [])
})

it("every anchor in the documentation is a heading of its page", () => {
  const slugOf = (heading: string) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  const anchors = pages.flatMap((page) => linksOf(page)).filter((link) => /^file:.*\.md#/.test(link))
  assert.isAbove(anchors.length, 5)
  const missing = anchors.filter((link) => {
    const headings = readFileSync(new URL(link), "utf8").replaceAll(fence, "").matchAll(/^#+ (.*)$/gm)
    const slugs = Array.from(headings, ([, heading = ""]) => `#${slugOf(heading)}`)
    return !slugs.includes(decodeURIComponent(new URL(link).hash))
  })
  assert.deepStrictEqual(missing, [])
})

it("every script that the documentation names exists", () => {
  const { scripts } = JSON.parse(read("package.json"))
  const names = pages.flatMap((page) => Array.from(read(page).matchAll(/npm run ([\w:-]+)/g), ([, name = ""]) => name))
  assert.isAbove(names.length, 0)
  assert.deepStrictEqual(names.filter((name) => !Object.hasOwn(scripts, name)), [])
})

it("docs/architecture.md lists the modules of src/", () => {
  const rows = proseOf("docs/architecture.md").match(/^\| `[^|]+/gm) ?? []
  const named = rows.join().matchAll(/`(\w+)\/?`/g)
  const modules = readdirSync(new URL("src", root)).map((entry) => entry.replace(".ts", ""))
  assert.sameMembers(
    [...new Set(Array.from(named, ([, module]) => module))],
    [...new Set(modules)].filter((module) => module !== "index")
  )
})

it("docs/errors.md is generated from the error classes", () => {
  assert.strictEqual(read("docs/errors.md"), errorsPage())
})
