/** Prepares the built modules: marks what is pure, and leaves the documentation to the declarations. */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { parseSync } from "oxc-parser"
import { markPure } from "./markPure.ts"

const withoutComments = (file: string, source: string): string =>
  parseSync(file, source).comments.reduceRight((text, { end, start }) => {
    const line = text.lastIndexOf("\n", start - 1) + 1
    const isAlone = text.slice(line, start).trim() === "" && text[end] === "\n"
    return isAlone ? text.slice(0, line) + text.slice(end + 1) : text.slice(0, start) + text.slice(end)
  }, source)

for (const file of globSync("dist/**/*.js")) {
  writeFileSync(file, markPure(file, withoutComments(file, readFileSync(file, "utf8"))))
}
