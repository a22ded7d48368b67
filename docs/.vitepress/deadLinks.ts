/** The links of a built site that lead nowhere in it: to no file, or to no heading of a page. */
import { existsSync, globSync, readFileSync } from "node:fs"
import * as path from "node:path"

export const deadLinks = (directory: string, base: string): ReadonlyArray<string> => {
  const pages = new Map(
    globSync("**/*.html", { cwd: directory }).map((file) => {
      const html = readFileSync(path.join(directory, file), "utf8")
      const values = (attribute: string) =>
        Array.from(html.matchAll(new RegExp(` ${attribute}="([^"]+)"`, "g")), ([, value = ""]) => value)
      return [file, { ids: new Set(values("id")), links: [...values("href"), ...values("src")] }] as const
    })
  )
  const isDead = (from: string, link: string) => {
    const { hash, origin, pathname } = new URL(link, `http://site${base}${from}`)
    if (origin !== "http://site") return false
    const file = decodeURIComponent(pathname.slice(base.length)).replace(/(^|\/)$/, "$1index.html")
    if (!pathname.startsWith(base) || !existsSync(path.join(directory, file))) return true
    return hash !== "" && pages.get(file)?.ids.has(decodeURIComponent(hash.slice(1))) !== true
  }
  return Array.from(
    pages,
    ([file, { links }]) => [...new Set(links)].filter((link) => isDead(file, link)).map((link) => `${file}: ${link}`)
  ).flat()
}
