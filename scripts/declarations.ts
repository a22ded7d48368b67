/**
 * Removes the built declarations that none of the public ones leads to, which no program can name, and the parts of their
 * maps that no editor uses.
 */
import { decode, encode } from "@jridgewell/sourcemap-codec"
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as path from "node:path"

const reached = new Set<string>()

const reach = (file: string): void => {
  if (reached.has(file) || !existsSync(file)) return
  reached.add(file)
  for (const [, target = ""] of readFileSync(file, "utf8").matchAll(/(?:from |import\(|import )"(\.[^"]+)\.[jt]s"/g)) {
    reach(path.join(path.dirname(file), `${target}.d.ts`))
  }
}

/** What is declared in a line: an editor goes from there to the sources. */
const declared =
  /^\s*(?:(?:export|declare|abstract|static|readonly|get|set|const|class|function|interface|type|namespace) )*([\w$]+)/d

/** Keeps the beginning of each line that declares something, and its name. The rest would be four times as much. */
const thin = (file: string): void => {
  const lines = readFileSync(file, "utf8").split("\n")
  const { mappings: all, sources, version } = JSON.parse(readFileSync(`${file}.map`, "utf8"))
  const mappings = decode(all).map((segments, index) => {
    const [name] = declared.exec(lines[index] ?? "")?.indices?.[1] ?? []
    return name === undefined ? [] : segments.filter(([column], position) => position === 0 || column === name)
  })
  writeFileSync(`${file}.map`, JSON.stringify({ version, sources, mappings: encode(mappings) }))
}

for (const file of globSync("dist/*.d.ts")) reach(file)
for (const file of globSync("dist/**/*.d.ts")) {
  if (reached.has(file)) {
    thin(file)
    continue
  }
  rmSync(file)
  rmSync(`${file}.map`, { force: true })
}
