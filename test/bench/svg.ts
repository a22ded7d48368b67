/**
 * Figures of the pages, as SVG that follows the reader's light or dark mode.
 */
import * as fs from "node:fs/promises"
import * as path from "node:path"
import * as vega from "vega"

const root = path.join(import.meta.dirname, "../..")

export const text = { labelColor: "currentColor", titleColor: "currentColor", labelFontSize: 12, titleFontSize: 13 }

export const lined = {
  domainColor: "currentColor",
  tickColor: "currentColor",
  gridColor: "currentColor",
  gridOpacity: 0.15
}

// An SVG in an <img> sees the reader's colour scheme, but no style sheet of the page: it brings its own background.
const style = "<style>svg{color:#1f2328;background:#fff}"
  + "@media (prefers-color-scheme:dark){svg{color:#e6edf3;background:#0d1117}}</style>"

/** Writes a figure to docs/figures, and returns its place. */
export const write = async (file: string, specification: vega.Spec): Promise<string> => {
  const place = path.join("docs/figures", file)
  const svg = await new vega.View(vega.parse(specification), { renderer: "none" }).toSVG()
  await fs.mkdir(path.join(root, "docs/figures"), { recursive: true })
  await fs.writeFile(path.join(root, place), `${svg.replace(/^<svg[^>]*>/, `$&${style}`)}\n`)
  return place
}
