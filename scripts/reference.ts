/**
 * The reference of the site: a page for each public module, from the docstrings and the declarations that the compiler emits.
 *
 * TypeDoc wants an older TypeScript with an API, and writes ten pages where one is read; `@effect/docgen` wants TypeScript 5.
 */
import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { pageOf } from "../docs/.vitepress/sidebar.ts"
import { type Exported, publicExports } from "./publicExports.ts"

const root = path.join(import.meta.dirname, "..")
const src = path.join(root, "src")

/** Read first, in this order; the other categories follow in the order of the source. */
const first = ["accessors", "running", "constructors", "layers", "combinators", "policies", "services"]

/** Modules that the index does not export. */
const apart = ["Cluster", "Requests", "Simulator"]

const tagOf = (docstring: string, tag: string) => new RegExp(`@${tag} (.*)`).exec(docstring)?.[1] ?? ""

const markdownOf = (docstring: string) =>
  docstring.split("\n").map((line) => line.replace(/^\s*\*? ?/, "")).filter((line) => !/^@\w+ /.test(line)).join("\n")
    .trim()

/** The types of private modules lose their path, those of public ones become members of their namespace. */
const named = (declaration: string, file: string) =>
  declaration.replaceAll(/import\("(\.[^"]*)\.ts"\)\./g, (_, specifier: string) => {
    const target = path.join(path.dirname(file), specifier)
    return target.includes(path.sep) || file.startsWith(target) ? "" : `${target}.`
  })

/** A declaration as one reads it: without `export`, and with the base of a class in its place. */
const signature = (text: string) => {
  const [, head, base, body, type] =
    /^([^{]* extends )(\w+_base)\s*(\{[\s\S]*?\})\s*declare const \2: (?!new\b)([\s\S]*)$/.exec(text) ?? []
  return (base === undefined ? text : `${head?.replace(/\s+extends /, " extends ")}${type} ${body}`)
    .replaceAll(/^(export )?(declare )?/gm, "").replace(/\{\n\}$/, "{}")
}

/** How a function, an effect or a layer fails, by the tags of its errors. A type parameter for errors hides them. */
const probe = (exported: ReadonlyArray<Exported>) => {
  const modules = [...new Set(exported.map(({ module }) => module))]
  const errors = exported.flatMap(({ isType, module, name, text, docstring }) => {
    const tagged = (type: string) => [[`${module}_${name}`, `export const ${module}_${name} = tag<${type}>()`]] as const
    if (!isType) return tagged(`Fails<typeof ${module}.${name}>`)
    const isError = tagOf(docstring, "category").endsWith("errors") || name.endsWith("Error")
    if (!isError || !text.startsWith("export type")) return []
    const [, parameters = ""] = /^export type \w+(<.*?>)? =/.exec(text) ?? []
    if (/^<\w+ extends (?:MeetingUser\.)?IdType>$/.test(parameters)) {
      return tagged(`${module}.${name}<"open_id">`)
    }
    return parameters === "" ? tagged(`${module}.${name}`) : []
  })
  return `
    import type { Effect } from "effect/Effect"
    import type { Layer } from "effect/Layer"
    import type { Stream } from "effect/Stream"
    ${modules.map((name) => `import type * as ${name} from "${src}/${name}.ts"`).join("\n")}
    type Fails<T> = T extends (...args: never) => infer R ? Fails<R>
      : T extends Effect<unknown, infer E, infer _> ? E
      : T extends Stream<unknown, infer E, infer _> ? E
      : T extends Layer<never, infer E, infer _> ? E
      : never
    type Tag<E> = E extends { readonly _tag: infer T } ? T : never
    declare const tag: <E>() => Tag<E>
    ${[...new Map(errors).values()].join("\n")}
  `
}

interface Declared {
  readonly exported: ReadonlyArray<Exported>
  /** By `module.name`, the tags of its errors. */
  readonly errors: ReadonlyMap<string, ReadonlyArray<string>>
}

/** What the compiler declares for `src`. */
const declared = (): Declared => {
  const directory = path.join(root, "node_modules/.cache/reference")
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const run = (program: string, ...args: ReadonlyArray<string>) => {
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [path.join(root, "node_modules", program), ...args],
      {
        cwd: directory,
        encoding: "utf8"
      }
    )
    if (status !== 0) throw new Error(`${program} failed\n${stdout}${stderr}`)
  }
  const write = (file: string, content: string | object) =>
    writeFileSync(path.join(directory, file), typeof content === "string" ? content : JSON.stringify(content))

  write("probe.ts", probe(publicExports(src).filter(({ docstring }) => !docstring.includes("@internal"))))
  write("tsconfig.json", {
    extends: path.join(root, "tsconfig.build.json"),
    compilerOptions: {
      emitDeclarationOnly: true,
      declarationMap: false,
      noUnusedLocals: false,
      rootDir: root,
      outDir: "out"
    },
    include: ["probe.ts", path.join(src, "*.ts")]
  })
  run("typescript/bin/tsc", "--project", ".")
  const out = path.join(directory, "out/src")
  for (const file of globSync("**/*.d.ts", { cwd: out })) {
    const declaration = path.join(out, file)
    writeFileSync(declaration, named(readFileSync(declaration, "utf8"), file))
  }
  write("dprint.json", {
    lineWidth: 90,
    indentWidth: 2,
    typescript: { semiColons: "asi", trailingCommas: "never", operatorPosition: "maintain" },
    includes: ["out/**/*.ts"],
    plugins: [path.join(root, "node_modules/@dprint/typescript/plugin.wasm")]
  })
  run("dprint/bin.cjs", "fmt", "--allow-node-modules")
  const tags = readFileSync(path.join(directory, "out", path.relative(root, directory), "probe.d.ts"), "utf8")
  return {
    exported: publicExports(out),
    errors: new Map(Array.from(
      tags.matchAll(/const (\w+?)_(\w+):([\s\S]*?)(?=\nexport|$)/g),
      ([, module, name, union = ""]) =>
        [`${module}.${name}`, Array.from(union.matchAll(/"(\w+)"/g), ([, tag = ""]) => tag)] as const
    ))
  }
}

const capital = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`

const fence = (code: string) => `\`\`\`ts\n${code}\n\`\`\``

const grouped = <A>(items: ReadonlyArray<A>, keyOf: (item: A) => string) => {
  const groups = new Map<string, Array<A>>()
  for (const item of items) groups.set(keyOf(item), [...groups.get(keyOf(item)) ?? [], item])
  return groups
}

const rank = (category: string) => (first.indexOf(category) + 1) || first.length + 1

interface Reference {
  /** The files whose lines the pages link. */
  readonly sources: ReadonlyArray<string>
  /** By path, in Markdown. */
  readonly pages: ReadonlyMap<string, string>
}

export const reference = (): Reference => {
  const { errors, exported } = declared()
  const keyOf = ({ isType, module, name }: Exported) => `${module}.${name} ${isType}`
  const inSource = grouped(publicExports(src), keyOf)
  const places = exported.map((each, index) => {
    const before = exported.slice(0, index).filter((other) => keyOf(other) === keyOf(each)).length
    const source = inSource.get(keyOf(each))?.[before]
    if (source === undefined) throw new Error(`${keyOf(each)} is declared, and not in src`)
    return { ...each, file: source.file, line: source.line }
  })

  const classes = new Map(
    exported.filter(({ isType, text }) => !isType && text.startsWith("export declare class")).flatMap((each) =>
      ["", each.module].map((prefix) => [`${prefix}${each.name}`, each] as const)
    )
  )
  const generic = errors.get("LarkError.GenericError") ?? []
  const failures = (key: string) => {
    const tags = errors.get(key) ?? []
    const isGeneric = key !== "LarkError.GenericError" && generic.every((tag) => tags.includes(tag))
    const links = tags.filter((tag) => !isGeneric || !generic.includes(tag)).map((tag) => {
      const of = classes.get(tag)
      return of === undefined ? `\`${tag}\`` : `[\`${tag}\`](${of.module}.md#${of.module}.${of.name})`
    })
    const all = isGeneric ? [...links, "every [`GenericError`](LarkError.md#LarkError.GenericError)"] : links
    return all.length === 0 ? [] : [`**Errors**: ${all.join(", ")}.`]
  }

  const entry = (name: string, declarations: typeof places) =>
    [
      `### ${name} {:#${declarations[0]?.module}.${name}:}`,
      ...declarations.flatMap((each) => [markdownOf(each.docstring), fence(signature(each.text))]),
      ...failures(`${declarations[0]?.module}.${name}`),
      declarations.map(({ docstring, file, line }) =>
        `<small>${tagOf(docstring, "stability")} · [src/${file}:${line}](../${
          pageOf(`src/${file}`)
        }#line-${line})</small>`
      ).filter((text, index, all) => all.indexOf(text) === index).join("<br>")
    ].join("\n\n")

  const headers = new Map<string, string>()
  const pages = Array.from(grouped(places, ({ module }) => module), ([module, names]) => {
    const header = markdownOf(
      /^\/\*\*([\s\S]*?)\*\//.exec(readFileSync(path.join(src, `${module}.ts`), "utf8"))?.[1] ?? ""
    )
    headers.set(module, header)
    const categories = Array.from(
      grouped(
        Array.from(grouped(names, ({ name }) => name)),
        ([, [declaration]]) => tagOf(declaration?.docstring ?? "", "category")
      )
    ).toSorted(([one], [other]) => rank(one) - rank(other))
    const page = [
      `# ${module}`,
      fence(
        apart.includes(module)
          ? `import * as ${module} from "effect-lark-meetings/${module}"`
          : `import { ${module} } from "effect-lark-meetings"`
      ),
      header,
      ...categories.flatMap(([category, entries]) => [
        `## ${capital(category)} {:#category-${category.replaceAll(" ", "-")}:}`,
        ...entries.toSorted(([one], [other]) => one.localeCompare(other)).map(([name, each]) => entry(name, each))
      ])
    ]
    return [`reference/${module}.md`, `${page.join("\n\n")}\n`] as const
  })

  const index = [
    "# Reference",
    "Every public name, from the documentation in the sources.",
    [
      "| module | |",
      "| --- | --- |",
      ...Array.from(
        headers,
        ([module, header]) => `| [\`${module}\`](${module}.md) | ${header.split("\n\n")[0]?.replaceAll("\n", " ")} |`
      )
    ].join("\n")
  ]
  return {
    sources: [...new Set(places.map(({ file }) => file))],
    pages: new Map([["reference/index.md", `${index.join("\n\n")}\n`], ...pages])
  }
}
