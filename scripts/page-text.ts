import { transformSync } from "esbuild"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"

const read = (extension: string) =>
  readFileSync(new URL(`../src/Simulator/page/page.${extension}`, import.meta.url), "utf8")

const hashOf = (text: string) => `sha256-${createHash("sha256").update(text).digest("base64")}`

/** The module with the page of the simulator as one text, and the hashes of its style and its script. */
export const pageText = (): string => {
  const minified = (loader: "css" | "ts") =>
    transformSync(read(loader), { loader, minify: true, format: "esm", target: "es2022", legalComments: "none" }).code
      .trim()
  const style = minified("css")
  const script = minified("ts")
  const html = read("html").replaceAll(/\n\s*/g, "")
    .replace("<style></style>", () => `<style>${style}</style>`)
    .replace("<script></script>", () => `<script type="module">${script}</script>`)
  return `// \`npm run page\` makes this of ../page.

export const styleHash = ${JSON.stringify(hashOf(style))}

export const scriptHash = ${JSON.stringify(hashOf(script))}

export const html =
  ${JSON.stringify(html)}
`
}
