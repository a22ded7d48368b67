/** Prepares the built modules: marks what is pure, and leaves indentation and documentation to the sources and declarations. */
import remapping from "@jridgewell/remapping"
import { encode } from "@jridgewell/sourcemap-codec"
import { globSync, readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
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

/** The spaces before each line, unless they are in a text. */
const indentationsIn = (file: string, source: string) => {
  const texts: Array<Span> = []
  new Visitor({ TemplateLiteral: (text) => texts.push(text) }).visit(parseSync(file, source).program)
  return Array.from(
    source.matchAll(/^ +(?=\S)/gm),
    ({ 0: { length }, index }) => [index, index + length] as const
  )
    .filter(([at]) => !texts.some(({ end, start }) => start < at && at < end))
}

/** The page of the simulator has other sources, which are not published. */
const generated = path.normalize("dist/Simulator/control/page.js")

for (const file of globSync("dist/**/*.js")) {
  const source = readFileSync(file, "utf8")
  const edited = markPure(file, source)
  for (const [start, end] of [...commentsIn(file, source), ...indentationsIn(file, source)]) edited.remove(start, end)
  writeFileSync(file, edited.toString())
  if (file === generated) {
    writeFileSync(`${file}.map`, JSON.stringify({ version: 3, sources: [], mappings: "" }))
    continue
  }

  const maps = [edited.generateDecodedMap({ hires: "boundary" }), JSON.parse(readFileSync(`${file}.map`, "utf8"))]
  const { mappings, sources, version } = remapping(maps, () => null, { decodedMappings: true, excludeContent: true })
  // Where each line begins: the rest would be a tenth of the package.
  const lines = Array.from(
    typeof mappings === "string" ? [] : mappings,
    (line) =>
      line.slice(0, 1).map((segment): typeof segment => segment.length === 1 ? segment : [0, segment[1], segment[2], 0])
  )
  writeFileSync(`${file}.map`, JSON.stringify({ version, sources, mappings: encode(lines) }))
}
