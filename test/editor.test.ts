/**
 * What an editor shows: the documentation of every accessor, no internal names, and the values of a setting in the message
 * about a wrong one.
 */
import { globSync, readFileSync } from "node:fs"
import * as path from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { start } from "./fixtures/languageServer.ts"

const src = path.join(import.meta.dirname, "../src")

interface Documented {
  /** The file, from `src`. */
  readonly file: string
  readonly name: string
  readonly docstring: string
  readonly isFunction: boolean
}

/** The exports of `src` with their docstrings; an overload counts as an export. */
const exported = globSync("**/*.ts", { cwd: src }).flatMap((file) => {
  const text = readFileSync(path.join(src, file), "utf8")
  /** A reserved word is a name only to others. */
  const names = new Map(
    Array.from(text.matchAll(/^export \{ (\w+_) as (\w+) \}$/gm), ([, inside = "", outside = ""]) => [inside, outside])
  )
  return Array.from(
    text.matchAll(
      /^\/\*\*\n((?: \*[^\n]*\n)+?) \*\/\n(export )?(?:declare )?(const|function|class|interface|type) (\w+)/gm
    ),
    ([, docstring = "", keyword, kind, name = ""]) => ({
      file,
      name: names.get(name) ?? name,
      docstring,
      isFunction: kind === "function",
      isExported: keyword !== undefined || names.has(name)
    })
  ).filter(({ isExported }): boolean => isExported)
})

const moduleOf = (file: string) => (file.split(path.sep)[0] ?? "").replace(/\.ts$/, "")

/** The text up to the first full stop. */
const sentenceOf = (docstring: string): string =>
  /^[^.]+\./.exec(docstring.replaceAll(/^ \* ?/gm, "").replaceAll("\n", " "))?.[0] ?? ""

const accessors = exported.filter(({ docstring }) => docstring.includes("@category accessors"))

/** Accessors by module and name, each with its overloads. */
const overloads = new Map<string, ReadonlyArray<Documented>>()
for (const accessor of accessors) {
  const name = `${moduleOf(accessor.file)}.${accessor.name}`
  overloads.set(name, [...overloads.get(name) ?? [], accessor])
}

const modules = [...new Set(accessors.map(({ file }) => moduleOf(file)))]

const inIndex = Array.from(
  readFileSync(path.join(src, "index.ts"), "utf8").matchAll(/export \* as (\w+)/g),
  ([, name = ""]) => name
)

/** The modules that are not in the index. */
const apart = ["Cluster", "Requests", "Simulator"]

const text = [
  `import { ${inIndex.join(", ")} } from "effect-lark-meetings"`,
  ...apart.map((name) => `import * as ${name} from "effect-lark-meetings/${name}"`),
  ...[...overloads.keys()].flatMap((name) => [`void [${name}]`, `void ${name}()`]),
  ...[...inIndex, ...apart].map((name) => `void [${name}.]`)
].join(";\n")

describe("an editor", () => {
  let editor: Awaited<ReturnType<typeof start>>

  beforeAll(async () => {
    editor = await start("examples/01-set-host.ts", text)
  })

  afterAll(() => editor.stop())

  const flat = (documentation: string) => documentation.replaceAll(/\s+/g, " ")

  it("knows accessors of every service", () => {
    assert.includeMembers(modules, ["Meetings", "LarkHttp", "OAuth", "UserSessions"])
  })

  it.each([...overloads])("shows the documentation of %s", async (name, declared) => {
    const [first] = declared
    assert(first !== undefined)
    assert.include(flat(await editor.hover(`void [${name}`)), sentenceOf(first.docstring))
    const items = await editor.completions(`void [${name.split(".")[0]}.`)
    const item = items.find(({ label }) => label === first.name)
    assert(item !== undefined, `${name} is not completed`)
    assert.include(flat(await editor.documentation(item)), sentenceOf(first.docstring))
  })

  it.each([...overloads])("shows the documentation of every signature of %s", async (name, declared) => {
    const signatures = await editor.signatures(`void ${name}(`)
    for (const { docstring, isFunction } of declared) {
      if (!isFunction && signatures.length === 0) continue
      assert.isTrue(
        signatures.some((signature) => flat(signature).includes(sentenceOf(docstring))),
        `${sentenceOf(docstring)} is not in ${signatures.join("\n\n")}`
      )
    }
    for (const signature of signatures) assert.match(signature, /\n.*\w/)
  })

  it.each([...inIndex, ...apart])("completes %s with public names only", async (name) => {
    const labels = (await editor.completions(`void [${name}.`)).map(({ label }) => label)
    assert.isNotEmpty(labels)
    // A public name has a docstring with a category. What is internal is not in the declarations that are published.
    const documented = exported.filter(({ docstring, file }) =>
      [name, "internal"].includes(moduleOf(file)) && /@category|@internal/.test(docstring)
    ).map(({ name }) => name)
    assert.deepStrictEqual(labels.filter((label) => !documented.includes(label)), [])
  })
})

/** Settings with a wrong value, and the values that the message has to name. */
const wrong: ReadonlyArray<readonly [program: string, says: string]> = [
  [`Lark.layer({ appId: "", appSecret: secret, brand: "larksuite" })`, `"feishu" | "lark"`],
  [`Cas.Policy.make({ interruption: "wait" })`, `"drain"`],
  [`Cas.Policy.make({ onUnknown: "retry" })`, `"reassert" | "stopIfMoved"`],
  [`Meetings.get(id, { idType: "openId" })`, `"open_id"`],
  [
    `LarkHttp.endpoint({ name: "", path: "", method: "GET", errors: [], token: "tenant" })`,
    `"app" | "either" | "user"`
  ],
  [`Simulator.layer({ faults: [{ endpoint: "get", nth: 0, fault: { _tag: "Dropped" } }] })`, `"DropBefore"`]
]

describe("the message about", () => {
  let messages: ReadonlyArray<{ readonly line: string; readonly message: string }> = []

  beforeAll(async () => {
    const editor = await start(
      "examples/01-set-host.ts",
      [
        `import { Redacted } from "effect"`,
        `import { Cas, Lark, LarkHttp, MeetingId, Meetings } from "effect-lark-meetings"`,
        `import * as Simulator from "effect-lark-meetings/Simulator"`,
        `const secret = Redacted.make("")`,
        `const id = MeetingId.make("6911188411932033028")`,
        ...wrong.map(([program]) => `void ${program}`)
      ].join("\n")
    )
    messages = await editor.diagnostics()
    editor.stop()
  })

  it.each(wrong)("%s names the values", (program, says) => {
    const about = messages.filter(({ line }) => line === `void ${program}`).map(({ message }) => message)
    assert.isTrue(about.some((message) => message.includes(says)), about.join("\n"))
  })
})
