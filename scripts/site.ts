/** Writes what VitePress builds the site from: the pages, with the links of the site, and what is generated. */
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { groups, pageOf, staged, translationOf } from "../docs/.vitepress/sidebar.ts"
import { reference } from "./reference.ts"

const root = path.join(import.meta.dirname, "..")

const listed = groups.flatMap(({ pages }) => pages.flatMap(([source]) => [source, translationOf(source)]))
const sources = globSync(["*.md", "docs/**/*.md"], { cwd: root })
const unlisted = sources.filter((source) => !listed.includes(source))
if (unlisted.length > 0) {
  throw new Error(`In no sidebar: ${unlisted.join(", ")}. List them in docs/.vitepress/sidebar.ts.`)
}
const examples = globSync("examples/*.ts", { cwd: root })

const write = (page: string, content: string) => {
  const file = path.join(staged, page)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, content)
}

/** A link of a file in the repository, as a link of its page. A file that is no page is published as it is. */
const linkOf = (source: string, link: string) => {
  const [file = "", ...anchor] = link.split(/(?=#)/)
  const target = path.posix.join(path.posix.dirname(source), file)
  if (/^(#|[a-z]+:)/.test(link)) return link
  if (sources.includes(target) || examples.includes(target)) {
    return [path.posix.relative(path.posix.dirname(pageOf(source)), pageOf(target)), ...anchor].join("")
  }
  if (!existsSync(path.join(root, target))) throw new Error(`${source} links ${link}, which does not exist`)
  cpSync(path.join(root, target), path.join(staged, "public", target), { recursive: true })
  return `/${target}`
}

rmSync(staged, { recursive: true, force: true })

for (const source of sources) {
  const page = readFileSync(path.join(root, source), "utf8").split(/(^```[\s\S]*?^```$)/m).map((part) =>
    part.startsWith("```")
      ? part
      : part.replaceAll(/\]\(([^)\s]+)\)/g, (_, link: string) => `](${linkOf(source, link)})`)
  )
  write(pageOf(source), page.join(""))
}

const code = (source: string, options = "") =>
  `# ${path.basename(source)}\n\n\`\`\`ts${options}\n${readFileSync(path.join(root, source), "utf8")}\`\`\`\n`

for (const source of examples) write(pageOf(source), code(source))

const { pages, sources: documented } = reference()
for (const [page, content] of pages) write(page, content)
for (const source of documented) {
  const frontmatter = "---\nsearch: false\naside: false\npageClass: source\n---\n"
  write(pageOf(`src/${source}`), frontmatter + code(`src/${source}`, ":line-numbers"))
}
