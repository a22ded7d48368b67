/** What the site is built from. `npm run docs:site` builds it, and fails if a link is dead. */
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { assert, beforeAll, describe, it } from "vitest"
import { deadLinks } from "../docs/.vitepress/deadLinks.ts"
import { groups, pageOf, translationOf } from "../docs/.vitepress/sidebar.ts"
import { publicExports } from "../scripts/publicExports.ts"
import { reference } from "../scripts/reference.ts"

const root = path.join(import.meta.dirname, "..")

describe("the sidebar", () => {
  const pages = globSync(["*.md", "docs/**/*.md"], { cwd: root })
  const listed = groups.flatMap(({ pages }) => pages.map(([source]) => source))

  it("lists every page once", () => {
    const translations = listed.map(translationOf).filter((source) => pages.includes(source))
    assert.isNotEmpty(translations)
    assert.sameMembers([...listed, ...translations], pages)
  })

  it("gives each page an address of its own", () => {
    const addresses = pages.map(pageOf)
    assert.strictEqual(new Set(addresses).size, pages.length)
    assert.includeMembers(addresses, ["index.md", "zh/index.md", "cas.md", "zh/going-live.md", "contributing.md"])
  })
})

describe("the reference", () => {
  let pages: ReadonlyMap<string, string>
  let sources: ReadonlyArray<string>
  beforeAll(() => {
    const written = reference()
    pages = written.pages
    sources = written.sources
  }, 120_000)

  const entryOf = (module: string, name: string) =>
    pages.get(`reference/${module}.md`)?.split(/^(?=###? )/m).find((entry) => entry.startsWith(`### ${name} {`)) ?? ""

  it("has every value that the modules export", async () => {
    const modules = globSync("[A-Z]*.ts", { cwd: path.join(root, "src") }).map((file) => path.basename(file, ".ts"))
    assert.isAbove(modules.length, 30)
    const internal = ["LarkError.isTokenRejected"]
    for (const module of modules) {
      const names = Object.keys(await import(`../src/${module}.ts`)).filter((name) =>
        !internal.includes(`${module}.${name}`)
      )
      assert.deepStrictEqual(names.filter((name) => !entryOf(module, name).includes("```ts\n")), [], module)
    }
  })

  it("has every declaration, with its documentation, its stability and its line", () => {
    const exported = publicExports(path.join(root, "src")).filter(({ docstring }) => !docstring.includes("@internal"))
    assert.isAbove(exported.length, 500)
    const missing = exported.filter(({ docstring, file, line, module, name }) => {
      const entry = entryOf(module, name)
      const [, sentence = ""] = /^\*\s+(?:\* )?(.*)/.exec(docstring) ?? []
      const [, stability = ""] = /@stability (\w+)/.exec(docstring) ?? []
      return sentence === "" || !entry.includes(sentence) ||
        !entry.includes(`${stability} · [src/${file}:${line}](../src/${file.replace(/\.ts$/, ".md")}#line-${line})`)
    })
    assert.deepStrictEqual(missing.map(({ module, name }) => `${module}.${name}`), [])
    assert.sameMembers([...sources], [...new Set(exported.map(({ file }) => file))])
  })

  it("has the types that the compiler infers, and the base of a class", () => {
    assert.include(entryOf("MeetingId", "make"), "const make: (text: string) => MeetingId")
    assert.include(entryOf("LarkError", "NoPermission"), "class NoPermission extends ErrorClass<ApiError<")
    assert.include(entryOf("Cas", "Policy"), "const make: <A = unknown, E1 = never")
    assert.notMatch([...pages.values()].join("\n"), /import\("\.|_base: (?!new\b)/)
  })

  it("links the classes of the errors with which an operation fails", () => {
    const errors = (module: string, name: string) => /^\*\*Errors\*\*: (.*)$/m.exec(entryOf(module, name))?.[1] ?? ""
    assert.include(errors("Meetings", "end"), "[`OperatorNotInMeeting`](LarkError.md#LarkError.OperatorNotInMeeting)")
    assert.include(errors("Meetings", "end"), "every [`GenericError`](LarkError.md#LarkError.GenericError)")
    assert.notInclude(errors("Meetings", "end"), "TargetNotInMeeting")
    assert.include(errors("Meetings", "SetHostError"), "[`CasExhausted`](Cas.md#Cas.Exhausted)")
    assert.include(errors("LarkError", "GenericError"), "`TokenRejected`")
    assert.strictEqual(errors("MeetingUser", "openId"), "")
  })
})

it("a dead link of the built site is found", () => {
  const site = mkdtempSync(path.join(tmpdir(), "site-"))
  try {
    mkdirSync(path.join(site, "zh"))
    writeFileSync(
      path.join(site, "index.html"),
      `<h2 id="有">x</h2><a href="/b/zh/#x"></a><a href="/b/zh/#%E6%97%A0"></a>`
    )
    writeFileSync(
      path.join(site, "zh/index.html"),
      `<p id="x"></p><a href="../index.html#有"></a><a href="./gone.html"></a><img src="/b/gone.svg"><a href="/"></a>` +
        `<a href="https://example.com/gone"></a>`
    )
    assert.deepStrictEqual([...deadLinks(site, "/b/")].toSorted(), [
      "index.html: /b/zh/#%E6%97%A0",
      "zh/index.html: ./gone.html",
      "zh/index.html: /",
      "zh/index.html: /b/gone.svg"
    ])
  } finally {
    rmSync(site, { recursive: true, force: true })
  }
})
