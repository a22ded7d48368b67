/** Prepares the built modules: marks what is pure, indents less, and leaves the documentation to the declarations. */
import remapping from "@jridgewell/remapping"
import { encode } from "@jridgewell/sourcemap-codec"
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { parseSync, type Span, Visitor } from "oxc-parser"
import { markPure } from "./markPure.ts"

/** Where the comments are, with the lines that they have for themselves. */
const commentsIn = (file: string, source: string) =>
  parseSync(file, source).comments
    .filter(({ value }) => !value.startsWith("# sourceMappingURL"))
    .map(({ end, start }) => {
      const line = source.lastIndexOf("\n", start - 1) + 1
      const isAlone = source.slice(line, start).trim() === "" && source[end] === "\n"
      return isAlone ? [line, end + 1] as const : [start, end] as const
    })

/** The half of every indentation, which is four spaces a level, unless it is in a text. */
const halfIndentations = (file: string, source: string) => {
  const texts: Array<Span> = []
  new Visitor({ TemplateLiteral: (text) => texts.push(text) }).visit(parseSync(file, source).program)
  return Array.from(
    source.matchAll(/^ {2,}(?=\S)/gm),
    ({ 0: { length }, index }) => [index, index + (length >> 1)] as const
  )
    .filter(([at]) => !texts.some(({ end, start }) => start < at && at < end))
}

for (const file of globSync("dist/**/*.js")) {
  const source = readFileSync(file, "utf8")
  const edited = markPure(file, source)
  for (const [start, end] of [...commentsIn(file, source), ...halfIndentations(file, source)]) edited.remove(start, end)
  writeFileSync(file, edited.toString())

  const maps = [edited.generateDecodedMap({ hires: "boundary" }), JSON.parse(readFileSync(`${file}.map`, "utf8"))]
  const { mappings, sources, version } = remapping(maps, () => null, { decodedMappings: true, excludeContent: true })
  // Lines only: with columns the maps would be a sixth of the package.
  const lines = Array.from(
    typeof mappings === "string" ? [] : mappings,
    (line) => line.filter(([, , at], index) => at !== line[index - 1]?.[2])
  )
  writeFileSync(`${file}.map`, JSON.stringify({ version, sources, names: [], mappings: encode(lines) }))
}
