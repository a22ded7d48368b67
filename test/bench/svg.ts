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

/** An axis whose labels are bold where they begin with "ours". */
export const boldOurs: vega.AxisEncode = {
  labels: { update: { fontWeight: { signal: "indexof(datum.value, 'ours') == 0 ? 'bold' : 'normal'" } } }
}

// An SVG in an <img> sees the reader's colour scheme, but no style sheet of the page: it brings its own background.
const style = "<style>svg{font:12px sans-serif;color:#1f2328;background:#fff}text{fill:currentColor}"
  + "line{stroke:currentColor}@media (prefers-color-scheme:dark){svg{color:#e6edf3;background:#0d1117}}</style>"

/** Without what an image does not need: names for scripts, empty shapes and groups, defaults, tiny fractions. */
const slim = (svg: string): string => {
  const kept: Array<boolean> = []
  return svg
    .replaceAll(/<path class="(?:background|foreground)"[^>]*\/>/g, "")
    .replaceAll(/ (?:class|role|aria-[a-z]+|pointer-events|font-family|version|xmlns:xlink)="[^"]*"/g, "")
    .replaceAll(
      / (?:(?:opacity|stroke-width)="1"|(?:fill|stroke)="currentColor"|[xy]2="0"|font-size="12px"|text-anchor="start")/g,
      ""
    )
    .replaceAll(" transform=\"translate(0,0)\"", "")
    .replaceAll(/\d+\.\d{3,}/g, (number) => String(Number(Number(number).toFixed(1))))
    .replaceAll(/<g( [^>]*)?>|<\/g>/g, (tag, attributes?: string) => {
      if (tag === "</g>") return kept.pop() === true ? tag : ""
      kept.push(attributes !== undefined)
      return attributes === undefined ? "" : tag
    })
}

/** Writes a figure to docs/figures, and returns its place. */
export const write = async (file: string, specification: vega.Spec): Promise<string> => {
  const place = path.join("docs/figures", file)
  const svg = await new vega.View(vega.parse(specification), { renderer: "none" }).toSVG()
  await fs.mkdir(path.join(root, "docs/figures"), { recursive: true })
  await fs.writeFile(path.join(root, place), `${slim(svg).replace(/^<svg[^>]*>/, `$&${style}`)}\n`)
  return place
}
